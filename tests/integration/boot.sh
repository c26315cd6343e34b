#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The host's boot and shutdown, and the events of machines.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# happened MACHINE: prints its events so far, one a line, with their members.
happened() {
	berth events --json --no-follow "$1" | python3 -IS -c '
import json, sys
for line in sys.stdin:
    event = json.loads(line)
    more = [event[n] for n in ("template", "from", "snapshot", "outcome") if n in event]
    print(" ".join([event["event"]] + more))'
}

set_up() {
	busybox_template bb
}

# a_life: makes events of machines that are deleted afterwards.
a_life() {
	! happened two | grep -q deleted || return 0
	up one
	berth stop one
	berth clone one two
	berth delete one two
}

# five: machines web, db, cache and log, which the boot starts, and idle; all are stopped.
five() {
	local name
	for name in web db cache log idle; do
		berth info "$name" >/dev/null 2>&1 || berth create bb "$name"
	done
	for name in web db cache log; do
		berth set "$name" boot.autostart=yes
	done
	berth set db boot.order=5
	berth set web boot.order=1 boot.after=db,cache
	berth set cache boot.order=2 boot.delay=1s
	berth stop --all
}

case_events_of_a_life() {
	berth events --json --since 0 >"$T/followed" &
	berth create bb born
	berth start --wait born
	berth start born
	berth snapshot take born before
	berth pause born
	berth resume born
	berth exec born -- busybox reboot -f || true
	rebooted() {
		happened born | grep -q rebooted
	}
	retry 15 rebooted
	retry 15 berth exec born -- true
	# A client that waits for the boot is told of it.
	booted_twice() {
		[[ $(happened born | grep -c booted) -eq 3 ]]
	}
	retry 15 booted_twice
	berth stop born
	berth restore born before
	berth snapshot delete born before
	berth clone born twin
	berth start twin
	berth kill twin
	berth delete born twin
	same "its life" "created bb
started
booted
snapshot-taken before
paused
resumed
rebooted
booted
stopped clean
snapshot-restored before
snapshot-deleted before
deleted" "$(happened born)"
	same "the clone's life" "cloned born
started
stopped killed
deleted" "$(happened twin | grep -v booted)"
	followed_all() {
		[[ $(grep -cE '"event":"deleted","machine":"(born|twin)"' "$T/followed") -eq 2 ]]
	}
	retry 10 followed_all
	kill %1
	berth events --json --no-follow >"$T/all"
	diff "$T/all" "$T/followed"
	python3 -IS -c '
import json, sys
numbers = [json.loads(line)["seq"] for line in open(sys.argv[1])]
assert numbers == list(range(1, len(numbers) + 1)), numbers' "$T/all"
}

# write_event EVENT MEMBER VALUE CAUSE: writes an event of an object that is no machine, as keepers do.
write_event() {
	printf '{"seq":%d,"time":%d,"microsecond":0,"event":"%s","%s":"%s","cause":"%s"}\n' \
		"$(($(berth events --json --no-follow | wc -l) + 1))" "$(date +%s)" "$@" >>"$BERTH_ROOT/run/events"
}

case_events_of_no_machine() {
	a_life
	write_event pool-low pool store "it is 91% full"
	write_event network-failed network lan "its port is taken"
	has "pool-low +pool store +it is 91% full" "$(berth events --no-follow)"
	has "network-failed +network lan +its port is taken" "$(berth events --no-follow)"
	lacks "\?" "$(berth events --no-follow)"
	# Events of such objects are not shown for machines.
	lacks "pool store|network lan" "$(berth events --no-follow '*')"
	sed -i '/"event":"\(pool-low\|network-failed\)"/d' "$BERTH_ROOT/run/events"
}

case_events_for_people() {
	local last
	a_life
	has "created +one  template bb" "$(berth events --no-follow)"
	has "stopped +one  clean, powered off" "$(berth events --no-follow 'o*')"
	silent "nothing is that new" berth events --no-follow --since 100000
	has "deleted +two" "$(berth events --no-follow --since 1h)"
	last=$(berth events --json --no-follow | wc -l)
	same "after the last but one" 1 "$(berth events --no-follow --since $((last - 1)) | wc -l)"
	fails 2 "since.*'soon'" berth events --since soon
	fails 2 "since.*'3w'" berth events --since 3w
}

# A reader ends if its own output has no reader any more.
case_events_into_a_pipe_that_closes() {
	local code=0
	a_life
	# With more events than one write, it may still be writing when the reader ends.
	timeout 120 berth events --since 0 2>"$T/err" | head -n 1 >"$T/out" || code=${PIPESTATUS[0]}
	has "^(0|141)$" "$code"
	empty "what it says" "$T/err"
	has created "$(cat "$T/out")"
}

