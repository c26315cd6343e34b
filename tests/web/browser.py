# SPDX-License-Identifier: GPL-2.0-or-later
"""A Chromium, driven by its debugging protocol over two pipes: no other program and no port. Keys and clicks are those of a
user, not calls of the page's functions."""
import base64
import json
import os
import select
import signal
import subprocess
import time

PATIENCE = float(os.environ.get("WEB_PATIENCE", "20"))
KEYS = {"Enter": (13, "\r"), "Tab": (9, ""), "Escape": (27, ""), "ArrowDown": (40, ""), "ArrowUp": (38, ""), "Home": (36, ""), "End": (35, ""),
        "PageDown": (34, ""), "Space": (32, " "), "F6": (117, ""), "Backspace": (8, "")}


class Fault(Exception):
    pass


class Browser:
    def __init__(self, folder):
        to_read, self.write_fd = os.pipe()
        self.read_fd, to_write = os.pipe()

        def descriptors():
            os.dup2(to_read, 3)
            os.dup2(to_write, 4)

        keep = os.path.join(folder, "chromium.log")
        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-pipe",
             "--disable-background-networking", "--disable-component-update", "--no-proxy-server", "--hide-scrollbars", "--lang=en-GB",
             f"--user-data-dir={folder}/profile", "--window-size=1280,860", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(keep, "w"), preexec_fn=descriptors, pass_fds=(3, 4),
            start_new_session=True)
        os.close(to_read)
        os.close(to_write)
        self.rest, self.number, self.answers = b"", 0, {}
        self.errors, self.addresses = [], []
        target = self.ask("Target.createTarget", {"url": "about:blank"}, None)["targetId"]
        self.session = self.ask("Target.attachToTarget", {"targetId": target, "flatten": True}, None)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        self.ask("Target.setAutoAttach", {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": True})

    def close(self):
        try:
            self.ask("Browser.close", {}, None)
            self.process.wait(10)
        except (Fault, OSError, subprocess.TimeoutExpired):
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    # ---- Protocol

    def ask(self, method, parameters=None, session=""):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters or {}}
        if session is not None:
            message["sessionId"] = session or self.session
        os.write(self.write_fd, json.dumps(message).encode() + b"\0")
        number, end = self.number, time.monotonic() + PATIENCE
        while number not in self.answers:
            self.read(end - time.monotonic(), method)
        answer = self.answers.pop(number)
        if "error" in answer:
            raise Fault(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def read(self, seconds, what):
        if seconds <= 0 or not select.select([self.read_fd], [], [], seconds)[0]:
            raise Fault(f"no answer: {what}")
        data = os.read(self.read_fd, 1 << 20)
        if not data:
            raise Fault("the browser has ended")
        *messages, self.rest = (self.rest + data).split(b"\0")
        for message in messages:
            self.take(json.loads(message))

    def take(self, message):
        if "id" in message:
            self.answers[message["id"]] = message
            return
        method, what = message["method"], message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(what["exceptionDetails"].get("exception", {}).get("description") or what["exceptionDetails"]["text"])
        elif method == "Log.entryAdded" and what["entry"]["level"] == "error":
            self.errors.append(f"{what['entry']['text']} {what['entry'].get('url', '')}")
        elif method == "Runtime.consoleAPICalled" and what["type"] in ("error", "assert"):
            self.errors.append(" ".join(str(one.get("value", one.get("description"))) for one in what["args"]))
        elif method == "Network.requestWillBeSent":
            self.addresses.append(what["request"]["url"])

    # ---- What a user does and sees

    def go(self, url):
        self.ask("Page.navigate", {"url": url})
        self.until("document.readyState === 'complete'")

    def value(self, expression):
        result = self.ask("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True, "userGesture": True})
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise Fault(f"{expression}: {details.get('exception', {}).get('description', details['text'])}")
        return result["result"].get("value")

    def until(self, expression, seconds=None):
        end, last = time.monotonic() + (seconds or PATIENCE), None
        while time.monotonic() < end:
            try:
                last = self.value(expression)
                if last:
                    return last
            except Fault as fault:
                last = fault
            time.sleep(0.03)
        raise Fault(f"never true: {expression}, but {last}")

    def text(self, selector="main"):
        return self.value(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def see(self, words, selector="body"):
        self.until(f"(document.querySelector({json.dumps(selector)})?.innerText ?? '').includes({json.dumps(words)})")

    def place(self, selector, words=None):
        found = f"""(() => {{
            const all = [...document.querySelectorAll({json.dumps(selector)})].filter((e) => e.checkVisibility() && !e.disabled && ({json.dumps(words)} === null ||
                (e.getAttribute("aria-label") ?? e.innerText).trim().startsWith({json.dumps(words)})));
            if (!all.length) return null;
            all[0].scrollIntoView({{ block: "nearest" }});
            const box = all[0].getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + box.height / 2;
            const there = document.elementFromPoint(x, y);
            return box.width && (all[0].contains(there) || there?.contains(all[0])) ? [x, y] : null;
        }})()"""
        return self.until(found)

    def click(self, selector, words=None):
        x, y = self.place(selector, words)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "button": "left" if kind != "mouseMoved" else "none", "clickCount": 1})

    def key(self, name, control=False, shift=False):
        code, text = KEYS.get(name, (ord(name.upper()) if len(name) == 1 and name.isalnum() else 0, name))
        key = " " if name == "Space" else name
        modifiers = (2 if control else 0) | (8 if shift else 0)
        self.ask("Input.dispatchKeyEvent", {"type": "keyDown" if text and not control else "rawKeyDown", "key": key, "text": text if not control else "",
                                            "windowsVirtualKeyCode": code, "modifiers": modifiers})
        self.ask("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers})

    def type(self, text):
        for letter in text:
            self.key(letter)

    def clear(self):
        self.value("document.activeElement.select()")
        self.key("Backspace")

    def focused(self):
        return self.value("(document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText ?? '').trim()")

    def tab_to(self, words, most=60):
        """Presses the tabulator until what has the focus begins with these words."""
        for _ in range(most):
            if self.focused().startswith(words) and self.value("document.activeElement !== document.body"):
                return
            self.key("Tab")
        raise Fault(f"the tabulator does not lead to {words!r}; it is at {self.focused()!r}")

    def size(self, width, height, scale=1):
        self.ask("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False})

    def prefer(self, **features):
        self.ask("Emulation.setEmulatedMedia", {"features": [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]})

    def picture(self, path):
        data = self.ask("Page.captureScreenshot", {"format": "png"})["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))
