/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes JSON to a stream as it comes, without a tree of it in memory: a line takes a third of the
 * time that it takes by json-c, which makes some hundred allocations of it. The names are constants
 * of ours.
 */
#ifndef TCPWHY_JSON_H
#define TCPWHY_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	bool follows; /* something is before it, so a comma is due */
};

/* name: NULL for the outermost one and for items of arrays, in all of these. bracket: '{' or '['.
 */
void json_open(struct json *json, const char *name, char bracket);
void json_close(struct json *json, char bracket);

void json_number(struct json *json, const char *name, uint64_t number);

/* text: valid UTF-8; any, control characters too. */
void json_string(struct json *json, const char *name, const char *text);

#endif
