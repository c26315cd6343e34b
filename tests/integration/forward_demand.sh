#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Forwards on demand: a connection starts or resumes the machine, and waits for it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"
# shellcheck source=tests/outside.sh
. "$top/tests/outside.sh"
needs_faults="case_killed"

readonly peer=$top/tests/integration/proxy_peer.py
readonly page="HTTP/1.1 200 OK"

# A host outside, in a network namespace of its own, as 2001:db8:9::2 and 192.0.2.2; this host has ::1 and .1 there.
set_up() {
	busybox_template bb
	make_outside6
	berth create --network lan bb web
	berth set web app.command="/bin/busybox httpd -f -p 80 -h /etc"
}

tear_down() {
	end_outside
}

# ask ADDRESS PORT: the first line that the machine's server answers, "" if none does; ask_outside: from there.
ask() {
	python3 "$peer" get "$1" "$2" "$(patience 60)" $'GET /passwd HTTP/1.1\r\n\r\n' 2>"$T/asked" | tr -d '\r'
}

ask_outside() {
	outside python3 "$peer" get "$1" "$2" "$(patience 60)" $'GET /passwd HTTP/1.1\r\n\r\n' 2>"$T/asked" | tr -d '\r'
}

# parent MACHINE: the process that has rights; child: the one that serves.
parent() {
	sed -n 2p "$BERTH_ROOT/run/forwards/$1/tcp-8080"
}

child() {
	pgrep -P "$(parent "$1")" -f 'berth-forward'
}

# listens MACHINE: whether its forward does.
listens() {
	[[ $(berth forward list --json "$1" | jq -c '.[0] | [.on_demand, .active]') == "[true,true]" ]]
}

# no_process: none is left, nor a note of one.
no_process() {
	silent "notes" find "$BERTH_ROOT/run/forwards" -mindepth 1
}

case_stopped() {
	berth forward add --on-demand web tcp 8080:80
	state_is web stopped
	same list "web tcp-8080 tcp * 8080 80 on-demand yes" "$(berth forward list | tail -n 1 | xargs -n 1 | paste -sd ' ')"
	has 'tcp-8080, 8080/tcp to 80 by a process of the host, on demand$' "$(berth info web)"
	same "a host outside" "$page" "$(ask_outside 2001:db8:9::1 8080)"
	state_is web running
	same "by IPv4" "$page" "$(ask_outside 192.0.2.1 8080)"
	same "loopback" "$page" "$(ask ::1 8080)"
	berth forward remove web 8080
	silent removed ask 127.0.0.1 8080
	no_process
	berth stop --force web
}

# woken EVENT: how many events of that name there are of the machine web.
woken() {
	berth events --no-follow --json web | grep -c "\"event\":\"$1\"" || true
}

# A machine that is paused, that is about to end, that reboots.
case_states() {
	local pid
	berth start --wait web
	berth forward add --on-demand web tcp 8080:80
	pid=$(parent web)
	same running "$page" "$(ask 127.0.0.1 8080)"
	berth pause web
	same paused "$page" "$(ask 127.0.0.1 8080)"
	state_is web running
	berth stop web &
	same "stopped meanwhile" "$page" "$(ask 127.0.0.1 8080)"
	wait
	state_is web running
	berth kill web
	same killed "$page" "$(ask 127.0.0.1 8080)"
	berth restart --force web
	same restarted "$page" "$(ask 127.0.0.1 8080)"
	same "one process for all" "$pid" "$(parent web)"
	berth stop --force web
	berth set web network.address=10.77.1.99
	same "another address" "$page" "$(ask 127.0.0.1 8080)"
	same "the same process" "$pid" "$(parent web)"
	berth unset web network.address
	berth forward remove web 8080
	berth stop --force web
}

# All that come meanwhile wait for one start.
case_many() {
	local i started
	berth forward add --on-demand web tcp 8080:80
	started=$(woken started)
	for i in {1..20}; do
		python3 "$peer" get 127.0.0.1 8080 "$(patience 60)" $'GET /passwd HTTP/1.1\r\n\r\n' >"$T/answer.$i" &
	done
	wait
	same answers 20 "$(cat "$T"/answer.* | tr -d '\r' | grep -cx "$page")"
	same starts $((started + 1)) "$(woken started)"
	same "no failure" 0 "$(woken wake-failed)"
	berth forward remove web 8080
	berth stop --force web
}

