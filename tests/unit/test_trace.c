// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recordings: what was written is read; of what was truncated, spoilt or forged all is read that is
 * before it, and one thing is said; and files that are no recordings come to no harm.
 */
#include "expect.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>
#include <zlib.h>

#include "trace_reader.h"
#include "trace_writer.h"

#define SECOND UINT64_C(1000000000)
#define START  (1000 * SECOND)
#define BLOCKS                                                                                     \
	4 /* of a recording of write_recording(): the session's, and three with a record each */

static char dir[] = "/tmp/tcpwhy-trace-XXXXXX";
static char path[64];
static struct failure why;

static int set_up(void **state)
{
	(void)state;
	memset(dir + strlen(dir) - 6, 'X', 6);
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/recording", dir);
	memset(&why, 0, sizeof(why));
	return 0;
}

static int tear_down(void **state)
{
	char name[80];

	(void)state;
	unlink(path);
	for (int i = 1; i < 10; i++) {
		snprintf(name, sizeof(name), "%s.%d", path, i);
		unlink(name);
	}
	return rmdir(dir);
}

/* ---- what is written --------------------------------------------------------------------- */

static const struct trace_about about = { .settings = "record x", .watched = "all processes" };

static struct evidence evidence(uint64_t at, uint32_t unread)
{
	return (struct evidence){
		.head = { .type = RECORD_EVIDENCE, .size = sizeof(struct evidence) },
		.time_ns = at,
		.count = 1,
		.facts = { .event = EVENT_DEATH, .unread = unread },
		.owner = { .pid = 7, .comm = "name" },
	};
}

static struct trace_writer *open_writer(uint64_t rotate_size, uint64_t rotate_keep)
{
	const struct trace_place place = {
		.path = path,
		.rotate_size = rotate_size,
		.rotate_keep = rotate_keep,
	};

	return trace_writer_open(&place, &about, &why);
}

/* A session with a second for each record; the nth has n unread bytes. */
static void write_recording(uint64_t rotate_size, uint64_t rotate_keep, unsigned int records)
{
	struct trace_writer *w = open_writer(rotate_size, rotate_keep);
	struct capture_counts counts = {};

	if (!w)
		fail_msg("failure seen: '%s', expected: none", why.text);
	trace_writer_begin(w, START);
	for (unsigned int i = 1; i <= records; i++) {
		struct evidence e = evidence(START + i * SECOND, i);

		trace_write_evidence(w, e.time_ns, &e);
		counts.counts.verdict[classify(&e.facts)]++;
		counts.counts.other[COUNT_RETRANS] += 2;
		trace_writer_flush(w, e.time_ns, &counts, i == records);
	}
	assert_null(trace_writer_failure(w));
	trace_writer_close(w);
}

static size_t load(uint8_t *bytes, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t n;

	assert_non_null(file);
	n = fread(bytes, 1, size, file);
	fclose(file);
	expect_at_most(n, size - 1);
	return n;
}

