#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# berth-api: WebSockets with tickets, terminals and channels, by a client of the distribution (python3-websockets).
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/gateway.sh
. "$top/tests/gateway.sh"

set_up() {
	/usr/bin/python3 -c 'import websockets' 2>/dev/null || skip "python3-websockets is not installed"
	make_router
}

tear_down() {
	end_gateway
}

# client CASE: that one of api_socket.py.
client() {
	timeout 120 /usr/bin/python3 -I "$top/tests/integration/api_socket.py" "$socket" "$@"
}

case_terminal() {
	begin_gateway
	client terminal
	client resize
	retry 20 no_child
}

case_channels() {
	begin_gateway
	client channels
	client end_of_input
	client exit_codes
	client signals
	retry 20 no_child
}

case_raw() {
	begin_gateway
	client raw
	retry 20 no_child
}

# Each is good once, for its own user.
case_tickets() {
	begin_gateway
	client twice
	chmod 0711 "$T"
	client ticket >"$T/ticket"
	# What the other user runs is readable.
	setpriv --reuid nobody --regid nogroup --clear-groups curl -sS -i --unix-socket "$socket" --max-time 20 \
		-H 'Upgrade: websocket' -H 'Connection: Upgrade' -H 'Sec-WebSocket-Version: 13' \
		-H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' "http://x$(cat "$T/ticket")" >"$T/said"
	has '^HTTP/1.1 403' "$(cat "$T/said")"
	has 'refused a ticket to user nobody' "$(cat "$T/gateway.err")"
	not client use "$(cat "$T/ticket")"
	# No ticket is lost by a request that is no handshake.
	client ticket >"$T/ticket"
	get "$(cat "$T/ticket")"
	same "without a handshake" 426 "$status"
	has '^Upgrade: websocket' "$(cat "$T/head")"
	get "$(cat "$T/ticket")" -H 'Upgrade: websocket' -H 'Connection: keep-alive, upgrade' \
		-H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: short'
	same "with a wrong key" 400 "$status"
	client use "$(cat "$T/ticket")"
}

case_faults() {
	begin_gateway
	client faults
	retry 20 no_child
}

# Whoever goes away takes his child along, and one that does not read is cut off.
case_ends() {
	begin_gateway --limit stall=1
	client goes_away
	retry 20 no_child
	retry 20 no_connection
	client never_reads
	retry 20 no_child
	retry 20 no_connection
	# A child that does not read holds nothing but itself.
	client child_never_reads
	retry 30 no_child
	begin_gateway
	client flood
	retry 20 no_child
}

case_room() {
	begin_gateway --limit streams=2
	client room
	retry 20 no_child
}

case_drain() {
	begin_gateway
	client drained "$gateway"
	retry 20 ended
	same exit 0 "$(cat "$T/gateway.exit")"
}

case_leaks() {
	local before
	begin_gateway
	client leaks 1
	retry 20 no_connection
	retry 20 no_child
	before=$(descriptors)
	client leaks 50
	retry 20 no_connection
	retry 20 no_child
	same descriptors "$before" "$(descriptors)"
}

run_cases "$@"
