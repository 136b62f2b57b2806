#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Lets connections die in this network namespace, and prints what Python says of it: "verdict<TAB>Type: text".

The text behind "[Errno N]" is the C library's.
"""

import errno
import os
import socket
import struct
import subprocess
import time

DATA = b"x" * 45
ADDRESS = "127.0.0.1", 7000


def sysctl(name, value):
    with open("/proc/sys/" + name.replace(".", "/"), "w") as file:
        file.write(str(value))


def rule(words):
    """Of the input hook, in place of the one before; "" removes it."""
    chain = f"table ip says {{\nchain input {{\ntype filter hook input priority 0\n{words}\n}}\n}}\n" if words else ""
    subprocess.run(["nft", "-f", "-"], input=f"table ip says\ndelete table ip says\n{chain}", text=True, check=True)


def wait_dead(sock):
    while sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 7:     # TCP_CLOSE
        time.sleep(0.001)


def pair():
    with socket.create_server(ADDRESS) as listener:
        near = socket.create_connection(ADDRESS)
        return near, listener.accept()[0]


def abort(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def peer_aborted():
    near, far = pair()
    abort(far)
    wait_dead(near)
    near.recv(1)


def half_closed_reuse():
    near, far = pair()
    far.close()
    while near.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 8:      # TCP_CLOSE_WAIT
        time.sleep(0.001)
    time.sleep(0.1)
    near.send(DATA)
    wait_dead(near)
    assert near.recv(1) == b""
    near.send(DATA)


def refused():
    socket.create_connection(ADDRESS)


def connect_timeout():
    rule("tcp dport 7000 drop")
    sysctl("net.ipv4.tcp_syn_retries", 1)
    socket.create_connection(ADDRESS)


def connect_unreachable():
    rule("tcp dport 7000 reject with icmp type host-unreachable")
    socket.create_connection(ADDRESS)


def connect_failed():
    rule("")
    sysctl("net.ipv4.ip_local_port_range", "40000 40000")
    sysctl("net.ipv4.ip_local_reserved_ports", "40000")
    try:
        socket.create_connection(ADDRESS)
    finally:
        sysctl("net.ipv4.ip_local_port_range", "32768 60999")


def retransmit_timeout():
    near, _far = pair()
    sysctl("net.ipv4.tcp_retries2", 1)
    rule("tcp dport 7000 drop")
    near.send(DATA)
    near.recv(1)


def not_connected():
    rule("")
    with socket.create_server(ADDRESS) as listener:
        listener.recv(1)


def bad_descriptor():
    near, _far = pair()
    near.close()
    near.send(DATA)


def main():
    for die in (peer_aborted, half_closed_reuse, refused, connect_timeout, connect_unreachable, connect_failed,
                retransmit_timeout, not_connected, bad_descriptor):
        try:
            die()
        except OSError as error:
            assert str(error).endswith(os.strerror(error.errno)), error
            print(die.__name__.replace("_", "-"), f"{type(error).__name__}: {error}", sep="\t")
        else:
            raise AssertionError(f"{die.__name__}: no error, expected one such as {errno.errorcode[errno.ECONNRESET]}")


main()
