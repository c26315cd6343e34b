#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Backups in a folder: chains of increments, what is kept of them, damage, kills, and machines that come back.
# BACKUP_GENERATIONS=30 makes the long chain longer.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/backups.sh
. "$top/tests/backups.sh"

export TZ=UTC0
generations=${BACKUP_GENERATIONS:-6}

set_up() {
	busybox_template bb
	mkdir "$T/target"
}

# machine NAME [KEY=VALUE...]: a new machine with backups in the target of the test.
machine() {
	local pair more=()
	delete_each list 'delete --force'
	empty_target
	for pair in "${@:2}"; do
		more+=(--set "$pair")
	done
	berth create --set network= --set backup.target="$T/target" "${more[@]}" bb "$1"
	berth start --wait "$1"
}

# take MACHINE TIME [OPTION...]
take() {
	berth backup --now "$2" "${@:3}" "$1"
}

# write MACHINE WORD: a random file more, one that changes, and one of the oldest less.
write() {
	berth exec "$1" -- busybox sh -c "b=busybox; \$b mkdir -p /data/$((RANDOM % 5)) && echo $2 >/data/now &&
		\$b dd if=/dev/urandom of=/data/$((RANDOM % 5)).$2 bs=1000 count=50 2>/dev/null && \$b ln -sf $2 /data/link &&
		for f in /data/$((RANDOM % 5)).*; do [ -e \$f.kept ] || \$b rm -f \$f; break; done; \$b chmod 0$((RANDOM % 7 + 1))50 /data/now"
}

dates() {
	berth backup list --json --target "$T/target" "$@" | jq -r '[.[].date] | join(" ")'
}

file_of() {
	echo "$T"/target/"$1".*/"$2".*.berth
}

empty_target() {
	rm -rf "$T/target"
	mkdir "$T/target"
	rm -rf "$BERTH_ROOT/lib/backup-targets"
}

case_chain() {
	local uuid sum1 sum2
	machine web
	uuid=$(berth get web uuid)
	write web one
	sum1=$(tree web)
	has "^web@20260110-080000: full, " "$(take web 20260110-080000)"
	write web two
	sum2=$(tree web)
	has "^web@20260111-080000: increment, " "$(take web 20260111-080000)"
	write web three
	take web 20260112-080000
	same kinds "full increment increment" "$(kinds web)"
	# One snapshot is enough for the next increment.
	has '^backup-[0-9a-f]{8}-20260112-080000$' "$(held web)"
	has "3 backups are whole" "$(berth backup verify --target "$T/target")"
	has "2 backups are whole" "$(berth backup verify --target "$T/target" web@20260111-080000)"
	# Beside the machine it is another one, which has no part in the chain.
	has "has the identity that the stream has" "$(berth backup restore --set network= --target "$T/target" web@20260111-080000 other 2>&1)"
	berth start --wait other
	same "the second" "$sum2" "$(tree other)"
	same "snapshots of another" "[]" "$(berth snapshot list --json other | tr -d '[:space:]')"
	[[ $(berth get other uuid) != "$uuid" ]]
	berth delete --force other web
	# Without the machine it is the same one, and goes on with the chain.
	same name web "$(berth backup restore --set network= --target "$T/target" web@20260110-080000)"
	same uuid "$uuid" "$(berth get web uuid)"
	berth start --wait web
	same "the first" "$sum1" "$(tree web)"
	# Its backups go on in the folder that it came from.
	same target "$T/target" "$(berth get web backup.target)"
	has "^web@20260113-080000: increment, " "$(take web 20260113-080000)"
	berth delete --force web
	empty_target
}

