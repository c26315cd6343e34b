# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures for tests/bench/desktop: desktop_figures.py start|use|gateway MACHINE [GATEWAY-PID]. A row a figure: the median,
the fastest and the slowest where there are several, the aim, and whether it is met."""
import asyncio
import http.client
import json
import os
import select
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

ROUNDS = int(os.environ.get("ROUNDS", "5"))
VIEWERS = int(os.environ.get("VIEWERS", "10"))
CONNECTS = int(os.environ.get("CONNECTS", "100"))
IDLE_SECONDS = int(os.environ.get("IDLE_SECONDS", "60"))
SOCKET = os.environ.get("BERTH_SOCKET", "")
machine = sys.argv[2]


def row(what, values, unit, aim=None):
    values = values if isinstance(values, list) else [values]
    middle = statistics.median(values)
    span = f" ({min(values):.4g} to {max(values):.4g}, {len(values)} times)" if len(values) > 1 else ""
    verdict = "" if aim is None else f"; aim: at most {aim:g}, {'met' if middle <= aim else 'missed'}"
    print(f"# {what}: {middle:.4g} {unit}{span}{verdict}", flush=True)
    return middle


def berth(*words):
    return subprocess.run(["berth", *words], check=True, capture_output=True, stdin=subprocess.DEVNULL, text=True).stdout


class Viewer:
    """A viewer of RFB over berth desktop --stdio; the time of its greeting is that of the display."""

    def __init__(self, *words):
        self.began = time.monotonic()
        self.child = subprocess.Popen(["berth", "desktop", machine, "--stdio", *words], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.input, self.output = self.child.stdout.fileno(), self.child.stdin.fileno()
        assert self.read(12).startswith(b"RFB")
        self.greeted = time.monotonic()

    def read(self, count):
        data = b""
        while len(data) < count:
            more = os.read(self.input, count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def write(self, data):
        os.write(self.output, data)

    def begin(self):
        self.write(b"RFB 003.008\n")
        self.read(self.read(1)[0])
        self.write(b"\1")
        self.read(4)
        self.write(b"\1")
        self.width, self.height = struct.unpack(">HH", self.read(4))
        self.read(16)
        self.read(struct.unpack(">I", self.read(4))[0])
        self.write(struct.pack(">B3xBBBBHHHBBB3x", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))
        self.write(struct.pack(">BxHi", 2, 1, 0))
        return self

    def ask(self, more, place=None):
        self.write(struct.pack(">BBHHHH", 3, more, *(place or (0, 0, self.width, self.height))))

    def update(self):
        """The pixels of the next update."""
        while True:
            kind = self.read(1)[0]
            if kind == 0:
                break
            if kind == 3:
                self.read(struct.unpack(">3xI", self.read(7))[0])
            else:
                assert kind == 2, kind
        pixels = b""
        for _ in range(struct.unpack(">xH", self.read(3))[0]):
            _, _, width, height, _ = struct.unpack(">HHHHi", self.read(12))
            pixels += self.read(4 * width * height)
        return pixels

    def region(self, place):
        self.ask(0, place)
        return self.update()

    def key(self, symbol):
        self.write(struct.pack(">BBxxI", 4, 1, symbol) + struct.pack(">BBxxI", 4, 0, symbol))

    def end(self):
        self.child.stdin.close()
        self.child.stdout.close()
        self.child.wait()


def init():
    """The machine's process 1, by its number here: the child of its keeper in another namespace of processes."""
    keeper = json.loads(berth("info", "--json", machine))["keeper"]
    ours = os.readlink("/proc/self/ns/pid")
    return next(pid for pid in children(keeper) if os.readlink(f"/proc/{pid}/ns/pid") != ours)


def processes():
    """Those of the machine, by their namespace of processes."""
    wanted, found = os.readlink(f"/proc/{init()}/ns/pid"), []
    for one in os.listdir("/proc"):
        try:
            if one.isdigit() and os.readlink(f"/proc/{one}/ns/pid") == wanted:
                found.append(int(one))
        except OSError:
            pass
    return found


