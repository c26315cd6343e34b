#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Commands, consoles and desktops of machines over WebSockets, by the real router and the real server.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/gateway.sh
. "$top/tests/gateway.sh"
router=$BUILD_TREE/berth

set_up() {
	[[ -x $BERTH_LIBEXEC/berth-api ]] || skip "the build has no libmicrohttpd"
	/usr/bin/python3 -c 'import websockets' 2>/dev/null || skip "python3-websockets is not installed"
	busybox_template bb
	berth launch --wait bb web
	begin_gateway --idle 0
}

tear_down() {
	end_gateway
	gone web
}

# attach WHAT BODY [TEXT...]
attach() {
	timeout -k 5 120 /usr/bin/python3 -I "$top/tests/integration/api_attach.py" "$socket" web "$@"
}

case_exec() {
	local said
	said=$(attach exec '{"command":["sh","-c","cat; echo $A; pwd; id -u; echo bad >&2; exit 7"],"env":{"A":"b c"},"cwd":"/tmp","user":"root"}' 'in\n')
	has '^1:in' "$said"
	has 'b c' "$said"
	has '^(1:)?/tmp$' "$said"
	has '^(1:)?0$' "$said"
	has '2:bad' "$said"
	has '^exit 7$' "$said"
	# Its words are words, whatever they look like.
	has '^1:--help a b$' "$(attach exec '{"command":["echo","--help","a b"]}')"
	has '^exit 127$' "$(attach exec '{"command":["--tty"]}')"
}

case_terminal() {
	local said
	said=$(attach exec '{"command":["sh","-c","tty; stty size"],"terminal":true}')
	has '/dev/pts/' "$said"
	has '^24 80' "$said"
	has '^exit 0$' "$said"
	said=$(attach exec '{"terminal":true}' @'#' 'echo $((6 * 7)) from $(hostname)\n' '@42 from web' 'exit 3\n')
	has '42 from web' "$said"
	has '^exit 3$' "$said"
}

# The console is the machine's own: what is written to it comes, and its key leaves it.
case_console() {
	berth exec web -- sh -c 'while sleep 0.2; do echo spoken >/dev/console; done' &
	local speaker=$!
	has spoken "$(attach console '{"readonly":true}' @spoken '\x1d')"
	kill "$speaker"
	wait "$speaker" || true
}

# A display stands in for one: it greets, and says what it was told.
case_desktop() {
	local init
	init=$(field web init)
	berth exec web -- mkdir -p /run/desktop
	/usr/bin/python3 -I - "/proc/$init" >"$T/display" 2>&1 <<-'EOF' &
		import os, socket, sys
		process = sys.argv[1]
		user = int(open(process + "/uid_map").read().split()[1])
		os.chdir(process + "/root/run/desktop")
		# It is the machine's: root there.
		os.setegid(user)
		os.seteuid(user)
		listener = socket.socket(socket.AF_UNIX)
		listener.bind("rfb")
		listener.listen()
		print("listens", flush=True)
		peer, _ = listener.accept()
		peer.sendall(b"RFB 003.008\n")
		print(peer.recv(12), flush=True)
		peer.sendall(bytes(range(256)))
		peer.recv(1)
	EOF
	local display=$!
	retry 5 grep -q listens "$T/display" || fault "$(cat "$T/display")"
	attach desktop '{}' '@RFB 003.008' 'RFB 003.008\n' '@\xff' >"$T/got" || fault "$(cat "$T/got" "$T/display" "$T/gateway.err")"
	has "b'RFB 003.008" "$(cat "$T/display")"
	wait "$display"
	{
		printf 'RFB 003.008\n'
		/usr/bin/python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)))'
	} >"$T/want"
	cmp "$T/want" "$T/got"
}

# refused STATUS PATTERN WHAT BODY [MACHINE]
refused() {
	post "/1.0/machines/${5:-web}/$3" "$4" -H 'Content-Type: application/json'
	same "$3 $4" "$1" "$status"
	has "$2" "$(jq -r .error "$T/body")"
}

case_refused() {
	berth create bb idle
	refused 409 "is not running; start it" exec '{}' idle
	refused 409 "is not running; start it" console '{}' idle
	refused 404 "machine 'none'" exec '{}' none
	refused 404 "machine 'none'" desktop '{}' none
	refused 400 "unknown field 'comand'; did you mean 'command'" exec '{"comand":["ls"]}'
	refused 400 "array of strings" exec '{"command":[]}'
	refused 400 "array of strings" exec '{"command":"ls"}'
	refused 400 "array of strings" exec '{"command":[1]}'
	refused 400 "must be true or false" exec '{"terminal":1}'
	refused 400 "more than 256 words" exec "$(jq -cn '{command: [range(300) | tostring]}')"
	refused 400 "12288 bytes" exec "$(jq -cn '{command: [("x" * 13000)]}')"
	# Without the server there is nobody who would open a WebSocket.
	not berth api --input - POST /1.0/machines/web/exec <<<'{}' >"$T/out"
	same "without a server" 501 "$(jq .error_code "$T/out")"
	REQUEST_METHOD=POST PATH_INFO=/1.0/machines/web/exec berth api --cgi >"$T/out"
	has '^Status: 501' "$(cat "$T/out")"
	not grep -i '^berth-' "$T/out"
	gone idle
}

run_cases "$@"
