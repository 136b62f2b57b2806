/* SPDX-License-Identifier: GPL-2.0-only */
/* A file that somebody gives for the kernel's BTF: any bytes. */
#ifndef TCPWHY_BTF_FILE_H
#define TCPWHY_BTF_FILE_H

#include <bpf/btf.h>

/*
 * Of BTF, or an ELF file with a section .BTF. To be freed with btf__free(); NULL and errno, which
 * is EBADMSG for what is no sound BTF, ENODATA for an ELF file without.
 */
struct btf *btf_file_load(const char *path);

#endif
