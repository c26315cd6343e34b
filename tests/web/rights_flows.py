# SPDX-License-Identifier: GPL-2.0-or-later
"""Sign-in with a password, and the page of a user with few rights. Each function is a case of check.py."""
import os

from flows import NAMES

DISABLED = "[...document.querySelectorAll(%r)].filter((one) => one.getAttribute('aria-disabled') === 'true').map((one) => (one.getAttribute('aria-label') ?? one.innerText).trim().split(/\\s+[(]not/)[0])"


def sign_in(page, user, password):
    page.value("document.querySelector('input[name=username]').focus()")
    page.clear()
    page.type(user)
    page.key("Tab")
    page.type(password)
    page.key("Enter")


def password(page):
    page.begin()
    page.see("web", ".rows")
    page.expected.append("401")
    page.control("session", out=True)
    page.ask("Page.reload")
    page.see("As a user of this host", "main")
    page.check_axe("sign-in")
    page.picture(f"{page.folder}/sign-in.png")
    sign_in(page, "ann", "wrong")
    page.see("the name or the password is wrong, or the user may not sign in here", "form")
    page.same("the password is gone, and has the focus", ["", True], page.value(
        "[document.querySelector('input[type=password]').value, document.activeElement.type === 'password']"))
    sign_in(page, "ann", "secret")
    page.see("2 machines", ".summary")
    page.same("names", ["db", "web"], page.value(NAMES))
    page.same("kept in the browser", True, page.value("!JSON.stringify(localStorage).includes('secret') && !document.cookie"))


def few_rights(page):
    page.begin()
    page.control("session", user="ann", rights={"web": "use", "db": "manage"})
    page.ask("Page.reload")
    page.see("2 machines", ".summary")
    page.see("ann", "#host")
    page.same("pages", ["Machines"], page.value("[...document.querySelectorAll('#nav a')].filter((a) => !a.hidden).map((a) => a.innerText.trim())"))
    page.same("what he may not", ["New machine", "Stop web"], page.value(DISABLED % "main a, main button"))
    page.click(".rows button", "Stop web")
    page.see('You may use web, but not change it: that needs "manage" in its access.users.', "#tray")
    page.same("no dialog", False, page.value("!!document.querySelector('dialog')"))
    page.click("main .button", "New machine")
    page.see("This is for root, and for the group", "#tray")
    page.same("no request", [], page.control("requests"))
    page.click(".rows button", "More actions for db")
    page.same("of the menu", ["Clone …", "Delete …"], page.value(DISABLED % "[role=menuitem]"))
    page.check_axe("a menu with what he may not")
    page.click("[role=menuitem]", "Pause")
    page.click("dialog button", "Pause")
    page.see("db was paused", "#tray")
    page.show("#/machines/web", "eth0")
    page.same("of the head", ["Stop", "Restart"], page.value(DISABLED % ".actions button"))
    page.check_axe("a machine that he may use")
    page.picture(f"{page.folder}/few-rights.png")
    page.show("#/machines/web/snapshots", "monday")
    page.same("of snapshots", 10, len(page.value(DISABLED % ".tab-room button")))
    page.show("#/machines/web/settings", "You may use web, but not change it")
    page.same("fields", True, page.value("[...document.querySelectorAll('.settings input, .settings select')].every((one) => one.disabled)"))
    page.show("#/machines/web/files", "etc/")
    for hash_ in ("#/pools", "#/networks", "#/doctor", "#/new"):
        page.show(hash_, "This is for root, and for the group")
    page.same("figures that he may not have", 0, page.value("performance.getEntriesByType('resource').filter((one) => one.name.endsWith('/metrics')).length"))


# With the real API and the real PAM: pat may use web, and idle is not hers.
def real_password(page):
    page.go(page.base + "/")
    page.expected.append("401")
    page.see("As a user of this host", "main")
    sign_in(page, "pat", "wrong")
    page.see("the name or the password is wrong", "form")
    sign_in(page, "pat", os.environ["SECRET"])
    page.see("1 machine", ".summary")
    page.same("names", ["web"], page.value(NAMES))
    page.see("pat", "#host")
    page.same("what she may not", ["New machine", "Stop web"], page.value(DISABLED % "main a, main button"))
    page.show("#/machines/web/files/etc", "passwd")
    page.show("#/machines/web/logs", "BusyBox")
    page.expected.append("404")
    page.show("#/machines/idle", "machine 'idle' does not exist")
    page.click("button", "Sign out")
    page.see("You are not signed in", "main")
    # One without a right is told so.
    page.expected.append("403")
    sign_in(page, "quin", os.environ["SECRET"])
    page.see("user 'quin' may not use the API", "main")
