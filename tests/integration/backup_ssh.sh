#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Backups on another host, by a real sshd: they are as those of a folder here, and a broken connection leaves nothing.
needs_debian="bookworm"
needs_packages="openssh-server"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/backups.sh
. "$top/tests/backups.sh"
# shellcheck source=tests/other_host.sh
. "$top/tests/other_host.sh"

export TZ=UTC0
backup_verb=(backup)

set_up() {
	busybox_template bb
	start_server
	# ssh with the keys and the port of this test, and berth of the other side.
	printf '#!/bin/sh\nexec ssh -F %s/ssh/config "$@"\n' "$T" >"$T/ssh/go"
	printf '#!/bin/sh\nexec berth backup "$@" --ssh %s/ssh/go --berth %s/ssh/berth\n' "$T" "$T" >"$T/ssh/backup"
	chmod +x "$T/ssh/go" "$T/ssh/backup"
}

tear_down() {
	rm -rf "$BERTH_ROOT/lib/backup-targets"
	stop_server
}

# backup WORD...: berth backup WORD..., with the connection of this test.
backup() {
	timeout 600 "$T/ssh/backup" "$@"
}

# fresh [KEY=VALUE...]: a machine web, running, and an empty folder on the other side.
fresh() {
	local pair more=()
	target=ssh:root@other:$T/far
	delete_each list 'delete --force'
	rm -rf "$T/far" "$BERTH_ROOT/lib/backup-targets"
	mkdir "$T/far"
	for pair in "$@"; do
		more+=(--set "$pair")
	done
	berth create --set network= --set backup.target="$target" "${more[@]}" bb web
	berth start --wait web
}

take() {
	backup take --now "$1" "${@:2}" web
}

write() {
	berth exec web -- busybox sh -c "b=busybox; \$b mkdir -p /data && echo $1 >/data/now &&
		\$b dd if=/dev/urandom of=/data/$1 bs=1000 count=50 2>/dev/null"
}

# nothing_half: neither a file in the making is there, nor a process of the other side.
nothing_half() {
	retry 20 not pgrep -f "berth backup serve $T/far" >/dev/null
	silent "files in the making" find "$T/far" -name '*.new'
}

file_of() {
	echo "$T"/far/web.*/"$1".*.berth
}

case_chain() {
	local uuid sum1 sum2
	fresh
	uuid=$(berth get web uuid)
	write one
	sum1=$(tree web)
	has "^web@20260110-080000: full, " "$(take 20260110-080000)"
	write two
	sum2=$(tree web)
	has "^web@20260111-080000: increment, " "$(take 20260111-080000)"
	same kinds "full increment" "$(kinds)"
	has "^backup-[0-9a-f]{8}-20260111-080000$" "$(held)"
	has "2 backups are whole" "$(backup verify web)"
	has "to $target, the last of 2026-01-11" "$(berth info web)"
	# The same files as in a folder here, which serves as one.
	has "2 backups are whole" "$(berth backup verify --target "$T/far")"
	berth delete --force web
	same name web "$(backup restore --set network= --target "$target" web@20260110-080000)"
	same uuid "$uuid" "$(berth get web uuid)"
	same target "$target" "$(berth get web backup.target)"
	berth start --wait web
	same "the first" "$sum1" "$(tree web)"
	has "^web@20260112-080000: increment, " "$(take 20260112-080000)"
	backup restore --set network= web@20260111-080000 other
	berth start --wait other
	same "the second" "$sum2" "$(tree other)"
	nothing_half
}

# What is kept keeps what it builds on.
case_prune() {
	fresh "backup.keep=last 1"
	take 20260110-080000
	take 20260111-080000
	same kinds "full increment" "$(kinds)"
	has "removed, backup.keep does not keep it" "$(take 20260112-080000 --full)"
	same kinds full "$(kinds)"
	same "files there" 1 "$(find "$T/far" -name '2*' | wc -l)"
}

case_schedule() {
	fresh backup.schedule=daily
	has "^web@20260110-080000: full" "$(backup scheduled --now 20260110-080000)"
	silent "the same day" backup scheduled --now 20260110-230000
	has "^web@20260111-000000: increment" "$(backup scheduled --now 20260111-000000)"
	same "dry" "web@20260112-080000: would be increment" "$(take 20260112-080000 -n)"
	berth backup forget "$target"
	silent "held" held
	has "full" "$(take 20260113-080000)"
}

case_damage() {
	local file
	fresh
	take 20260110-080000
	take 20260111-080000
	file=$(file_of 20260110-080000)
	cp -p "$file" "$T/whole"
	python3 -IS -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(700); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 4]))' "$file"
	fails 1 "backup .20260110-080000.full.berth. of machine .web.: host 'root@other': it is damaged" "$T/ssh/backup" verify web
	same kinds "damaged broken" "$(kinds)"
	fails 1 "restore '20260111-080000" "$T/ssh/backup" restore --set network= web again
	fails 1 "no machine 'again'" berth info again
	has "full, .*which is damaged" "$(take 20260112-080000)"
	cp -p "$T/whole" "$file"
	has "3 backups are whole" "$(backup verify web)"
	rm "$file"
	fails 1 "builds on one that is gone" "$T/ssh/backup" restore --set network= web@20260111-080000 again
}

