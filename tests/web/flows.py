# SPDX-License-Identifier: GPL-2.0-or-later
"""What users do with the page, by mouse and by keyboard. Each function is a case of check.py."""
import os
import time

NAMES = "[...document.querySelectorAll('.rows .name')].map((link) => link.textContent)"


def row(name):
    return f"[...document.querySelectorAll('.rows [role=row]')].find((row) => row.querySelector('.name').textContent === '{name}')"


def state_of(name):
    return f"{row(name)}?.querySelector('.state .word').textContent"


def listing(page):
    page.begin()
    page.see("7 machines", ".summary")
    page.same("names", ["broken", "build-7", "cache", "db", "mail", "old", "web"], page.value(NAMES))
    page.click(".head button", "Name")
    page.same("names, the last first", "web", page.value(NAMES)[0])
    page.click(".kinds button", "Need care")
    page.see("3 of 7 machines", ".summary")
    page.click(".kinds button", "All")
    page.click("#filter")
    page.type("role=web")
    page.see("1 of 7 machines", ".summary")
    page.same("by a label", ["web"], page.value(NAMES))
    # What others do shows by itself.
    page.clear()
    page.control("state", name="old", state="running", event="started")
    page.until(f"{state_of('old')} === 'running'")
    page.until(f"{row('web')}.querySelector('.c-cpu .figure').textContent.endsWith('%')")
    page.until(f"{row('web')}.querySelector('.c-memory .figure').textContent.endsWith('MiB')")
    page.until(f"{row('web')}.querySelector('.c-cpu polyline').getAttribute('points').split(' ').length > 1")


def acting(page):
    page.begin()
    page.see("web", ".rows")
    page.click(".rows button", "Stop web")
    page.see("Its init is asked to halt", "dialog")
    page.same("command", "berth stop web", page.text("dialog code"))
    page.click("dialog .check", "Kill")
    page.same("command by force", "berth stop --force web", page.text("dialog code"))
    page.click("dialog .check", "Kill")
    page.click("dialog button", "Cancel")
    page.until("!document.querySelector('dialog')")
    page.same("requests of a dialog that was left", [], page.control("requests"))
    page.click(".rows button", "Stop web")
    page.click("dialog button", "Stop")
    page.see("web was stopped", "#tray")
    page.until("document.getElementById('live').textContent === 'web was stopped'")
    page.until(f"{state_of('web')} === 'stopped'")
    page.same("request", [{"action": "stop"}], page.asked("PUT", "/1.0/machines/web/state"))
    # A failure is the sentence of the command line, and stays.
    page.control("session", fail={"old": "machine 'old' has no root; bring it back from a backup"})
    page.click(".rows button", "Start old")
    page.click("dialog button", "Start")
    page.see("Start old: machine 'old' has no root; bring it back from a backup", "#tray")
    page.click(".rows button", "More actions for mail")
    page.click("[role=menuitem]", "Resume")
    page.click("dialog button", "Resume")
    page.until(f"{state_of('mail')} === 'running'")


def deleting(page):
    page.begin(hash_="#/machines/web")
    page.see("eth0", "main")
    page.click(".actions button", "More")
    page.click("[role=menuitem]", "Delete")
    page.see("its snapshots, its settings and its address", "dialog")
    page.same("before the name is typed", True, page.value("document.querySelector('dialog [type=submit]').disabled"))
    page.type("we")
    page.same("half of it", True, page.value("document.querySelector('dialog [type=submit]').disabled"))
    page.type("b")
    page.click("dialog button", "Delete for good")
    page.see("web was deleted", "#tray")
    page.same("request", 1, len(page.asked("DELETE", "/1.0/machines/web?force=1")))
    page.expected.append("404")
    page.see("no machine 'web'", "main")
    page.click("main a", "Back to all machines")
    page.see("6 machines", ".summary")


