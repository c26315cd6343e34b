#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Machines in a thin pool that move to another host or pool, and their backups; volumes for data in such a pool.
# packages: jq acl e2fsprogs bsdutils openssh-client
# integration: move move_volumes
# seconds: 10800
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

modprobe -a loop dm-thin-pool
export STORAGE_DRIVER=thin TEST_SECONDS=10000
run_integration volumes volumes_known volumes_copied volumes_travel volumes_along pool_move pool_move_kills move move_volumes backup backup_faults
exit
