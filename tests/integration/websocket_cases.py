# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases for a server of WebSockets, with the numbers of the list that the Autobahn testsuite publishes: what a client
sends, and what a server answers to it. Those about compression (12, 13) do not apply, since no extension is offered."""
import collections
import os
import struct

TEXT, BINARY, MORE, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10

# A text of the server's is a control of at most so many bytes; the answer to a longer one is 1009.
LONGEST_TEXT = 4096

# sent: pieces of bytes, each of which is a write of its own, or Until; expected: what comes, in this order; echo: bytes
# that come back. The server closes with `close` where the client is at fault, and otherwise answers the client's 1000.
Case = collections.namedtuple("Case", "number what sent expected echo close")
Until = collections.namedtuple("Until", "count")  # goes on when so much has come
GREEK = "\u03ba\u1f79\u03c3\u03bc\u03b5".encode()  # eleven bytes
ANSWER = "answer"  # to a text that is whole and no control


def pong(payload=b""):
    return ("pong", payload)


def mask(payload):
    key = os.urandom(4)
    size = len(payload)
    stream = (key * (size // 4 + 1))[:size]
    return key + (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")


def frame(opcode, payload=b"", end=True, reserved=0):
    size = len(payload)
    head = bytes([end << 7 | reserved << 4 | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65536:
        head += b"\xfe" + struct.pack(">H", size)
    else:
        head += b"\xff" + struct.pack(">Q", size)
    return head + mask(payload)


def chopped(pieces, size=1):
    whole = b"".join(pieces)
    return [whole[at:at + size] for at in range(0, len(whole), size)]


def fragments(opcode, parts):
    last = len(parts) - 1
    return [frame(opcode if i == 0 else MORE, part, end=i == last) for i, part in enumerate(parts)]


def split(payload, size):
    return [payload[at:at + size] for at in range(0, len(payload), size)] or [b""]


def closing(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


def good(number, what, sent, expected=(), echo=b""):
    return Case(number, what, list(sent), list(expected), echo, None)


def bad(number, what, sent, close=1002, expected=(), echo=b""):
    return Case(number, what, list(sent), list(expected), echo, close)


def message(number, what, opcode, payload, sent=None):
    """A whole message: a binary one comes back, a text is answered, or is too long."""
    sent = sent or [frame(opcode, payload)]
    if opcode == BINARY:
        return good(number, what, sent, echo=payload)
    if len(payload) > LONGEST_TEXT:
        return bad(number, what, sent, close=1009)
    return good(number, what, sent, [ANSWER])


def framing():
    sizes = 0, 125, 126, 127, 128, 65535, 65536
    for kind, opcode, name in (1, TEXT, "text"), (2, BINARY, "binary"):
        for i, size in enumerate(sizes, 1):
            yield message(f"1.{kind}.{i}", f"{name} of {size} bytes", opcode, b"*" * size)
        payload = b"*" * 65536
        yield message(f"1.{kind}.8", f"{name} of 65536 bytes in writes of 997", opcode, payload,
                      chopped([frame(opcode, payload)], 997))


def pings():
    binary, longest = b"\0\xff\xfe\xfd\xfc\xfb\0\xff", b"\xfe" * 125
    yield good("2.1", "ping without payload", [frame(PING)], [pong()])
    yield good("2.2", "ping with text", [frame(PING, b"Hello, world!")], [pong(b"Hello, world!")])
    yield good("2.3", "ping with bytes that are no text", [frame(PING, binary)], [pong(binary)])
    yield good("2.4", "ping with 125 bytes", [frame(PING, longest)], [pong(longest)])
    yield bad("2.5", "ping with 126 bytes", [frame(PING, longest + b"\xfe")])
    yield good("2.6", "ping with 125 bytes, a byte a write", chopped([frame(PING, longest)]), [pong(longest)])
    yield good("2.7", "pong that nobody asked for", [frame(PONG)])
    yield good("2.8", "pong with payload that nobody asked for", [frame(PONG, b"unasked")])
    yield good("2.9", "such a pong, then a ping", [frame(PONG, b"unasked"), frame(PING, b"asked")], [pong(b"asked")])
    ten = [b"payload-%d" % i for i in range(10)]
    frames = [frame(PING, payload) for payload in ten]
    yield good("2.10", "ten pings", frames, map(pong, ten))
    yield good("2.11", "ten pings, a byte a write", chopped(frames), map(pong, ten))


def reserved_bits():
    text = frame(TEXT, b"Hello")
    yield bad("3.1", "text with reserved bits 1", [frame(TEXT, b"Hello", reserved=1)])
    # A whole message in front of the fault is answered first.
    for bits, what in (2, ""), (3, ", a write a frame"), (4, ", a byte a write"):
        frames = [text, frame(TEXT, b"Hello", reserved=bits), frame(PING)]
        sent = {2: [b"".join(frames)], 3: frames, 4: chopped(frames)}[bits]
        yield bad(f"3.{bits}", f"text, text with reserved bits {bits}, ping{what}", sent, expected=[ANSWER])
    yield bad("3.5", "binary with reserved bits 5", [frame(BINARY, b"\0\xff", reserved=5)])
    yield bad("3.6", "ping with reserved bits 6", [frame(PING, b"x", reserved=6)])
    yield bad("3.7", "close with reserved bits 7", [frame(CLOSE, struct.pack(">H", 1000), reserved=7)])


def opcodes():
    for group, first in (1, 3), (2, 11):
        for i in range(5):
            opcode, payload = first + i, b"" if i in (0, 2) else b"payload"
            frames = [frame(opcode, payload), frame(PING)]
            if i < 2:
                yield bad(f"4.{group}.{i + 1}", f"opcode {opcode}", frames[:1])
                continue
            frames.insert(0, frame(TEXT, b"Hello"))
            yield bad(f"4.{group}.{i + 1}", f"text, opcode {opcode}, ping", chopped(frames) if i == 4 else frames,
                      expected=[ANSWER])


def fragmentation(opcode, name, mark):
    """Each also in binary, where what was put together comes back."""
    binary = opcode == BINARY
    two, echo = [b"fragment1", b"fragment2"], b"fragment1fragment2" if binary else b""
    answer = [] if binary else [ANSWER]
    both = fragments(opcode, two)
    yield good("5.3" + mark, f"{name} of 2 fragments", [b"".join(both)], answer, echo)
    yield good("5.4" + mark, f"{name} of 2 fragments, a write each", both, answer, echo)
    yield good("5.5" + mark, f"{name} of 2 fragments, a byte a write", chopped(both), answer, echo)
    between = [both[0], frame(PING, b"between"), both[1]]
    answers = [pong(b"between"), *answer]
    yield good("5.6" + mark, f"{name} of 2 fragments with a ping between", [b"".join(between)], answers, echo)
    yield good("5.7" + mark, "the same, a write each", between, answers, echo)
    yield good("5.8" + mark, "the same, a byte a write", chopped(between), answers, echo)
    for first, end in (9, True), (12, False):
        frames = [frame(MORE, b"nothing before", end=end), frame(opcode, b"Hello")]
        what = f"a continuation of nothing with end={int(end)}, then {name}"
        yield bad(f"5.{first}{mark}", what, [b"".join(frames)])
        yield bad(f"5.{first + 1}{mark}", what + ", a write each", frames)
        yield bad(f"5.{first + 2}{mark}", what + ", a byte a write", chopped(frames))
    # What came back before the fault may be on its way still, so that the client waits for it.
    wait = [Until(len(echo))] if binary else []
    yield bad("5.15" + mark, f"{name} of 2 fragments, a continuation of nothing, {name}",
              [*both, *wait, frame(MORE, b"fragment3", end=False), frame(opcode, b"fragment4")],
              expected=answer, echo=echo)
    for number, end in (16, False), (17, True):
        again = [frame(MORE, b"fragment1", end=end), *fragments(opcode, two)]
        yield bad(f"5.{number}{mark}", f"twice: a continuation of nothing with end={int(end)}, {name} of 2 fragments",
                  again + again)
    yield bad("5.18" + mark, f"two fragments that both begin a {name}",
              [frame(opcode, b"fragment1", end=False), frame(opcode, b"fragment2")])
    five = fragments(opcode, [b"fragment%d" % i for i in range(1, 6)])
    echo = b"".join(b"fragment%d" % i for i in range(1, 6)) if binary else b""
    answers = [pong(b"ping1"), pong(b"ping2"), *answer]
    frames = [*five[:2], frame(PING, b"ping1"), *five[2:4], frame(PING, b"ping2"), five[4]]
    slow = frames[:3] + [Until(1 + (len(b"fragment1fragment2") if binary else 0))] + frames[3:]
    yield good("5.19" + mark, f"{name} of 5 fragments with pings; it goes on after the first answer", slow, answers,
               echo)
    yield good("5.20" + mark, f"{name} of 5 fragments with pings", frames, answers, echo)


def fragmented_controls():
    yield bad("5.1", "ping of 2 fragments", fragments(PING, [b"fragment1", b"fragment2"]))
    yield bad("5.2", "pong of 2 fragments", fragments(PONG, [b"fragment1", b"fragment2"]))
    yield from fragmentation(TEXT, "text", "")
    yield from fragmentation(BINARY, "binary", "b")


def text(number, payload, sent, valid=True):
    what = f"{'text' if valid else 'no text'}: {payload.hex()[:60]}"
    return good(number, what, sent, [ANSWER]) if valid else bad(number, what, sent, close=1007)


def utf8():
    wrong = GREEK + b"\xed\xa0\x80edited"
    hello = "Hello-µ@ßöäüàá-UTF-8!!".encode()
    yield text("6.1.1", b"", [frame(TEXT)])
    yield text("6.1.2", b"", fragments(TEXT, [b"", b"", b""]))
    yield text("6.1.3", b"middle", fragments(TEXT, [b"", b"middle", b""]))
    yield text("6.2.1", hello, [frame(TEXT, hello)])
    yield text("6.2.2", hello, fragments(TEXT, [hello[:12], hello[12:]]))
    yield text("6.2.3", hello, fragments(TEXT, split(hello, 1)))
    yield text("6.2.4", GREEK, fragments(TEXT, split(GREEK, 1)))
    yield text("6.3.1", wrong, [frame(TEXT, wrong)], valid=False)
    yield text("6.3.2", wrong, fragments(TEXT, split(wrong, 1)), valid=False)
    # The byte that makes it wrong is the last one that is sent: the server does not wait for the rest.
    high = GREEK + b"\xf4\x90\x80\x80edited"
    for number, ends in ("6.4.1", (11, 15)), ("6.4.2", (12, 13)):
        parts = [frame(TEXT, high[:ends[0]], end=False), frame(PING), Until(1),
                 frame(MORE, high[ends[0]:ends[1]], end=False)]
        yield bad(number, "a fragment that ends a text early, without the last one", parts, 1007, [pong()])
    for number, ends in ("6.4.3", (11, 15)), ("6.4.4", (12, 13)):
        one = frame(TEXT, high)
        head = len(one) - len(high)
        parts = [one[:head + ends[0]], one[head + ends[0]:head + ends[1]]]
        yield bad(number, "a frame of which the part is sent that ends a text early", parts, 1007)


def sequences():
    """Groups 6.5 to 6.23, as (valid, bytes) in the order of Kuhn's test of decoders."""
    yield [(True, piece) for piece in (b"hello$world", "hello¢world".encode(), "hello€world".encode(),
                                       "hello\U00024b62world".encode(), GREEK)]
    yield [(i in (2, 5, 7, 9, 11), GREEK[:i]) for i in range(1, len(GREEK) + 1)]
    yield [(True, chr(code).encode()) for code in (0, 0x80, 0x800, 0x10000)]
    yield [(False, b"\xf8\x88\x80\x80\x80"), (False, b"\xfc\x84\x80\x80\x80\x80")]
    yield [(True, chr(code).encode()) for code in (0x7f, 0x7ff, 0xffff, 0x10ffff)]
    yield [(False, first + b"\xbf" * n) for first, n in ((b"\xf7", 3), (b"\xfb", 4), (b"\xfd", 5))]
    yield [(True, chr(code).encode()) for code in (0xd7ff, 0xe000, 0xfffd, 0x10ffff)] + [(False, b"\xf4\x90\x80\x80")]
    yield [(False, b"\x80"), *((False, (b"\xbf" if n == 1 else b"\x80\xbf" * 3)[:n]) for n in range(1, 7)),
           (False, bytes(range(0x80, 0xbf)))]
    yield [(False, b"".join(bytes([byte, 0x20]) for byte in range(*ends)))
           for ends in ((0xc0, 0xdf), (0xe0, 0xef), (0xf0, 0xf7), (0xf8, 0xfb), (0xfc, 0xfd))]
    low = [bytes([first]) + b"\x80" * n for first, n in ((0xc0, 0), (0xe0, 1), (0xf0, 2), (0xf8, 3), (0xfc, 4))]
    high = [bytes([first]) + b"\xbf" * n for first, n in ((0xdf, 0), (0xef, 1), (0xf7, 2), (0xfb, 3), (0xfd, 4))]
    yield [(False, piece) for piece in low + high]
    yield [(False, b"".join(low + high))]
    yield [(False, piece) for piece in (b"\xfe", b"\xff", b"\xfe\xfe\xff\xff")]
    starts = (b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xfc\x80\x80\x80\x80")
    yield [(False, start + b"\xaf") for start in starts]
    yield [(False, piece) for piece in (b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf",
                                        b"\xfc\x83\xbf\xbf\xbf\xbf")]
    yield [(False, start + b"\x80") for start in starts]
    surrogate = lambda code: chr(code).encode("utf-8", "surrogatepass")
    yield [(False, surrogate(code)) for code in (0xd800, 0xdb7f, 0xdb80, 0xdbff, 0xdc00, 0xdf80, 0xdfff)]
    yield [(False, surrogate(first) + surrogate(second)) for first in (0xd800, 0xdb7f, 0xdb80, 0xdbff)
           for second in (0xdc00, 0xdfff)]
    planes = [plane << 16 | code for plane in range(17) for code in (0xfffe, 0xffff)]
    yield [(True, chr(code).encode()) for code in planes]
    yield [(True, chr(code).encode()) for code in range(0xfff9, 0x10000)]


def all_utf8():
    yield from utf8()
    for group, members in enumerate(sequences(), 5):
        for i, (valid, payload) in enumerate(members, 1):
            yield text(f"6.{group}.{i}", payload, [frame(TEXT, payload)], valid)


def closes():
    hello, end = frame(TEXT, b"Hello"), closing(1000)
    yield bad("7.1.1", "text, close", [hello, end], 1000, [ANSWER])
    yield bad("7.1.2", "two closes", [end + end], 1000)
    yield bad("7.1.3", "close, ping", [end + frame(PING)], 1000)
    yield bad("7.1.4", "close, text", [end + hello], 1000)
    yield bad("7.1.5", "fragment, close, the last fragment",
              [frame(TEXT, b"fragment1", end=False) + end + frame(MORE, b"fragment2")], 1000)
    yield bad("7.1.6", "text of 256 KiB, close, ping", [frame(TEXT, b"*" * (256 << 10)) + end + frame(PING)], 1009)
    yield bad("7.1.6b", "binary of 256 KiB that comes back, close, ping",
              [frame(BINARY, b"*" * (256 << 10)), Until(256 << 10), end + frame(PING)], 1000, echo=b"*" * (256 << 10))
    yield bad("7.3.1", "close without a cause", [closing()], 1005)
    yield bad("7.3.2", "close with one byte", [frame(CLOSE, b"a")])
    yield bad("7.3.3", "close with a cause", [closing(1000)], 1000)
    yield bad("7.3.4", "close with a cause and a reason", [closing(1000, b"Hello")], 1000)
    yield bad("7.3.5", "close with the longest reason", [closing(1000, b"*" * 123)], 1000)
    yield bad("7.3.6", "close with a reason that is too long", [closing(1000, b"*" * 124)])
    yield bad("7.5.1", "close with a reason that is no text",
              [closing(1000, GREEK + b"\xed\xa0\x80edited")], 1007)
    for i, code in enumerate((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999), 1):
        yield bad(f"7.7.{i}", f"close with {code}", [closing(code)], code)
    for i, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
        yield bad(f"7.9.{i}", f"close with {code}, which is no cause", [closing(code)])
    # Left open by the standard; the answer is that of other causes that are none.
    yield bad("7.13.1", "close with 5000", [closing(5000)])
    yield bad("7.13.2", "close with 65535", [closing(65535)])


def limits():
    mega = 1 << 20
    for text_group, opcode, name in (1, TEXT, "text"), (2, BINARY, "binary"):
        for i, size in enumerate((64 << 10, 256 << 10, mega, 4 * mega, 8 * mega, 16 * mega), 1):
            yield message(f"9.{text_group}.{i}", f"{name} of {size} bytes", opcode, b"\xc2\xa9" * (size // 2))
        payload = b"*" * 4 * mega
        for i in range(9):
            size = 64 << 2 * i
            yield message(f"9.{text_group + 2}.{i + 1}", f"{name} of 4 MiB in fragments of {size} bytes", opcode,
                          payload, [b"".join(fragments(opcode, split(payload, size)))])
        payload = b"*" * mega
        for i in range(6):
            size = 64 << i
            yield message(f"9.{text_group + 4}.{i + 1}", f"{name} of 1 MiB in writes of {size} bytes", opcode, payload,
                          chopped([frame(opcode, payload)], size))
        for i, size in enumerate((0, 16, 64, 256, 1024, 4096), 1):
            yield round_trips(f"9.{text_group + 6}.{i}", opcode, name, size)
    payload = b"*" * 65536
    for number, opcode, name in ("10.1.1", TEXT, "text"), ("10.1.1b", BINARY, "binary"):
        yield message(number, f"{name} of 64 KiB in fragments of 1300 bytes", opcode, payload,
                      fragments(opcode, split(payload, 1300)))


def round_trips(number, opcode, name, size):
    """Each is sent when the one before has come back; an empty one that is binary brings nothing."""
    sent, step = [], size if opcode == BINARY else 1
    one = frame(opcode, b"*" * size)
    for i in range(1, 1001):
        sent += [one, Until(i * step)]
    expected, echo = ([], b"*" * size * 1000) if opcode == BINARY else ([ANSWER] * 1000, b"")
    return good(number, f"1000 times {name} of {size} bytes, each after the one before", sent, expected, echo)


GROUPS = {"framing": framing, "pings": pings, "reserved": reserved_bits, "opcodes": opcodes,
          "fragmentation": fragmented_controls, "utf8": all_utf8, "close": closes, "limits": limits}
