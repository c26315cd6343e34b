# SPDX-License-Identifier: GPL-2.0-or-later
"""A display that is only as much of a server of RFB as noVNC needs: one colour, and notes of what a viewer does. A key x ends
it. What is put into its clipboard comes back in capitals."""
import struct

WIDTH, HEIGHT = 64, 48
# Lengths of messages without a body.
LENGTHS = {0: 20, 3: 10, 4: 8, 5: 6, 150: 10}


class Display:
    """read() is bytes of the viewer's, or b"" at the end; write(bytes) sends; note(kind, what) remembers."""

    def __init__(self, read, write, note):
        self.read, self.write, self.note, self.bytes = read, write, note, b""

    def take(self, count):
        while len(self.bytes) < count:
            more = self.read()
            if not more:
                raise EOFError
            self.bytes += more
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken

    def greet(self):
        self.write(b"RFB 003.008\n")
        self.take(12)
        self.write(b"\1\1")
        self.take(1)
        self.write(bytes(4))
        self.take(1)
        self.write(struct.pack(">HHBBBBHHHBBB3xI", WIDTH, HEIGHT, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0, 4) + b"<b>d")

    def run(self):
        self.greet()
        drawn = False
        while True:
            kind = self.take(1)[0]
            if kind == 2:
                self.take(4 * struct.unpack(">xH", self.take(3))[0])
                continue
            if kind == 6:
                text = self.take(struct.unpack(">3xI", self.take(7))[0])
                self.note("clipboard", text.decode("latin-1"))
                self.write(struct.pack(">B3xI", 3, len(text)) + text.upper())
                continue
            rest = self.take(LENGTHS[kind] - 1)
            if kind == 4 and rest[0]:
                self.note("key", struct.unpack(">I", rest[3:])[0])
                if rest[3:] == b"\0\0\0x":
                    return
            if kind == 3 and not drawn:
                drawn = True
                self.write(struct.pack(">BxHHHHHi", 0, 1, 0, 0, WIDTH, HEIGHT, 0) + b"\x80\x60\x20\0" * (WIDTH * HEIGHT))
