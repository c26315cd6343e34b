# SPDX-License-Identifier: GPL-2.0-or-later
"""A browser's socket over TLS: web_socket.py HOST:PORT CERTIFICATE COOKIE"""
import asyncio
import http.client
import json
import ssl
import sys

import websockets

HOST, CERTIFICATE, COOKIE = sys.argv[1:]
CONTEXT = ssl.create_default_context(cafile=CERTIFICATE)
HEADERS = {"Cookie": "__Host-berth=" + COOKIE, "Origin": "https://" + HOST}


def ticket(*argv):
    connection = http.client.HTTPSConnection(HOST, context=CONTEXT)
    connection.request("POST", "/attach", json.dumps({"argv": ["berth", *argv], "terminal": True}), HEADERS)
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    return json.load(answer)["websocket"]


async def main():
    address = "wss://" + HOST + ticket("bash", "-c", "read -r line; seq 100000; exit 3")
    async with websockets.connect(address, ssl=CONTEXT, extra_headers={"Cookie": HEADERS["Cookie"]},
                                  origin=HEADERS["Origin"], open_timeout=60) as ws:
        await ws.send(b"go\r")
        got, code = b"", None
        async for message in ws:
            if isinstance(message, str):
                code = json.loads(message)["exit"]
            else:
                got += message
    assert got.endswith(b"99999\r\n100000\r\n") and code == 3, (got[-50:], code)
    assert ws.close_code == 1000, ws.close_code

asyncio.run(main())
