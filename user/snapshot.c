// SPDX-License-Identifier: GPL-2.0-only
#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kernel_btf.h"
#include "packed.h"
#include "snapshot.skel.h"

const void *snapshot__elf_bytes(size_t *sz)
{
	return unpack(PACKED_SNAPSHOT, sz);
}

/* 0 or -errno. */
static int open_object(struct snapshot *skel, const struct kernel *k)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = k->btf_file);
	int err = -ENOMEM;

	if (snapshot__create_skeleton(skel))
		return err;
	if (skel->skeleton->data)
		err = bpf_object__open_skeleton(skel->skeleton, &opts);
	free((void *)skel->skeleton->data);
	skel->skeleton->data = NULL;
	return err;
}

static struct snapshot *load(const struct kernel *k, struct failure *why)
{
	struct snapshot *skel = calloc(1, sizeof(*skel));
	int err = skel ? open_object(skel, k) : -ENOMEM;

	if (!err) {
		skel->rodata->tick_us = kernel_tick_us();
		kernel_btf_select(bpf_object__btf(skel->obj));
		err = snapshot__load(skel) ? -errno : 0;
		kernel_btf_forget();
	}
	if (!err)
		return skel;
	failed(why, EXIT_KERNEL, "the kernel refused the program that lists them: %s",
	       strerror(-err));
	snapshot__destroy(skel);
	return NULL;
}

/* The kernel has walked through very many descriptors and found nothing: there is more. */
static bool is_to_go_on(FILE *in)
{
	bool again = ferror(in) && (errno == EAGAIN || errno == EINTR);

	clearerr(in);
	return again;
}

/* 0 or -errno. */
static int read_all(FILE *in, snapshot_fn *found, void *ctx)
{
	struct held_socket s;
	int err;

	do {
		errno = 0;
		while (fread(&s, sizeof(s), 1, in) == 1)
			found(ctx, &s);
		err = ferror(in) ? -errno : 0;
	} while (is_to_go_on(in));
	return err;
}

/* 0 or -errno. */
static int iterate(const struct bpf_link *link, snapshot_fn *found, void *ctx)
{
	int fd = bpf_iter_create(bpf_link__fd(link)), err;
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");

	if (!in) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	err = read_all(in, found, ctx);
	fclose(in);
	return err;
}

int snapshot_take(const struct kernel *k, snapshot_fn *found, void *ctx, struct failure *why)
{
	struct snapshot *skel;
	struct bpf_link *link;
	int err;

	if (!kernel_has(k, FEATURE_kernel_btf))
		return failed(why, EXIT_KERNEL,
			      "this takes an iterator, which kernels without BTF of their own "
			      "do not have");
	skel = load(k, why);
	if (!skel)
		return -1;
	link = bpf_program__attach_iter(skel->progs.find_held, NULL);
	err = link ? iterate(link, found, ctx) : -errno;
	bpf_link__destroy(link);
	snapshot__destroy(skel);
	return err ? failed(why, EXIT_KERNEL, "cannot list the sockets: %s", strerror(-err)) : 0;
}
