#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Settings: set, get, unset, files that are wrong.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

conf=$BERTH_ROOT/lib/machines/m/machine.conf

set_up() {
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
	silent description berth get m description
	has "stop.timeout" "$(berth get m)"
	berth get --json m | is_json
}

case_labels() {
	local before
	berth set m label.role=web label.site="two, \"words\""
	same role web "$(berth get m label.role)"
	same "as JSON" '"web"' "$(berth get --json m label.role)"
	has 'role=web,site=two, "words"' "$(berth info m)"
	before=$(cat "$conf")
	fails 2 "label '-x' needs another name" berth set m label.-x=1
	same "the file" "$before" "$(cat "$conf")"
	berth clone m twin
	berth set m label.role=
	silent "no role" berth get m label.role
	same "the clone's" web "$(berth get twin label.role)"
	berth unset twin label.role
	berth unset twin label.role
	same "lines of it" 0 "$(grep -c label.role "$BERTH_ROOT/lib/machines/twin/machine.conf" || true)"
	berth delete twin
	berth unset m label.site
}

# Verbs that take machines take labels as well, beside names or instead of them.
case_by_label() {
	local before
	berth create --set label.role=l-web bb la
	berth create --set label.role=l-web --set label.tier=front bb lb
	berth create bb lc
	before=$(berth list --columns name --format csv)
	fails 2 "no machine is named" berth start
	fails 2 "--all and --label exclude each other" berth stop --all --label role=l-web
	fails 2 "too few words" berth delete
	fails 2 "--label cannot be '=x'" berth delete --label =x
	fails 1 "no machine has the labels 'role=nothing'" berth delete --label role=nothing
	fails 1 "no machine has the labels 'tier'" berth delete --label tier la lc
	same machines "$before" "$(berth list --columns name --format csv)"
	berth start --wait --label role=l-web
	same "those that run" "la lb" "$(berth list --json | jq -r '.[] | select(.state == "running").name' | paste -sd ' ')"
	same "each" "la: la lb: lb" "$(berth each --label role=l-web -- hostname | paste -sd ' ')"
	same "without --" "lb: x" "$(berth each --label role=l-web,tier=f* echo -n x)"
	berth pause --label tier 'l*'
	same "paused" lb "$(berth list --json | jq -r '.[] | select(.state == "paused").name')"
	berth resume --label tier
	berth restart --force --label tier
	berth kill --label role=l-*
	berth stop --label role=l-*
	berth delete --label role=l-web la lc
	fails 1 "no machine 'la'" berth info la
	berth info lb lc >/dev/null
	berth delete lb lc
}

# listed WORD...: the names in the list are these, in this order.
listed() {
	berth list --columns name --format csv "$@" | tr -d '\r' | sed 1d | paste -sd ' '
}

case_lists() {
	berth create --set label.role=web --set label.tier=front bb a
	berth create --set label.role=web --set description='x, "y"' bb b
	same "by one label" "a b" "$(listed --label role=web)"
	same "by two" a "$(listed --label role=w*,tier)"
	silent "by none" listed --label role=db
	same "of those named" b "$(listed --label role=web b m)"
	same CSV 'b,"x, ""y""",web,' \
		"$(berth list --columns name,description,label.role,label.tier --format csv b | tr -d '\r' | sed 1d)"
	has "NAME  LABEL.ROLE" "$(berth list --columns name,label.role)"
	same "the same as JSON" "$(berth list --json a)" "$(berth list --format json a)"
	same "a label in JSON" web "$(berth list --json a |
		python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["labels"]["role"])')"
	sed -i 's/^created = .*/created = 5/' "$BERTH_ROOT/lib/machines/a/machine.conf"
	same "the oldest" a "$(listed --sort age | awk '{print $NF}')"
	same "by name" "a b m" "$(listed --sort name)"
	fails 2 "no column 'nam'; did you mean 'name'" berth list --columns nam
	fails 2 "no format 'xml'; use table, csv or json" berth list --format xml
	fails 2 "not sorted by 'size'" berth list --sort size
	fails 2 "label cannot be '=x'" berth list --label =x
	berth delete a b
}

