#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs a command on a terminal of its own, and prints what came there.

    terminal.py COLUMNS COMMAND...

SIGINT to us is Ctrl-C typed there.
"""

import errno
import fcntl
import os
import pty
import signal
import struct
import sys
import termios


def read(master):
    """Nothing: the other side is closed."""
    try:
        return os.read(master, 65536)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""


def main():
    columns, command = int(sys.argv[1]), sys.argv[2:]
    pid, master = pty.fork()
    if not pid:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.execvp(command[0], command)
    signal.signal(signal.SIGINT, lambda *_: os.write(master, b"\x03"))
    held, status = b"", None  # "\r\n" may come in two pieces
    while True:
        piece = read(master)
        if not piece and status is not None:
            return os.waitstatus_to_exitcode(status)
        if not piece:
            # Now and then Linux says so before it has handed out all that was written: the rest comes if it is asked again.
            status = os.waitpid(pid, 0)[1]
            continue
        said = held + piece
        held = b"\r" if said.endswith(b"\r") else b""
        os.write(1, said[:len(said) - len(held)].replace(b"\r\n", b"\n"))


if __name__ == "__main__":
    sys.exit(main())
