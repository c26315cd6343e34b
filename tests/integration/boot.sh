#!/usr/bin/env bash
# What happens at the host's boot and shutdown, and the events that tell of it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# happened MACHINE: its events so far, one a line, with what they have besides.
happened() {
	berth events --json --no-follow "$1" | python3 -c '
import json, sys
for line in sys.stdin:
    event = json.loads(line)
    more = [event[n] for n in ("template", "from", "snapshot", "outcome") if n in event]
    print(" ".join([event["event"]] + more))'
}

case_events_of_a_life() {
	busybox_template bb
	berth events --json --since 0 >"$T/followed" &
	berth create bb one
	berth start --wait one
	berth start one
	berth snapshot take one before
	berth pause one
	berth resume one
	berth exec one -- busybox reboot -f || true
	rebooted() {
		happened one | grep -q rebooted
	}
	retry 15 rebooted
	retry 15 berth exec one -- true
	# Whoever waits for the boot finds it told.
	booted_twice() {
		[[ $(happened one | grep -c booted) -eq 3 ]]
	}
	retry 15 booted_twice
	berth stop one
	berth restore one before
	berth snapshot delete one before
	berth clone one two
	berth start two
	berth kill two
	berth delete one two
	same "one's life" "created bb
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
deleted" "$(happened one)"
	same "two's life" "cloned one
started
stopped killed
deleted" "$(happened two | grep -v booted)"
	followed_all() {
		[[ $(grep -c '"deleted"' "$T/followed") -eq 2 ]]
	}
	retry 10 followed_all
	kill %1
	berth events --json --no-follow >"$T/all"
	diff "$T/all" "$T/followed"
	python3 -c '
import json, sys
numbers = [json.loads(line)["seq"] for line in open(sys.argv[1])]
assert numbers == list(range(1, len(numbers) + 1)), numbers' "$T/all"
}

case_events_for_people() {
	local last
	has "created +one  template bb" "$(berth events --no-follow)"
	has "stopped +one  clean, powered off" "$(berth events --no-follow 'o*')"
	same "nothing is that new" "" "$(berth events --no-follow --since 100000)"
	has "deleted +two" "$(berth events --no-follow --since 1h)"
	last=$(berth events --json --no-follow | wc -l)
	same "after the last but one" 1 "$(berth events --no-follow --since $((last - 1)) | wc -l)"
	fails 2 "since.*'soon'" berth events --since soon
	fails 2 "since.*'3w'" berth events --since 3w
}

# A reader whose output nobody reads ends.
case_events_into_a_pipe_that_closes() {
	timeout 20 berth events --since 0 | head -n 1 >"$T/out"
	has created "$(cat "$T/out")"
}

case_events_of_a_keeper_that_is_killed() {
	berth launch --wait bb k
	kill -9 "$(field k keeper)"
	retry 10 state_is k stopped
	same "how it ended" "stopped failed" "$(happened k | tail -n 1)"
	berth delete k
}

# Where nothing can be written everything else goes on.
case_events_that_cannot_be_written() {
	local number
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

run_cases "$@"
