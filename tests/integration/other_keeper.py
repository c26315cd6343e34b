#!/usr/bin/env -S python3 -S
# SPDX-License-Identifier: GPL-2.0-or-later
"""other_keeper.py RUN-FOLDER commands|answers: makes a machine's keeper one of another version.

Stands between the keeper and whoever connects from now on, and gives another format to the messages that bear one:
of commands (an older keeper meets a newer command), or of the keeper's answers.
"""
import os
import socket
import struct
import sys
import threading

folder, which = sys.argv[1:]
ASK_BOOTED, ASK_CONSOLE, ASK_OWN, SEND_INPUT, SEND_SIZE, SAY_BOOTED, SAY_OUTPUT = 4, 5, 6, 7, 8, 65, 67
SHIFTED = {"commands": range(ASK_BOOTED, SEND_SIZE + 1), "answers": (SAY_BOOTED, SAY_OUTPUT)}[which]
FORMAT = 6 << 16


def pump(source, sink):
    while True:
        try:
            data, fds, _, _ = socket.recv_fds(source, 8192, 2)
            if not data:
                break
            kind, = struct.unpack_from("=I", data)
            if kind in SHIFTED:
                data = struct.pack("=I", kind | FORMAT) + data[4:]
            socket.send_fds(sink, [data], fds)
            for fd in fds:
                os.close(fd)
        except OSError:
            break
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


os.rename(f"{folder}/control", f"{folder}/control.kept")
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(f"{folder}/control")
listener.listen(64)
while True:
    client, _ = listener.accept()
    keeper = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keeper.connect(f"{folder}/control.kept")
    for ends in ((client, keeper), (keeper, client)):
        threading.Thread(target=pump, args=ends, daemon=True).start()
