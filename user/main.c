// SPDX-License-Identifier: GPL-2.0-only
/* tcpwhy says why TCP connections die. Here is its table of contents. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "completions.h"
#include "explain.h"
#include "join.h"
#include "kernel_btf.h"
#include "options.h"
#include "render_text.h"
#include "replay.h"
#include "terminal.h"
#include "terminfo.h"
#include "watch.h"

static int show_verdicts(const struct options *options, struct failure *why)
{
	(void)options;
	(void)why;
	text_verdicts(stdout);
	return EXIT_OK;
}

static int show_completions(const struct options *options, struct failure *why)
{
	if (completions_print(stdout, options->completions, why))
		return -1;
	if (fflush(stdout))
		return failed(why, EXIT_OUTPUT, "cannot write to stdout: %s", strerror(errno));
	return EXIT_OK;
}

/* What cannot work is said before anything is loaded. */
static int top(const struct options *options, struct failure *why)
{
	return terminfo_check(why) ? -1 : watch(options, why);
}

/* An exit status, or -1 and *why. */
static int (*const commands[])(const struct options *options, struct failure *why) = {
	[COMMAND_WATCH] = watch,
	[COMMAND_TOP] = top,
	[COMMAND_VERDICTS] = show_verdicts,
	[COMMAND_COMPLETIONS] = show_completions,
	[COMMAND_CHECK] = check,
	[COMMAND_RECORD] = watch,
	[COMMAND_REPLAY] = replay,
	[COMMAND_EXPLAIN] = explain,
	[COMMAND_JOIN] = join,
};

int main(int argc, char **argv)
{
	struct options options;
	struct failure why;
	int status = options_parse(&options, argc, argv, &why);

	if (!status) {
		terminal_set_colors(options.color);
		kernel_btf_use(options.btf);
		status = commands[options.command](&options, &why);
	}
	if (status >= 0)
		return status;
	fprintf(stderr, "tcpwhy: %s\n", why.text);
	return why.status;
}
