#!/usr/bin/python
# SPDX-License-Identifier: GPL-2.0-or-later
"""A network of berth."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: network
short_description: Networks of berth
description:
  - Makes, changes and deletes a network.
  - Runs on the host of the machines, as root.
options:
  name:
    description: Name of the network.
    type: str
    required: true
  state:
    description: V(absent) deletes it.
    type: str
    choices: [present, absent]
    default: present
  settings:
    description: Keys of network.conf(5) and their values. Keys that are not named stay as they are; a null is the default.
    type: dict
    default: {}
  force:
    description: Delete also a network on which machines hold addresses.
    type: bool
    default: false
extends_documentation_fragment: berth.machines.command
author: The authors of berth
"""

EXAMPLES = r"""
- name: Databases have a network of their own
  berth.machines.network:
    name: data
    settings:
      subnet: 10.120.0.0/24
      nat: false
"""

RETURN = r"""
network:
  description: The network as berth network list --json shows it; null if there is none.
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.berth.machines.plugins.module_utils.berth import OPTIONS, Berth, text_of


def make(berth, name, settings):
    """Makes it; returns the settings that it gets."""
    given = {key: text_of(value) for key, value in settings.items() if value is not None}
    if not berth.module.check_mode:
        berth.run("network create", name, *["%s=%s" % one for one in given.items()])
    return [{"key": key, "from": None, "to": value} for key, value in given.items()]


def main():
    module = AnsibleModule(
        argument_spec=dict(
            OPTIONS,
            name={"type": "str", "required": True},
            state={"type": "str", "default": "present", "choices": ["present", "absent"]},
            settings={"type": "dict", "default": {}},
            force={"type": "bool", "default": False},
        ),
        supports_check_mode=True,
    )
    berth = Berth(module)
    params = module.params
    name, changes = params["name"], []
    now = berth.named("network", name)
    before = "present" if now else "absent"
    if params["state"] == "absent" and now and not module.check_mode:
        berth.run("network delete", name, options=["--force"] if params["force"] else [])
    elif params["state"] == "present" and now:
        changes = berth.change_settings("network ", name, params["settings"])
    elif params["state"] == "present":
        changes = make(berth, name, params["settings"])
    berth.leave(
        before != params["state"] or bool(changes),
        changes,
        before,
        params["state"],
        network=now if module.check_mode else berth.named("network", name),
    )


if __name__ == "__main__":
    main()
