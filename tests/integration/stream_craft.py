#!/usr/bin/env -S python3 -S
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes a stream whose sums are right, and whose contents are not what export writes.

usage: stream_craft.py KIND >FILE
"""

import hashlib
import io
import struct
import sys
import tarfile

UUID = "01234567-89ab-4def-8123-456789abcdef"
HEAD = f"arch = \nberth = 1\ndriver = dir\nepoch = 1\nhost = far\nincrement = no\nname = x\nuuid = {UUID}\n"
SETTINGS = f"uuid = {UUID}\npool = p\n"


class Stream:
    def __init__(self):
        self.out = io.BytesIO()
        self.sum = "0" * 64
        self.section = b""
        self.volumes = 0

    def raw(self, data):
        self.section += data

    def chunk(self, kind, data, offset=0, codec=0, plain=None):
        self.raw(struct.pack("<cB2xIIIQ", kind.encode(), codec, len(data),
                             len(data) if plain is None else plain, 0, offset) + data)

    def close(self):
        head = struct.pack("<cB2xIIIQ", b"S", 0, 64, 64, 0, 0)
        self.sum = hashlib.sha256(self.sum.encode() + self.section + head).hexdigest()
        self.out.write(self.section + head + self.sum.encode())
        self.section = b""

    def start(self, head=HEAD, settings=SETTINGS):
        self.raw(b"berth-stream 01\n")
        self.chunk("H", head.encode())
        self.chunk("M", settings.encode())
        self.close()

    def volume(self, pieces, text=""):
        """pieces: of (type, data)."""
        self.chunk("V", text.encode())
        self.close()
        self.volumes += 1
        offset = total = 0
        for kind, data in pieces:
            self.chunk(kind, data, offset if kind == "T" else 0)
            offset += len(data) if kind == "T" else 0
            total += len(data)
        self.chunk("E", struct.pack("<QQ", len(pieces), total))
        self.close()

    def end(self, volumes=None):
        self.chunk("F", struct.pack("<Q", self.volumes if volumes is None else volumes))
        self.close()
        return self.out.getvalue()


def entry(name, kind=tarfile.REGTYPE, data=b"", **members):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = len(data)
    info.mode = 0o755
    for key, value in members.items():
        setattr(info, key, value)
    return info, data


def tree(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in (entry("./", tarfile.DIRTYPE), entry("./bin", tarfile.DIRTYPE),
                           entry("./bin/sh", data=b"#!")) + entries:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def whole(*entries, head=HEAD, settings=SETTINGS, text="", before=(), volumes=None):
    stream = Stream()
    stream.start(head, settings)
    stream.volume([*before, ("T", tree(*entries))], text)
    return stream.end(volumes)


def twice():
    stream = Stream()
    stream.start()
    for _ in range(2):
        stream.volume([("T", tree())])
    return stream.end()


def empty():
    stream = Stream()
    stream.start()
    return stream.end()


def large():
    """A chunk that says that it is larger than chunks are, and one of zstd that says less than it is."""
    stream = Stream()
    stream.start()
    stream.chunk("V", b"")
    stream.close()
    stream.chunk("T", b"x" * 100, codec=1, plain=0xffffffff)
    stream.close()
    return stream.end()


def blocks():
    stream = Stream()
    stream.start()
    stream.volume([("D", b"x" * 4096)])
    return stream.end()


def with_data(volumes, *texts, settings=SETTINGS + "[volume d]\ntarget = /srv\n"):
    """volumes: of the head. texts: describe volumes for data behind the root."""
    stream = Stream()
    stream.start(HEAD + (f"volumes = {volumes}\n" if volumes else ""), settings)
    stream.volume([("T", tree())])
    for text in texts:
        stream.volume([("T", tree())], text)
    return stream.end()


OTHER = UUID.replace("0123", "3210")
DATA = f"data = d\ndata.uuid = {UUID}\n"

KINDS = {
    "good": whole,
    "absolute": lambda: whole(entry("/etc/owned", data=b"x")),
    "climbing": lambda: whole(entry("../owned", data=b"x")),
    "link-out": lambda: whole(entry("./l", tarfile.SYMTYPE, linkname="../../..")),
    "behind-link": lambda: whole(entry("./l", tarfile.SYMTYPE, linkname="/etc"), entry("./l/owned", data=b"x")),
    "hard-link": lambda: whole(entry("./l", tarfile.LNKTYPE, linkname="../../etc/passwd")),
    "node-behind-link": lambda: whole(entry("./l", tarfile.SYMTYPE, linkname="/tmp"),
                                      entry("./l/owned", tarfile.CHRTYPE, devmajor=1, devminor=1)),
    "node-owner": lambda: whole(entry("./n", tarfile.CHRTYPE, devmajor=1, devminor=1, uid=100000)),
    "owner": lambda: whole(entry("./f", uid=100000, data=b"x")),
    "removes-above": lambda: whole(before=[("X", b"./../../x\0")]),
    "removes-root": lambda: whole(before=[("X", b"/\0")]),
    "removes-endless": lambda: whole(before=[("X", b"./x")]),
    "two-roots": twice,
    "no-volume": empty,
    "large": large,
    "blocks": blocks,
    "count": lambda: whole(volumes=7),
    "path-name": lambda: whole(head=HEAD.replace("name = x", "name = ../../x")),
    "other-uuid": lambda: whole(head=HEAD.replace("0123", "3210")),
    "settings": lambda: whole(settings=SETTINGS + "nonsense\n"),
    "unknown-key": lambda: whole(settings=SETTINGS + "limits.memry = 1\n"),
    "arch": lambda: whole(settings=SETTINGS + "arch = s390x\n"),
    "snapshot-name": lambda: whole(text="snapshot = ../x\ncontent = " + UUID + "\n"),
    "base": lambda: whole(text="base = " + UUID + "\nbase.name = s\n"),
    "kind": lambda: whole(head=HEAD + "kind = volume\n"),
    "data-unnamed": lambda: with_data("", DATA),
    "data-other": lambda: with_data(f"d {UUID}", DATA, DATA.replace(UUID, OTHER)),
    "data-absent": lambda: with_data(f"d {UUID}"),
    "data-without-section": lambda: with_data(f"d {UUID}", DATA, settings=SETTINGS),
    "data-without-uuid": lambda: with_data("d", DATA),
    "data-path": lambda: with_data(f"../d {UUID}", DATA),
    "data-one-name": lambda: with_data(f"d {UUID} d {OTHER}", DATA, DATA.replace(UUID, OTHER)),
    "data-base": lambda: with_data(f"d {UUID}", DATA + f"base = {OTHER}\nbase.name = s\n"),
    "data-only-snapshot": lambda: with_data(f"d {UUID}", DATA + f"snapshot = s\ncontent = {OTHER}\n"),
    "only-snapshot": lambda: whole(text="snapshot = s\ncontent = " + UUID + "\n"),
}

if __name__ == "__main__":
    if len(sys.argv) < 2:
        print("\n".join(KINDS))
    else:
        sys.stdout.buffer.write(KINDS[sys.argv[1]]())
