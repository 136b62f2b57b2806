// SPDX-License-Identifier: GPL-2.0-only
#include "call_stack.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "address_space.h"
#include "array.h"
#include "demangle.h"
#include "kernel_symbols.h"
#include "unwind.h"

#define ROOM     1024          /* stacks that are kept */
#define DATA_MAX (512UL << 20) /* bytes; of debugging information alone 256 MB may be read */

struct entry {
	uint64_t sock_id, time_ns; /* of the evidence */
	struct call_stack stack;
};

struct call_stacks {
	struct object_cache *cache;
	struct kernel_symbols *kernel;
	uint64_t newest;
	struct entry *entries[ROOM];
};

/* ---- user frames ----------------------------------------------------------------------------- */

/* An address of the process, and, where frame pointers led to it, what the kernel said of it. */
struct place {
	uint64_t address;
	const struct stack_frame *frame; /* or NULL */
};

static Dwarf_Frame *frame_at(void *ctx, uint64_t address)
{
	uint64_t offset, inside;
	struct mapping *m = address_space_find(ctx, address, &offset);

	if (!m || !m->object || !object_address(m->object, offset, &inside))
		return NULL;
	return object_frame(m->object, inside);
}

#define OFFSET_MAX (UINT64_C(1) << 40) /* no file is larger */

/* The kernel takes an address that is nowhere for one of the next file. */
static const struct stack_frame *told(const struct stack_trace *taken, size_t i)
{
	const struct stack_frame *frame = &taken->frames[i];

	return frame->status == STACK_FRAME_IN_FILE && frame->offset < OFFSET_MAX ? frame : NULL;
}

/*
 * Frame pointers lead astray where there are none: what they show is code only if it is in an
 * executable mapping; of a process that is gone, in a file.
 */
static bool is_code(const struct stack_trace *taken, size_t i, const struct address_space *space)
{
	return maps_find(&space->maps, taken->user[i]) || (space->root < 0 && told(taken, i));
}

/* What was unwound, and behind it what frame pointers led to; or those alone. */
static size_t find_places(const struct stack_trace *taken, struct address_space *space,
			  struct place *places)
{
	size_t n, chain = 0, user_n = taken->user_n;
	uint64_t unwound[STACK_USER_FRAMES];

	if (user_n > STACK_USER_FRAMES)
		user_n = STACK_USER_FRAMES;
	n = unwind(taken, frame_at, space, unwound, STACK_USER_FRAMES, &chain);
	for (size_t i = 0; i < n; i++)
		places[i] = (struct place){ unwound[i], NULL };
	if (n && user_n && unwound[0] == taken->user[0])
		places[0].frame = told(taken, 0);
	if (!n)
		chain = 0;
	for (size_t i = chain;
	     i < user_n && n < STACK_USER_FRAMES && (!n || is_code(taken, i, space)); i++)
		places[n++] = (struct place){ taken->user[i], told(taken, i) };
	return n;
}

static void set_build_id(struct frame *f, const uint8_t *id)
{
	size_t n = BUILD_ID_MAX;

	while (n > 0 && !id[n - 1])
		n--;
	for (size_t i = 0; i < n; i++)
		snprintf(f->build_id + 2 * i, 3, "%02x", id[i]);
}

/* Which function and line; the last byte of the call, and not what follows it, is asked for. */
static void look_up(struct frame *f, struct object *object, uint64_t offset, int root)
{
	const char *function, *source;
	uint64_t address;

	set_build_id(f, object_build_id(object));
	if (!offset || !object_address(object, offset - 1, &address))
		return;
	object_find_debug(object, root);
	function = object_function(object, address);
	if (function)
		f->function = demangle(function);
	if (f->function)
		f->function[strcspn(f->function, "@")] = '\0'; /* the version of a symbol */
	if (object_line(object, address, &source, &f->line))
		f->source = strdup(source);
}

static void describe(struct frame *f, const struct place *place, struct address_space *space)
{
	uint64_t offset;
	struct mapping *m = address_space_find(space, place->address, &offset);

	if (place->frame) {
		set_build_id(f, place->frame->build_id);
		f->offset = place->frame->offset;
	} else if (m && *m->path) {
		f->offset = offset;
	} else {
		f->address = place->address;
	}
	if (!m || !*m->path)
		return;
	f->object = strdup(m->path);
	if (m->object)
		look_up(f, m->object, offset, space->root);
}

