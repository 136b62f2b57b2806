#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""For looks.bats: one SYN at a time meets a full accept queue, and at once there is room again.

    looks.py PORT LISTENERS SECONDS

Says how many the kernel dropped for it. Between two of them there are two looks at the listener: these come often, as PORT + LISTENERS is
always full.
"""

import random
import socket
import sys
import threading
import time

BACKLOG = 2


def dial(port):
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(("127.0.0.1", port))
    return sock


def overflows():
    """ListenOverflows of this network namespace, tcp_conn_request()."""
    with open("/proc/self/net/netstat", encoding="ascii") as file:
        names, values = [line.split() for line in file if line.startswith("TcpExt:")]
    return int(values[names.index("ListenOverflows")])


def fill(port):
    return [dial(port) for _ in range(BACKLOG + 1)]


def accept_all(listener):
    try:
        while True:
            listener.accept()[0].close()
    except BlockingIOError:
        pass


def overflow(listener, port, until):
    while time.monotonic() < until:
        waiting = fill(port)
        time.sleep(random.uniform(0.2, 0.4))    # it is seen full
        with dial(port):
            accept_all(listener)
        for sock in waiting:
            sock.close()
        time.sleep(0.5)     # it is told of before it is full again


port, listeners, seconds = map(int, sys.argv[1:])
threads = []
full = socket.create_server(("127.0.0.1", port + listeners), backlog=BACKLOG), fill(port + listeners)
for i in range(listeners):
    listener = socket.create_server(("127.0.0.1", port + i), backlog=BACKLOG)
    listener.setblocking(False)
    threads.append(threading.Thread(target=overflow, args=(listener, port + i, time.monotonic() + seconds)))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(overflows())