static void save(const void *bytes, size_t size)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	if (size)
		expect_number(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* ---- what is read ------------------------------------------------------------------------ */

/* How many of each type; and that the nth record is the nth. */
struct seen {
	unsigned int items[TRACE_CGROUP + 1];
	struct trace_counts counts; /* the last */
	uint32_t first_unread;      /* of the first record */
};

static void note(struct seen *seen, const struct trace_item *item)
{
	seen->items[item->type]++;
	if (item->type == TRACE_COUNTS)
		seen->counts = item->counts;
	if (item->type != TRACE_EVIDENCE)
		return;
	if (seen->items[TRACE_EVIDENCE] == 1)
		seen->first_unread = item->evidence.facts.unread;
	expect_number(item->evidence.facts.unread,
		      seen->first_unread + seen->items[TRACE_EVIDENCE] - 1);
	assert_string_equal(item->evidence.owner.comm, "name");
}

static struct seen read_stream(FILE *file)
{
	struct trace_reader *r = trace_reader_new(file, "F");
	const struct trace_item *item;
	struct seen seen = {};

	assert_non_null(r);
	memset(&why, 0, sizeof(why));
	while ((item = trace_next(r, &why)))
		note(&seen, item);
	trace_reader_free(r);
	return seen;
}

static struct seen read_bytes(const void *bytes, size_t size)
{
	/* fmemopen() has no empty files */
	FILE *file = size ? fmemopen((void *)bytes, size, "r") : fopen("/dev/null", "re");
	struct seen seen;

	assert_non_null(file);
	seen = read_stream(file);
	fclose(file);
	return seen;
}

static struct seen read_file(const char *name)
{
	FILE *file = fopen(name, "re");
	struct seen seen;

	assert_non_null(file);
	seen = read_stream(file);
	fclose(file);
	return seen;
}

static void expect_failure(enum exit_status status, const char *said)
{
	expect_number(why.status, status);
	expect_part(why.text, said);
	expect_no_part(why.text, "\n");
}

static void what_was_written_is_read(void **state)
{
	struct seen seen;

	(void)state;
	write_recording(0, 0, 3);
	seen = read_file(path);
	expect_number(why.status, EXIT_OK);
	expect_number(seen.items[TRACE_SESSION], 1);
	expect_number(seen.items[TRACE_EVIDENCE], 3);
	expect_number(seen.items[TRACE_COUNTS], BLOCKS);
	expect_number(seen.counts.other[COUNT_RETRANS], 6);
	expect_number(seen.counts.at_ns, START + 3 * SECOND);
}

static void every_kind_of_item_is_read(void **state)
{
	struct wanted wanted[2] = { { .socket = 1, .inode = 2, .owner.pid = 3 }, { .socket = 4 } };
	const struct owner owner = { .pid = 5, .comm = "closer" };
	struct capture_counts counts = {};
	struct trace_writer *w = open_writer(0, 0);
	const struct trace_item *item;
	struct trace_reader *r;
	FILE *file;

	(void)state;
	assert_non_null(w);
	trace_writer_begin(w, START);
	trace_write_closer(w, START + 1, 99, &owner);
	trace_write_search(w, START + 2, wanted, 2);
	trace_writer_flush(w, START + 3, &counts, true);
	trace_writer_close(w);
	file = fopen(path, "re");
	r = trace_reader_new(file, path);
	item = trace_next(r, &why);
	assert_string_equal(item->session.watched, "all processes");
	assert_string_equal(item->session.settings, "record x");
	assert_string_equal(item->session.verdicts[VERDICT_refused], "refused");
	expect_number(trace_next(r, &why)->type, TRACE_COUNTS);
	expect_number(trace_next(r, &why)->type, TRACE_COUNTS);
	item = trace_next(r, &why);
	expect_number(item->type, TRACE_CLOSER);
	expect_number(item->now_ns, START + 1);
	expect_number(item->closer.sock_id, 99);
	assert_string_equal(item->closer.owner.comm, "closer");
	item = trace_next(r, &why);
	expect_number(item->type, TRACE_SEARCH);
	expect_number(item->search.n, 1);
	expect_number(item->search.found[0].owner.pid, 3);
	assert_null(trace_next(r, &why));
	trace_reader_free(r);
	fclose(file);
}

/* ---- damage ------------------------------------------------------------------------------ */

/* Where the blocks of a sound recording begin, and its end. */
static void find_blocks(size_t at[BLOCKS + 1], const uint8_t *bytes)
{
	struct trace_block head;

	at[0] = 0;
	for (int i = 0; i < BLOCKS; i++) {
		memcpy(&head, bytes + at[i], sizeof(head));
		at[i + 1] = at[i] + sizeof(head) + head.stored;
	}
}

/* Of so many bytes: how many records are in whole blocks? */
static unsigned int records_before(const size_t at[BLOCKS + 1], size_t size)
{
	unsigned int whole = 0;

	while (whole < BLOCKS && at[whole + 1] <= size)
		whole++;
	return whole ? whole - 1 : 0;
}

static void truncated_anywhere_it_has_all_before(void **state)
{
	uint8_t bytes[8192];
	size_t at[BLOCKS + 1], size;

	(void)state;
	write_recording(0, 0, 3);
	size = load(bytes, sizeof(bytes));
	find_blocks(at, bytes);
	expect_number(at[BLOCKS], size);
	for (size_t n = 0; n <= size; n++) {
		struct seen seen = read_bytes(bytes, n);
		bool whole = n == at[1] || n == at[2] || n == at[3] || n == at[4];

		expect_number(seen.items[TRACE_EVIDENCE], records_before(at, n));
		if (whole)
			expect_number(why.status, EXIT_OK);
		else if (n)
			expect_failure(EXIT_INPUT, "F ends within the block at byte ");
		else
			expect_failure(EXIT_INPUT, "F is empty");
	}
}

static void every_flipped_bit_is_found(void **state)
{
	uint8_t bytes[8192];
	size_t at[BLOCKS + 1], size;

	(void)state;
	write_recording(0, 0, 3);
	size = load(bytes, sizeof(bytes));
	find_blocks(at, bytes);
	for (size_t bit = 0; bit < 8 * size; bit++) {
		struct seen seen;

		bytes[bit / 8] ^= 1 << bit % 8;
		seen = read_bytes(bytes, size);
		expect_number(seen.items[TRACE_EVIDENCE], records_before(at, bit / 8));
		expect_failure(EXIT_INPUT, "F ");
		bytes[bit / 8] ^= 1 << bit % 8;
	}
}

static void what_is_foreign_is_said_to_be(void **state)
{
	static const char *const foreign[] = { "text\n", "\x1f\x8b\x08", "\x89PNG\r\n\x1a\n",
					       "tcpwhy", "{\"type\":\"start\"}\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		read_bytes(foreign[i], strlen(foreign[i]));
		expect_failure(EXIT_INPUT, "F is no recording");
	}
}

static void a_newer_format_is_said_to_be(void **state)
{
	uint8_t bytes[8192];
	size_t at[BLOCKS + 1], size;
	struct seen seen;

	(void)state;
	write_recording(0, 0, 3);
	size = load(bytes, sizeof(bytes));
	find_blocks(at, bytes);
	bytes[at[3] + offsetof(struct trace_block, version)] = TRACE_VERSION + 1;
	seen = read_bytes(bytes, size);
	expect_number(seen.items[TRACE_EVIDENCE], 2);
	expect_failure(EXIT_INPUT, "newer tcpwhy at byte ");
}

/* ---- forgery: checksums are right, and nothing else -------------------------------------- */

struct forgery {
	uint8_t items[65536];
	size_t used;
};

static void add(struct forgery *f, uint16_t type, uint64_t now, const void *body, size_t size)
{
	struct trace_item_head head = {
		.type = type,
		.size = sizeof(head) + size,
		.now_ns = now,
	};

	expect_at_most(f->used + head.size, sizeof(f->items));
	memcpy(f->items + f->used, &head, sizeof(head));
	memcpy(f->items + f->used + sizeof(head), body, size);
	f->used += head.size;
}

static void begin(struct forgery *f)
{
	struct trace_session session = { .started_ns = START };

	f->used = 0;
	add(f, TRACE_SESSION, START, &session, sizeof(session));
}

/* length: what the head says of it. */
static struct seen read_forged(const struct forgery *f, uint32_t length)
{
	uint8_t bytes[sizeof(struct trace_block) + sizeof(f->items) + 1024];
	struct trace_block b = { .version = TRACE_VERSION, .length = length };
	unsigned long stored = sizeof(bytes) - sizeof(b);

	memcpy(b.magic, TRACE_MAGIC, TRACE_MAGIC_SIZE);
	expect_number(compress(bytes + sizeof(b), &stored, f->items, f->used), Z_OK);
	b.stored = stored;
	b.crc = crc32(0, (const uint8_t *)&b, offsetof(struct trace_block, crc));
	b.crc = crc32(b.crc, bytes + sizeof(b), stored);
	memcpy(bytes, &b, sizeof(b));
	return read_bytes(bytes, sizeof(b) + stored);
}

static void expect_forgery_found(const struct forgery *f, uint32_t length, const char *said)
{
	struct seen seen = read_forged(f, length);

	expect_failure(EXIT_INPUT, said);
	expect_number(seen.items[TRACE_EVIDENCE], 0);
}

static void sizes_that_lie_are_found(void **state)
{
	static struct forgery f;
	struct trace_item_head head = { .type = TRACE_EVIDENCE, .now_ns = START };
	static const uint32_t sizes[] = { 0, 1, 15, 17, 0x7fffffff, 0xffffffff };

	(void)state;
	begin(&f);
	expect_forgery_found(&f, f.used - 1, "cannot be inflated");
	expect_forgery_found(&f, f.used + 1, "cannot be inflated");
	expect_forgery_found(&f, TRACE_BLOCK_MAX + 1, "its head is no head");
	expect_forgery_found(&f, 0xffffffff, "its head is no head");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		begin(&f);
		head.size = sizes[i];
		memcpy(f.items + f.used, &head, sizeof(head));
		f.used += sizeof(head);
		expect_forgery_found(&f, f.used, "the size of an item");
	}
	begin(&f);
	f.used += sizeof(head) - 1;
	expect_forgery_found(&f, f.used, "an item is cut");
}

