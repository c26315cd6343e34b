#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Changes by the API: at once or as operations, which go on without the request, and many at the same time.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/gateway.sh
. "$top/tests/gateway.sh"
# shellcheck source=tests/api_asking.sh
. "$top/tests/api_asking.sh"

set_up() {
	busybox_template bb
}

case_life() {
	done_by POST /1.0/machines '{"name":"web","source":{"type":"template","template":"bb"},"config":{"label.role":"web","limits.pids":500}}'
	same label web "$(berth get web label.role)"
	same pids 500 "$(berth get web limits.pids)"
	done_by PUT /1.0/machines/web/state '{"action":"start","wait":true}'
	same state running "$(field web state)"
	done_by PUT /1.0/machines/web/state '{"action":"freeze"}'
	same state paused "$(field web state)"
	done_by PUT /1.0/machines/web/state '{"action":"unfreeze"}'
	done_by PUT /1.0/machines/web/state '{"action":"restart","force":true}'
	done_by PUT /1.0/machines/web/state '{"action":"stop","timeout":"5s"}'
	same state stopped "$(field web state)"
	done_by POST /1.0/machines/web/snapshots '{"name":"s1"}'
	done_by POST /1.0/machines/web/snapshots/s1 '{"name":"s2"}'
	done_by PUT /1.0/machines/web/snapshots/s2 '{"action":"restore"}'
	done_by POST /1.0/machines '{"name":"copy","source":{"type":"copy","machine":"web","snapshot":"s2"}}'
	same "what a clone gives" copy "$(jq -r .metadata.result.name "$T/answer")"
	done_by DELETE /1.0/machines/web/snapshots/s2
	same snapshots '[]' "$(get /1.0/machines/web/snapshots)"
	done_by POST /1.0/machines/copy '{"name":"other"}'
	done_by DELETE /1.0/machines/other
	done_by PUT /1.0/machines/web/state '{"action":"start"}'
	refused 409 "" DELETE /1.0/machines/web
	done_by DELETE '/1.0/machines/web?force=1'
	same machines '[]' "$(get /1.0/machines)"
}

case_parts() {
	berth create bb web
	done_by POST /1.0/machines/web/forwards '{"protocol":"tcp","port":"8091:80"}'
	same forward '"8091"' "$(get /1.0/machines/web/forwards/tcp-8091 | jq -c .port)"
	done_by DELETE /1.0/machines/web/forwards/tcp-8091
	done_by POST /1.0/networks '{"name":"office","config":{"subnet":"10.77.0.0/24"}}'
	done_by PATCH /1.0/networks/office '{"config":{"domain":"office"}}'
	same domain office "$(berth network get office domain)"
	done_by POST /1.0/machines/web/nics '{"name":"eth1","network":"office"}'
	same nic '"office"' "$(get /1.0/machines/web/nics/eth1 | jq -c .network)"
	done_by DELETE /1.0/machines/web/nics/eth1
	done_by DELETE /1.0/networks/office
	done_by POST /1.0/volumes '{"name":"data","description":"of web"}'
	done_by POST /1.0/machines/web/volumes '{"volume":"data","target":"/srv"}'
	done_by DELETE /1.0/machines/web/volumes/data
	done_by POST /1.0/volumes/data/snapshots '{"name":"s"}'
	refused 501 "made without quotas" PUT /1.0/volumes/data/state '{"action":"resize","size":"2G"}'
	done_by DELETE /1.0/volumes/data
	done_by POST /1.0/templates '{"name":"two","source":{"type":"machine","machine":"web"}}'
	done_by PATCH /1.0/templates/two '{"config":{"description":"of web"}}'
	same description "of web" "$(berth template get two description)"
	done_by DELETE /1.0/templates/two
	gone web
}