# A connection is closed when the start fails. That is told once, and connections do not start it over and over.
case_failure() {
	local i failed tries began=$SECONDS
	berth forward add --on-demand web tcp 8080:80
	mkdir "$T/shared"
	berth mount web "$T/shared" /mnt
	rmdir "$T/shared"
	failed=$(woken failed)
	silent closed ask 127.0.0.1 8080
	has "reset|closed|refused" "$(cat "$T/asked" && echo closed)"
	for i in {1..4}; do
		silent "closed at once, $i" ask 127.0.0.1 8080
	done
	# One, and one more for every five seconds that all of this took.
	tries=$(($(woken failed) - failed))
	[[ $tries -ge 1 && $tries -le $((1 + (SECONDS - began) / 5)) ]] || fault "$tries tries to start it in $((SECONDS - began)) s"
	same told 1 "$(woken wake-failed)"
	has "wake-failed .*a connection to forward 'tcp-8080': .*/shared" "$(berth events --no-follow web)"
	has "a connection to forward 'tcp-8080': .*/shared" "$(cat "$BERTH_ROOT/lib/machines/web/keeper.log")"
	# The next try fails too, and is not told.
	retry 30 tried_again $((failed + tries + 1))
	same "told once" 1 "$(woken wake-failed)"
	mkdir "$T/shared"
	retry 60 answers
	berth unmount web /mnt
	berth forward remove web 8080
	berth stop --force web
}

tried_again() {
	ask 127.0.0.1 8080
	[[ $(woken failed) -ge $1 ]]
}

answers() {
	[[ $(ask 127.0.0.1 8080) == "$page" ]]
}

case_life() {
	local pid
	berth forward add --on-demand web tcp 8080:80
	fails 1 "has this forward already" berth forward add --on-demand web tcp 8080:80
	same rights "65534 65534 0000000000000000 1 2" \
		"$(awk '/^Uid:|^Gid:/ { print $2 } /^CapPrm|^NoNewPrivs|^Seccomp:/ { print $2 }' "/proc/$(child web)/status" | paste -sd ' ')"
	# Either process ends with the other.
	pid=$(child web)
	kill -9 "$(parent web)"
	retry 10 gone_process "$pid"
	has "forward 'tcp-8080' of machine 'web' has no process that listens on port 8080" "$(berth doctor 2>&1)"
	same "not active" '[true,false]' "$(berth forward list --json web | jq -c '.[0] | [.on_demand, .active]')"
	has 'on demand, not active$' "$(berth info web)"
	berth network up lan
	listens web
	pid=$(parent web)
	kill -9 "$(child web)"
	retry 10 gone_process "$pid"
	berth forward add --on-demand web tcp 8080:80
	lacks "has no process that listens" "$(berth doctor 2>&1)"
	berth rename web shop
	listens shop
	same "under its new name" "$page" "$(ask 127.0.0.1 8080)"
	state_is shop running
	no_notes_of web
	has "forward 'tcp-8080' stays with 'shop'" "$(berth clone shop other 2>&1)"
	berth stop --all --force
	no_process
	berth autostart
	listens shop
	state_is shop stopped
	same "after autostart" "$page" "$(ask 127.0.0.1 8080)"
	berth stop --force shop
	berth rename shop web
	berth clone web copy
	berth delete other
	berth forward add --on-demand copy tcp 8081:80
	berth delete copy
	silent deleted ask 127.0.0.1 8081
	no_notes_of copy
	berth forward remove web 8080
	no_process
}

gone_process() {
	! kill -0 "$1"
}

no_notes_of() {
	[[ ! -e $BERTH_ROOT/run/forwards/$1 ]] || fault "there are notes of forwards of '$1'"
}

# A port is a stopped machine's, and no way leads to a private network.
case_refused() {
	berth create --network lan bb two
	berth forward add --on-demand web tcp 8080:80
	fails 1 "machine 'web' waits for connections to that port of the host" berth forward add two tcp 8080:80
	fails 2 "cannot be of udp in mode proxy" berth forward add --on-demand web udp 53
	printf '\n[forward x]\nport = 81\non_demand = yes\n' >>"$BERTH_ROOT/lib/machines/two/machine.conf"
	fails 1 "cannot have on_demand 'yes' in mode nat" berth start two
	berth network create hidden kind=private
	berth set web network=hidden
	silent private ask 127.0.0.1 8080
	berth set web network=lan
	listens web
	berth set web network=
	silent "no network" ask 127.0.0.1 8080
	berth set web network=lan
	# Nothing is started while a command stops all machines.
	exec 7>"$BERTH_ROOT/run/locks/stopping"
	flock 7
	silent stopping ask 127.0.0.1 8080
	exec 7>&-
	has "all machines are being stopped" "$(berth events --no-follow web)"
	state_is web stopped
	berth forward remove web 8080
	berth delete two
	berth network delete hidden
}

