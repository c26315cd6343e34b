#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What somebody who is new to the API sends: what it leaves alone, and what it refuses before anything is done.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/gateway.sh
. "$top/tests/gateway.sh"
# shellcheck source=tests/api_asking.sh
. "$top/tests/api_asking.sh"

set_up() {
	busybox_template bb
}

# A PUT puts nothing back that create has chosen by itself: neither the network, nor what the template gives.
case_put_leaves_choices() {
	berth template set bb default.stop.timeout=7s default.env=A=1 default.label.made=x
	berth create --set label.role=web --set limits.pids=500 bb web
	done_by PUT /1.0/machines/web '{"config":{"description":"two"}}'
	same "those that were chosen" "two default 7s A=1 x" "$(for key in description network stop.timeout env label.made; do
		berth get web "$key"
	done | xargs)"
	same "those that were given" "16384 null" "$(berth get web limits.pids) $(get /1.0/machines/web | jq -c '.config["label.role"]')"
	berth set web stop.timeout=9s
	done_by PUT /1.0/machines/web '{"config":{"network":null}}'
	same "put back" "1m -" "$(berth get web stop.timeout) -$(berth get web network)"
	gone web
	berth template unset bb default.stop.timeout default.env default.label.made
}

run_cases "$@"
