#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Reads OpenMetrics by the parser of python3-prometheus-client, checks them, and says what they say.

    metrics.py sums SOURCE              of deaths and incidents, as "verdict<TAB>how many", over all their series
    metrics.py ask SOURCE EXPRESSION    for each sample (name, labels l, value v), those that are not None and not False
    metrics.py bounds PORT WHAT         how much of it is taken: "head" of 9000 bytes is answered with which status; "body" of a
                                        GB: with which status, and is less than 16 MB of it taken; "time": is who sends a byte
                                        each 100 ms cut off within 5 seconds, and the second in which that is looked at
    metrics.py attack PORT KIND         behaves badly towards the server at 127.0.0.1:PORT, until it is killed or cut off:
                                        "silent" says nothing, "slow" a byte each 100 ms, "deaf" asks and does not read,
                                        "garbage" talks nonsense, "endless" sends headers without end; many at once

SOURCE is a URL or a file; a file may have several expositions, and none of their counters may fall or go. Exit status: 0
all is well, 1 it is not, 2 usage.
"""

import collections
import math
import socket
import sys
import time
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Wrong(Exception):
    pass


def fetch(source):
    """Urllib would take a proxy from the environment."""
    if not source.startswith("http:"):
        with open(source, encoding="utf-8") as file:
            return file.read()
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(source, timeout=20) as answer:
        if answer.headers["Content-Type"] != CONTENT_TYPE:
            raise Wrong(f"Content-Type {answer.headers['Content-Type']}")
        return answer.read().decode()


def parse(text):
    """By (name, labels), the value. Everything must be a whole number, have a help text, and be there once."""
    samples = {}
    for family in text_string_to_metric_families(text):
        if family.type not in ("counter", "info") or not family.documentation:
            raise Wrong(f"{family.name} is of type {family.type}, {family.documentation!r}")
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            if key in samples or sample.value < 0 or not math.isfinite(sample.value) or sample.value % 1:
                raise Wrong(f"{sample}")
            samples[key] = int(sample.value)
    return samples


def read(source):
    """The last exposition."""
    text = fetch(source)
    if not text.endswith("# EOF\n"):
        raise Wrong("it does not end in # EOF")
    before = {}
    for one in text.split("# EOF\n")[:-1]:
        now = parse(one + "# EOF\n")
        fallen = [key for key, value in before.items() if now.get(key, -1) < value]
        if fallen:
            raise Wrong(f"these have fallen: {fallen}")
        before = now
    return before


def sums(samples):
    counts = collections.Counter()
    for (name, labels), value in samples.items():
        if name in ("tcpwhy_deaths_total", "tcpwhy_incidents_total"):
            counts[dict(labels)["verdict"]] += value
    return "\n".join(f"{verdict}\t{n}" for verdict, n in sorted(counts.items()) if n)


def ask(samples, expression):
    answers = (eval(f"({expression})", {"name": name, "l": dict(labels), "v": value})
               for (name, labels), value in samples.items())
    return "\n".join(sorted(str(answer) for answer in answers if answer is not None and answer is not False))


def answered(port, what, more=b""):
    """The status of the answer to what, and how many bytes of more, which is sent without end, went before it."""
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(what)
        sock.settimeout(0.2 if more else 10)
        answer = b""
        while not answer and sent < 1 << 30:
            try:
                sent += sock.send(more) if more else 0
            except OSError:
                more = b""
            try:
                answer = sock.recv(64, socket.MSG_DONTWAIT if more else 0)
            except BlockingIOError:
                pass
        return answer.split(b" ")[1].decode(), sent


def lasts(port):
    """How many seconds a connection lasts that is never idle, and never asks."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        try:
            while time.monotonic() < began + 30:
                sock.send(b"G")
                time.sleep(0.1)
        except OSError:
            pass
    return time.monotonic() - began


def bounds(port, what):
    if what == "head":
        return answered(port, b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 9000 + b"\r\n\r\n")[0]
    if what == "body":
        status, sent = answered(port, b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n", b"x" * 65536)
        return f"{status} {sent < 16 << 20}"
    return lasts(port) < 5 + 1 + 0.5


def attack(port, kind):
    def connect():
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sock.settimeout(1)
        sock.connect(("127.0.0.1", port))
        return sock

    what = {"silent": b"", "slow": b"", "deaf": b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
            "garbage": bytes(range(256)) * 64, "endless": b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 10000}[kind]
    socks = []
    print("ready", flush=True)
    while True:
        try:
            if len(socks) < 40:
                socks.append(connect())
                socks[-1].setblocking(False)
                if what:
                    socks[-1].send(what)
        except OSError:
            pass
        for sock in list(socks):
            try:
                if kind == "slow":
                    sock.send(b"G")
                if kind != "deaf" and sock.recv(1) == b"":
                    raise ConnectionError
            except BlockingIOError:
                pass
            except OSError:
                sock.close()
                socks.remove(sock)
        time.sleep(0.1 if len(socks) == 40 else 0.01)


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("sums", "ask", "bounds", "attack"):
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    if sys.argv[1] == "bounds":
        print(bounds(int(sys.argv[2]), sys.argv[3]))
        return 0
    if sys.argv[1] == "attack":
        attack(int(sys.argv[2]), sys.argv[3])
    try:
        samples = read(sys.argv[2])
    except (Wrong, ValueError) as wrong:
        print(wrong)
        return 1
    print(sums(samples) if sys.argv[1] == "sums" else ask(samples, sys.argv[3]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
