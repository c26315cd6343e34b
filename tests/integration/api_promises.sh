#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What clients of the API rely on: tickets that are good once, events without a gap, and what version 1.0 has had so far.
# shellcheck disable=SC2154 # status is of tests/gateway.sh
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/gateway.sh
. "$top/tests/gateway.sh"
host=127.0.0.1:8443
words=('Upgrade: websocket' 'Connection: Upgrade' 'Sec-WebSocket-Version: 13' 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')

set_up() {
	make_router
}

tear_down() {
	end_gateway
	rm -rf "$BERTH_ROOT/run/api" "$BERTH_ROOT/lib/api"
}

# draw N: so many tickets into $T/tickets.
draw() {
	local i
	for ((i = 0; i < $1; i++)); do
		curl -sS --unix-socket "$socket" -d '{"argv":["berth","true"]}' http://x/attach | jq -r .websocket
	done >"$T/tickets"
	same "tickets" "$1" "$(grep -c '^/1.0/sockets/.\{43\}$' "$T/tickets")"
}

# use [COMMAND...]: presents each ticket by a program that is run so; the statuses, each with its number.
use() {
	"$@" /usr/bin/python3 -I -c '
import socket, sys
for line in sys.stdin:
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(sys.argv[1])
    head = [f"GET {line.strip()} HTTP/1.1", "Host: x", *sys.argv[2:]]
    s.sendall("".join(word + "\r\n" for word in [*head, ""]).encode())
    print(s.recv(4096).split()[1].decode())' "$socket" "${words[@]}" <"$T/tickets" | sort | uniq -c | xargs
}

# Twenty of twenty are refused of those that were used, are another user's, or are too old, and each is told in the log.
case_tickets() {
	local began
	begin_gateway
	draw 20
	same "the first time" "20 101" "$(use)"
	same "the second time" "20 403" "$(use)"
	same "lines in the log" 20 "$(grep -c 'refused a ticket to user root' "$T/gateway.err")"
	chmod 0711 "$T"
	draw 20
	same "another user" "20 403" "$(use setpriv --reuid nobody --regid nogroup --clear-groups)"
	same "lines in the log" 20 "$(grep -c 'refused a ticket to user nobody' "$T/gateway.err")"
	same "their own user afterwards" "20 403" "$(use)"
	begin_gateway --idle 0
	draw 20
	began=$SECONDS
	retry 40 is_past $((began + 31))
	same "too old" "20 403" "$(use)"
	same "lines in the log" 20 "$(grep -c 'refused a ticket to user root' "$T/gateway.err")"
}

is_past() {
	((SECONDS >= $1))
}

# browse [OPTION of curl...]: a handshake of a browser that is signed in, twenty times.
browse() {
	local i
	for ((i = 0; i < 20; i++)); do
		curl -sS -o /dev/null -w '%{http_code}\n' -b "$T/jar" "${words[@]/#/-H}" "$@" "http://$host/1.0/sockets/$(printf 'a%.0s' {1..43})"
	done | sort | uniq -c | xargs
}

case_other_pages() {
	local link
	end_gateway
	run_gateway "$host" --sign-in >"$T/link"
	retry 20 test -s "$T/link"
	link=$(cat "$T/link")
	curl -sS -o /dev/null -c "$T/jar" "$link"
	same "no Origin" "20 403" "$(browse)"
	same "another Origin" "20 403" "$(browse -H 'Origin: http://evil.example')"
	same "another port" "20 403" "$(browse -H 'Origin: http://127.0.0.1:8444')"
	same "another Host" "20 421" "$(browse -H 'Host: evil.example' -H 'Origin: http://evil.example')"
	same "lines in the log" 60 "$(grep -c 'refused a request of another page' "$T/gateway.err")"
	# Of its own page it is a ticket that there is not.
	same "its own" "20 403" "$(browse -H "Origin: http://$host")"
	same "lines in the log" 20 "$(grep -c 'refused a ticket to user root' "$T/gateway.err")"
}

# A thousand changes, while the one who is told of them is cut off again and again and goes on by the last number: nothing
# is missing, and nothing comes twice. The server ends in between when nobody is connected.
case_resumed() {
	local last changes
	busybox_template bb
	berth launch --wait bb web
	last=$(berth events --json --since 0 --no-follow | tail -n 1 | jq .seq)
	router=$BUILD_TREE/berth begin_gateway --idle 0
	for _ in {1..500}; do
		berth pause web && berth resume web || exit 1
	done &
	changes=$!
	timeout -k 5 600 python3 - "$socket" "$last" 1000 <<-'END'
		import http.client, json, random, socket, sys
		path, last, wanted = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

		class Unix(http.client.HTTPConnection):
		    def connect(self):
		        self.sock = socket.socket(socket.AF_UNIX)
		        self.sock.settimeout(60)
		        self.sock.connect(path)

		draw, seen, cuts, names = random.Random(1), [], 0, []
		while len(names) < wanted:
		    connection = Unix("x")
		    connection.request("GET", "/1.0/events", headers={"Accept": "text/event-stream", "Last-Event-ID": str(last)})
		    answer = connection.getresponse()
		    assert answer.status == 200, answer.read()
		    for _ in range(draw.randrange(1, 60)):
		        line = answer.readline()
		        while not line.startswith(b"data:"):
		            assert line, "the stream ends"
		            line = answer.readline()
		        event = json.loads(line[5:])
		        last = event["seq"]
		        seen.append(last)
		        if event["event"] in ("paused", "resumed"):
		            names.append(event["event"])
		        if len(names) == wanted:
		            break
		    connection.sock.close()
		    cuts += 1
		assert seen == list(range(seen[0], seen[0] + len(seen))), "a gap, or one twice"
		assert seen[0] == int(sys.argv[2]) + 1, seen[0]
		assert names == ["paused", "resumed"] * (wanted // 2), "not in their order"
		print(f"# {wanted} changes, {len(seen)} events, {cuts} connections")
	END
	wait "$changes"
	end_gateway
	gone web
}

# Each path, and each member that an answer always has, is there for ever: the list is of the first release, and only grows.
case_kept() {
	jq -r '(.paths | to_entries[] | .key as $path | .value | keys[] | "\(.) \($path)"),
		(.components.schemas | to_entries[] | .key as $name | (.value.required // [])[] | "\($name).\(.)")' "$BERTH_DESCRIPTION" |
		sort -u >"$T/now"
	silent "what is missing of tests/api-1.0" comm -23 "$top/tests/api-1.0" "$T/now"
	(($(wc -l <"$top/tests/api-1.0") > 200)) || fault "the list is too short"
}

run_cases "$@"
