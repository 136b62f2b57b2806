// SPDX-License-Identifier: GPL-2.0-only
/*
 * Only in the static binary. What libraries refer to, and tcpwhy never gets to: being defined here,
 * it is not taken from their archives, with all that it refers to in turn. A call that comes all
 * the same ends in abort().
 *
 * If another version of a library has one of them in another place, the linker says that it is
 * defined twice: then the row can go, or all of this with make TRIM=.
 */
#include <stdlib.h>

#define UNUSED(function)                                                                           \
	void function(void);                                                                       \
	void function(void)                                                                        \
	{                                                                                          \
		abort();                                                                           \
	}

/* glibc: "%f" in scanf(), but for double; "%a" in printf(); wide characters in stdio. */
UNUSED(__strtof_internal)
UNUSED(__strtold_internal)
UNUSED(__strtof128_internal)
UNUSED(__printf_fphex)
UNUSED(__vfwprintf_internal)

/* glibc: what pthread_cancel() and pthread_exit() unwind. */
UNUSED(___pthread_unwind_next)
UNUSED(__pthread_unwind)
UNUSED(_Unwind_Resume)
UNUSED(__gcc_personality_v0)

/* ncurses: soft labels, which nobody asked for. */
UNUSED(wattrset)

/* ncurses: does the terminal take RGB for colours? The names of all capabilities are 22 KB. */
int tigetflag(const char *name);
int tigetflag(const char *name)
{
	(void)name;
	return -1;
}

int tigetnum(const char *name);
int tigetnum(const char *name)
{
	(void)name;
	return -2;
}

char *tigetstr(const char *name);
char *tigetstr(const char *name)
{
	(void)name;
	return (char *)-1;
}

/* libbpf: the kernel's configuration, for BPF programs with variables in .kconfig. */
UNUSED(gzopen64)
UNUSED(gzopen)
UNUSED(gzgets)
UNUSED(gzclose)

/* libbpf: programs that load programs, and probes of user space (USDT). */
UNUSED(bpf_gen__finish)
UNUSED(bpf_gen__init)
UNUSED(bpf_gen__load_btf)
UNUSED(bpf_gen__map_create)
UNUSED(bpf_gen__map_freeze)
UNUSED(bpf_gen__map_update_elem)
UNUSED(bpf_gen__populate_outer_map)
UNUSED(bpf_gen__prog_load)
UNUSED(bpf_gen__record_attach_target)
UNUSED(bpf_gen__record_extern)
UNUSED(bpf_gen__record_relo_core)
UNUSED(usdt_manager_new)
UNUSED(usdt_manager_attach_usdt)

/* What libbpf does without having any of these: there is nothing to free. */
void bpf_gen__free(void *generator);
void bpf_gen__free(void *generator)
{
	(void)generator;
}

void usdt_manager_free(void *manager);
void usdt_manager_free(void *manager)
{
	(void)manager;
}

/*
 * glibc: shared objects, for character sets that it does not have built in. They would have to be
 * of the very version that is linked here; tcpwhy takes ASCII and UTF-8 only (user/screen.c), which
 * are.
 */
void *__libc_dlopen_mode(const char *name, int mode);
void *__libc_dlopen_mode(const char *name, int mode)
{
	(void)name;
	(void)mode;
	return NULL;
}

UNUSED(__libc_dlsym)
UNUSED(__libc_dlvsym)
UNUSED(__libc_dlclose)

/* glibc: translations. No locale is ever set but for characters, so that there are none. */
char *__dcgettext(const char *domain, const char *message, int category);
char *__dcgettext(const char *domain, const char *message, int category)
{
	(void)domain;
	(void)category;
	return (char *)message;
}

char *dcgettext(const char *domain, const char *message, int category)
	__attribute__((alias("__dcgettext")));

int _nl_msg_cat_cntr; /* how often they have changed */

void _nl_finddomain_subfreeres(void); /* frees them */
void _nl_finddomain_subfreeres(void)
{
}

/* glibc: the resolver, of which each thread has a state; nobody asks for names of hosts. */
extern __thread void *__libc_resp;
__thread void *__libc_resp;
