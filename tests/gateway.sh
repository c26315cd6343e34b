# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of berth-api share: a program in the place of the router, a gateway, and clients.
# shellcheck shell=bash

[[ -n ${BERTH_TEST_INSIDE:-} ]] || return 0
socket=$T/api.socket

# make_router: a program that answers by CGI as its path says.
make_router() {
	[[ -x $BERTH_LIBEXEC/berth-api ]] || skip "the build has no libmicrohttpd"
	cat >"$T/router" <<-EOF
		#!/bin/bash
		T=$T
	EOF
	cat >>"$T/router" <<-'EOF'
		# What a socket is attached to.
		[[ $1 == api ]] || exec "$@"
		json='Content-Type: application/json'
		name=${PATH_INFO##*/}
		# A child that others ask to end says so.
		begun() {
			trap 'touch "$T/$name.ended"; exit 1' TERM
			touch "$T/$name.begun"
		}
		case $PATH_INFO in
		/env*) printf 'Content-Type: application/json\n\n'; env | grep -v '^\(_\|SHLVL\)=' | sort ;;
		/status/*) printf 'Status: %s Some\nETag: "7"\nBerth-Note: x\n%s\n\n{}' "$name" "$json" ;;
		/length) printf 'Content-Length: 6\nContent-Type: text/plain\n\n12345\n' ;;
		/nohead) printf 'nonsense\n\n' ;;
		/fails) exit 3 ;;
		/killed) kill -KILL $$ ;;
		/breaks) printf '%s\n\n{' "$json"; exit 1 ;;
		/short) printf 'Content-Length: 6\n%s\n\n{' "$json" ;;
		/holds)
			printf '%s\n\n{}' "$json"
			sleep 60 &
			echo $! >"$T/holder"
			;;
		/attach)
			id=$(head -c 32 /dev/urandom | base64 -w 0 | tr +/ -_ | tr -d =)
			printf 'Status: 201 Created\nBerth-Ticket: %s\nBerth-Attach: %s\n%s\n\n{"websocket":"/1.0/sockets/%s"}' \
				"$id" "$(cat)" "$json" "$id"
			;;
		/count) printf '%s\n\n' "$json"; wc -c ;;
		/sum) sum=$(sha256sum); printf '%s\n\n%s' "$json" "$sum" ;;
		/download) printf 'Content-Type: application/octet-stream\n\n'; head -c 20000000 /dev/zero ;;
		/hangs) sleep 60 ;;
		/stubborn) trap '' TERM; for i in {1..600}; do sleep 0.1; done ;;
		/pauses) printf '%s\n\n{' "$json"; sleep 60 ;;
		/sleeps) sleep 1.5; printf '%s\n\n{}' "$json" ;;
		/stream) printf 'Content-Type: text/event-stream\n\none\n'; sleep 60 ;;
		/ticks-on) printf 'Content-Type: text/event-stream\n\none\n'; sleep 60; echo last ;;
		/ticks) printf 'Content-Type: text/event-stream\n\n'; for i in 1 2 3 4; do echo $i; sleep 1; done ;;
		/keeps) touch "$T/keeps.begun"; cat >"$T/keeps.kept"; touch "$T/keeps.done" ;;
		/marks/*)
			begun
			until [[ -e $T/$name.go ]]; do sleep 0.05; done
			touch "$T/$name.done"
			printf '%s\n\ndone' "$json"
			;;
		*) printf 'Status: 404 Not Found\n%s\n\n{}' "$json" ;;
		esac
	EOF
	chmod +x "$T/router"
}

# run_gateway ADDRESS [OPTION...]: in the background, in front of $router; its pid and its end are files.
run_gateway() {
	rm -f "$T/gateway.exit"
	(
		code=0
		"$BERTH_LIBEXEC/berth-api" --listen "$1" --router "${router:-$T/router}" "${@:2}" 2>"$T/gateway.err" &
		echo $! >"$T/gateway.pid"
		wait $! || code=$?
		echo "$code" >"$T/gateway.exit"
	) &
}

# begin_gateway [OPTION...]: a gateway on $socket, in front of $router; $gateway is its process.
begin_gateway() {
	end_gateway
	rm -f "$socket"
	run_gateway "unix:$socket" "$@"
	retry 20 answers
	gateway=$(cat "$T/gateway.pid")
}

# begin_activated [OPTION...]: the same, as systemd starts it.
begin_activated() {
	end_gateway
	rm -f "$T/gateway.exit" "$socket"
	(
		code=0
		python3 -c '
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])' "$socket" "$BERTH_LIBEXEC/berth-api" --router "${router:-$T/router}" "$@" 2>"$T/gateway.err" &
		echo $! >"$T/gateway.pid"
		wait $! || code=$?
		echo "$code" >"$T/gateway.exit"
	) &
	retry 20 answers
	gateway=$(cat "$T/gateway.pid")
}

end_gateway() {
	[[ -e $T/gateway.pid && ! -e $T/gateway.exit ]] || return 0
	kill -TERM "$(cat "$T/gateway.pid")" 2>/dev/null || true
	retry 20 ended
	# A sanitizer has something to say.
	[[ $(cat "$T/gateway.exit") == 0 ]] || fault "the gateway ended with $(cat "$T/gateway.exit"): $(cat "$T/gateway.err")"
}

ended() {
	[[ -e $T/gateway.exit ]]
}

answers() {
	[[ -S $socket ]] && curl -sS --unix-socket "$socket" http://x/status/200 -o /dev/null 2>/dev/null
}

# get PATH [OPTION of curl...]: $status, $T/head and $T/body.
get() {
	# shellcheck disable=SC2034 # for the scripts
	status=$(timeout 60 curl -sS -o "$T/body" -D "$T/head" -w '%{http_code}' --unix-socket "$socket" "${@:2}" \
		"http://x$1" 2>"$T/curl")
}

# post PATH DATA [OPTION of curl...]
post() {
	get "$1" -X POST --data-binary "${@:2}"
}

# raw: standard input as it is; the answer.
raw() {
	python3 -c '
import socket, sys, os
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect(sys.argv[1])
try:
    while piece := os.read(0, 4096):
        s.sendall(piece)
    s.shutdown(socket.SHUT_WR)
    while piece := s.recv(4096):
        sys.stdout.buffer.write(piece)
except OSError:
    pass' "$socket"
}

# keep_open: sends standard input, and says nothing more. $T/open.pid is its process.
keep_open() {
	python3 -c '
import socket, sys, os
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect(sys.argv[1])
s.sendall(os.read(0, 4096))
with open(sys.argv[2], "w") as file:
    print(os.getpid(), file=file)
try:
    while piece := s.recv(4096):
        sys.stdout.buffer.write(piece)
except OSError:
    pass' "$socket" "$T/open.pid"
}

# never_read: sends standard input, and reads nothing until it is cut off.
never_read() {
	python3 -c '
import select, socket, sys, os
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(os.read(0, 4096))
poll = select.poll()
poll.register(s, 0)
sys.exit(not poll.poll(60000))' "$socket"
}

# aborts N TEXT: so many clients, each of which sends it, with \r and \n written so, and goes away.
aborts() {
	python3 -c '
import socket, sys
for i in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(sys.argv[3].encode().decode("unicode_escape").encode())
    s.close()' "$socket" "$@"
}

descriptors() {
	find "/proc/$gateway/fd" -mindepth 1 | wc -l
}

# connections N: so many clients are connected.
connections() {
	[[ $(ss -xH state connected | grep -cE " $socket(\.new)? ") -eq $1 ]]
}

no_connection() {
	connections 0
}

no_child() {
	[[ -z $(cat /proc/"$gateway"/task/*/children) ]]
}
