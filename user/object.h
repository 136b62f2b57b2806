/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An ELF file that a process runs: which function and which line an address in it is, and how to
 * unwind a call from there. The file is the process's choice: any bytes, which may change while
 * they are read. So it is read and not mapped, and what would take too much memory is left out.
 */
#ifndef TCPWHY_OBJECT_H
#define TCPWHY_OBJECT_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUILD_ID_MAX 20 /* bytes; longer ones are cut, as the kernel does */

struct object;

/* Takes over the descriptor. NULL if it is no ELF file for this machine, or there is no memory. */
struct object *object_open(int fd, const char *path);
void object_close(struct object *o);

/*
 * Looks for debugging information, once; before that, no line is known. root: a directory beneath
 * which it is looked for first, before that of this host; or -1.
 */
void object_find_debug(struct object *o, int root);

/* As it was opened with. */
const char *object_path(const struct object *o);

/* About how much memory it takes, in bytes. */
size_t object_memory(const struct object *o);

/* All zero if it has none. */
const uint8_t *object_build_id(const struct object *o);

/* The address that an offset in the file has in its own terms; false: it is not to be executed. */
bool object_address(const struct object *o, uint64_t offset, uint64_t *address);

/*
 * The executable part of the file that has this offset, or the first one: where it begins in the
 * file, and how long it is. False: there is none.
 */
bool object_code_at(const struct object *o, uint64_t offset, uint64_t *begin, uint64_t *size);
bool object_first_code(const struct object *o, uint64_t *begin, uint64_t *size);

/* The name of the function, mangled perhaps, valid while the object is; NULL: unknown. */
const char *object_function(struct object *o, uint64_t address);

/* The file and line of the source; false: unknown. Valid while the object is. */
bool object_line(struct object *o, uint64_t address, const char **file, unsigned int *line);

/* How to unwind from there; to be freed. NULL: unknown. */
Dwarf_Frame *object_frame(struct object *o, uint64_t address);

#endif
