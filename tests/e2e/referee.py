#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Did the kernel show tcpwhy all that happened?

    unshare --mount referee.py

Some kernels (of guarded virtual machines) run no BPF program for what happens in interrupts of certain tasks, and count
no miss; ftrace sees it all the same. So this compares how often ftrace saw inet_sock_set_state with how often the
program on_set_state ran or was counted as missed. It knows nothing of verdicts and counters: it can excuse no mistake of
theirs. Each line on stdin is answered by the number of events that were hidden since the first, or since it can be told.
"""

import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

EVENT = "events/sock/inet_sock_set_state/enable"
PROGRAM = "on_set_state"
SYS_BPF = {"x86_64": 321, "aarch64": 280}
BPF_ENABLE_STATS = 32


def mount_tracefs():
    """For us alone: we are in a mount namespace of our own."""
    tracefs = pathlib.Path("/sys/kernel/tracing")
    if not (tracefs / "instances").exists():
        subprocess.run(["mount", "-t", "tracefs", "none", tracefs], check=True)
    return tracefs


def enable_run_counts():
    """As long as the descriptor is open, and that is as long as we live."""
    attr = ctypes.create_string_buffer(128)
    fd = ctypes.CDLL(None, use_errno=True).syscall(SYS_BPF[os.uname().machine], BPF_ENABLE_STATS, attr, 128)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "BPF_ENABLE_STATS")


def runs():
    """Of the programs that are there: {id: times}."""
    said = subprocess.run(["bpftool", "--json", "prog", "show", "name", PROGRAM], capture_output=True, text=True).stdout
    found = json.loads(said or "[]")
    programs = found if isinstance(found, list) else [found]
    return {p["id"]: p.get("run_cnt", 0) + p.get("recursion_misses", 0) for p in programs if "id" in p}


def hits(instance):
    total = 0
    for stats in instance.glob("per_cpu/cpu*/stats"):
        for line in stats.read_text().splitlines():
            name, _, number = line.partition(":")
            if name in ("entries", "overrun", "dropped events"):
                total += int(number)
    return total


def both(instance):
    """Read while nothing happened in between."""
    for _ in range(200):
        before, ran = hits(instance), runs()
        if hits(instance) == before:
            break
        time.sleep(0.01)
    return before, ran


def main():
    instance = mount_tracefs() / "instances" / f"tcpwhy-test-{os.getpid()}"
    instance.mkdir()
    try:
        for sig in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, lambda *_: sys.exit(0))
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)      # PR_SET_PDEATHSIG
        enable_run_counts()
        (instance / EVENT).write_text("1")
        first_hits, first_runs = both(instance)
        for _ in sys.stdin:
            now_hits, now_runs = both(instance)
            ran = [now_runs[i] - first_runs[i] for i in now_runs if i in first_runs]
            print(now_hits - first_hits - max(ran) if ran else 0, flush=True)
    finally:
        if (instance / EVENT).exists():
            (instance / EVENT).write_text("0")
        instance.rmdir()


if __name__ == "__main__":
    main()
