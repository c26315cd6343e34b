#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Backups that go wrong: targets that are not there, damage in a chain, interrupts, names that are none, and what is said
# about each.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/backups.sh
. "$top/tests/backups.sh"

export TZ=UTC0
needs_faults="case_killed_at_each_point"

set_up() {
	busybox_template bb
	mkdir "$T/target"
}

# machine NAME [KEY=VALUE...]: a new stopped machine, in a test without others.
machine() {
	local pair more=()
	for pair in "${@:2}"; do
		more+=(--set "$pair")
	done
	berth create --set network= "${more[@]}" bb "$1" 2>"$T/created"
}

# Also what a failed case has left.
fresh() {
	delete_each list 'delete --force'
	rm -rf "$T/target" "$BERTH_ROOT/lib/backup-targets"
	mkdir "$T/target"
}

take() {
	berth backup --now "$2" "${@:3}" "$1"
}

file_of() {
	echo "$T"/target/"$1".*/"$2".*.berth
}

# failures MACHINE: how many events of failed backups there are.
failures_of() {
	berth events --json --no-follow "$1" | grep -c '"backup-failed"' || true
}

# flip FILE [OFFSET]: one bit.
flip() {
	python3 -IS -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2])); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 4]))' "$1" "${2:-700}"
}

# by_cron TIME: as cron calls it, with what it would send by mail in $T/mail.
by_cron() {
	berth backup scheduled --now "$1" >/dev/null 2>"$T/mail"
}

case_schedule_without_target() {
	local n code=0
	fresh
	machine web backup.schedule=daily
	has "machine 'web' has backup.schedule, and no folder for backups is set" "$(cat "$T/created")"
	has "no folder for backups is set" "$(berth set web 'backup.schedule=daily 03:00' 2>&1)"
	silent "with a target" berth set web backup.target="$T/target"
	has "no folder for backups is set" "$(berth unset web backup.target 2>&1)"
	n=$(failures_of web)
	by_cron 20260110-080000 || code=$?
	same code 1 "$code"
	has "machine 'web': no folder for backups is set" "$(cat "$T/mail")"
	same events $((n + 1)) "$(failures_of web)"
	fails 1 "machine 'web': no folder for backups is set" berth backup web
	fresh
}

# The same failure is told when it begins, and once a day; the exit status tells it each time.
case_told_once() {
	local n
	fresh
	machine web backup.schedule=daily backup.target="$T/target"
	by_cron 20260110-080000
	mv "$T/target" "$T/away"
	n=$(failures_of web)
	fails 1 "machine 'web': back up to '$T/target': there is no such folder" berth backup scheduled --now 20260111-080000
	not by_cron 20260111-080500
	empty "the second mail" "$T/mail"
	not by_cron 20260112-075900
	empty "the mail of the same day" "$T/mail"
	same events $((n + 1)) "$(failures_of web)"
	not by_cron 20260112-080000
	has "there is no such folder" "$(cat "$T/mail")"
	same events $((n + 2)) "$(failures_of web)"
	# Another failure is told at once.
	mkdir "$T/target"
	not by_cron 20260112-080500
	has "is not the folder that had the backups before" "$(cat "$T/mail")"
	rm -r "$T/target"
	# One by hand is told each time.
	fails 1 "there is no such folder" berth backup web
	fails 1 "there is no such folder" berth backup web
	mv "$T/away" "$T/target"
	by_cron 20260112-081000
	mv "$T/target" "$T/away"
	not by_cron 20260113-080000
	has "there is no such folder" "$(cat "$T/mail")"
	mv "$T/away" "$T/target"
	fresh
}

# Runs of cron that wait for each other do not write one each.
case_cron_piles_up() {
	local lock pids=() i
	fresh
	machine web backup.schedule=daily backup.target="$T/target"
	take web 20260110-080000
	exec {lock}>"$(dirname "$(file_of web 20260110-080000)")/.lock"
	flock "$lock"
	for i in 1 2 3 4; do
		berth backup scheduled --now 20260111-080001 >"$T/run.$i" 2>&1 {lock}>&- &
		pids+=($!)
	done
	exec {lock}>&-
	wait "${pids[@]}"
	by_cron 20260111-080100
	same kinds "full increment" "$(kinds)"
	# One that works on the machine is no failure.
	exec {lock}>"$(dirname "$(file_of web 20260110-080000)")/.lock"
	flock "$lock"
	silent "while another one is at work" berth backup scheduled --now 20260112-080000
	exec {lock}>&-
	fresh
}

