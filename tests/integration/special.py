#!/usr/bin/env -S python3 -S
# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts a FIFO that nobody writes in the place of every file of a state root, one at a time, and runs verbs that look,
change, start and stop: each ends in time, whatever it says, and by no signal.

usage: special.py ROOT RUNNING STOPPED
Prints what did not end, and "N files x M verbs: R runs"; the status is 1 if anything did not.
"""

import os
import stat
import subprocess
import sys
import time

root, running, stopped = sys.argv[1:]
SECONDS = 60


def files():
    """Every regular file and socket of the state; those inside volumes are the guests'."""
    for trail in ("lib", "etc", "run"):
        for folder, folders, names in os.walk(os.path.join(root, trail)):
            folders[:] = [f for f in folders if not f.startswith(("machine.", "template.", "snapshot."))]
            for name in names:
                path = os.path.join(folder, name)
                kind = os.lstat(path).st_mode
                if stat.S_ISREG(kind) or stat.S_ISSOCK(kind):
                    yield path


def looks(machine):
    return [["list"], ["info", machine], ["get", machine], ["logs", machine], ["snapshot", "list", machine],
            ["template", "list"], ["pool", "status"], ["pool", "usage"], ["network", "list"], ["doctor"],
            ["events", "--no-follow"]]


def changes(machine):
    if machine == running:
        return [["exec", machine, "--", "true"], ["set", machine, "description=x"], ["pause", machine],
                ["resume", machine], ["snapshot", machine, "taken"], ["snapshot", "delete", machine, "taken"],
                ["restart", machine], ["stop", machine], ["start", "--wait", machine]]
    return [["set", machine, "description=x"], ["unset", machine, "description"], ["snapshot", machine, "taken"],
            ["snapshot", "delete", machine, "taken"], ["clone", machine, "other"], ["delete", "--force", "other"],
            ["start", "--wait", machine], ["stop", "--force", machine],
            ["create", "--set", "network=", "bb", "third"], ["delete", "--force", "third"],
            ["network", "create", "net2"], ["network", "delete", "net2"]]


def slowness():
    """How many times slower than an idle machine this one is now: as that of tests/cases.sh."""
    began = time.monotonic()
    for _ in range(40):
        subprocess.run(["/bin/true"], check=True)
    return min(20, 1 + int((time.monotonic() - began) / 0.1))


def run(words):
    with subprocess.Popen(["berth", *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as process:
        for more in (lambda: 1, lambda: slowness() - 1):
            try:
                _, said = process.communicate(timeout=SECONDS * more())
                break
            except subprocess.TimeoutExpired:
                pass
        else:
            process.kill()
            return f"'{' '.join(words)}' does not end"
    if process.returncode not in (0, 1, 2, 125, 126, 127):
        return f"'{' '.join(words)}' ended with {process.returncode}: {said.decode()[-300:]}"
    return None


# Marks and files aside, which are not there while nothing is under way.
MARKS = ["state.new", "finished", "paused", "held", "halting", "frozen", "booted", "waiting", "warning", "lives",
         "fresh", "machine.conf.new"]


def marks(machine):
    for folder in (os.path.join(root, "run/machines", machine), os.path.join(root, "lib/machines", machine)):
        for name in MARKS:
            yield os.path.join(folder, name)


def all_marks(machine):
    """FIFOs in the place of every mark that is not there."""
    faults = []
    for path in marks(machine):
        if os.path.isdir(os.path.dirname(path)) and not os.path.lexists(path):
            os.mkfifo(path, 0o600)
            faults += [f"{os.path.relpath(path, root)} is a FIFO: {fault}" for fault in
                       map(run, looks(machine) + changes(machine)) if fault]
            if os.path.lexists(path) and stat.S_ISFIFO(os.lstat(path).st_mode):
                os.unlink(path)
            for words in (["stop", "--force", stopped], ["start", running]):
                run(words)
    return faults


def main():
    taken = runs = 0
    faults = all_marks(running) + all_marks(stopped)
    for fault in faults:
        print(fault)
    for path in sorted(files()):
        away = path + ".away"
        try:
            os.rename(path, away)
        except FileNotFoundError:
            continue  # a command before this took it
        os.mkfifo(path, 0o600)
        taken += 1
        machine = stopped if f"/{running}/" not in path else running
        for words in looks(machine) + changes(machine):
            runs += 1
            fault = run(words)
            if fault:
                faults.append(f"{os.path.relpath(path, root)} is a FIFO: {fault}")
                print(faults[-1], flush=True)
        # A command may have written the file anew, or removed its folder's.
        if os.path.lexists(path) and stat.S_ISFIFO(os.lstat(path).st_mode):
            os.unlink(path)
        if os.path.lexists(path) or not os.path.isdir(os.path.dirname(path)):
            if os.path.lexists(away):
                os.unlink(away)
        elif os.path.lexists(away):
            os.rename(away, path)
        for words in (["stop", "--force", stopped], ["start", running]):
            run(words)
    print(f"# {taken} files: {runs} runs, {len(faults)} did not end as they should")
    return 1 if faults or taken < 20 else 0


sys.exit(main())
