#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Walls between machines, and what one of them can take of what the kernel shares out, on a stock kernel.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

run_integration neighbours exhaust guests
