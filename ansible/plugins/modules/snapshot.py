#!/usr/bin/python
# SPDX-License-Identifier: GPL-2.0-or-later
"""A snapshot of a machine of berth."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: snapshot
short_description: Snapshots of machines of berth
description:
  - Takes, restores and deletes a snapshot. One that is there is not taken again.
  - Runs on the host of the machines, as root.
options:
  machine:
    description: Name of the machine.
    type: str
    required: true
  name:
    description: Name of the snapshot.
    type: str
    required: true
  state:
    description: V(restored) puts the root of the machine, which has to be stopped, back to the snapshot, each time.
    type: str
    choices: [present, absent, restored]
    default: present
  volumes:
    description: The volumes of the machine too, where the snapshot has them.
    type: bool
    default: true
extends_documentation_fragment: berth.machines.command
author: The authors of berth
"""

EXAMPLES = r"""
- name: The state before the upgrade is kept
  berth.machines.snapshot:
    machine: web
    name: before-upgrade
"""

RETURN = r"""
snapshots:
  description: The snapshots of the machine as berth snapshot list --json shows them.
  type: list
  elements: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.berth.machines.plugins.module_utils.berth import OPTIONS, Berth


def verb_for(params, snapshot):
    """The verb that is needed and its options, or None."""
    if params["state"] == "restored":
        return "restore", ["--volumes"] if params["volumes"] and snapshot["volumes"] else []
    if params["state"] == "absent":
        return ("snapshot delete", []) if snapshot else None
    return None if snapshot else ("snapshot take", [] if params["volumes"] else ["--no-volumes"])


def main():
    module = AnsibleModule(
        argument_spec=dict(
            OPTIONS,
            machine={"type": "str", "required": True},
            name={"type": "str", "required": True},
            state={"type": "str", "default": "present", "choices": ["present", "absent", "restored"]},
            volumes={"type": "bool", "default": True},
        ),
        supports_check_mode=True,
    )
    berth = Berth(module)
    params = module.params
    before = berth.json("snapshot list", params["machine"])
    snapshot = next((one for one in before if one["name"] == params["name"]), None)
    if params["state"] == "restored" and not snapshot:
        module.fail_json(msg="machine '%s' has no snapshot '%s'" % (params["machine"], params["name"]))
    needed = verb_for(params, snapshot)
    if needed and not module.check_mode:
        berth.run(needed[0], params["machine"], params["name"], options=needed[1])
    berth.leave(
        needed is not None,
        before="present" if snapshot else "absent",
        after=params["state"],
        snapshots=before if module.check_mode else berth.json("snapshot list", params["machine"]),
    )


if __name__ == "__main__":
    main()
