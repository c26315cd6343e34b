#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Options of launch that set up a new machine: files, a user, keys, scripts.
needs_debian="bookworm"
needs_packages="cron,locales,openssh-client,openssh-server,tzdata"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8Hk1k7o2hYFhBIlOhPZ4hBzQmX1Ow0hJb2o8yWqz9P somebody@somewhere"

set_up() {
	busybox_template bb
	echo "$key" >"$T/key.pub"
	mkdir -p "$T/tree/sub"
	echo content >"$T/tree/sub/file"
}

case_files() {
	berth launch --file "$T/tree:/srv/deep/tree" --file "$T/key.pub:/etc/keys:7:640" bb m
	same "a folder" content "$(berth exec m -- cat /srv/deep/tree/sub/file)"
	same "owner and mode" "7 640" "$(berth exec m -- stat -c '%u %a' /etc/keys)"
	gone m
}

# A command with a wrong option makes nothing, and gives the reason.
case_refused() {
	: >"$T/empty"
	echo "-----BEGIN OPENSSH PRIVATE KEY-----" >"$T/private"
	fails 2 "there.*No such file" berth launch --file "$T/not there:/x" bb m
	fails 2 "with an absolute DST" berth launch --file "$T/tree:relative" bb m
	fails 2 "not octal digits" berth launch --file "$T/tree:/x:root:9" bb m
	fails 2 "is empty" berth launch --ssh-key "$T/empty" bb m
	fails 2 "has no public key" berth launch --ssh-key "$T/private" bb m
	fails 2 "No such file" berth launch --run "$T/not-there" bb m
	fails 2 "no line of a hash" berth launch --password-hash "$T/key.pub" bb m
	fails 2 "--user cannot be 'Ann'" berth launch --user Ann bb m
	fails 2 "--user cannot be 'ann:0'" berth launch --user ann:0 bb m
	fails 2 "--timezone cannot be '../../etc/passwd'" berth launch --timezone ../../etc/passwd bb m
	fails 2 "--keymap cannot be 'De'" berth launch --keymap De bb m
	fails 2 "--keymap cannot be 'de;reboot'" berth launch --keymap 'de;reboot' bb m
	cp -a /etc/default "$T/default"
	rm -f "$T/default/keyboard" "$T/default/locale"
	mount --bind "$T/default" /etc/default
	[[ -e /etc/vconsole.conf ]] || fails 2 "--keymap cannot be 'host', since this host has no keyboard layout" berth launch --keymap host bb m
	[[ -e /etc/locale.conf ]] || fails 2 "--locale cannot be 'host', since this host has no locale" berth launch --locale host bb m
	umount /etc/default
	fails 2 "--console excludes" berth launch --console --user ann bb m
	fails 1 "'m'" berth info m
}

# A clone is set up as a new machine is; steps that need it running start it.
case_clone() {
	printf '#!/bin/sh\necho "said on $(hostname)"\nexit ${1:-0}\n' >"$T/say"
	printf '#!/bin/sh\nexit 7\n' >"$T/fail"
	berth create bb origin
	berth clone --file "$T/key.pub:/etc/keys:7:640" origin with-file
	same state stopped "$(berth info --json with-file | jq -r .state)"
	has "said on scripted" "$(berth clone --file "$T/key.pub:/etc/keys:7:640" --user ann:1234 --run "$T/say" origin scripted)"
	same "owner and mode" "7 640" "$(berth exec scripted -- stat -c '%u %a' /etc/keys)"
	same user 1234 "$(berth exec scripted -- id -u ann)"
	fails 7 "machine 'failing' runs, but '$T/fail' exited with 7" berth clone --run "$T/fail" origin failing
	fails 1 "nobody-of-it" berth clone --file "$T/key.pub:/x:nobody-of-it" origin none
	fails 1 "'none'" berth info none
	fails 2 "--user cannot be 'Ann'" berth clone --user Ann origin none
	fails 1 "'none'" berth info none
	berth clone --count 2 --user ann --run "$T/say" origin many
	same users "many-1: ann many-2: ann" "$(berth each 'many-*' -- id -un ann | paste -sd ' ')"
	gone origin with-file scripted failing many-1 many-2
}

# If a file cannot be copied, the machine is deleted.
case_file_that_fails() {
	fails 1 "nobody-of-it" berth launch --file "$T/key.pub:/x:nobody-of-it" bb m
	fails 1 "'m'" berth info m
}

case_scripts() {
	printf '#!/bin/sh\necho "said on $(hostname)"\necho one >>/order\n' >"$T/one"
	printf '#!/bin/sh\necho two >>/order\nexit 7\n' >"$T/two"
	printf '#!/bin/sh\necho three >>/order\n' >"$T/three"
	has "said on m" "$(berth launch --run "$T/one" bb m)"
	fails 7 "machine 'n' runs, but '$T/two' exited with 7" berth launch --run "$T/one" --run "$T/two" --run "$T/three" bb n
	same "what was run" "one two" "$(berth exec n -- cat /order | paste -sd ' ')"
	silent "files left" berth exec n -- ls /tmp
	gone m n
}

