#!/usr/bin/python
# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine of berth: its existence, its settings and whether it runs."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: machine
short_description: Machines of berth
description:
  - Makes a machine of a template, or as a copy of another one, gives it settings, starts, stops, pauses and deletes it.
  - Runs on the host of the machines, as root.
options:
  name:
    description: Name of the machine.
    type: str
    required: true
  state:
    description:
      - V(running) makes, starts and resumes it. V(stopped) makes it and stops it.
      - V(present) makes it and leaves it running or not. V(paused) makes and starts it, and holds it still.
      - V(restarted) stops and starts it each time. V(absent) deletes it with its snapshots.
    type: str
    choices: [running, stopped, present, paused, restarted, absent]
    default: running
  template:
    description: Template of a new machine. A machine that is there must have been made of it.
    type: str
  source:
    description: MACHINE or MACHINE@SNAPSHOT that a new machine is a copy of. A machine that is there is not compared with it.
    type: str
  pool:
    description: Pool of a new machine.
    type: str
  settings:
    description:
      - Keys of machine.conf(5) and their values. Keys that are not named stay as they are; a null is the default.
    type: dict
    default: {}
  labels:
    description: Labels, as settings with the names C(label.NAME).
    type: dict
    default: {}
  wait:
    description: So many seconds for the boot, after a start; 0 does not wait.
    type: int
    default: 60
  timeout:
    description: So many seconds for the guest to go down before it is killed; its own C(stop.timeout) if not given.
    type: int
  force:
    description: Kill a running machine that is to be stopped, restarted or deleted. Without it, a running one is not deleted.
    type: bool
    default: false
extends_documentation_fragment: berth.machines.command
author: The authors of berth
"""

EXAMPLES = r"""
- name: A web server runs
  berth.machines.machine:
    name: web
    template: debian
    settings:
      limits.pids: 500
      boot.autostart: true
    labels:
      role: web

- name: A copy for a test
  berth.machines.machine:
    name: try
    source: web@clean
    state: running

- name: It is gone
  berth.machines.machine:
    name: try
    state: absent
    force: true
"""

RETURN = r"""
machine:
  description: The machine as berth info --json shows it; null if there is none, or in check mode if it would be made.
  type: dict
  returned: always
notes:
  description: What berth said, such as that a setting takes effect at the next start.
  type: list
  elements: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.berth.machines.plugins.module_utils.berth import OPTIONS, Berth, text_of


class Wanted(object):
    """The machine as it is to be, and what was done for it."""

    def __init__(self, berth):
        self.berth = berth
        self.params = berth.module.params
        self.name = self.params["name"]
        self.settings = dict(self.params["settings"])
        for name, value in self.params["labels"].items():
            self.settings["label." + name] = value
        self.now = berth.find("info", self.name)
        self.before = self.now["state"] if self.now else "absent"
        self.changes = []
        self.changed = False

    def act(self, verb, *words, **kwargs):
        self.changed = True
        if not self.berth.module.check_mode:
            self.berth.run(verb, *words, **kwargs)

    def make(self):
        template, source = self.params["template"], self.params["source"]
        if not template and not source:
            self.berth.module.fail_json(msg="there is no machine '%s'; give a template or a source to make it" % self.name)
        options = ["--pool", self.params["pool"]] if self.params["pool"] else []
        for key, value in self.settings.items():
            if value is not None:
                options += ["--set", "%s=%s" % (key, text_of(value))]
                self.changes.append({"key": key, "from": None, "to": text_of(value)})
        self.act("clone" if source else "create", source or template, self.name, options=options)

    def compare(self):
        template = self.params["template"]
        if template and self.now["template"] != template:
            self.berth.module.fail_json(
                msg="machine '%s' was made of template '%s', not of '%s'; delete it first, or name its template"
                % (self.name, self.now["template"], template)
            )
        self.changes = self.berth.change_settings("", self.name, self.settings)
        self.changed = bool(self.changes)

    def _waiting(self):
        return ["--wait=%ds" % self.params["wait"]] if self.params["wait"] else []

    def start(self):
        self.act("start", self.name, options=self._waiting())

    def down(self, verb):
        options = self._waiting() if verb == "restart" else []
        if self.params["force"]:
            options.append("--force")
        elif self.params["timeout"]:
            options.append("--timeout=%ds" % self.params["timeout"])
        self.act(verb, self.name, options=options)

    def run(self, state):
        """From the state that it has to the one that it is to have."""
        is_up = self.before not in ("absent", "stopped", "failed")
        if state == "restarted":
            if is_up:
                self.down("restart")
            else:
                self.start()
        elif state == "stopped" and is_up:
            self.down("stop")
        elif state in ("running", "paused"):
            if not is_up:
                self.start()
            elif self.before == "paused" and state == "running":
                self.act("resume", self.name)
            if state == "paused" and self.before != "paused":
                self.act("pause", self.name)

    def delete(self):
        if self.now:
            self.act("delete", self.name, options=["--force"] if self.params["force"] else [])


def main():
    module = AnsibleModule(
        argument_spec=dict(
            OPTIONS,
            name={"type": "str", "required": True},
            state={
                "type": "str",
                "default": "running",
                "choices": ["running", "stopped", "present", "paused", "restarted", "absent"],
            },
            template={"type": "str"},
            source={"type": "str"},
            pool={"type": "str"},
            settings={"type": "dict", "default": {}},
            labels={"type": "dict", "default": {}},
            wait={"type": "int", "default": 60},
            timeout={"type": "int"},
            force={"type": "bool", "default": False},
        ),
        mutually_exclusive=[("template", "source")],
        supports_check_mode=True,
    )
    berth = Berth(module)
    wanted = Wanted(berth)
    state = module.params["state"]
    if state == "absent":
        wanted.delete()
    else:
        if wanted.now:
            wanted.compare()
        else:
            wanted.make()
        wanted.run(state)
    after = {"present": wanted.before if wanted.now else "stopped", "restarted": "running"}.get(state, state)
    machine = wanted.now if module.check_mode else berth.find("info", wanted.name)
    berth.leave(wanted.changed, wanted.changes, wanted.before, after, machine=machine)


if __name__ == "__main__":
    main()
