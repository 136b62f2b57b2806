#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Takes its BTF away from a kernel that runs in qemu, as if it had been built without.

    tools/vm-without-btf.py SOCKET SYMBOLS

SOCKET is where qemu's gdbstub listens, SYMBOLS a file with the lines of /proc/kallsyms of btf_vmlinux and bpf_ctx_convert,
where the kernel keeps what it has parsed, and of btf_parse_vmlinux(), which would parse it again. Those become NULL, this
returns NULL: as where CONFIG_DEBUG_INFO_BTF is not set. Of an x86-64 only. Exit status 0 only if the guest goes on without.
"""

import socket
import sys

RETURN_NULL = bytes.fromhex("31c0c3")  # xor %eax, %eax; ret
NULL = bytes(8)


def packet(text):
    return b"$%s#%02x" % (text.encode(), sum(text.encode()) % 256)


class Stub:
    """GDB's remote serial protocol, as little of it as is needed."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)  # this stops the guest
        self.file = self.socket.makefile("rb")

    def reply(self):
        byte = self.file.read(1)
        while byte and byte != b"$":
            byte = self.file.read(1)
        text = b""
        while (byte := self.file.read(1)) not in (b"#", b""):
            text += byte
        self.file.read(2)  # the checksum
        self.socket.sendall(b"+")
        return text.decode()

    def ask(self, text):
        self.socket.sendall(packet(text))
        answer = self.reply()
        while answer.startswith("T"):  # that it has stopped
            answer = self.reply()
        return answer

    def write(self, address, content):
        answer = self.ask(f"M{address:x},{len(content):x}:{content.hex()}")
        if answer != "OK":
            sys.exit(f"vm-without-btf: cannot write at {address:#x}: {answer}")

    def detach(self):
        self.ask("D")


def main(path, symbols):
    addresses = {}
    with open(symbols, encoding="ascii") as lines:
        for line in lines:
            address, _, name = line.split()[:3]
            addresses[name] = int(address, 16)
    stub = Stub(path)
    stub.write(addresses["btf_parse_vmlinux"], RETURN_NULL)
    stub.write(addresses["btf_vmlinux"], NULL)
    stub.write(addresses["bpf_ctx_convert"], NULL)
    stub.detach()


main(*sys.argv[1:])
