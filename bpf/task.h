/* SPDX-License-Identifier: GPL-2.0-only */
/* From a task to its process, as the evidence has it. */
#ifndef TCPWHY_TASK_H
#define TCPWHY_TASK_H

#include "sock.h"

/* Kernel threads own nothing. */
static __always_inline void owner_of_task(struct owner *o, const struct task_struct *task)
{
	if (task->flags & PF_KTHREAD)
		return;
	o->pid = task->tgid;
	o->cgroup = task->cgroups->dfl_cgrp->kn->id;
	bpf_probe_read_kernel(o->comm, sizeof(o->comm), &task->group_leader->comm);
}

/* Of a task that the verifier does not trust. */
static __always_inline void owner_of_probed_task(struct owner *o, const struct task_struct *task)
{
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return;
	o->pid = BPF_CORE_READ(task, tgid);
	o->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	BPF_CORE_READ_INTO(&o->comm, task, group_leader, comm);
}

#endif
