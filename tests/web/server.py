#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""server.py WEB PORT-FILE: serves the page, and an API with the shapes of the real one over machines that it makes up. For
what a browser does; what the API does is tested elsewhere."""
import base64
import hashlib
import json
import os
import struct
import sys
import threading
import time
import zlib
from display import Display
from made_files import Files
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

web, port_file = sys.argv[1:3]
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; frame-src 'self'; "
          "frame-ancestors 'self'; base-uri 'none'; form-action 'none'")
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css",
         ".svg": "image/svg+xml", ".json": "application/json"}
HOSTILE = '<img src=x onerror="window.hit=1">"\'&{{7*7}}'



def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


# 16 x 10 pixels of one colour.
PICTURE = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 10, 8, 2, 0, 0, 0))
           + chunk(b"IDAT", zlib.compress((b"\0" + b"\x10\x80\xf0" * 16) * 10)) + chunk(b"IEND", b""))
lock = threading.Condition()
events, operations, requests = [], {}, []
session = {"out": False, "fail": {}, "display": "ok", "user": "root", "rights": None}
began = int(time.time())


def machine(name, state="stopped", **more):
    number = len(machines)
    run = state in ("running", "paused", "held")
    address = f"10.58.{number // 250}.{number % 250 + 2}" if run else None
    return {"name": name, "state": state, "booted": run, "move": None, "address": address,
            "addresses": [address] if run else [], "template": "debian", "pool": "default", "network": "default",
            "ephemeral": False, "privileged": False, "nesting": False, "labels": {}, "started": began - 4000 * (number + 1) if run else None,
            **more}


machines, snapshots, settings, files = {}, {}, {}, {}
logs = {"web": "Debian GNU/Linux 12 web console\r\n\x1b[32mok\x1b[0m nginx\r\n" + HOSTILE + "\r\nweb login: "}


def put(one):
    machines[one["name"]] = one
    snapshots[one["name"]] = []
    settings[one["name"]] = {"limits.memory": 536870912, "limits.pids": 500, "boot.autostart": True, "stop.timeout": 60, "restart": "no", "description": ""}


def reset(kind):
    machines.clear()
    snapshots.clear()
    settings.clear()
    operations.clear()
    requests.clear()
    files.clear()
    session.update(out=False, fail={}, display="ok", user="root", rights=None)
    if kind == "many":
        for i in range(1000):
            put(machine(f"m-{i:04}", ("running", "stopped", "stopped", "paused")[i % 4], labels={"rack": str(i % 7)}))
    elif kind != "none":
        for name, state, labels in [("web", "running", {"role": "web", "env": "live"}), ("db", "running", {"role": "db"}),
                                    ("build-7", "failed", {}), ("mail", "paused", {"env": "live"}), ("old", "stopped", {}), ("cache", "held", {})]:
            put(machine(name, state, labels=labels))
        snapshots["web"] = [{"name": name, "created": began - 86400 * days, "volumes": []} for name, days in (("monday", 3), ("tuesday", 2), ("before-upgrade", 1))]
        put(machine("broken", "broken", missing="machine.conf", error="its settings cannot be read"))
    if kind == "hostile":
        put(machine("evil", "running", labels={"x": HOSTILE}, template=HOSTILE))
        settings["evil"]["description"] = HOSTILE
        snapshots["evil"] = [{"name": HOSTILE, "created": began, "volumes": []}]
        logs["evil"] = HOSTILE + "\x1b]0;" + HOSTILE + "\x07\r\n" + HOSTILE


def tell(event, name, **more):
    with lock:
        events.append({"seq": len(events) + 1, "time": int(time.time()), "microsecond": 0, "event": event, "machine": name, **more})
        lock.notify_all()


def info(name):
    one = machines[name]
    address = one["address"]
    return {**one, "description": settings[name]["description"] or None, "network": {"name": "default", "address": address},
            "nics": [{"name": "eth0", "network": "default", "address": address, "address6": None}],
            "traffic": [{"nic": "eth0", "received_bytes": 123456, "sent_bytes": 9876543}] if address else [],
            "volume": {"pool": "default", "name": f"machine.{name}", "size": None, "used": 734003200}, "limits": {"memory": "512M"},
            "mounts": [], "volumes": [{"name": "data", "target": "/srv", "readonly": False}] if name == "db" else [], "forwards": [],
            "snapshots": len(snapshots[name]), "backup": None, "created": began - 900000, "arch": "x86_64", "ended": None,
            "held": "pool 'default' has no room" if one["state"] == "held" else None,
            "uuid": "cbba71df-79a4-46df-9e7d-ed8361c3774f", "config": settings[name]}


def begin(words, act, seconds=0.6):
    """An operation that acts after a time, and says how far it is."""
    number = f"op-{len(operations) + 1}"
    one = operations[number] = {"id": number, "description": words, "status": "Running", "status_code": 103, "progress": {"share": 0.0, "text": "working"}}

    def work():
        for step in range(1, 4):
            time.sleep(seconds / 3)
            with lock:
                one["progress"]["share"] = step / 3
        try:
            act()
            one.update(status="Success", status_code=200)
        except KeyError as gone:
            one.update(status="Failure", status_code=400, error=f"no machine '{gone.args[0]}'; 'berth list' lists them")
        except RuntimeError as failure:
            one.update(status="Failure", status_code=400, error=str(failure))
        with lock:
            lock.notify_all()

    threading.Thread(target=work, daemon=True).start()
    return number


def set_state(name, state, event):
    one = machines[name]
    if session["fail"].get(name):
        raise RuntimeError(session["fail"][name])
    run = state in ("running", "paused")
    one.update(state=state, booted=run, started=int(time.time()) if run and not one["started"] else one["started"] if run else None,
               address=one["address"] or "10.58.0.99" if run else None)
    one["addresses"] = [one["address"]] if one["address"] else []
    tell(event, name, **({"outcome": "clean", "cause": "halted"} if event == "stopped" else {}))


def delete(name):
    del machines[name]
    tell("deleted", name)


def metrics():
    out, now = [], time.time()
    for i, one in enumerate(list(machines.values())):
        if one["state"] in ("running", "paused"):
            busy = (now - began) * (0.02 + 0.3 * (i % 5)) + 0.5 * (1 + (i % 3)) * abs(now % 20 - 10)
            out += [f'berth_cpu_seconds_total{{machine="{one["name"]}"}} {busy + 5000:.6f}',
                    f'berth_memory_used_bytes{{machine="{one["name"]}"}} {int(2e8 + 1e7 * (i % 9) + 4e6 * (now % 15))}',
                    f'berth_memory_limit_bytes{{machine="{one["name"]}"}} 536870912', f'berth_procs{{machine="{one["name"]}"}} {40 + i % 30}']
    return "\n".join(out) + "\n"


NETWORK = {"name": "default", "kind": "bridge", "bridge": "berth0", "subnet": "10.58.0.0/20", "subnet6": None, "domain": "berth", "up": True, "dns": True,
           "nat": True, "nat6": False, "isolated": False, "ports": 2, "fault": None, "dns_fault": None, "dropped_by": "ip filter FORWARD", "parent": None}
POOLS = [{"name": "default", "driver": "btrfs", "source": "/var/lib/berth/pools/default/pool.btrfs", "size": 1 << 35, "devices": [], "backup_fault": None},
         {"name": "fast", "driver": "thin", "source": "/dev/nvme0n1", "size": 1 << 38, "devices": [], "backup_fault": None}]
USAGE = {"default": {"used": int(0.86 * (1 << 35)), "total": 1 << 35, "volumes": 9, "freeing": 0, "fast_clone": True},
         "fast": {"used": 3 << 35, "total": 1 << 38, "volumes": 41, "freeing": 1, "fast_clone": True, "state": "writes", "metadata_used": 3 << 20,
                  "metadata_total": 1 << 26, "promised": 3 << 38, "overcommit": 3.0, "refused": None}}
TEMPLATES = [{"name": "debian", "description": None, "distribution": "Debian", "release": "bookworm", "arch": "x86_64", "size": 289406976},
             {"name": "alpine", "description": None, "distribution": "Alpine", "release": "3.22", "arch": "x86_64", "size": 9406976},
             {"name": "fedora", "description": None, "distribution": "Fedora", "release": "42", "arch": "x86_64", "size": 389406976}]
DOCTOR = [{"check": "kernel", "verdict": "ok", "text": "Linux 6.12, x86_64", "remedy": None},
          {"check": "cgroups", "verdict": "note", "text": "version 2 has no io: its limits are refused", "remedy": "boot without cgroup_disable=io"},
          {"check": "pool default", "verdict": "problem", "text": "it is 86 % full " + HOSTILE, "remedy": "berth pool usage default"}]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=None, content="application/json", headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (("Content-Type", content), ("Content-Length", len(data)), ("Content-Security-Policy", POLICY),
                            ("X-Content-Type-Options", "nosniff"), *headers):
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)

    def good(self, metadata, **more):
        self.answer(200, {"type": "sync", "status": "Success", "status_code": 200, "metadata": metadata}, **more)

    def bad(self, status, sentence, code="EINVAL"):
        self.answer(status, {"type": "error", "error": sentence, "error_code": status, "code": code})

    def later(self, words, act):
        path = f"/1.0/operations/{begin(words, act)}"
        self.answer(202, {"type": "async", "status": "Operation created", "status_code": 202, "operation": path, "metadata": {}}, headers=[("Location", path)])

    def body(self):
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return data if self.headers.get("Content-Type") == "application/octet-stream" else json.loads(data or b"{}")

    def files_of(self, name):
        return files.setdefault(name, Files(HOSTILE if name == "evil" else ""))

    def look_file(self, name, path):
        found = self.files_of(name).look(path)
        if found is None:
            return self.bad(404, f"look at '{path}' in machine '{name}': No such file or directory", "ENOENT")
        heads = [("X-Berth-Mode", "0644"), ("X-Berth-Uid", "0"), ("X-Berth-Gid", "0"), ("X-Berth-Modified", "1764000000"), ("X-Berth-Type", "file")]
        if isinstance(found, dict):
            return self.good(found)
        return self.answer(200, found, "application/octet-stream", [*heads, ("Content-Disposition", "attachment; filename*=UTF-8''" + quote(path.rsplit("/", 1)[1]))])

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path.startswith("/1.0"):
            self.api("GET", [unquote(part) for part in url.path.split("/")[2:] if part], parse_qs(url.query))
        else:
            self.file(unquote(url.path))

    def change(self):
        url = urlsplit(self.path)
        body = self.body()
        if url.path == "/sign-out":
            session["out"] = True
            return self.answer(204, b"")
        if url.path == "/sign-in":
            if body != {"user": "ann", "password": "secret"}:
                return self.bad(401, "the name or the password is wrong, or the user may not sign in here", "EACCES")
            session.update(out=False, user="ann", rights={"web": "use", "db": "manage"})
            return self.answer(200, b"")
        if url.path.startswith("/test/"):
            return self.control(url.path[6:], body)
        with lock:
            requests.append([self.command, url.path + (f"?{url.query}" if url.query else ""), len(body) if isinstance(body, bytes) else body])
        parts = [unquote(part) for part in url.path.split("/")[2:] if part]
        if session["out"]:
            return self.bad(401, "you are not signed in", "EACCES")
        if parts[2:] == ["files"]:
            if session["fail"].get("files"):
                return self.bad(507, session["fail"]["files"], "ENOSPC")
            self.files_of(parts[1]).put(parse_qs(url.query)["path"][0], body)
            return self.good(None)
        return self.act(parts, body)

    do_POST = do_PUT = do_DELETE = do_PATCH = change

    def control(self, what, body):
        if what == "reset":
            reset(body.get("kind"))
        elif what == "session":
            session.update(body)
        elif what == "state":
            set_state(body["name"], body["state"], body["event"])
        elif what == "requests":
            return self.answer(200, requests)
        return self.answer(200, {})

    def file(self, path):
        path = os.path.normpath("/" + path)
        full = os.path.join(web, path.lstrip("/") or "index.html")
        if not os.path.isfile(full):
            return self.bad(404, "there is no such file", "ENOENT")
        headers = () if not full.endswith("terminal.html") else ()
        with open(full, "rb") as f:
            data = f.read()
        if full.endswith("terminal.html"):
            self.send_response(200)
            for name, value in (("Content-Type", TYPES[".html"]), ("Content-Length", len(data)),
                                ("Content-Security-Policy", POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'"))):
                self.send_header(name, str(value))
            self.end_headers()
            return self.wfile.write(data)
        return self.answer(200, data, TYPES.get(os.path.splitext(full)[1], "application/octet-stream"), headers)

    def api(self, _, parts, query):
        if session["out"]:
            return self.bad(401, "you are not signed in", "EACCES")
        if parts and parts[0] == "sockets":
            return self.socket()
        if parts == ["events"]:
            return self.stream_events()
        if parts == ["metrics"]:
            return self.answer(200, metrics().encode(), "text/plain; version=0.0.4")
        if len(parts) == 3 and parts[0] == "machines" and parts[2] == "logs":
            return self.stream_log(parts[1])
        if len(parts) == 3 and parts[0] == "machines" and parts[2] == "files":
            return self.look_file(parts[1], query["path"][0])
        if len(parts) == 3 and parts[0] == "machines" and parts[2] == "picture":
            requests.append(("GET", self.path, None))
            return self.answer(200, PICTURE, "image/png") if parts[1] == "web" else self.bad(404, f"machine '{parts[1]}' has no display", "ENOENT")
        return self.look(parts, query)

    def look(self, parts, query):
        first, rest = (parts[0] if parts else ""), parts[1:]
        if not parts:
            return self.good({"api_version": "1.0", "version": "0.2.0", "user": session["user"], "rights": session["rights"], "host": {"name": "harbour"}})
        if first == "machines" and not rest:
            return self.good([one for one in machines.values() if session["rights"] is None or one["name"] in session["rights"]])
        if first == "machines":
            if rest[0] not in machines:
                return self.bad(404, f"no machine '{rest[0]}'; 'berth list' lists them", "ENOENT")
            return self.good(snapshots[rest[0]] if rest[1:] == ["snapshots"] else info(rest[0]), headers=[("ETag", '"1"')])
        if first == "operations":
            one = operations[rest[0]]
            limit = time.time() + float(query.get("timeout", ["0"])[0])
            if rest[1:] == ["wait"]:
                with lock:
                    while one["status_code"] == 103 and time.time() < limit:
                        lock.wait(0.2)
            return self.good(one)
        lists = {"pools": POOLS, "networks": [NETWORK], "templates": TEMPLATES, "doctor": DOCTOR}
        if first in lists and not rest:
            return self.good(lists[first])
        if first == "pools":
            return self.good({**POOLS[[pool["name"] for pool in POOLS].index(rest[0])], **USAGE[rest[0]]})
        if first == "networks":
            return self.good({**NETWORK, "leases": [{"machine": name, "address": one["address"], "address6": None, "traffic": None}
                                                    for name, one in list(machines.items())[:20] if one["address"]]})
        return self.bad(404, f"there is no '{self.path}'", "ENOENT")

    def act(self, parts, body):
        name = parts[1] if len(parts) > 1 else None
        if name is not None and name not in machines:
            return self.bad(404, f"no machine '{name}'; 'berth list' lists them", "ENOENT")
        if parts == ["machines"]:
            return self.create(body)
        if parts[2:] == ["state"]:
            to, event = {"start": ("running", "started"), "stop": ("stopped", "stopped"), "restart": ("running", "restarted"),
                         "freeze": ("paused", "paused"), "unfreeze": ("running", "resumed")}[body["action"]]
            return self.later(f"{body['action']} {name}", lambda: set_state(name, to, event))
        if parts[2:] == ["snapshots"]:
            def take():
                snapshots[name].append({"name": body["name"], "created": int(time.time()), "volumes": []})
                tell("snapshot-created", name, snapshot=body["name"])
            return self.later("snapshot", take)
        if parts[2:] == ["exec"]:
            self.answer(201, {"type": "sync", "status": "Success", "status_code": 201, "metadata": {"websocket": f"/1.0/sockets/{name}", "expires": 30}})
            return None
        if parts[2:] == ["desktop"]:
            if machines[name]["state"] == "stopped":
                set_state(name, "running", "started")
            return self.answer(201, {"type": "sync", "status": "Success", "status_code": 201,
                                     "metadata": {"websocket": f"/1.0/sockets/{name}/desktop", "expires": 30}})
        if len(parts) == 4 and body.get("action") == "restore":
            return self.later("restore", lambda: tell("restored", name, snapshot=parts[3]))
        if len(parts) == 4:
            def drop():
                snapshots[name][:] = [one for one in snapshots[name] if one["name"] != parts[3]]
                tell("snapshot-deleted", name, snapshot=parts[3])
            return self.later("delete snapshot", drop)
        if self.command == "PATCH":
            settings[name].update(body["config"])
            return self.good(None)
        return self.later(f"delete {name}", lambda: delete(name))

    def create(self, body):
        if body["name"] in machines:
            return self.bad(409, f"machine '{body['name']}' exists already; choose another name or delete it", "EEXIST")

        def make():
            put(machine(body["name"], "stopped", template=body["source"].get("template", "debian")))
            tell("created", body["name"])
            if body["source"]["type"] == "launch":
                set_state(body["name"], "running", "started")
        return self.later(f"create {body['name']}", make)

    def chunks(self, content):
        self.send_response(200)
        for name, value in (("Content-Type", content), ("Cache-Control", "no-store"), ("Connection", "close")):
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True

    def stream_events(self):
        at = int(self.headers.get("Last-Event-ID") or len(events))
        self.chunks("text/event-stream")
        try:
            self.wfile.write(b": here\n\n")
            self.wfile.flush()
            while not session["out"]:
                with lock:
                    if at >= len(events):
                        lock.wait(0.5)
                    due = events[at:]
                for one in due:
                    self.wfile.write(f"id: {one['seq']}\ndata: {json.dumps(one)}\n\n".encode())
                at += len(due)
                self.wfile.write(b":\n\n" if not due else b"")
                self.wfile.flush()
        except OSError:
            pass

    def stream_log(self, name):
        self.chunks("text/plain; charset=utf-8")
        try:
            self.wfile.write(logs.get(name, "").encode())
            self.wfile.flush()
            time.sleep(1)
            self.wfile.write(b"\r\nlater line\r\n")
            self.wfile.flush()
        except OSError:
            pass

    # A socket that repeats what it gets, with a prompt, until "exit".
    def socket(self):
        key = base64.b64encode(hashlib.sha1((self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", key.decode())):
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        line = ""
        if self.path.endswith("/desktop"):
            return self.display()
        try:
            self.frame(2, f"root@{self.path.split('/')[-1]}:~# ".encode())
            while True:
                kind, data = self.read_frame()
                if kind == 8:
                    return
                if kind == 1:
                    with lock:
                        requests.append(["SOCKET", "resize", json.loads(data)])
                    continue
                line += data.decode()
                self.frame(2, data.replace(b"\r", b"\r\n"))
                if line.endswith("\r"):
                    if line.strip() == "exit":
                        self.frame(1, b'{"exit": 3}')
                        return self.frame(8, struct.pack(">H", 1000))
                    self.frame(2, b"said " + line.strip().encode() + b"\r\n# ")
                    line = ""
        except (OSError, struct.error):
            pass

    def display(self):
        def note(kind, what):
            with lock:
                requests.append(["DISPLAY", kind, what])

        def read():
            kind, data = self.read_frame()
            return data if kind == 2 else b""

        try:
            if session["display"] == "none":
                self.frame(1, b'{"exit":1,"error":"machine \'web\' has no display at \'/run/desktop/rfb\'"}')
            else:
                Display(read, lambda data: self.frame(2, data), note).run()
            self.frame(8, struct.pack(">H", 1000))
        except (OSError, EOFError, struct.error):
            pass

    def frame(self, kind, data):
        head = struct.pack("BB", 0x80 | kind, len(data)) if len(data) < 126 else struct.pack(">BBH", 0x80 | kind, 126, len(data))
        self.wfile.write(head + data)
        self.wfile.flush()

    def read_frame(self):
        first, length = struct.unpack("BB", self.rfile.read(2))
        length &= 0x7f
        if length == 126:
            length = struct.unpack(">H", self.rfile.read(2))[0]
        mask = self.rfile.read(4)
        return first & 15, bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(length)))


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


reset("some")
server = Server(("127.0.0.1", 0), Handler)
with open(port_file + ".new", "w") as f:
    f.write(str(server.server_port))
os.rename(port_file + ".new", port_file)
server.serve_forever()
