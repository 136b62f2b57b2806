#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Lets connections of a client die in this network namespace, and prints what it says: "verdict<TAB>text".

    says.py COMMAND...

COMMAND HOST PORT connects, says "connected" or the error, and obeys its stdin: "r" read, "w" write, "c" close; after each
it says "ok" or the error, one a line. Addresses in what it says become those of the pages of docs/. "-" instead of a text:
this kernel cannot let it die so.
"""

import re
import select
import socket
import struct
import subprocess
import sys
import time

ADDRESS = "127.0.0.1", 7000
SECONDS = 30
ESTABLISHED = "01"


def until(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {SECONDS} s in vain: {what}")
        time.sleep(0.01)


def states():
    """Of the client's sockets that are still alive."""
    with open("/proc/net/tcp") as file:
        fields = [line.split() for line in list(file)[1:]]
    return [state for _, _, remote, state, *_ in fields if remote.endswith(f":{ADDRESS[1]:04X}")]


def sysctl(name, value):
    with open("/proc/sys/" + name.replace(".", "/"), "w") as file:
        file.write(value)


def rule(words):
    """Of the input hook, in place of the one before; "" removes it."""
    chain = f"table ip says {{\nchain input {{\ntype filter hook input priority 0\n{words}\n}}\n}}\n" if words else ""
    subprocess.run(["nft", "-f", "-"], input=f"table ip says\ndelete table ip says\n{chain}", text=True, check=True)


class Client:
    def __init__(self):
        self.process = subprocess.Popen([*sys.argv[1:], ADDRESS[0], str(ADDRESS[1])], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, bufsize=0)

    def line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], SECONDS)
        if not ready:
            raise TimeoutError(f"waited {SECONDS} s in vain for what the client says")
        return self.process.stdout.readline().decode().strip()

    def tell(self, command):
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()

    def error(self):
        while re.match("(connected|ok.*|end)$", said := self.line()):
            pass
        return said

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def connected():
    with socket.create_server(ADDRESS) as listener:
        client = Client()
        far = listener.accept()[0]
    assert client.line() == "connected"
    return client, far


def abort(far):
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()


def peer_aborted(client, far):
    client.tell("r")
    time.sleep(0.1)     # most read by now; it makes no difference
    abort(far)


def half_closed_reuse(client, far):
    far.close()
    until(lambda: ESTABLISHED not in states(), "the FIN")
    client.tell("w")
    until(lambda: not states(), "the RST")
    client.tell("w")


def retransmit_timeout(client, _far):
    rule(f"tcp dport {ADDRESS[1]} drop")
    client.tell("w")
    client.tell("r")


def unreachable(client, _far):
    rule(f"tcp dport {ADDRESS[1]} reject with icmp type host-unreachable")
    client.tell("w")
    client.tell("r")


def destroyed(client, _far):
    client.tell("r")
    time.sleep(0.1)
    subprocess.run(["ss", "-K", "-t", "dport", "=", f":{ADDRESS[1]}"], stdout=subprocess.DEVNULL, check=True)
    return not states()     # ss does not say so


def bad_descriptor(client, _far):
    client.tell("c")
    client.tell("w")


def refused():
    pass


def connect_timeout():
    rule(f"tcp dport {ADDRESS[1]} drop")


def connect_unreachable():
    rule(f"tcp dport {ADDRESS[1]} reject with icmp type host-unreachable")


def connect_failed():
    sysctl("net.ipv4.ip_local_port_range", "40000 40000")
    sysctl("net.ipv4.ip_local_reserved_ports", "40000")


def said_of(verdict, client, can=True):
    said = client.error() if can else "-"
    client.stop()
    rule("")
    said = re.sub(r"127\.0\.0\.1:\d+->127\.0\.0\.1:7000", "10.0.0.1:40000->10.0.0.2:7000", said)
    print(verdict.__name__.replace("_", "-"), said.replace("127.0.0.1:7000", "10.0.0.2:7000"), sep="\t", flush=True)


def main():
    sysctl("net.ipv4.tcp_retries2", "1")
    sysctl("net.ipv4.tcp_syn_retries", "1")
    sysctl("net.ipv4.tcp_orphan_retries", "1")
    for verdict in peer_aborted, half_closed_reuse, retransmit_timeout, unreachable, destroyed, bad_descriptor:
        client, far = connected()
        said_of(verdict, client, can=verdict(client, far) is not False)
        if far.fileno() >= 0:
            abort(far)
        until(lambda: not states(), "the end of the client's socket")
    for verdict in refused, connect_timeout, connect_unreachable, connect_failed:
        verdict()
        said_of(verdict, Client())


main()
