#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""bridge.py WEB SOCKET PORT-FILE: serves the page, and passes what it asks the API for to berth-api's unix socket, byte for
byte, sockets included."""
import os
import socket
import socketserver
import sys
import threading

web, target, port_file = sys.argv[1:4]
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css",
         ".svg": "image/svg+xml", ".json": "application/json"}


def carry(source, to):
    try:
        while data := source.recv(65536):
            to.sendall(data)
    except OSError:
        pass
    for one, how in ((to, socket.SHUT_WR), (source, socket.SHUT_RD)):
        try:
            one.shutdown(how)
        except OSError:
            pass


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        head = b""
        while b"\r\n\r\n" not in head:
            data = self.request.recv(65536)
            if not data:
                return
            head += data
        path = head.split(b" ", 2)[1].decode().split("?")[0]
        if path.startswith("/1.0"):
            self.relay(head)
        else:
            self.file(path)

    # One request a connection, so that the next one may be for a file.
    def relay(self, head):
        lines, body = head.split(b"\r\n\r\n", 1)
        upgrade = b"\r\nupgrade: websocket" in lines.lower()
        kept = [line for line in lines.split(b"\r\n") if upgrade or not line.lower().startswith(b"connection:")]
        with socket.socket(socket.AF_UNIX) as api:
            api.connect(target)
            api.sendall(b"\r\n".join(kept + ([] if upgrade else [b"Connection: close"])) + b"\r\n\r\n" + body)
            threading.Thread(target=carry, args=(self.request, api), daemon=True).start()
            carry(api, self.request)

    def file(self, path):
        full = os.path.join(web, os.path.normpath("/" + path).lstrip("/") or "index.html")
        found = os.path.isfile(full)
        data = open(full, "rb").read() if found else b"{}"
        content = TYPES.get(os.path.splitext(full)[1], "application/octet-stream")
        self.request.sendall(f"HTTP/1.1 {'200 OK' if found else '404 Not Found'}\r\nContent-Type: {content}\r\n"
                             f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


server = Server(("127.0.0.1", 0), Handler)
with open(port_file + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
server.serve_forever()
