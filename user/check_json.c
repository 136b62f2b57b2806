// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <json-c/json.h>

#include "verdict.h"

#define SCHEMA                                                                                     \
	1 /* changes when what was there changes its meaning or goes; new fields may come          \
	   */

/* json-c takes what it is given, NULL too, and shows it as null; its objects own what is added. */
static void add(struct json_object *to, const char *name, struct json_object *value)
{
	json_object_object_add(to, name, value);
}

static struct json_object *string(const char *text)
{
	return text ? json_object_new_string(text) : NULL;
}

static struct json_object *found_json(enum found found)
{
	return found == FOUND_UNKNOWN ? NULL : json_object_new_boolean(found == FOUND_YES);
}

static struct json_object *failure_json(const struct failure *why)
{
	struct json_object *o = json_object_new_object();

	add(o, "status", json_object_new_int(why->status));
	add(o, "text", string(why->text));
	return o;
}

static struct json_object *failures_json(const struct check *c)
{
	struct json_object *list = json_object_new_array();

	for (int need = 0; need < NEED_COUNT; need++)
		if (c->needs[need].found == FOUND_NO)
			json_object_array_add(list, failure_json(&c->needs[need].why));
	if (c->trials[TRIAL_PLAIN].tried && !c->trials[TRIAL_PLAIN].taken)
		json_object_array_add(list, failure_json(&c->trials[TRIAL_PLAIN].why));
	return list;
}

static struct json_object *kernel_json(const struct check *c)
{
	struct json_object *o = json_object_new_object();

	add(o, "release", string(c->system.release));
	add(o, "machine", string(c->system.machine));
	add(o, "tracepoints", found_json(c->needs[NEED_TRACEPOINTS].found));
	add(o, "maps", found_json(c->needs[NEED_MAPS].found));
	return o;
}

static struct json_object *btf_json(const struct kernel *k)
{
	struct json_object *o = json_object_new_object();

	add(o, "present", json_object_new_boolean(k->btf_size > 0));
	add(o, "file", string(k->btf_file));
	add(o, "bytes", json_object_new_int64(k->btf_size));
	return o;
}

static struct json_object *privileges_json(const struct check *c)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	for (int i = 0; i < PRIVILEGES; i++) {
		struct json_object *one = json_object_new_object();

		add(one, "name", string(c->privileges[i].name));
		add(one, "present", json_object_new_boolean(c->privileges[i].present));
		add(one, "needed", json_object_new_boolean(c->privileges[i].needed));
		add(one, "use", string(c->privileges[i].use));
		json_object_array_add(list, one);
	}
	add(o, "effective_uid", json_object_new_int64(c->uid));
	add(o, "capabilities", list);
	return o;
}

static struct json_object *programs_json(const struct check *c)
{
	struct json_object *list = json_object_new_array();

	for (int kind = 0; kind < TRIAL_COUNT; kind++) {
		const struct trial *trial = &c->trials[kind];
		struct json_object *one;

		if (!trial->tried)
			continue;
		one = json_object_new_object();
		add(one, "options", string(trial_options(kind)));
		add(one, "attached", json_object_new_boolean(trial->taken && kind == TRIAL_PLAIN));
		add(one, "loaded", json_object_new_boolean(trial->taken));
		add(one, "ms", json_object_new_int64(trial->took_ns / 1000000));
		add(one, "failure", trial->taken ? NULL : failure_json(&trial->why));
		json_object_array_add(list, one);
	}
	return list;
}

static struct json_object *features_json(const struct check *c)
{
	struct json_object *list = json_object_new_array();

	for (int f = 0; f < FEATURE_COUNT; f++) {
		struct json_object *one = json_object_new_object();

		add(one, "name", string(feature_name(f)));
		add(one, "present", found_json(kernel_found(&c->kernel, f)));
		add(one, "masked", json_object_new_boolean(c->without >> f & 1));
		add(one, "meaning", string(feature_meaning(f)));
		json_object_array_add(list, one);
	}
	return list;
}

static struct json_object *hooks_json(const struct check *c)
{
	struct json_object *list = json_object_new_array();

	for (int l = 0; l < LADDER_COUNT; l++) {
		const struct rung *rung = ladder_rung(&c->kernel, l);
		struct json_object *one = json_object_new_object();

		add(one, "name", string(ladder_text(l)->name));
		add(one, "what", string(ladder_text(l)->what));
		add(one, "rung",
		    rung ? json_object_new_int(rung - ladder_text(l)->rungs + 1) : NULL);
		add(one, "how", string(rung ? rung->how : NULL));
		add(one, "weaker", string(rung ? rung->weak : NULL));
		json_object_array_add(list, one);
	}
	return list;
}

static struct json_object *verdicts_json(const struct kernel *k)
{
	static const char *const reaches[] = {
		[REACH_READ] = "read",
		[REACH_INFERRED] = "inferred",
		[REACH_NONE] = "out_of_reach",
		[REACH_UNKNOWN] = "not_known",
	};
	struct json_object *list = json_object_new_array();

	for (int v = 0; v < VERDICT_COUNT; v++) {
		struct json_object *one = json_object_new_object();
		const char *why;
		enum reach reach = ladder_reach(k, v, &why);

		add(one, "name", string(verdict_text(v)->name));
		add(one, "reach", string(reaches[reach]));
		add(one, "by_timestamps", json_object_new_boolean(ladder_by_timestamps(v)));
		add(one, "why", string(why));
		json_object_array_add(list, one);
	}
	return list;
}

static struct json_object *sysctls_json(const struct host *h)
{
	static const char *const implications[] = {
		[NOT_IMPLICATED] = "not_implicated",
		[NEAR_ITS_LIMIT] = "near_its_limit",
		[IMPLICATED] = "implicated",
		[NOT_KNOWN] = "not_known",
	};
	struct json_object *list = json_object_new_array();

	for (int s = 0; s < SYSCTL_COUNT; s++) {
		struct json_object *one = json_object_new_object();
		struct finding f;

		sysctl_judge(&f, h, s);
		add(one, "name", string(sysctl_name(s)));
		add(one, "value", *h->value[s] ? string(h->value[s]) : NULL);
		add(one, "implication", string(implications[f.implication]));
		add(one, "why", string(f.why));
		add(one, "advice", string(f.advice));
		json_object_array_add(list, one);
	}
	return list;
}

int check_json(FILE *out, const struct check *c)
{
	const int flags = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE;
	const struct failure *failure = check_failure(c);
	struct json_object *o = json_object_new_object();
	const char *text;

	add(o, "schema", json_object_new_int(SCHEMA));
	add(o, "version", string(TCPWHY_VERSION));
	add(o, "status", json_object_new_int(failure ? failure->status : EXIT_OK));
	add(o, "failures", failures_json(c));
	add(o, "kernel", kernel_json(c));
	add(o, "btf", btf_json(&c->kernel));
	add(o, "privileges", privileges_json(c));
	add(o, "programs", programs_json(c));
	add(o, "features", features_json(c));
	add(o, "hooks", hooks_json(c));
	add(o, "verdicts", verdicts_json(&c->kernel));
	add(o, "sysctls", sysctls_json(&c->host));
	text = json_object_to_json_string_ext(o, flags);
	if (text)
		fprintf(out, "%s\n", text);
	json_object_put(o);
	return text ? 0 : -1;
}
