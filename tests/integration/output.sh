#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Commands whose standard output cannot be written: each fails with one sentence, which names what was made.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/verbs.sh
. "$top/tests/verbs.sh"

set_up() {
	busybox_template bb
	berth create --set network= bb here
	berth snapshot here s >/dev/null
	berth volume create data
	berth volume snapshot data s
	berth network create net
	mkdir "$T/backups"
	berth create --set network= --set backup.target="$T/backups" bb kept
	berth backup kept >/dev/null
	berth start --wait here
	berth exec here sh -c 'echo changed >/changed'
}

# lost CODE PATTERN COMMAND...: its output gets lost, and it says so in one sentence with that pattern.
lost() {
	local code=$1 pattern=$2
	shift 2
	# shellcheck disable=SC2016 # the inner shell's words
	fails "$code" "$pattern" timeout 60 sh -c 'exec "$@" >/dev/full' sh "$@"
}

# What prints, words each.
printing="
list
info here
files here:/etc
logs kept
events --no-follow --since 1h
get here
get here restart
snapshot list here
diff here @s
backup list kept
backup verify kept
export here -
template export bb -
template list
template info bb
template get bb
template remote list
pool list
pool status
pool usage default
network list
network info net
network map
network get net
network set --dry-run net mtu=1400
network unset --dry-run net dhcp.lease
set --dry-run here restart=always
unset --dry-run here label.none
nic list kept
volume list
volume info data
volume get data
halfway list
rule list
forward list
top
doctor
completion bash
help
help launch
version
launch --help
"

# No object of these is there, and a note says so, or no program can answer.
without_output="halfway list|rule list|forward list|nic list|logs|unset|network unset"

case_full() {
	local words
	while read -r words; do
		[[ -n $words && ! $words =~ ^($without_output) ]] || continue
		# shellcheck disable=SC2086 # words
		lost 1 "No space left|the disk is full" berth $words
	done <<<"$printing"
	lost 125 "standard output: No space left" berth exec here -- echo text
	lost 125 "standard output: No space left" berth run bb -- echo text
	lost 1 "standard output: No space left" berth pull here:/changed -
}

# The name of an errno is that of the failure, also where more than a buffer is printed.
case_full_json() {
	local verb words
	for ((i = 0; i < 8; i++)); do
		berth create --set network= --set "description=$(printf 'x%.0s' {1..700})" bb "more-$i"
	done
	while read -r words; do
		verb=${words%% here*}
		[[ -n $words && ! $words =~ ^($without_output) ]] || continue
		# shellcheck disable=SC2086 # words
		flags_of $words 2>/dev/null | grep -qx -- --json || continue
		# shellcheck disable=SC2086 # words
		lost 1 '"code":"ENOSPC"' berth $words --json
	done <<<"$printing"
	for ((i = 0; i < 8; i++)); do
		berth delete "more-$i"
	done
}

# What was made is not lost with its name.
case_full_names() {
	local made
	lost 1 "standard output: No space left on device; made: machine 'bb-[0-9a-z]{4}'$" berth create --set network= bb
	made=$(sed "s/.*machine '\(.*\)'.*/\1/" "$T/err")
	state_is "$made" stopped
	berth delete "$made"
	lost 1 "standard output: No space left on device; made: machine 'bb-[0-9a-z]{4}'$" berth launch --set network= bb
	made=$(sed "s/.*machine '\(.*\)'.*/\1/" "$T/err")
	state_is "$made" running
	berth delete --force "$made"
	lost 1 "made: machine 'n-1', machine 'n-2'$" berth launch --set network= --count 2 bb n
	berth delete --force n-1 n-2
	lost 1 "\"code\":\"ENOSPC\"" berth create --json --set network= bb n
	has "made: machine 'n'" "$(cat "$T/err")"
	lost 1 "\"code\":\"ENOSPC\"" berth clone --json n c
	has "made: machine 'c'" "$(cat "$T/err")"
	lost 1 "made: snapshot 'at-[0-9-]*'$" berth snapshot n
	made=$(sed "s/.*snapshot '\(.*\)'.*/\1/" "$T/err")
	has "^$made " "$(berth snapshot list n)"
	berth export n "$T/n.berth"
	berth delete n c
	lost 1 "made: machine 'n'$" berth import "$T/n.berth"
	berth create bb f
	lost 1 "\"code\":\"ENOSPC\"" berth forward add --json --on-demand f tcp 8099:80
	has "made: forward 'tcp-8099'" "$(cat "$T/err")"
	berth delete f n kept
	lost 1 "made: machine 'kept'$" berth backup restore --target "$T/backups" kept
}

# A reader that has gone and a closed output are no success either.
case_no_reader() {
	local made status
	mkfifo "$T/pipe"
	exec 7<>"$T/pipe"
	exec 8>"$T/pipe" 7>&-
	status=0
	berth create --set network= bb >&8 2>"$T/err" || status=$?
	same "exit status" 1 "$status"
	has "^berth: standard output: Broken pipe; made: machine 'bb-....'$" "$(cat "$T/err")"
	made=$(sed "s/.*machine '\(.*\)'.*/\1/" "$T/err")
	berth delete "$made"
	exec 8>&-
	# shellcheck disable=SC2016 # the inner shell's words
	fails 1 "standard output: it is closed; made: machine 'bb-....'$" \
		sh -c 'exec "$@" >&-' sh berth create --set network= bb
	made=$(sed "s/.*machine '\(.*\)'.*/\1/" "$T/err")
	berth delete "$made"
	fails 1 "standard output: it is closed$" sh -c 'exec berth list >&-'
	# Without output there is nothing to lose.
	berth set here description=x >&-
	berth exec here true >&- 2>&- <&-
}

# What follows a log ends with its output.
case_follow() {
	timeout 60 berth logs -f here >/dev/null &
	kill $!
	lost 1 "standard output: No space left" berth logs -f here
	lost 1 "standard output: No space left" berth events --since 1h
}

# Makers, and what needs a server or a plan.
elsewhere="launch|create|clone|forward add|apply|snapshot take|snapshot scheduled|backup take|backup scheduled|template search|template prune"

# Every verb that has --json is in the table above.
case_table_is_complete() {
	local verb
	all_verbs >"$T/verbs"
	((100 < $(wc -l <"$T/verbs")))
	while read -r verb; do
		# shellcheck disable=SC2086 # words
		flags_of $verb | grep -qx -- --json || continue
		grep -Eq "^$verb( |$)" <<<"$printing" || [[ $verb =~ ^($elsewhere)$ ]] || fault "not in the table: $verb"
	done <"$T/verbs"
}

tear_down() {
	berth delete --force here kept
	berth volume delete data
	rm -rf "$BERTH_ROOT/lib/backup-targets"
}

run_cases "$@"