# The last line with words is the cause, whatever signs a program writes behind it.
case_cause() {
	printf '#!/bin/sh\nprintf "first\\nno room for ann\\n\\033[0m\\n\\r\\n" >&2\nexit 1\n' >"$T/none"
	chmod +x "$T/none"
	berth create bb base
	for name in adduser useradd; do
		berth push "$T/none" "base:/bin/$name" 2>/dev/null || true
		berth push "$T/none" "base:/usr/sbin/$name" 2>/dev/null || true
		berth push "$T/none" "base:/sbin/$name" 2>/dev/null || true
	done
	fails 1 "failed: no room for ann; look inside: berth shell m$" berth clone --user ann base m
	gone base m
}

case_user_of_busybox() {
	berth launch --user ann:1234 --ssh-key "$T/key.pub" --ssh-key "$T/key.pub" bb m
	same "her number" 1234 "$(berth exec m -- id -u ann)"
	same "her keys" "$key$key" "$(berth exec --user ann m -- cat /home/ann/.ssh/authorized_keys | tr -d '\n')"
	same "their owner and mode" "1234 600" "$(berth exec m -- stat -c '%u %a' /home/ann/.ssh/authorized_keys)"
	fails 1 "does not know the time zone 'Europe/Berlin'" berth launch --timezone Europe/Berlin bb n
	state_is n running
	gone m n
}

case_debian() {
	debian_template bookworm
	openssl passwd -6 secret >"$T/hash"
	berth launch --user ann --password-hash "$T/hash" --ssh-key "$T/key.pub" --timezone Europe/Berlin --locale de_DE.UTF-8 bookworm m
	same "the hash" "$(cat "$T/hash")" "$(berth exec m -- getent shadow ann | cut -d : -f 2)"
	same "the keys" "$key" "$(berth exec m -- cat /home/ann/.ssh/authorized_keys)"
	has "CE" "$(berth exec m -- date +%Z)"
	has "de_DE.utf8" "$(berth exec m -- locale -a)"
	berth launch --keymap us,ru:,phonetic::grp:alt_shift_toggle --timezone host bookworm k
	same "keyboard" 'XKBMODEL="pc105" XKBLAYOUT="us,ru" XKBVARIANT=",phonetic" XKBOPTIONS="grp:alt_shift_toggle" BACKSPACE="guess"' \
		"$(berth exec k -- cat /etc/default/keyboard | paste -sd ' ')"
	same "time zone" "$(readlink -f /etc/localtime)" "$(berth exec k -- readlink -f /etc/localtime)"
	same "LANG" "LANG=de_DE.UTF-8" "$(berth exec m -- cat /etc/default/locale)"
	fails 1 "does not know the locale 'xx_XX.UTF-8'" berth launch --locale xx_XX.UTF-8 bookworm n
	gone k m n
}

# Several machines are set up at once, each in the same way.
case_many() {
	printf '#!/bin/sh\nhostname >/name\n' >"$T/one"
	berth launch --count 3 --run "$T/one" bb node
	same "their names" "node-1: node-1 node-2: node-2 node-3: node-3" "$(berth each 'node-*' -- cat /name | paste -sd ' ')"
	gone node-1 node-2 node-3
	# Machines whose set-up has failed exist: they are named, and the exit code is that of the script.
	printf '#!/bin/sh\nexit 9\n' >"$T/one"
	local status=0
	berth launch --count 2 --run "$T/one" bb node >"$T/made" 2>"$T/said" || status=$?
	same "the exit code" 9 "$status"
	has "all 2 machines were made, but 2 of them were not set up to the end, as is told above: node-1, node-2" "$(cat "$T/said")"
	same "their names" "node-1 node-2" "$(paste -sd ' ' "$T/made")"
	gone node-1 node-2
}

# An interrupted command ends the script in the machine, and says what has become of the machine.
case_interrupted() {
	local command
	printf '#!/bin/sh\ntrap "echo got >/got; exit 3" TERM\necho begun >/begun\nwhile :; do sleep 0.1; done\n' >"$T/one"
	berth launch --run "$T/one" bb n 2>"$T/said" </dev/null &
	command=$!
	retry 20 berth exec n -- test -e /begun
	kill "$command"
	wait "$command" || true
	has "machine 'n' runs on, and its set-up was interrupted" "$(cat "$T/said")"
	same "the script's answer" got "$(berth exec n -- cat /got)"
	silent "its file" berth exec n -- sh -c 'ls /tmp'
	gone n
}

run_cases "$@"
