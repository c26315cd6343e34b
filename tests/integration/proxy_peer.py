#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The two ends of connections through forwards of mode proxy: proxy_peer.py serve|get|transfer|slow|hold ARGUMENT..."""
import hashlib
import os
import socket
import struct
import sys
import threading

CHUNK = 1 << 16


def content(seed, count):
    """Bytes that depend on the seed, and repeat after a prime number of bytes."""
    block = hashlib.shake_256(str(seed).encode()).digest(65521)
    return (block * (count // len(block) + 1))[:count]


def read_all(peer):
    total, count = hashlib.sha256(), 0
    while data := peer.recv(CHUNK):
        total.update(data)
        count += len(data)
    return total.hexdigest(), count


def read_exactly(peer, count):
    data = b""
    while len(data) < count:
        more = peer.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def serve_sum(peer, name):
    """Answers only after the client's end: the sum of what came, then as many bytes of its own."""
    digest, count = read_all(peer)
    peer.sendall(digest.encode() + content(count, count))


def serve_who(peer, name):
    peer.sendall(name[0].removeprefix("::ffff:").encode() + b"\n")


def serve_early(peer, name):
    """Sends its end first, and then tells by a file what came."""
    peer.sendall(b"early\n")
    peer.shutdown(socket.SHUT_WR)
    _, count = read_all(peer)
    with open(sys.argv[4], "w", encoding="ascii") as file:
        file.write(f"{count}\n")


def serve_header(peer, name):
    """Reads a header of the PROXY protocol, version 2, and answers with what it says and what follows it."""
    head = read_exactly(peer, 16)
    assert head[:12] == b"\r\n\r\n\0\r\nQUIT\n", head
    command, family, length = struct.unpack("!BBH", head[12:])
    body = read_exactly(peer, length)
    size = {0x11: 4, 0x21: 16}[family]
    kind = socket.AF_INET if size == 4 else socket.AF_INET6
    source, target = (socket.inet_ntop(kind, body[i * size:(i + 1) * size]) for i in (0, 1))
    from_port, to_port = struct.unpack("!HH", body[2 * size:])
    rest = b""
    while data := peer.recv(CHUNK):
        rest += data
    peer.sendall(f"{command:#x} {source} {target} {to_port} {from_port > 0} {rest.decode()}\n".encode())


def serve_flood(peer, name):
    while True:
        peer.sendall(bytes(CHUNK))


def handle(serve, peer, name):
    with peer:
        try:
            serve(peer, name)
        except (OSError, EOFError):
            pass


def serve(kind, port, *rest):
    server = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=500)
    while True:
        peer, name = server.accept()
        threading.Thread(target=handle, args=(globals()["serve_" + kind], peer, name), daemon=True).start()


def get(address, port, timeout, say=""):
    """Prints what a server says, nothing if it says nothing."""
    try:
        with socket.create_connection((address, int(port)), timeout=float(timeout)) as peer:
            if say:
                peer.sendall(say.encode())
                peer.shutdown(socket.SHUT_WR)
            print(peer.makefile().readline().strip())
    except OSError as fault:
        print(fault, file=sys.stderr)


def transfer_one(address, port, count, seed, good):
    with socket.create_connection((address, port), timeout=120) as peer:
        data = content(seed, count)
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        digest = read_exactly(peer, 64).decode()
        back = read_all(peer)
    expected = hashlib.sha256(content(count, count)).hexdigest()
    if digest == hashlib.sha256(data).hexdigest() and back == (expected, count):
        good.append(seed)


def transfer(address, port, count, times):
    """Sends bytes and takes as many back, in several connections at once; prints how many were right."""
    good = []
    threads = [threading.Thread(target=transfer_one, args=(address, int(port), int(count), i, good))
               for i in range(int(times))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    print(len(good))


def slow(address, port):
    """Reads nothing of what comes, and says when there is some."""
    with socket.create_connection((address, int(port)), timeout=30) as peer:
        peer.recv(1)
        print("slow", flush=True)
        os.read(0, 1)


def hold(address, port):
    """Keeps a connection open, on which it says next to nothing."""
    with socket.create_connection((address, int(port)), timeout=60) as peer:
        peer.sendall(b"G")
        os.read(0, 1)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
