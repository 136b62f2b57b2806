// SPDX-License-Identifier: GPL-2.0-only
#include "btf_check.h"

#include <stdint.h>
#include <stdlib.h>

#include <bpf/btf.h>

#include "array.h"

#define DEPTH_MAX   64 /* of types that have one another in them; kernels have some 20 */
#define MEMBERS_MAX 100000

#define NONE (-1)

/* What a type has in it. */
struct extent {
	uint32_t members; /* with those of members that have no name */
	uint32_t depth;   /* 0: it was not looked into */
};

struct types {
	const uint8_t *begin;
	const char *names;
	uint32_t names_size;
	uint32_t n;        /* the last type; 0 is void */
	uint32_t *offsets; /* of each type, from begin */
	struct extent *extents;
};

/* What follows a type: some bytes, and for each of its list. In which word each has a name, a type.
 */
static const struct layout {
	uint8_t known, refers; /* refers: to the type in the field type */
	uint8_t bytes, bytes_each;
	int8_t name, type;
} layouts[] = {
	[BTF_KIND_INT] = { 1, 0, 4, 0, NONE, NONE },
	[BTF_KIND_PTR] = { 1, 1, 0, 0, NONE, NONE },
	[BTF_KIND_ARRAY] = { 1, 0, 12, 0, NONE, NONE },
	[BTF_KIND_STRUCT] = { 1, 0, 0, 12, 0, 1 },
	[BTF_KIND_UNION] = { 1, 0, 0, 12, 0, 1 },
	[BTF_KIND_ENUM] = { 1, 0, 0, 8, 0, NONE },
	[BTF_KIND_FWD] = { 1, 0, 0, 0, NONE, NONE },
	[BTF_KIND_TYPEDEF] = { 1, 1, 0, 0, NONE, NONE },
	[BTF_KIND_VOLATILE] = { 1, 1, 0, 0, NONE, NONE },
	[BTF_KIND_CONST] = { 1, 1, 0, 0, NONE, NONE },
	[BTF_KIND_RESTRICT] = { 1, 1, 0, 0, NONE, NONE },
	[BTF_KIND_FUNC] = { 1, 1, 0, 0, NONE, NONE },
	[BTF_KIND_FUNC_PROTO] = { 1, 1, 0, 8, 0, 1 },
	[BTF_KIND_VAR] = { 1, 1, 4, 0, NONE, NONE },
	[BTF_KIND_DATASEC] = { 1, 0, 0, 12, NONE, 0 },
	[BTF_KIND_FLOAT] = { 1, 0, 0, 0, NONE, NONE },
	[BTF_KIND_DECL_TAG] = { 1, 1, 4, 0, NONE, NONE },
	[BTF_KIND_TYPE_TAG] = { 1, 1, 0, 0, NONE, NONE },
	[BTF_KIND_ENUM64] = { 1, 0, 0, 12, 0, NONE },
};

/* ---- where everything is --------------------------------------------------------------------- */

static bool find_sections(struct types *t, const struct btf_header *h, size_t size, uint32_t *bytes)
{
	size_t left;

	if (size < sizeof(*h) || h->magic != BTF_MAGIC || h->version != BTF_VERSION ||
	    h->hdr_len < sizeof(*h) || h->hdr_len > size || h->hdr_len % 4 || h->type_off % 4)
		return false;
	left = size - h->hdr_len;
	if ((uint64_t)h->type_off + h->type_len > h->str_off || !h->str_len ||
	    (uint64_t)h->str_off + h->str_len > left)
		return false;
	t->begin = (const uint8_t *)h + h->hdr_len + h->type_off;
	t->names = (const char *)h + h->hdr_len + h->str_off;
	t->names_size = h->str_len;
	*bytes = h->type_len;
	return !t->names[0] && !t->names[t->names_size - 1];
}

static const struct btf_type *type_at(const struct types *t, uint32_t id)
{
	return (const struct btf_type *)(t->begin + t->offsets[id]);
}

/* In bytes, with its list; 0: that is no type. */
static size_t size_of(const struct btf_type *type)
{
	unsigned int kind = btf_kind(type);

	if (kind >= ARRAY_SIZE(layouts) || !layouts[kind].known)
		return 0;
	return sizeof(*type) + layouts[kind].bytes +
	       (size_t)layouts[kind].bytes_each * btf_vlen(type);
}

/* Fills in offsets, which has room for as many as there can be. */
static bool find_types(struct types *t, uint32_t bytes)
{
	uint32_t at = 0;

	while (at < bytes) {
		const struct btf_type *type = (const struct btf_type *)(t->begin + at);
		size_t size = bytes - at < sizeof(*type) ? 0 : size_of(type);

		if (!size || size > bytes - at)
			return false;
		t->offsets[++t->n] = at;
		at += size;
	}
	return true;
}

