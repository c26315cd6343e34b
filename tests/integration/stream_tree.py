#!/usr/bin/env -S python3 -S
# SPDX-License-Identifier: GPL-2.0-or-later
"""A tree with every kind of object that a root can have, and a list of all that can be seen of a tree.

usage: stream_tree.py make FOLDER    puts the objects into the folder
       stream_tree.py change FOLDER  changes, adds and removes some of them
       stream_tree.py list FOLDER    prints a line for each object, sorted
"""

import hashlib
import os
import socket
import stat
import subprocess
import sys

# Version 2 with cap_net_raw, and an ACL for user 7 as the kernel keeps it.
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")


def write(path, data=b"", mode=0o644):
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, mode)


def times(path, seconds, nanoseconds):
    ns = (seconds - 5) * 10**9 + nanoseconds
    os.utime(path, ns=(ns, ns + 5 * 10**9), follow_symlinks=False)


def make_special(top):
    os.mkfifo(f"{top}/fifo", 0o640)
    os.mknod(f"{top}/char", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(f"{top}/block", stat.S_IFBLK | 0o660, os.makedev(7, 200))
    os.link(f"{top}/char", f"{top}/char-again")
    with socket.socket(socket.AF_UNIX) as s:
        here = os.getcwd()
        os.chdir(top)
        s.bind("socket")
        os.chdir(here)
    os.chown(f"{top}/fifo", 3, 4)
    os.chown(f"{top}/socket", 65534, 65534)
    os.chmod(f"{top}/socket", 0o751)


def make_sparse(top):
    with open(f"{top}/sparse", "wb") as f:
        f.seek(1 << 20)
        f.write(b"middle" * 1000)
        f.seek(300 << 20)
        f.write(b"end")
        f.truncate((300 << 20) + 70000)
    with open(f"{top}/hole", "wb") as f:
        f.truncate(5 << 20)
    with open(f"{top}/vast", "wb") as f:
        f.write(b"begin")
        f.seek((8 << 30) - 3)
        f.write(b"end")
    write(f"{top}/large", bytes(range(256)) * 12000)
    write(f"{top}/empty")


def make_names(top):
    os.mkdir(f"{top}/names")
    b = os.fsencode(top) + b"/names/"
    for name in (b"\xff\xfe not UTF-8", "Größe".encode(), b"a\nb", b" ", b"-rf", b"x" * 255, b"back\\slash"):
        with open(b + name, "wb") as f:
            f.write(name)
    deep = f"{top}/names"
    for i in range(12):
        deep += "/" + "d" * 200
        os.mkdir(deep)
    write(deep + "/bottom", b"deep")
    os.symlink("y" * 3000, f"{top}/names/long-link")
    os.symlink(b"\xff\x80", f"{top}/names/odd-link")
    os.symlink("/etc/passwd", f"{top}/names/absolute")


def make_attributes(top):
    write(f"{top}/ping", b"program", 0o755)
    os.setxattr(f"{top}/ping", "security.capability", CAPABILITY)
    write(f"{top}/setuid", b"program", 0o4755)
    write(f"{top}/setgid", b"program", 0o2755)
    write(f"{top}/attributes", b"x", 0o600)
    os.setxattr(f"{top}/attributes", "user.plain", b"value")
    os.setxattr(f"{top}/attributes", "user.bytes", bytes(range(256)))
    os.setxattr(f"{top}/attributes", "user.empty", b"")
    os.setxattr(f"{top}/attributes", "user.a=b", b"an equals sign")
    os.mkdir(f"{top}/sticky")
    os.chmod(f"{top}/sticky", 0o3777)
    subprocess.run(["setfacl", "-m", "u:7:rwx,g:65533:r", f"{top}/attributes"], check=True)
    subprocess.run(["setfacl", "-m", "u:7:rwx,d:u:8:rx,d:g:9:r", f"{top}/sticky"], check=True)
    os.setxattr(f"{top}/sticky", "user.of-a-folder", b"1")
    write(f"{top}/immutable", b"for ever")
    write(f"{top}/append", b"more")
    os.mkdir(f"{top}/closed", 0o500)
    write(f"{top}/closed/inside", b"1", 0)
    os.chmod(f"{top}/closed", 0)


def make(top):
    top = f"{top}/objects"
    os.mkdir(top)
    make_special(top)
    make_sparse(top)
    make_names(top)
    make_attributes(top)
    write(f"{top}/one", b"several names")
    os.link(f"{top}/one", f"{top}/two")
    os.link(f"{top}/one", f"{top}/names/three")
    os.symlink("one", f"{top}/link")
    os.link(f"{top}/link", f"{top}/link-again", follow_symlinks=False)
    os.lchown(f"{top}/link", 65535, 12)
    os.chown(f"{top}/large", 65535, 65535)
    for i, (folder, folders, names) in enumerate(os.walk(top, topdown=False)):
        for name in names:
            times(os.path.join(folder, name), 1000000000 + i, 123456789)
        times(folder, 900000000 + i, 987654321)
    times(f"{top}/empty", -5, 1)
    times(f"{top}/one", 5000000000, 999999999)
    subprocess.run(["chattr", "+i", f"{top}/immutable"], check=True)
    subprocess.run(["chattr", "+a", f"{top}/append"], check=True)


def change(top):
    """Of the tree that make has made; some changes keep size and time of modification."""
    top = f"{top}/objects"
    before = os.stat(f"{top}/large")
    with open(f"{top}/large", "r+b") as f:
        f.seek(500000)
        f.write(b"changed")
    os.utime(f"{top}/large", ns=(before.st_atime_ns, before.st_mtime_ns))
    os.unlink(f"{top}/two")
    os.link(f"{top}/one", f"{top}/four")
    os.unlink(f"{top}/fifo")
    os.mkdir(f"{top}/fifo")
    write(f"{top}/fifo/inside", b"a folder now")
    subprocess.run(["rm", "-rf", f"{top}/names"], check=True)
    write(f"{top}/names", b"a file now")
    os.setxattr(f"{top}/attributes", "user.new", b"1")
    os.removexattr(f"{top}/attributes", "user.plain")
    os.removexattr(f"{top}/sticky", "user.of-a-folder")
    subprocess.run(["setfacl", "-b", f"{top}/sticky"], check=True)
    os.chmod(f"{top}/setuid", 0o755)
    os.unlink(f"{top}/block")
    os.mknod(f"{top}/block-2", stat.S_IFBLK | 0o600, os.makedev(8, 1))
    os.unlink(f"{top}/link")
    os.symlink("elsewhere", f"{top}/link")
    os.mkdir(f"{top}/new")
    write(f"{top}/new/file", b"new")
    os.rename(f"{top}/ping", f"{top}/new/ping")
    with open(f"{top}/sparse", "r+b") as f:
        f.truncate(2 << 20)


def extents(path, size):
    """Where data are; the pieces of file systems differ, so only what is a MiB or more apart counts."""
    found = []
    with open(path, "rb") as f:
        at = 0
        while at < size:
            try:
                data = os.lseek(f.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            at = os.lseek(f.fileno(), data, os.SEEK_HOLE)
            found.append(f"{data >> 20}-{(at - 1) >> 20}")
    return ",".join(found)


def digest(path, size):
    """Of the bytes and their places. Holes are not read, and blocks of zeros count as holes."""
    found = hashlib.sha256()
    block = 1 << 16
    with open(path, "rb", buffering=0) as f:
        at = 0
        while at < size:
            try:
                data = os.lseek(f.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(f.fileno(), data, os.SEEK_HOLE)
            at = max(at, data // block * block)
            while at < end:
                piece = os.pread(f.fileno(), block, at)
                if any(piece):
                    found.update(b"%d:%s" % (at, piece))
                at += block
    return found.hexdigest()[:16]


def describe(path, first):
    st = os.lstat(path)
    words = [oct(st.st_mode), f"{st.st_uid}:{st.st_gid}", str(st.st_mtime_ns)]
    if not stat.S_ISDIR(st.st_mode):
        words += [f"links={st.st_nlink}", "same=" + ascii(first.setdefault((st.st_dev, st.st_ino), path))]
    if stat.S_ISREG(st.st_mode):
        words += [str(st.st_size), digest(path, st.st_size)]
        if st.st_size >= 1 << 20:
            words.append("data=" + extents(path, st.st_size))
    elif stat.S_ISLNK(st.st_mode):
        words.append(ascii(os.readlink(path)))
    elif stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
        words.append(f"{os.major(st.st_rdev)}:{os.minor(st.st_rdev)}")
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        if not name.startswith(("security.selinux", "btrfs.")):
            words.append(f"{name}={os.getxattr(path, name, follow_symlinks=False).hex()}")
    if stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode):
        flags = subprocess.run(["lsattr", "-d", "--", path], capture_output=True, check=False).stdout.split(b" ")[0]
        words += [flag for flag in "ia" if flag.encode() in flags]
    return " ".join(words)


def show(top):
    os.chdir(top)
    first = {}
    lines = []
    for folder, folders, names in os.walk(b"."):
        folders.sort()
        for name in [b""] + sorted(names) + [f for f in folders if os.path.islink(os.path.join(folder, f))]:
            path = os.path.join(folder, name) if name else folder
            lines.append(ascii(path) + " " + describe(path, first))
    print("\n".join(lines))


{"make": make, "change": change, "list": show}[sys.argv[1]](sys.argv[2])
