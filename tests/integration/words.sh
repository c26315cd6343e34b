#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Wrong words, for every verb: exit status 2 means that the command line is wrong and that nothing was done; 1 that an
# object is not there. Each says one sentence.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/verbs.sh
. "$top/tests/verbs.sh"

set_up() {
	busybox_template bb
	berth create --set network= bb m
	berth volume create v
	berth network create n
	all_verbs >"$T/verbs"
	((100 < $(wc -l <"$T/verbs")))
}

# words_of VERB...: its words, as its usage has them.
words_of() {
	berth help "$@" | sed -n "1s/^usage: berth $* *\(\[OPTION\]\.\.\.\)\? *//p"
}

# needed WORD...: one word x for each that must be given, a line each.
needed() {
	local word
	for word; do
		[[ $word == \[* || $word == "|" ]] || echo x
	done
}

# The first word of these is no name but a path, a pattern of an image, or text.
other_words="apply|push|pull|cp|import|completion|help|receive|backup (serve|forget)"
other_words+="|template (import|build|search|pull|remote)|(pool|volume) import"

# Of all verbs: an option that there is not, words that are missing, and words too many.
case_usage() {
	local verb usage words
	while read -r verb; do
		# shellcheck disable=SC2086 # words
		usage=$(words_of $verb)
		# shellcheck disable=SC2086 # words
		mapfile -t words < <(needed $usage)
		# shellcheck disable=SC2086 # words
		fails 2 "unknown option '--bogus'|--bogus" berth $verb --bogus
		if ((${#words[@]} > 0)); then
			# shellcheck disable=SC2086 # words
			fails 2 "" berth $verb "${words[@]:1}"
		fi
		if [[ $usage != *...* ]]; then
			# shellcheck disable=SC2046,SC2086 # words
			fails 2 "too many words|unknown verb" berth $verb x $(printf 'x %.0s' $usage)
		fi
	done <"$T/verbs"
}

# Names that cannot be: none of the others is done either.
case_names() {
	local verb usage words bad
	while read -r verb; do
		# shellcheck disable=SC2086 # words
		usage=$(words_of $verb)
		[[ ! $verb =~ ^($other_words)$ && -n $usage ]] || continue
		# shellcheck disable=SC2086 # words
		mapfile -t words < <(needed $usage)
		for bad in Bad_Name ''; do
			words[0]=$bad
			# shellcheck disable=SC2086 # words
			fails 2 "" berth $verb "${words[@]}"
		done
	done <"$T/verbs"
	fails 2 "name 'Bad_Name' has upper case letters" berth start m Bad_Name
	state_is m stopped
	fails 2 "name 'Bad_Name' has upper case letters" berth delete m Bad_Name
	fails 2 "name 'Bad_Name' has upper case letters" berth template delete bb Bad_Name
	fails 2 "name 'Bad_Name' has upper case letters" berth volume delete v Bad_Name
	fails 2 "name 'Bad_Name' has upper case letters" berth network delete n Bad_Name
	berth info m >"$T/info"
	berth template info bb >"$T/info"
	berth volume info v >"$T/info"
	berth network info n >"$T/info"
}

# The second name, where there is one.
case_new_names() {
	local words
	while read -r words; do
		# shellcheck disable=SC2086 # words
		fails 2 "name 'B_d' has upper case" berth $words B_d
	done <<-END
		launch bb
		create bb
		clone m
		rename m
		snapshot m
		restore m
		snapshot rename m s
		snapshot delete m
		publish m
		nic add m
		template import /x
		template rename bb
		template pull images:x/1
		template build debian
		pool move m
		pool import /x
		volume rename v
		volume snapshot v
		volume restore v
		volume delete v --snapshot
	END
}

# Keys and values, of every kind of settings.
case_keys() {
	local words
	for words in "m" "template bb" "network n" "volume v" "pool default"; do
		# shellcheck disable=SC2086 # words
		set -- $words
		[[ $# -eq 2 ]] || set -- "" "$1"
		fails 2 "unknown key 'bogus'" berth ${1:+"$1"} set "$2" bogus=1
		fails 2 "write 'size.max=VALUE'" berth ${1:+"$1"} set "$2" size.max
		[[ $1 != pool ]] || continue
		fails 2 "unknown key 'bogus'" berth ${1:+"$1"} unset "$2" bogus
		fails 2 "unknown key 'bogus'" berth ${1:+"$1"} get "$2" bogus
	done
	fails 2 "did you mean 'description'" berth set m descriptoin=x
	fails 2 "did you mean 'description'" berth template set bb descriptoin=x
	fails 2 "did you mean 'description'" berth volume set v descriptoin=x
	fails 2 "did you mean 'size.max'" berth pool set default sizemax=1G
	fails 2 "size.max cannot be 'much'" berth pool set default filesystem=xfs size.max=much
	fails 2 "source" berth pool set default source=/x
	# The first key was not set.
	lacks xfs "$(cat "$BERTH_ROOT/lib/pools/default/pool.conf")"
	fails 2 "unknown key 'bogus'" berth create --set bogus=1 bb x
	fails 2 "unknown key 'bogus'" berth network create nn bogus=1
	fails 2 "unknown key 'bogus'" berth nic set m eth0 bogus=1
	fails 2 "driver cannot be 'bogus'" berth pool create --driver bogus pp
	fails 2 "'Bad_Name'" berth backup forget Bad_Name
}

# The values of --count are checked before anything is made for them.
case_count() {
	fails 2 "count cannot be 'x'" berth create --count x bb
	fails 2 "start-at cannot be 'x'" berth create --count 2 --start-at x bb
	lacks default "$(berth network list)"
}

# What is not there is another kind of thing, perhaps.
case_other_kinds() {
	local verb
	for verb in "start bb" "clone bb x" "info bb" "snapshot bb" "delete bb"; do
		# shellcheck disable=SC2086 # words
		fails 1 "no machine 'bb'; there is a template of that name: berth launch bb$" berth $verb
	done
	for verb in "launch m" "create m x" "template delete m"; do
		# shellcheck disable=SC2086 # words
		fails 1 "there is no template 'm'; there is a machine of that name: berth clone m NEW$" berth $verb
	done
	fails 2 "'docker:' names no image; .*docker:alpine" berth launch docker:
	fails 2 "'docker:' names no image; .*docker:alpine" berth create docker: x
	fails 2 "'images' names no image; .*images:alpine" berth template pull images
	fails 1 "there is no volume 'gone'; " berth volume rename gone new
	fails 1 "there is no volume 'gone'; " berth volume rename gone gone
	fails 1 "there is no template 'gone'; " berth template rename gone gone
	fails 1 "volume 'v' has this name already" berth volume rename v v
}

tear_down() {
	berth delete m
	berth volume delete v
}

run_cases "$@"