case_events_of_a_keeper_that_is_killed() {
	berth launch --wait bb k
	kill -9 "$(field k keeper)"
	retry 10 state_is k failed
	# The next command that changes something reports the end.
	berth stop k
	same "how it ended" "stopped failed" "$(happened k | tail -n 1)"
	berth delete k
}

case_events_of_a_restart() {
	berth launch --wait --set restart=on-failure bb r
	kill -9 "$(field r init)"
	restarted() {
		[[ $(happened r | tail -n 1) == booted && $(happened r | grep -c booted) -eq 2 ]]
	}
	retry 20 restarted
	berth stop r
	same "its life" "created bb
started
booted
ended failed
restarted
booted
stopped clean" "$(happened r)"
	has "ended +r +failed, its init was killed by SIGKILL" "$(berth events --no-follow r)"
	berth delete r
}

# If events cannot be written, all other work continues.
case_events_that_cannot_be_written() {
	local number
	a_life
	number=$(berth events --json --no-follow | wc -l)
	mv "$BERTH_ROOT/run/events" "$T/kept"
	mkdir "$BERTH_ROOT/run/events"
	berth launch --wait bb u
	berth stop u
	berth delete u
	rmdir "$BERTH_ROOT/run/events"
	mv "$T/kept" "$BERTH_ROOT/run/events"
	same "events" "$number" "$(berth events --json --no-follow | wc -l)"
}

# told EVENT SEQ: prints the machines of that event after number SEQ, in order.
told() {
	berth events --json --no-follow --since "$2" | sed -n "s/.*\"event\":\"$1\",\"machine\":\"\([^\"]*\)\".*/\1/p" | xargs
}

last_event() {
	berth events --json --no-follow | wc -l
}

case_autostart_in_order() {
	local seq
	five
	same "what is set" "db cache" "$(berth get web boot.after)"
	seq=$(last_event)
	berth autostart >"$T/out" 2>&1
	same "started" "cache db web log" "$(told started "$seq")"
	same "not asked for" stopped "$(field idle state)"
	berth events --json --no-follow --since "$seq" >"$T/events"
	python3 - "$T/events" <<-'END'
		import json, sys
		when = {}
		for line in open(sys.argv[1]):
		    e = json.loads(line)
		    when[e["event"], e["machine"]] = (e["time"] + e["microsecond"] / 1e6, e["seq"])
		assert when["started", "db"][0] - when["started", "cache"][0] >= 0.95, when
		assert when["started", "web"][1] > when["booted", "db"][1], when
		assert when["started", "web"][1] > when["booted", "cache"][1], when
	END
	# Once more: all of them run.
	berth autostart 2>"$T/err"
	empty "nothing to say" "$T/err"
	same "no other start" "cache db web log" "$(told started "$seq")"
}

case_stop_all_in_the_reverse_order() {
	local seq
	five
	berth autostart
	seq=$(last_event)
	berth stop --all
	same "stopped" "log web db cache" "$(told stopped "$seq")"
	berth stop --all
	same "by themselves" 4 "$(berth events --json --no-follow --since "$seq" | grep -c '"outcome":"clean"')"
}

case_start_all() {
	five
	# This also works if the parent ignores SIGCHLD.
	timeout 300 python3 -IS -c '
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execvp("berth", ["berth", "start", "--all", "--wait=60"])'
	same running 5 "$(berth list --json | grep -c '"running"')"
	same booted 5 "$(berth list --json | grep -c '"booted": true')"
	berth stop --all --force
	same running 0 "$(berth list --json | grep -c '"running"')"
	fails 2 "berth start --all" berth start
	fails 2 "one of both" berth stop --all web
}

# A machine that fails does not stop the others, and machines after it are started as well.
case_one_that_cannot_start() {
	five
	break_init db
	fails 1 "db.*/sbin/nothing" berth autostart --wait
	same web running "$(field web state)"
	same log running "$(field log state)"
	same db failed "$(field db state)"
	berth unset db init
	berth stop --all
	echo "spoiled" >>"$BERTH_ROOT/lib/machines/db/machine.conf"
	fails 1 "db/machine.conf" berth autostart
	same web running "$(field web state)"
	sed -i '$d' "$BERTH_ROOT/lib/machines/db/machine.conf"
	berth stop --all
}

