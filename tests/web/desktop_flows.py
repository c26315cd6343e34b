# SPDX-License-Identifier: GPL-2.0-or-later
"""What users do with a desktop in the page. Each function is a case of check.py."""
import json
import os
import struct
import time

STATUS = "document.getElementById('status').textContent"


def keys(page):
    return "".join(chr(what) for what in page.asked("DISPLAY", "key"))


def wait_keys(page, wanted):
    end = time.monotonic() + 20
    while keys(page) != wanted:
        if time.monotonic() > end:
            page.same("keys of the display", wanted, keys(page))
        time.sleep(0.03)


def own(page, hash_):
    page.begin()
    page.go(f"{page.base}/desktop.html#{hash_}")


def desktop(page):
    page.begin(hash_="#/machines/web/desktop")
    page.until("document.querySelector('iframe')?.contentDocument?.getElementById('status')?.textContent === 'Connected'")
    page.click("iframe")
    page.type("hi")
    wait_keys(page, "hi")
    page.same("link to a page of its own", "_blank", page.value("document.querySelector('iframe').contentDocument.querySelector('#own:not([hidden])').target"))
    page.picture(f"{page.folder}/desktop-in-machine.png")
    page.show("#/machines/old/desktop", "old is stopped")
    page.check_axe("the desktop of one that is stopped")


PICTURE = "[...document.querySelectorAll('.picture:not([hidden])')]"


def desktop_pictures(page):
    page.begin()
    page.expected.append("404")
    # As long as graphs take to have a line.
    page.until("[...document.querySelectorAll('.rows .c-cpu polyline')].some((line) => line.getAttribute('points').includes(' '))")
    page.same("pictures that nobody has asked for", [], page.asked("GET", "/1.0/machines/web/picture"))
    page.click(".toolbar button", "Pictures")
    page.until(f"{PICTURE}.length === 1")
    page.same("its size and place", [16, 10, "web"],
              page.value(f"{PICTURE}.map((one) => [one.width, one.height, one.closest('[role=row]').name])[0]"))
    page.same("its colour", [16, 128, 240, 255], page.value(f"[...{PICTURE}[0].getContext('2d').getImageData(3, 3, 1, 1).data]"))
    page.same("pictures of one that is paused", [], page.asked("GET", "/1.0/machines/mail/picture"))
    page.picture(f"{page.folder}/pictures.png")
    page.check_axe("the list with pictures")
    # The choice is kept; a machine that stops has none.
    page.go(page.base)
    page.until(f"{PICTURE}.length === 1")
    page.control("state", name="web", state="stopped", event="stopped")
    page.until(f"{PICTURE}.length === 0")
    page.control("state", name="web", state="running", event="started")
    page.until(f"{PICTURE}.length === 1")
    page.click(".toolbar button", "Pictures")
    page.until(f"{PICTURE}.length === 0")


def desktop_own(page):
    own(page, "web")
    page.until(f"{STATUS} === 'Connected'")
    page.same("what it is told", "web", page.text("h1"))
    page.same("what its name became", 0, page.value("document.querySelectorAll('b').length"))
    page.type("ok")
    wait_keys(page, "ok")
    page.key("F6", control=True)
    page.same("where Ctrl F6 leads", "view-only", page.value("document.activeElement.id"))
    page.tab_to("Ctrl Alt Del")
    page.key("Enter")
    wait_keys(page, "ok\uffe3\uffe9\uffff")
    # Its text is taken once only.
    page.click("#clip")
    page.click("#text")
    page.type("abc")
    page.click("#send")
    page.until("document.getElementById('text').value === 'ABC'")
    page.same("its clipboard", ["abc"], page.asked("DISPLAY", "clipboard"))
    page.check_axe("a desktop")
    page.size(320, 700)
    page.check_width("a desktop at 320")
    page.picture(f"{page.folder}/desktop-narrow.png")


def desktop_paste(page):
    own(page, "web")
    page.until(f"{STATUS} === 'Connected'")
    page.value("""(() => { const data = new DataTransfer(); data.setData("text/plain", "pasted");
        document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })); })()""")
    wait_keys(page, "v")
    page.same("its clipboard", ["pasted"], page.asked("DISPLAY", "clipboard"))
    page.same("reads of this computer's", 0, page.value("""fetch("desktop_clipboard.js").then((answer) => answer.text())
        .then((text) => (text.match(/clipboard.read/g) ?? []).length)"""))


