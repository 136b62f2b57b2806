/* SPDX-License-Identifier: GPL-2.0-only */
/* LISTs on the command line: items that commas separate. */
#ifndef TCPWHY_LIST_H
#define TCPWHY_LIST_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ITEM_SIZE 256 /* what is longer than any item that can be good is cut, and refused */

/* The next item of a list, which moves on behind it and is NULL at its end. */
static inline bool next_item(const char **list, char item[ITEM_SIZE])
{
	size_t len;

	if (!*list)
		return false;
	len = strcspn(*list, ",");
	snprintf(item, ITEM_SIZE, "%.*s", (int)len, *list);
	*list = (*list)[len] ? *list + len + 1 : NULL;
	return true;
}

#endif
