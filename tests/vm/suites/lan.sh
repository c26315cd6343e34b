#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Networks that are not berth's own, on a kernel whose bridges filter VLANs, and that has ipvlan.
# packages: jq tcpdump
# shellcheck source=tests/vm/lib.sh
. "$(dirname "$0")/../lib.sh"

run_integration lan macvlan
