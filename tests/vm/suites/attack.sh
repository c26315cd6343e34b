#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The attacks where groups of version 2 are among the walls, and AppArmor is there.
# packages: apparmor
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

run_integration attack
