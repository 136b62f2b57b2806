/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is known of a death or an incident, field by field: the names by which JSON and --fields
 * have it, and when it has a meaning. record.schema.json says the same to others.
 */
#ifndef TCPWHY_FIELDS_H
#define TCPWHY_FIELDS_H

#include <stdbool.h>

#include "call_stack.h"
#include "failure.h"
#include "format.h"
#include "verdict.h"

/* One death or incident, judged. */
struct record {
	const struct evidence *e;
	const struct evidence *other; /* of the other end, or NULL */
	enum verdict verdict;
	const struct call_stack *stack; /* or NULL */
};

enum value_kind {
	VALUE_NONE, /* unknown, or it means nothing here */
	VALUE_NUMBER,
	VALUE_TEXT,  /* of our own making */
	VALUE_BYTES, /* a name that somebody else chose: any bytes */
	VALUE_LIST,
	VALUE_TIME, /* CLOCK_MONOTONIC, ns */
	VALUE_OTHER_END,
	VALUE_STACK, /* calls, innermost first */
};

#define VALUE_ITEMS_MAX 24
#define VALUE_TEXT_SIZE 1024

struct value {
	enum value_kind kind;
	uint64_t number;
	const char *text; /* perhaps in buffer; of VALUE_BYTES, len long or up to a NUL */
	size_t len;
	const char *items[VALUE_ITEMS_MAX];
	const struct frame *frames;
	size_t n; /* of the items or frames */
	char buffer[VALUE_TEXT_SIZE];
};

/* Those there are, in the order in which they are shown. */
unsigned int field_count(void);
const char *field_name(unsigned int field);

/* The width of its column, in text. */
int field_width(unsigned int field);

/* Only shown if asked for: what others say too, put together. */
bool field_is_extra(unsigned int field);

/* Is it told of the other end, too? */
bool field_is_of_other_end(unsigned int field);

void field_value(struct value *value, unsigned int field, const struct record *r);

/* Those of a LIST of --fields, in its order. */
struct field_list {
	unsigned char fields[128];
	unsigned int n; /* 0: not given */
};

/* 0, or -1 and *why. */
int field_list_parse(struct field_list *list, const char *text, struct failure *why);

#endif
