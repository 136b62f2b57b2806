#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel says of a process's BPF programs: how often they ran, and how long.

    bpfstats.py PID         a line for each: name, instructions that the verifier walked through, bytes of machine code

The instructions are "-" before Linux 5.16, which does not tell them.
"""

import collections
import contextlib
import ctypes
import json
import os
import platform
import subprocess
import sys

BPF_ENABLE_STATS = 32           # include/uapi/linux/bpf.h
BPF_STATS_RUN_TIME = 0
SYS_BPF = {"x86_64": 321, "aarch64": 280}

Program = collections.namedtuple("Program", "runs ns missed")


@contextlib.contextmanager
def enabled():
    """The kernel measures run times, as with kernel.bpf_stats_enabled=1, until this is left or the process ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = (ctypes.c_uint32 * 32)(BPF_STATS_RUN_TIME)
    fd = libc.syscall(SYS_BPF[platform.machine()], BPF_ENABLE_STATS, attributes, ctypes.sizeof(attributes))
    if fd < 0:
        raise OSError(ctypes.get_errno(), "the kernel does not measure BPF run times")
    try:
        yield
    finally:
        os.close(fd)


def _descriptors(pid):
    """What the kernel tells of each descriptor of a process: {key: value}."""
    path = f"/proc/{pid}/fdinfo"
    for fd in os.listdir(path):
        try:
            with open(f"{path}/{fd}") as file:
                yield dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        except FileNotFoundError:
            pass


def programs(pid):
    """{id: Program} of those that the process holds."""
    return {int(info["prog_id"]): Program(int(info["run_cnt"]), int(info["run_time_ns"]), int(info["recursion_misses"]))
            for info in _descriptors(pid) if "run_cnt" in info}


def added(before, after):
    """The same of what was added."""
    return {number: Program(*(b - a for a, b in zip(before.get(number, (0, 0, 0)), after[number]))) for number in after}


def total_ns(of):
    return sum(program.ns for program in of.values())


def about():
    """{id: what bpftool tells} of all programs of the host."""
    listed = subprocess.run(["bpftool", "-j", "prog", "show"], stdout=subprocess.PIPE, check=True)
    return {program["id"]: program for program in json.loads(listed.stdout)}


def sizes(pid):
    """(name, instructions verified or "-", bytes jited) of each program, by name."""
    of_all = about()
    found = {info["prog_id"]: info for info in _descriptors(pid) if "run_cnt" in info}
    return sorted((of_all[int(number)]["name"], info.get("verified_insns", "-"), of_all[int(number)].get("bytes_jited", 0))
                  for number, info in found.items())


def memory(pid):
    """Bytes of its programs and maps."""
    return sum(int(info["memlock"]) for info in _descriptors(pid) if "memlock" in info)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("usage: bpfstats.py PID", file=sys.stderr)
        sys.exit(2)
    for row in sizes(sys.argv[1]):
        print(*row)