# The folder of the machine's own settings counts for each verb, and a renamed machine has the backups of its old name.
case_of_its_settings() {
	local uuid
	berth create --set network= bb named
	uuid=$(berth get named uuid)
	fails 1 "no folder for backups is set" berth backup list named
	berth set named backup.target="$T/target"
	berth backup --now 20260110-080000 named
	has "^named@20260110-080000 " "$(berth backup list named)"
	same "what is whole" "1 backup is whole" "$(berth backup verify named@20260110-080000)"
	berth rename named called
	berth backup --now 20260111-080000 called
	same "both" "full increment" "$(berth backup list --json called | jq -r '[.[].kind] | join(" ")')"
	same "what is whole" "2 backups are whole" "$(berth backup verify called)"
	berth backup restore --set network= called@20260110-080000 again 2>"$T/note"
	[[ $(berth get again uuid) != "$uuid" ]]
	berth delete again called
	empty_target
}

# Without a name, all targets count that machines of this host and berth.conf name; one that is away hides no other.
case_all_targets() {
	local out code=0
	delete_each list 'delete --force'
	mkdir -p "$T/second" "$T/third" "$BERTH_ROOT/etc"
	berth create --set network= --set backup.target="$T/target" bb one
	berth create --set network= --set backup.target="$T/second/" bb two
	berth create --set network= --set backup.target="$T/second" bb three
	berth create --set network= bb four
	echo "backup.target = $T/third" >>"$BERTH_ROOT/etc/berth.conf"
	berth backup --now 20260110-080000 '*'
	same "all" "four one three two" "$(berth backup list --json | jq -r '[.[].machine] | sort | join(" ")')"
	same "their targets" "$T/second $T/target $T/third" "$(berth backup list --json | jq -r '[.[].target] | unique | join(" ")')"
	has "^two@20260110-080000 .* $T/second *$" "$(berth backup list)"
	same "what is whole" "4 backups are whole" "$(berth backup verify)"
	same "verdicts" "$T/second whole,$T/second whole,$T/target whole,$T/third whole" \
		"$(berth backup verify --json | jq -r '[.[] | .target + " " + .verdict] | sort | join(",")')"
	same "only that one" two "$(berth backup list --json two | jq -r '.[].machine')"
	mv "$T/second" "$T/away"
	out=$(berth backup verify 2>"$T/said") || code=$?
	same "code" 1 "$code"
	same "what is whole" "2 backups are whole" "$out"
	has "'$T/second': there is no such folder; make it, or mount its disk" "$(cat "$T/said")"
	same "said once" 1 "$(grep -c . "$T/said")"
	out=$(not berth backup list --json 2>"$T/said")
	same "those that are there" "four one" "$(jq -r '[.[].machine] | sort | join(" ")' <<<"$out")"
	sed -i '/^backup.target/d' "$BERTH_ROOT/etc/berth.conf"
	berth delete one two three four
	rm -r "$T/away" "$T/third"
	empty_target
}

# Random writes, prunes and clones between: each backup is what the machine was.
case_generations() {
	local i now sums=() kept date
	machine web "backup.keep=last 4, daily 5, weekly 2" backup.full=weekly
	now=$(date -ud "2026-01-10 06:00" +%s)
	for ((i = 0; i < generations; i++)); do
		write web "g$i"
		((i % 3 != 1)) || berth clone --set network= web "clone$i"
		((i % 4 != 2)) || berth snapshot web "mine$i"
		date=$(date -ud "@$now" +%Y%m%d-%H%M%S)
		sums+=("$date $(tree web)")
		take web "$date" >/dev/null
		now=$((now + 57600))
		same "snapshots that are held" 1 "$(held web | wc -w)"
	done
	kept=$(dates web)
	[[ $kept == *"$date" ]]
	has "backups are whole" "$(berth backup verify --target "$T/target" web)"
	for date in $kept; do
		berth backup restore --set network= --target "$T/target" "web@$date" again
		berth start --wait again
		same "$date" "$(printf '%s\n' "${sums[@]}" | grep "^$date" | cut -d ' ' -f 2-)" "$(tree again)"
		berth delete --force again
	done
	delete_each list 'delete --force'
	empty_target
}

