#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Forwards whose connections a process of the host passes on.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"
# shellcheck source=tests/outside.sh
. "$top/tests/outside.sh"
needs_faults="case_killed"

readonly peer=$top/tests/integration/proxy_peer.py

# A host outside, in a network namespace of its own, as 2001:db8:9::2 and 192.0.2.2; this host has ::1 and .1 there.
set_up() {
	busybox_template bb
	make_outside6
}

tear_down() {
	end_outside
}

# serve MACHINE KIND PORT [ARGUMENT]: a server in the machine's network, on both families.
serve() {
	nsenter --net="/proc/$(field "$1" init)/ns/net" python3 "$peer" serve "${@:2}" &
	echo $! >>"$T/servers"
	retry 10 answers_there "$1" "$3"
}

# ask ADDRESS PORT [WORDS]: what a server says, "" if none does. ask_outside, ask_from MACHINE: from there.
ask() {
	python3 "$peer" get "$1" "$2" "$(patience 5)" "${3-}" 2>"$T/asked"
}

ask_outside() {
	outside python3 "$peer" get "$1" "$2" "$(patience 5)" "${3-}" 2>"$T/asked"
}

ask_from() {
	nsenter --net="/proc/$(field "$1" init)/ns/net" python3 "$peer" get "$2" "$3" "$(patience 5)" 2>"$T/asked"
}

# note MACHINE FORWARD: the file by which the process is known; pid_of: its pid.
note() {
	echo "$BERTH_ROOT/run/forwards/$1/$2"
}

pid_of() {
	sed -n 2p "$(note "$1" "$2")"
}

active() {
	berth forward list --json "$1" | jq -r '[.[] | select(.active) | .name] | join(" ")'
}

is_active() {
	[[ $(active "$1") == "$2" ]]
}

# no_process: none is left, nor a note of one.
no_process() {
	silent "notes" find "$BERTH_ROOT/run/forwards" -mindepth 1
}

case_from_everywhere() {
	local gateway=fd00:77:1:2::1
	berth launch --network lan bb web
	berth launch --network lan bb other
	serve web who 80
	berth forward add --proxy web tcp 8080:80
	same "from outside" "$gateway" "$(ask_outside 2001:db8:9::1 8080)"
	same "from outside by IPv4" 10.77.1.1 "$(ask_outside 192.0.2.1 8080)"
	same "the host's own address" "$gateway" "$(ask 2001:db8:9::1 8080)"
	same loopback 10.77.1.1 "$(ask 127.0.0.1 8080)"
	same "loopback of IPv6" "$gateway" "$(ask ::1 8080)"
	same "another machine" "$gateway" "$(ask_from other "$gateway" 8080)"
	same "another machine by IPv4" 10.77.1.1 "$(ask_from other 10.77.1.1 8080)"
	same "the machine itself" 10.77.1.1 "$(ask_from web 10.77.1.1 8080)"
	same list "web tcp-8080 tcp * 8080 80 proxy yes" "$(berth forward list | tail -n 1 | xargs -n 1 | paste -sd ' ')"
	same json '["proxy",false,true]' "$(berth forward list --json | jq -c '.[0] | [.mode, .header, .active]')"
	has 'forward: +tcp-8080, 8080/tcp to 80 by a process of the host$' "$(berth info web)"
	has 'tcp-8080, 8080/tcp to 80 by a process of the host$' "$(berth network map)"
	lacks "dnat ip6? to" "$(nft list ruleset && echo .)"
	berth forward remove web 8080
	silent removed ask_outside 192.0.2.1 8080
	no_process
	end_servers
	gone web other
}

# Only IPv4 in the machine: the host's IPv6 leads there too. Only one address of the host: the others do not.
case_families() {
	berth launch --network plain bb web
	serve web who 80
	berth forward add --proxy web tcp 8080:80
	same "by IPv6" 10.77.2.1 "$(ask_outside 2001:db8:9::1 8080)"
	berth forward add --proxy --listen ::1 web tcp 8081:80
	same "loopback of IPv6" 10.77.2.1 "$(ask ::1 8081)"
	silent "not outside" ask_outside 2001:db8:9::1 8081
	silent "not by IPv4" ask 127.0.0.1 8081
	berth forward add --proxy --listen 192.0.2.1 web tcp 9000-9002:80
	serve web who 82
	same "a range that is moved" 10.77.2.1 "$(ask_outside 192.0.2.1 9002)"
	silent "not on loopback" ask 127.0.0.1 9002
	end_servers
	gone web
}

