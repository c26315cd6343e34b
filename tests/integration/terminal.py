#!/usr/bin/env -S python3 -S
# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays a user at a terminal: terminal.py ROWSxCOLS COMMAND... with a script on standard input.

Lines of the script:  expect TEXT (30 s) | match PATTERN (30 s) | unseen TEXT (until now) |
send TEXT (\\n, \\x1d and the like) | paste FILE | resize ROWSxCOLS | signal NAME | touch FILE | expect-end CODE |
hangup. Ends with 0, or says on standard error what was not seen and what was. Seconds are those of an idle machine.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time


def slowness():
    """How many times slower than an idle machine this one is now: as that of tests/cases.sh."""
    began = time.monotonic()
    for _ in range(40):
        subprocess.run(["/bin/true"], check=True)
    return min(20, 1 + int((time.monotonic() - began) / 0.1))


class Deadline:
    """So many seconds of an idle machine. The slowness of this one is measured when they are over, and not before."""

    def __init__(self, seconds):
        self.began = time.monotonic()
        self.seconds = self.patience = seconds

    def is_over(self):
        if time.monotonic() < self.began + self.patience:
            return False
        longer = self.seconds * slowness()
        if longer <= self.patience:
            return True
        self.patience = longer
        return False


def resize(fd, size):
    rows, columns = map(int, size.split("x"))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Terminal:
    def __init__(self, size, command):
        self.seen = b""  # since what was expected last
        self.all = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            resize(0, size)
            os.execvp(command[0], command)

    def read(self, seconds):
        """False at the end."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += data
        self.all += data
        return bool(data)

    def paste(self, path):
        """As fast as it is taken, reading what is shown meanwhile, for no longer than a minute."""
        deadline = Deadline(60)
        with open(path, "rb") as file:
            left = file.read()
        os.set_blocking(self.fd, False)
        while left:
            _, room, _ = select.select([], [self.fd], [], 0.1)
            if room:
                left = left[os.write(self.fd, left[:1024]):]
            self.read(0)
            if deadline.is_over():
                sys.exit(f"terminal: {len(left)} bytes of '{path}' are not taken")
        os.set_blocking(self.fd, True)

    def expect(self, pattern):
        deadline = Deadline(30)
        while not (found := re.search(pattern, self.seen)):
            if not self.read(0.2) or deadline.is_over():
                sys.exit(f"terminal: not seen: {pattern!r}; seen: {self.seen[-2000:]!r}")
        self.seen = self.seen[found.end():]

    def expect_end(self, code):
        deadline = Deadline(30)
        while self.read(0.2):
            if deadline.is_over():
                sys.exit(f"terminal: does not end; seen: {self.seen[-2000:]!r}")
        _, status = os.waitpid(self.pid, 0)
        if os.waitstatus_to_exitcode(status) != code:
            sys.exit(f"terminal: ended with {os.waitstatus_to_exitcode(status)}, not {code}; "
                     f"seen: {self.seen[-2000:]!r}")


def main():
    terminal = Terminal(sys.argv[1], sys.argv[2:])
    for line in sys.stdin:
        verb, _, rest = line.rstrip("\n").partition(" ")
        text = rest.encode().decode("unicode_escape").encode("latin-1")
        if verb == "expect":
            terminal.expect(re.escape(text))
        elif verb == "match":
            terminal.expect(rest.encode())
        elif verb == "unseen":
            if text in terminal.all:
                sys.exit(f"terminal: seen: {text!r}, in {terminal.all[-2000:]!r}")
        elif verb == "send":
            os.write(terminal.fd, text)
        elif verb == "paste":
            terminal.paste(rest)
        elif verb == "signal":
            os.kill(terminal.pid, getattr(signal, f"SIG{rest}"))
        elif verb == "resize":
            resize(terminal.fd, rest)
        elif verb == "touch":
            open(rest, "w").close()
        elif verb == "expect-end":
            terminal.expect_end(int(rest))
        elif verb == "hangup":
            os.close(terminal.fd)
            os.waitpid(terminal.pid, 0)
        elif verb:
            sys.exit(f"terminal: what is '{verb}'?")


if __name__ == "__main__":
    main()
