#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Commands on a thin pool, and the counts of what they ask of the kernel.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

modprobe -a loop dm-thin-pool
STORAGE_DRIVER=thin run_integration costs
