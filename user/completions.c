// SPDX-License-Identifier: GPL-2.0-only
#include "completions.h"

#include <argp.h>
#include <stdbool.h>
#include <string.h>

#include "array.h"
#include "fields.h"
#include "kernel.h"
#include "options.h"
#include "verdict.h"

/* ---- what may be given ------------------------------------------------------------------- */

static const char *verdict_word(unsigned int i)
{
	return i < VERDICT_COUNT ? verdict_text(i)->name : NULL;
}

static const char *feature_word(unsigned int i)
{
	return i < FEATURE_COUNT ? feature_name(i) : NULL;
}

static const char *field_word(unsigned int i)
{
	return i < field_count() ? field_name(i) : NULL;
}

static const char *shell_word(unsigned int i);

/* An argument, by its name in the table of options: words of ours, or what a shell finds out, or
 * nothing (a number). */
struct argument {
	const char *name;
	const char *(*word)(unsigned int i); /* NULL behind the last */
	const char *bash;                    /* sets words, or COMPREPLY */
	const char *zsh, *fish;              /* an action of _arguments; a command */
};

static const struct argument arguments[] = {
	{ .name = "PID",
	  .bash = "words=$(cd /proc && echo [0-9]*)",
	  .zsh = "_tcpwhy_pids",
	  .fish = "__fish_complete_pids" },
	{ .name = "CGROUP",
	  .bash = "mapfile -t COMPREPLY < <(cd /sys/fs/cgroup && compgen -d -- \"$cur\")",
	  .zsh = "_files -/ -W /sys/fs/cgroup",
	  .fish = "__tcpwhy_cgroups" },
	{ .name = "NETNS",
	  .bash = "words=$(ls /run/netns 2>/dev/null)",
	  .zsh = "_files -W /run/netns",
	  .fish = "command ls /run/netns 2>/dev/null" },
	{ .name = "FILE",
	  .bash = "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); compopt -o filenames",
	  .zsh = "_files",
	  .fish = "__fish_complete_path (__tcpwhy_given)" },
	{ .name = "VERDICT", .word = verdict_word },
	{ .name = "FEATURE", .word = feature_word },
	{ .name = "FIELD", .word = field_word },
	{ .name = "FORMAT", .word = format_word },
	{ .name = "WHEN", .word = when_word },
	{ .name = "SHELL", .word = shell_word },
	{ .name = "ADDRESS" },
	{ .name = "N" },
	{ .name = "NETWORK" },
	{ .name = "PORT" },
	{ .name = "SECONDS" },
	{ .name = "SIZE" },
};

static bool is_list(const char *name)
{
	return strchr(name, ',');
}

/* NULL: it is not known. */
static const struct argument *find_argument(const char *name)
{
	size_t len = strcspn(name, ",");

	for (size_t i = 0; i < ARRAY_SIZE(arguments); i++)
		if (strlen(arguments[i].name) == len && !strncmp(arguments[i].name, name, len))
			return &arguments[i];
	return NULL;
}

bool completions_know(const char *argument)
{
	return find_argument(argument);
}

/* ---- the table of options ---------------------------------------------------------------- */

/* What argp adds to it. */
static const struct argp_option by_argp[] = {
	{ "help", '?', 0, 0, "Give this help list", 0 },
	{ "usage", 0, 0, 0, "Give a short usage message", 0 },
	{ "version", 'V', 0, 0, "Print program version", 0 },
	{ 0 },
};

typedef void print_option_fn(FILE *out, const struct argp_option *option);

static void each_in(const struct argp_option *table, FILE *out, print_option_fn *print)
{
	for (; table->name || table->key || table->doc; table++)
		if (table->name && !(table->flags & OPTION_HIDDEN))
			print(out, table);
}

static void each_option(FILE *out, print_option_fn *print)
{
	each_in(option_table(), out, print);
	each_in(by_argp, out, print);
}