/* ---- each type ------------------------------------------------------------------------------- */

static bool is_name(const struct types *t, uint32_t offset)
{
	return offset < t->names_size;
}

static bool is_type(const struct types *t, uint32_t id)
{
	return id <= t->n;
}

static bool list_is_sound(const struct types *t, const struct btf_type *type)
{
	const struct layout *layout = &layouts[btf_kind(type)];
	const uint32_t *words = (const uint32_t *)(type + 1);

	if (!layout->bytes_each)
		return true;
	for (int i = 0; i < btf_vlen(type); i++, words += layout->bytes_each / 4)
		if ((layout->name != NONE && !is_name(t, words[layout->name])) ||
		    (layout->type != NONE && !is_type(t, words[layout->type])))
			return false;
	return true;
}

static bool type_is_sound(const struct types *t, const struct btf_type *type)
{
	const struct btf_array *array = btf_array(type);

	if (!is_name(t, type->name_off) ||
	    (layouts[btf_kind(type)].refers && !is_type(t, type->type)))
		return false;
	if (btf_is_array(type))
		return is_type(t, array->type) && is_type(t, array->index_type);
	if (btf_is_int(type) || btf_is_any_enum(type))
		return type->size && list_is_sound(t, type);
	return list_is_sound(t, type);
}

/* ---- what they are made of ------------------------------------------------------------------- */

static bool look_into(struct types *t, uint32_t id, unsigned int level);

/* Adds another type, which something is in. */
/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX deep at most, as are the next two */
static bool add_inner(struct extent *e, struct types *t, uint32_t inner, bool its_members,
		      unsigned int level)
{
	if (!look_into(t, inner, level + 1))
		return false;
	if (e->depth <= t->extents[inner].depth)
		e->depth = t->extents[inner].depth + 1;
	if (its_members)
		e->members += t->extents[inner].members;
	return e->depth <= DEPTH_MAX && e->members <= MEMBERS_MAX;
}

/* Of a number: libbpf divides by its size. */
static bool is_number(const struct types *t, uint32_t id)
{
	const struct btf_type *type = NULL;

	while (id && (btf_is_mod(type = type_at(t, id)) || btf_is_typedef(type)))
		id = type->type;
	return id && (btf_is_int(type) || btf_is_any_enum(type));
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static bool add_members(struct extent *e, struct types *t, const struct btf_type *type,
			unsigned int level)
{
	const struct btf_member *m = btf_members(type);
	int n = btf_vlen(type);

	e->members = n;
	for (int i = 0; i < n; i++)
		if (!add_inner(e, t, m[i].type, !t->names[m[i].name_off], level) ||
		    (btf_member_bitfield_size(type, i) && !is_number(t, m[i].type)))
			return false;
	return true;
}

/* Nothing may be in itself, but behind a pointer. */
/* NOLINTNEXTLINE(misc-no-recursion) */
static bool look_into(struct types *t, uint32_t id, unsigned int level)
{
	const struct btf_type *type = id ? type_at(t, id) : NULL;
	struct extent e = { .depth = 1 };
	bool sound = true;

	if (!id || t->extents[id].depth)
		return true;
	if (level > DEPTH_MAX)
		return false;
	if (btf_is_composite(type))
		sound = add_members(&e, t, type, level);
	else if (btf_is_array(type))
		sound = add_inner(&e, t, btf_array(type)->type, false, level);
	else if (btf_is_mod(type) || btf_is_typedef(type))
		sound = add_inner(&e, t, type->type, true, level);
	t->extents[id] = e;
	return sound;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool types_are_sound(struct types *t)
{
	for (uint32_t id = 1; id <= t->n; id++)
		if (!type_is_sound(t, type_at(t, id)))
			return false;
	for (uint32_t id = 1; id <= t->n; id++)
		if (!look_into(t, id, 1))
			return false;
	return true;
}

bool btf_is_sound(const void *bytes, size_t size)
{
	struct types t = {};
	uint32_t types_size;
	size_t most;
	bool sound;

	if (!find_sections(&t, bytes, size, &types_size))
		return false;
	most = 1 + types_size / sizeof(struct btf_type);
	t.offsets = calloc(most, sizeof(*t.offsets));
	t.extents = calloc(most, sizeof(*t.extents));
	sound = t.offsets && t.extents && find_types(&t, types_size) && types_are_sound(&t);
	free(t.offsets);
	free(t.extents);
	return sound;
}
