#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# berth-api: the frames of WebSocket, by the published list of Autobahn's testsuite, which websocket_cases.py has: a client
# without a library sends what the list says, and each answer is judged.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/gateway.sh
. "$top/tests/gateway.sh"

set_up() {
	make_router
	begin_gateway --idle 60
}

tear_down() {
	end_gateway
}

# group COUNT LONG NAME: so many cases, of which so many are texts that are too long for a control.
group() {
	local said
	begin_gateway --idle 60
	said=$(python3 -B "$top/tests/integration/websocket_client.py" "$socket" "$3") || fault "$said"
	echo "# $3: $said"
	same "$3" "$1 cases, $1 as expected, $2 of them are texts of more than 4096 bytes" "$said"
	retry 20 no_child
	retry 20 no_connection
}

case_framing() {
	group 16 3 framing
}

case_pings() {
	group 11 0 pings
}

case_reserved() {
	group 7 0 reserved
}

case_opcodes() {
	group 10 0 opcodes
}

# With the same 18 in binary.
case_fragmentation() {
	group 38 0 fragmentation
}

case_utf8() {
	group 145 0 utf8
}

# With one in binary.
case_close() {
	group 38 1 close
}

# With one in binary.
case_limits() {
	group 56 22 limits
}

# The client sees a server that breaks a rule: frames of one that answers nothing right are all faults.
case_client_judges() {
	local said
	python3 -c '
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(64)
while True:
    s, _ = listener.accept()
    head = b""
    while not head.endswith((b"}", b"\r\n\r\n")) or head.startswith(b"POST") and not head.endswith(b"}"):
        head += s.recv(65536)
    if head.startswith(b"POST"):
        body = b"{\"websocket\":\"/1.0/sockets/x\"}"
        s.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    else:
        s.sendall(b"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x88\x02\x0f\xa0")
    s.close()' "$T/wrong" &
	retry 20 test -S "$T/wrong"
	said=$(python3 -B "$top/tests/integration/websocket_client.py" "$T/wrong" pings reserved 2>&1) && fault "$said"
	has '^18 cases, 0 as expected' "$said"
	kill $!
}

run_cases "$@"
