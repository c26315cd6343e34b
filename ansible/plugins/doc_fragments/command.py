# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of every module: the command berth."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type


class ModuleDocFragment(object):
    DOCUMENTATION = r"""
options:
  executable:
    description: The command berth.
    type: path
    default: berth
  root:
    description: Folder of all state, for berth's option --root.
    type: path
"""