case_settings() {
	local tag before
	berth create bb web
	before=$(berth get web --json)
	tag=$(REQUEST_METHOD=GET PATH_INFO=/1.0/machines/web berth api --cgi | sed -n 's/^ETag: //p')
	done_by PATCH /1.0/machines/web '{"config":{"limits.pids":400,"label.a":"1","boot.autostart":true}}' --header "If-Match: $tag"
	same pids "400 1 yes" "$(berth get web limits.pids) $(berth get web label.a) $(berth get web boot.autostart)"
	# A client with earlier settings does not overwrite those of now.
	refused 412 "have changed meanwhile" PATCH /1.0/machines/web '{"config":{"limits.pids":300}}' --header "If-Match: $tag"
	same pids 400 "$(berth get web limits.pids)"
	done_by PATCH /1.0/machines/web '{"config":{"label.a":null}}'
	same "a label that was put back" null "$(get /1.0/machines/web | jq -c '.config["label.a"]')"
	# All of it as it was: what is not named goes back to its default.
	done_by PUT /1.0/machines/web '{"config":{"limits.pids":450}}'
	same pids "450 no" "$(berth get web limits.pids) $(berth get web boot.autostart)"
	done_by PUT /1.0/machines/web "$(jq -c '{config: .}' <<<"$before")"
	same "as before" "$before" "$(berth get web --json)"
	# A PUT of which one half cannot be done does not begin with the other.
	berth set web label.b=2
	refused 400 "unknown key 'limits.pdis'" PUT /1.0/machines/web "$(jq -c '{config: (. + {"limits.pdis": 1})}' <<<"$before")"
	refused 400 "limits.pids" PUT /1.0/machines/web "$(jq -c '{config: (. + {"label.c": "3", "limits.pids": "many"})}' <<<"$before")"
	same "the other half" "2" "$(berth get web label.b)"
	berth unset web label.b
	refused 400 "unknown key 'limits.pdis'" PATCH /1.0/machines/web '{"config":{"limits.pdis":1}}'
	refused 400 "unknown field 'confg'" PATCH /1.0/machines/web '{"confg":{}}'
	refused 404 "machine 'none'" PATCH /1.0/machines/none '{"config":{}}'
	gone web
}

case_refused() {
	berth create bb web
	refused 400 "unknown field 'actoin'; did you mean 'action'" PUT /1.0/machines/web/state '{"actoin":"start","action":"start"}'
	refused 400 "cannot be 'strat'; did you mean 'start'" PUT /1.0/machines/web/state '{"action":"strat"}'
	refused 400 "must be one of: start, stop" PUT /1.0/machines/web/state '{}'
	refused 400 "unknown field 'force'" PUT /1.0/machines/web/state '{"action":"start","force":true}'
	refused 400 "needs a field 'source.template'" POST /1.0/machines '{"source":{"type":"template"}}'
	refused 400 "unknown field 'sorce'; did you mean 'source'" POST /1.0/machines '{"name":"m","sorce":{"type":"template","template":"bb"}}'
	refused 400 "name '--force'" POST /1.0/machines '{"name":"--force","source":{"type":"template","template":"bb"}}'
	refused 400 "unknown field 'source.template'" POST /1.0/machines '{"source.template":"bb","source":{"type":"template","template":"bb"}}'
	refused 400 "'source' must be an object, with 'type'" POST /1.0/machines '{"source":"bb"}'
	refused 400 "If-Match is for PUT and PATCH" PUT /1.0/machines/web/state '{"action":"start"}' --header 'If-Match: "1"'
	refused 400 "is no JSON" POST /1.0/machines '{"name"'
	refused 400 "a string has a NUL character" POST /1.0/machines '{"name":"a\u0000"}'
	refused 400 "no object" POST /1.0/machines '[]'
	refused 400 "'--help'" POST /1.0/machines '{"name":"c","source":{"type":"template","template":"--help"}}'
	refused 409 "exists already" POST /1.0/machines '{"name":"web","source":{"type":"template","template":"bb"}}'
	refused 404 "machine 'none'" PUT /1.0/machines/none/state '{"action":"start"}'
	refused 404 "no operation" GET /1.0/operations/none
	refused 400 "no limits.nothing|unknown key" POST /1.0/machines '{"name":"c","source":{"type":"template","template":"bb"},"config":{"limits.nothing":1}}'
	same machines '["/1.0/machines/web"]' "$(get /1.0/machines)"
	gone web
}

# Without a wait the answer comes at once, and the operation can be asked for, waited for, and found in the list.
case_operation() {
	local path
	berth create bb web
	printf '{"action":"start","wait":true}' |
		CONTENT_LENGTH=30 CONTENT_TYPE=application/json REQUEST_METHOD=PUT PATH_INFO=/1.0/machines/web/state berth api --cgi >"$T/answer"
	has "^Status: 202 Accepted" "$(cat "$T/answer")"
	path=$(sed -n 's/^Location: //p' "$T/answer")
	has '^/1.0/operations/' "$path"
	same operation "$path" "$(sed '1,/^$/d' "$T/answer" | jq -r .operation)"
	same ended Success "$(get "$path/wait?timeout=60" | jq -r .status)"
	same state running "$(field web state)"
	same command "berth start --wait -- web" "$(get "$path" | jq -r .command)"
	has "$path" "$(get /1.0/operations)"
	refused 409 "has ended already" DELETE "$path"
	# It is kept an hour; then a request that changes something removes it.
	find "$BERTH_ROOT/run/operations" -name operation.json -exec touch -d '-2 hours' {} +
	done_by PUT /1.0/machines/web/state '{"action":"stop","force":true}'
	refused 404 "no operation" GET "$path"
	gone web
}

