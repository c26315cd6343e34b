#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Machines whose roots are volumes of a thin pool: the integration tests that do not care which driver it is.
# seconds: 3600
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

modprobe -a loop dm-thin-pool
export STORAGE_DRIVER=thin TEST_SECONDS=1800
# A start takes seconds without KVM.
export ROUNDS=${PROOF_ROUNDS:-3} KILLS=${PROOF_KILLS:-15}
run_integration crash kills life races copies
exit