static void add_user(struct call_stacks *stacks, struct call_stack *stack,
		     const struct stack_trace *taken)
{
	struct place places[STACK_USER_FRAMES];
	struct address_space space;
	size_t n;

	if (!taken->moment || (!taken->user_n && !taken->bytes_n))
		return;
	address_space_open(&space, taken, stacks->cache);
	stack->moment = taken->moment;
	n = find_places(taken, &space, places);
	stack->user = calloc(n, sizeof(*stack->user));
	stack->user_n = stack->user ? n : 0;
	for (size_t i = 0; i < stack->user_n; i++)
		describe(&stack->user[i], &places[i], &space);
	address_space_close(&space);
	object_cache_trim(stacks->cache);
}

/* ---- kernel frames --------------------------------------------------------------------------- */

void call_stacks_learn_kernel(struct call_stacks *stacks)
{
	FILE *in = fopen("/proc/kallsyms", "re");

	stacks->kernel = in ? kernel_symbols_read(in) : NULL;
	if (in)
		fclose(in);
	if (!stacks->kernel)
		fprintf(stderr,
			"tcpwhy: the kernel hides the names of its functions, so --kstack shows "
			"addresses: it takes CAP_SYSLOG, and kernel.kptr_restrict must not be 2\n");
}

/* Those of tracing itself, which are innermost, say nothing. */
static bool is_of_tracing(const struct kernel_symbol *symbol)
{
	static const char *const prefixes[] = { "bpf_", "__bpf_", "__traceiter_", "__do_trace_" };

	for (size_t i = 0; symbol && i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(symbol->name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static void add_kernel(struct call_stacks *stacks, struct call_stack *stack,
		       const struct stack_trace *taken)
{
	if (!taken->kernel_n)
		return;
	stack->kernel = calloc(STACK_KERNEL_FRAMES, sizeof(*stack->kernel));
	if (!stack->kernel)
		return;
	for (uint32_t i = 0; i < taken->kernel_n && i < STACK_KERNEL_FRAMES; i++) {
		const struct kernel_symbol *symbol = NULL;
		struct frame *f = &stack->kernel[stack->kernel_n];

		if (stacks->kernel)
			symbol = kernel_symbols_find(stacks->kernel, taken->kernel[i]);
		if (!stack->kernel_n && is_of_tracing(symbol))
			continue;
		stack->kernel_n++;
		f->address = taken->kernel[i];
		if (!symbol)
			continue;
		f->function = strdup(symbol->name);
		f->offset = taken->kernel[i] - symbol->address;
		if (*symbol->module)
			f->object = strdup(symbol->module);
	}
}

/* ---- all of them ----------------------------------------------------------------------------- */

#ifdef __SANITIZE_ADDRESS__ /* which maps terabytes that it hardly uses */
void call_stacks_limit_memory(void)
{
}
#else
void call_stacks_limit_memory(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_DATA, &limit) || limit.rlim_cur <= DATA_MAX)
		return;
	limit.rlim_cur = DATA_MAX;
	setrlimit(RLIMIT_DATA, &limit);
}
#endif

struct call_stacks *call_stacks_new(void)
{
	struct call_stacks *stacks = calloc(1, sizeof(*stacks));

	if (!stacks)
		return NULL;
	stacks->cache = object_cache_new();
	if (stacks->cache)
		return stacks;
	free(stacks);
	return NULL;
}

static void free_frames(struct frame *frames, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(frames[i].function);
		free(frames[i].source);
		free(frames[i].object);
	}
	free(frames);
}

static void free_entry(struct entry *entry)
{
	if (!entry)
		return;
	free_frames(entry->stack.user, entry->stack.user_n);
	free_frames(entry->stack.kernel, entry->stack.kernel_n);
	free(entry);
}

void call_stacks_free(struct call_stacks *stacks)
{
	if (!stacks)
		return;
	for (int i = 0; i < ROOM; i++)
		free_entry(stacks->entries[i]);
	kernel_symbols_free(stacks->kernel);
	object_cache_free(stacks->cache);
	free(stacks);
}

void call_stacks_add(struct call_stacks *stacks, const struct evidence *e,
		     const struct stack_trace *taken)
{
	struct entry **slot = &stacks->entries[stacks->newest % ROOM];
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return;
	entry->sock_id = e->sock_id;
	entry->time_ns = e->time_ns;
	add_user(stacks, &entry->stack, taken);
	add_kernel(stacks, &entry->stack, taken);
	if (!entry->stack.user_n && !entry->stack.kernel_n) {
		free_entry(entry);
		return;
	}
	free_entry(*slot);
	*slot = entry;
	stacks->newest++;
}

const struct call_stack *call_stacks_find(const struct call_stacks *stacks,
					  const struct evidence *e)
{
	for (uint64_t i = 1; i <= ROOM && i <= stacks->newest; i++) {
		const struct entry *entry = stacks->entries[(stacks->newest - i) % ROOM];

		if (entry->sock_id == e->sock_id && entry->time_ns == e->time_ns)
			return &entry->stack;
	}
	return NULL;
}
