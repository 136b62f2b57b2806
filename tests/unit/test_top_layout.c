// SPDX-License-Identifier: GPL-2.0-only
/* What tcpwhy top draws, on a canvas of characters: all of it, at any size, and nothing beyond. */
#include "expect.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#include "top_layout.h"

#define SECOND      1000000000ULL
#define ROWS_MAX    100
#define COLUMNS_MAX 300

static struct top *t;
static struct {
	int rows, columns;
	char cells[ROWS_MAX][COLUMNS_MAX + 1];
	int styles[ROWS_MAX][COLUMNS_MAX];
} screen;

/* ---- the canvas -------------------------------------------------------------------------- */

static void draw_text(void *ctx, int row, int column, int style, const char *text)
{
	(void)ctx;
	expect_at_most(row + 1, screen.rows);
	expect_at_most(column + strlen(text), screen.columns);
	for (; *text; text++, column++) {
		if (*text < ' ' || *text >= 0x7f)
			fail_msg("byte %#x in row %d, column %d, expected printable ASCII",
				 (unsigned char)*text, row, column);
		screen.cells[row][column] = *text;
		screen.styles[row][column] = style;
	}
}

static void draw_bar(void *ctx, int row, int column, int level)
{
	(void)ctx;
	expect_at_most(row + 1, screen.rows);
	expect_at_most(column + 1, screen.columns);
	expect_at_most(level, BAR_LEVELS);
	screen.cells[row][column] = '0' + level;
}

static void draw(int columns, int rows)
{
	const struct canvas canvas = {
		.rows = rows, .columns = columns, .text = draw_text, .bar = draw_bar
	};

	screen.rows = rows;
	screen.columns = columns;
	memset(screen.cells, 0, sizeof(screen.cells));
	for (int row = 0; row < rows; row++)
		memset(screen.cells[row], ' ', columns);
	top_draw(t, &canvas);
}

/* The number of the row with this part, or -1. */
static int row_with(const char *part)
{
	for (int row = 0; row < screen.rows; row++)
		if (strstr(screen.cells[row], part))
			return row;
	return -1;
}

static void print_screen(void)
{
	for (int row = 0; row < screen.rows; row++)
		print_error("|%s|\n", screen.cells[row]);
}

static const char *row_of(const char *part)
{
	int row = row_with(part);

	if (row >= 0)
		return screen.cells[row];
	print_screen();
	fail_msg("expected on this screen: '%s'", part);
	return "";
}

static void expect_not_shown(const char *part)
{
	if (row_with(part) < 0)
		return;
	print_screen();
	fail_msg("expected on this screen no '%s'", part);
}

/* ---- what happens ------------------------------------------------------------------------ */

static int set_up(void **state)
{
	(void)state;
	t = top_new();
	return t ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	top_free(t);
	return 0;
}

static struct evidence evidence(const char *comm, unsigned int peer)
{
	struct evidence e = {
		.time_ns = SECOND,
		.count = 1,
		.facts = { .event = EVENT_DEATH, .socket = SOCKET_FULL, .state = ST_ESTABLISHED },
		.owner = { .pid = 812 },
		.tuple = { .family = AF_INET, .lport = 40000, .rport = 6379 },
	};

	memcpy(e.owner.comm, comm, strnlen(comm, sizeof(e.owner.comm)));
	inet_pton(AF_INET, "10.0.0.5", e.tuple.laddr);
	memcpy(e.tuple.raddr, (uint8_t[4]){ 10, 1, peer / 256, peer }, 4);
	return e;
}

static void die(enum verdict verdict, const char *comm, unsigned int peer)
{
	struct evidence e = evidence(comm, peer);

	top_record(t, &(struct record){ .e = &e, .verdict = verdict });
}

static void end_interval(enum verdict verdict, uint64_t n)
{
	struct capture_counts added = {};

	added.counts.verdict[verdict] = n;
	top_row(t,
		&(struct row){ .until = 7 * SECOND, .duration_ns = 2 * SECOND, .added = &added });
}

/* Names that want to act on a terminal, all verdicts, more of each than there are rows. */
static void fill(void)
{
	for (int v = 0; v < VERDICT_COUNT; v++) {
		end_interval(v, 1000 + v);
		for (int i = 0; i < 20; i++)
			die(v, i % 2 ? "\033[2J\r\n\t\x9b" : "\xff\xfe\xc3\x28 = a", v * 20 + i);
	}
	end_interval(VERDICT_refused, UINT64_MAX / 4);
}

/* ---- tests ------------------------------------------------------------------------------- */

static void test_a_verdict_with_its_rate_its_total_and_its_history(void **state)
{
	const char *row;

	(void)state;
	end_interval(VERDICT_refused, 40);
	end_interval(VERDICT_refused, 0);
	end_interval(VERDICT_refused, 1);
	end_interval(VERDICT_refused, 20);
	draw(80, 24);
	row = row_of("refused");
	expect_part(row, " 10.0          61 ");
	assert_string_equal(row + 80 - 6, "  8014");
	expect_part(row_of("/s: deaths"), "deaths 10.0 (orderly 0)");
	expect_number(screen.styles[row_with("refused")][0], STYLE_VERDICT + GROUP_RESET);
}

static void test_all_has_its_place_on_80_by_24(void **state)
{
	(void)state;
	draw(80, 24);
	row_of("none yet");
	fill();
	draw(80, 24);
	expect_number(row_with("tcpwhy top"), 0);
	expect_number(row_with("VERDICT"), 2);
	expect_number(row_with("LISTENER"), 8);
	expect_number(row_with("PEER"), 12);
	expect_number(row_with("PROCESS"), 12);
	expect_number(row_with("LAST DEATHS"), 17);
	expect_number(row_with("q quit"), 23);
	expect_part(row_of("LAST DEATHS"), "remote");
	for (int row = 18; row < 23; row++)
		expect_part(screen.cells[row], "10.1.");
	expect_not_shown("->");
	draw(120, 24);
	row_of("10.0.0.5:40000 -> 10.1.");
}

