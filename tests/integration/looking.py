#!/usr/bin/env -S python3 -S
# SPDX-License-Identifier: GPL-2.0-or-later
"""Takes away every file and folder of a state root, one at a time, looks by every verb that looks, puts it back, and
finds all as it was: paths, modes, owners, sizes, times and contents.

usage: looking.py ROOT ASIDE
Prints what has changed, and "N files x M verbs: R looks"; the status is 1 if anything has.
"""

import hashlib
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

root, aside = sys.argv[1], sys.argv[2]
TRAILS = ("lib", "etc", "run")
# Locks are the kernel's; who looks may make the file of one.
PASSED_OVER = {"run/locks"}


def is_volume(path):
    kind = os.path.basename(path).split(".")[0]
    return kind in ("machine", "template", "snapshot")


def walk(insides=False):
    """Every path of the state; those inside volumes, which are not taken away, only if they are wanted."""
    for trail in TRAILS:
        for folder, folders, files in os.walk(os.path.join(root, trail)):
            relative = os.path.relpath(folder, root)
            inside = any(is_volume(part) for part in relative.split("/"))
            if inside and not insides:
                folders[:] = []
                continue
            folders[:] = sorted(f for f in folders if os.path.join(relative, f) not in PASSED_OVER)
            for name in sorted(folders + files):
                yield os.path.join(folder, name), inside


def digest(path, kind):
    if stat.S_ISLNK(kind):
        return os.readlink(path)
    if not stat.S_ISREG(kind):
        return ""
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def picture(insides=False):
    """What there is. Files inside volumes without their contents: a guest that runs may write there."""
    seen = {}
    for path, inside in walk(insides):
        try:
            st = os.lstat(path)
            known = (st.st_mode, st.st_uid, st.st_gid)
            if not inside and st.st_size < 1 << 24:
                known += (digest(path, st.st_mode),)
        except FileNotFoundError:
            continue
        seen[path] = known
    return seen


def run(words):
    """A look's exit code; any is fine that is berth's own."""
    try:
        done = subprocess.run(["berth", *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, timeout=60)
    except subprocess.TimeoutExpired:
        return f"'{' '.join(words)}' does not end"
    if done.returncode not in (0, 1, 2):
        return f"'{' '.join(words)}' ended with {done.returncode}: {done.stderr.decode()[-300:]}"
    return None


def verbs(machine):
    return [
        ["list"], ["list", "--json"], ["list", machine],
        ["info", machine], ["info", "--json", machine],
        ["get", machine], ["logs", machine],
        ["snapshot", "list", machine], ["snapshot", "list", "--json", machine],
        ["template", "list"], ["template", "list", "--json"],
        ["pool", "list"], ["pool", "list", "--json"], ["pool", "status"], ["pool", "status", "--json"],
        ["network", "list"], ["network", "list", "--json"],
        ["doctor"], ["doctor", "--json"], ["events", "--no-follow"], ["metrics"],
        ["_complete", "start", ""], ["_complete", "restore", machine, ""], ["_complete", "launch", ""],
    ]


def machine_of(path, machines):
    """The machine that a path belongs to, else the first one."""
    for name in machines:
        if f"/{name}/" in path + "/" or path.endswith(f".{name}") or f".{name}." in os.path.basename(path):
            return name
    return machines[0]


def mounted():
    """Where something is mounted below the root: to attach a pool there again is no change of its state."""
    with open("/proc/self/mountinfo") as f:
        return [line.split()[4] for line in f]


def different(before, after):
    for path in sorted(set(before) | set(after)):
        if before.get(path) != after.get(path):
            yield f"{path}: {before.get(path)} -> {after.get(path)}"


def main():
    machines = sorted(os.listdir(os.path.join(root, "lib/machines")))
    machines = [m for m in machines if not m.startswith(".")]
    whole, all_of_it = picture(), picture(insides=True)
    mounts = mounted()
    candidates = [path for path, inside in walk()
                  if not inside and not any((m + "/").startswith(path + "/") for m in mounts)]
    taken = looks = 0
    faults = []
    with ThreadPoolExecutor(4) as pool:
        for path in candidates:
            # On the same file system, under a name that is nobody's.
            place = aside if os.lstat(path).st_dev == os.lstat(aside).st_dev else os.path.dirname(path)
            away = os.path.join(place, ".away")
            try:
                os.rename(path, away)
            except OSError:
                continue  # a mount point
            taken += 1
            words = verbs(machine_of(path, machines))
            without = picture()
            results = list(pool.map(run, words))
            looks += len(words)
            faults += [f"without {path}: {r}" for r in results if r]
            faults += [f"without {path}: {d}" for d in different(without, picture())]
            if os.path.lexists(path):
                faults.append(f"without {path}: it was made anew")
                subprocess.run(["rm", "-rf", path], check=True)
            os.rename(away, path)
            faults += [f"after {path}: {d}" for d in different(whole, picture())]
    faults += [f"at the end: {d}" for d in different(all_of_it, picture(insides=True))]
    for fault in faults[:40]:
        print(fault)
    print(f"# {taken} files and folders x {len(verbs('m'))} verbs: {looks} looks, {len(faults)} changes")
    return 1 if faults or taken < 20 else 0


sys.exit(main())