# The worker, by the lock that it holds.
worker_of() {
	local inode
	inode=$(stat -c %i "$BERTH_ROOT/run/operations/${1##*/}/lock") &&
		awk -v inode=":$inode" '$6 ~ inode "$" { print $5; found = 1 } END { exit !found }' /proc/locks
}

# begin: an operation that lasts, since another command has the machine's lock. Its path is in $path, the holder in $holder.
begin() {
	berth create bb web
	berth start web
	# Told by the holder itself: the start that has just ended may still have the lock.
	rm -f "$T/held"
	flock --no-fork "$BERTH_ROOT/run/locks/machine.web" sh -c 'echo held >"$0"; exec sleep 1000' "$T/held" &
	holder=$!
	retry 30 test -s "$T/held"
	path=$(berth api --input - PUT /1.0/machines/web/state <<<'{"action":"stop","force":true}' | jq -r .operation)
	worker_of "$path" >"$T/worker"
	same "while it works" Running "$(get "$path" | jq -r .status)"
	same "a short wait" Running "$(get "$path/wait?timeout=0" | jq -r .status)"
}

let_go() {
	kill "$holder"
	wait "$holder" || true
	retry 10 flock --nonblock "$BERTH_ROOT/run/locks/machine.web" true
	gone web
}

# has_end PATH: an operation whose process was killed has a time, the same each time one looks.
has_end() {
	get "$1" >"$T/first"
	jq -e '.ended >= .created and .ended <= now' "$T/first" >"$T/sane" || fault "ended is $(jq .ended "$T/first")" || return
	same again "$(cat "$T/first")" "$(get "$1")"
}

# A wait without a time ends before the server loses its patience, and one that is too long is an hour's.
case_waits() {
	local path holder status router=$BUILD_TREE/berth
	[[ -x $BERTH_LIBEXEC/berth-api ]] || skip "the build has no libmicrohttpd"
	begin
	begin_gateway --idle 0 --limit answer=4
	status=$(curl -sS --unix-socket "$socket" -o "$T/answer" -w '%{http_code}' "http://x$path/wait")
	same "while it works" "200 Running" "$status $(jq -r .metadata.status "$T/answer")"
	kill -KILL "$(cat "$T/worker")"
	same "a wait of years" Failure "$(get "$path/wait?timeout=99999999" | jq -r .status)"
	refused 400 "cannot be 'soon'" GET "$path/wait?timeout=soon"
	end_gateway
	let_go
}

case_killed() {
	local path holder
	begin
	kill -KILL "$(cat "$T/worker")"
	same status Failure "$(get "$path/wait?timeout=30" | jq -r .status)"
	has "was killed" "$(get "$path" | jq -r .error)"
	has_end "$path"
	let_go
}

case_cancelled() {
	local path holder
	begin
	done_by DELETE "$path"
	same status Cancelled "$(get "$path/wait?timeout=30" | jq -r .status)"
	has_end "$path"
	let_go
}

# counted VERB RESULT: how often metrics tells that it has ended so.
counted() {
	berth metrics | sed -n "s/^berth_operations_total{verb=\"$1\",result=\"$2\"} //p"
}