# Encrypted here, so that the other side needs neither command nor key. gzip stands for them.
case_sealed() {
	local sum
	mkdir -p "$BERTH_ROOT/etc"
	printf 'backup.encrypt = gzip -c\nbackup.decrypt = gzip -dc\n' >"$BERTH_ROOT/etc/berth.conf"
	fresh "backup.keep=last 1"
	write one
	take 20260110-080000
	write two
	sum=$(tree web)
	has increment "$(take 20260111-080000)"
	has "2 backups are whole" "$(backup verify --decrypt web)"
	(cd "$T"/far/web.* && sha256sum --quiet -c ./*.sha256)
	backup restore --set network= web again
	berth start --wait again
	same tree "$sum" "$(tree again)"
	python3 -IS -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(700); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 4]))' "$(echo "$T"/far/web.*/20260111-*.enc)"
	fails 1 "host 'root@other': it is damaged: its sum is not that of its record" "$T/ssh/backup" verify web
	has "full" "$(take 20260112-080000)"
	mount -t tmpfs -o size=64k none "$T/far"
	rm -rf "$BERTH_ROOT/lib/backup-targets"
	refused "host 'root@other': .*disk is full; make room in '$target'" "$T/ssh/backup" take web
	silent "files" find "$T/far" -name '2*'
	umount "$T/far"
	rm "$BERTH_ROOT/etc/berth.conf"
}

case_refused() {
	fresh
	fails 1 "use ssh:\[USER@\]HOST:/FOLDER" "$T/ssh/backup" take --target ssh:other web
	fails 1 "no name of one has" "$T/ssh/backup" take --target "ssh:-oProxyCommand=x:/a" web
	fails 2 "use ssh:\[USER@\]HOST:/FOLDER" berth set web backup.target=ssh:other:relative
	refused "host 'root@other': .*there is no such folder; make it" "$T/ssh/backup" take --target "$target/no" web
	refused "the folder for backups cannot be '/'" "$T/ssh/backup" take --target ssh:root@other:/ web
	refused "berth keeps its own files" "$T/ssh/backup" take --target "ssh:root@other:$T/there/lib" web
	refused "the connection failed" "$T/ssh/backup" take --target "ssh:root@nowhere.invalid:/x" web
	refused "there is no berth" berth backup take --ssh "$T/ssh/go" --berth no-berth web
	refused "of another version|something else" berth backup take --ssh "$T/ssh/go" --berth "echo hello #" web
	refused "has no backups, nor the file" "$T/ssh/backup" list web
	silent held held
	silent "nothing there" ls -A "$T/far"
	silent "nothing known" find "$BERTH_ROOT/lib" -path "*/backup-targets/*"
	take 20260110-080000
	mv "$T/far" "$T/away"
	mkdir "$T/far"
	refused "is not the folder that had the backups before" "$T/ssh/backup" take web
	rmdir "$T/far"
	mv "$T/away" "$T/far"
	nothing_half
}

case_full_there() {
	fresh
	write one
	mount -t tmpfs -o size=64k none "$T/far"
	refused "host 'root@other': .*disk is full; make room in '$target'" "$T/ssh/backup" take web
	silent held held
	silent "files" find "$T/far" -name '2*'
	mount -o remount,ro "$T/far"
	refused "Read-only file system; mount '$target' for writing" "$T/ssh/backup" take web
	umount "$T/far"
	silent held held
}

# One at a time, also for a command on the other host.
case_at_once() {
	local lock
	fresh
	take 20260110-080000
	exec {lock}>"$(dirname "$(file_of 20260110-080000)")/.lock"
	flock "$lock"
	refused "another command works on the backups of machine 'web' in '$target'" "$T/ssh/backup" take web
	exec {lock}>&-
	backup take web
}

# The connection is cut behind any number of bytes.
case_cut() {
	local i size status cut
	fresh
	berth exec web -- busybox dd if=/dev/urandom of=/data bs=1000 count=300 2>/dev/null
	size=$(berth export web - | wc -c)
	byte_cutter
	for ((i = 0; i < 20; i++)); do
		cut=$((i < 8 ? i * 23 : i * size / 20 + i % 7))
		status=0
		timeout 300 berth backup take --ssh "$T/cutter $cut $T/ssh/go" --berth "$T/ssh/berth" web >/dev/null 2>"$T/said" || status=$?
		((status == 1)) || fault "cut behind $cut of $size: ended with $status"
		has "host 'root@other'" "$(cat "$T/said")"
		same "lines behind $cut" 1 "$(grep -c . "$T/said")"
		nothing_half
		silent "files behind $cut of $size" find "$T/far" -name '2*'
	done
	backup take web
	same held 1 "$(held | wc -w)"
	has "1 backup is whole" "$(backup verify web)"
}

