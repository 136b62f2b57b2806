// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <json-c/json.h>

#include "cgroup.h"
#include "escape.h"
#include "format.h"
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
	struct json_object *kept = json_object_new_array();

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
	for (int i = 0; i < 64; i++)
		if (c->kept.capabilities >> i & 1)
			json_object_array_add(kept, string(capability_name(i)));
	add(o, "kept", kept);
	add(o, "no_new_privs", json_object_new_boolean(true));
	add(o, "filtered", json_object_new_boolean(!c->kept.unfiltered));
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

/* ---- accidents --------------------------------------------------------------------------- */

static struct json_object *home_json(const struct held_socket *s, enum cgroup_kind kind)
{
	const struct cgroup_home *home = cgroup_find(s->owner.cgroup);
	char name[ESCAPED_SIZE(CGROUP_NAME_LEN)];

	if (!home || home->kind != kind)
		return NULL;
	escape_utf8(name, sizeof(name), home->name, sizeof(home->name));
	return string(name);
}

static struct json_object *group_json(const struct accidents *a, enum accident_kind kind,
				      const struct accident_group *group)
{
	const struct held_socket *s = &group->worst;
	char comm[ESCAPED_SIZE(TASK_NAME_LEN)], local[ENDPOINT_SIZE], remote[ENDPOINT_SIZE];
	char why[ACCIDENT_TEXT_SIZE];
	struct json_object *o = json_object_new_object();

	escape_utf8(comm, sizeof(comm), s->owner.comm, sizeof(s->owner.comm));
	format_local(local, &s->tuple);
	format_remote(remote, &s->tuple);
	accident_describe(why, kind, s, &a->limits);
	add(o, "comm", string(comm));
	add(o, "pid", json_object_new_int64(s->owner.pid));
	add(o, "count", json_object_new_int64(group->count));
	add(o, "local", string(local));
	add(o, "remote", s->tuple.rport ? string(remote) : NULL);
	add(o, "netns", json_object_new_int64(s->netns));
	add(o, "unit", home_json(s, CGROUP_UNIT));
	add(o, "container", home_json(s, CGROUP_CONTAINER));
	add(o, "why", string(why));
	return o;
}

static struct json_object *accident_json(const struct check *c, enum accident_kind kind)
{
	const struct accident_text *text = accident_text(kind);
	const struct accident *a = &c->accidents.kind[kind];
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	bool of_sockets = kind < ACCIDENTS_OF_SOCKETS, seen = !of_sockets || c->sockets_seen;

	for (int i = 0; i < ACCIDENT_GROUPS && a->group[i].count; i++)
		json_object_array_add(list, group_json(&c->accidents, kind, &a->group[i]));
	add(o, "name", string(text->name));
	add(o, "found", seen ? json_object_new_boolean(a->count > 0) : NULL);
	add(o, "count", a->count ? json_object_new_int64(a->count) : NULL);
	add(o, "likely", json_object_new_boolean(text->likely));
	add(o, "meaning", string(text->meaning));
	add(o, "advice", string(text->advice));
	add(o, "verdict",
	    text->verdict == VERDICT_COUNT ? NULL : string(verdict_text(text->verdict)->name));
	add(o, "why", *a->why ? string(a->why) : NULL);
	add(o, "processes", of_sockets && seen ? json_object_new_int64(a->processes) : NULL);
	add(o, "worst", list);
	return o;
}

static struct json_object *accidents_json(const struct check *c)
{
	struct json_object *list = json_object_new_array();

	for (int kind = 0; kind < ACCIDENT_COUNT; kind++)
		json_object_array_add(list, accident_json(c, kind));
	return list;
}

static struct json_object *sockets_json(const struct check *c)
{
	const struct accident_limits *l = &c->accidents.limits;
	struct json_object *o = json_object_new_object();

	add(o, "seen", c->sockets_seen ? json_object_new_int64(c->accidents.sockets) : NULL);
	add(o, "netns", l->netns ? json_object_new_int64(l->netns) : NULL);
	add(o, "stuck_ms", json_object_new_int64(l->stuck_ms));
	add(o, "failure", c->sockets_seen ? NULL : failure_json(&c->unseen));
	return o;
}

int check_json(FILE *out, const struct check *c)
{
	const int flags = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE;
	struct json_object *o = json_object_new_object();
	const char *text;

	add(o, "schema", json_object_new_int(SCHEMA));
	add(o, "version", string(TCPWHY_VERSION));
	add(o, "status", json_object_new_int(check_status(c)));
	add(o, "failures", failures_json(c));
	add(o, "kernel", kernel_json(c));
	add(o, "btf", btf_json(&c->kernel));
	add(o, "privileges", privileges_json(c));
	add(o, "programs", programs_json(c));
	add(o, "features", features_json(c));
	add(o, "hooks", hooks_json(c));
	add(o, "verdicts", verdicts_json(&c->kernel));
	add(o, "sysctls", sysctls_json(&c->host));
	add(o, "sockets", sockets_json(c));
	add(o, "accidents", accidents_json(c));
	text = json_object_to_json_string_ext(o, flags);
	if (text)
		fprintf(out, "%s\n", text);
	json_object_put(o);
	return text ? 0 : -1;
}
