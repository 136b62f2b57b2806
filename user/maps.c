// SPDX-License-Identifier: GPL-2.0-only
#include "maps.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int maps_add(struct maps *maps, const struct mapping *mapping)
{
	struct mapping *grown;

	if (maps->n == MAPPINGS_MAX)
		return -1;
	grown = reallocarray(maps->mappings, maps->n + 1, sizeof(*grown));
	if (!grown)
		return -1;
	maps->mappings = grown;
	maps->mappings[maps->n++] = *mapping;
	return 0;
}

/* "START-END PERMISSIONS OFFSET DEVICE INODE   PATH"; a path may have blanks in it, or be missing.
 */
static int add_line(struct maps *maps, char *line)
{
	struct mapping m = {};
	char permissions[5];
	int path = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %" SCNu64 " %n", &m.start,
		   &m.end, permissions, &m.offset, &m.inode, &path) != 5 ||
	    !path || permissions[2] != 'x' || m.start >= m.end)
		return 0;
	m.path = strdup(line + path);
	if (m.path && !maps_add(maps, &m))
		return 0;
	free(m.path);
	return -1;
}

int maps_read(struct maps *maps, FILE *in)
{
	char *line = NULL;
	size_t size = 0;
	int err = 0;

	memset(maps, 0, sizeof(*maps));
	while (!err && maps->n < MAPPINGS_MAX && getline(&line, &size, in) > 0)
		err = add_line(maps, line);
	free(line);
	if (err)
		maps_free(maps);
	return err;
}

void maps_free(struct maps *maps)
{
	for (size_t i = 0; i < maps->n; i++)
		free(maps->mappings[i].path);
	free(maps->mappings);
	memset(maps, 0, sizeof(*maps));
}

struct mapping *maps_find(const struct maps *maps, uint64_t address)
{
	for (size_t i = 0; i < maps->n; i++)
		if (address >= maps->mappings[i].start && address < maps->mappings[i].end)
			return &maps->mappings[i];
	return NULL;
}
