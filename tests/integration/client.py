#!/usr/bin/env -S python3 -S
# SPDX-License-Identifier: GPL-2.0-or-later
"""client.py BEHAVIOUR t|p COMMAND...: runs a command as a bad client, on a terminal (t) or a pipe (p), and stays.

stopped, killed, unread, full, gone, ctrlz: what becomes of it a moment after it has begun.
"""
import fcntl
import os
import signal
import sys
import termios
import time

behaviour, kind, command = sys.argv[1], sys.argv[2], sys.argv[3:]
ours, its = os.openpty() if kind == "t" else os.pipe()
pid = os.fork()
if pid == 0:
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    if kind == "t":
        fcntl.ioctl(its, termios.TIOCSCTTY, 0)
    os.dup2(its if kind == "t" else null, 0)
    os.dup2(os.open("/dev/full", os.O_WRONLY) if behaviour == "full" else its, 1)
    os.dup2(its if kind == "t" else null, 2)
    os.closerange(3, 64)
    os.execvp(command[0], command)
os.close(its)
# Until it leads a group of its own, which a busy host may put off.
while os.getpgid(pid) != pid:
    time.sleep(0.01)
time.sleep(0.1)
if behaviour == "stopped":
    os.kill(pid, signal.SIGSTOP)
elif behaviour == "killed":
    os.kill(pid, signal.SIGKILL)
elif behaviour == "gone":
    os.close(ours)
elif behaviour == "ctrlz":
    os.killpg(pid, signal.SIGTSTP)
print(pid, flush=True)
signal.pause()
