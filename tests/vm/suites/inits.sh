#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The table of inits on a host with systemd and control groups of version 2 alone; PROOF_INITS and
# PROOF_ROUNDS as INITS and ROUNDS there.
# inits
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

export INITS=${PROOF_INITS-} TEST_SECONDS=${TEST_SECONDS:-3000}
if [[ -n ${PROOF_ROUNDS-} ]]; then
	export ROUNDS=$PROOF_ROUNDS
fi
run_integration inits
