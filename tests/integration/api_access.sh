#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Rights of users of the API: users of the host on the real socket, told by the kernel.
# shellcheck disable=SC2086 # names of users are one word
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/gateway.sh
. "$top/tests/gateway.sh"
router=$BUILD_TREE/berth
# Users that every host has: one who may use web, one who manages it, one of the group, and one without a right.
user=games
manager=mail
member=daemon
stranger=nobody

set_up() {
	local name
	[[ -x $BERTH_LIBEXEC/berth-api ]] || skip "the build has no libmicrohttpd"
	for name in $user $manager $member $stranger; do
		id "$name" >/dev/null 2>&1 || skip "there is no user $name"
	done
	chmod 0711 "$T"
	busybox_template bb
	berth launch --wait --set access.users="$user:use,$manager:manage" bb web
	berth create bb secret
	mkdir -p "$BERTH_ROOT/etc"
	berth snapshot take web s1
	begin_gateway --idle 0
}

tear_down() {
	end_gateway
	gone web secret
}

# as USER METHOD PATH [BODY [OPTION of curl...]]: the response; its head is $T/head.
as() {
	local data=()
	[[ -z ${4:-} ]] || data=(-H 'Content-Type: application/json' -d "$4")
	setpriv --reuid "$1" --regid "$(id -g "$1")" --clear-groups \
		timeout 100 curl -sS -i --unix-socket "$socket" -H 'Prefer: wait=60' -X "$2" "${data[@]}" "${@:5}" "http://x$3" | tr -d '\r' >"$T/response"
	sed '/^$/,$d' "$T/response" >"$T/head"
	sed '1,/^$/d' "$T/response"
}

# may USER STATUS METHOD PATH [BODY]
may() {
	as "$1" "${@:3}" >"$T/body"
	same "$1: ${*:3}: $(cat "$T/body")" "$2" "$(sed -n '1s|^HTTP/1.1 \([0-9]*\).*|\1|p' "$T/head")"
}

# sees USER PATH: its metadata.
sees() {
	as "$1" GET "$2" | jq -c .metadata
}

case_stranger() {
	local path
	for path in / /1.0 /1.0/machines /1.0/machines/web /1.0/operations /1.0/events /1.0/openapi.json /1.0/doctor /1.0/nothing; do
		may $stranger 403 GET "$path"
		has "user '$stranger' may not use the API" "$(jq -r .error "$T/body")"
	done
	may $stranger 403 PUT /1.0/machines/web/state '{"action":"stop"}'
	may $stranger 403 POST /1.0/machines '{"name":"x","source":{"type":"template","template":"bb"}}'
	may $stranger 403 POST /1.0/machines/web/exec '{}'
}

# A machine that the user may not see is not there: neither in lists nor by name, whatever is asked.
case_hidden() {
	local one
	for one in $user $manager; do
		same "machines of $one" '["/1.0/machines/web"]' "$(sees $one /1.0/machines)"
		same "objects of $one" '["web"]' "$(sees $one '/1.0/machines?recursion=1' | jq -c '[.[].name]')"
		may $one 200 GET /1.0/machines/web
		for path in "" /state /logs /snapshots /nics /backups /picture; do
			may $one 404 GET "/1.0/machines/secret$path"
			same "of one that is hidden" "machine 'secret' does not exist" "$(jq -r .error "$T/body")"
			may $one 404 GET "/1.0/machines/nothing$path"
			same "of one that is not there" "machine 'nothing' does not exist" "$(jq -r .error "$T/body")"
		done
		may $one 404 PUT /1.0/machines/secret/state '{"action":"start"}'
		may $one 404 PATCH /1.0/machines/secret '{"config":{"description":"x"}}'
		may $one 404 DELETE /1.0/machines/secret
		may $one 404 POST /1.0/machines/secret/exec '{}'
		may $one 404 POST /1.0/machines/secret/snapshots '{"name":"x"}'
		may $one 404 GET '/1.0/events?follow=0&machine=secret'
		as $one GET '/1.0/events?follow=0&since=1h' >"$T/events"
		same "events of $one" '["web"]' "$(jq -sc '[.[].machine] | unique' "$T/events")"
	done
	berth forward add secret tcp 8099:80
	berth forward add web tcp 8098:80
	same forwards '["/1.0/machines/web/forwards/tcp-8098"]' "$(sees $user /1.0/forwards)"
	same interfaces '["web"]' "$(sees $user '/1.0/nics?recursion=1' | jq -c '[.[].machine] | unique')"
	berth forward remove secret tcp-8099
	berth forward remove web tcp-8098
	state_is secret stopped
}