# Each end is counted once, with its time, also when many end at once.
case_counted() {
	local i before
	rm -f "$BERTH_ROOT/run/operations.count"
	not grep -q berth_operations <(berth metrics)
	done_by POST /1.0/machines '{"name":"web","source":{"type":"template","template":"bb"}}'
	same "made" 1 "$(counted create success)"
	done_by POST /1.0/machines/web/snapshots '{"name":"s1"}'
	same "of two words" 1 "$(counted 'snapshot take' success)"
	done_by PUT /1.0/machines/web/state '{"action":"start"}'
	refused 409 "" DELETE /1.0/machines/web
	same "failed" 1 "$(counted delete failure)"
	for i in {1..8}; do
		ask POST /1.0/machines/web/snapshots "{\"name\":\"at-once-$i\"}" >"$T/at-once.$i" &
	done
	wait
	same "at once" 9 "$(berth metrics | awk -F '} ' '/^berth_operations_total{verb="snapshot take"/ { n += $2 } END { print n }')"
	before=$(berth metrics | sed -n 's/^berth_operation_seconds_total{verb="create",result="success"} //p')
	has '^[0-9]+\.[0-9]+$' "$before"
	gone web
	# What no program of berth has written counts nothing.
	printf 'x\n\t\t\t\ncreate\tsuccess\t-1\t5\nstart\tsuccess\t3\t4000000\n' >"$BERTH_ROOT/run/operations.count"
	same "foreign lines" 'berth_operations_total{verb="start",result="success"} 3' "$(berth metrics | grep '^berth_operations_total')"
	rm "$BERTH_ROOT/run/operations.count"
}

# The place of what was made or renamed, whole also for the longest names.
case_location() {
	local long
	long=$(printf 'n%.0s' {1..63})
	place() {
		printf '%s' "$2" | CONTENT_LENGTH=${#2} CONTENT_TYPE=application/json REQUEST_METHOD=POST PATH_INFO=$1 \
			HTTP_PREFER=wait=60 berth api --cgi | sed -n 's/^Location: //p'
	}
	berth create bb web
	same renamed "/1.0/machines/$long" "$(place /1.0/machines/web "{\"name\":\"$long\"}")"
	berth snapshot take "$long" s1
	same "a snapshot" "/1.0/machines/$long/snapshots/$long" "$(place "/1.0/machines/$long/snapshots/s1" "{\"name\":\"$long\"}")"
	same made /1.0/networks/office "$(place /1.0/networks '{"name":"office"}')"
	berth network delete office
	gone "$long"
}

# statuses PATTERN FILE...: those of responses.
statuses() {
	local file
	for file in "${@:2}"; do
		has "$1" "$(jq -r '.status_code // .error_code' "$file")"
	done
}

# Twenty changes at once, with the command line beside them: each ends well or with a cause, none with 500.
case_many() {
	local i pids=()
	for i in {1..10}; do
		ask POST /1.0/machines "{\"name\":\"m$i\",\"source\":{\"type\":\"template\",\"template\":\"bb\"}}" >"$T/many.$i" &
		pids+=($!)
		ask POST /1.0/machines "{\"name\":\"m$(((i + 1) / 2))\",\"source\":{\"type\":\"template\",\"template\":\"bb\"}}" >"$T/many.1$i.x" &
		pids+=($!)
		berth create bb "c$i" >"$T/cli.$i" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}" || true
	statuses '^(200|409)$' "$T"/many.*
	same machines 20 "$(get /1.0/machines | jq length)"
	pids=()
	for i in {1..10}; do
		ask DELETE "/1.0/machines/m$i" >"$T/gone.$i" &
		pids+=($!)
		berth delete "c$i" >"$T/cli.$i" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}" || true
	statuses '^200$' "$T"/gone.*
	same "none is left" '[]' "$(get /1.0/machines)"
}

# Fifty changes at once through the server, with the command line beside them.
case_many_by_http() {
	local i pids=() router=$BUILD_TREE/berth
	[[ -x $BERTH_LIBEXEC/berth-api ]] || skip "the build has no libmicrohttpd"
	begin_gateway --idle 0
	for i in {1..50}; do
		curl -sS --unix-socket "$socket" -H 'Prefer: wait=100' -H 'Content-Type: application/json' -o "$T/http.$i" \
			-d "{\"name\":\"m$((i % 25))\",\"source\":{\"type\":\"template\",\"template\":\"bb\"}}" http://x/1.0/machines &
		pids+=($!)
	done
	for i in {0..24}; do
		berth create bb "m$i" >"$T/cli.$i" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}" || true
	statuses '^(200|409)$' "$T"/http.*
	same machines 25 "$(get /1.0/machines | jq length)"
	same "processes at work" '[]' "$(get '/1.0/operations?recursion=1' | jq -c '[.[] | select(.status == "Running")]')"
	pids=()
	for i in {0..24}; do
		curl -sS --unix-socket "$socket" -X DELETE -H 'Prefer: wait=100' -o "$T/http.$i" "http://x/1.0/machines/m$i" &
		pids+=($!)
	done
	wait "${pids[@]}" || true
	same "none is left" '[]' "$(get /1.0/machines)"
	end_gateway
}

run_cases "$@"
