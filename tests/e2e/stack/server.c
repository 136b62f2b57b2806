// SPDX-License-Identifier: GPL-2.0-only
/* server PORT [SECONDS] : closes with unread data in drop_client(), then lives that long. */
#include "server.h"

static __attribute__((noinline)) int drop_client(int fd)
{
	int err = close(fd); /* here it is dropped */

	return err - 1; /* so that this is no tail call */
}

static __attribute__((noinline)) int serve(const char *port)
{
	return drop_client(accept_with_data(port)) - 1;
}

int main(int argc, char **argv)
{
	int err = serve(argv[1]);

	if (argc > 2)
		sleep(atoi(argv[2]));
	return err != -2;
}