# slowly WORD...: replaces the shell by berth backup WORD..., whose connection takes a few seconds for each megabyte.
slowly() {
	cat >"$T/ssh/slow" <<-END
		#!/usr/bin/env python3
		import os, subprocess, sys, time
		ssh = subprocess.Popen(["ssh", "-F", "$T/ssh/config"] + sys.argv[1:], stdin=subprocess.PIPE)
		while data := os.read(0, 65536):
		    os.write(ssh.stdin.fileno(), data)
		    time.sleep(0.2 if len(data) > 4096 else 0)
		ssh.stdin.close()
		sys.exit(ssh.wait())
	END
	chmod +x "$T/ssh/slow"
	exec berth backup "$@" --ssh "$T/ssh/slow" --berth "$T/ssh/berth"
}

# kill -9 of the command, of ssh, and of berth on the other side; an interrupt.
case_killed() {
	local i pid victim status
	fresh backup.schedule=monthly
	take 20260110-080000
	berth exec web -- busybox dd if=/dev/urandom of=/data bs=1M count=24 2>/dev/null
	for ((i = 0; i < 8; i++)); do
		slowly take --now 20260111-080000 web >"$T/said" 2>&1 &
		pid=$!
		retry 20 is_held web 2
		retry 20 pgrep -f "^berth backup serve"
		case $((i % 4)) in
		0) victim=$pid ;;
		1) victim=$(pgrep -f "^ssh -F $T/ssh/config.*backup serve" | head -n 1) ;;
		2) victim=$(pgrep -f "^berth backup serve" | head -n 1) ;;
		3) victim=$(pgrep -P "$pid" berth) ;;
		esac
		kill -KILL "$victim" || true
		status=0
		wait "$pid" || status=$?
		((status != 0)) || fault "round $i went through: $(cat "$T/said")"
		nothing_half
		same "kinds after round $i" full "$(kinds)"
		# What a killed command has left is gone.
		backup scheduled --now 20260110-090000
		same "held after round $i" 1 "$(held | wc -w)"
	done
	slowly take --now 20260111-080000 web >"$T/said" 2>&1 &
	pid=$!
	retry 20 is_held web 2
	kill -TERM "$pid"
	not wait "$pid"
	has "interrupted by SIGTERM" "$(cat "$T/said")"
	same held 1 "$(held | wc -w)"
	has increment "$(take 20260112-080000)"
	same held 1 "$(held | wc -w)"
	has "2 backups are whole" "$(backup verify web)"
	nothing_half
}

# The other side sends what is no answer, or no end of one.
case_strange_words() {
	fresh
	printf '%s\n' '#!/bin/sh' 'echo berth-backups 1; echo done; exec cat >/dev/null' >"$T/mute"
	printf '%s\n' '#!/bin/sh' 'echo berth-backups 1; echo done; yes "file file 1 1 ../../x"' >"$T/endless"
	printf '%s\n' '#!/bin/sh' 'echo berth-backups 1; echo done; echo done; echo "fault ENOSPC $(printf "\\033[31mred")"' >"$T/rude"
	chmod +x "$T/mute" "$T/endless" "$T/rude"
	refused "read '.berth-backups' of 'ssh:x:/y': File too large" berth backup list --ssh "$T/endless" --target ssh:x:/y
	refused "sends no file" berth backup take --ssh "$T/rude" --target ssh:x:/y web
	lacks "$(printf '\033')" "$(cat "$T/said")"
	printf '%s\n' '#!/bin/sh' 'sed -u 1q' "printf 'x%.0s' \$(seq 5000)" >"$T/long"
	chmod +x "$T/long"
	refused "something else|another version" berth backup list --ssh "$T/long" --target ssh:x:/y
	printf '%s\n' '#!/bin/sh' 'echo berth-backups 1; echo done; echo "fault ENOENT no"; exec yes alive' >"$T/alive"
	chmod +x "$T/alive"
	refused "does not come to the end of its answer" berth backup list --ssh "$T/alive" --target ssh:x:/y
	has "fault EPROTO" "$(not "$T/ssh/berth" backup serve "$T/far" </dev/null)"
	has "fault" "$(printf 'berth-backups 1\nfetch ../../etc/passwd\n' | "$T/ssh/berth" backup serve "$T/far")"
	has "fault" "$(printf 'berth-backups 1\nremove a/../../x\n' | "$T/ssh/berth" backup serve "$T/far")"
	has "standard input is a terminal" "$(not script -qec "berth backup serve /tmp" /dev/null)"
	silent held held
}

run_cases "$@"
