#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# berth-api: HTTP over a unix socket, a child a request, limits and deadlines. A small program stands in for the router.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/gateway.sh
. "$top/tests/gateway.sh"

set_up() {
	make_router
}

tear_down() {
	end_gateway
}

# The child has the variables of CGI, and nothing else of the request or of the gateway.
case_environment() {
	OTHER=1 begin_gateway
	get '/env/a%20b?x=%20y&z' -H 'Prefer: wait=1' -H 'If-Match: "7"' -H 'If-None-Match: *' \
		-H 'Last-Event-ID: 12' -H 'Accept: text/event-stream' -H 'X-Other: 1' -H 'Proxy: bad'
	same status 200 "$status"
	same variables "$(printf '%s\n' BERTH_API_SECONDS=60 "BERTH_ROOT=$BERTH_ROOT" GATEWAY_INTERFACE=CGI/1.1 HOME=/root \
		HTTP_ACCEPT=text/event-stream 'HTTP_IF_MATCH="7"' 'HTTP_IF_NONE_MATCH=*' HTTP_LAST_EVENT_ID=12 \
		HTTP_PREFER=wait=1 LANG=C.UTF-8 'PATH_INFO=/env/a b' 'QUERY_STRING=x=%20y&z' REMOTE_USER=root \
		REQUEST_METHOD=GET SCRIPT_NAME= SERVER_PROTOCOL=HTTP/1.1)" \
		"$(grep -vE '^(PATH|PWD|SERVER_SOFTWARE|BERTH_(LIBEXEC|TEMPLATES|DESCRIPTION|TEST.*)|[A-Z]+SAN_OPTIONS)=' "$T/body")"
	post /env text -H 'Content-Type: application/json'
	has '^CONTENT_LENGTH=4$' "$(cat "$T/body")"
	has '^CONTENT_TYPE=application/json$' "$(cat "$T/body")"
}

# The kernel says who has connected.
case_users() {
	begin_gateway
	chmod 0711 "$T"
	setpriv --reuid nobody --regid nogroup --clear-groups curl -sS --unix-socket "$socket" http://x/env >"$T/body"
	has '^REMOTE_USER=nobody$' "$(cat "$T/body")"
	setpriv --reuid 54321 --regid nogroup --clear-groups curl -sS --unix-socket "$socket" http://x/env >"$T/body"
	has '"error":"user 54321 has no name on this host; connect as another user","error_code":403' "$(cat "$T/body")"
}

case_answers() {
	begin_gateway
	get /status/404
	same status 404 "$status"
	has '^ETag: "7"' "$(cat "$T/head")"
	not grep -qi '^Berth-' "$T/head"
	has '^X-Content-Type-Options: nosniff' "$(cat "$T/head")"
	has "^Content-Security-Policy: default-src 'none'" "$(cat "$T/head")"
	get /length
	has '^Content-Length: 6' "$(cat "$T/head")"
	same body 12345 "$(cat "$T/body")"
	get /length --head
	same status 200 "$status"
	# What is wrong with the child is told.
	get /nohead
	same status 502 "$status"
	has 'what is no head of CGI' "$(cat "$T/body")"
	get /fails
	same status 502 "$status"
	has "exited with 3 before it has answered" "$(cat "$T/body")"
	get /killed
	has "was killed by SIGKILL before it has answered" "$(cat "$T/body")"
	# A body that breaks off does not look whole.
	not curl -sS --unix-socket "$socket" http://x/breaks -o /dev/null
	not curl -sS --unix-socket "$socket" http://x/short -o /dev/null
	# One of the child's own that has its output holds nothing.
	get /holds
	same status 200 "$status"
	kill "$(cat "$T/holder")"
	end_gateway
	begin_gateway --router "$T/nowhere"
	get /env
	has "nowhere' cannot be executed; is it installed?" "$(cat "$T/body")"
}

