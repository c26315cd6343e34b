#!/usr/bin/env -S python3 -S
# SPDX-License-Identifier: GPL-2.0-or-later
"""An image server for tests, with faults.

image_server.py index FOLDER: writes FOLDER/streams/v1 for FOLDER/images/OS/RELEASE/VARIANT/SERIAL/FILES.
image_server.py serve FOLDER PORT [CERTIFICATE KEY]: serves it on 127.0.0.1, on a free port for PORT 0, and prints the port;
  each request is a line of FOLDER.log.
A file FOLDER.fault says what goes wrong, a line each, KIND PART [VALUE], for paths with PART in them:
  404, 503        that status; 503 VALUE times, if there is a value
  truncate N      ends after N bytes, whatever length was promised; goes on by ranges
  norange         ignores ranges
  stall N         says nothing more after N bytes
  hold N          goes on after N bytes when FOLDER.fault is gone
  slow N          N bytes a tenth of a second
  redirect URL    to URL with the path behind it
  loop            to itself
"""
import hashlib
import http.server
import json
import os
import platform
import ssl
import sys
import time
import urllib.parse

ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
TYPES = {
    "lxd.tar.xz": "lxd.tar.xz",
    "root.tar.xz": "root.tar.xz",
    "rootfs.squashfs": "squashfs",
    "one.tar.gz": "incus_combined.tar.gz",
}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def item(folder, path):
    data = read(os.path.join(folder, path))
    return {"ftype": TYPES[os.path.basename(path)], "path": path, "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest()}


def version(folder, path):
    items = {name: item(folder, path + "/" + name) for name in sorted(os.listdir(os.path.join(folder, path)))}
    meta = items.get("lxd.tar.xz")
    for root, key in (("root.tar.xz", "rootxz"), ("rootfs.squashfs", "squashfs")):
        if meta and root in items:
            both = read(os.path.join(folder, meta["path"])) + read(os.path.join(folder, items[root]["path"]))
            meta["combined_%s_sha256" % key] = hashlib.sha256(both).hexdigest()
    return {"items": items}


def write_index(folder):
    products = {}
    for path, _, files in os.walk(os.path.join(folder, "images")):
        if not files:
            continue
        path = os.path.relpath(path, folder)
        _, name, release, variant, serial = path.split("/")
        aliases = ["%s/%s/%s" % (name.lower(), release, variant)]
        if variant == "default":
            aliases.append("%s/%s" % (name.lower(), release))
        product = products.setdefault("%s:%s:%s:%s" % (name.lower(), release, ARCH, variant), {
            "arch": ARCH, "os": name, "release": release, "variant": variant,
            "aliases": ",".join(aliases), "versions": {}})
        product["versions"][serial] = version(folder, path)
    streams = os.path.join(folder, "streams/v1")
    os.makedirs(streams, exist_ok=True)
    with open(streams + "/images.json", "w") as file:
        json.dump({"content_id": "images", "format": "products:1.0", "products": products}, file)
    with open(streams + "/index.json", "w") as file:
        json.dump({"format": "index:1.0", "index": {"images": {
            "datatype": "image-downloads", "format": "products:1.0",
            "path": "streams/v1/images.json", "products": list(products)}}}, file)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = ""
    failed = {}

    def log_message(self, *_):
        pass

    def faults(self):
        found = {}
        try:
            lines = open(self.folder + ".fault").read().splitlines()
        except FileNotFoundError:
            lines = []
        for line in lines:
            kind, part, *value = line.split()
            if part in self.path:
                found[kind] = value[0] if value else ""
        return found

    def answer(self, status, **headers):
        self.send_response(status)
        headers.setdefault("Content_Length", 0)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def fail(self, faults):
        """Whether the answer is a fault."""
        if "404" in faults:
            self.answer(404)
        elif "503" in faults and self.failed.get(self.path, 0) < int(faults["503"] or 1000):
            self.failed[self.path] = self.failed.get(self.path, 0) + 1
            self.answer(503)
        elif "loop" in faults:
            self.answer(302, Location=self.path)
        elif "redirect" in faults:
            self.answer(302, Location=faults["redirect"] + self.path)
        else:
            return False
        return True

    def send_all(self, data, faults):
        if "truncate" in faults:
            self.wfile.write(data[:int(faults["truncate"])])
            self.close_connection = True
        elif "stall" in faults:
            self.wfile.write(data[:int(faults["stall"])])
            self.wfile.flush()
            time.sleep(3600)
        elif "hold" in faults:
            self.wfile.write(data[:int(faults["hold"])])
            self.wfile.flush()
            while os.path.exists(self.folder + ".fault"):
                time.sleep(0.05)
            self.wfile.write(data[int(faults["hold"]):])
        elif "slow" in faults:
            step = int(faults["slow"])
            for at in range(0, len(data), step):
                self.wfile.write(data[at:at + step])
                self.wfile.flush()
                time.sleep(0.1)
        else:
            self.wfile.write(data)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        wanted = self.headers.get("Range", "")
        with open(self.folder + ".log", "a") as log:
            log.write("%s %s\n" % (self.path, wanted))
        faults = self.faults()
        if self.fail(faults):
            return
        path = os.path.normpath(self.folder + "/" + urllib.parse.unquote(self.path))
        if not path.startswith(self.folder + "/") or not os.path.isfile(path):
            self.answer(404)
            return
        data = read(path)
        if wanted and "norange" not in faults:
            start = int(wanted.split("=")[1].split("-")[0])
            if start >= len(data):
                self.answer(416)
                return
            self.answer(206, Content_Length=len(data) - start,
                        Content_Range="bytes %d-%d/%d" % (start, len(data) - 1, len(data)))
            data = data[start:]
        else:
            self.answer(200, Content_Length=len(data))
        if self.command == "HEAD":
            return
        try:
            self.send_all(data, faults)
        except (BrokenPipeError, ConnectionResetError):
            pass


def serve(folder, port, certificate=None, key=None):
    Handler.folder = os.path.realpath(folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if sys.argv[1] == "index":
    write_index(sys.argv[2])
else:
    serve(*sys.argv[2:])
