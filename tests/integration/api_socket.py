# SPDX-License-Identifier: GPL-2.0-or-later
"""A client of berth-api's WebSockets: api_socket.py SOCKET CASE [WORD...]"""
import asyncio
import http.client
import json
import os
import signal
import socket
import sys

import websockets

PATH = sys.argv[1]


class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(PATH)


def ticket(*argv, **more):
    """The address of a socket for that child."""
    connection = Unix("x")
    connection.request("POST", "/attach", json.dumps({"argv": ["berth", *argv], **more}))
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    assert not [name for name, _ in answer.getheaders() if name.lower().startswith("berth")]
    address = json.load(answer)["websocket"]
    connection.close()
    return address


def use(address, **options):
    return websockets.unix_connect(PATH, "ws://x" + address, open_timeout=60, **options)


def attach(*argv, **more):
    return use(ticket(*argv, **more))


async def until_end(ws):
    """What comes: the bytes of each channel (or of none), and the exit code. The server closes with 1000."""
    streams, code = {}, None
    async for message in ws:
        if isinstance(message, str):
            code = json.loads(message)["exit"]
        else:
            streams.setdefault(message[0], []).append(message[1:])
    streams = {channel: b"".join(pieces) for channel, pieces in streams.items()}
    assert ws.close_code == 1000, ws.close_code
    return streams, code


async def whole(ws):
    got, code = b"", None
    async for message in ws:
        if isinstance(message, str):
            code = json.loads(message)["exit"]
        else:
            got += message
    assert ws.close_code == 1000, ws.close_code
    return got, code


async def terminal():
    async with attach("bash", "-c", "tty; stty size; read -r line; echo got $line; exit 7", terminal=True) as ws:
        await ws.send(b"hello\r")
        got, code = await whole(ws)
    assert b"/dev/pts/" in got and b"24 80\r\n" in got and b"got hello\r\n" in got, got
    assert code == 7, code


async def resize():
    program = "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done"
    async with attach("bash", "-c", program, terminal=True) as ws:
        assert b"ready" in await ws.recv()
        await ws.send(json.dumps({"resize": {"columns": 132, "rows": 43}}))
        got, _ = await whole(ws)
    assert b"43 132" in got, got
    # A CTRL-C is a byte of the terminal.
    async with attach("bash", "-c", "echo ready; sleep 60", terminal=True) as ws:
        assert b"ready" in await ws.recv()
        await ws.send(b"\x03")
        _, code = await whole(ws)
    assert code == 130, code


async def channels():
    async with attach("sh", "-c", "cat; echo bad >&2; exit 3") as ws:
        await ws.send(b"\0some ")
        await ws.send([b"\0te", b"", b"xt"])
        await ws.send(b"\0")
        streams, code = await until_end(ws)
    assert streams == {1: b"some text", 2: b"bad\n"} and code == 3, (streams, code)


async def end_of_input():
    data = os.urandom(3000000)
    async with attach("cat") as ws:
        async def send():
            for at in range(0, len(data), 100000):
                await ws.send(b"\0" + data[at:at + 100000])
            await ws.send(b"\0")
        sending = asyncio.create_task(send())
        streams, code = await until_end(ws)
        await sending
    assert streams[1] == data and code == 0


async def exit_codes():
    async with attach("sh", "-c", "kill -9 $$") as ws:
        assert await until_end(ws) == ({}, 137)
    async with attach("/nonexistent") as ws:
        assert (await until_end(ws))[1] in (126, 127)
    # What is left of its own holds nothing.
    async with attach("sh", "-c", "echo out; sleep 3 & exit 4") as ws:
        assert await until_end(ws) == ({1: b"out\n"}, 4)


async def signals():
    async with attach("sh", "-c", "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.05; done") as ws:
        assert await ws.recv() == b"\1ready\n"
        await ws.send('{"signal":"NONE"}')
        said = json.loads(await ws.recv())["error"]
        assert all(name in said for name in "HUP INT QUIT TERM KILL USR1 USR2".split()), said
        await ws.send('{"signal":"INT"}')
        streams, code = await until_end(ws)
    assert streams == {1: b"caught\n"} and code == 5, (streams, code)