# A restored machine goes on with its backups; one that came from elsewhere has no schedule without a folder.
case_restored_with_its_target() {
	fresh
	machine web backup.schedule=daily backup.target="$T/target"
	take web 20260110-080000
	berth delete web
	same "no remark" web "$(berth backup restore --set network= --target "$T/target/" web 2>&1)"
	same target "$T/target" "$(berth get web backup.target)"
	same schedule daily "$(berth get web backup.schedule)"
	has "increment" "$(berth backup scheduled --now 20260111-080000)"
	berth delete web
	cp -a "$T/target" "$T/copy"
	has "backup.target, backup.schedule; --trust" "$(berth backup restore --set network= --target "$T/copy" web 2>&1)"
	silent target berth get web backup.target
	silent schedule berth get web backup.schedule
	rm -r "$T/copy"
	fresh
}

# The file that is damaged is named, and nothing is built on it.
case_damage_in_the_middle() {
	local file said
	fresh
	machine web backup.target="$T/target"
	has "full, .* \(the first one here\)" "$(take web 20260110-080000)"
	take web 20260111-080000
	take web 20260112-080000
	file=$(file_of web 20260111-080000)
	cp -p "$file" "$T/whole"
	flip "$file"
	berth backup verify --target "$T/target" >"$T/out" 2>"$T/err" && fault "damage was not found"
	has "'20260111-080000.since-.*' of machine 'web': it is damaged" "$(cat "$T/err")"
	has "'20260112-080000.since-.*' of machine 'web' builds on '20260111-080000" "$(cat "$T/out")"
	has "^1 backup is whole, 1 is damaged, 1 builds on one that is damaged or gone$" "$(cat "$T/out")"
	same kinds "full damaged broken" "$(kinds)"
	same verdicts "whole damaged broken" "$(berth backup verify --json --target "$T/target" 2>/dev/null | jq -r '[.[].verdict] | join(" ")')"
	fails 1 "restore '20260112-080000.*': '20260111-080000.since-20260110-080000.berth': it is damaged" \
		berth backup restore --target "$T/target" web again
	said=$(take web 20260113-080000)
	has "full, .*'20260112-080000.* builds on '20260111-080000.*, which is damaged" "$said"
	# A file that was put in order again counts again.
	cp -p "$T/whole" "$file"
	has "4 backups are whole" "$(berth backup verify web)"
	same kinds "full increment increment full" "$(kinds)"
	fresh
}

# Nobody has to verify it first: what was changed since it was written is read before anything builds on it.
case_damage_is_found_by_the_next() {
	local file
	fresh
	machine web backup.target="$T/target"
	take web 20260110-080000
	take web 20260111-080000
	flip "$(file_of web 20260110-080000)"
	has "full, .*'20260110-080000.full.berth'.* is damaged" "$(take web 20260112-080000)"
	same kinds "damaged broken full" "$(kinds)"
	# A shorter file is seen at once, without a ledger as well.
	take web 20260113-080000
	file=$(file_of web 20260113-080000)
	truncate -s -5 "$file"
	same kinds "damaged broken full damaged" "$(kinds)"
	rm "$(dirname "$file")/.checked"
	has "full, .*'20260113-080000.* is damaged" "$(take web 20260114-080000)"
	fresh
}

# A lost base is told, and so is each file that is removed; damaged ones take no place among those that are kept.
case_said() {
	fresh
	machine web backup.target="$T/target" "backup.keep=last 2"
	take web 20260110-080000
	rm "$(file_of web 20260110-080000)"
	has "full, .*\(the first one here\)" "$(take web 20260111-080000)"
	take web 20260112-080000
	rm "$(file_of web 20260111-080000)"
	has "full, .*'20260112-080000.*builds on one that is gone, that of 20260111-080000" "$(take web 20260113-080000)"
	take web 20260114-080000 --full >"$T/out"
	has "full, .*\(as asked for\)" "$(cat "$T/out")"
	has "^web@20260112-080000: removed, backup.keep does not keep it" "$(cat "$T/out")"
	berth set web backup.full=weekly
	has "full, .*\(by backup.full, weekly.*\)" "$(take web 20260119-080000)"
	fresh
	machine web backup.target="$T/target" "backup.keep=last 1"
	take web 20260110-080000
	take web 20260111-080000 --full
	truncate -s -5 "$(file_of web 20260111-080000)"
	flip "$(file_of web 20260111-080000)"
	berth backup verify web >/dev/null 2>&1 || true
	same kinds "damaged" "$(kinds)"
	fresh
}

