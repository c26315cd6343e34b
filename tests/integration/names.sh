#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Typing errors in verbs, options and names, and commands of users without rights.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

long=a123456789012345678901234567890123456789012345678901234567890123

set_up() {
	busybox_template bb
	berth create bb here
}

case_no_verb() {
	fails 2 "berth help" berth
	fails 2 "did you mean 'launch'" berth lanch
	fails 2 "did you mean 'template list'" berth template lisst
	fails 2 "create, list" berth pool
}

case_options_and_words() {
	fails 2 "few words; usage: berth create .*TEMPLATE" berth create
	fails 2 "no machine is named" berth start
	fails 2 "many words" berth clone a b c
	fails 2 "bogus" berth start --bogus here
	fails 2 "wait" berth start --wait=soon here
	fails 2 "wait" berth start --wait=0 here
}

# Names of the same verbs in similar programs.
case_verbs_of_others() {
	fails 2 "berth info" berth inspect here
	fails 2 "berth get, berth set" berth config here
	fails 2 "berth shell.*berth console" berth attach here
}

# A name of one letter is not suggested for another letter.
case_short_names() {
	berth create bb m
	fails 1 "no machine 'x'; see: berth list" berth info x
	berth delete m
}

case_snapshot_names() {
	fails 2 "'list' is a verb.*berth snapshot list here" berth snapshot here list
	berth snapshot here >"$T/one"
	berth snapshot here >"$T/two"
	berth snapshot here >"$T/three"
	same "names" 3 "$(sort -u "$T/one" "$T/two" "$T/three" | wc -l)"
}

# A pattern without a match does not stop the work on the other words, as an unknown name does not.
case_pattern_that_matches_nothing() {
	berth start here
	fails 1 "no machine matches 'zz\*'" berth stop here 'zz*'
	state_is here stopped
	fails 1 "no machine matches 'zz\*'" berth stop 'zz*'
}

case_as_json() {
	berth create --json bb t2 | python3 -IS -c 'import json, sys; assert json.load(sys.stdin)["name"] == "t2"'
	berth clone --json t2 t10 | python3 -IS -c 'import json, sys; assert json.load(sys.stdin)["name"] == "t10"'
	berth launch --json bb t11 | python3 -IS -c '
import json, sys
made = json.load(sys.stdin)
assert made["name"] == "t11" and made["state"] == "running"'
	berth delete --force t11
	same order "t2 t10" "$(berth list 't*' | awk 'NR > 1 { print $1 }' | xargs)"
	berth --json info 't*' | python3 -IS -c '
import json, sys
assert [one["name"] for one in json.load(sys.stdin)] == ["t2", "t10"]'
	berth --json snapshot t2 | python3 -IS -c '
import json, sys
kept = json.load(sys.stdin)
assert kept["machine"] == "t2" and kept["name"].startswith("at-")'
	berth info --json nosuch 2>"$T/err" && false
	python3 -IS -c '
import json, sys
told = json.load(open(sys.argv[1]))
assert "no machine" in told["error"] and told["code"] == "ENOENT"' "$T/err"
	fails 2 "no --json" berth --json stop t2
	berth delete t2 t10
}

case_root_that_is_mistyped() {
	berth --root "$T/nosuch" list
	[[ ! -e $T/nosuch ]]
}

# Each kind of name is tried with each kind of error.
# A pool and a network are made for the first machine, and not for a command that is refused.
case_refused_before_anything_is_made() {
	local words
	echo "no stream" >"$T/nosuch"
	export BERTH_ROOT=$T/fresh
	while read -r words; do
		# shellcheck disable=SC2086 # words
		fails '[0-9]+' "nosuch" berth $words
		not test -e "$T/fresh/lib/pools/default" || fault "a pool for: $words"
		not test -e "$T/fresh/lib/networks/default" || fault "a network for: $words"
	done <<-END
		launch nosuch m
		create nosuch m
		run nosuch -- true
		template build nosuch
		template build nosuch x
		template build $T/nosuch.template
		template import $T/nosuch.tar x
		template pull nosuch:debian/13
		nic add nosuch eth1
		import $T/nosuch.berth m
		import $T/nosuch m
		apply $T/nosuch
	END
}

