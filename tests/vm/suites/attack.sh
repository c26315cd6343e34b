#!/usr/bin/env bash
# The attacks where groups of version 2 are among the walls, and AppArmor is there.
# packages: apparmor
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

run_integration attack