# A machine with a missing part is in every format and order.
case_lists_what_is_broken() {
	berth create bb a
	mv "$BERTH_ROOT/lib/machines/a/machine.conf" "$T/away"
	same "as CSV" "a,broken," "$(berth list --sort memory --columns name,state,pool --format csv a 2>"$T/err" | tr -d '\r' | sed 1d)"
	grep -q machine.conf "$T/err"
	mv "$T/away" "$BERTH_ROOT/lib/machines/a/machine.conf"
	berth delete a
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
	fails 1 "no machine 'other'" berth info other
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

# Errors are found before anything is changed; of several changes, all are made or none.
case_all_or_none() {
	local before
	before=$(cat "$conf")
	if ! grep -qw cpu "$(findmnt -n -o TARGET -t cgroup2 | head -n 1)/cgroup.controllers"; then
		fails 1 "limits.cpus.*no cpu controller" berth set m description=x limits.cpus=1
		fails 1 "limits.cpus.*no cpu controller" berth create -s limits.cpus=1 bb other
		fails 1 "no machine" berth info other
	fi
	fails 1 "network 'nosuch'|no network 'nosuch'" berth set m description=x network=nosuch
	fails 1 "/sbin/nosuch" berth set m description=x init=/sbin/nosuch
	fails 1 "/sbin/nosuch" berth create -s init=/sbin/nosuch bb other
	fails 1 "no machine" berth info other
	fails 2 "given twice" berth set m description=x description=y
	same "the file" "$before" "$(cat "$conf")"
}

case_address_that_cannot_be() {
	berth network create lan --subnet 10.77.1.0/24
	berth create -s network=lan -s network.address=10.77.1.7 bb holder
	berth start holder
	berth set m network=lan
	fails 1 "10.77.1.1 cannot be a machine's" berth set m network.address=10.77.1.1
	fails 1 "10.9.9.9 cannot be a machine's" berth set m network.address=10.9.9.9
	fails 1 "10.77.1.7 belongs to 'holder'" berth set m network.address=10.77.1.7
	fails 1 "10.77.1.7 belongs to 'holder'" berth create -s network=lan -s network.address=10.77.1.7 bb other
	# Both are changed together, in either order of the words.
	berth set m network.address=10.77.1.9 network=lan
	berth set m network.address= network=
	berth delete --force holder
	berth network delete lan
}

# Other errors are reported before a machine is stopped.
case_words_in_another_order() {
	fails 2 "the machine's name stands before its settings: 'description=x' is none" berth set description=x m
	berth start --wait m
	fails 1 "has no snapshot 'nosuch'" berth restore m nosuch
	berth snapshot m there
	fails 1 "is running; stop it before restoring 'there': berth stop m" berth restore m there
	berth stop m
	berth snapshot delete m there
}

# newer FILE: gives it a format that no berth knows yet, with a key of that format.
newer() {
	sed -e '1s/format = 1/format = 2/' -e '1a shape = new' "$1" >"$T/newer"
	cp "$1" "$T/good"
	cp "$T/newer" "$1"
}

# refused_as_newer WORDS...: the command is refused with a sentence, and $file is unchanged.
refused_as_newer() {
	fails 1 "${file##*/}:1: the file has format 2, this berth knows those up to 1; use the newer berth" berth "$@"
	cmp "$file" "$T/newer" || fault "'berth $*' wrote it"
}

# A file of a newer format is neither read nor written; a file of an older one is read as it is.
case_formats() {
	local lib=$BERTH_ROOT/lib file
	berth set m network=default
	berth start --wait m
	berth stop m
	for file in "$lib"/{machines/m/machine,templates/bb/template,pools/default/pool,networks/default/network}.conf; do
		same "first line of $file" "format = 1" "$(head -n 1 "$file")"
		newer "$file"
		case $file in
		*/machine.conf)
			refused_as_newer start m
			refused_as_newer set m description=x
			refused_as_newer unset m shape
			refused_as_newer clone m n
			refused_as_newer snapshot m s
			refused_as_newer mount m "$T" /mnt
			berth list >"$T/listed" 2>"$T/err" && fault "list is content"
			has "^m +broken" "$(cat "$T/listed")"
			has "format 2" "$(cat "$T/err")"
			refused_as_newer delete m
			;;
		*/template.conf)
			refused_as_newer create bb n
			refused_as_newer template delete bb
			;;
		*/pool.conf)
			refused_as_newer start m
			refused_as_newer create bb n
			refused_as_newer pool set default overcommit.max=200
			refused_as_newer pool delete default
			;;
		*/network.conf)
			refused_as_newer start m
			refused_as_newer network up default
			refused_as_newer network delete default
			;;
		esac
		grep -v '^format' "$T/good" >"$file"
	done
	berth start --wait m
	berth stop m
	berth set m description=older
	not grep -q format "$conf"
	fails 2 "made by berth" berth set m format=1
	berth list
}

# A machine with an unknown key in its file does not start until the key is removed, which unset does.
case_unset_of_an_unknown_key() {
	berth create bb odd
	echo "bogus = 1" >>"$BERTH_ROOT/lib/machines/odd/machine.conf"
	fails 1 "bogus" berth start odd
	berth unset odd bogus
	berth start odd
	fails 2 "bogus" berth unset odd bogus
	berth delete --force odd
}