static void bodies_that_make_no_sense_are_found(void **state)
{
	static const struct trace_search searches[] = {
		{ .found = 0xffffffff, .size = sizeof(struct wanted) },
		{ .found = WANTED_MAX + 1, .size = sizeof(struct wanted) },
		{ .found = 1, .size = 0 },
		{ .found = 1, .size = sizeof(struct wanted) },
		{ .found = 0xffffffff, .size = 0xffffffff },
	};
	static struct forgery f;
	struct evidence e = evidence(START, 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(searches); i++) {
		begin(&f);
		add(&f, TRACE_SEARCH, START, &searches[i], sizeof(searches[i]));
		expect_forgery_found(&f, f.used, "makes no sense");
	}
	begin(&f);
	add(&f, TRACE_EVIDENCE, START, &e, 100);
	expect_forgery_found(&f, f.used, "makes no sense");
	begin(&f);
	e.time_ns = UINT64_MAX / 2;
	add(&f, TRACE_EVIDENCE, START, &e, sizeof(e));
	expect_forgery_found(&f, f.used, "makes no sense");
	f.used = 0;
	add(&f, TRACE_EVIDENCE, START, &e, sizeof(e));
	expect_forgery_found(&f, f.used, "does not begin with a session");
}

static void times_that_leap_are_found(void **state)
{
	static const uint64_t times[] = { 0, START - 1, START + TRACE_GAP_MAX_NS, UINT64_MAX };
	static struct forgery f;
	struct evidence e = evidence(START, 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		begin(&f);
		add(&f, TRACE_EVIDENCE, times[i], &e, sizeof(e));
		expect_forgery_found(&f, f.used, "the time of an item");
	}
}

