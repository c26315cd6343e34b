# SPDX-License-Identifier: GPL-2.0-or-later
"""What users do with the files of a machine. Each function is a case of check.py."""
import os

ENTRIES = "[...document.querySelectorAll('.files tbody th')].map((cell) => cell.innerText)"
# A drop, which no event of the browser's own can make from a program.
DROP = """(() => {
    const all = new DataTransfer(), room = document.querySelector('.drop-room');
    all.items.add(new File(['dropped'], 'dropped.txt'));
    const send = (kind) => room.dispatchEvent(new DragEvent(kind, { dataTransfer: all, bubbles: true, cancelable: true }));
    send('dragenter');
    const marked = room.classList.contains('dropping');
    send('drop');
    return marked && !room.classList.contains('dropping');
})()"""


def choose(page, *paths):
    """Gives the page's own field the files, as its dialog would."""
    node = page.ask("DOM.querySelector", {"nodeId": page.ask("DOM.getDocument")["root"]["nodeId"], "selector": "input[type=file]"})["nodeId"]
    page.ask("DOM.setFileInputFiles", {"files": list(paths), "nodeId": node})


def write(page, name, data):
    path = os.path.join(page.folder, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def download(page, act):
    """What a click saves, by its name."""
    folder = os.path.join(page.folder, "downloads")
    page.ask("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": folder}, None)
    act()
    page.wait(lambda: os.path.isdir(folder) and any(not name.endswith(".crdownload") for name in os.listdir(folder)))
    saved = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as f:
            saved[name] = f.read()
        os.unlink(os.path.join(folder, name))
    return saved


def files(page):
    page.begin(hash_="#/machines/web/files")
    page.see("etc/", ".files")
    page.same("folders first", ["empty/", "etc/", "root/"], page.value(ENTRIES))
    page.click(".files a", "etc/")
    page.until("location.hash === '#/machines/web/files/etc'")
    page.see("os-release → ../usr/lib/os-release", ".files")
    page.see("20 B", ".files")
    page.same("what it saves", {"hosts": b"127.0.0.1 localhost\n"}, download(page, lambda: page.click(".files a", "Download hosts")))
    page.click(".files a", "nginx/")
    page.see("nginx.conf", ".files")
    page.click(".path a", "etc")
    page.see("hosts", ".files")
    page.value("history.back()")
    page.see("nginx.conf", ".files")
    page.show("#/machines/web/files/etc/hosts", "Download")
    page.see("20 B", "main")
    page.same("command", "berth pull web:/etc/hosts .", page.text(".card code:last-of-type").split("\n")[-1])
    page.show("#/machines/web/files/empty", "The folder is empty.")
    page.expected.append("404")
    page.show("#/machines/web/files/none", "No such file")


def uploads(page):
    page.begin(hash_="#/machines/web/files/root")
    page.see("notes.txt", ".files")
    choose(page, write(page, "one.bin", os.urandom(3000000)), write(page, "two.txt", b"two"))
    page.see("two.txt is in web", "#tray")
    page.until(f"{ENTRIES}.join() === 'notes.txt,one.bin,two.txt'")
    page.same("requests", [["PUT", "/1.0/machines/web/files?path=%2Froot%2Fone.bin", 3000000], ["PUT", "/1.0/machines/web/files?path=%2Froot%2Ftwo.txt", 3]],
              page.control("requests"))
    page.same("a drop is marked", True, page.value(DROP))
    page.see("dropped.txt is in web", "#tray")
    page.see("dropped.txt", ".files")
    # What is there is replaced only if that is wanted.
    choose(page, write(page, "notes.txt", b"other"))
    page.see("Replace a file?", "dialog")
    page.same("in the dialog", "Replace", page.focused())
    page.key("Escape")
    page.until("!document.querySelector('dialog')")
    page.same("requests of a dialog that was left", 3, len(page.control("requests")))
    choose(page, f"{page.folder}/two.txt")
    page.click("dialog button", "Replace")
    page.until("document.querySelectorAll('#tray .good').length >= 4")
    page.same("requests", 4, len(page.control("requests")))
    page.control("session", fail={"files": "there is no space left on pool 'default'"})
    page.expected.append("507")
    choose(page, write(page, "full.txt", b"x"))
    page.see("Upload full.txt: there is no space left on pool 'default'", "#tray")


def files_keyboard(page):
    page.begin(hash_="#/machines/web/files")
    page.see("etc/", ".files")
    page.value("document.querySelector('.tabs [aria-current]').focus()")
    page.tab_to("Upload")
    page.tab_to("Only names")
    page.type("et")
    page.until(f"{ENTRIES}.join() === 'etc/'")
    page.tab_to("etc/")
    page.key("Enter")
    page.until("location.hash === '#/machines/web/files/etc' && document.activeElement.tagName === 'H1'")
    page.see("hosts", ".files")
    page.tab_to("Download hosts")
    page.same("what it saves", ["hosts"], list(download(page, lambda: page.key("Enter"))))


# Names that a guest chooses are text, are not turned around, and what is in the files runs nowhere.
def files_hostile(page):
    page.begin("hostile", hash_="#/machines/evil/files/root")
    page.see("<img src=x onerror=", ".files")
    page.see("turned\ufffdtxt.exe", ".files")
    page.same("a name that cannot be asked for", 0, page.value("[...document.querySelectorAll('.files a')].filter((a) => a.innerText.includes('feed')).length"))
    saved = download(page, lambda: page.click(".files a", "Download <img"))
    page.same("what it saves", [b"<script>top.hit = 1</script>"], list(saved.values()))
    page.same("pictures that names made", 0, page.value("document.querySelectorAll('main img').length"))
    page.same("what has run", False, page.value("'hit' in window"))
    # By itself, as a link in a message would open it, it is saved and not shown.
    page.same("how it is sent", ["application/octet-stream", True, "nosniff"], page.value("""fetch('/1.0/machines/evil/files?path=' +
        encodeURIComponent('/root/notes.txt')).then((a) => [a.headers.get('Content-Type'), a.headers.get('Content-Disposition').startsWith('attachment'), a.headers.get('X-Content-Type-Options')])"""))


def real_files(page):
    page.go(page.base + "/#/machines/web/files/root")
    page.see("Upload", "main")
    choose(page, write(page, "by-page.bin", bytes(range(256)) * 20000))
    page.see("by-page.bin is in web", "#tray")
    page.see("4.9 MiB", ".files")
    page.same("what comes back", {"by-page.bin": bytes(range(256)) * 20000}, download(page, lambda: page.click(".files a", "Download by-page.bin")))
    page.show("#/machines/idle/files/etc", "passwd")
    page.check_axe("files of a real machine")