async def raw():
    data = os.urandom(500000)
    async with attach("sh", "-c", "head -c 500000; echo lost >&2", raw=True) as ws:
        async def carry():
            await ws.send(data[:7])
            await ws.send(data[7:])
            return await whole(ws)
        # Before a ping of the server's would wake both.
        got, code = await asyncio.wait_for(carry(), 25)
    assert got == data and code == 0
    # Its complaint comes with its end.
    async with attach("sh", "-c", "echo first >&2; echo berth: no display >&2; exit 4", raw=True) as ws:
        assert json.loads(await ws.recv()) == {"exit": 4, "error": "no display"}


async def twice():
    address = ticket("cat")
    async with use(address) as ws:
        await ws.send(b"\0")
        await until_end(ws)
    for bad in address, "/1.0/sockets/", "/1.0/sockets/" + "a" * 43:
        try:
            async with use(bad):
                raise AssertionError(bad)
        except websockets.InvalidStatusCode as error:
            assert error.status_code == 403, error


async def print_ticket():
    print(ticket("true"))


async def use_ticket(address):
    async with use(address) as ws:
        assert (await until_end(ws))[1] == 0


async def raw_frames(frames, code):
    """Frames as they are; the code of the close that answers them."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(PATH)
    # The first frames come with the head.
    connection.sendall(("GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                        % ticket("cat")).encode() + frames)
    got = b""
    while piece := connection.recv(4096):
        got += piece
    head, _, rest = got.partition(b"\r\n\r\n")
    assert b" 101 " in head and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head
    assert rest == b"\x88\x02" + code.to_bytes(2, "big"), (frames, rest)


async def faults():
    mask = b"\0\0\0\0"
    await raw_frames(b"\x81\x01x", 1002)                              # no mask
    await raw_frames(b"\xc1\x81" + mask + b"x", 1002)                 # a reserved bit
    await raw_frames(b"\x83\x80" + mask, 1002)                        # an opcode that is none
    await raw_frames(b"\x80\x80" + mask, 1002)                        # a fragment of nothing
    await raw_frames(b"\x81\x81" + mask + b"\xff", 1007)              # no text
    await raw_frames(b"\x82\xff" + b"\xff" * 8 + mask, 1009)          # no length
    await raw_frames(b"\x82\x81" + mask + b"\1", 1002)                # another channel than input
    await raw_frames(b"\x81\xfe\x13\x88" + mask + b"x" * 5000, 1009)  # a text that is too long
    await raw_frames(b"\x88\x82" + mask + b"\x03\xe9", 1001)          # a close, which is answered


async def goes_away():
    ws = await attach("sh", "-c", "trap '' HUP; echo ready; sleep 60")
    assert await ws.recv() == b"\1ready\n"
    ws.transport.abort()
    ws = await attach("bash", "-c", "echo ready; sleep 60", terminal=True)
    await ws.recv()
    ws.transport.abort()


async def never_reads():
    ws = await use(ticket("cat", "/dev/zero"), max_queue=1)
    await asyncio.sleep(4)
    ws.transport.abort()


async def child_never_reads():
    ws = await attach("sleep", "60")
    for _ in range(100):
        try:
            await asyncio.wait_for(ws.send(b"\0" + b"x" * 100000), 1)
        except asyncio.TimeoutError:
            break
    ws.transport.abort()


async def flood():
    async with attach("head", "-c", "20000000", "/dev/zero") as ws:
        streams, code = await until_end(ws)
    assert len(streams[1]) == 20000000 and code == 0


async def room():
    one, two = await attach("cat"), await attach("cat")
    try:
        await attach("cat")
        raise AssertionError("a third socket")
    except websockets.InvalidStatusCode as error:
        assert error.status_code == 503, error
    await one.send(b"\0")
    await until_end(one)
    await two.close()
    assert two.close_code == 1000
    three = await attach("cat")
    await three.close()


async def drained(pid):
    ws = await attach("cat")
    await ws.send(b"\0x")
    assert await ws.recv() == b"\1x"
    os.kill(int(pid), signal.SIGTERM)
    try:
        await asyncio.wait_for(ws.recv(), 60)
    except websockets.ConnectionClosed:
        pass
    assert ws.close_code == 1001, ws.close_code


async def leaks(count):
    for i in range(int(count)):
        ws = await attach("cat", terminal=i % 2 == 0)
        if i % 3 == 0:
            ws.transport.abort()
        else:
            await ws.close()


CASES = {"ticket": print_ticket, "use": use_ticket}
asyncio.run((CASES.get(sys.argv[2]) or globals()[sys.argv[2]])(*sys.argv[3:]))