# What is kept keeps what it builds on; the end of a chain goes before its beginning.
case_prune() {
	machine web "backup.keep=last 1" backup.full=monthly
	take web 20260110-080000
	take web 20260111-080000
	take web 20260112-080000
	same "the newest with all before it" "20260110-080000 20260111-080000 20260112-080000" "$(dates)"
	take web 20260201-080000
	same "after a full one" 20260201-080000 "$(dates)"
	same "after a full one" full "$(kinds)"
	take web 20260202-080000 --full
	same "a full one" "full" "$(kinds)"
	berth delete --force web
	empty_target
}

case_scheduled() {
	machine web backup.schedule=daily
	berth create --set network= bb idle
	has "^web@20260110-080000: full" "$(berth backup scheduled --now 20260110-080000)"
	silent "the same day" berth backup scheduled --now 20260110-230000
	has "^web@20260111-000000: increment" "$(berth backup scheduled --now 20260111-000000)"
	# A clock that was wrong neither stops them nor takes them twice.
	has "^web@" "$(take web 20360110-080000)"
	silent "the same day" berth backup scheduled --now 20260111-100000
	# A failure by hand keeps no schedule quiet.
	berth set web backup.target="$T/none"
	fails 1 "there is no such folder" berth backup web
	fails 1 "there is no such folder" berth backup scheduled --now 20260112-000000
	silent "the same failure" not berth backup scheduled --now 20260112-000500
	berth set web backup.target="$T/target"
	has "^web@20260112-000000: " "$(berth backup scheduled --now 20260112-000000)"
	# Two of one second.
	has "^web@20260112-000001: " "$(take web 20260112-000000)"
	has "backed-up" "$(berth events --json --no-follow web | tail -n 1)"
	berth delete --force web idle
	empty_target
}

# A disk that is not mounted leaves an empty folder, which is not written to.
case_missing_target() {
	machine web
	take web 20260110-080000
	mv "$T/target" "$T/away"
	fails 1 "there is no such folder; make it, or mount its disk" berth backup web
	mkdir "$T/target"
	fails 1 "is not the folder that had the backups before" berth backup web
	silent "the empty folder" ls -A "$T/target"
	has "backup-failed" "$(berth events --json --no-follow web | tail -n 1)"
	# The other one takes its place when the administrator says so.
	berth backup forget "$T/target"
	same "held" 0 "$(held web | wc -w)"
	has "full" "$(take web 20260111-080000)"
	rm -r "$T/target"
	mv "$T/away" "$T/target"
	fails 1 "is not the folder that had the backups before" berth backup web
	fails 1 "use an absolute path" berth backup list --target here
	berth delete --force web
	fails 1 "no folder for backups is set, and this host has used $T/target; give --target" berth backup list
	# It is gone, and its backups are found where this host has written any.
	has "^web@20260110-080000 .* $T/target *$" "$(berth backup list web)"
	fails 1 "there is no backup of machine 'nobody' in '$T/target'" berth backup list nobody
	fails 1 "there is no machine 'web' here" berth backup restore web@20260111-080000
	empty_target
}

case_full_target() {
	machine web
	mount -t tmpfs -o size=64k none "$T/target"
	write web one
	fails 1 "No space left|disk is full" berth backup web
	same "nothing is there" 0 "$(dates | wc -w)"
	same "nothing is held" 0 "$(held web | wc -w)"
	umount "$T/target"
	rm -rf "$BERTH_ROOT/lib/backup-targets"
	mount -t tmpfs -o ro none "$T/target"
	fails 1 "Read-only file system" berth backup web
	umount "$T/target"
	berth delete --force web
	empty_target
}

