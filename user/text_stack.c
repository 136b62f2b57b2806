// SPDX-License-Identifier: GPL-2.0-only
#include "text_stack.h"

#include <inttypes.h>
#include <string.h>

#include "escape.h"

#define HEAD_INDENT  14
#define FRAME_INDENT 18

static void put_name(FILE *out, const char *name)
{
	char escaped[ESCAPED_SIZE(FRAME_NAME_MAX)];

	escape_utf8(escaped, sizeof(escaped), name, FRAME_NAME_MAX);
	fputs(escaped, out);
}

/* "function  file:line", or where it is in which file, and of what build if that is all. */
static void text_user_frame(FILE *out, const struct frame *f)
{
	fprintf(out, "%*s", FRAME_INDENT, "");
	put_name(out, f->function ? f->function : "?");
	fputs("  ", out);
	if (f->source) {
		put_name(out, f->source);
		fprintf(out, ":%u", f->line);
	} else if (f->object || *f->build_id) {
		put_name(out, f->object ? f->object : "a file");
		fprintf(out, "+0x%" PRIx64, f->offset);
	} else {
		fprintf(out, "0x%" PRIx64, f->address);
	}
	if (!f->function && *f->build_id)
		fprintf(out, "  build id %s", f->build_id);
	fputc('\n', out);
}

/* "function+0x12  [module]" */
static void text_kernel_frame(FILE *out, const struct frame *f)
{
	fprintf(out, "%*s", FRAME_INDENT, "");
	if (!f->function) {
		fprintf(out, "?  0x%" PRIx64 "\n", f->address);
		return;
	}
	put_name(out, f->function);
	fprintf(out, "+0x%" PRIx64, f->offset);
	if (f->object)
		fprintf(out, "  [%s]", f->object);
	fputc('\n', out);
}

void text_stacks(FILE *out, const struct call_stack *stack)
{
	if (stack->user_n)
		fprintf(out, "%*s%s\n", HEAD_INDENT, "",
			stack->moment == STACK_AT_EVENT ? "in this call of the process:"
							: "the last to send was:");
	for (size_t i = 0; i < stack->user_n; i++)
		text_user_frame(out, &stack->user[i]);
	if (stack->kernel_n)
		fprintf(out, "%*sin the kernel:\n", HEAD_INDENT, "");
	for (size_t i = 0; i < stack->kernel_n; i++)
		text_kernel_frame(out, &stack->kernel[i]);
}

void format_folded(char *out, size_t size, const struct frame *frames, size_t n)
{
	size_t used = 0;

	*out = '\0';
	while (n-- && used + 2 < size) {
		const char *name = frames[n].function ? frames[n].function : "?";

		escape_utf8(out + used, size - used - 1, name, FRAME_NAME_MAX);
		used += strlen(out + used);
		if (n)
			out[used++] = ';';
		out[used] = '\0';
	}
}
