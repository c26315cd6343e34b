#!/usr/bin/env -S python3 -S
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints every object below a folder with all that is known of it, a line each: what an export and an import must keep.

usage: tree.py [--without-devices] [--seconds] FOLDER
--seconds: times without their fractions.
"""

import hashlib
import os
import stat
import sys

words = sys.argv[1:]
devices = "--without-devices" not in words
fractions = "--seconds" not in words
root = os.fsencode(words[-1])
first = {}


def pieces(path, size):
    """The ranges of a file that are data."""
    found = []
    fd = os.open(path, os.O_RDONLY)
    try:
        at = 0
        while at < size:
            try:
                data = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:
                break
            at = os.lseek(fd, data, os.SEEK_HOLE)
            found.append("%d-%d" % (data, min(at, size)))
    finally:
        os.close(fd)
    return ",".join(found)


def describe(path, name):
    st = os.lstat(path)
    kind = stat.S_IFMT(st.st_mode)
    if kind in (stat.S_IFCHR, stat.S_IFBLK) and not devices:
        return None
    facts = [repr(name), "%o" % st.st_mode, "%d:%d" % (st.st_uid, st.st_gid)]
    # An import makes the root folder anew.
    if name != b".":
        facts.append(str(st.st_mtime_ns if fractions else st.st_mtime_ns // 10**9))
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        facts.append("device %d:%d" % (os.major(st.st_rdev), os.minor(st.st_rdev)))
    elif kind == stat.S_IFLNK:
        facts.append("to %r" % os.readlink(path))
    elif kind == stat.S_IFREG:
        with open(path, "rb") as file:
            facts.append("%d %s" % (st.st_size, hashlib.sha256(file.read()).hexdigest()[:16]))
        facts.append("data " + pieces(path, st.st_size))
    if kind != stat.S_IFDIR and st.st_nlink > 1:
        facts.append("same as %r" % first.setdefault((st.st_dev, st.st_ino), name))
    for attribute in sorted(os.listxattr(path, follow_symlinks=False)):
        value = os.getxattr(path, attribute, follow_symlinks=False)
        facts.append("%s=%s" % (attribute, value.hex()))
    return " ".join(facts)


def walk(path, name):
    line = describe(path, name)
    if line:
        print(line)
    if stat.S_ISDIR(os.lstat(path).st_mode):
        for child in sorted(os.listdir(path)):
            walk(os.path.join(path, child), os.path.join(name, child))


walk(root, b".")
