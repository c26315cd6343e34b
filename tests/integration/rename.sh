#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Other names for machines, templates and snapshots; and commands that are killed at each step of such a change.
needs_faults="case_killed case_killed_and_reused case_killed_template case_killed_snapshot"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"

fast=${STORAGE_DRIVER:-btrfs}

set_up() {
	berth pool create "p-$fast" --driver "$fast"
	berth pool create p-dir --driver dir
	busybox_template bb "p-$fast"
	berth network create default --subnet 10.61.0.0/24
}

# make NAME POOL: a machine with all that can follow to another name.
make() {
	berth create --pool "$2" --set label.role=front --set description="the first" bb "$1"
	berth forward add "$1" tcp 18080:80
	berth snapshot "$1" s1
	berth snapshot "$1" s2
}

names() {
	berth list --json | jq -r '[.[].name] | join(" ")'
}

# address_of NAME: what its network has for the name.
address_of() {
	awk '{ print $1 }' "$BERTH_ROOT/lib/networks/default/names/$1"
}

# no_part_of NAME: no part of a machine has that name.
no_part_of() {
	silent "files of $1" find "$BERTH_ROOT/lib" -path '*/volumes/*/*' -prune -o \
		\( -name "$1" -o -name "*.$1" -o -name "*.$1.*" \) -print
	lacks "machine\.$1 |snapshot\.$1\." "$(berth pool usage "p-$fast"; berth pool usage p-dir)"
	not grep -rlw "$1" "$BERTH_ROOT/lib/networks/default" "$BERTH_ROOT"/lib/machines/*/machine.conf
	[[ ! -e $BERTH_ROOT/lib/.renaming ]]
}

# All parts follow; what belongs to the machine itself stays as it is.
case_machine() {
	local pool address
	for pool in "p-$fast" p-dir; do
		make web "$pool"
		berth create --network= --set boot.after="other web" bb follower
		berth start --wait web
		fails 1 "machine 'web' is running, and its name is in use; stop it first: berth stop web" berth rename web www
		same "host name" web "$(berth exec web hostname)"
		berth stop --force web
		# A root that has named itself follows.
		berth start --wait web
		berth exec web -- sh -c 'echo web.example.org >/etc/hostname; echo kept >/kept'
		berth stop --force web
		berth publish web@s1 from-web
		berth get --json web | jq -S . >"$T/settings"
		address=$(address_of web)
		berth rename web www
		berth get --json www | jq -S . | diff "$T/settings" -
		same names "follower www" "$(names)"
		same snapshots "s1 s2" "$(berth snapshot list --json www | jq -r '[.[].name] | join(" ")')"
		same address "$address" "$(address_of www)"
		same "machines that wait for it" "other www" "$(berth get follower boot.after)"
		same "origin of a template" "machine www@s1" "$(berth template info --json from-web | jq -r .origin)"
		has "booted|console" "$(berth logs www || true; ls "$BERTH_ROOT/lib/machines/www")"
		no_part_of web
		fails 1 "no machine 'web'" berth info web
		berth start --wait www
		same "host name" www.example.org "$(berth exec www cat /etc/hostname)"
		same "its file" kept "$(berth exec www cat /kept)"
		same address "$address" "$(berth list --json www | jq -r '.[].address')"
		berth stop --force www
		berth restore www s1
		# The old name is free, also for a machine with the same parts.
		berth create --pool "$pool" bb web
		berth snapshot web s1
		fails 1 "machine 'www' exists already" berth rename web www
		berth delete web www follower
		berth template delete from-web
	done
}

case_refused() {
	berth create --network= bb one
	fails 1 "machine 'one' has this name already" berth rename one one
	fails 2 "'Two' " berth rename one Two
	fails 2 "" berth rename one
	fails 1 "no machine 'nobody'" berth rename nobody two
	# A root that has lost its machine keeps its name.
	berth create --network= bb two
	mv "$BERTH_ROOT/lib/machines/two" "$T/two"
	fails 1 "holds a root 'machine.two' already" berth rename one two
	mv "$T/two" "$BERTH_ROOT/lib/machines/two"
	# Settings that cannot be read are refused before anything is changed.
	echo nonsense >>"$BERTH_ROOT/lib/machines/two/machine.conf"
	fails 1 "machine 'two'.*nonsense" berth rename two three
	sed -i '/nonsense/d' "$BERTH_ROOT/lib/machines/two/machine.conf"
	# Somebody reads a snapshot meanwhile.
	berth snapshot two s
	mkfifo "$T/slow"
	berth export two@s - >"$T/slow" &
	local reader=$!
	exec 8<"$T/slow"
	read -r -N 16 -u 8
	fails 1 "copied by another berth command" berth rename two three
	exec 8<&-
	wait "$reader" || true
	same names "one two" "$(names)"
	# Two at once, against each other and onto one name.
	berth rename one x &
	local first=$!
	berth rename two x && two=x || two=two
	wait "$first" && one=x || one=one
	same names "$(printf '%s\n' "$one" "$two" | sort | xargs)" "$(names)"
	berth delete "$one" "$two"
}

# The copy of settings in the pool has the new name.
case_copy_of_settings() {
	berth create --pool p-dir --network= --set description=kept bb old
	berth rename old new
	retry 20 grep -q machines/new/machine.conf "$BERTH_ROOT/lib/pools/p-dir/volumes/.berth-books"
	retry 20 not grep -q machines/old/machine.conf "$BERTH_ROOT/lib/pools/p-dir/volumes/.berth-books"
	rm -r "$BERTH_ROOT/lib/machines/new"
	berth adopt new
	same description kept "$(berth get new description)"
	berth delete new
}

case_template() {
	busybox_template first "p-$fast"
	berth create --network= first m
	berth clone m clone
	berth template set first default.label.role=web
	fails 1 "there is no template 'nothing'" berth template rename nothing x
	fails 1 "template 'bb' exists already" berth template rename first bb
	fails 1 "has this name already" berth template rename first first
	berth template rename first second
	same templates "bb second" "$(berth template list --json | jq -r '[.[].name] | join(" ")')"
	same "its machines" "second second" "$(berth get m template) $(berth get clone template)"
	same "its defaults" web "$(berth template get second default.label.role)"
	fails 1 "there is no template 'first'" berth template info first
	berth reset m
	berth create --network= second other
	same "the label" web "$(berth get other label.role)"
	busybox_template first "p-$fast"
	berth delete m clone other
	berth template delete first second
	[[ ! -e $BERTH_ROOT/lib/.renaming ]]
}

case_snapshot() {
	local when
	berth create --pool p-dir --network= bb m
	berth export m "$T/fresh.berth"
	berth snapshot m s1
	berth export --snapshots m@s1 "$T/base.berth"
	echo 2 >"$BERTH_ROOT/lib/pools/p-dir/volumes/machine.m/root/two"
	berth snapshot m s2
	when=$(berth snapshot list --json m | jq '.[0].created')
	fails 1 "has a snapshot 's2' already" berth snapshot rename m s1 s2
	fails 1 "has no snapshot 'no'" berth snapshot rename m no x
	fails 2 "'list' is a verb" berth snapshot rename m s1 list
	berth publish m@s1 of-m
	berth snapshot rename m s1 first
	same snapshots "first s2" "$(berth snapshot list --json m | jq -r '[.[].name] | join(" ")')"
	same created "$when" "$(berth snapshot list --json m | jq '.[0].created')"
	same origin "machine m@first" "$(berth template info --json of-m | jq -r .origin)"
	# It still is what the other side has under its old name.
	berth export --since first m@s2 "$T/step.berth"
	berth delete m
	berth import --pool p-dir "$T/base.berth"
	berth import "$T/step.berth"
	berth snapshot rename m s1 first
	same snapshots "first s2" "$(berth snapshot list --json m | jq -r '[.[].name] | join(" ")')"
	# A snapshot of a root before its first start stays one.
	[[ -e $BERTH_ROOT/lib/machines/m/fresh.first ]]
	berth delete m
	berth template delete of-m
}

# A machine exists under one of both names at every moment, whole, and the next command that acts completes the change.
case_killed() {
	local pool point list old new now
	for pool in "p-$fast" p-dir; do
		make web "$pool"
		berth start --wait web
		berth exec web -- sh -c 'echo web >/etc/hostname'
		berth stop --force web
		list=$(points berth rename web www | grep ^rename-)
		((6 <= $(wc -w <<<"$list"))) || fault "there are few points: $list"
		old=www new=web
		for point in $list; do
			echo "$pool $point"
			BERTH_FAULT=$point not_kindly berth rename "$old" "$new"
			now=$(names)
			[[ $now == "$old" || $now == "$new" ]] || fault "at $point there is: $now"
			# Looking finds it whole and changes nothing.
			same "its state" stopped "$(berth list --json | jq -r '.[].state')"
			[[ -d $BERTH_ROOT/lib/.renaming ]] || [[ $point == rename-done* ]]
			fails 1 "no machine" berth info "$([[ $now == "$old" ]] && echo "$new" || echo "$old")"
			silent "roots that are nobody's" berth adopt --all
			berth start --wait "$now"
			same "its snapshots" "s1 s2" "$(berth snapshot list --json "$now" | jq -r '[.[].name] | join(" ")')"
			berth stop --force "$now"
			[[ $now == "$new" ]] || berth rename "$old" "$new"
			same names "$new" "$(names)"
			no_part_of "$old"
			same "host name" "$new" "$(berth start --wait "$new"; berth exec "$new" hostname)"
			berth stop --force "$new"
			read -r old new <<<"$new $old"
		done
		berth delete "$old"
	done
}

# The first command after the kill makes a machine of the old name, or deletes it by force.
case_killed_and_reused() {
	local address
	make web p-dir
	berth start --wait web
	berth stop --force web
	address=$(address_of web)
	BERTH_FAULT=rename-followed:1 not_kindly berth rename web www
	berth create --pool p-dir bb web
	berth snapshot web s1
	same names "web www" "$(names)"
	berth restore www s2
	same "its address" "$address" "$(address_of www)"
	berth delete web
	BERTH_FAULT=rename-volume:2 not_kindly berth rename www web
	fails 1 "no machine 'www'" berth delete --force www
	berth restore web s1
	berth delete web
	silent "roots that are nobody's" berth adopt --all
}

case_killed_template() {
	local point list old=second new=first now
	busybox_template first "p-$fast"
	berth create --network= first m
	list=$(points berth template rename first second | grep ^rename-)
	for point in $list; do
		echo "$point"
		BERTH_FAULT=$point not_kindly berth template rename "$old" "$new"
		now=$(berth template list --json | jq -r '[.[].name | select(. != "bb")] | join(" ")')
		[[ $now == "$old" || $now == "$new" ]] || fault "at $point there is: $now"
		berth create --network= "$now" made
		same "template of its machine" "$now" "$(berth get m template)"
		berth reset m
		berth delete made
		[[ $now == "$new" ]] || berth template rename "$old" "$new"
		[[ ! -e $BERTH_ROOT/lib/.renaming ]]
		read -r old new <<<"$new $old"
	done
	berth delete m
	berth template delete "$old"
}

case_killed_snapshot() {
	local point now
	berth create --pool p-dir --network= bb m
	berth snapshot m s1
	berth export --snapshots m@s1 "$T/ks.berth"
	for point in $(points berth snapshot rename m s1 s2 | grep ^rename-); do
		berth snapshot rename m s2 s1 2>/dev/null || true
		BERTH_FAULT=$point not_kindly berth snapshot rename m s1 s2
		now=$(berth snapshot list --json m | jq -r '[.[].name] | join(" ")')
		[[ $now == s1 || $now == s2 ]] || fault "at $point there is: $now"
		berth export --since "$now" m "$T/ks-$now.berth"
		rm "$T/ks-$now.berth"
		# A new snapshot of the other name has nothing of it.
		berth snapshot m "$([[ $now == s1 ]] && echo s2 || echo s1)"
		berth snapshot delete m "$([[ $now == s1 ]] && echo s2 || echo s1)"
	done
	berth delete m
}

run_cases "$@"