/* Its letter, or 0. '?' is one that shells take for a pattern. */
static char letter(const struct argp_option *option)
{
	return option->key > ' ' && option->key < 0x7f && option->key != '?' ? option->key : 0;
}

static bool is_optional(const struct argp_option *option)
{
	return option->flags & OPTION_ARG_OPTIONAL;
}

/* With a blank before each. */
static void print_words(FILE *out, const char *(*word)(unsigned int i))
{
	for (unsigned int i = 0; word(i); i++)
		fprintf(out, " %s", word(i));
}

static void print_subcommands(FILE *out)
{
	const char *argument;

	for (unsigned int i = 0; subcommand_word(i, &argument); i++)
		fprintf(out, " %s", subcommand_word(i, &argument));
}

/* What --help says, up to a semicolon, for between single quotes: with quote instead of each of
 * those. */
static void print_description(FILE *out, const char *doc, const char *quote)
{
	for (; *doc && *doc != ';'; doc++) {
		if (*doc == '\'')
			fputs(quote, out);
		else
			putc(*doc, out);
	}
}

/* ---- bash -------------------------------------------------------------------------------- */

static void bash_words(FILE *out, const struct argument *argument)
{
	if (argument && argument->word) {
		fputs("words='", out);
		print_words(out, argument->word);
		putc('\'', out);
	} else {
		fputs(argument && argument->bash ? argument->bash : ":", out);
	}
}

static void bash_name(FILE *out, const struct argp_option *option)
{
	fprintf(out, " --%s%s", option->name, option->arg ? "=" : "");
}

/* What follows the option, or, if that need not be, the = behind it. */
static void bash_option(FILE *out, const struct argp_option *option)
{
	if (!option->arg)
		return;
	fprintf(out, "\t--%s=", option->name);
	if (!is_optional(option))
		fprintf(out, " | --%s", option->name);
	if (letter(option))
		fprintf(out, " | -%c", letter(option));
	fputs(") ", out);
	bash_words(out, find_argument(option->arg));
	fprintf(out, "%s ;;\n", is_list(option->arg) ? "; list=yes" : "");
}

static void bash_subcommands(FILE *out)
{
	const char *name, *argument;

	for (unsigned int i = 0; (name = subcommand_word(i, &argument)); i++) {
		fprintf(out, "\t\t*' %s '*) ", name);
		bash_words(out, argument ? find_argument(argument) : NULL);
		fputs(" ;;\n", out);
	}
	fputs("\t\t*) words='", out);
	print_subcommands(out);
	fputs("' ;;\n", out);
}

static const char bash_begin[] = "_tcpwhy()\n"
				 "{\n"
				 "\tlocal cur=${COMP_WORDS[COMP_CWORD]} "
				 "option=${COMP_WORDS[COMP_CWORD - 1]} words='' list='' i\n"
				 "\tCOMPREPLY=()\n"
				 "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
				 "\t\t[[ ${COMP_WORDS[i]} == -- ]] || continue\n"
				 "\t\tif declare -F _command_offset >/dev/null; then\n"
				 "\t\t\t_command_offset $((i + 1))\n"
				 "\t\telif ((i + 1 == COMP_CWORD)); then\n"
				 "\t\t\tmapfile -t COMPREPLY < <(compgen -c -- \"$cur\")\n"
				 "\t\telse\n"
				 "\t\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
				 "\t\tfi\n"
				 "\t\treturn\n"
				 "\tdone\n"
				 "\t# bash takes --option=value for three words\n"
				 "\tif [[ $cur == = ]]; then\n"
				 "\t\tcur='' option+='='\n"
				 "\telif [[ $option == = ]]; then\n"
				 "\t\toption=${COMP_WORDS[COMP_CWORD - 2]}=\n"
				 "\tfi\n"
				 "\tcase $option in\n";

