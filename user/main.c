// SPDX-License-Identifier: GPL-2.0-only
/* tcpwhy says why TCP connections die. Here is its table of contents. */
#include <stdio.h>

#include "options.h"
#include "render_text.h"
#include "terminal.h"
#include "watch.h"

int main(int argc, char **argv)
{
	struct options options;
	struct failure why;
	int status = options_parse(&options, argc, argv, &why);

	if (!status)
		terminal_set_colors(options.color);
	if (!status && options.command == COMMAND_VERDICTS)
		text_verdicts(stdout);
	else if (!status)
		status = watch(&options, &why);
	if (status >= 0)
		return status;
	fprintf(stderr, "tcpwhy: %s\n", why.text);
	return why.status;
}