case_use() {
	local path
	for path in /1.0 /1.0/openapi.json /1.0/operations /1.0/machines/web/state /1.0/machines/web/logs /1.0/machines/web/snapshots \
		/1.0/machines/web/snapshots/s1 /1.0/machines/web/nics; do
		may $user 200 GET "$path"
	done
	same "who asks" "\"$user\"" "$(sees $user /1.0 | jq .user)"
	same "rights" '{"web":"use"} {"web":"manage"} null' \
		"$(sees $user /1.0 | jq -c .rights) $(sees $manager /1.0 | jq -c .rights) $(berth api GET /1.0 | jq -c .metadata.rights)"
	may $user 201 POST /1.0/machines/web/exec '{"command":["id"]}'
	may $user 201 POST /1.0/machines/web/console '{}'
	may $user 201 POST /1.0/machines/web/desktop '{}'
	may $user 404 GET /1.0/machines/web/picture
	has "machine 'web' has no display" "$(jq -r .error "$T/body")"
	may $user 403 PUT /1.0/machines/web/state '{"action":"stop"}'
	has "may use machine 'web', but not change it: that needs $user:manage" "$(jq -r .error "$T/body")"
	may $user 403 PATCH /1.0/machines/web '{"config":{"description":"x"}}'
	may $user 403 POST /1.0/machines/web/snapshots '{"name":"x"}'
	may $user 403 PUT /1.0/machines/web/snapshots/s1 '{"action":"restore"}'
	may $user 403 DELETE /1.0/machines/web/snapshots/s1
	state_is web running
	# A ticket is its user's.
	path=$(as $user POST /1.0/machines/web/exec '{}' | jq -r .metadata.websocket)
	as $manager GET "$path" '' -H 'Upgrade: websocket' -H 'Connection: Upgrade' -H 'Sec-WebSocket-Version: 13' \
		-H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' >"$T/body"
	has '^HTTP/1.1 403' "$(cat "$T/head")"
}

case_manage() {
	local path
	may $manager 200 PUT /1.0/machines/web/state '{"action":"freeze"}'
	# To let it go on is no use of it.
	may $user 409 POST /1.0/machines/web/desktop '{}'
	may $manager 200 PUT /1.0/machines/web/state '{"action":"unfreeze"}'
	may $manager 200 PUT /1.0/machines/web/state '{"action":"stop","force":true}'
	may $user 409 POST /1.0/machines/web/desktop '{}'
	may $manager 201 POST /1.0/machines/web/desktop '{}'
	may $manager 200 POST /1.0/machines/web/snapshots '{"name":"s2"}'
	path=$(jq -r '"/1.0/operations/\(.metadata.id)"' "$T/body")
	same "its operation" Success "$(sees $manager "$path" | jq -r .status)"
	may $user 404 GET "$path"
	may $user 404 DELETE "$path"
	same "operations of the other" '[]' "$(sees $user /1.0/operations)"
	may $manager 403 PUT /1.0/machines/web/snapshots/s2 '{"action":"restore","volumes":true}'
	may $manager 200 PUT /1.0/machines/web/snapshots/s2 '{"action":"restore"}'
	may $manager 200 DELETE /1.0/machines/web/snapshots/s2
	may $manager 200 PATCH /1.0/machines/web '{"config":{"description":"of mail","label.a":"1","stop.timeout":"5s"}}'
	same description "of mail" "$(berth get web description)"
	may $manager 200 PUT /1.0/machines/web/state '{"action":"start","wait":true}'
	state_is web running
}

