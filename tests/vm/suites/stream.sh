#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Streams of machines in a thin pool: as trees, to and from driver dir, as blocks, and to another host.
# packages: jq acl e2fsprogs bsdutils openssh-client
# integration: stream blocks send send_cut send_volumes
# seconds: 7200
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

modprobe -a loop dm-thin-pool
export STORAGE_DRIVER=thin TEST_SECONDS=7000
[[ -z ${PROOF_FLIPS-} ]] || export STREAM_FLIPS=$PROOF_FLIPS
run_integration stream send send_cut send_volumes blocks export:other_driver
exit