case_names_that_are_no_labels() {
	local name
	for name in "" "$long" .. a/b Web -web web- we_b "we b" $'we\nb' wéb; do
		fails 2 "name '.*|option|unrecognized" berth create -- bb "$name"
		fails 2 "name '.*" berth info -- "$name"
		fails 2 "name '.*" berth clone -- here "$name"
		fails 2 "name '.*" berth snapshot take -- here "$name"
		fails 2 "name '.*" berth template import -- "$T/bb.tar" "$name"
		fails 2 "name '.*" berth template adopt -- "$name"
		fails 2 "name '.*" berth adopt -- "$name"
		fails 2 "name '.*" berth pool create -- "$name"
		fails 2 "name '.*" berth network create -- "$name"
		fails 2 "name '.*" berth delete -- "$name"
	done
	[[ $(berth list --json | grep -c '"name"') -eq 1 ]]
}

case_the_longest_name() {
	berth create bb "${long:0:63}"
	berth delete "${long:0:63}"
}

case_names_that_are_there() {
	fails 1 "here.*(exists|already)" berth create bb here
	fails 1 "here.*(exists|already)" berth clone here here
	fails 1 "bb.*(exists|already)" berth template import "$T/bb.tar" bb
	fails 1 "default.*(exists|already)" berth pool create default
	fails 1 "default.*(exists|already)" berth network create default
	berth snapshot here before
	fails 1 "before.*(exists|already)" berth snapshot here before
}

case_names_that_are_not_there() {
	fails 1 "hare.*here" berth start hare
	fails 1 "no machine 'nowhere'" berth info nowhere
	fails 1 "nothing" berth create nothing machine
	fails 1 "after" berth restore here after
	fails 1 "after" berth clone --snapshot after here there
	fails 1 "after" berth clone here@after there
	fails 2 "the snapshot is given twice" berth clone --snapshot before here@before there
	fails 1 "after" berth snapshot delete here after
	fails 1 "pond" berth create --pool pond bb there
	fails 1 "web" berth create --network web bb there
	fails 1 "there is no template 'gone'; 'berth template list' shows .*makes one$" berth template delete gone
	fails 1 "gone" berth pool delete gone
	fails 1 "gone" berth network delete gone
	fails 1 "here.*(not running|stopped)" berth console here
	fails 125 "here.*(not running|stopped)" berth exec here true
	[[ $(berth list --json | grep -c '"name"') -eq 1 ]]
}

case_without_privilege() {
	# The program is a copy, because users may have no access to the build tree.
	cp "$(command -v berth)" "$T/berth"
	chmod 0711 "$T"
	fails 1 "root" setpriv --reuid 65534 --regid 65534 --clear-groups "$T/berth" list
	setpriv --reuid 65534 --regid 65534 --clear-groups "$T/berth" help >"$T/help"
	setpriv --reuid 65534 --regid 65534 --clear-groups "$T/berth" version
	chmod 0700 "$T"
	grep -q launch "$T/help"
}

case_every_verb_has_help() {
	local verb
	for verb in launch create start stop restart delete list info logs shell exec console clone \
		snapshot restore set get unset template pool network doctor version help; do
		has "usage: berth" "$(berth help "$verb")"
		has "usage: berth" "$(berth "$verb" --help)"
	done
}

case_everything_that_shows_has_json() {
	berth list --json | is_json
	berth info --json here | is_json
	berth get --json here | is_json
	berth snapshot list --json here | is_json
	berth template list --json | is_json
	berth pool list --json | is_json
	berth pool status --json | is_json
	berth network list --json | is_json
	berth doctor --json >"$T/doctor" || true
	is_json <"$T/doctor"
}

case_full_standard_output() {
	fails 1 "standard output" sh -c 'berth list >/dev/full'
}

run_cases "$@"
