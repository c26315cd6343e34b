#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Berth itself on a host with systemd and control groups of version 2 alone: the integration tests.
# seconds: 3600
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

export TEST_SECONDS=3000
run_integration life storage room