case_bodies() {
	begin_gateway
	head -c 1048576 /dev/zero >"$T/most"
	post /count "@$T/most"
	same bytes 1048576 "$(cat "$T/body")"
	post /count "@$T/most" -H 'Transfer-Encoding: chunked'
	same "bytes in pieces" 1048576 "$(cat "$T/body")"
	echo >>"$T/most"
	post /count "@$T/most"
	same status 413 "$status"
	post /count "@$T/most" -H 'Transfer-Encoding: chunked'
	same "status in pieces" 413 "$status"
	# A large one passes through as it comes, and the child has no more of it than it reads.
	head -c 20000000 /dev/urandom >"$T/large"
	get /sum -T "$T/large" -H 'Content-Type: application/octet-stream'
	same sum "$(sha256sum <"$T/large")" "$(cat "$T/body")"
	get /sum -T - -H 'Content-Type: application/octet-stream' <"$T/large"
	same "without a length" 411 "$status"
	# The child has seen enough.
	get /status/409 -T "$T/most" -H 'Content-Type: application/octet-stream'
	same "status of a child that does not read" 409 "$status"
	get /download
	same "sum of an answer" "$(head -c 20000000 /dev/zero | sha256sum)" "$(sha256sum <"$T/body")"
}

case_bad_requests() {
	begin_gateway
	get /env -X FROB
	same method 405 "$status"
	get '/a%0Ab'
	same path 400 "$status"
	get /env -H "X-Large: $(head -c 20000 /dev/zero | tr '\0' a)"
	same "large head" 431 "$status"
	get /env -H "X-Larger: $(head -c 90000 /dev/zero | tr '\0' a)" || true
	has '^(431|413|000)$' "$status"
	printf 'NONSENSE\r\n\r\n' | raw >"$T/body"
	printf '\0\1\2\377' | raw >"$T/body"
	get /env
	same "still there" 200 "$status"
}

# Each thing that may stall is ended, and the others go on meanwhile.
case_deadlines() {
	begin_gateway --limit head=1 --limit body=1 --limit stall=1 --limit answer=1
	# One byte after the other: the time counts from the first.
	{ for c in G E T ' ' / e n v; do printf %s "$c"; sleep 0.3; done; sleep 60; } | raw >"$T/slow" 2>&1 &
	printf 'POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12' | keep_open >"$T/stalled" &
	printf 'GET /download HTTP/1.1\r\nHost: x\r\n\r\n' | never_read &
	reader=$!
	get /hangs
	same "a child that hangs" 504 "$status"
	get /stubborn
	same "a child that ignores SIGTERM" 504 "$status"
	get /pauses || true
	retry 20 no_connection
	wait "$reader"
	retry 20 no_child
	same "the head that was late" 0 "$(wc -c <"$T/slow")"
	not grep -q 200 "$T/stalled"
	get /env
	same "still there" 200 "$status"
	# Who says that it waits is waited for.
	get '/sleeps?timeout=20'
	same "with timeout" 200 "$status"
	get /sleeps -H 'Prefer: wait=20'
	same "with Prefer" 200 "$status"
}

# What only looks ends with its client. What changes something goes on.
case_client_goes_away() {
	begin_gateway
	timeout 5 curl -sS --unix-socket "$socket" http://x/marks/look -o /dev/null &
	retry 20 test -e "$T/look.begun"
	kill "$!"
	retry 20 test -e "$T/look.ended"
	not test -e "$T/look.done"
	timeout 5 curl -sS -X POST --unix-socket "$socket" http://x/marks/change -o /dev/null &
	retry 20 test -e "$T/change.begun"
	kill "$!"
	retry 20 no_connection
	touch "$T/change.go"
	retry 20 test -e "$T/change.done"
	not test -e "$T/change.ended"
	# Half of a file is not taken for a whole one.
	printf 'PUT /keeps HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 100\r\n\r\n12' |
		keep_open &
	retry 20 test -s "$T/keeps.kept"
	kill "$(cat "$T/open.pid")"
	retry 20 no_child
	not test -e "$T/keeps.done"
}

