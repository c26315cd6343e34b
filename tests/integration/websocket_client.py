# SPDX-License-Identifier: GPL-2.0-or-later
"""A client of berth-api's WebSockets that breaks rules: websocket_client.py SOCKET|--table [GROUP...]

Each case of websocket_cases.py has a socket of its own, behind which cat sends back what is binary, as a stream of
bytes. A text is a control of the server's; one that is none is answered with a sentence, and so shows that it came
whole."""
import contextlib
import http.client
import json
import socket
import struct
import sys
import threading

from websocket_cases import ANSWER, CLOSE, GROUPS, LONGEST_TEXT, PING, PONG, TEXT, Until, closing

PATIENCE = 60


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("x")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


def ticket(path):
    connection = Unix(path)
    connection.request("POST", "/attach", json.dumps({"argv": ["berth", "cat"], "raw": True}))
    answer = connection.getresponse()
    assert answer.status == 201, answer.status
    address = json.load(answer)["websocket"]
    connection.close()
    return address


class Connection:
    def __init__(self, path):
        address = ticket(path)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.socket.sendall(("GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                             % address).encode())
        self.bytes = b""
        while b"\r\n\r\n" not in self.bytes:
            self.bytes += self.receive()
        head, _, self.bytes = self.bytes.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ") and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head
        self.events, self.echo, self.closed, self.over = [], bytearray(), None, False
        self.news = threading.Condition()

    def receive(self):
        try:
            return self.socket.recv(1 << 20)
        except ConnectionResetError:
            return b""

    def take(self, count):
        while len(self.bytes) < count:
            piece = self.receive()
            if not piece:
                assert not self.bytes, "the connection ends within a frame"
                return None
            self.bytes += piece
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken

    def read_frame(self):
        """Takes a frame; false at the end."""
        head = self.take(2)
        if head is None:
            return False
        assert head[0] & 0xf0 == 0x80 and not head[1] & 0x80, "a frame is no whole message, or is masked"
        size = head[1]
        if size >= 126:
            size = int.from_bytes(self.take(2 if size == 126 else 8), "big")
        payload, opcode = self.take(size), head[0] & 15
        with self.news:
            assert self.closed is None, "a frame behind the close"
            if opcode == CLOSE:
                self.closed = struct.unpack(">H", payload)[0] if payload else 1005
            elif opcode == TEXT:
                assert b'"error":"a text is ' in payload, payload
                self.events.append(ANSWER)
            elif opcode in (PING, PONG):
                self.events.append(("ping" if opcode == PING else "pong", payload))
            else:
                self.echo += payload
            self.news.notify()
        return True

    def read(self, done):
        """Reads until that is true, or the connection ends."""
        while not done() and not self.over:
            self.over = not self.read_frame()

    def send(self, pieces):
        try:
            for piece in pieces:
                if isinstance(piece, Until):
                    with self.news:
                        assert self.news.wait_for(
                            lambda: self.over or len(self.events) + len(self.echo) >= piece.count, PATIENCE), piece
                else:
                    self.socket.sendall(piece)
        except OSError:
            pass  # what did not arrive is missed


def run(path, case):
    """What is wrong, or None."""
    connection = Connection(path)
    sender = threading.Thread(target=connection.send, args=(case.sent,))
    sender.start()
    try:
        expected = case.expected
        if case.close is None:
            connection.read(lambda: len(connection.events) >= len(expected) and len(connection.echo) >= len(case.echo))
            sender.join()
            connection.send([closing(1000)])
        connection.read(lambda: False)
        if connection.events != expected:
            return f"came {connection.events[:12]}, and expected was {expected[:12]}"
        if connection.echo != case.echo:
            return f"{len(connection.echo)} bytes came back of {len(case.echo)}"
        if connection.closed != (case.close or 1000):
            return f"the close was {connection.closed}, and expected was {case.close or 1000}"
        return None
    except (AssertionError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        with connection.news:
            connection.over = True
            connection.news.notify()
        with contextlib.suppress(OSError):
            connection.socket.shutdown(socket.SHUT_RDWR)
        sender.join()
        connection.socket.close()


def expectation(case):
    words = [ANSWER if event == ANSWER else event[0] for event in case.expected[:3]]
    words += ["..."] if len(case.expected) > 3 else []
    words += [f"{len(case.echo)} bytes back"] if case.echo else []
    return ", ".join([*words, f"close {case.close or 1000}"])


def main(path, *names):
    count = wrong = long = 0
    for name in names or GROUPS:
        for case in GROUPS[name]():
            if path == "--table":
                print(f"{case.number}\t{case.what}\t{expectation(case)}")
                continue
            count += 1
            long += case.close == 1009 and case.what.startswith("text")
            fault = run(path, case)
            if fault:
                wrong += 1
                print(f"{case.number} ({case.what}): {fault}")
    if path != "--table":
        print(f"{count} cases, {count - wrong} as expected, {long} of them are texts of more than {LONGEST_TEXT} bytes")
    return wrong > 0


sys.exit(main(*sys.argv[1:]))