static const char bash_end[] = "'\n"
			       "\t\t;;\n"
			       "\tesac\n"
			       "\t[[ -z $words ]] || mapfile -t COMPREPLY < <(\n"
			       "\t\tif [[ $list && $cur == *,* ]]; then\n"
			       "\t\t\tcompgen -P \"${cur%,*},\" -W \"$words\" -- \"${cur##*,}\"\n"
			       "\t\telse\n"
			       "\t\t\tcompgen -W \"$words\" -- \"$cur\"\n"
			       "\t\tfi\n"
			       "\t)\n"
			       "\t[[ -z $list && ${COMPREPLY-} != *= ]] || compopt -o nospace\n"
			       "}\n"
			       "complete -F _tcpwhy tcpwhy\n";

static void print_bash(FILE *out)
{
	fputs(bash_begin, out);
	each_option(out, bash_option);
	fputs("\t*)\n"
	      "\t\tcase \" ${COMP_WORDS[*]:1:COMP_CWORD - 1} \" in\n",
	      out);
	bash_subcommands(out);
	fputs("\t\tesac\n"
	      "\t\t[[ $cur != -* ]] || words='",
	      out);
	each_option(out, bash_name);
	fputs(bash_end, out);
}

/* ---- zsh --------------------------------------------------------------------------------- */

static void zsh_action(FILE *out, const char *name)
{
	const struct argument *argument = find_argument(name);

	if (!argument || (!argument->word && !argument->zsh)) {
		putc(' ', out);
	} else if (!argument->word) {
		fprintf(out, "%s%s", is_list(name) ? "_sequence " : "", argument->zsh);
	} else {
		fprintf(out, "%scompadd -", is_list(name) ? "_sequence " : "");
		print_words(out, argument->word);
	}
}

/* text: as it is written; arg: what may stand before its argument */
static void zsh_spec(FILE *out, const struct argp_option *option, const char *text, const char *arg)
{
	fputs("\t\t'", out);
	if (letter(option))
		fprintf(out, "(-%c --%s)", letter(option), option->name);
	fprintf(out, "%s%s[", text, option->arg ? arg : "");
	print_description(out, option->doc, "'\\''");
	putc(']', out);
	if (option->arg) {
		fprintf(out, "%s%.*s:", is_optional(option) ? "::" : ":",
			(int)strcspn(option->arg, ","), option->arg);
		zsh_action(out, option->arg);
	}
	fputs("' \\\n", out);
}

static void zsh_option(FILE *out, const struct argp_option *option)
{
	char text[64];

	if (letter(option)) {
		snprintf(text, sizeof(text), "-%c", letter(option));
		zsh_spec(out, option, text, "+");
	}
	snprintf(text, sizeof(text), "--%s", option->name);
	zsh_spec(out, option, text, is_optional(option) ? "=-" : "=");
}

static void zsh_subcommands(FILE *out)
{
	const char *name, *argument;

	fputs("_tcpwhy_argument()\n{\n\tcase ${words[2,CURRENT - 1]} in\n", out);
	for (unsigned int i = 0; (name = subcommand_word(i, &argument)); i++) {
		if (!argument)
			continue;
		fprintf(out, "\t*%s*) ", name);
		zsh_action(out, argument);
		fputs(" ;;\n", out);
	}
	fputs("\tesac\n}\n", out);
}

static const char zsh_begin[] = "_tcpwhy_pids()\n"
				"{\n"
				"\tcompadd \"$@\" - /proc/<->(:t)\n"
				"}\n"
				"_tcpwhy()\n"
				"{\n"
				"\tlocal command=${words[(i)--]}\n"
				"\tif ((command < CURRENT)); then\n"
				"\t\tshift $command words\n"
				"\t\t((CURRENT -= command))\n"
				"\t\t_normal\n"
				"\t\treturn\n"
				"\tfi\n"
				"\t_arguments \\\n";

static const char zsh_end[] = "' \\\n"
			      "\t\t'*:argument:_tcpwhy_argument'\n"
			      "}\n"
			      "# called, where it lies in $fpath; else sourced\n"
			      "if [[ $funcstack[1] == _tcpwhy ]]; then\n"
			      "\t_tcpwhy \"$@\"\n"
			      "else\n"
			      "\tcompdef _tcpwhy tcpwhy\n"
			      "fi\n";