def keyboard(page):
    page.begin()
    page.see("web", ".rows")
    page.key("Tab")
    page.same("the first", "Skip to content", page.focused())
    page.key("Enter")
    page.same("skipped to", "main", page.value("document.activeElement.id"))
    page.key("/")
    page.same("the filter", "Filter machines", page.focused())
    page.type("db")
    page.key("ArrowDown")
    page.same("a machine", "db", page.focused())
    page.key("Tab")
    page.same("its action", "Stop db", page.focused())
    page.key("Tab")
    page.same("its others", "More actions for db", page.focused())
    page.key("Enter")
    page.same("the menu", "Stop", page.focused())
    page.key("ArrowDown")
    page.same("down", "Restart", page.focused())
    page.key("Escape")
    page.same("back", "More actions for db", page.focused())
    page.key("Enter")
    page.type("p")
    page.same("by its letter", "Pause", page.focused())
    page.key("Enter")
    page.see("Pause db?", "dialog")
    page.same("in the dialog", "Pause", page.focused())
    page.key("Escape")
    page.until("!document.querySelector('dialog')")
    page.same("where it was", "More actions for db", page.focused())
    page.key("Enter")
    page.type("p")
    page.key("Enter")
    page.key("Enter")
    page.see("db was paused", "#tray")
    page.until(f"{state_of('db')} === 'paused'")
    page.key("Tab", shift=True)
    page.key("Tab", shift=True)
    page.same("its name", "db", page.focused())
    page.key("Enter")
    page.until("location.hash === '#/machines/db' && document.activeElement.tagName === 'H1'")
    page.key("?")
    page.see("Leave the terminal", "dialog")
    page.key("Escape")
    page.key("n")
    page.until("location.hash === '#/new'")


def creating_by_keyboard(page):
    page.begin(hash_="#/new")
    page.see("Fedora", "main")
    page.value("document.querySelector('input[name=template]').focus()")
    page.key("ArrowDown")
    page.same("the second", "alpine", page.value("document.querySelector('input[name=template]:checked').value"))
    page.same("a name that is free", "alpine-1", page.value("document.querySelector('.new input[type=text]').value"))
    page.key("Tab")
    page.clear()
    page.type("No")
    page.tab_to("Create machine")
    page.key("Enter")
    page.see("Small letters, digits and hyphens, at most 63", ".fault")
    page.same("the fault has the focus", "true", page.value("document.activeElement.getAttribute('aria-invalid')"))
    page.clear()
    page.type("web")
    page.key("Enter")
    page.see("There is a machine web already.", ".fault")
    page.clear()
    page.type("shop")
    page.tab_to("More: limits")
    page.key("Enter")
    page.key("Tab")
    page.type("1G")
    page.same("command", "berth launch --set limits.memory=1G alpine shop", page.text(".new code"))
    page.key("Enter")
    page.until("location.hash === '#/machines/shop'")
    page.see("running", ".machine-head")
    page.same("request", [{"name": "shop", "source": {"type": "launch", "template": "alpine"}, "config": {"limits.memory": "1G"}}],
              page.asked("POST", "/1.0/machines"))


def creating_in_three_clicks(page):
    page.begin()
    page.click("main .button", "New machine")
    page.click(".choice", "fedora")
    page.click("button", "Create machine")
    page.until("location.hash === '#/machines/fedora-1'")
    page.see("running", ".machine-head")


def snapshots(page):
    page.begin(hash_="#/machines/web/snapshots")
    page.see("before-upgrade", "main")
    page.same("the newest first", ["Now", "before-upgrade", "tuesday", "monday"], page.value("[...document.querySelectorAll('.timeline h2')].map((e) => e.textContent)"))
    page.same("while it runs", True, page.value("[...document.querySelectorAll('.timeline button')].find((b) => b.innerText.startsWith('Restore')).disabled"))
    page.click("main button", "Take snapshot")
    page.clear()
    page.type("now-1")
    page.key("Enter")
    page.see("now-1", ".timeline")
    page.same("request", [{"name": "now-1"}], page.asked("POST", "/1.0/machines/web/snapshots"))
    page.control("state", name="web", state="stopped", event="stopped")
    page.click(".timeline button", "Restore tuesday")
    page.see("All that was written to it since then is lost. The 2 later snapshots stay.", "dialog")
    page.same("command", "berth restore web tuesday", page.text("dialog code"))
    page.type("web")
    page.key("Enter")
    page.see("web is as it was at tuesday", "#tray")
    page.click(".timeline button", "Clone monday")
    page.clear()
    page.type("web-monday")
    page.same("command", "berth clone web@monday web-monday", page.text("dialog code"))
    page.key("Enter")
    page.see("web-monday was made of web", "#tray")
    page.same("request", [{"name": "web-monday", "source": {"type": "copy", "machine": "web", "snapshot": "monday"}}], page.asked("POST", "/1.0/machines"))
    page.click(".timeline button", "Delete monday")
    page.click("dialog button", "Delete")
    page.until("!document.querySelector('.timeline').innerText.includes('monday')")