static void test_nothing_is_drawn_beyond_any_size(void **state)
{
	(void)state;
	fill();
	for (int story = 0; story < 2; story++) {
		for (int columns = 1; columns <= COLUMNS_MAX; columns += columns < 90 ? 1 : 35)
			for (int rows = 1; rows <= ROWS_MAX; rows += rows < 30 ? 3 : 23)
				draw(columns, rows);
		top_key(t, TOP_KEY_ENTER);
		top_key(t, TOP_KEY_END);
	}
}

static void test_a_screen_that_is_too_small_says_so(void **state)
{
	(void)state;
	fill();
	draw(TOP_COLUMNS_MIN - 1, 24);
	row_of("too small: 71x24, needs 72x20");
	expect_not_shown("VERDICT");
	draw(80, TOP_ROWS_MIN - 1);
	row_of("too small: 80x19, needs 72x20");
	draw(TOP_COLUMNS_MIN, TOP_ROWS_MIN);
	row_of("VERDICT");
	row_of("LAST DEATHS");
}

static void test_what_has_no_row_is_in_the_others(void **state)
{
	(void)state;
	for (int v = 0; v < 7; v++)
		end_interval(v, 10 + v);
	for (int i = 0; i < WORST_MAX + 9; i++)
		die(VERDICT_refused, "curl", i);
	draw(80, 24);
	expect_part(row_of("3 others"), " 33 "); /* 10 + 11 + 12, the last one has 16 */
	expect_part(row_of("PEER") + COLUMNS_MAX + 1, "10.1.");
	row_of("others                      0       262");
}

static void test_a_listener_with_its_queue(void **state)
{
	struct evidence e = evidence("nginx", 1);

	(void)state;
	e.tuple.rport = 0;
	e.count = 23;
	e.backlog = 65535;
	e.backlog_max = 65535;
	top_record(t, &(struct record){ .e = &e, .verdict = VERDICT_accept_overflow_reset });
	draw(80, 24);
	row_of(":40000 nginx[812]          65535/65535 accept-overflow-reset         0        23");
}

static void test_the_selected_death_is_on_the_screen(void **state)
{
	int row;

	(void)state;
	for (int i = 0; i < 40; i++)
		die(VERDICT_refused, "curl", i);
	for (int i = 0; i < 31; i++)
		top_key(t, TOP_KEY_DOWN);
	draw(80, 24);
	row = row_with("10.1.0.9:6379");
	assert_true(row > 0);
	expect_number(screen.styles[row][0], STYLE_SELECTED);
	expect_number(screen.styles[row - 1][0], STYLE_PLAIN);
}

static void test_the_title_says_what_was_chosen(void **state)
{
	(void)state;
	draw(80, 24);
	row_of("sorted by rate ");
	expect_not_shown("filter: ");
	expect_not_shown("PAUSED");
	top_key(t, '/');
	top_key(t, 'x');
	draw(80, 24);
	row_of("Esc): x_");
	top_key(t, TOP_KEY_ENTER);
	top_key(t, 'p');
	draw(80, 24);
	row_of("sorted by rate  filter: x  PAUSED");
	row_of("none passes the filter");
}

static void test_lost_and_thinned_records_are_said(void **state)
{
	struct capture_counts added = { .missed = 7 };

	(void)state;
	draw(80, 24);
	expect_not_shown("LOST");
	expect_not_shown("UNLISTED");
	added.counts.thinned[VERDICT_refused] = 9;
	top_row(t, &(struct row){ .added = &added });
	draw(80, 24);
	row_of("LOST 7  UNLISTED 9 ");
}

static void test_a_story_has_the_line_the_remedy_and_the_fields(void **state)
{
	struct evidence e = evidence("\033]0;x\a", 1), other = evidence("redis", 2);

	(void)state;
	e.facts.unread = 45;
	e.facts.flags = FACT_ATTACHED | FACT_OWNED;
	e.facts.shutdown = SHUT_BOTH;
	expect_verdict(&e.facts, VERDICT_unread_data);
	top_record(t, &(struct record){ .e = &e, .other = &other, .verdict = VERDICT_unread_data });
	top_key(t, TOP_KEY_ENTER);
	draw(80, 24);
	expect_number(row_with("unread-data"), 0);
	row_of("closed with 45");
	row_of("\\x1b]0;x\\x07[812]");
	row_of("meaning: our process closed with unread bytes");
	row_of("fix: read until");
	row_of("redis[812] listener-closed"); /* of its facts here */
	top_key(t, TOP_KEY_END);
	draw(80, 24);
	expect_not_shown("meaning");
	expect_number(row_with("other_end"), 22);
	for (int i = 0; i < 4; i++)
		top_key(t, TOP_KEY_UP);
	draw(80, 24);
	row_of("bytes_unread             45");
	expect_not_shown("other_end");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_verdict_with_its_rate_its_total_and_its_history),
		TEST(test_all_has_its_place_on_80_by_24),
		TEST(test_nothing_is_drawn_beyond_any_size),
		TEST(test_a_screen_that_is_too_small_says_so),
		TEST(test_what_has_no_row_is_in_the_others),
		TEST(test_a_listener_with_its_queue),
		TEST(test_the_selected_death_is_on_the_screen),
		TEST(test_the_title_says_what_was_chosen),
		TEST(test_lost_and_thinned_records_are_said),
		TEST(test_a_story_has_the_line_the_remedy_and_the_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