def desktop_view_only(page):
    own(page, "web/view-only")
    page.until(f"{STATUS} === 'Connected, view only'")
    page.same("what was asked for", [{"view_only": True}], page.asked("POST", "/1.0/machines/web/desktop"))
    page.type("no")
    page.same("buttons that do nothing", [True, True], page.value("['cad', 'super'].map((id) => document.getElementById(id).disabled)"))
    page.click(".check", "View only")
    page.until(f"{STATUS} === 'Connected'")
    asked = page.asked("POST", "/1.0/machines/web/desktop")[-1]
    # A viewer that acts has a name, by which it gets the control back.
    page.same("what was asked for then", (["client"], 32), (list(asked), len(asked["client"])))
    page.type("yes")
    wait_keys(page, "yes")


def desktop_again(page):
    own(page, "web")
    page.until(f"{STATUS} === 'Connected'")
    page.value("""(() => { window.states = []; new MutationObserver(() => states.push(document.getElementById("status").textContent))
        .observe(document.getElementById("status"), { childList: true }); })()""")
    page.type("x")
    page.until("states.includes('Reconnecting') && states.at(-1) === 'Connected'")
    page.type("y")
    wait_keys(page, "xy")
    # One that ends while the machine is stopped does not start it.
    page.control("state", name="web", state="stopped", event="stopped")
    page.type("x")
    page.see("web is stopped.", "#words")
    page.same("tickets", 2, len(page.asked("POST", "/1.0/machines/web/desktop")))
    page.check_axe("a desktop that is stopped")
    page.control("state", name="web", state="running", event="started")
    page.click("#again", "Start it")
    page.until(f"{STATUS} === 'Connected'")


def desktop_none(page):
    own(page, "web")
    page.until(f"{STATUS} === 'Connected'")
    # The words of noVNC for a server that closes.
    page.expected.append("Failed when connecting")
    page.control("session", display="none")
    page.ask("Page.reload")
    page.see("Machine 'web' has no display at '/run/desktop/rfb'.", "#words")
    page.check_axe("no desktop")
    page.picture(f"{page.folder}/desktop-none.png")
    page.control("session", display="ok")
    page.click("#again", "Try again")
    page.until(f"{STATUS} === 'Connected'")
    page.expected.append("401")
    page.control("session", out=True)
    page.ask("Page.reload")
    page.see("You are not signed in", "#words")


# ---- With the real API: machine d, with a display

def real(page, hash_):
    page.size(1280, 860)
    page.go("about:blank")
    page.go(f"{page.base}/desktop.html#{hash_}")


def sign_in(page):
    page.go(page.base + os.environ["SIGN_IN"])


def real_typing(page):
    sign_in(page)
    real(page, "d")
    page.until(f"{STATUS} === 'Connected'")
    page.picture(f"{page.folder}/desktop-real.png")
    page.click("#screen canvas")
    page.type("hello")
    page.key("Enter")


def wait_for(page, name):
    """The script makes that file when it has seen what the case waits for."""
    end = time.monotonic() + 60
    while not os.path.exists(f"{page.folder}/{name}"):
        if time.monotonic() > end:
            page.same(f"the script has seen it: {name}", True, False)
        time.sleep(0.05)


def real_typed(page):
    """The last keys have arrived: those of a browser that is ended on their way would be lost."""
    wait_for(page, "typed")


def real_clipboard(page):
    sign_in(page)
    real(page, "d")
    page.until(f"{STATUS} === 'Connected'")
    page.click("#clip")
    page.click("#text")
    page.ask("Input.insertText", {"text": "Grüße ✓ 漢字"})
    page.click("#send")
    page.see("The machine has it", "#clip-note")


def real_clipboard_back(page):
    page.until("document.getElementById('text').value === 'zurück ✓ 漢字'")
    page.picture(f"{page.folder}/desktop-clipboard.png")


def real_none(page):
    sign_in(page)
    real(page, "d")
    page.expected.append("Failed when connecting")
    page.see("Machine 'd' has no display at '/srv/none'", "#words")
    page.picture(f"{page.folder}/desktop-real-none.png")


def real_size(page):
    page.size(1000, 700)
    near = "Math.abs(document.querySelector('canvas').{0} - document.getElementById('screen').getBoundingClientRect().{0}) < 1"
    page.until(near.format("width") + " && " + near.format("height"))
    page.same("width", 1000, page.value("document.querySelector('canvas').width"))


