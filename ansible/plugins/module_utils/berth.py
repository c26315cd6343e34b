# SPDX-License-Identifier: GPL-2.0-or-later
"""The command berth, as the modules of this collection use it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json

OPTIONS = {
    "executable": {"type": "path", "default": "berth"},
    "root": {"type": "path"},
}


def text_of(value):
    """A value of YAML as a setting: yes and no for booleans, lists with blanks."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return " ".join(text_of(one) for one in value)
    return str(value)


def sentences_of(err):
    """What berth says on standard error: (sentence, name of an errno or None) for each line."""
    sentences = []
    for line in err.splitlines():
        try:
            one = json.loads(line)
            sentences.append((one.get("error") or one.get("note") or line, one.get("code")))
        except (ValueError, AttributeError):
            sentences.append((line[len("berth: "):] if line.startswith("berth: ") else line, None))
    return sentences


class Berth(object):
    def __init__(self, module):
        self.module = module
        self.notes = []

    def _call(self, verb, words, options):
        root = self.module.params["root"]
        command = [self.module.params["executable"]] + verb.split() + list(options)
        command += ["--root", root] if root else []
        # A name is never taken for an option.
        command += ["--"] + list(words)
        code, out, err = self.module.run_command(command, check_rc=False)
        return command, code, out, err

    def run(self, verb, *words, **kwargs):
        """Runs a verb with options=[...] and returns its output. A failure ends the module with its sentences."""
        command, code, out, err = self._call(verb, words, kwargs.get("options", ()))
        sentences = [sentence for sentence, errno in sentences_of(err)]
        if code != 0:
            self.module.fail_json(
                msg="; ".join(sentences) or "berth ended with %d" % code, cmd=command, rc=code, stderr=err
            )
        self.notes += sentences
        return out

    def json(self, verb, *words, **kwargs):
        """The value that a verb prints with --json."""
        return json.loads(self.run(verb, *words, options=("--json",) + tuple(kwargs.get("options", ()))))

    def find(self, verb, name):
        """The object that a verb shows, or None if there is none of that name."""
        command, code, out, err = self._call(verb, [name], ["--json"])
        if code == 0:
            return json.loads(out)
        sentences = sentences_of(err)
        if any(errno == "ENOENT" for sentence, errno in sentences):
            return None
        self.module.fail_json(
            msg="; ".join(sentence for sentence, errno in sentences) or "berth ended with %d" % code,
            cmd=command, rc=code, stderr=err,
        )

    def named(self, kind, name):
        """The object of that name in the list of a kind, such as network; None: there is none."""
        return next((one for one in self.json(kind + " list") if one["name"] == name), None)

    def change_settings(self, group, name, settings):
        """Gives an object settings, None for the default; returns what has changed, or with check mode would change."""
        changes = []
        dry = ["--dry-run"] if self.module.check_mode else []
        given = ["%s=%s" % (key, text_of(value)) for key, value in settings.items() if value is not None]
        taken = [key for key, value in settings.items() if value is None]
        if given:
            changes += self.json(group + "set", name, *given, options=dry)
        if taken:
            changes += self.json(group + "unset", name, *taken, options=dry)
        return changes

    def leave(self, changed, changes=(), before=None, after=None, **values):
        """Ends the module, with a diff of settings and of the state."""
        old = {one["key"]: one["from"] for one in changes}
        new = {one["key"]: one["to"] for one in changes}
        if before != after:
            old["state"], new["state"] = before, after
        self.module.exit_json(
            changed=changed, notes=self.notes, diff={"before": old, "after": new}, **values
        )
