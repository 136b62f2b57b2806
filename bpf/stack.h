/* SPDX-License-Identifier: GPL-2.0-only */
/* Who called us? Where a tracepoint doesn't say why, the kernel's stack does. */
#ifndef TCPWHY_STACK_H
#define TCPWHY_STACK_H

#define CALLERS_MAX 12

/* tcp_check_req(), from its first byte to behind its last. */
const volatile __u64 check_req_start = 0, check_req_end = 0;

static __always_inline bool called_by(void *ctx, __u64 start, __u64 end)
{
	__u64 callers[CALLERS_MAX] = {};

	if (bpf_get_stack(ctx, callers, sizeof(callers), 0) < 0)
		return false;
	for (__u32 i = 0; i < CALLERS_MAX; i++)
		if (callers[i] >= start && callers[i] < end)
			return true;
	return false;
}

#endif
