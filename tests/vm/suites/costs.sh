#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What commands on a thin pool ask of the kernel, counted.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

modprobe -a loop dm-thin-pool
STORAGE_DRIVER=thin run_integration costs
