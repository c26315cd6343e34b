#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Forwards on demand: how long a connection waits, for what, and what is told of those that wait in vain.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

readonly peer=$top/tests/integration/proxy_peer.py
readonly page="HTTP/1.1 200 OK"
# A server that begins when it is told to, by a file.
readonly late="/bin/busybox sh -c 'while [ ! -e /go ]; do sleep 0.1; done; exec /bin/busybox httpd -f -p 80 -h /etc'"

set_up() {
	busybox_template bb
	berth network create lan --subnet 10.77.3.0/24
	berth create --network lan bb web
	# An init that tells nobody that it has booted.
	printf '#!/bin/sh\ntrap "exit 0" TERM\n%s &\nwhile :; do wait; sleep 0.1; done\n' "${late#/bin/busybox sh -c }" |
		sed "s/^'\(.*\)' &/(\1) \&/" >"$T/quiet"
	chmod +x "$T/quiet"
	berth push "$T/quiet" web:/quiet
	berth forward add --on-demand web tcp 8080:80
}

# ask: the first line that the machine's server answers, "" if none does.
ask() {
	python3 "$peer" get 127.0.0.1 8080 "$(patience 100)" $'GET /passwd HTTP/1.1\r\n\r\n' 2>"$T/asked" | tr -d '\r'
}

# asks: the same in the background, into $T/answer.
asks() {
	ask >"$T/answer" &
	asking=$!
}

woken() {
	berth events --no-follow --json web | grep -c "\"event\":\"$1\"" || true
}

go() {
	berth exec web -- touch /go
}

# again: the machine is stopped, and its server waits at its next start.
again() {
	berth exec web -- rm -f /go
	berth stop --force web
}

is_old() {
	(($(date +%s) - $1 >= 12))
}

case_server_that_comes_late() {
	local began
	berth set web app.command="$late"
	asks
	retry 30 state_is web running
	retry 30 booted
	began=$(date +%s)
	retry 30 is_old "$began"
	kill -0 "$asking"
	go
	wait "$asking"
	same "longer after the boot than any deadline before" "$page" "$(cat "$T/answer")"
	same "no failure" 0 "$(woken wake-failed)"
	# Also one that comes while the first waits, and after it.
	again
	asks
	retry 30 booted
	python3 "$peer" get 127.0.0.1 8080 "$(patience 60)" $'GET /passwd HTTP/1.1\r\n\r\n' >"$T/second" &
	go
	wait
	same "the first" "$page" "$(cat "$T/answer")"
	same "the second" "$page" "$(tr -d '\r' <"$T/second")"
	again
}

booted() {
	[[ $(field web booted) == true ]]
}

quiet() {
	berth unset web app.command
	berth set web init=/quiet
}

case_init_that_never_tells() {
	quiet
	asks
	retry 30 state_is web running
	go
	wait "$asking"
	same "before its init tells that it has booted" "$page false" "$(cat "$T/answer") $(field web booted)"
	same "another one at once" "$page false" "$(ask) $(field web booted)"
	again
	berth unset web init
}

case_stopped_by_hand() {
	local starts
	quiet
	asks
	retry 30 state_is web running
	berth stop --force web
	wait "$asking"
	empty "what was answered" "$T/answer"
	same "no failure" 0 "$(woken wake-failed)"
	state_is web stopped
	lacks "could not start" "$(berth doctor 2>&1)"
	# The next connection starts it at once.
	starts=$(woken started)
	asks
	retry 30 state_is web running
	same started $((starts + 1)) "$(woken started)"
	go
	wait "$asking"
	same "the next one" "$page" "$(cat "$T/answer")"
	again
	berth unset web init
}

failure() {
	berth forward list --json web | jq -r '.[0].failure'
}

case_failure_is_told() {
	local told
	berth set web app.command="/bin/busybox httpd -f -p 80 -h /etc"
	same "none yet" null "$(failure)"
	mkdir "$T/shared"
	berth mount web "$T/shared" /mnt
	rmdir "$T/shared"
	silent closed ask
	told=$(woken wake-failed)
	has "/shared" "$(failure)"
	has " on-demand +failed$" "$(berth forward list web 2>"$T/said")"
	has "forward 'tcp-8080' could not start machine 'web' .*: .*/shared" "$(cat "$T/said")"
	has "forward 'tcp-8080' of machine 'web' could not start it for the last connection.*/shared" "$(berth doctor 2>&1)"
	mkdir "$T/shared"
	berth start --wait web
	same "while it runs" null "$(failure)"
	same answered "$page" "$(ask)"
	berth stop --force web
	# A success ends it.
	retry 60 answers
	same "after one that succeeded" null "$(failure)"
	same "told once" "$told" "$(woken wake-failed)"
	lacks "could not start" "$(berth doctor 2>&1)"
	berth unmount web /mnt
	berth stop --force web
	berth unset web app.command
}

answers() {
	[[ $(ask) == "$page" ]]
}

case_stop_all_is_no_problem() {
	local said
	berth stop --all --force
	said=$(berth doctor 2>&1 || true)
	has "^note +forward +.*'tcp-8080' of machine 'web' does not listen on port 8080: all machines were stopped" "$said"
	lacks "has no process that listens" "$said"
	berth network up lan
	lacks "does not listen on port" "$(berth doctor 2>&1)"
}

# The forward opens the host: it comes with a stream that is trusted, and listens.
case_export_and_import() {
	berth set web app.command="/bin/busybox httpd -f -p 80 -h /etc"
	berth export web "$T/web.stream"
	berth delete --force web
	silent "the port is free" ask
	berth import "$T/web.stream" web 2>"$T/said"
	has "settings that open 'web' to this host were left out: forward tcp-8080" "$(cat "$T/said")"
	silent "nobody listens" ask
	berth delete web
	berth import --trust "$T/web.stream" web
	same "its forward" '["tcp-8080",true,true]' "$(berth forward list --json web | jq -c '.[0] | [.name, .on_demand, .active]')"
	same "after the import" "$page" "$(ask)"
	state_is web running
	berth stop --force web
	berth unset web app.command
}

run_cases "$@"
