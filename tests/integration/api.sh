#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The API without a server: what berth api answers to requests that look, and what it refuses.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

set_up() {
	busybox_template bb
}

# get PATH [OPTION...]: the metadata of a response, compact.
get() {
	berth api "${@:2}" GET "$1" | jq -c .metadata
}

# cgi METHOD PATH [QUERY]: head and body as a server gets them; HTTP_... and REMOTE_USER come from the environment.
cgi() {
	REQUEST_METHOD=$1 PATH_INFO=$2 QUERY_STRING=${3:-} berth api --cgi
}

cgi_body() {
	cgi "$@" | sed '1,/^$/d'
}

# refused CODE STATUS PATTERN WORD...: berth api ends with CODE, and its body is an error of that status.
refused() {
	local code=$1 status=$2 pattern=$3 got=0
	shift 3
	timeout 60 berth api "$@" >"$T/out" 2>"$T/err" </dev/null || got=$?
	same "exit code of $*" "$code" "$got"
	empty "standard error of $*" "$T/err"
	same "status of $*" "error $status" "$(jq -r '"\(.type) \(.error_code)"' "$T/out")"
	has "$pattern" "$(jq -r .error "$T/out")"
}

case_root() {
	same / '["/1.0"]' "$(get /)"
	same version "$(berth version)" "berth $(get /1.0 | jq -r .version)"
	same extensions '["access_users","changes","console","desktop","desktop_control","desktop_picture","desktop_sound","etag","events_since","events_sse","exec","files","filter_label","filter_state","if_match","metrics","operations","recursion"]' \
		"$(get /1.0 | jq -c '.api_extensions | sort')"
	same host "$(uname -n) $(uname -r)" "$(get /1.0 | jq -r '.host | "\(.name) \(.kernel)"')"
	same envelope '["metadata","status","status_code","type"] sync Success 200' \
		"$(berth api GET /1.0 | jq -r '"\(keys | tojson) \(.type) \(.status) \(.status_code)"')"
	same "small letters, a slash at the end" '["/1.0"]' "$(berth api get '/' | jq -c .metadata)"
	same "a slash at the end" "[]" "$(get /1.0/machines/)"
}