def memory(pids, what="Pss"):
    """KiB."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
                total += sum(int(line.split()[1]) for line in rollup if line.startswith(what + ":"))
        except OSError:
            pass
    return total


def children(pid):
    """A process with all below it."""
    found = [pid]
    for one in found:
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{task}/children", encoding="ascii") as file:
                    found += [int(word) for word in file.read().split()]
        except OSError:
            pass
    return found


def spent():
    """Seconds of processor."""
    for line in berth("metrics").splitlines():
        if line.startswith(f'berth_cpu_seconds_total{{machine="{machine}"}}'):
            return float(line.split()[1])
    raise SystemExit("there is no figure of the processor")


# ---- Cases

# Where the panel of XFCE has its menu.
CORNER = (0, 0, 90, 24)


def alike(one, other):
    """Whether four of five pixels are the same: an icon may come later."""
    same = sum(one[at:at + 3] == other[at:at + 3] for at in range(0, len(one), 4))
    return len(one) == len(other) and same * 5 >= len(one)


def panel_of(viewer):
    """The time from which on the corner is as it stays, for five seconds at least."""
    seen = [(time.monotonic(), viewer.region(CORNER))]
    while True:
        now = viewer.region(CORNER)
        if now != seen[-1][1]:
            seen.append((time.monotonic(), now))
        last = seen[-1][1]
        if time.monotonic() - seen[-1][0] > 5 and len({last[at:at + 3] for at in range(0, len(last), 4)}) > 8:
            break
        if time.monotonic() - viewer.began > 90:
            raise SystemExit("the panel did not come")
        time.sleep(0.02)
    at = len(seen) - 1
    while at > 0 and alike(seen[at - 1][1], seen[-1][1]):
        at -= 1
    return seen[at][0]


def start():
    greeting, panel, ready = [], [], []
    for _ in range(ROUNDS):
        berth("stop", machine)
        viewer = Viewer().begin()
        greeting.append(viewer.greeted - viewer.began)
        panel.append(panel_of(viewer) - viewer.began)
        viewer.end()
    for _ in range(ROUNDS):
        berth("stop", machine)
        began = time.monotonic()
        berth("start", "--wait", machine)
        ready.append(time.monotonic() - began)
    row("off to the greeting of RFB", greeting, "s", 1)
    row("off to the panel", panel, "s", 3)
    row("off to booted, for comparison", ready, "s")


def idle_share(what, aim):
    before, began = spent(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    row(what, 100 * (spent() - before) / (time.monotonic() - began), "% of a processor", aim)


def keys():
    berth("exec", "-d", "--user", "desktop", "--env", "DISPLAY=:1", machine, "--", "sh", "-c",
          "exec setsid xfce4-terminal --disable-server --maximize -x cat >/dev/null 2>&1")
    time.sleep(5)
    viewer, took = Viewer().begin(), []
    viewer.region((0, 0, viewer.width, viewer.height))
    for i in range(40):
        # What comes meanwhile, such as a cursor that blinks, is no answer.
        viewer.ask(1)
        while select.select([viewer.input], [], [], 0.15)[0]:
            viewer.update()
            viewer.ask(1)
        began = time.monotonic()
        viewer.key(ord("a") + i % 26)
        viewer.update()
        took.append(1000 * (time.monotonic() - began))
    viewer.end()
    berth("exec", machine, "--", "pkill", "xfce4-terminal")
    row("key to pixels", took, "ms")


def connections():
    took = []
    for _ in range(4 * ROUNDS):
        viewer = Viewer()
        took.append(1000 * (viewer.greeted - viewer.began))
        viewer.end()
    row("reconnect: a command to the greeting", took, "ms")
    took.clear()
    for _ in range(4 * ROUNDS):
        berth("pause", machine)
        viewer = Viewer()
        took.append(1000 * (viewer.greeted - viewer.began))
        viewer.end()
    row("resume: a command to the greeting of a machine that is paused", took, "ms", 100)


def use():
    time.sleep(10)
    row("memory of the idle machine (PSS)", memory(processes()) / 1024, "MiB", 250)
    row("its processes", len(processes()), "")
    idle_share("processor of the idle machine without a viewer", 0.5)
    viewer = Viewer().begin()
    viewer.region((0, 0, viewer.width, viewer.height))
    viewer.ask(1)
    idle_share("processor of the idle machine with a viewer", 1)
    viewer.end()
    connections()
    keys()


class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(SOCKET)


def ticket():
    connection = Unix("x")
    connection.request("POST", f"/1.0/machines/{machine}/desktop", json.dumps({"client": "bench"}),
                       {"Content-Type": "application/json"})
    answer = json.load(connection.getresponse())
    connection.close()
    return answer["metadata"]["websocket"]


async def greeted(link):
    while True:
        message = await link.recv()
        if isinstance(message, bytes) and message.startswith(b"RFB"):
            return


async def many(connect, count):
    links = [await connect() for _ in range(count)]
    for link in links:
        await greeted(link)
    return links


async def compare(gateway, websockify, port):
    import websockets

    def ours():
        return websockets.unix_connect(SOCKET, "ws://x" + ticket(), subprotocols=["binary"])

    def theirs():
        return websockets.connect(f"ws://127.0.0.1:{port}", subprotocols=["binary"])

    per = {}
    for name, pid, connect in (("berth-api", gateway, ours), ("websockify", websockify, theirs)):
        if not pid:
            continue
        (await many(connect, 1))[0].transport.abort()
        await asyncio.sleep(1)
        alone = memory(children(pid))
        links = await many(connect, VIEWERS)
        per[name] = (memory(children(pid)) - alone) / 1024 / VIEWERS
        row(f"{name}, without a viewer (PSS)", alone / 1024, "MiB")
        row(f"{name}, each of {VIEWERS} viewers at once (PSS)", per[name], "MiB")
        for link in links:
            await link.close()
    if len(per) == 2:
        row("a viewer of berth-api, as a part of one of websockify", per["berth-api"] / per["websockify"], "")
    await asyncio.sleep(2)
    before = counts(gateway)
    for _ in range(CONNECTS):
        (await many(ours, 1))[0].transport.abort()
    end = time.monotonic() + 30
    while counts(gateway)[:2] != before[:2] and time.monotonic() < end:
        await asyncio.sleep(0.2)
    for what, old, new in zip(("descriptors", "processes", "memory (RSS, KiB)", "processes of the machine"), before, counts(gateway)):
        print(f"# {CONNECTS} connections, {what} of the gateway before and after: {old}, {new}", flush=True)


def counts(gateway):
    return len(os.listdir(f"/proc/{gateway}/fd")), len(children(gateway)), memory([gateway], "Rss"), len(processes())


def compare_gateways():
    gateway, other, port = int(sys.argv[3]), None, 6099
    if shutil.which("websockify"):
        other = subprocess.Popen(["websockify", "--unix-target", f"/proc/{init()}/root/run/desktop/rfb", f"127.0.0.1:{port}"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(3)
    else:
        print("# websockify is not installed")
    try:
        asyncio.run(compare(gateway, other and other.pid, port))
    finally:
        if other:
            other.send_signal(signal.SIGTERM)
            other.wait()


{"start": start, "use": use, "gateway": compare_gateways}[sys.argv[1]]()