# A clock that was wrong once does not hide what is written later, and each backup has the time of its writing.
case_newest() {
	local date
	fresh
	machine web backup.target="$T/target" backup.full=
	take web 20360110-080000
	berth set web description=later
	take web 20260110-080000
	berth backup restore --set network= web again
	same "what builds on it" later "$(berth get again description)"
	berth set web description=full
	take web 20260111-080000 --full
	berth delete again
	berth backup restore --set network= web again
	same "of another chain" full "$(berth get again description)"
	fresh
	machine web backup.target="$T/target"
	take web 20360110-080000
	berth set web description=late
	take web 20260111-080000 --full
	berth backup restore --set network= web again
	same "beside one of the future" late "$(berth get again description)"
	berth backup web web web
	for date in $(berth backup list --json --target "$T/target" web | jq -r '.[].time'); do
		((date > 2000000000 || date <= $(date +%s))) || fault "a backup has the time $date, and it is $(date +%s)"
	done
	fresh
}

# The sentence names the newest that is whole, and --whole takes it.
case_remedies() {
	fresh
	machine web backup.target="$T/target"
	take web 20260110-080000
	berth set web description=second
	take web 20260111-080000
	berth set web description=third
	take web 20260112-080000
	flip "$(file_of web 20260112-080000)"
	fails 1 "restore '20260112-080000.*it is damaged: .*; 'web@20260111-080000' is the newest that is not known to be damaged: name it" \
		berth backup restore --set network= web again
	same kinds "full increment damaged" "$(kinds)"
	has "web@20260111-080000 is the newest that is not known to be damaged" "$(not berth backup verify web 2>/dev/null)"
	berth backup restore --set network= --whole web again
	same "what it is" second "$(berth get again description)"
	# It reads what it takes: damage that nobody knows of yet is found.
	flip "$(file_of web 20260111-080000)"
	touch -r "$(file_of web 20260110-080000)" "$(file_of web 20260111-080000)"
	berth backup restore --set network= --whole web first
	silent "what it is" berth get first description
	flip "$(file_of web 20260110-080000)"
	fails 1 "no backup of machine 'web' is whole" berth backup restore --set network= --whole web none
	fails 1 "no other backup of it is known to be whole" berth backup restore --set network= web none
	has "no backup of machine 'web' is whole" "$(not berth backup verify web 2>/dev/null)"
	fresh
}

case_wrong_folders() {
	fresh
	machine web
	mkdir "$T/empty"
	fails 1 "has no backups, nor the file '.berth-backups'.* mount its disk" berth backup list --target "$T/empty"
	fails 1 "has no backups, nor the file" berth backup verify --target "$T/empty"
	fails 1 "has no backups, nor the file" berth backup restore --target "$T/empty" web
	fails 1 "there is no such folder; make it, or mount its disk" berth backup list --target "$T/missing"
	rmdir "$T/empty"
	berth backup --target "$T/target" web
	fails 1 "no backup of machine 'other'" berth backup list --target "$T/target" other
	fails 1 "no backup of machine 'other'" berth backup verify --target "$T/target" other
	machine other
	has "there is no backup of machine 'other'" "$(berth backup list --target "$T/target" other 2>&1)"
	# A copy without the mark has backups all the same.
	rm "$T/target/.berth-backups"
	same kinds full "$(kinds)"
	for wrong in / "$BERTH_ROOT/lib" "$BERTH_ROOT/lib/pools" "$BERTH_ROOT/run/.."; do
		mkdir -p "$wrong"
		[[ $wrong == *.. ]] && continue
		fails 1 "the folder for backups cannot be '" berth backup --target "$wrong" web
	done
	ln -s "$BERTH_ROOT/lib" "$T/link"
	fails 1 "the folder for backups cannot be '" berth backup --target "$T/link" web
	rm "$T/link"
	silent "nothing was made there" find "$BERTH_ROOT/lib" / -maxdepth 1 -name .berth-backups
	fresh
}

