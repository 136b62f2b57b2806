#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Asks for / over HTTP, and again over the same connections after some idle seconds.

    reuse.py HOST PORT SECONDS [TO COUNT]

With TO and COUNT, so many connections, idle for times spread evenly from SECONDS to TO. The connections are not looked at
while they are idle, as by clients without a thread for each. Says for each "<idle seconds> <what came of it>".
"""

import http.client
import sys
import threading
import time


def ask(connection):
    connection.request("GET", "/")
    connection.getresponse().read()


def reuse(host, port, idle):
    connection = http.client.HTTPConnection(host, port, timeout=5)
    ask(connection)
    answered = time.monotonic()
    time.sleep(max(0, answered + idle - time.monotonic()))
    sock = connection.sock
    try:
        ask(connection)
        outcome = "ok" if connection.sock is sock else "ok, over another connection"
    except (OSError, http.client.HTTPException) as error:
        outcome = type(error).__name__
    connection.close()
    sys.stdout.write(f"{idle:.4f} {outcome}\n")


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