# has_sockets PID COUNT
has_sockets() {
	(($(find "/proc/$1/fd" -lname 'socket:*' | wc -l) == $2))
}

case_bytes() {
	berth launch --network lan bb web
	serve web sum 80
	serve web early 81 "$T/count"
	berth forward add --proxy web tcp 8080-8081:80
	same "10 MB each way, after a half-close" 1 "$(python3 "$peer" transfer ::1 8080 10000000 1)"
	same "from outside" 1 "$(outside python3 "$peer" transfer 192.0.2.1 8080 10000000 1)"
	same "100 at once" 100 "$(outside python3 "$peer" transfer 2001:db8:9::1 8080 300000 100)"
	same "the other half first" early "$(ask 127.0.0.1 8081 "four")"
	retry 10 grep -qx 4 "$T/count"
	# A connection that was passed on leaves nothing: what remains listens on two ports by two families.
	retry 10 has_sockets "$(pid_of web tcp-8080-8081)" 4
	end_servers
	gone web
}

# wakings PID: how often it has waited.
wakings() {
	grep ctxt_switches "/proc/$1/status" | paste -sd ' '
}

# The process has no rights and keeps no processor busy, also with a client that reads nothing.
case_slow_client() {
	local pid woken _
	berth launch --network lan bb web
	serve web flood 81
	serve web sum 80
	berth forward add --proxy web tcp 8080-8081:80
	mkfifo "$T/wait"
	python3 "$peer" slow 127.0.0.1 8081 <>"$T/wait" >"$T/slow" &
	retry 20 grep -q slow "$T/slow"
	same "beside a slow one" 3 "$(python3 "$peer" transfer 127.0.0.1 8080 1000000 3)"
	pid=$(pid_of web tcp-8080-8081)
	same rights "65534 65534 0000000000000000 1 2" \
		"$(awk '/^Uid:|^Gid:/ { print $2 } /^CapPrm|^NoNewPrivs|^Seccomp:/ { print $2 }' "/proc/$pid/status" | paste -sd ' ')"
	# It waits while others work.
	retry 10 has_sockets "$pid" 6
	woken=$(wakings "$pid")
	for _ in {1..50}; do
		berth list >"$T/out"
	done
	same "wake-ups" "$woken" "$(wakings "$pid")"
	echo >"$T/wait"
	end_servers
	gone web
}

# A connection is a use of the machine, and the end of the last one is the end of the use.
case_idle() {
	local pid looks=0
	berth create --network lan --set desktop.idle=pause --set desktop.idle.after=2s bb web
	berth start --wait web
	serve web flood 81
	berth forward add --proxy web tcp 8081:81
	mkfifo "$T/kept"
	rm -f "$T/slow"
	python3 "$peer" slow 127.0.0.1 8081 <>"$T/kept" >"$T/slow" &
	pid=$!
	retry 20 grep -q slow "$T/slow"
	# For longer than the time without a use, in which its keeper has looked.
	while ((looks++ < 40)); do
		state_is web running
		sleep 0.1
	done
	kill "$pid"
	wait "$pid" || true
	retry 20 state_is web paused
	end_servers
	gone web
}

case_header() {
	berth launch --network lan bb web
	serve web header 80
	berth forward add --proxy-protocol web tcp 8080:80
	same IPv4 "0x21 192.0.2.2 192.0.2.1 8080 True hello" "$(ask_outside 192.0.2.1 8080 hello)"
	same IPv6 "0x21 2001:db8:9::2 2001:db8:9::1 8080 True hello" "$(ask_outside 2001:db8:9::1 8080 hello)"
	same listed true "$(berth forward list --json web | jq '.[0].header')"
	end_servers
	gone web
}

# It comes and goes with the runs, follows the address, and is restarted.
case_life() {
	local pid
	berth launch --network lan bb web
	serve web who 80
	berth forward add --proxy web tcp 8080:80
	pid=$(pid_of web tcp-8080)
	nft flush ruleset
	berth network up lan
	same "a process that serves stays" "$pid" "$(pid_of web tcp-8080)"
	kill -9 "$pid"
	retry 10 is_active web ""
	silent killed ask 127.0.0.1 8080
	has "forward 'tcp-8080' of machine 'web' has no process that listens on port 8080 of this host" "$(berth doctor 2>&1)"
	berth network up lan
	lacks "has no process that listens" "$(berth doctor 2>&1)"
	same "after network up" 10.77.1.1 "$(ask 127.0.0.1 8080)"
	kill -9 "$(pid_of web tcp-8080)"
	retry 10 is_active web ""
	berth forward add --proxy web tcp 8080:80
	same "after the same again" 10.77.1.1 "$(ask 127.0.0.1 8080)"
	end_servers
	berth stop --force web
	no_process
	berth set web network.address=10.77.1.99
	berth start web
	serve web who 80
	same "with another address" 10.77.1.1 "$(ask_outside 192.0.2.1 8080)"
	end_servers
	kill -9 "$(field web keeper)"
	retry 20 state_is web failed
	berth delete --force web
	no_process
}