# No setting that opens a wall, whether set or put back, and none that gives rights.
case_walls() {
	local key before
	before=$(berth get web --json)
	for key in access.users=$manager:use security.privileged=yes security.nesting=yes security.caps=sys_admin limits.memory=8G limits.pids=9000 \
		network= network.address=10.1.1.1 backup.target=/root boot.order=1 boot.after=secret lxcfs=yes; do
		may $manager 403 PATCH /1.0/machines/web "$(jq -cn --arg key "${key%%=*}" --arg value "${key#*=}" '{config: {($key): $value}}')"
		has "may not change '${key%%=*}'" "$(jq -r .error "$T/body")"
	done
	may $manager 403 PATCH /1.0/machines/web '{"config":{"description":"y","access.users":null}}'
	may $manager 403 PUT /1.0/machines/web '{"config":{"description":"y"}}'
	same settings "$before" "$(berth get web --json)"
}

# follow USER PATH: its stream into $T/stream.
follow() {
	setpriv --reuid "$1" --regid "$(id -g "$1")" --clear-groups \
		timeout 100 curl -sSN --unix-socket "$socket" "http://x$2" >"$T/stream" 2>"$T/curl" &
	follower=$!
}

# Streams end, or leave the machine out, when a right is taken away.
case_taken_away() {
	local follower
	berth set secret access.users=$user:use
	follow $user '/1.0/events?since=1h'
	retry 20 grep -q '"web"' "$T/stream"
	berth set web access.users=$manager:manage
	berth snapshot take web after
	# One of another machine comes behind it.
	berth snapshot take secret later
	retry 20 grep -q '"later"' "$T/stream"
	not grep -q '"after"' "$T/stream"
	kill "$follower"
	berth snapshot delete web after
	berth snapshot delete secret later
	berth unset secret access.users
	berth set web access.users="$user:use $manager:manage"
	berth exec web -- sh -c 'echo first >/dev/console'
	follow $user '/1.0/machines/web/logs?follow=1'
	retry 20 grep -q first "$T/stream"
	berth set web access.users=$manager:manage
	berth exec web -- sh -c 'echo hidden >/dev/console'
	wait "$follower" || true
	not grep -q hidden "$T/stream"
	berth set web access.users="$user:use $manager:manage"
}

# attach USER BODY: a command of web over a WebSocket, until it ends.
attach() {
	timeout -k 5 120 setpriv --reuid "$1" --regid "$(id -g "$1")" --clear-groups \
		/usr/bin/python3 -I - "$socket" web exec "$2" @ready '\n' <"$top/tests/integration/api_attach.py"
}

# So do sockets, also those of nobody who says anything, and streams in which nothing happens.
case_taken_away_at_rest() {
	local follower first second
	/usr/bin/python3 -c 'import websockets' 2>/dev/null || skip "python3-websockets is not installed"
	attach $user '{"command":["sh","-c","echo ready; exec sleep 90"]}' >"$T/first" 2>&1 &
	first=$!
	attach $user '{"command":["sh","-c","echo ready; exec sleep 90"],"terminal":true}' >"$T/second" 2>&1 &
	second=$!
	attach $manager '{"command":["sh","-c","echo ready; until [ -e /tmp/go ]; do sleep 0.1; done; exit 9"]}' >"$T/third" 2>&1 &
	third=$!
	retry 30 sleepers 2
	follow $user '/1.0/events?since=1h'
	retry 20 grep -q '"web"' "$T/stream"
	berth set web access.users=$manager:manage
	wait "$first" || true
	wait "$second" || true
	wait "$follower" || true
	has '^exit 129$' "$(cat "$T/first")"
	has '^exit 129$' "$(cat "$T/second")"
	retry 20 sleepers 0
	berth exec web -- touch /tmp/go
	wait "$third"
	has '^exit 9$' "$(cat "$T/third")"
	berth set web access.users="$user:use $manager:manage"
}

# sleepers N: so many run in web.
sleepers() {
	[[ $(berth exec web -- sh -c 'grep -lx "sleep.*" /proc/[0-9]*/comm 2>/dev/null | wc -l') -ge $1 ]] &&
		[[ $1 -gt 0 || $(berth exec web -- sh -c 'grep -la "^sleep.90" /proc/[0-9]*/cmdline 2>/dev/null | wc -l') -eq 0 ]]
}

# Names that nobody has, and users who get the host, are told of at once and later; they are taken, for users may come.
case_notes() {
	berth set secret access.users="no-such-user:use $user:use" 2>"$T/err"
	has "^berth: access.users of machine 'secret' names 'no-such-user', and this host has no such user" "$(cat "$T/err")"
	same "lines" 1 "$(wc -l <"$T/err")"
	berth set secret security.privileged=yes 2>"$T/err"
	has "machine 'secret' is privileged: the users in its access.users have this host by it" "$(cat "$T/err")"
	same "lines" 1 "$(wc -l <"$T/err")"
	echo "api.group = no-such-group" >>"$BERTH_ROOT/etc/berth.conf"
	berth doctor --json >"$T/doctor" || true
	same "what doctor tells" 3 "$(jq '[.[] | select(.check == "access") | .text] | length' "$T/doctor")"
	has "access.users of machine 'secret' names 'no-such-user'" "$(jq -r '.[] | select(.check == "access") | .text' "$T/doctor")"
	has "machine 'secret' is privileged" "$(jq -r '.[] | select(.check == "access") | .text' "$T/doctor")"
	has "api.group of berth.conf is 'no-such-group', and this host has no such group" "$(jq -r '.[] | select(.check == "access") | .text' "$T/doctor")"
	sed -i '/^api.group/d' "$BERTH_ROOT/etc/berth.conf"
	berth unset secret access.users 2>"$T/err"
	same "lines" 0 "$(wc -l <"$T/err")"
	berth set secret access.users="$user:use" 2>"$T/err"
	has "machine 'secret' is privileged: the users in its access.users have this host by it" "$(cat "$T/err")"
	berth unset secret access.users security.privileged 2>"$T/err"
	same "lines" 0 "$(wc -l <"$T/err")"
}

# So are those of a new machine.
case_notes_of_new_machines() {
	berth create --set access.users="no-such-user:use" --set security.privileged=yes bb noted 2>"$T/err"
	has "access.users of machine 'noted' names 'no-such-user', and this host has no such user" "$(cat "$T/err")"
	has "machine 'noted' is privileged: the users in its access.users have this host by it" "$(cat "$T/err")"
	# A name alone, as in a session of a user who was deleted, has no rights.
	same "its status" 403 "$(berth api --as no-such-user --include GET /1.0/machines 2>&1 | sed -n '1s|HTTP/1.1 \([0-9]*\).*|\1|p')"
	berth clone --set access.users="no-such-clone:use" noted copied 2>"$T/err"
	has "access.users of machine 'copied' names 'no-such-clone', and this host has no such user" "$(cat "$T/err")"
	gone copied noted
	berth create --set access.users="$user:use" bb noted 2>"$T/err"
	same "lines" 0 "$(wc -l <"$T/err")"
	gone noted
}

# Objects of the host, beside machines, are for root and the group.
case_host() {
	local one path
	for one in $user $manager; do
		for path in doctor map metrics pools pools/default templates templates/bb networks networks/default volumes backups machines/web/backups; do
			may $one 403 GET "/1.0/$path"
		done
		may $one 403 POST /1.0/machines '{"name":"x","source":{"type":"copy","machine":"web"}}'
		may $one 403 POST /1.0/machines/web '{"name":"x"}'
		may $one 403 DELETE '/1.0/machines/web?force=1'
		may $one 403 POST /1.0/machines/web/forwards '{"protocol":"tcp","port":"80"}'
		may $one 403 POST /1.0/machines/web/nics '{"name":"eth1"}'
		may $one 403 POST /1.0/machines/web/volumes '{"volume":"data","target":"/x"}'
		may $one 403 POST /1.0/machines/web/backups '{"target":"/tmp"}'
		may $one 403 POST /1.0/networks '{"name":"x"}'
		may $one 403 PUT /1.0/networks/default/state '{"action":"down"}'
		may $one 403 POST /1.0/volumes '{"name":"x"}'
		may $one 403 DELETE /1.0/templates/bb
	done
}

# Its members are root for the API, and nobody else is.
case_group() {
	may $member 403 GET /1.0/machines
	mkdir -p "$BERTH_ROOT/etc"
	echo "api.group = $(id -gn $member)" >>"$BERTH_ROOT/etc/berth.conf"
	same "what a member sees" '["/1.0/machines/secret","/1.0/machines/web"]' "$(sees $member /1.0/machines)"
	may $member 200 GET /1.0/pools
	may $member 200 POST /1.0/machines '{"name":"made","source":{"type":"template","template":"bb"}}'
	may $member 200 PATCH /1.0/machines/made '{"config":{"security.nesting":true}}'
	may $member 200 DELETE /1.0/machines/made
	may $stranger 403 GET /1.0/machines
	may $user 404 GET /1.0/machines/secret
	sed -i '/^api.group/d' "$BERTH_ROOT/etc/berth.conf"
	may $member 403 GET /1.0/machines
	echo "api.group = no-such-group" >>"$BERTH_ROOT/etc/berth.conf"
	may $member 403 GET /1.0/machines
	sed -i '/^api.group/d' "$BERTH_ROOT/etc/berth.conf"
	# A right that is taken away is gone at once.
	berth set web access.users=$manager:use
	may $user 403 GET /1.0/machines/web
	may $manager 403 PUT /1.0/machines/web/state '{"action":"stop"}'
	berth set web access.users="$user:use $manager:manage"
}

run_cases "$@"