def settings(page):
    page.begin(hash_="#/machines/web/settings")
    page.see("stop.timeout", "main")
    page.same("memory", "512M", page.value("document.getElementById('key-limits.memory').value"))
    page.click("main input[type=search]")
    page.type("limits memory")
    page.click("[id='key-limits.memory']")
    page.clear()
    page.type("1G")
    page.see("1 change, not yet made", ".save-bar")
    page.click(".save-bar button", "Change")
    page.same("command", "berth set web limits.memory=1G", page.text("dialog code"))
    page.click("dialog button", "Change")
    page.see("Settings of web were changed", "#tray")
    page.same("request", [{"config": {"limits.memory": "1G"}}], page.asked("PATCH", "/1.0/machines/web"))
    page.until("document.querySelector('.save-bar').hidden && document.getElementById('key-limits.memory').value === '1G'")


def terminal(page):
    page.begin(hash_="#/machines/web/terminal")
    inside = "document.querySelector('iframe').contentDocument"
    page.until(f"{inside}?.querySelector('.xterm-helper-textarea') !== null")
    screen = f"[...{inside}.querySelectorAll('.xterm-rows > div')].map((row) => row.textContent).join('\\n')"
    page.until(f"{screen}.includes('root@web:~#')")
    page.click("iframe")
    page.until(f"{inside}.activeElement?.className.includes('xterm')")
    page.type("hello")
    page.key("Enter")
    page.until(f"{screen}.includes('said hello')")
    page.same("where keys go", "IFRAME", page.value("document.activeElement.tagName"))
    page.key("F6", control=True)
    page.until("document.activeElement.innerText === 'New session'")
    page.same("sizes", True, any(one[0] == "SOCKET" and one[2]["resize"]["columns"] > 20 for one in page.control("requests")))
    page.picture(f"{page.folder}/terminal.png")
    page.click("iframe")
    page.type("exit")
    page.key("Enter")
    page.until(f"{inside}.getElementById('status').textContent === 'The shell has ended with status 3.'")
    page.control("state", name="old", state="stopped", event="stopped")
    page.show("#/machines/old/terminal", "a terminal needs a machine that runs")


def logs(page):
    page.begin(hash_="#/machines/web/logs")
    page.see("later line", ".log")
    text = page.text(".log")
    page.same("colours", True, "ok nginx" in text and "\x1b" not in text)
    page.same("markup", True, "<img src=x onerror=" in text)
    page.click("main input[type=search]")
    page.type("NGINX")
    page.until("document.querySelector('.log').innerText === 'ok nginx'")


def hostile(page):
    page.begin("hostile")
    page.see("evil", ".rows")
    for hash_, words in (("#/machines/evil", "eth0"), ("#/machines/evil/snapshots", "Now"), ("#/machines/evil/logs", "later line"),
                         ("#/machines/evil/settings", "stop.timeout"), ("#/doctor", "86 %"), ("#/%3Cimg%20src=x%20onerror=hit=1%3E", "no such page"),
                         ("#/machines/%3Cimg%20src=x%3E", "no machine")):
        page.expected.append("404")
        page.show(hash_, words)
    page.show("#/machines/evil/snapshots", "<img src=x")
    page.click(".timeline button", "Clone")
    page.see("<img src=x", "dialog h2")
    page.same("quoted for a shell", True, page.text("dialog code").startswith("berth clone 'evil@<img src=x onerror=\"window.hit=1\">\"'\\''&{{7*7}}'"))
    page.key("Escape")
    page.same("what was executed", None, page.value("window.hit ?? null"))
    page.same("pictures that data made", 0, page.value("[...document.images].filter((one) => !one.src.endsWith('icon.svg')).length"))


