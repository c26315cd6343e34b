# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks in a machine of berth, without ssh and without a network in it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
name: exec
short_description: Run tasks in machines of berth
description:
  - Runs commands by C(berth exec), and copies files by C(berth push) and C(berth pull).
  - Ansible runs as root on the host of the machines, or reaches it by ssh, as O(server) says.
options:
  remote_addr:
    description: The machine.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
      - name: ansible_berth_machine
  remote_user:
    description: User of the machine.
    type: str
    default: root
    vars:
      - name: ansible_user
    env:
      - name: ANSIBLE_REMOTE_USER
    ini:
      - section: defaults
        key: remote_user
    keyword:
      - name: remote_user
  executable:
    description: The command berth.
    type: str
    default: berth
    vars:
      - name: ansible_berth_executable
  root:
    description: Folder of all state, for berth's option --root.
    type: str
    default: ""
    vars:
      - name: ansible_berth_root
  server:
    description: Host of the machines, USER@HOST of ssh, if Ansible runs elsewhere.
    type: str
    default: ""
    vars:
      - name: ansible_berth_server
  ssh:
    description: The command ssh and its options.
    type: str
    default: ssh -o BatchMode=yes
    vars:
      - name: ansible_berth_ssh
author: The authors of berth
"""

import os
import shlex
import subprocess

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_bytes, to_native, to_text
from ansible.plugins.connection import ConnectionBase

# berth exec itself failed: the machine does not run, or has no such command.
EXEC_FAILED = 125


class Connection(ConnectionBase):
    transport = "berth.machines.exec"
    has_pipelining = True

    def _connect(self):
        self._connected = True
        return self

    def _command(self, *words):
        command = [self.get_option("executable")] + list(words)
        server = self.get_option("server")
        if server:
            command = shlex.split(self.get_option("ssh")) + ["--", server, " ".join(shlex.quote(one) for one in command)]
        return [to_bytes(one, errors="surrogate_or_strict") for one in command]

    def _root(self):
        root = self.get_option("root")
        return ["--root", root] if root else []

    def _run(self, words, stdin=None, data=None, stdout=subprocess.PIPE):
        try:
            process = subprocess.Popen(
                self._command(*words),
                stdin=stdin if stdin is not None else subprocess.PIPE,
                stdout=stdout,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise AnsibleConnectionFailure("run %s: %s" % (self.get_option("executable"), to_native(error)))
        out, err = process.communicate(data)
        return process.returncode, out, err

    def _machine(self):
        return self.get_option("remote_addr")

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super(Connection, self).exec_command(cmd, in_data=in_data, sudoable=sudoable)
        machine = self._machine()
        self._display.vvv("EXEC %s" % cmd, host=machine)
        words = ["exec"] + self._root() + ["--no-tty", "--user", self.get_option("remote_user"), machine, "--"]
        code, out, err = self._run(words + ["/bin/sh", "-c", cmd], data=in_data)
        if code == EXEC_FAILED and err.startswith(b"berth: "):
            raise AnsibleConnectionFailure(to_native(err).strip() or "berth exec ended with %d" % code)
        return code, out, err

    def put_file(self, in_path, out_path):
        super(Connection, self).put_file(in_path, out_path)
        self._display.vvv("PUT %s TO %s" % (in_path, out_path), host=self._machine())
        if not os.path.exists(to_bytes(in_path, errors="surrogate_or_strict")):
            raise AnsibleFileNotFound("there is no file '%s'" % in_path)
        words = ["push"] + self._root() + ["--owner", self.get_option("remote_user"), "-"]
        with open(to_bytes(in_path, errors="surrogate_or_strict"), "rb") as source:
            code, out, err = self._run(words + ["%s:%s" % (self._machine(), out_path)], stdin=source)
        if code != 0:
            raise AnsibleError("copy '%s' into the machine: %s" % (in_path, to_native(err).strip()))

    def fetch_file(self, in_path, out_path):
        super(Connection, self).fetch_file(in_path, out_path)
        self._display.vvv("FETCH %s TO %s" % (in_path, out_path), host=self._machine())
        words = ["pull"] + self._root() + ["%s:%s" % (self._machine(), in_path), "-"]
        with open(to_bytes(out_path, errors="surrogate_or_strict"), "wb") as target:
            code, out, err = self._run(words, stdout=target)
        if code != 0:
            os.unlink(to_bytes(out_path, errors="surrogate_or_strict"))
            raise AnsibleError("copy '%s' out of the machine: %s" % (in_path, to_text(err).strip()))

    def close(self):
        self._connected = False
