#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Machines whose roots are volumes of a thin pool: the integration tests that do not care which driver it is.
# packages: jq
# seconds: 7200
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

modprobe -a loop dm-thin-pool
export STORAGE_DRIVER=thin TEST_SECONDS=3600
# A start takes seconds without KVM.
export ROUNDS=${PROOF_ROUNDS:-3} KILLS=${PROOF_KILLS:-15}
run_integration crash kills life races copies rename apply nics remedies
exit
