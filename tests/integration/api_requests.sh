#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Requests of a newcomer to the API: what it leaves alone, and what it refuses before anything is done.
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

# A forward is made as the body says, and the answer tells what its name is.
case_forwards() {
	berth create bb web
	done_by POST /1.0/machines/web/forwards '{"protocol":"tcp","port":"8091:80","mode":"proxy"}'
	same made "tcp-8091 proxy false" "$(jq -r '.metadata | "\(.name) \(.mode) \(.header)"' "$T/answer")"
	done_by POST /1.0/machines/web/forwards '{"protocol":"tcp","port":"8092","header":true}'
	same header "proxy true" "$(get /1.0/machines/web/forwards/tcp-8092 | jq -r '"\(.mode) \(.header)"')"
	done_by POST /1.0/machines/web/forwards '{"protocol":"udp","port":"8093","mode":"nat","name":"dns"}'
	same "by the kernel" "nat false" "$(get /1.0/machines/web/forwards/dns | jq -r '"\(.mode) \(.header)"')"
	refused 400 "'mode' must be one of: proxy, nat" POST /1.0/machines/web/forwards '{"protocol":"tcp","port":"8094","mode":"natt"}'
	refused 400 "'header' is for mode proxy" POST /1.0/machines/web/forwards '{"protocol":"tcp","port":"8094","mode":"nat","header":true}'
	refused 400 "'on_demand' is for mode proxy" POST /1.0/machines/web/forwards '{"protocol":"tcp","port":"8094","mode":"nat","on_demand":true}'
	done_by POST /1.0/machines/web/forwards '{"protocol":"tcp","port":"8096","on_demand":true}'
	same "on demand" "proxy true true" "$(get /1.0/machines/web/forwards/tcp-8096 | jq -r '"\(.mode) \(.on_demand) \(.active)"')"
	same Location "Location: /1.0/machines/web/forwards/tcp-8094" "$(printf '{"protocol":"tcp","port":"8094"}' |
		CONTENT_LENGTH=32 CONTENT_TYPE=application/json REQUEST_METHOD=POST PATH_INFO=/1.0/machines/web/forwards berth api --cgi |
		grep ^Location)"
	same "by the verb" "tcp-8095 false" "$(berth forward add --json web tcp 8095:80 | jq -r '"\(.name) \(.active)"')"
	gone web
}

# The status and its code fit each other, as the manual has them.
case_codes() {
	berth create bb web
	refused 400 "uuid is made by berth" PATCH /1.0/machines/web '{"config":{"uuid":"1"}}'
	same code EINVAL "$(jq -r .code "$T/answer")"
	refused 400 "unknown key 'limits.pdis'" PATCH /1.0/machines/web '{"config":{"limits.pdis":1}}'
	same code EINVAL "$(jq -r .code "$T/answer")"
	same "a folder" "400 EINVAL" "$(berth api --input / POST /1.0/machines | jq -r '"\(.error_code) \(.code)"' || true)"
	refused 400 "'force' cannot be 'yes': use 1 or 0" DELETE '/1.0/machines/web?force=yes'
	refused 400 "'force' cannot be '': use 1 or 0" DELETE '/1.0/machines/web?force'
	gone web
}

# With its head a response shows the ETag, which fits If-Match.
case_include() {
	local tag
	berth create bb web
	berth api --include GET /1.0/machines/web >"$T/answer"
	same status "HTTP/1.1 200 OK" "$(head -n 1 "$T/answer")"
	tag=$(sed -n 's/^ETag: //p' "$T/answer")
	same body web "$(sed '1,/^$/d' "$T/answer" | jq -r .metadata.name)"
	done_by PATCH /1.0/machines/web '{"config":{"description":"a"}}' --header "If-Match: $tag"
	has "^HTTP/1.1 412 Precondition Failed" "$(ask PATCH /1.0/machines/web '{"config":{"description":"b"}}' -i --header "If-Match: $tag" || true)"
	has "^HTTP/1.1 404 Not Found" "$(berth api -i GET /1.0/machines/none || true)"
	gone web
}

# at_once STATUS PATTERN METHOD PATH [BODY]: refused without an operation.
at_once() {
	printf '%s' "${5:-}" | berth api --input - "$3" "$4" >"$T/answer" && fault "${*:3} was taken: $(cat "$T/answer")"
	same "${*:3}" "error $1" "$(jq -r '"\(.type) \(.error_code)"' "$T/answer")"
	has "$2" "$(jq -r .error "$T/answer")"
}

# Causes that can be known before an operation begins are told then.
case_at_once() {
	local from='"name":"c","source":{"type":"template","template":"bb"}' operations
	berth create bb web
	berth snapshot take web s1
	operations=$(get /1.0/operations)
	at_once 400 "unknown key 'limits.pdis'; did you mean 'limits.pids'" POST /1.0/machines "{$from,\"config\":{\"limits.pdis\":1}}"
	at_once 400 "limits.pids cannot be 'many'" POST /1.0/machines "{$from,\"config\":{\"limits.pids\":\"many\"}}"
	at_once 400 "uuid is made by berth" POST /1.0/machines "{$from,\"config\":{\"uuid\":\"1\"}}"
	at_once 404 "template 'bbb'" POST /1.0/machines '{"name":"c","source":{"type":"template","template":"bbb"}}'
	at_once 404 "template 'bbb'" POST /1.0/machines '{"name":"c","source":{"type":"launch","template":"bbb"}}'
	at_once 404 "machine 'wob'" POST /1.0/machines '{"name":"c","source":{"type":"copy","machine":"wob"}}'
	at_once 404 "no snapshot 's2'" POST /1.0/machines '{"name":"c","source":{"type":"copy","machine":"web","snapshot":"s2"}}'
	at_once 404 "no snapshot 's2'" DELETE /1.0/machines/web/snapshots/s2
	at_once 404 "no snapshot 's2'" PUT /1.0/machines/web/snapshots/s2 '{"action":"restore"}'
	at_once 400 "'timeout' cannot be 'soon': use a time" PUT /1.0/machines/web/state '{"action":"stop","timeout":"soon"}'
	at_once 400 "'timeout' cannot be '0'" PUT /1.0/machines/web/state '{"action":"restart","timeout":0}'
	at_once 404 "template 'bbb'" DELETE /1.0/templates/bbb
	at_once 404 "machine 'wob'" POST /1.0/templates '{"name":"t","source":{"type":"machine","machine":"wob"}}'
	at_once 400 "'source.path' must be an absolute path" POST /1.0/templates '{"name":"t","source":{"type":"archive","path":"root.tar"}}'
	at_once 400 "'source.path' must be an absolute path" POST /1.0/templates '{"name":"t","source":{"type":"archive","path":"-"}}'
	at_once 404 "volume 'data'" DELETE /1.0/volumes/data
	at_once 404 "volume 'data'" PUT /1.0/volumes/data/state '{"action":"resize","size":"2G"}'
	same "no operation has begun" "$operations" "$(get /1.0/operations)"
	gone web
}

run_cases "$@"
