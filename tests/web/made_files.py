# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that server.py makes up for its machines."""

WHEN = 1764000000


class Files:
    """One machine's: paths, and of files their bytes."""

    def __init__(self, hostile):
        self.folders = {"/": [], "/etc": [], "/etc/nginx": [], "/root": [], "/empty": []}
        self.data = {}
        self.links = {"/etc/os-release": "../usr/lib/os-release"}
        self.put("/etc/hosts", b"127.0.0.1 localhost\n")
        self.put("/etc/nginx/nginx.conf", b"worker_processes 2;\n" * 4000)
        self.put("/root/notes.txt", b"hello\n")
        if hostile:
            self.put("/root/" + hostile.replace("/", "_"), b"<script>top.hit = 1</script>")
            self.put("/root/turned\u202etxt.exe", b"x")
            self.put("/root/line\nfeed", b"x")

    def put(self, path, data):
        self.data[path] = data

    def entry(self, path):
        name = path.rsplit("/", 1)[1]
        if path in self.links:
            return {"name": name, "type": "link", "mode": "0777", "uid": 0, "gid": 0, "size": 0, "modified": WHEN, "target": self.links[path]}
        kind, size = ("folder", 0) if path in self.folders else ("file", len(self.data[path]))
        return {"name": name, "type": kind, "mode": "0755" if kind == "folder" else "0644", "uid": 0, "gid": 0, "size": size, "modified": WHEN, "target": None}

    def look(self, path):
        """A folder's object, the bytes of a file, or None."""
        path = path.rstrip("/") or "/"
        if path in self.links:
            return b"ID=debian\n"
        if path not in self.folders:
            return self.data.get(path)
        above = "" if path == "/" else path
        there = [one for one in [*self.folders, *self.data, *self.links] if one != "/" and one.rsplit("/", 1)[0] == above]
        own = {**self.entry(path), "path": path}
        del own["name"]
        return {**own, "entries": [self.entry(one) for one in sorted(there)], "more": False}
