#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Encrypted backups, by the age and the gpg of Debian: chains, damage, prunes without a key, and commands that fail.
needs_debian="bookworm"
needs_packages="age,gnupg"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/backups.sh
. "$top/tests/backups.sh"

export TZ=UTC0
secret=a-text-that-must-not-be-readable

set_up() {
	busybox_template bb
	mkdir -p "$T/tools" "$BERTH_ROOT/etc"
	tar -C "$T/tools" -xf "${debian_tar_bookworm:?}" ./usr ./etc ./bin ./sbin ./lib ./lib64
	mkdir -m 0700 "$T/tools/keys" "$T/tools/dev"
	touch "$T/tools/dev/null"
	tools age-keygen -o /keys/age 2>/dev/null
	tools age-keygen -o /keys/other 2>/dev/null
	tools age-keygen -y /keys/age >"$T/age"
	mount --bind /dev/null "$T/tools/dev/null"
	tools gpg --homedir /keys --batch --quiet --passphrase '' --quick-generate-key backup@test default default 1y 2>"$T/gpg"
}

tear_down() {
	tools gpgconf --homedir /keys --kill all
	retry 10 umount "$T/tools/dev/null"
	rm -rf "$BERTH_ROOT/lib/backup-targets"
}

# tools COMMAND...: of Debian.
tools() {
	chroot "$T/tools" "$@"
}

# commands ENCRYPT [DECRYPT]: as berth.conf has them.
commands() {
	printf 'backup.encrypt = %s\nbackup.decrypt = %s\n' "$1" "${2:-}" >"$BERTH_ROOT/etc/berth.conf"
}

by_age() {
	commands "chroot $T/tools age -r $(cat "$T/age")" "chroot $T/tools age -d -i /keys/${1:-age}"
}

by_gpg() {
	commands "chroot $T/tools gpg --homedir /keys --batch -q -e -r backup@test" \
		"chroot $T/tools gpg --homedir /keys --batch -q -d"
}

fresh() {
	local pair more=()
	delete_each list 'delete --force'
	rm -rf "$T/target" "$BERTH_ROOT/lib/backup-targets"
	mkdir "$T/target"
	for pair in "$@"; do
		more+=(--set "$pair")
	done
	berth create --set network= --set backup.target="$T/target" "${more[@]}" bb web
	berth start --wait web
}

take() {
	berth backup take --now "$1" "${@:2}" web
}

write() {
	berth exec web -- busybox sh -c "b=busybox; \$b mkdir -p /data && echo $secret >/data/$1 &&
		\$b dd if=/dev/urandom of=/data/$1.r bs=1000 count=90 2>/dev/null"
}

file_of() {
	echo "$T"/target/web.*/"$1".*.berth.enc
}

flip() {
	python3 -IS -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(700); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 4]))' "$1"
}

