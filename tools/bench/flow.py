# SPDX-License-Identifier: GPL-2.0-only
"""Connections that are made all the time: how fast, and how dear, while something watches them and while nothing does."""

import collections
import contextlib
import os
import signal
import struct
import subprocess
import tempfile
import time

from subjects import MEMORY, cpu_seconds, watching

SETTLE_SECONDS = 0.1        # from one window to the next: what was attached or detached is, on all CPUs
NOTHING_SECONDS = 0.15      # what takes the place of the time that a subject takes to be ready
WARM_UP = 500               # connections before the first window

# rate: connections a second. cpu_us: CPU time of all processes that make them, by connection. own_us: of the subject, the same.
Window = collections.namedtuple("Window", "rate cpu_us own_us")

# ratios of what was watched to what was not, before and after. bare_rate: that one's, connections a second. own_us and running:
# of the subject, as it was watching; None of nothing.
Turn = collections.namedtuple("Turn", "rate cpu bare_rate own_us running resident_kb")


class Flow:
    """A program of ours that counts, with -c, the connections it makes in a file; ends with the with-block."""

    def __init__(self, *command):
        self._file = tempfile.NamedTemporaryFile(dir=MEMORY, buffering=0)
        self._process = subprocess.Popen([*command[:1], "-c", self._file.name, *command[1:]])

    def __enter__(self):
        while self._made() < WARM_UP:
            if self._process.poll() is not None:
                raise subprocess.SubprocessError("no connections are made")
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        for pid in self._processes():
            os.kill(pid, signal.SIGSTOP)    # so that none complains of the others' end
        self._process.kill()                # and its children with it
        self._process.wait()
        self._file.close()

    def _made(self):
        return struct.unpack("Q", os.pread(self._file.fileno(), 8, 0).ljust(8, b"\0"))[0]

    def _processes(self):
        pid = self._process.pid
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [pid, *map(int, file.read().split())]

    def window(self, seconds, running=None):
        def clocks():
            return (time.monotonic(), self._made(), sum(cpu_seconds(pid) for pid in processes),
                    running.cpu_seconds() if running else 0.0)

        processes = self._processes()
        before = clocks()
        time.sleep(seconds)
        took, made, cpu, own = (new - old for new, old in zip(clocks(), before))
        return Window(made / took, cpu * 1e6 / made, own * 1e6 / made)


@contextlib.contextmanager
def _watched(subject):
    if not subject:
        time.sleep(NOTHING_SECONDS)
        yield None
        return
    with watching(subject) as (running,):
        yield running


def take_turns(subject, seconds, *command):
    """In the midst of the same connections: nothing watches, the subject does, nothing does; for so long each."""
    with Flow(*command) as flow:
        before = flow.window(seconds)
        with _watched(subject) as running:
            time.sleep(SETTLE_SECONDS)
            watched = flow.window(seconds, running)
            resident_kb = running.resident_kb() if running else 0
        time.sleep(SETTLE_SECONDS)
        after = flow.window(seconds)
    bare_rate = (before.rate + after.rate) / 2
    return Turn(watched.rate / bare_rate, watched.cpu_us * 2 / (before.cpu_us + after.cpu_us), bare_rate, watched.own_us,
                running, resident_kb)
