// SPDX-License-Identifier: GPL-2.0-only
#include "core_types.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ------------------------------------------------------------------------------- */

/* Sorted, without flavours. They are those of the object, not NUL-terminated. */
struct name {
	const char *text;
	size_t len;
};

struct names {
	struct name *sorted;
	size_t n;
};

/* What CO-RE compares: struct sock___5_10 is a struct sock. */
static struct name name_of(const struct btf *btf, const struct btf_type *type)
{
	const char *text = btf__name_by_offset(btf, type->name_off);
	const char *flavour = strstr(text, "___");

	return (struct name){ text, flavour ? (size_t)(flavour - text) : strlen(text) };
}

static int compare(const void *left, const void *right)
{
	const struct name *l = left, *r = right;
	int order = memcmp(l->text, r->text, l->len < r->len ? l->len : r->len);

	return order ? order : (l->len > r->len) - (l->len < r->len);
}

/* Relocations start at one of these. */
static bool can_be_root(const struct btf_type *type)
{
	return type->name_off && (btf_is_composite(type) || btf_is_any_enum(type) ||
				  btf_is_typedef(type) || btf_is_fwd(type));
}

static int collect_names(const struct btf *object, struct names *names)
{
	__u32 end = btf__type_cnt(object);

	names->sorted = calloc(end, sizeof(*names->sorted));
	if (!names->sorted)
		return -ENOMEM;
	for (__u32 id = 1; id < end; id++) {
		const struct btf_type *type = btf__type_by_id(object, id);

		if (can_be_root(type))
			names->sorted[names->n++] = name_of(object, type);
	}
	qsort(names->sorted, names->n, sizeof(*names->sorted), compare);
	return 0;
}

static bool is_named(const struct names *names, const struct btf *kernel,
		     const struct btf_type *type)
{
	struct name name;

	if (!can_be_root(type))
		return false;
	name = name_of(kernel, type);
	return name.len && bsearch(&name, names->sorted, names->n, sizeof(name), compare);
}

/* ---- which types ------------------------------------------------------------------------- */

struct selection {
	const struct btf *kernel;
	__u32 *number;  /* of each type among those that are taken, from 1; 0: it is not */
	__u32 *waiting; /* taken, and what they are made of was not looked at */
	__u32 waiting_n;
};

/* Functions are no part of a value. */
static bool is_value(const struct btf_type *type)
{
	return !btf_is_func(type) && !btf_is_func_proto(type) && !btf_is_var(type) &&
	       !btf_is_datasec(type) && !btf_is_decl_tag(type);
}

static void take(struct selection *s, __u32 *id)
{
	if (!*id || s->number[*id] || !is_value(btf__type_by_id(s->kernel, *id)))
		return;
	s->number[*id] = 1;
	s->waiting[s->waiting_n++] = *id;
}

/* Of those that a type refers to. What is behind a pointer is no part of it. */
static void each_part(struct selection *s, struct btf_type *type,
		      void (*visit)(struct selection *s, __u32 *id))
{
	if (btf_is_composite(type)) {
		for (int i = 0; i < btf_vlen(type); i++)
			visit(s, &btf_members(type)[i].type);
	} else if (btf_is_array(type)) {
		visit(s, &btf_array(type)->type);
		visit(s, &btf_array(type)->index_type);
	} else if (btf_is_typedef(type) || btf_is_mod(type) || btf_is_type_tag(type)) {
		visit(s, &type->type);
	}
}

/* libbpf lets types be changed, and says const. */
static struct btf_type *type_at(const struct btf *btf, __u32 id)
{
	return (struct btf_type *)btf__type_by_id(btf, id);
}

static void select_types(struct selection *s, const struct names *names)
{
	__u32 end = btf__type_cnt(s->kernel), n = 0;

	for (__u32 id = 1; id < end; id++)
		if (is_named(names, s->kernel, btf__type_by_id(s->kernel, id)))
			take(s, &id);
	while (s->waiting_n)
		each_part(s, type_at(s->kernel, s->waiting[--s->waiting_n]), take);
	for (__u32 id = 1; id < end; id++)
		if (s->number[id])
			s->number[id] = ++n;
}

/* ---- a copy of them ---------------------------------------------------------------------- */

/* In the copy, which refers to others by the numbers that they had. */
static void renumber(struct selection *s, __u32 *id)
{
	*id = s->number[*id];
}

static void renumber_parts(struct selection *s, struct btf_type *type)
{
	if (btf_is_ptr(type))
		type->type = 0;
	else
		each_part(s, type, renumber);
}

static int copy_types(struct selection *s, struct btf *few)
{
	__u32 end = btf__type_cnt(s->kernel);
	int id = 0;

	btf__set_pointer_size(few, btf__pointer_size(s->kernel));
	for (__u32 i = 1; i < end && id >= 0; i++)
		if (s->number[i])
			id = btf__add_type(few, s->kernel, btf__type_by_id(s->kernel, i));
	for (__u32 i = 1; i < btf__type_cnt(few); i++)
		renumber_parts(s, type_at(few, i));
	return id < 0 ? id : 0;
}

static int reduce(const struct btf *kernel, const struct names *names, struct btf *few)
{
	__u32 n = btf__type_cnt(kernel);
	struct selection s = { .kernel = kernel,
			       .number = calloc(n, sizeof(*s.number)),
			       .waiting = calloc(n, sizeof(*s.waiting)) };
	int err = -ENOMEM;

	if (s.number && s.waiting) {
		select_types(&s, names);
		err = copy_types(&s, few);
	}
	free(s.number);
	free(s.waiting);
	return err;
}

struct btf *core_types(const struct btf *kernel, const struct btf *object)
{
	struct names names = {};
	struct btf *few = btf__new_empty();
	int err = few ? collect_names(object, &names) : -errno;

	if (!err)
		err = reduce(kernel, &names, few);
	free(names.sorted);
	if (!err)
		return few;
	btf__free(few);
	errno = -err;
	return NULL;
}
