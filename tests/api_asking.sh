# SPDX-License-Identifier: GPL-2.0-or-later
# Requests to the API that change something, as the tests make them. Sourced after tests/lib.sh.
# shellcheck shell=bash

[[ -n ${BERTH_TEST_INSIDE:-} ]] || return 0

# ask METHOD PATH [BODY [OPTION...]]: the response, which waits for its operation.
ask() {
	printf '%s' "${3:-}" | berth api --header "Prefer: wait=60" --input - "${@:4}" "$1" "$2"
}

# done_by METHOD PATH [BODY]: it has succeeded.
done_by() {
	local status
	ask "$@" >"$T/answer" || fault "$*: $(cat "$T/answer")"
	status=$(jq -r '"\(.type) \(.status_code)"' "$T/answer")
	same "$*" "sync 200" "$status"
}

# refused STATUS PATTERN METHOD PATH [BODY [OPTION...]]
refused() {
	! ask "${@:3}" >"$T/answer" || fault "${*:3} was taken: $(cat "$T/answer")" || return
	same "${*:3}" "error $1" "$(jq -r '"\(.type) \(.error_code)"' "$T/answer")"
	has "$2" "$(jq -r .error "$T/answer")"
}

get() {
	berth api GET "$1" | jq -c .metadata
}
