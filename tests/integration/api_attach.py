# SPDX-License-Identifier: GPL-2.0-or-later
"""A client of machines' WebSockets: api_attach.py SOCKET MACHINE WHAT BODY [TEXT...]

Each TEXT is sent when all of those before have come back ("@PATTERN" waits for that text instead). Prints what comes on
channels 1 and 2, or all of it, and "exit CODE" at the end.
"""
import asyncio
import http.client
import json
import socket
import sys

import websockets

PATH, MACHINE, WHAT, BODY, *TEXTS = sys.argv[1:]


class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(PATH)


def ticket():
    connection = Unix("x")
    connection.request("POST", f"/1.0/machines/{MACHINE}/{WHAT}", BODY, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    body = json.load(answer)
    assert answer.status == 201 and body["status_code"] == 201, body
    assert not [name for name, _ in answer.getheaders() if name.lower().startswith("berth")]
    assert body["metadata"]["expires"] == 30 and len(body["metadata"]["websocket"]) == len("/1.0/sockets/") + 43, body
    connection.close()
    return body["metadata"]["websocket"]


async def talk(ws, channels):
    texts, got, waits = list(TEXTS), b"", None
    while True:
        while texts and (waits is None or waits in got):
            data = texts.pop(0).encode().decode("unicode_escape").encode("latin-1")
            waits = data[1:] if data.startswith(b"@") else None
            if waits is None:
                await ws.send(b"\0" + data if channels else data)
        if channels and not texts and waits is None:
            await ws.send(b"\0")
            waits = b""
        try:
            message = await asyncio.wait_for(ws.recv(), 60)
        except websockets.ConnectionClosed:
            break
        if isinstance(message, str) and "exit" not in json.loads(message):
            continue
        if isinstance(message, str):
            sys.stdout.buffer.write(got)
            print(f"\nexit {json.loads(message)['exit']}")
            return
        got += (f"{message[0]}:".encode() + message[1:]) if channels else message
        if WHAT == "desktop" and not texts and (waits is None or waits in got):
            break
    sys.stdout.buffer.write(got)


async def main():
    wishes = json.loads(BODY)
    subprotocols = ["binary"] if WHAT == "desktop" else None
    async with websockets.unix_connect(PATH, "ws://x" + ticket(), open_timeout=60, subprotocols=subprotocols) as ws:
        if subprotocols:
            assert ws.subprotocol == "binary", ws.subprotocol
        await asyncio.wait_for(talk(ws, WHAT == "exec" and not wishes.get("terminal")), 90)


asyncio.run(main())