/* As the rule of versions has it. */
static void other_versions_of_bodies_are_read(void **state)
{
	static struct forgery f;
	struct {
		struct evidence e;
		uint64_t more[4];
	} longer = { .e = evidence(START, 1) };
	struct evidence shorter = evidence(START, 2);
	struct seen seen;

	(void)state;
	begin(&f);
	add(&f, 999, START, "what nobody knows", 17);
	add(&f, TRACE_EVIDENCE, START, &longer, sizeof(longer));
	add(&f, TRACE_EVIDENCE, START, &shorter, sizeof(shorter) - 8);
	seen = read_forged(&f, f.used);
	expect_number(why.status, EXIT_OK);
	expect_number(seen.items[TRACE_EVIDENCE], 2);
}

/* ---- files ------------------------------------------------------------------------------- */

static void a_second_session_is_appended(void **state)
{
	struct seen seen;
	struct stat st;

	(void)state;
	write_recording(0, 0, 1);
	assert_int_equal(stat(path, &st), 0);
	expect_number(st.st_mode & 0777, 0600);
	save(NULL, 0); /* empty is as good as new */
	write_recording(0, 0, 3);
	write_recording(0, 0, 0);
	seen = read_file(path);
	expect_number(why.status, EXIT_OK);
	expect_number(seen.items[TRACE_SESSION], 2);
	expect_number(seen.items[TRACE_EVIDENCE], 3);
}

static void a_torn_block_is_cut_off(void **state)
{
	struct seen seen;
	struct stat st;

	(void)state;
	write_recording(0, 0, 3);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 1), 0);
	write_recording(0, 0, 0);
	seen = read_file(path);
	expect_number(why.status, EXIT_OK);
	expect_number(seen.items[TRACE_SESSION], 2);
	expect_number(seen.items[TRACE_EVIDENCE], 2);
}

