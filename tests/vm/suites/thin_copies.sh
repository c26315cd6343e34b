#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Copies of machines in a thin pool: templates, roots that are set back, copies with an identity of their own or
# in another pool.
# packages: jq apt-utils
# integration: identity derived
# seconds: 5400
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

modprobe -a loop dm-thin-pool
# A copy of few files takes long enough without KVM.
export STORAGE_DRIVER=thin TEST_SECONDS=5000 FILES=${PROOF_FILES:-600}
run_integration publish reset identity copies derived
exit
