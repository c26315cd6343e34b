#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check.py FOLDER PORT AXE CASE...: runs cases of flows.py in a browser. FOLDER gets its profile and pictures; AXE is a file,
or "" for none."""
import json
import os
import sys
import time
import traceback
import urllib.request

from browser import Browser, Fault
import desktop_flows
import files_flows
import rights_flows
import flows


class Page(Browser):
    """The page at the test's server: what all cases use."""

    def __init__(self, folder, port, axe):
        super().__init__(folder)
        self.folder, self.base, self.axe = folder, f"http://127.0.0.1:{port}", axe
        self.expected = []

    def control(self, what, **body):
        request = urllib.request.Request(f"{self.base}/test/{what}", json.dumps(body).encode(), method="POST")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return json.load(answer)

    def begin(self, kind="some", hash_="#/machines", width=1280, height=860):
        self.go("about:blank")
        self.control("reset", kind=kind)
        self.errors.clear()
        self.addresses.clear()
        self.expected.clear()
        self.size(width, height)
        self.prefer(prefers_color_scheme="light", prefers_reduced_motion="reduce")
        self.go(f"{self.base}/{hash_}")
        self.value("localStorage.clear()")
        self.until("document.querySelector('h1') !== null")

    def show(self, hash_, words):
        self.value(f"location.hash = {json.dumps(hash_)}")
        self.see(words, "main")

    def asked(self, method, path):
        """The bodies of requests so far."""
        return [body for its, where, body in self.control("requests") if its == method and where == path]

    def end_of_case(self):
        errors = [error for error in self.errors if not any(word in error for word in self.expected)]
        if errors:
            raise Fault(f"the browser's console has: {errors}")
        away = [url for url in self.addresses if not url.startswith((self.base, "about:", "data:", "blob:"))]
        if away:
            raise Fault(f"requests to others: {away}")

    def check_axe(self, what):
        if not self.axe:
            return
        with open(self.axe) as f:
            self.value(f.read() + "; true")
        found = self.value("""axe.run(document, { resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })
            .then((result) => result.violations.map((one) => one.id + ": " + one.nodes.map((node) => node.target.join(" ")).slice(0, 3).join("; ")))""")
        if found:
            raise Fault(f"axe at {what}: {found}")

    def check_width(self, what):
        wide = self.value("[document.documentElement.scrollWidth, innerWidth]")
        if wide[0] > wide[1]:
            raise Fault(f"{what}: {wide[0]} wide, in a window of {wide[1]}")

    def wait(self, holds):
        """Until it holds, while the browser is listened to."""
        end = time.monotonic() + 20
        while not holds():
            if time.monotonic() > end:
                raise Fault("never true")
            self.value("1")
            time.sleep(0.03)

    def same(self, what, wanted, got):
        if wanted != got:
            raise Fault(f"{what}: wanted {wanted!r}, got {got!r}")


def main():
    folder, port, axe, *cases = sys.argv[1:]
    page = Page(folder, port, axe)
    failed = 0
    try:
        for case in cases:
            began = time.monotonic()
            try:
                next(getattr(one, case) for one in (flows, desktop_flows, files_flows, rights_flows) if hasattr(one, case))(page)
                page.end_of_case()
                print(f"# {case}: {time.monotonic() - began:.1f} s", flush=True)
            except Fault as fault:
                failed += 1
                print(f"fault: {case}: {fault}", file=sys.stderr, flush=True)
                traceback.print_exc(limit=3)
                page.picture(os.path.join(folder, f"failed-{case}.png"))
    finally:
        page.close()
    sys.exit(failed > 0)


main()