# What the API shows is what --json shows.
case_same_as_json() {
	local pair
	up web --set label.role=web
	berth snapshot take web s1
	berth forward add web tcp 8090:80
	berth volume create data
	for pair in "machines list" "templates template_list" "pools pool_list" "networks network_list" \
		"volumes volume_list" "forwards forward_list" "nics nic_list" \
		"machines/web/snapshots snapshot_list_web" "machines/web/forwards forward_list_web" \
		"machines/web/nics nic_list_web"; do
		# shellcheck disable=SC2046,SC2086 # words
		same "${pair% *}" "$(berth $(tr _ ' ' <<<"${pair#* }") --json | jq -Sc .)" \
			"$(get "/1.0/${pair% *}?recursion=1" | jq -Sc .)"
	done
	for pair in "templates/bb template info bb" "networks/default network info default" "volumes/data volume info data"; do
		# shellcheck disable=SC2086 # words
		same "${pair%% *}" "$(berth ${pair#* } --json | jq -Sc 'del(.config, .leases[]?.traffic)')" \
			"$(get "/1.0/${pair%% *}" | jq -Sc 'del(.config, .leases[]?.traffic)')"
	done
	same machine "$(berth info web --json | jq -Sc 'del(.traffic)')" "$(get /1.0/machines/web | jq -Sc 'del(.traffic, .config)')"
	same settings "$(berth get web --json | jq -Sc .)" "$(get /1.0/machines/web | jq -Sc .config)"
	same state '"running"' "$(get /1.0/machines/web/state | jq -c .state)"
	same "one snapshot" '"s1"' "$(get /1.0/machines/web/snapshots/s1 | jq -c .name)"
	same "one forward" '"8090"' "$(get /1.0/machines/web/forwards/tcp-8090 | jq -c .port)"
	same "one nic" '"eth0"' "$(get /1.0/machines/web/nics/eth0 | jq -c .name)"
	same pool '"btrfs"' "$(get /1.0/pools/default | jq -c .driver)"
	has '"checks"|"findings"|"host"|name' "$(get /1.0/doctor)"
	has bridge "$(get /1.0/map)"
	same metrics "$(berth metrics | grep '^# TYPE')" "$(berth api GET /1.0/metrics | grep '^# TYPE')"
	has '^Content-Type: text/plain; version=0.0.4' "$(cgi GET /1.0/metrics)"
	berth volume delete data
	gone web
}

case_paths_and_filters() {
	local name role
	for name in a b c; do
		role=$([[ $name == c ]] && echo db || echo web)
		berth create --set label.role="$role" bb "$name"
	done
	berth start --wait b
	same paths '["/1.0/machines/a","/1.0/machines/b","/1.0/machines/c"]' "$(get /1.0/machines)"
	same "paths, said" "$(get /1.0/machines)" "$(get '/1.0/machines?recursion=0')"
	same label '["/1.0/machines/a","/1.0/machines/b"]' "$(get '/1.0/machines?label=role=web')"
	same "label, encoded" '["/1.0/machines/c"]' "$(get '/1.0/machines?label=role%3Ddb')"
	same state '["/1.0/machines/b"]' "$(get '/1.0/machines?state=running')"
	same both '["a"]' "$(get '/1.0/machines?state=stopped&label=role=web&recursion=1' | jq -c 'map(.name)')"
	same "of all machines" '["/1.0/machines/b/nics/eth0"]' "$(get /1.0/nics | jq -c 'map(select(contains("/b/")))')"
	gone a b c
}

case_refused() {
	refused 1 404 "no '/1.0/machine'; did you mean 'machines'" GET /1.0/machine
	refused 1 404 "no '/2.0'" GET /2.0
	refused 1 404 "no '/machines'; paths begin with /1.0" GET /machines
	refused 2 400 "names a file, or is - for standard input: echo '.\"name\":\"x\".' " --input '{"name":"x"}' POST /1.0/machines
	refused 1 404 "no '/1.0/machines/web/snapshots/s/x'" GET /1.0/machines/web/snapshots/s/x
	refused 1 404 "machine 'web'" GET /1.0/machines/web
	refused 1 404 "machine 'web'" GET /1.0/machines/web/logs
	refused 1 404 "template 'no'" GET /1.0/templates/no
	refused 1 405 "no DELETE here; there is GET" DELETE /1.0/doctor
	refused 2 400 "unknown query parameter 'recursoin'; did you mean 'recursion'" GET '/1.0/machines?recursoin=1'
	refused 2 400 "unknown query parameter 'x'; this path has none" GET '/1.0/doctor?x=1'
	refused 2 400 "given twice" GET '/1.0/machines?recursion=1&recursion=0'
	refused 2 400 "cannot be '7': use 0 for paths" GET '/1.0/machines?recursion=7'
	refused 2 400 "cannot be 'x'" GET '/1.0/events?since=x&follow=0'
	refused 2 400 "no method" "G T" /1.0
	refused 2 400 "does not begin with a slash" GET 1.0
	# A server passes on what the method allows.
	has "Status: 405 Method Not Allowed" "$(cgi BREW /1.0/machines)"
	has "^Allow: GET" "$(cgi BREW /1.0/machines)"
}

# Names from a client are neither options, nor patterns, nor paths.
case_hostile_names() {
	local name
	berth create bb web
	for name in --force -h '*' 'w[eb' %2a w%3fb .. %2e%2e 'web%2f..' 'WEB' 'web%20x' 'web;id' '$(id)' "web'"; do
		refused 2 400 "name '" GET "/1.0/machines/$name"
	done
	refused 2 400 "percent sign" GET '/1.0/machines/web%0a'
	refused 2 400 "percent sign" GET '/1.0/machines/web%00'
	refused 2 400 "percent sign" GET '/1.0/machines/web%zz'
	refused 2 400 "percent sign" GET '/1.0/machines/web%2'
	refused 2 400 "empty part" GET '/1.0//web'
	refused 2 400 "8192 bytes" GET "/1.0/machines/$(printf 'x%.0s' {1..9000})"
	refused 1 404 "more than 8 parts" GET /1/2/3/4/5/6/7/8/9
	# A server has decoded the path, and it is not decoded again.
	has "Status: 400" "$(cgi GET '/1.0/machines/%77eb')"
	has "Status: 200" "$(cgi GET /1.0/machines/web)"
	same "a label like an option" '[]' "$(get '/1.0/machines?label=--help')"
	same "still there" '["/1.0/machines/web"]' "$(get /1.0/machines)"
	gone web
}

case_cgi() {
	local tag
	same head "Status: 200 OK|Content-Type: application/json" "$(cgi GET / | sed '/^$/,$d' | grep -v ETag | paste -sd '|')"
	same body '{"type":"sync","status":"Success","status_code":200,"metadata":["/1.0"]}' "$(cgi_body GET /)"
	tag=$(cgi GET /1.0/templates | sed -n 's/^ETag: //p')
	has "Status: 304" "$(HTTP_IF_NONE_MATCH="\"x\", $tag" cgi GET /1.0/templates)"
	HTTP_IF_NONE_MATCH=$tag silent "no body" cgi_body GET /1.0/templates
	has "Status: 200" "$(HTTP_IF_NONE_MATCH='"x"' cgi GET /1.0/templates)"
	has "Status: 404 Not Found" "$(cgi GET /1.0/nothing)"
	has "Status: 403 Forbidden" "$(REMOTE_USER='' cgi GET /1.0)"
	has "Status: 403 Forbidden" "$(REMOTE_USER=nobody cgi GET /1.0)"
	has "Status: 200" "$(REMOTE_USER=root cgi GET /1.0)"
	fails 2 "METHOD and PATH|method and path" berth api --cgi GET /1.0
	has "Status: 400" "$(berth api --cgi)"
}

