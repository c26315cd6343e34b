#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of the probes of rules.sh, in whatever network namespace they are started.

serve PORT...                      echoes what comes by TCP and UDP, of both families, and sends on an open connection
probe tcp|udp|icmp ADDRESS [PORT]  ends with 0 if there was an answer
each PROTOCOL ADDRESS PORT...      prints those that answer, "PROTOCOL ADDRESS" a line; all at once
count ADDRESS PORT                 sends datagrams until SIGTERM, then prints how many were answered
hold ADDRESS PORT FIFO             keeps a connection: for each line of FIFO sends it and prints the answer, or "none"
"""

import os
import select
import signal
import socket
import struct
import sys
import threading
import time

SECONDS = float(os.environ.get("PROBE_SECONDS", "1.5"))


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def serve(ports):
    sockets = {}
    for port in map(int, ports):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            s = socket.socket(socket.AF_INET6, kind)
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("::", port))
            if kind == socket.SOCK_STREAM:
                s.listen(64)
            sockets[s] = "listen" if kind == socket.SOCK_STREAM else "udp"
    print("serves", os.getpid(), flush=True)
    while True:
        for s in select.select(list(sockets), [], [])[0]:
            try:
                if sockets[s] == "listen":
                    sockets[s.accept()[0]] = "tcp"
                elif sockets[s] == "udp":
                    data, peer = s.recvfrom(2048)
                    s.sendto(data, peer)
                else:
                    data = s.recv(2048)
                    if data:
                        s.sendall(data)
                    else:
                        del sockets[s]
                        s.close()
            except OSError:
                if sockets[s] == "tcp":
                    del sockets[s]


def probe_tcp(address, port):
    with socket.create_connection((address, port), timeout=2 * SECONDS) as s:
        s.sendall(b"x")
        return s.recv(1) == b"x"


def probe_udp(address, port):
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as s:
        s.settimeout(SECONDS)
        s.connect((address, port))
        for _ in range(2):
            s.send(b"x")
            try:
                return s.recv(16) == b"x"
            except TimeoutError:
                pass
    return False


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def probe_icmp(address, _):
    six = ":" in address
    identifier = threading.get_native_id() & 0xFFFF
    head = struct.pack("!BBHHH", 128 if six else 8, 0, 0, identifier, 1)
    if not six:
        head = struct.pack("!BBHHH", 8, 0, checksum(head), identifier, 1)
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    with socket.socket(family_of(address), socket.SOCK_RAW, protocol) as s:
        s.settimeout(SECONDS)
        for _ in range(2):
            s.sendto(head, (address, 0))
            try:
                while True:
                    data = s.recv(2048)
                    data = data if six else data[20:]
                    if data[0] == (129 if six else 0) and struct.unpack("!H", data[4:6])[0] == identifier:
                        return True
            except TimeoutError:
                pass
    return False


def hold(address, port, fifo):
    with socket.create_connection((address, port), timeout=2 * SECONDS) as s:
        s.settimeout(2 * SECONDS)
        print("held", flush=True)
        with open(fifo, encoding="ascii") as lines:
            for line in lines:
                try:
                    s.sendall(line.encode())
                    print(s.recv(2048).decode().strip() or "end", flush=True)
                except OSError:
                    print("none", flush=True)


def count(address, port):
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    answered = 0
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as s:
        s.setblocking(False)
        s.connect((address, port))
        print("counts", os.getpid(), flush=True)
        while not ended.is_set():
            try:
                s.send(b"x")
                answered += s.recv(16) == b"x"
            except OSError:
                time.sleep(0.0001)
    print("answered", answered, flush=True)


def answers(protocol, address, port):
    probes = {"tcp": probe_tcp, "udp": probe_udp, "icmp": probe_icmp}
    try:
        return probes[protocol](address, int(port))
    except OSError:
        return False


def each(words):
    def one(protocol, address, port):
        if answers(protocol, address, port):
            print(f"{protocol} {address}\n", end="", flush=True)

    threads = [threading.Thread(target=one, args=words[i : i + 3]) for i in range(0, len(words), 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    what, words = sys.argv[1], sys.argv[2:]
    if what == "serve":
        serve(words)
    elif what == "hold":
        hold(words[0], int(words[1]), words[2])
    elif what == "count":
        count(words[0], int(words[1]))
    elif what == "each":
        each(words)
    else:
        sys.exit(0 if answers(*words) else 1)


main()
