#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The difference between two states of a machine: each kind of change, names that are no text, and trees that mean harm.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

fast=${STORAGE_DRIVER:-btrfs}

set_up() {
	berth pool create default --driver "$fast"
	busybox_template bb
	up a
}

in_a() {
	berth exec a -- sh -c "$1"
}

# line WORD...: the line of the last output that begins so.
line() {
	has "^$*\$" "$(cat "$T/diff")"
}

case_each_kind() {
	in_a 'mkdir -p /d/sub /gone/deep; echo same >/d/same; echo 123 >/d/longer; echo abc >/d/content; echo x >/d/mode; echo x >/d/owner
		echo x >/d/time; ln -s one /d/link; echo x >/d/becomes; echo gone >/gone/deep/file; sync'
	berth snapshot a before
	in_a 'echo 123456 >/d/longer; touch -r /d/content /tmp/ref; echo abd >/d/content; touch -r /tmp/ref /d/content; chmod 600 /d/mode
		chown 5:6 /d/owner; touch -d @1000000000 /d/time; rm /d/link; ln -s two /d/link; rm /d/becomes; mkdir /d/becomes; echo n >/d/becomes/in
		rm -r /gone; echo new >/d/sub/new; mknod /d/fifo p; rm /tmp/ref; sync'
	berth diff a@before >"$T/diff"
	line '\* /d/longer  content \(4 B to 7 B\)'
	line '\* /d/mode  mode'
	line '\* /d/owner  owner'
	line '\* /d/time  time'
	line '\* /d/link  target'
	line '\* /d/becomes/  type'
	line '\+ /d/becomes/in  2 B'
	line '\- /gone/'
	line '\- /gone/deep/file  5 B'
	line '\+ /d/sub/new  4 B'
	line '\+ /d/fifo'
	lacks ' /d/same| /d/sub/ ' "$(cat "$T/diff")"
	# The size and the time of this one are as before.
	[[ $fast == dir ]] || line '\* /d/content  content \(4 B to 4 B\)'
	berth diff --content a@before >"$T/diff"
	line '\* /d/content  content \(4 B to 4 B\)'
	has '^[0-9]+ added \(.*\), 3 removed \(5 B\), [0-9]+ changed' "$(tail -1 "$T/diff")"
	berth snapshot a after
	berth diff a@before @after | grep -v '/run/\|/tmp/\|/var/' >"$T/two"
	has '^\+ /d/sub/new' "$(cat "$T/two")"
	berth diff --json a@before @after | is_json
	same "in JSON" "content 4 7" "$(berth diff --json a@before after | jq -r '.changes[] | select(.path == "/d/longer") | "\(.what[0]) \(.before.size) \(.after.size)"')"
	same "of a removed one" "null" "$(berth diff --json a@before after | jq '.changes[] | select(.path == "/gone/deep/file").after')"
	same "backwards" removed "$(berth diff --json a@after before | jq -r '.changes[] | select(.path == "/d/sub/new").change')"
	fails 2 "'b@before' is of another machine than 'a'" berth diff a@after b@before
	same "the machine twice" "$(berth diff a@before @after)" "$(berth diff a@before a@after)"
	same "nothing between one and itself" "0 0 0" "$(berth diff --json a@after after | jq -r '"\(.added) \(.removed) \(.changed)"')"
	same "the sums" true "$(berth diff --json a@before after | jq '.added == ([.changes[] | select(.change == "added")] | length)')"
}

case_against_the_template() {
	in_a 'echo mine >/mine; rm -f /bin/vi'
	berth diff a >"$T/diff"
	line '\+ /mine  5 B'
	berth create bb fresh
	berth diff fresh >"$T/diff"
	lacks '/bin/' "$(cat "$T/diff")"
	berth delete fresh
	fails 1 "machine 'a' has no snapshot 'none'" berth diff a@none
	fails 1 "no machine 'none'" berth diff none
	fails 2 "name 'x.y' has characters" berth diff a@x.y
	same "nothing is left of it" 0 "$(berth snapshot list --json a | jq '[.[] | select(.name | test("before|after") | not)] | length')"
}

case_names_that_are_no_text() {
	berth snapshot a plain
	in_a 'mkdir /n; cd /n; : >"$(printf "new\nline")"; : >"$(printf "bad\377")"; : >"$(printf "esc\033[31m")"; : >"ümlaut"; : >"back\\slash"; sync'
	berth diff a@plain >"$T/diff"
	line '\+ /n/new\\nline  0 B'
	line '\+ /n/bad\\xff  0 B'
	line '\+ /n/esc\\x1b\[31m  0 B'
	line '\+ /n/ümlaut  0 B'
	line '\+ /n/back\\\\slash  0 B'
	berth diff --json a@plain | is_json
	same "no path, but its bytes" "null" "$(berth diff --json a@plain | jq '.changes[] | select(.escaped == "/n/bad\\xff").path')"
	same "a line in it" '"/n/new\nline"' "$(berth diff --json a@plain | jq '.changes[] | select(.escaped == "/n/new\\nline").path')"
	berth snapshot delete a plain
}

# Links out of the tree, FIFOs that nobody writes into and deep folders.
case_hostile_trees() {
	berth snapshot a tame
	in_a 'mkdir /h; ln -s /etc /h/out; ln -s ../../../../../../etc /h/up; mknod /h/fifo p; sync'
	berth diff a@tame >"$T/diff"
	line '\+ /h/out'
	line '\+ /h/fifo'
	lacks '/h/out/|/h/up/' "$(cat "$T/diff")"
	in_a 'rm /h/fifo; echo x >/h/fifo; rm /h/out; mkdir /h/out; echo y >/h/out/passwd'
	berth diff a@tame >"$T/diff"
	line '\+ /h/out/passwd  2 B'
	in_a 'cd /h; i=0; while [ $i -lt 420 ]; do mkdir d && cd d || break; i=$((i + 1)); done'
	fails 1 "has more than 400 folders in each other" berth diff a@tame
	same "told in JSON" true "$( (berth diff --json a@tame 2>/dev/null || true) | jq .incomplete)"
	in_a 'rm -r /h'
	berth snapshot delete a tame
	silent "no volume in the making" find "$BERTH_ROOT/run" -path '*/partial/*' -type f
}

run_cases "$@"
