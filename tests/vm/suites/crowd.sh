#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Many commands at once on one pool, at random by a seed: what each of them said fits one order.
export TEST_SECONDS=${TEST_SECONDS:-3000}
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../../lib.sh"

case_crowd() {
	modprobe -a loop dm-thin-pool
	berth pool create --driver thin --size 1G p
	busybox_template bb p
	"$top/tests/proof/crowd" --workers "${PROOF_WORKERS:-32}" --seconds "${PROOF_SECONDS:-40}" \
		--seed "${BERTH_TEST_SEED:-1}"
	same "a sound pool" "catalogue and pool agree" "$(berth pool check p)"
}

run_cases
