#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Did the kernel show tcpwhy all that happened?

    unshare --mount referee.py

Some kernels (of guarded virtual machines) run no BPF program for what happens in interrupts of certain tasks, and count
no miss; ftrace sees it all the same. So this compares how often ftrace saw the tracepoints with how often the programs of
the tcpwhy that was started last ran, or were counted as missed. It knows nothing of verdicts and counters: it can excuse
no mistake of theirs. Each line on stdin is answered by the number of events that were hidden since it began.
"""

import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

EVENTS = {"on_set_state": "sock/inet_sock_set_state", "on_send_reset": "tcp/tcp_send_reset",
          "on_receive_reset": "tcp/tcp_receive_reset", "on_retransmit_skb": "tcp/tcp_retransmit_skb",
          "on_retransmit_synack": "tcp/tcp_retransmit_synack", "on_kfree_skb": "skb/kfree_skb"}
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
    """{program: times}; of several tcpwhy the one that was started last."""
    said = subprocess.run(["bpftool", "--json", "prog", "show"], capture_output=True, text=True).stdout
    programs = sorted(json.loads(said), key=lambda program: program["id"])
    return {p["name"]: p.get("run_cnt", 0) + p.get("recursion_misses", 0) for p in programs if p.get("name") in EVENTS}


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
        for program in runs():      # on some kernels not all are needed
            (instance / "events" / EVENTS[program] / "enable").write_text("1")
        first_hits, first_runs = both(instance)
        for _ in sys.stdin:
            now_hits, now_runs = both(instance)
            print(now_hits - first_hits - (sum(now_runs.values()) - sum(first_runs.values())), flush=True)
    finally:
        (instance / "events/enable").write_text("0")
        instance.rmdir()


if __name__ == "__main__":
    main()