def many(page):
    page.begin("many")
    page.see("1,000 machines", ".summary")
    shown = page.value("document.querySelectorAll('.rows [role=row]').length")
    page.same(f"rows in the document, {shown}", True, 5 < shown < 40)
    page.same("rows that there are", "1001", page.value("document.querySelector('[role=table]').getAttribute('aria-rowcount')"))
    page.value("document.querySelector('.rows .name').focus()")
    page.key("End")
    page.same("the last", "m-0999", page.focused())
    page.until("document.querySelector('.rows .active').getAttribute('aria-rowindex') === '1001'")
    page.key("ArrowUp")
    page.same("the one before", "m-0998", page.focused())
    page.key("Home")
    page.same("the first", "m-0000", page.focused())
    took = page.value("""(async () => { const began = performance.now(), room = document.querySelector('.scroller'); let worst = 0;
        for (let i = 0; i < 60; i++) { const at = performance.now(); room.scrollTop = i * 800; await new Promise(requestAnimationFrame); worst = Math.max(worst, performance.now() - at); }
        return [Math.round(performance.now() - began), Math.round(worst)]; })()""")
    print(f"# 60 frames over 1,000 machines: {took[0]} ms, the longest {took[1]} ms")
    page.key("/")
    page.type("m-05 rack=3")
    page.until(f"{NAMES}.length > 0 && {NAMES}.every((name) => name.startsWith('m-05'))")
    page.picture(f"{page.folder}/many.png")


def history(page):
    page.begin()
    page.see("web", ".rows")
    page.click(".rows .name", "web")
    page.see("eth0", "main")
    page.click(".tabs a", "Logs")
    page.see("later line", ".log")
    page.value("history.back()")
    page.see("eth0", "main")
    page.value("history.back()")
    page.see("7 machines", ".summary")
    page.value("history.forward()")
    page.see("eth0", "main")
    for hash_, words in (("#/machines/web/snapshots", "monday"), ("#/new", "Fedora"), ("#/pools", "of 32 GiB"), ("#/networks", "10.58.0.0/20"), ("#/doctor", "Problems")):
        page.show(hash_, words)
        page.ask("Page.reload")
        page.until("document.readyState === 'complete'")
        page.see(words, "main")


def signed_out(page):
    page.begin(hash_="#/new")
    page.see("Fedora", "main")
    page.control("session", out=True)
    page.expected.append("401")
    page.click("button", "Create machine")
    page.see("You are not signed in", "main")
    page.see("berth web", "main code")
    page.same("the focus", "You are not signed in", page.focused())
    page.check_axe("signed out")
    page.picture(f"{page.folder}/signed-out.png")
    page.begin()
    page.expected.append("401")
    page.see("web", ".rows")
    page.click("button", "Sign out")
    page.see("You are not signed in", "main")
    page.same("a request after it", 401, page.value("fetch('/1.0').then((answer) => answer.status)"))


def host_pages(page):
    page.begin(hash_="#/pools")
    page.see("86 %", "main")
    page.see("filling up", "main")
    page.see("3.00 times its space", "main")
    page.show("#/networks", "Forwarded packets are dropped by ip filter FORWARD.")
    page.see("web", "main")
    page.show("#/doctor", "Problems: 1")
    page.see("Remedy: berth pool usage default", "main")


PAGES = [("machines", "#/machines", "build-7"), ("machine", "#/machines/web", "eth0"), ("snapshots", "#/machines/web/snapshots", "monday"),
         ("files", "#/machines/web/files/etc", "hosts"), ("logs", "#/machines/web/logs", "later line"), ("settings", "#/machines/web/settings", "stop.timeout"), ("new", "#/new", "Fedora"),
         ("pools", "#/pools", "of 32 GiB"), ("networks", "#/networks", "10.58.0.0/20"), ("doctor", "#/doctor", "Problems")]