case_full_and_read_only() {
	fresh
	machine web
	mount -t tmpfs -o size=64k none "$T/target"
	fails 1 "make room in '$T/target', or keep fewer backups" berth backup --target "$T/target" web
	silent "nothing is held" held web
	mount -o remount,ro "$T/target"
	fails 1 "mount '$T/target' for writing" berth backup --target "$T/target" web
	umount "$T/target"
	# A folder that has taken nothing is not the one to look for: a larger disk takes its place.
	mount -t tmpfs none "$T/target"
	berth backup --target "$T/target" web
	umount "$T/target"
	fails 1 "is not the folder that had the backups before" berth backup --target "$T/target" web
	rm -rf "$BERTH_ROOT/lib/backup-targets"
	mount -t tmpfs -o ro none "$T/target"
	fails 1 "mount '$T/target' for writing" berth backup --target "$T/target" web
	umount "$T/target"
	fresh
}

case_forget() {
	fresh
	machine web
	fails 1 "no backups of this host go to '$T/typo'; it knows no folder" berth backup forget "$T/typo"
	berth backup --target "$T/target" web
	fails 1 "those that it knows are: $T/target" berth backup forget "$T/typo"
	berth backup forget "$T/target/"
	fails 1 "no backups of this host go to" berth backup forget "$T/target"
	fresh
}

case_names() {
	fresh
	machine web backup.target="$T/target"
	fails 2 "no verb 'backup prune'.* 'backup take' removes" berth backup prune web
	fails 2 "no verb 'backup delete'" berth backup delete web
	fails 2 "did you mean 'backup verify'" berth backup verfy web
	fails 1 "no machine 'wbe'" berth backup web wbe
	fails 2 "" berth backup web 'Not a name'
	silent "nothing was begun" ls -A "$T/target"
	fresh
}

# Names of such snapshots are berth's; one that was renamed serves the next increment all the same.
case_names_of_snapshots() {
	local name
	fresh
	machine web backup.target="$T/target"
	take web 20260110-080000
	name=$(held web)
	fails 2 "names of snapshots for backups" berth snapshot web "${name%-*}-120000"
	berth snapshot web mine
	fails 2 "names of snapshots for backups" berth snapshot rename web mine "${name%-*}-120000"
	berth snapshot web backup-of-mine
	berth snapshot web "${name%-*-*}-mine"
	berth snapshot rename web "$name" kept
	# The clock was put back since: the one that the next builds on has a later time than that has.
	sed -i "s/\$/ $(($(date +%s) + 5000))/" "$BERTH_ROOT/lib/machines/web/content.kept"
	same "the last by its time" kept "$(berth snapshot list --json web | jq -r '.[-1].name')"
	has increment "$(take web 20260111-080000)"
	has "^backup-of-mine ${name%-*-*}-mine kept mine $(held web | xargs -n 1 | grep 20260111)$|kept" "$(berth snapshot list --json web | jq -r '[.[].name] | sort | join(" ")')"
	same "those of the user" 4 "$(berth snapshot list --json web | jq -r '.[].name' | grep -cv 20260111)"
	fresh
}

case_dry_and_json() {
	local made
	fresh
	machine web backup.target="$T/target" backup.schedule=daily "backup.keep=last 1"
	same "dry" "web@20260110-080000: would be full (the first one here)" "$(take web 20260110-080000 -n)"
	silent "nothing was written" ls -A "$T/target"
	silent "nothing is held" held web
	has "would be full" "$(berth backup scheduled -n --now 20260110-080000)"
	made=$(take web 20260110-080000 --json)
	same kind "full the first one here" "$(jq -r '.[0] | .kind + " " + .reason' <<<"$made")"
	made=$(berth backup scheduled --now 20260111-080000 --json)
	same kind "increment 20260110-080000" "$(jq -r '.[0] | .kind + " " + .base' <<<"$made")"
	same "not due" "[]" "$(berth backup scheduled --now 20260111-090000 --json)"
	has "web@20260110-080000: would be removed" "$(take web 20260112-080000 -n --full)"
	same kinds "full increment" "$(kinds)"
	made=$(take web 20260112-080000 --json --full)
	same removed 2 "$(jq -r '.[0].removed | length' <<<"$made")"
	fresh
}