case_taken() {
	berth launch --network lan bb one
	berth launch --network lan bb two
	berth forward add --proxy one tcp 8080:80
	fails 1 "machine 'one' runs and has that port" berth forward add two tcp 8080:80
	fails 1 "machine 'one' runs and has that port" berth forward add --proxy two tcp 8000-8090:80
	python3 -c 'import socket,time
s = socket.socket(); s.bind(("127.0.0.1", 8088)); s.listen(); time.sleep(100)' &
	retry 10 listening 8088
	fails 1 "port 8088/tcp of this host is used by 'python3' \(pid" berth forward add --proxy one tcp 8088:80
	kill %%
	same "forwards of one" tcp-8080 "$(active one)"
	berth stop --force one
	berth forward add two tcp 8080:80
	has "forward 'tcp-8080': machine 'two' runs and has that port of the host; it is left out" "$(berth start one 2>&1)"
	same "not active" false "$(berth forward list --json one | jq ".[0].active")"
	has "forward 'tcp-8080' stays with 'one'" "$(berth clone one three 2>&1)"
	gone one two three
}

listening() {
	ss -ltnH "sport = :$1" | grep -q .
}

case_described() {
	berth create --network lan bb web
	printf '[machine web]\ntemplate = bb\nnetwork = lan\nstate = running\n[forward http]\nport = 8080\ntarget = 80\nmode = proxy\n' >"$T/described"
	berth apply "$T/described"
	serve web who 80
	same applied 10.77.1.1 "$(ask 127.0.0.1 8080)"
	has "nothing to do" "$(berth apply "$T/described" 2>&1)"
	sed -i '/^mode/d' "$T/described"
	has "forward.http" "$(berth apply "$T/described")"
	same "by the kernel" 192.0.2.2 "$(ask_outside 192.0.2.1 8080)"
	no_process
	end_servers
	gone web
}

case_refused() {
	berth create --network lan bb m
	fails 2 "cannot be of udp in mode proxy, which passes on connections of tcp; use mode nat" berth forward add --proxy m udp 53
	fails 2 "more than 100 ports in mode proxy" berth forward add --proxy m tcp 8000-8100
	fails 2 "listen 'fe80::1'" berth forward add --proxy --listen fe80::1 m tcp 80
	printf '\n[forward x]\nport = 80\nheader = yes\n' >>"$BERTH_ROOT/lib/machines/m/machine.conf"
	fails 1 "cannot have header 'yes' in mode nat" berth start m
	berth delete --force m
}

# Killed at each point: the same command again is right, and nothing is left.
case_killed() {
	local point
	berth launch --network lan bb web
	serve web who 80
	for point in $(points berth forward add --proxy web tcp 8080:80); do
		berth forward remove web 8080 2>"$T/out" || true
		BERTH_FAULT=$point not_kindly berth forward add --proxy web tcp 8080:80
		berth forward add --proxy web tcp 8080:80 2>"$T/out" || has "has this forward already" "$(cat "$T/out")"
		same "added after $point" 10.77.1.1 "$(ask 127.0.0.1 8080)"
	done
	for point in $(points berth forward remove web 8080); do
		berth forward add --proxy web tcp 8080:80 2>"$T/out" || true
		BERTH_FAULT=$point not_kindly berth forward remove web 8080
		berth forward remove web 8080 2>"$T/out" || has "has no forward" "$(cat "$T/out")"
		silent "removed after $point" ask 127.0.0.1 8080
		no_process
	done
	berth forward add --proxy web tcp 8080:80
	end_servers
	berth stop --force web
	for point in start-forwarded:1 forward-launched:1; do
		BERTH_FAULT=$point berth start web >"$T/out" 2>&1 && fault "$point was not passed"
		retry 20 berth start web
		same "after $point" tcp-8080 "$(active web)"
		berth stop --force web
		no_process
	done
	gone web
}

run_cases "$@"