def everywhere(page, name, width, scheme):
    page.size(width, 860)
    page.prefer(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    for what, hash_, words in PAGES:
        page.show(hash_, words)
        page.check_width(f"{what} at {width}")
        if name:
            page.check_axe(f"{what}, {scheme}, {width}")
            page.picture(f"{page.folder}/{what}-{name}.png")


def looks_light(page):
    page.begin()
    page.see("web", ".rows")
    time.sleep(6.5)
    everywhere(page, "light", 1280, "light")
    page.show("#/machines", "build-7")
    page.click(".rows button", "Stop web")
    page.see("asked to halt", "dialog")
    page.check_axe("a dialog")
    page.picture(f"{page.folder}/dialog-light.png")
    page.key("Escape")
    page.click(".rows button", "More actions for web")
    page.check_axe("a menu")


def looks_dark(page):
    page.begin()
    page.see("web", ".rows")
    everywhere(page, "dark", 1280, "dark")


def looks_narrow(page):
    page.begin(width=320)
    page.see("web", ".rows")
    everywhere(page, "narrow", 320, "light")
    for width in (480, 768, 1000, 1920):
        everywhere(page, "", width, "light")


# ---- With the real API: machines web, which runs, and idle

def real_looking(page):
    page.go(page.base + "/")
    page.expected.append("401")
    page.see("You are not signed in", "main")
    page.go(page.base + os.environ["SIGN_IN"])
    page.size(1280, 860)
    page.see("2 machines", ".summary")
    page.until(f"{state_of('web')} === 'running' && {state_of('idle')} === 'stopped'")
    page.see("root", "#host")
    page.until(f"/^10\\.|^172\\.|^192\\./.test({row('web')}.querySelector('.address').textContent)")
    for hash_, words in (("#/machines/web", "eth0"), ("#/machines/web/snapshots", "monday"), ("#/machines/web/logs", "BusyBox"),
                         ("#/machines/web/settings", "stop.timeout"), ("#/new", "bb"), ("#/pools", "Driver"), ("#/networks", "Subnet"), ("#/doctor", "Fine")):
        page.show(hash_, words)
        page.same(f"faults at {hash_}", 0, page.value("document.querySelectorAll('.fault-box').length"))
    page.show("#/machines/web/settings", "stop.timeout")
    page.same("limit", "500", page.value("document.getElementById('key-limits.pids').value"))
    page.same("stop.timeout", "60s", page.value("document.getElementById('key-stop.timeout').value"))
    page.show("#/machines", "2 machines")
    # The test's script starts it meanwhile: the event shows it.
    with open(f"{page.folder}/looked", "w"):
        pass
    page.until(f"{state_of('idle')} === 'running'")


def real_figures(page):
    page.go(page.base + "/")
    page.until(f"{row('web')}?.querySelector('.c-cpu .figure').textContent.endsWith('%')")


def real_acting(page):
    page.go(page.base + "/#/machines/web")
    page.see("eth0", "main")
    page.click(".actions button", "Restart")
    page.click("dialog .check", "Kill")
    page.click("dialog button", "Restart")
    page.see("web was restarted", "#tray")
    page.show("#/machines/web/snapshots", "monday")
    page.click("main button", "Take snapshot")
    page.clear()
    page.type("by-page")
    page.key("Enter")
    page.see("by-page", ".timeline")
    page.click(".timeline button", "Clone by-page")
    page.clear()
    page.type("copy")
    page.key("Enter")
    page.see("copy was made of web", "#tray")
    page.show("#/machines/copy/settings", "stop.timeout")
    page.click("main input[type=search]")
    page.type("limits.pids")
    page.click("[id='key-limits.pids']")
    page.clear()
    page.type("123")
    page.click(".save-bar button", "Change")
    page.click("dialog button", "Change")
    page.see("Settings of copy were changed", "#tray")
    page.show("#/new", "bb")
    page.click("button", "Create machine")
    page.until("location.hash === '#/machines/bb-1'")
    page.see("running", ".machine-head")
    for name in ("bb-1", "copy"):
        page.show(f"#/machines/{name}", "Made from")
        page.click(".actions button", "More")
        page.click("[role=menuitem]", "Delete")
        page.type(name)
        page.key("Enter")
        page.see(f"{name} was deleted", "#tray")
        page.expected.append("404")


def real_terminal(page):
    page.go(page.base + "/#/machines/web/terminal")
    inside = "document.querySelector('iframe')?.contentDocument"
    screen = f"[...{inside}.querySelectorAll('.xterm-rows > div')].map((row) => row.textContent).join('\\n')"
    page.until(f"{inside}?.querySelector('.xterm-helper-textarea') && {screen}.includes('#')")
    page.click("iframe")
    page.type("echo $((6 * 7)) from $(hostname)")
    page.key("Enter")
    page.until(f"{screen}.includes('42 from web')")
    page.type("exit")
    page.key("Enter")
    page.until(f"{inside}.getElementById('status').textContent.startsWith('The shell has ended')")


def real_end(page):
    page.expected.append("401")
    page.go(page.base + "/")
    page.see("web", ".rows")
    page.click("button", "Sign out")
    page.see("You are not signed in", "main")
    page.ask("Page.reload")
    page.see("You are not signed in", "main")
