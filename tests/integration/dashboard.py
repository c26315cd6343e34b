#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""dashboard.py NAMES DASHBOARD: whether a dashboard of Grafana is one, and asks for no metric that berth does not have."""
import json
import re
import sys

names = set(open(sys.argv[1]).read().split())
board = json.load(open(sys.argv[2]))
faults = []
ids = [panel["id"] for panel in board["panels"]]

if len(names) < 20:
    faults.append(f"only {len(names)} metrics are known")
if not isinstance(board["title"], str) or not isinstance(board["schemaVersion"], int) or board.get("id") is not None:
    faults.append("title, schemaVersion or id")
if len(set(ids)) != len(ids):
    faults.append("two panels have one id")
sources = {variable["name"] for variable in board["templating"]["list"]}
used = set()
for panel in board["panels"]:
    place = panel["gridPos"]
    if not (0 <= place["x"] and place["x"] + place["w"] <= 24 and place["h"] > 0):
        faults.append(f"panel {panel['title']}: its place")
    if panel["type"] == "row":
        continue
    if not panel["targets"]:
        faults.append(f"panel {panel['title']}: it shows nothing")
    for target in panel["targets"]:
        asked = set(re.findall(r"\bberth_\w+", target["expr"]))
        used |= asked
        faults += [f"panel {panel['title']}: there is no metric {name}" for name in sorted(asked - names)]
        faults += [f"panel {panel['title']}: there is no variable {name}"
                   for name in re.findall(r"\$(?:\{)?(\w+)", target["expr"])
                   if name not in sources and not name.startswith("__")]
        if not asked:
            faults.append(f"panel {panel['title']}: an expression without a metric: {target['expr']}")
if len(used) < 15:
    faults.append(f"only {len(used)} metrics are shown")
for fault in faults:
    print(fault, file=sys.stderr)
sys.exit(bool(faults))
