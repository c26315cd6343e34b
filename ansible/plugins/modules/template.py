#!/usr/bin/python
# SPDX-License-Identifier: GPL-2.0-or-later
"""A template of berth."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
module: template
short_description: Templates of berth
description:
  - Builds a template by a recipe, pulls it of an image server or registry, or imports it from a file. One that is there
    is not made again.
  - Runs on the host of the machines, as root.
options:
  name:
    description: Name of the template.
    type: str
    required: true
  state:
    description: V(absent) deletes it; machines that were made of it stay.
    type: str
    choices: [present, absent]
    default: present
  recipe:
    description: Recipe, such as debian, or a file of berth.template(5).
    type: str
  release:
    description: Release that the recipe builds.
    type: str
  packages:
    description: More packages that the recipe installs.
    type: list
    elements: str
    default: []
  image:
    description: REMOTE:IMAGE of an image server or registry.
    type: str
  archive:
    description: Archive, disk image or folder on the host.
    type: path
  pool:
    description: Pool of a new template.
    type: str
extends_documentation_fragment: berth.machines.command
author: The authors of berth
"""

EXAMPLES = r"""
- name: Machines can be made of Debian
  berth.machines.template:
    name: debian
    recipe: debian
    packages: [openssh-server, python3]
"""

RETURN = r"""
template:
  description: The template as berth template list --json shows it; null if there is none.
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.berth.machines.plugins.module_utils.berth import OPTIONS, Berth


def make(berth, params):
    options = ["--pool", params["pool"]] if params["pool"] else []
    if params["image"]:
        return berth.run("template pull", params["image"], params["name"], options=options)
    if params["archive"]:
        return berth.run("template import", params["archive"], params["name"], options=options)
    if params["release"]:
        options += ["--release", params["release"]]
    if params["packages"]:
        options += ["--packages", ",".join(params["packages"])]
    return berth.run("template build", params["recipe"], params["name"], options=options)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            OPTIONS,
            name={"type": "str", "required": True},
            state={"type": "str", "default": "present", "choices": ["present", "absent"]},
            recipe={"type": "str"},
            release={"type": "str"},
            packages={"type": "list", "elements": "str", "default": []},
            image={"type": "str"},
            archive={"type": "path"},
            pool={"type": "str"},
        ),
        mutually_exclusive=[("recipe", "image", "archive")],
        supports_check_mode=True,
    )
    berth = Berth(module)
    name, state = module.params["name"], module.params["state"]
    now = berth.named("template", name)
    changed = bool(now) != (state == "present")
    if changed and state == "present" and not (module.params["recipe"] or module.params["image"] or module.params["archive"]):
        module.fail_json(msg="there is no template '%s'; give a recipe, an image or an archive to make it" % name)
    before = "present" if now else "absent"
    if changed and not module.check_mode:
        if now:
            berth.run("template delete", name)
        else:
            make(berth, module.params)
        now = berth.named("template", name)
    berth.leave(changed, before=before, after=state, template=now)


if __name__ == "__main__":
    main()