# The command that is interrupted clears away, tells the event and ends by the signal.
case_interrupted() {
	local pid code sig
	fresh
	machine web backup.target="$T/target"
	berth start --wait web
	berth exec web -- busybox dd if=/dev/urandom of=/data bs=1M count=64 2>/dev/null
	for sig in INT TERM HUP; do
		python3 -IS -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp("berth", ["berth", "backup", "web"])' >"$T/out" 2>"$T/err" &
		pid=$!
		retry 20 is_held web
		kill -"$sig" "$pid"
		code=0
		wait "$pid" || code=$?
		[[ $code -gt 128 ]] || fault "SIG$sig: it ended with $code: $(cat "$T/err")"
		has "interrupted by SIG$sig" "$(cat "$T/err")"
		silent "held after SIG$sig" held web
		has '"backup-failed".*interrupted' "$(berth events --json --no-follow web | grep backup-failed | tail -n 1)"
		silent "files after SIG$sig" find "$T/target" -name '2*'
	done
	# The process that makes it is killed, perhaps for lack of memory.
	berth backup web >"$T/out" 2>"$T/err" &
	pid=$!
	retry 20 is_held web
	pkill -KILL -P "$pid" berth
	code=0
	wait "$pid" || code=$?
	same code 1 "$code"
	has "killed by SIGKILL" "$(cat "$T/err")"
	silent held held web
	fresh
}

# at_point POINT COMMAND...: its process that makes the backup is killed there.
at_point() {
	local code=0
	BERTH_FAULT=$1:1 "${@:2}" >"$T/out" 2>"$T/err" || code=$?
	same "code at $1" 1 "$code"
	has "killed by SIGKILL" "$(cat "$T/err")"
}

case_killed_at_each_point() {
	local point n
	fresh
	machine web backup.target="$T/target" backup.schedule=daily
	take web 20260110-080000
	for point in backup-snapshot backup-written travel-written; do
		n=$(failures_of web)
		at_point "$point" berth backup --now 20260111-080000 web
		same "events after $point" $((n + 1)) "$(failures_of web)"
		silent "files after $point" find "$T/target" -name '*.new'
		same "held after $point" 1 "$(held web | wc -w)"
	done
	# At its very end it is whole, and no failure.
	n=$(failures_of web)
	at_point backup-kept berth backup --now 20260111-080000 web
	has "after the backup '20260111-080000.since-20260110-080000.berth' was there, which is whole" "$(cat "$T/err")"
	same "events after backup-kept" "$n" "$(failures_of web)"
	has '"backed-up".*20260111-080000' "$(berth events --json --no-follow web | tail -n 1)"
	same kinds "full increment" "$(kinds)"
	has increment "$(take web 20260112-080000)"
	same "held" 1 "$(held web | wc -w)"
	has "3 backups are whole" "$(berth backup verify web)"
	fresh
}

# A kill of the whole command leaves a snapshot, which the next command of backups removes and tells, also if none is due.
case_killed() {
	local pid n
	fresh
	machine web backup.target="$T/target" backup.schedule=daily
	berth start --wait web
	take web 20260110-080000
	berth exec web -- busybox dd if=/dev/urandom of=/data bs=1M count=64 2>/dev/null
	n=$(failures_of web)
	berth backup --now 20260110-090000 web >"$T/out" 2>&1 &
	pid=$!
	retry 20 is_held web 2
	kill -KILL "$pid"
	wait "$pid" || true
	berth backup scheduled --now 20260110-100000
	same held 1 "$(held web | wc -w)"
	same events $((n + 1)) "$(failures_of web)"
	silent "files in the making" find "$T/target" -name '*.new'
	has increment "$(take web 20260112-080000)"
	fresh
}

case_hints() {
	local said
	fresh
	machine web backup.target="$T/target" backup.schedule=daily
	said=$(berth info web)
	has "^backups: +daily to $T/target, none yet$" "$said"
	take web 20260110-080000
	has "^backups: .*, the last of 2026-01-10 08:00:00$" "$(berth info web)"
	same json "daily $T/target 1768032000" "$(berth info --json web | jq -r '.backup | .schedule + " " + .target + " " + (.last | tostring)')"
	mv "$T/target" "$T/away"
	not by_cron 20260112-080000
	has "^backups: .*failed since 2026-01-12 08:00:00: .*there is no such folder" "$(berth info web)"
	mv "$T/away" "$T/target"
	berth doctor >"$T/out" || true
	has "machine 'web' has backup.schedule, and .*berth-backups.timer|cron" "$(cat "$T/out")"
	has "backups of machine 'web' fail" "$(cat "$T/out")"
	fresh
}

run_cases "$@"
