# SPDX-License-Identifier: GPL-2.0-or-later
"""The machines of a host as hosts of Ansible."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
name: inventory
short_description: Machines of berth as hosts
description:
  - Reads C(berth list --json). The hosts are reached by the connection P(berth.machines.exec#connection).
  - The file's name ends in C(berth.yml) or C(berth.yaml).
  - "Each host has the variables that the list has: berth_state, berth_address, berth_addresses, berth_template, berth_pool,
    berth_network, berth_labels, berth_ephemeral and so on."
extends_documentation_fragment:
  - constructed
options:
  plugin:
    description: The name of this plugin.
    required: true
    choices: [berth.machines.inventory]
  executable:
    description: The command berth.
    type: str
    default: berth
  root:
    description: Folder of all state, for berth's option --root.
    type: str
    default: ""
  server:
    description: Host of the machines, USER@HOST of ssh, if Ansible runs elsewhere.
    type: str
    default: ""
  ssh:
    description: The command ssh and its options.
    type: str
    default: ssh -o BatchMode=yes
  states:
    description: States of the machines that become hosts; an empty list is all.
    type: list
    elements: str
    default: [running]
  labels:
    description: Labels that the machines have, as berth's option --label.
    type: str
    default: ""
author: The authors of berth
"""

EXAMPLES = r"""
# shop.berth.yml: machines that run, in groups by their label role, such as role_web
plugin: berth.machines.inventory
keyed_groups:
  - key: berth_labels.role
    prefix: role
"""

import json
import shlex
import subprocess

from ansible.errors import AnsibleParserError
from ansible.module_utils.common.text.converters import to_native
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable

# Variables that the connection needs, by the options that give them.
PASSED_ON = {
    "executable": "ansible_berth_executable",
    "root": "ansible_berth_root",
    "server": "ansible_berth_server",
    "ssh": "ansible_berth_ssh",
}


class InventoryModule(BaseInventoryPlugin, Constructable):
    NAME = "berth.machines.inventory"

    def verify_file(self, path):
        return super(InventoryModule, self).verify_file(path) and path.endswith(("berth.yml", "berth.yaml"))

    def _list(self):
        command = [self.get_option("executable"), "list", "--json"]
        for option in ("root", "label"):
            value = self.get_option("labels" if option == "label" else option)
            if value:
                command += ["--" + option, value]
        server = self.get_option("server")
        if server:
            command = shlex.split(self.get_option("ssh")) + ["--", server, " ".join(shlex.quote(one) for one in command)]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise AnsibleParserError("list the machines: %s" % to_native(error))
        if done.returncode != 0:
            raise AnsibleParserError("list the machines: %s" % to_native(done.stderr).strip())
        return json.loads(done.stdout)

    def _add(self, machine):
        name = machine["name"]
        self.inventory.add_host(name)
        for key, value in machine.items():
            self.inventory.set_variable(name, "berth_" + key, value)
        self.inventory.set_variable(name, "ansible_connection", "berth.machines.exec")
        self.inventory.set_variable(name, "ansible_berth_machine", name)
        for option, variable in PASSED_ON.items():
            self.inventory.set_variable(name, variable, self.get_option(option))
        strict = self.get_option("strict")
        variables = self.inventory.get_host(name).get_vars()
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)

    def parse(self, inventory, loader, path, cache=True):
        super(InventoryModule, self).parse(inventory, loader, path, cache)
        self._read_config_data(path)
        states = self.get_option("states")
        for machine in self._list():
            if not states or machine["state"] in states:
                self._add(machine)
