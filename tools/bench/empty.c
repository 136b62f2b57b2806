// SPDX-License-Identifier: GPL-2.0-only
/* Attaches the empty program until a signal comes. */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "empty.skel.h"

int main(void)
{
	struct empty *skel;
	sigset_t signals;
	int signal;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	skel = empty__open_and_load();
	if (!skel || empty__attach(skel))
		err(1, "cannot attach the empty program");
	fprintf(stderr, "empty: watching\n");
	sigwait(&signals, &signal);
	empty__destroy(skel);
	return 0;
}