static void print_zsh(FILE *out)
{
	fputs("#compdef tcpwhy\n", out);
	zsh_subcommands(out);
	fputs(zsh_begin, out);
	each_option(out, zsh_option);
	fputs("\t\t'1:subcommand:compadd -", out);
	print_subcommands(out);
	fputs(zsh_end, out);
}

/* ---- fish -------------------------------------------------------------------------------- */

/* An argument of complete's -a. */
static void fish_words(FILE *out, const char *name)
{
	const struct argument *argument = find_argument(name);

	if (!argument || (!argument->word && !argument->fish))
		return;
	fputs(" -a '", out);
	if (!argument->word) {
		fprintf(out, is_list(name) ? "(__fish_complete_list , %s)" : "(%s)",
			argument->fish);
	} else {
		fputs(is_list(name) ? "(__fish_append ," : "", out);
		print_words(out, argument->word);
		fputs(is_list(name) ? ")" : "", out);
	}
	putc('\'', out);
}

static void fish_option(FILE *out, const struct argp_option *option)
{
	fprintf(out, "complete -c tcpwhy -l %s", option->name);
	if (letter(option))
		fprintf(out, " -s %c", letter(option));
	fputs(" -d '", out);
	print_description(out, option->doc, "\\'");
	putc('\'', out);
	if (option->arg) {
		fputs(is_optional(option) ? " -f" : " -x", out);
		fish_words(out, option->arg);
	}
	putc('\n', out);
}

static void fish_subcommands(FILE *out)
{
	const char *name, *argument;

	fputs("complete -c tcpwhy -n 'not __fish_seen_subcommand_from", out);
	print_subcommands(out);
	fputs("; and not contains -- -- (commandline -opc)' -a '", out);
	print_subcommands(out);
	fputs("'\n", out);
	for (unsigned int i = 0; (name = subcommand_word(i, &argument)); i++) {
		if (!argument)
			continue;
		fprintf(out, "complete -c tcpwhy -n '__fish_seen_subcommand_from %s'", name);
		fish_words(out, argument);
		putc('\n', out);
	}
}

static const char fish_begin[] =
	"function __tcpwhy_given\n"
	"\tcommandline -ct | string replace -r '^--[a-z-]+=' ''\n"
	"end\n"
	"function __tcpwhy_cgroups\n"
	"\tfor directory in /sys/fs/cgroup/(__tcpwhy_given)*/\n"
	"\t\tstring replace /sys/fs/cgroup/ '' $directory\n"
	"\tend\n"
	"end\n"
	"function __tcpwhy_command\n"
	"\tset -l words (commandline -opc) (commandline -ct)\n"
	"\tcomplete -C (string join ' ' -- $words[(math (contains -i -- -- $words) + 1)..-1])\n"
	"end\n"
	"complete -c tcpwhy -f\n"
	"complete -c tcpwhy -n 'contains -- -- (commandline -opc)' -a '(__tcpwhy_command)'\n";

static void print_fish(FILE *out)
{
	fputs(fish_begin, out);
	each_option(out, fish_option);
	fish_subcommands(out);
}

/* ---- the shells -------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*print)(FILE *out);
} shells[] = {
	{ "bash", print_bash },
	{ "zsh", print_zsh },
	{ "fish", print_fish },
};

static const char *shell_word(unsigned int i)
{
	return i < ARRAY_SIZE(shells) ? shells[i].name : NULL;
}

int completions_print(FILE *out, const char *shell, struct failure *why)
{
	for (unsigned int i = 0; shell_word(i); i++) {
		if (!strcmp(shell, shell_word(i))) {
			shells[i].print(out);
			return 0;
		}
	}
	return failed(why, EXIT_USAGE, "no completions for '%s': give bash, zsh or fish", shell);
}
