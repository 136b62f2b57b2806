# SPDX-License-Identifier: GPL-2.0-only
"""What is measured: tcpwhy in several ways, an empty program, and its peers."""

import collections
import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PORT = 7000
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a directory for temporary files
READY_SECONDS = float(os.environ.get("BENCH_READY_SECONDS", 30))    # to wait for a subject at most; an emulator is slow

# name: in the table. command: its words. ready: what it says when it watches. package: Debian's, or None.
Subject = collections.namedtuple("Subject", "name command ready package")


def tcpwhy(*arguments):
    return Subject(" ".join(["tcpwhy", *arguments]), [f"{TOP}/tcpwhy", *arguments], "watching TCP", None)


def peer(command, ready, package):
    # its lines are to come as soon as on a terminal
    return Subject(command, ["stdbuf", "-oL", *command.split()], ready, package)


EMPTY = Subject("empty program", [f"{TOP}/build/bench/empty"], "watching", None)


def all_subjects():
    """In the order of the table. `-p` watches this process, which makes no connection."""
    states = f"{TOP}/tools/bench/states.bt"
    return [
        EMPTY,
        tcpwhy(),
        tcpwhy("-P", "9"),
        tcpwhy("-P", str(PORT)),
        tcpwhy("-p", str(os.getpid()))._replace(name="tcpwhy -p PID"),
        tcpwhy("-a"),
        tcpwhy("1"),
        peer("tcpstates", "SKADDR", "libbpf-tools"),
        peer("tcplife", "LADDR", "libbpf-tools"),
        peer("tcptop -C", "loadavg", "libbpf-tools"),
        peer("tcpsynbl", "Tracing", "libbpf-tools"),
        peer("tcpstates-bpfcc", "SKADDR", "bpfcc-tools"),
        peer("tcplife-bpfcc", "LADDR", "bpfcc-tools"),
        Subject("states.bt", ["stdbuf", "-oL", "bpftrace", states], "SKADDR", "bpftrace"),
        peer("tcplife.bt", "LADDR", "bpftrace"),
        peer("tcpretrans.bt", "Tracing", "bpftrace"),
        peer("tcpsynbl.bt", "Tracing", "bpftrace"),
        peer("tcpdrop.bt", "Tracing", "bpftrace"),
    ]


class DoesNotRun(Exception):
    pass


def cpu_seconds(pid):
    """Of all threads of a process since it started: clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


class Running:
    """A subject that watches."""

    def __init__(self, subject, process, files, ready_seconds):
        self.subject = subject
        self.pid = process.pid
        self.ready_seconds = ready_seconds
        self._process = process
        self._files = files

    def said(self):
        # it shares the file's position with us
        return "".join(os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")
                       for file in self._files)

    def cpu_seconds(self):
        return cpu_seconds(self.pid)

    def resident_kb(self):
        with open(f"/proc/{self.pid}/status") as file:
            return int(re.search(r"^VmRSS:\s+(\d+)", file.read(), re.MULTILINE)[1])

    def stop(self):
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def lost(self):
        """Records, as it says itself, after its end."""
        found = re.findall(r"(\d+) records lost$|[Ll]ost (\d+) ", self.said(), re.MULTILINE)
        return sum(int(one or other) for one, other in found)


HARMLESS = "WARNING|^modprobe|RLIMIT_MEMLOCK"  # in what complains: not why it failed
NOT_ATTACHED = "could not attach probe"         # says bpftrace, and goes on


def _reason(said):
    """Why it does not run: the first line that complains, or the last."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for line in lines:
        if re.search(r"error|cannot|could ?n.t|unable|failed|not found", line, re.IGNORECASE) and \
                not re.search(HARMLESS, line):
            return line
    return lines[-1] if lines else "it says nothing"


def _allow_all_memory():
    """bpftrace raises the limit beyond the hard one, where it may not: it runs all the same if there is room enough."""
    hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))


def start(subject):
    if not shutil.which(subject.command[2] if subject.command[0] == "stdbuf" else subject.command[0]):
        raise DoesNotRun(f"not installed ({subject.package})" if subject.package else "not built")
    files = [tempfile.TemporaryFile(dir=MEMORY, buffering=0) for _ in range(2)]
    started = time.monotonic()
    process = subprocess.Popen(subject.command, stdin=subprocess.DEVNULL, stdout=files[0], stderr=files[1],
                               env={**os.environ, "PYTHONUNBUFFERED": "1"}, preexec_fn=_allow_all_memory)
    running = Running(subject, process, files, None)
    while subject.ready not in running.said():
        if process.poll() is not None:
            raise DoesNotRun(_reason(running.said()))
        if time.monotonic() - started > READY_SECONDS:
            running.stop()
            raise DoesNotRun(f"not ready after {READY_SECONDS:.0f} s: {_reason(running.said())}")
        time.sleep(0.002)
    running.ready_seconds = time.monotonic() - started
    if NOT_ATTACHED in running.said():
        running.stop()
        raise DoesNotRun(next(line for line in running.said().splitlines() if NOT_ATTACHED in line))
    return running


@contextlib.contextmanager
def watching(*subjects):
    """Yields those that run, in the same order; ends them."""
    running = []
    try:
        for subject in subjects:
            running.append(start(subject))
        yield running
    finally:
        for one in running:
            one.stop()