# chain METHOD: full, increments, restores; nothing readable is in the folder.
chain() {
	local sum1 sum2
	"by_$1"
	fresh "backup.keep=last 2"
	write one
	sum1=$(tree web)
	# Not compressed, the text would be found.
	has "full" "$(take 20260110-080000)"
	write two
	sum2=$(tree web)
	has "increment" "$(take 20260111-080000)"
	same kinds "full increment" "$(kinds)"
	not grep -rqa "$secret" "$T/target"
	not grep -rqa "BERTHSTR" "$T/target"
	has "2 backups are whole" "$(berth backup verify web)"
	has "2 backups are whole" "$(berth backup verify --decrypt web)"
	# Their records are those of sha256sum.
	(cd "$T"/target/web.* && sha256sum --quiet -c ./*.sha256)
	berth backup restore --set network= web@20260110-080000 first
	berth backup restore --set network= web last
	berth start --wait first last
	same "the first" "$sum1" "$(tree first)"
	same "the last" "$sum2" "$(tree last)"
	# A host without the key goes on with the chain, checks and prunes.
	commands "$(sed -n 's/^backup.encrypt = //p' "$BERTH_ROOT/etc/berth.conf")"
	has "increment" "$(take 20260112-080000)"
	has "3 backups are whole" "$(berth backup verify web)"
	fails 1 "'20260110-080000.full.berth.enc' is encrypted; set backup.decrypt" berth backup restore --set network= web again
	fails 1 "decrypt needs the key backup.decrypt of berth.conf" berth backup verify --decrypt web
	has "removed" "$(take 20260113-080000 --full; take 20260114-080000 --full)"
	same kinds "full full" "$(kinds)"
	same files 4 "$(find "$T/target" -name '2*' | wc -l)"
	fails 1 "no machine 'again'" berth info again
}

case_age() {
	chain age
}

case_gpg() {
	chain gpg
}

# The wrong key is no damage, and is told in the command's own words.
case_wrong_key() {
	by_age other
	fresh
	take 20260110-080000
	fails 1 "backup.decrypt of berth.conf: .*exited with 1.*no identity matched" berth backup restore --set network= web again
	fails 1 "backup.decrypt of berth.conf: .*no identity matched" berth backup verify --decrypt web
	same kinds full "$(kinds)"
	fails 1 "no machine 'again'" berth info again
	has "1 backup is whole" "$(berth backup verify web)"
	by_age
	berth backup restore --set network= web again
}

case_damage() {
	by_age
	fresh
	take 20260110-080000
	take 20260111-080000
	cp -p "$(file_of 20260110-080000)" "$T/whole"
	flip "$(file_of 20260110-080000)"
	fails 1 "backup '20260110-080000.full.berth.enc' of machine 'web': it is damaged" berth backup verify web
	same kinds "damaged broken" "$(kinds)"
	fails 1 "restore '20260111-080000.*backup.decrypt of berth.conf" berth backup restore --set network= web again
	has "full, .*is damaged" "$(take 20260112-080000)"
	cp -p "$T/whole" "$(file_of 20260110-080000)"
	has "3 backups are whole" "$(berth backup verify web)"
	# Without its record nothing builds on a backup, and it can be restored all the same.
	rm "$(file_of 20260112-080000).sha256"
	fails 1 "its record '.*20260112-080000.*' is gone" berth backup verify web@20260112-080000
	has "full" "$(take 20260113-080000)"
	berth backup restore --set network= web@20260112-080000 again
	echo nonsense >"$(file_of 20260113-080000).sha256"
	fails 1 "its record '.*' is damaged" berth backup verify web@20260113-080000
}

# nothing_made: neither a file nor a snapshot is left.
nothing_made() {
	silent "files" find "$T/target" -name '2*' -o -name '*.new'
	silent held held
}

case_commands_fail() {
	commands "$T/no-such --for me"
	fresh
	write one
	fails 1 "backup.encrypt of berth.conf; install it, or change the key: .*'$T/no-such'.*not installed" berth backup web
	nothing_made
	commands "false"
	fails 1 "backup.encrypt of berth.conf: .*exited with 1" berth backup web
	nothing_made
	# It ends well, and has not taken all.
	printf '#!/bin/sh\nhead -c 20000\necho it broke >&2\nexit 3\n' >"$T/breaks"
	printf '#!/bin/sh\nhead -c 20000 >/dev/null\n' >"$T/short"
	printf '#!/bin/sh\nhead -c 20000\nkill -KILL $$\n' >"$T/dies"
	chmod +x "$T/breaks" "$T/short" "$T/dies"
	commands "$T/breaks"
	fails 1 "backup.encrypt of berth.conf: .*exited with 3: it broke" berth backup web
	nothing_made
	commands "$T/dies"
	fails 1 "backup.encrypt of berth.conf: .*killed by SIGKILL" berth backup web
	nothing_made
	commands "$T/short"
	fails 1 "backup.encrypt of berth.conf: .*ended before it had read the whole backup" berth backup web
	nothing_made
	# The folder is full.
	by_age
	mount -t tmpfs -o size=64k none "$T/target"
	fails 1 "disk is full; make room in '$T/target'" berth backup web
	nothing_made
	umount "$T/target"
	# The command that decrypts breaks off.
	berth backup web
	commands "x" "$T/breaks"
	fails 1 "backup.decrypt of berth.conf: .*exited with 3: it broke|it has no magic|not a stream" berth backup restore --set network= web again
	fails 1 "no machine 'again'" berth info again
	silent "a volume in the making" find "$BERTH_ROOT/run" -path '*/partial/*' -type f
}

# Killed at any time: no record of a file that is not there stays.
case_kills() {
	local i
	by_age
	fresh
	for i in 1 2 3 4 5 6; do
		write "k$i"
		timeout -s KILL "0.0$((i * 11 % 9 + 3))" berth backup web >/dev/null 2>&1 || true
		if [[ -n $(find "$T/target" -name '2*.enc') ]]; then
			berth backup verify --target "$T/target" >/dev/null
		fi
	done
	berth backup web
	same "records" "$(find "$T/target" -name '2*.enc' | wc -l)" "$(find "$T/target" -name '2*.sha256' | wc -l)"
	same "held" 1 "$(held | wc -w)"
	berth backup restore --set network= web again
	berth start --wait again
	same tree "$(tree web)" "$(tree again)"
}

run_cases "$@"
