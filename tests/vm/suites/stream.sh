#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Streams of machines in a thin pool: as trees, to and from driver dir, and as blocks.
# packages: jq acl e2fsprogs bsdutils
# integration: stream
# seconds: 5400
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

modprobe -a loop dm-thin-pool
export STORAGE_DRIVER=thin TEST_SECONDS=5000
run_integration stream
exit