case_described() {
	printf '[machine web]\ntemplate = bb\nnetwork = lan\napp.command = /bin/busybox httpd -f -p 80 -h /etc\nstate = stopped\n[forward http]\nport = 8080\ntarget = 80\nmode = proxy\non_demand = yes\n' >"$T/described"
	berth apply "$T/described"
	same applied "$page" "$(ask 127.0.0.1 8080)"
	berth stop --force web
	has "nothing to do" "$(berth apply "$T/described" 2>&1)"
	sed -i '/^on_demand/d' "$T/described"
	has "forward.http" "$(berth apply "$T/described")"
	no_process
	berth forward remove web http
}

# connected MACHINE COUNT: so many connections lead to its server.
connected() {
	[[ $(nsenter --net="/proc/$(field "$1" init)/ns/net" ss -tnH state established "sport = :80" | wc -l) == "$2" ]]
}

# stays MACHINE: running, for longer than the time without a use, in which its keeper has looked.
stays() {
	local looks=0
	while ((looks < 40)); do
		state_is "$1" running || return
		sleep 0.1
		looks=$((looks + 1))
	done
}

# A connection is a use of the machine. One that was stopped or paused since nobody used it comes back.
case_idle() {
	local pid
	berth set web desktop.idle=stop desktop.idle.after=2s
	berth forward add --on-demand web tcp 8080:80
	same first "$page" "$(ask 127.0.0.1 8080)"
	retry 20 state_is web stopped
	mkfifo "$T/wait"
	python3 "$peer" hold 127.0.0.1 8080 <>"$T/wait" &
	pid=$!
	retry 20 connected web 1
	stays web
	kill "$pid"
	wait "$pid" || true
	retry 20 state_is web stopped
	berth set web desktop.idle=pause
	same again "$page" "$(ask 127.0.0.1 8080)"
	retry 20 state_is web paused
	same paused "$page" "$(ask 127.0.0.1 8080)"
	state_is web running
	berth forward remove web 8080
	berth stop --force web
	berth unset web desktop.idle desktop.idle.after
}

# new_copy: of the machine, with a forward of its own.
new_copy() {
	berth clone web copy 2>"$T/out"
	berth forward add --on-demand copy tcp 8081:80
}

# Killed at each point: the same command again is right, and nothing is left.
case_killed() {
	local point
	for point in $(points berth forward add --on-demand web tcp 8080:80); do
		berth forward remove web 8080 2>"$T/out" || true
		BERTH_FAULT=$point not_kindly berth forward add --on-demand web tcp 8080:80
		berth forward add --on-demand web tcp 8080:80 2>"$T/out" || has "has this forward already" "$(cat "$T/out")"
		listens web || fault "does not listen after $point"
	done
	for point in $(points berth forward remove web 8080); do
		berth forward add --on-demand web tcp 8080:80 2>"$T/out" || true
		BERTH_FAULT=$point not_kindly berth forward remove web 8080
		berth forward remove web 8080 2>"$T/out" || has "has no forward" "$(cat "$T/out")"
		silent "removed after $point" ask 127.0.0.1 8080
		no_process
	done
	berth forward add --on-demand web tcp 8080:80
	for point in $(points berth rename web shop); do
		berth rename shop web 2>"$T/out" || true
		BERTH_FAULT=$point not_kindly berth rename web shop
		berth list >"$T/out"
		berth rename web shop 2>"$T/out" || true
		berth network up lan
		listens shop || fault "does not listen after $point"
		no_notes_of web
	done
	berth rename shop web
	new_copy
	for point in $(points berth delete copy); do
		new_copy
		BERTH_FAULT=$point not_kindly berth delete copy
		berth list >"$T/out"
		berth delete copy 2>"$T/out" || has "no machine 'copy'" "$(cat "$T/out")"
		no_notes_of copy
	done
	# The start that a connection has begun is killed, and the next connection is answered.
	for point in start-forwarded:1 start-attached:1; do
		berth forward remove web 8080
		BERTH_FAULT=$point berth forward add --on-demand web tcp 8080:80
		silent "killed at $point" ask 127.0.0.1 8080
		berth forward remove web 8080
		berth forward add --on-demand web tcp 8080:80
		same "after $point" "$page" "$(ask 127.0.0.1 8080)"
		berth stop --force web
	done
	berth forward remove web 8080
	no_process
}

run_cases "$@"
