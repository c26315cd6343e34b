#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Berth itself on a host with systemd and control groups of version 2 alone: the integration tests.
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

run_integration life storage room