case_circles() {
	five
	fails 1 "'db' waits for 'web', 'web' for 'db'; change boot.after" berth set db boot.after=web
	fails 1 "'log' waits for 'log'" berth set log boot.after=log
	silent "left alone" berth get db boot.after
	echo "boot.after = web" >>"$BERTH_ROOT/lib/machines/db/machine.conf"
	berth autostart >"$T/out" 2>&1 && fault "a circle was started"
	has "machine 'web'.*'web' waits for 'db', 'db' for 'web'" "$(cat "$T/out")"
	same "in the circle" stopped "$(field web state)"
	same "outside of it" running "$(field cache state)"
	berth stop --all
	berth unset db boot.after
	berth set web boot.after="db nothere" 2>"$T/err"
	has "'web' is to start after 'nothere', and no machine has that name" "$(cat "$T/err")"
	lacks "after 'db'" "$(cat "$T/err")"
	berth autostart >"$T/out" 2>&1
	has "'web'.*'nothere'" "$(cat "$T/out")"
	same web running "$(field web state)"
	berth stop --all
}

case_patterns() {
	local name
	gone web db cache log idle
	for name in w1 w2 x1; do
		berth create bb "$name"
	done
	berth start 'w*' w1
	same running "w1 w2" "$(berth list --json | python3 -IS -c '
import json, sys
print(*[m["name"] for m in json.load(sys.stdin) if m["state"] == "running"])')"
	has "^w2 " "$(berth list 'w[2-9]')"
	lacks "^w1 " "$(berth list 'w[2-9]')"
	berth restart --wait '?1'
	same x1 running "$(field x1 state)"
	fails 1 "no machine matches 'q\*'" berth stop 'q*'
	fails 1 "no machine 'nope'" berth list nope
	berth stop '*'
	same running 0 "$(berth list --json | grep -c '"running"')"
	berth delete '[wx]*'
	same left "[]" "$(berth list --json | tr -d ' \n')"
}

# listen: writes datagrams to $T/notify.socket into $T/notified; $! is the listener.
listen() {
	python3 - "$T/notify.socket" >"$T/notified" <<-'END' &
		import os, socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1] + ".new")
		os.rename(sys.argv[1] + ".new", sys.argv[1])
		while True:
		    print(s.recv(4096).decode().strip(), flush=True)
	END
	retry 10 test -S "$T/notify.socket"
}

case_foreground() {
	local listener process code=0
	berth create bb f
	listen
	listener=$!
	NOTIFY_SOCKET=$T/notify.socket berth start --foreground --wait f &
	process=$!
	retry 20 grep -q READY=1 "$T/notified"
	same "when it is ready" true "$(field f booted)"
	kill -TERM "$process"
	wait "$process"
	same "by SIGTERM" stopped "$(field f state)"
	retry 20 grep -q STOPPING=1 "$T/notified"
	kill "$listener"
	# Another command stops it: that is no failure either.
	berth start --foreground f &
	process=$!
	retry 20 state_is f running
	berth stop f
	wait "$process"
	# Its init dies.
	berth start --foreground f 2>"$T/err" &
	process=$!
	retry 20 state_is f running
	kill -9 "$(field f init)"
	wait "$process" || code=$?
	same "of one that failed" 1 "$code"
	has "'f' has failed" "$(cat "$T/err")"
	fails 2 "one machine" berth start --foreground f g
	fails 2 "one machine" berth start --foreground --all
}

case_foreground_that_is_killed() {
	local process
	up f
	berth stop f
	berth start --foreground f &
	process=$!
	retry 20 state_is f running
	kill -9 "$process"
	wait "$process" || true
	same "without it" running "$(field f state)"
	# The next start --foreground takes over the running machine.
	rm -f "$T/err"
	berth start --foreground f 2>"$T/err" &
	process=$!
	retry 10 grep -q "running already" "$T/err"
	kill -INT "$process"
	wait "$process"
	same "with another" stopped "$(field f state)"
	berth delete f
}

case_init_script() {
	[[ -e $BUILD_TREE/host/berth.init ]] || skip "this tree has no init script"
	sed "s|^berth=.*|berth=$BUILD_TREE/berth|" "$BUILD_TREE/host/berth.init" >"$T/script"
	chmod +x "$T/script"
	berth create --set boot.autostart=yes bb s
	gone web db cache log idle
	"$T/script" status && fault "something runs"
	"$T/script" start
	same started running "$(field s state)"
	"$T/script" status
	"$T/script" stop
	same stopped stopped "$(field s state)"
	"$T/script" restart
	same restarted running "$(field s state)"
	not "$T/script" sleep
	"$T/script" stop
	berth delete s
}

run_cases "$@"
