// SPDX-License-Identifier: GPL-2.0-only
/*
 * The environment of whoever runs it: which terminal that is, its encoding, colours, and the time
 * zone. A zero byte in the input ends a value; the last of them is a description of the terminal in
 * TERMINFO, any bytes, which must not get to ncurses.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "format.h"
#include "screen.h"
#include "terminal.h"
#include "terminfo.h"

/* ncurses itself leaks what it has made of a damaged description. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libtinfo.so\n";
}

static const char *const names[] = { "TERM", "LANG", "TZ", "NO_COLOR", "COLUMNS", "LINES" };

static int master;

/* stdin and stdout are a terminal that nobody reads: what does not fit in is lost. */
static void make_terminal(void)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	int slave;

	must(!openpty(&master, &slave, NULL, NULL, &size));
	must(!fcntl(slave, F_SETFL, O_NONBLOCK) && !fcntl(master, F_SETFL, O_NONBLOCK));
	must(dup2(slave, 0) == 0 && dup2(slave, 1) == 1);
	close(slave);
}

static void read_terminal(void)
{
	char bytes[4096];

	while (read(master, bytes, sizeof(bytes)) > 0)
		;
	must(errno == EAGAIN);
	clearerr(stdout);
}

/* As ncurses takes it: "hex:" and digits. */
static void set_terminfo(const uint8_t *bytes, size_t size)
{
	static char text[2 * 16384 + 8];

	strcpy(text, "hex:");
	for (size_t i = 0; i < size; i++)
		snprintf(text + 4 + 2 * i, 3, "%02x", bytes[i]);
	setenv("TERMINFO", text, 1);
}

static void set_environment(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char value[64] = "";
		size_t n = strnlen((const char *)data, size);

		memcpy(value, data, n < sizeof(value) ? n : sizeof(value) - 1);
		setenv(names[i], value, 1);
		n += n < size;
		data += n;
		size -= n;
	}
	set_terminfo(data, size < 16384 ? size : 16384);
}

static void draw(void)
{
	if (screen_open(terminal_has_colors(stdout)))
		return;
	must(screen_key() == -1);
	screen_close();
}

static void tell_time(void)
{
	const struct time_settings settings = {};
	char text[TIME_SIZE];

	tzset();
	format_set_times(&settings, 0);
	format_seconds(text, UINT64_C(1700000000) * 1000000000);
	must(strlen(text) == strlen("22:13:20") && is_harmless(text, strlen(text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct failure why = {};

	if (!master)
		make_terminal();
	set_environment(data, size);
	if (!terminfo_check(&why))
		draw();
	else
		must(why.status == EXIT_USAGE && *why.text &&
		     is_harmless(why.text, strlen(why.text)));
	tell_time();
	read_terminal();
	return 0;
}
