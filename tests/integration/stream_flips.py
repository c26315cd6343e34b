#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Imports damaged copies of streams, and tells which of them were taken.

usage: tests/integration/stream_flips.py COUNT SEED FOLDER STREAM... -- IMPORT WORDS

COUNT copies are made, in turn of each stream: a flipped bit, of the first 2,000 bytes or anywhere, or a cut. Each is
given to berth with these words, to which its path is added in the place of "@". It has to end with status 1 and one
line that names the stream. FOLDER gets the copy that is tried, and keeps the first one that was taken.
"""
import random
import subprocess
import sys

HEAD = 2000


def damage(data, draw):
    """(the damaged copy, a name for what was done)"""
    kind = draw.randrange(3)
    if kind == 2:
        at = draw.randrange(len(data))
        return data[:at], f"cut to {at}"
    at = draw.randrange(min(HEAD, len(data)) if kind == 0 else len(data))
    bit = draw.randrange(8)
    copy = bytearray(data)
    copy[at] ^= 1 << bit
    return bytes(copy), f"bit {bit} of byte {at}"


def main():
    count, seed, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    end = sys.argv.index("--")
    streams = []
    for path in sys.argv[4:end]:
        with open(path, "rb") as file:
            streams.append((path, file.read()))
    damaged = f"{folder}/damaged"
    words = [damaged if word == "@" else word for word in sys.argv[end + 1:]]
    draw = random.Random(seed)
    for i in range(count):
        path, data = streams[i % len(streams)]
        copy, done = damage(data, draw)
        with open(damaged, "wb") as file:
            file.write(copy)
        tried = subprocess.run(["berth", *words], stdin=subprocess.DEVNULL, capture_output=True,
                               text=True, timeout=120, check=False)
        said = tried.stderr.rstrip("\n")
        if tried.returncode != 1 or "\n" in said or f"stream '{damaged}'" not in said:
            sys.exit(f"{path}, {done}: status {tried.returncode}: {tried.stdout}{tried.stderr}")
    print(count)


main()