def real_lost(page):
    # The last one is noVNC's, of a piece of the picture that came before the end.
    page.expected += ["WebSocket", "ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET", "Got data while disconnected"]
    with open(f"{page.folder}/lose", "w"):
        pass
    page.until(f"{STATUS} === 'Reconnecting'")
    page.picture(f"{page.folder}/desktop-lost.png")
    page.until(f"{STATUS} === 'Connected'", 40)
    page.picture(f"{page.folder}/desktop-again.png")
    page.click("#screen canvas")
    page.type("again")
    page.key("Enter")


def raw(page, view_only, text):
    """Keys as bytes of the protocol, whatever the page would do."""
    page.value("""(async (body, keys) => {
        const answer = await fetch("/1.0/machines/d/desktop", { method: "POST", headers: { "Content-Type": "application/json" }, body });
        const socket = new WebSocket(new URL((await answer.json()).metadata.websocket, location.origin.replace("http", "ws")));
        socket.binaryType = "arraybuffer";
        // The server's words before each answer have at least that many bytes.
        const steps = [[12, new TextEncoder().encode("RFB 003.008\\n")], [2, new Uint8Array([1])], [4, new Uint8Array([1])],
            [24, new Uint8Array([...keys, 3, 0, 0, 0, 0, 0, 0, 1, 0, 1])], [4]];
        let have = 0;
        await new Promise((done, fail) => {
            socket.onclose = () => fail(new Error("closed"));
            socket.onmessage = ({ data }) => {
                have += data.byteLength ?? 0;
                if (have < steps[0][0])
                    return;
                have = 0;
                const [, bytes] = steps.shift();
                bytes ? socket.send(bytes) : done();
            };
        });
        socket.onclose = null;
        socket.close();
        return true;
    })(%r, %r)""" % (json.dumps({"view_only": view_only}),
                     [byte for letter in text for down in (1, 0) for byte in struct.pack(">BBxxI", 4, down, 0xff0d if letter == "\n" else ord(letter))]))


def real_raw(page):
    raw(page, False, "raw\n")


def real_looking_only(page):
    real(page, "d/view-only")
    page.until(f"{STATUS} === 'Connected, view only'")
    page.click("#screen canvas")
    page.type("never")
    page.key("Enter")
    raw(page, True, "never\n")
    page.picture(f"{page.folder}/desktop-view-only.png")


def real_typing_again(page):
    real(page, "d")
    page.until(f"{STATUS} === 'Connected'")
    page.click("#screen canvas")
    page.type("hello")
    page.key("Enter")


def real_control(page):
    with open(f"{page.folder}/take", "w"):
        pass
    page.until(f"{STATUS} === 'Connected; another viewer has the control, 2 viewers'")
    page.picture(f"{page.folder}/desktop-second-viewer.png")
    page.click("#screen canvas")
    page.type("never")
    page.key("Enter")
    page.same("keys that do nothing", [True, True], page.value("['cad', 'keys'].map((id) => document.getElementById(id).disabled)"))
    # Keys of the other one that are on their way would be of one who has no control any more.
    wait_for(page, "other")
    page.click("#control", "Take control")
    page.until(f"{STATUS} === 'Connected, 2 viewers'")
    page.click("#screen canvas")
    page.type("back")
    page.key("Enter")


def real_sound(page):
    sign_in(page)
    real(page, "d")
    page.until(f"{STATUS} === 'Connected'")
    page.same("sound at the beginning", "false", page.value("document.getElementById('sound').getAttribute('aria-pressed')"))
    page.click("#sound")
    page.until("Number(document.getElementById('sound').dataset.played) > 0")
    with open(f"{page.folder}/listens", "w"):
        pass
    page.until("Number(document.getElementById('sound').dataset.loud) > 60000")
    print("# sound:", page.value("JSON.stringify(document.getElementById('sound').dataset)"))
    page.click("#sound")
    page.same("sound at the end", "false", page.value("document.getElementById('sound').getAttribute('aria-pressed')"))


def real_drop(page):
    sign_in(page)
    real(page, "d")
    page.until(f"{STATUS} === 'Connected'")
    for name in ("a file.txt", "a file (1).txt"):
        page.value("""(() => { const data = new DataTransfer(); data.items.add(new File(["dropped"], "a file.txt"));
            document.getElementById("room").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })); })()""")
        page.see(f"{name} is in /home/desktop/Downloads", "#drop-note")