# A machine without its root is listed as broken, and what is wrong is in the notes.
case_broken() {
	berth create bb web
	mv "$BERTH_ROOT/lib/machines/web/machine.conf" "$T/kept"
	same state '["broken"]' "$(get '/1.0/machines?recursion=1' | jq -c 'map(.state)')"
	same "one alone" '"broken"' "$(get /1.0/machines/web | jq -c .state)"
	has machine.conf "$(berth api GET /1.0/machines/web | jq -r '.notes[]')"
	mv "$T/kept" "$BERTH_ROOT/lib/machines/web/machine.conf"
	gone web
}

# followed: a line of the console has come. One that was written before the reader was there does not.
followed() {
	berth exec web -- sh -c 'echo from the guest >/dev/console'
	grep -q "from the guest" "$T/followed"
}

case_logs() {
	up web
	retry 10 has_text . berth api GET /1.0/machines/web/logs
	same "the same as logs" "$(berth logs web)" "$(berth api GET /1.0/machines/web/logs)"
	same "one line" "$(berth logs -n 1 web)" "$(berth api GET '/1.0/machines/web/logs?lines=1')"
	same head "Status: 200 OK|Content-Type: text/plain; charset=utf-8" \
		"$(cgi GET /1.0/machines/web/logs | sed '/^$/,$d' | paste -sd '|')"
	has "Status: 404" "$(cgi GET /1.0/machines/none/logs follow=1)"
	# What comes is passed on until the reader goes.
	berth api GET '/1.0/machines/web/logs?follow=1&lines=0' >"$T/followed" &
	retry 30 followed
	kill $!
	wait $! || true
	gone web
}

has_text() {
	"${@:2}" | grep -q "$1"
}

# Every event has a number, behind which a stream begins.
case_events() {
	local last
	berth create bb web
	berth start --wait web
	berth stop web
	same lines "$(berth events --json --since 0 --no-follow)" "$(berth api GET '/1.0/events?since=0&follow=0')"
	last=$(berth events --json --since 0 --no-follow | tail -n 1 | jq .seq)
	silent "by address" berth api GET "/1.0/events?since=$last&follow=0"
	HTTP_LAST_EVENT_ID=$last silent "by header" cgi_body GET /1.0/events 'since=0&follow=0'
	same "the last one" "$last" "$(HTTP_LAST_EVENT_ID=$((last - 1)) cgi_body GET /1.0/events follow=0 | jq .seq)"
	same frames "id: $last data: $last" \
		"$(HTTP_ACCEPT=text/event-stream cgi_body GET /1.0/events "since=$((last - 1))&follow=0" |
			sed -E 's/^data: .*"seq": ?([0-9]+).*/data: \1/' | xargs)"
	has "^Content-Type: text/event-stream" "$(HTTP_ACCEPT=text/event-stream cgi GET /1.0/events follow=0)"
	# What is no number and no span is refused before the head.
	has "Status: 400" "$(HTTP_LAST_EVENT_ID=x cgi GET /1.0/events follow=0)"
	# Another machine's events are left out.
	silent "of another" berth api GET '/1.0/events?since=0&follow=0&machine=other'
	gone web
}

# A stream goes on while there is a reader, and ends with it. Its head comes before the first event.
case_events_follow() {
	local reader server
	mkfifo "$T/pipe"
	HTTP_ACCEPT=text/event-stream REQUEST_METHOD=GET PATH_INFO=/1.0/events berth api --cgi >"$T/pipe" &
	server=$!
	cat "$T/pipe" >"$T/read" &
	reader=$!
	retry 10 grep -q "^Status: 200 OK" "$T/read"
	berth create bb web
	retry 10 grep -q '^data: .*"created"' "$T/read"
	kill "$reader"
	wait "$reader" || true
	retry 10 has_ended "$server"
	rm "$T/pipe"
	gone web
}

has_ended() {
	! kill -0 "$1" 2>/dev/null
}

run_cases "$@"
