#!/usr/bin/env bash
# Settings: set, get, unset, files that are wrong.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

conf=$BERTH_ROOT/lib/machines/m/machine.conf

case_machine_for_the_rest() {
	busybox_template bb
	berth create --set description="a machine" bb m
	same description "a machine" "$(berth get m description)"
}

case_set_get_unset() {
	berth set m stop.timeout=5
	same stop.timeout 5 "$(berth get m stop.timeout | tr -d s)"
	berth set m description="two words" console.scrollback=128K
	same description "two words" "$(berth get m description)"
	berth unset m description
	same description "" "$(berth get m description)"
	has "stop.timeout" "$(berth get m)"
	berth get --json m | is_json
}

case_comments_stay() {
	echo "# kept by hand" >>"$conf"
	berth set m description=x
	grep -q "# kept by hand" "$conf"
}

case_unknown_key() {
	fails 2 "stop.timout.*stop.timeout" berth set m stop.timout=5
	fails 2 "stop.timout.*stop.timeout" berth get m stop.timout
	fails 2 "stop.timout.*stop.timeout" berth unset m stop.timout
	fails 2 "bogus" berth create --set bogus=1 bb other
	fails 1 "other" berth info other
}

case_values_out_of_range() {
	local before
	before=$(cat "$conf")
	fails 2 "stop.timeout" berth set m stop.timeout=99999999999999999999
	fails 2 "stop.timeout" berth set m stop.timeout=-1
	fails 2 "stop.timeout" berth set m stop.timeout=soon
	fails 2 "ephemeral" berth set m ephemeral=perhaps
	fails 2 "console.scrollback" berth set m console.scrollback=1T
	fails 2 "network.address" berth set m network.address=300.1.2.3
	fails 2 "init" berth set m init=sbin/init
	fails 2 "stop.signal" berth set m stop.signal=SIGNOTHING
	same "the file" "$before" "$(cat "$conf")"
}

case_keys_that_are_made() {
	fails 2 "uuid" berth set m uuid=00000000-0000-0000-0000-000000000000
	fails 2 "template" berth set m template=other
}

case_one_bad_word_changes_nothing() {
	berth set m description=before
	fails 2 "bogus" berth set m description=after bogus=1
	same description before "$(berth get m description)"
}

case_file_with_an_unknown_key() {
	cp "$conf" "$T/good"
	echo "stop.timout = 5" >>"$conf"
	fails 1 "machine.conf:[0-9]+:.*stop.timeout" berth info m
	fails 1 "machine.conf:[0-9]+:.*stop.timeout" berth start m
	cp "$T/good" "$conf"
}

# The machine is listed as broken and does not hide the others.
case_file_of_random_bytes() {
	berth create bb whole
	head -c 4096 /dev/urandom >"$conf"
	fails 1 "machine.conf" berth start m
	fails 1 "machine.conf" berth info m
	berth list >"$T/list" 2>&1 || true
	grep -q whole "$T/list"
	grep -q broken "$T/list"
	cp "$T/good" "$conf"
	berth info m
}

case_site_file_of_random_bytes() {
	mkdir -p "$BERTH_ROOT/etc"
	head -c 4096 /dev/urandom >"$BERTH_ROOT/etc/berth.conf"
	fails 1 "berth.conf" berth create bb another
	rm "$BERTH_ROOT/etc/berth.conf"
	fails 1 "another" berth info another
}

run_cases "$@"