# A running machine is stopped for a restart only if it can start again.
case_restart_looks_before_it_stops() {
	local odd=$BERTH_ROOT/lib/machines/odd/machine.conf init
	mkdir "$T/share"
	berth create bb odd
	berth mount odd "$T/share" /mnt
	berth start odd
	init=$(field odd init)
	cp "$odd" "$T/odd"
	sed -i '1i stop.timout = 5' "$odd"
	fails 1 "stop.timeout" berth restart odd
	grep -v '^network' "$T/odd" | sed -e '1i network = nosuch' -e '1i init = /sbin/nosuch' >"$odd"
	mv "$T/share" "$T/elsewhere"
	fails 1 "not stopped.*/sbin/nosuch.*; .*nosuch" berth restart odd
	cp "$T/odd" "$odd"
	fails 1 "not stopped.*$T/share" berth restart odd
	same "the init" "$init" "$(field odd init)"
	mv "$T/elsewhere" "$T/share"
	berth restart odd
	berth delete --force odd
}

case_numbers_are_numbers() {
	berth get --json m limits.cpus | grep -qx 0.0
	berth get --json m limits.memory | grep -qx 0
	berth get --json m limits.pids | grep -qx 16384
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
	cp "$conf" "$T/good"
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
	fails 1 "no machine 'another'" berth info another
}

# A command that needs the site's settings names their fault; others do their work. None crashes.
case_site_file_and_a_killed_keeper() {
	local words code
	berth start --wait m
	kill -KILL "$(field m keeper)"
	# A dying process has lost its command line before it gives up its lock.
	retry 10 state_is m failed
	mkdir -p "$BERTH_ROOT/etc"
	echo "bogus = 1" >"$BERTH_ROOT/etc/berth.conf"
	for words in "exec m true" "info m" "list" "stop m" "start m" "restart m" "snapshot m" "clone m n" "set m description=x" \
		"logs m" "delete m" "delete --force m"; do
		code=0
		# shellcheck disable=SC2086 # words
		timeout 300 berth $words >"$T/out" 2>"$T/err" || code=$?
		echo "$words: $code: $(head -n 1 "$T/err")"
		if ((code == 0)); then
			not grep -q "^berth: .*bogus" "$T/err"
		else
			[[ $code == 1 || $words/$code == exec*/125 ]]
			has "berth.conf:1: unknown key 'bogus'|is not running|no machine 'm'" "$(cat "$T/err")"
		fi
	done
	rm "$BERTH_ROOT/etc/berth.conf"
	gone m n
	berth create bb m
}

# changes WORD...: the keys that a verb says it changes, with both values.
changes() {
	berth "$@" --json | jq -c '.[] | [.key, .from, .to]'
}

# What it would change is what it changes; canonical values are compared, so that a second time changes nothing.
case_dry_run() {
	local words="set m stop.timeout=2m limits.pids=500 label.role=web boot.autostart=yes" conf
	gone m
	berth create bb m
	conf=$(berth get m)
	# shellcheck disable=SC2086 # words
	changes $words --dry-run >"$T/would"
	same "the settings" "$conf" "$(berth get m)"
	same "lines" "limits.pids = 500, was 16384" "$(berth set -n m limits.pids=500 stop.timeout=1m)"
	# shellcheck disable=SC2086 # words
	changes $words >"$T/did"
	same "what it did" "$(cat "$T/would")" "$(cat "$T/did")"
	same "what it did" '["stop.timeout",60,120] ["limits.pids",16384,500] ["label.role",null,"web"] ["boot.autostart",false,true]' \
		"$(tr '\n' ' ' <"$T/did" | sed 's/ $//')"
	# shellcheck disable=SC2086 # words
	same "again" "[]" "$(berth $words --json)"
	same "another way to say it" "[]" "$(berth set m stop.timeout=120s --json)"
	same "taken back" '["label.role","web",null]' "$(changes unset m label.role label.other)"
	fails 1 "memory|network 'absent'" berth set --dry-run m network=absent
	fails 2 "limits.pids" berth set --dry-run m limits.pids=many
	fails 2 "did you mean" berth unset --dry-run m limits.pid
	gone m
	berth create bb m
}

# Without the controller the limit is the user namespace's, which a start sets.
case_pids_of_running() {
	berth start --wait m
	if grep -qsw pids /sys/fs/cgroup/cgroup.controllers /sys/fs/cgroup/unified/cgroup.controllers; then
		silent "a note" berth set m limits.pids=500
	else
		has "machine 'm' runs: it takes effect at its next start" "$(berth set m limits.pids=500 2>&1)"
		has "takes effect at its next start" "$(berth unset m limits.pids 2>&1)"
	fi
	berth stop --force m
	berth unset m limits.pids
}

run_cases "$@"
