#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A PID that is used again before the connection of its first process has died.

    pid_reuse.py PORT       in a network namespace of its own; prints the PID

"first" sends data that nobody acknowledges, closes, and ends. "second" gets its PID, and closes a connection of its own, from
PORT + 1. Then the connection of "first" dies: orphan-timeout. Exit status 75: the PID could not be had again.
"""

import os
import socket
import subprocess
import sys
import time

DROP = "add table inet lose; add chain inet lose input {{ type filter hook input priority 0; }}; " \
       "add rule inet lose input tcp dport {} tcp flags != syn drop"


def start(name, act):
    """A process of this name. Its PID."""
    child = os.fork()
    if child:
        return child
    with open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write(name)
    act()
    os._exit(0)


def leave(sock, go):
    os.read(go, 1)
    sock.send(b"x" * 100)
    sock.close()


def first(port):
    server = socket.create_server(("127.0.0.1", port))
    near = socket.create_connection(("127.0.0.1", port))
    far, _ = server.accept()
    go, said = os.pipe()
    pid = start("first", lambda: leave(near, go))
    near.close()
    subprocess.run(["nft", DROP.format(port)], check=True)
    os.write(said, b"x")
    os.waitpid(pid, 0)
    return pid, (server, far)


def second(port, wanted):
    server = socket.create_server(("127.0.0.1", port))
    time.sleep(0.05)  # some ticks of the kernel's clock: sooner no PID comes again by itself
    for _ in range(100):
        with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as file:
            file.write(str(wanted - 1))
        go, said = os.pipe()
        pid = start("second", lambda: os.read(go, 1) == b"x" and socket.create_connection(("127.0.0.1", port)).close())
        os.write(said, b"x" if pid == wanted else b"-")
        os.waitpid(pid, 0)
        if pid == wanted:
            server.accept()[0].close()
            return
    sys.exit(75)


def main():
    port = int(sys.argv[1])
    pid, held = first(port)
    second(port + 1, pid)
    print(pid, flush=True)
    sys.stdin.readline()
    del held


main()
