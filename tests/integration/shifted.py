#!/usr/bin/env -S python3 -S
# SPDX-License-Identifier: GPL-2.0-or-later
"""Copies a root to a folder as an unprivileged container has it: ids from a base on, in lists and capabilities too.

usage: shifted.py FROM TO USERS GROUPS
"""

import os
import stat
import struct
import subprocess
import sys

origin, copy, users, groups = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
subprocess.run(["cp", "-a", "--sparse=always", origin + "/.", copy], check=True)


def shift_list(value):
    """Entries of a list: tag, permissions, id; tags 2 and 8 are of a named user and group."""
    out = value[:4]
    for tag, mode, number in struct.iter_unpack("<HHI", value[4:]):
        number += users if tag == 2 else groups if tag == 8 else 0
        out += struct.pack("<HHI", tag, mode, number)
    return out


def shift(path):
    st = os.lstat(path)
    link = stat.S_ISLNK(st.st_mode)
    values = {name: os.getxattr(path, name, follow_symlinks=False)
              for name in os.listxattr(path, follow_symlinks=False)}
    os.lchown(path, users + st.st_uid, groups + st.st_gid)
    if not link:
        os.chmod(path, stat.S_IMODE(st.st_mode))
    for name, value in values.items():
        if name.startswith("system.posix_acl"):
            value = shift_list(value)
        if name == "security.capability":
            # Revision 3 has the id of the namespace's root.
            magic, = struct.unpack("<I", value[:4])
            value = struct.pack("<I", magic & 0xffffff | 0x03000000) + value[4:20] + struct.pack("<I", users)
        os.setxattr(path, name, value, follow_symlinks=False)
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns), follow_symlinks=False)


seen = set()
for folder, folders, names in os.walk(os.fsencode(copy), topdown=False):
    for name in folders + names:
        path = os.path.join(folder, name)
        st = os.lstat(path)
        if st.st_ino in seen:
            continue
        seen.add(st.st_ino)
        shift(path)
shift(os.fsencode(copy))