case_busy() {
	local i
	begin_gateway --limit requests=1 --limit waiting=1 --limit queue=1 --limit streams=1
	curl -sS --unix-socket "$socket" http://x/marks/first -o "$T/one" &
	retry 20 test -e "$T/first.begun"
	curl -sS --unix-socket "$socket" http://x/env -o "$T/two" -w '%{http_code} %header{retry-after}' >"$T/second" &
	retry 20 connections 2
	retry 20 refused_at_once
	has '^retry-after: 1' "$(tr '[:upper:]' '[:lower:]' <"$T/head")"
	has '1 requests are at work already' "$(cat "$T/body")"
	# Its turn does not come in time.
	retry 20 grep -q '^503' "$T/second"
	touch "$T/first.go"
	retry 20 no_child
	# What lasts leaves room for requests.
	curl -sSN --unix-socket "$socket" http://x/stream -o "$T/stream" &
	retry 20 grep -q one "$T/stream"
	get /env
	same "beside a stream" 200 "$status"
	get /stream
	same "a second stream" 503 "$status"
	has 'streams and sockets are open already' "$(cat "$T/body")"
}

refused_at_once() {
	get /env
	[[ $status == 503 ]]
}

# It ends when nobody has asked for a while, and not while somebody listens.
case_idle() {
	begin_gateway --idle 1
	retry 20 ended
	same exit 0 "$(cat "$T/gateway.exit")"
	not test -e "$socket"
	begin_gateway --idle 1 --limit stall=1
	curl -sSN --unix-socket "$socket" http://x/ticks -o "$T/stream" &
	retry 30 grep -q 4 "$T/stream"
	not ended
	wait "$!"
	retry 20 ended
}

# A socket of systemd, by its protocol: the descriptor 3, and two variables.
case_activation() {
	begin_activated --idle 60
	get /env
	same status 200 "$status"
	not grep -q LISTEN "$T/body"
	end_gateway
	# The socket is not its own.
	test -S "$socket"
}

case_term() {
	begin_gateway
	curl -sSN --unix-socket "$socket" http://x/stream -o "$T/stream" 2>"$T/stream.err" &
	local stream=$!
	retry 20 grep -q one "$T/stream"
	curl -sS --unix-socket "$socket" http://x/marks/last -o "$T/last" &
	local last=$!
	retry 20 test -e "$T/last.begun"
	kill -TERM "$gateway"
	retry 20 test ! -e "$socket"
	not wait "$stream"
	not ended
	touch "$T/last.go"
	wait "$last"
	same "the answer on the way" "done" "$(cat "$T/last")"
	retry 20 ended
	same exit 0 "$(cat "$T/gateway.exit")"
}

case_options() {
	local api=$BERTH_LIBEXEC/berth-api
	fails 2 "there is no limit 'haed'; did you mean 'head'" "$api" --limit haed=1
	fails 2 "1 to 3600, not '0'" "$api" --limit head=0
	fails 2 "'tcp' is no address" "$api" --listen tcp:1
	fails 2 "--idle takes 0 to 86400 seconds, not 'x'" "$api" --idle x
	fails 2 "there is no option '--frob'" "$api" --frob
	fails 2 "'frob' is no option" "$api" frob
	fails 2 "begins with /, not 'relative'" "$api" --listen unix:relative
	fails 1 "longer than the 107 bytes" "$api" --listen "unix:/$(head -c 200 /dev/zero | tr '\0' a)"
	touch "$T/file"
	fails 1 "is there and is no socket" "$api" --listen "unix:$T/file"
	test -f "$T/file"
	begin_gateway
	fails 1 "another program listens on '$socket'" "$api" --listen "unix:$socket"
	kill -KILL "$gateway"
	retry 20 ended
	test -S "$socket"
	begin_gateway
	get /env
	same "in place of one that was killed" 200 "$status"
}

# Nothing is left of a hundred clients of each kind: no descriptor, no child, no memory of a request.
case_leaks() {
	local before i
	begin_gateway
	get /env
	before=$(descriptors)
	aborts 100 ''
	aborts 100 'GET /env HTTP/1.1\r\nHo'
	aborts 100 'POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12'
	aborts 100 'GET /marks/look HTTP/1.1\r\nHost: x\r\n\r\n'
	retry 30 no_connection
	retry 30 no_child
	same descriptors "$before" "$(descriptors)"
	for i in {1..20}; do get /env; done
	retry 30 no_connection
	same descriptors "$before" "$(descriptors)"
}

run_cases "$@"
