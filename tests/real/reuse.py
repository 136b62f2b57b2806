#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Asks for / over HTTP, and again over the same connections after some idle seconds.

    reuse.py HOST PORT SECONDS [TO COUNT]

With TO and COUNT, so many connections, idle for times spread evenly from SECONDS to TO. The connections are not looked at
while they are idle, as by clients without a thread for each. Says for each "<idle seconds> <port> <least> <most> <what came
of it>": from the arrival of the first answer to the second request took between <least> and <most> ms.
"""

import http.client
import sys
import threading
import time


def ask(connection):
    connection.request("GET", "/")


def answer(connection):
    connection.getresponse().read()


def between(do, connection):
    """Does it, and returns when it began and when it was done."""
    begun = time.monotonic()
    do(connection)
    return begun, time.monotonic()


def reuse(host, port, idle):
    connection = http.client.HTTPConnection(host, port, timeout=5)
    asked, _ = between(ask, connection)
    _, answered = between(answer, connection)
    time.sleep(max(0, answered + idle - time.monotonic()))
    sock = connection.sock
    port = sock.getsockname()[1]
    again, written = between(ask, connection)
    try:
        answer(connection)
        outcome = "ok" if connection.sock is sock else "ok, over another connection"
    except (OSError, http.client.HTTPException) as error:
        outcome = type(error).__name__
    connection.close()
    sys.stdout.write(f"{idle:.4f} {port} {1000 * (again - answered):.0f} {1000 * (written - asked):.0f} {outcome}\n")


def main():
    host, port, first = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    to, count = (float(sys.argv[4]), int(sys.argv[5])) if len(sys.argv) > 4 else (first, 1)
    step = (to - first) / max(1, count - 1)
    threads = [threading.Thread(target=reuse, args=(host, port, first + i * step)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