/* Nothing is written to what is no sound recording. */
static void other_files_come_to_no_harm(void **state)
{
	uint8_t bytes[8192], after[8192];
	char other[80];
	size_t size;

	(void)state;
	write_recording(0, 0, 3);
	size = load(bytes, sizeof(bytes));
	bytes[size / 2] ^= 1;
	save(bytes, size);
	assert_null(open_writer(0, 0));
	expect_failure(EXIT_INPUT, "is damaged");
	expect_number(load(after, sizeof(after)), size);
	assert_memory_equal(after, bytes, size);

	save("precious\n", 9);
	assert_null(open_writer(0, 0));
	expect_failure(EXIT_INPUT, "is no recording");
	expect_number(load(after, sizeof(after)), 9);

	snprintf(other, sizeof(other), "%s.1", path);
	assert_int_equal(rename(path, other), 0);
	assert_null(open_writer(1, 2));
	expect_failure(EXIT_INPUT, "rotation would take its place");
	assert_int_equal(symlink(other, path), 0);
	assert_null(open_writer(0, 0));
	expect_failure(EXIT_INPUT, "is a symbolic link");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(open_writer(0, 0));
	expect_failure(EXIT_INPUT, "is no regular file");
}

static void two_recorders_do_not_mix(void **state)
{
	struct trace_writer *one = open_writer(0, 0);

	(void)state;
	assert_non_null(one);
	assert_null(open_writer(0, 0));
	expect_failure(EXIT_OUTPUT, "is being recorded to");
	trace_writer_close(one);
}

/* Each file is a recording by itself; those that are kept follow each other. */
static void full_files_are_rotated(void **state)
{
	static const unsigned int first[] = { 10, 9, 8 };
	char name[80];

	(void)state;
	write_recording(1, 2, 10);
	for (int i = 0; i <= 2; i++) {
		struct seen seen;

		snprintf(name, sizeof(name), i ? "%s.%d" : "%s", path, i);
		seen = read_file(name);
		expect_number(why.status, EXIT_OK);
		expect_number(seen.items[TRACE_SESSION], 1);
		expect_number(seen.first_unread, first[i]);
	}
	snprintf(name, sizeof(name), "%s.3", path);
	assert_int_equal(access(name, F_OK), -1);
}

/* As a full disk does: in the middle of a block. */
static void what_was_written_before_a_failure_is_read(void **state)
{
	struct rlimit limit, small;
	struct capture_counts counts = {};
	struct evidence e = evidence(START + SECOND, 1);
	struct trace_writer *w = open_writer(0, 0);
	struct stat st;
	struct seen seen;

	(void)state;
	trace_writer_begin(w, START);
	trace_write_evidence(w, START + SECOND, &e);
	trace_writer_flush(w, START + SECOND, &counts, false);
	stat(path, &st);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = (struct rlimit){ .rlim_cur = st.st_size + 30, .rlim_max = limit.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	trace_write_evidence(w, START + SECOND, &e);
	trace_writer_flush(w, START + 2 * SECOND, &counts, false);
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_non_null(trace_writer_failure(w));
	why = *trace_writer_failure(w);
	expect_failure(EXIT_OUTPUT, "cannot write to /tmp/");
	trace_write_evidence(w, START + SECOND, &e);
	trace_writer_flush(w, START + 3 * SECOND, &counts, true);
	trace_writer_close(w);
	seen = read_file(path);
	expect_number(why.status, EXIT_OK);
	expect_number(seen.items[TRACE_EVIDENCE], 1);
}

/* Many records: blocks are written when they are full, and nothing is lost between them. */
static void more_than_a_block_is_written(void **state)
{
	struct trace_writer *w = open_writer(0, 0);
	struct capture_counts counts = {};
	struct seen seen;

	(void)state;
	trace_writer_begin(w, START);
	for (unsigned int i = 0; i < 10000; i++) {
		struct evidence e = evidence(START + i, i);

		trace_write_evidence(w, START + i, &e);
	}
	trace_writer_flush(w, START + SECOND, &counts, true);
	trace_writer_close(w);
	seen = read_file(path);
	expect_number(why.status, EXIT_OK);
	expect_number(seen.items[TRACE_EVIDENCE], 10000);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(what_was_written_is_read),
		test(every_kind_of_item_is_read),
		test(truncated_anywhere_it_has_all_before),
		test(every_flipped_bit_is_found),
		test(what_is_foreign_is_said_to_be),
		test(a_newer_format_is_said_to_be),
		test(sizes_that_lie_are_found),
		test(bodies_that_make_no_sense_are_found),
		test(times_that_leap_are_found),
		test(other_versions_of_bodies_are_read),
		test(a_second_session_is_appended),
		test(a_torn_block_is_cut_off),
		test(other_files_come_to_no_harm),
		test(two_recorders_do_not_mix),
		test(full_files_are_rotated),
		test(what_was_written_before_a_failure_is_read),
		test(more_than_a_block_is_written),
	};

	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