# Each flipped byte is found, and what builds on a damaged one is not restored.
case_damage() {
	local file size at n
	machine web
	write web one
	take web 20260110-080000
	write web two
	take web 20260111-080000
	file=$(file_of web 20260110-080000)
	size=$(stat -c %s "$file")
	cp "$file" "$T/whole"
	RANDOM=7
	for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
		at=$(((RANDOM * 32768 + RANDOM) % size))
		python3 -IS -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2])); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 1 << int(sys.argv[3]) % 8]))' "$file" "$at" "$n"
		fails 1 "backup .20260110-080000.full.berth. of machine .web.: it is damaged" berth backup verify --target "$T/target"
		fails 1 "backup .20260110-080000.full.berth. of machine .web.: it is damaged" berth backup verify --target "$T/target" web@20260111-080000
		cp "$T/whole" "$file"
	done
	same "what is counted" "2 backups are whole" "$(berth backup verify --target "$T/target")"
	truncate -s -1 "$file"
	fails 1 "restore '20260111-080000" berth backup restore --set network= --target "$T/target" web again
	fails 1 "no machine 'again'" berth info again
	rm "$file"
	same kinds broken "$(kinds)"
	fails 1 "builds on one that is gone" berth backup restore --set network= --target "$T/target" web again
	# The next one begins a new chain.
	has "full" "$(take web 20260112-080000)"
	fails 1 "no backup '20260112-080001'" berth backup verify --target "$T/target" web@20260112-080001
	berth delete --force web
	empty_target
}

# Killed at any time: nothing half is listed, and the next command goes on.
case_kills() {
	local i hundredths
	machine web
	# One that is whole: a slow host may not come to its first write before a kill.
	berth backup web
	for i in 1 2 3 4 5 6 7 8; do
		write web "k$i"
		hundredths=$(((i * 11 % 9 + 1) * $(slowness)))
		timeout -s KILL "$((hundredths / 100)).$(printf %02d $((hundredths % 100)))" berth backup web >/dev/null 2>&1 || true
		berth backup verify --target "$T/target" >/dev/null
	done
	berth backup web
	same "snapshots that are held" 1 "$(held web | wc -w)"
	silent "files in the making" find "$T/target" -name '*.new'
	berth backup restore --set network= --target "$T/target" web again
	berth start --wait again
	same tree "$(tree web)" "$(tree again)"
	berth delete --force web again
	empty_target
}

# stops TIME [OPTION...]: how often the file system of the machine is written to the disk, and its processes are frozen.
stops() {
	strace -f -qq -e trace=syncfs,write,pwrite64 -o "$T/calls" berth backup --now "$@" web >/dev/null
		grep -cE 'syncfs\(|write(64)?\([0-9]+, "1", 1' "$T/calls"
}

# A quiet backup is taken while the machine stands still; then it goes on.
case_quiet() {
	local n writer
	command -v strace >/dev/null || skip "there is no strace"
	machine web
	# A pool that has to copy freezes it in any case.
	(($(stops 20260109-080000) < 2)) || fault "a plain one is quiet"
	berth exec web -- busybox sh -c 'i=0; while :; do i=$((i+1)); echo $i >/one; echo $i >/two; done' &
	writer=$!
	retry 20 berth exec web -- busybox test -s /two
	same "stops by the flag" 2 "$(stops 20260110-080000 --freeze)"
	berth set web backup.freeze=yes
	same "stops by the key" 2 "$(stops 20260111-080000)"
	n=$(berth exec web -- busybox cat /two)
	retry 20 not berth exec web -- busybox grep -qx "$n" /two
	kill "$writer"
	wait "$writer" || true
	same kinds "full increment increment" "$(kinds web)"
	berth delete --force web
	empty_target
}

# One at a time.
case_at_once() {
	machine web
	take web 20260110-080000
	exec {lock}>"$(dirname "$(file_of web 20260110-080000)")/.lock"
	flock "$lock"
	fails 1 "another command works on the backups" berth backup web
	exec {lock}>&-
	berth backup web
	berth delete --force web
	empty_target
}

run_cases "$@"
