// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as evidence, of one end or of both: there is one verdict, and what is written of it is
 * one whole line in each format, whatever names a process or a file has.
 */
#include "fuzz.h"

#include <json-c/json.h>

#include "classify.h"
#include "metrics.h"
#include "render_story.h"
#include "render_text.h"
#include "rows.h"
#include "sink.h"

struct text {
	char *bytes;
	size_t size;
	FILE *out;
};

static void begin(struct text *t)
{
	t->out = open_memstream(&t->bytes, &t->size);
	must(t->out);
}

static void end(struct text *t)
{
	fclose(t->out);
}

/* One line that has these words in this order at its beginning, two blanks between columns. */
static void line_is_whole(const struct text *t)
{
	must(t->size > 1 && t->bytes[t->size - 1] == '\n');
	must(is_harmless(t->bytes, t->size - 1));
}

static void text_is_a_line(const struct record *r)
{
	const char *name = verdict_text(r->verdict)->name;
	struct text t;
	char *column;

	begin(&t);
	text_evidence(t.out, r->e, r->other);
	end(&t);
	line_is_whole(&t);
	column = strstr(t.bytes, "  ");
	must(column && !strncmp(column + 2, name, strlen(name)));
	free(t.bytes);
}

/* Whole lines of steps, and what to change; some verdicts have nothing more to tell. */
static void story_is_of_lines(const struct record *r)
{
	char *line, *rest;
	struct text t;

	begin(&t);
	text_timeline(t.out, r, r->e->time_ns / 2, 80);
	text_fix(t.out, r, 80);
	end(&t);
	must(!t.size || t.bytes[t.size - 1] == '\n');
	for (line = strtok_r(t.bytes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		must((*line == ' ' || *line == '+') && is_harmless(line, strlen(line)));
	free(t.bytes);
}

static void json_is_an_object(const struct record *r)
{
	static const struct options options = { .format = FORMAT_JSON, .story = STORY_ALWAYS };
	struct json_object *object, *verdict;
	struct sink sink;
	struct text t;

	begin(&t);
	must(!sink_open(&sink, &options, t.out));
	sink.ops->record(&sink, r);
	end(&t);
	line_is_whole(&t);
	object = json_tokener_parse(t.bytes);
	must(object && json_object_object_get_ex(object, "verdict", &verdict));
	must(!strcmp(json_object_get_string(verdict), verdict_text(r->verdict)->name));
	json_object_put(object);
	sink_close(&sink);
	free(t.bytes);
}

/* Each row of counters has its columns, whatever the processes are called; orderly ends have none.
 */
static void row_has_its_columns(const struct record *r)
{
	struct capture_counts added = {};
	struct tally *tally = tally_new();
	char *word, *rest;
	struct text t;
	int found = 0;

	must(tally);
	added.counts.verdict[r->verdict] = 7;
	tally_add(tally, r->verdict, &r->e->owner, 3);
	begin(&t);
	text_interval(t.out, ROW_ALL, r->e->time_ns, &added, tally);
	end(&t);
	line_is_whole(&t);
	for (word = strtok_r(t.bytes, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest))
		found += strchr(word, '=') != NULL;
	must(found == (verdict_text(r->verdict)->group != GROUP_ORDERLY));
	tally_free(tally);
	free(t.bytes);
}

static void add_to_metrics(void *metrics, const struct row *row)
{
	metrics_add(metrics, row);
}

/* Each line is a comment, or a sample: a name, labels, a number. */
static void samples_are_whole(char *text)
{
	char *line, *rest, *end_of_number;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		must(is_harmless(line, strlen(line)));
		if (*line == '#')
			continue;
		must(!strncmp(line, "tcpwhy_", 7));
		(void)strtod(strrchr(line, ' ') + 1, &end_of_number);
		must(!*end_of_number);
	}
}

static void metrics_are_whole(const struct record *r)
{
	struct metrics *metrics = metrics_new();
	struct rows *rows = rows_new(add_to_metrics, metrics);
	struct capture_counts total = {};
	struct text t;

	must(metrics && rows);
	total.counts.verdict[r->verdict] = 7;
	rows_start(rows, 0, 1);
	rows_record(rows, r);
	rows_end_interval(rows, UINT64_MAX, &total);
	rows_show(rows);
	begin(&t);
	metrics_write(t.out, metrics);
	end(&t);
	must(t.size > 6 && !strcmp(t.bytes + t.size - 6, "# EOF\n"));
	samples_are_whole(t.bytes);
	free(t.bytes);
	rows_free(rows);
	metrics_free(metrics);
}

/* Some of its values are the capture's own, and are never others. */
static void take_evidence(struct input *in, struct evidence *e)
{
	take(in, e, sizeof(*e));
	e->tuple.family = e->tuple.family % 2 ? 2 : 10; /* AF_INET, AF_INET6 */
	if (!e->count)
		e->count = 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct evidence e, other;
	struct record r = { .e = &e };

	take_evidence(&in, &e);
	if (in.left) {
		take_evidence(&in, &other);
		r.other = &other;
	}
	r.verdict = classify(&e.facts);
	must(r.verdict >= 0 && r.verdict < VERDICT_COUNT);
	text_is_a_line(&r);
	story_is_of_lines(&r);
	json_is_an_object(&r);
	row_has_its_columns(&r);
	metrics_are_whole(&r);
	return 0;
}
