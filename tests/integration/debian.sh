#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The life of Debian machines with systemd: every release the same.
needs_debian="bookworm trixie"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

at_terminal() {
	python3 "$top/tests/integration/terminal.py" "$@"
}

set_up() {
	debian_template bookworm
	debian_template trixie
}

release_up() {
	berth info "$1" >/dev/null 2>&1 || berth create "$1" "$1"
	[[ $(field "$1" booted) == true ]] || berth start --wait "$1"
}

# both_up: a machine of each release.
both_up() {
	release_up bookworm
	release_up trixie
}

boots_whole() {
	local release=$1 failed
	release_up "$release"
	same booted true "$(field "$release" booted)"
	same running "running" "$(berth exec "$release" -- systemctl is-system-running --wait)"
	failed=$(berth exec "$release" -- systemctl --failed --no-legend --plain)
	same "failed units" "" "$failed"
	same target active "$(berth exec "$release" -- systemctl is-active multi-user.target)"
	same "detected as" "berth" "$(berth exec "$release" -- sh -c "tr '\\0' '\\n' </proc/1/environ | sed -n s/^container=//p")"
	has "$release" "$(berth exec "$release" -- cat /etc/os-release)"
	same "host name" "$release" "$(berth exec "$release" -- hostname)"
	lacks init.scope "$(field "$release" cgroup)"
	same "machine id" "$(field "$release" uuid | tr -d -)" "$(berth exec "$release" cat /etc/machine-id)"
}

case_bookworm_boots() {
	boots_whole bookworm
}

case_trixie_boots() {
	boots_whole trixie
}

# A file of the journal is mapped as a whole for as long as journald runs.
case_a_journal_in_small_files() {
	local release file
	both_up
	for release in bookworm trixie; do
		file=$(berth exec "$release" -- sh -c 'echo /var/log/journal/*/system.journal')
		has '^/var/log/journal/[0-9a-f]+/system.journal$' "$file"
		[[ $(berth exec "$release" -- stat -c %s "$file") -le $((1 << 20)) ]] || fault "$release: a journal of $(berth exec "$release" -- stat -c %s "$file") bytes"
	done
}

case_they_find_each_other() {
	both_up
	retry 20 berth exec bookworm -- ping -c 1 -W 5 trixie
	retry 20 berth exec trixie -- ping -c 1 -W 5 bookworm
	retry 20 berth exec trixie -- ping -c 1 -W 5 "$(field bookworm network.address)"
	retry 20 berth exec bookworm -- ping -c 1 -W 5 "$(field trixie network.address)"
	same "one address" 1 "$(berth exec trixie -- ip -4 -o addr show eth0 | wc -l)"
}

case_poweroff_from_inside() {
	both_up
	berth exec bookworm -- systemctl poweroff || true
	retry 60 state_is bookworm stopped
	berth exec trixie -- poweroff || true
	retry 60 state_is trixie stopped
	has "power|halt|shut" "$(field trixie ended)"
}

case_reboot_from_inside() {
	local release before
	both_up
	for release in bookworm trixie; do
		berth start --wait "$release"
		before=$(field "$release" init)
		berth exec "$release" -- reboot || true
		# The order matters: the new init must be the one that has booted.
		again() {
			# Both come from one look: "booted" of the old guest must not be combined with the new init.
			local now
			now=$(berth info --json "$release") &&
				[[ $now == *'"booted": true'* && $now != *"\"init\": $before,"* ]]
		}
		retry 60 again
		same running running "$(berth exec "$release" -- systemctl is-system-running --wait)"
	done
}

# The machine halts in its own time, and its journal has the end.
case_clean_stop() {
	local release
	both_up
	for release in bookworm trixie; do
		berth stop "$release" >"$T/out" 2>&1
		not grep -qi kill "$T/out"
		same state stopped "$(field "$release" state)"
		berth start --wait "$release"
	done
}

case_console_and_logs() {
	both_up
	has "Reached target" "$(berth logs trixie)"
	at_terminal 24x80 berth console trixie <<-'END'
		send \n
		expect login:
		send \x1d
		expect-end 0
	END
	at_terminal 24x80 berth console trixie <<-'END'
		expect login:
		send \x1d
		expect-end 0
	END
}

case_exec_as_users_do() {
	local code=0
	both_up
	berth exec trixie -- sh -c 'exit 9' || code=$?
	same code 9 "$code"
	same user root "$(berth exec trixie whoami)"
	has "PRETTY_NAME" "$(berth exec trixie -- sh -c 'cat /etc/os-release | head -n 1')"
	# Services, users, timers: units that systemd confines with namespaces of its own.
	berth exec trixie -- systemd-run --wait --pipe -p PrivateTmp=yes -p ProtectSystem=strict -p DynamicUser=yes id
	berth exec bookworm -- systemd-run --wait --pipe -p PrivateTmp=yes -p ProtectSystem=strict -p DynamicUser=yes id
}

# A service finds its credentials only if mounts are shared.
case_credentials() {
	local release
	both_up
	for release in bookworm trixie; do
		# shellcheck disable=SC2016 # the service's shell is to read it
		same "of $release" "set by hand, $release" "$(berth exec "$release" -- systemd-run --wait --pipe --quiet \
			-p SetCredential=one:'set by hand' -p LoadCredential=two:/etc/hostname \
			sh -c 'echo "$(cat "$CREDENTIALS_DIRECTORY/one"), $(cat "$CREDENTIALS_DIRECTORY/two")"')"
	done
	berth exec trixie -- sh -c 'mkdir -p /etc/credstore && echo imported >/etc/credstore/berth.three'
	# shellcheck disable=SC2016
	same imported imported "$(berth exec trixie -- systemd-run --wait --pipe --quiet -p 'ImportCredential=berth.*' \
		sh -c 'cat "$CREDENTIALS_DIRECTORY/berth.three"')"
}

# The journal, and clients that wait for a reboot, tell boots apart by the boot id. machine.conf(5) describes it;
# systemd 252 moves the root onto itself.
case_a_service_whose_root_is_the_machines() {
	both_up
	berth exec trixie -- systemd-run --wait --quiet -p RootDirectory=/ -p MountAPIVFS=yes true
	berth exec bookworm -- systemd-run --wait --quiet -p RootDirectory=/ true
	berth exec bookworm -- systemd-run --wait --quiet -p MountAPIVFS=yes true
	local code=0
	berth exec bookworm -- systemd-run --wait --quiet -p RootDirectory=/ -p MountAPIVFS=yes true || code=$?
	same "exit code" 226 "$code"
}

case_boots_are_told_apart() {
	local release
	both_up
	for release in bookworm trixie; do
		# The machine boots a second time, unless it has done so.
		[[ $(berth exec "$release" -- journalctl -q --list-boots | grep -c .) -ge 2 ]] || berth restart --wait "$release"
		same "id of $release" "$(berth exec "$release" -- cat /proc/sys/kernel/random/boot_id | tr -d -)" \
			"$(berth exec "$release" -- journalctl --list-boots -o json 2>/dev/null | sed -n 's/.*"boot_id":"\([0-9a-f]*\)".*/\1/p' | tail -n 1 ||
				true)"
		[[ $(berth exec "$release" -- journalctl -q --list-boots | grep -c .) -ge 2 ]]
	done
}

case_clone_of_a_running_machine() {
	local id
	both_up
	id=$(berth exec trixie cat /etc/machine-id)
	berth exec trixie -- sh -c 'echo kept >/root/note; sync'
	berth clone trixie copy
	berth start --wait copy
	same note kept "$(berth exec copy cat /root/note)"
	same "host name" copy "$(berth exec copy hostname)"
	[[ $(berth exec copy cat /etc/machine-id) != "$id" ]]
	same running running "$(berth exec copy -- systemctl is-system-running --wait)"
	retry 20 berth exec copy -- ping -c 1 -W 5 trixie
	[[ $(field copy network.address) != "$(field trixie network.address)" ]]
	berth delete --force copy
}

case_snapshot_and_restore() {
	both_up
	berth exec trixie -- sh -c 'echo kept >/root/note; sync'
	berth snapshot trixie before
	berth exec trixie -- sh -c 'rm -rf /usr/bin/dpkg /root/note; sync'
	berth stop trixie
	berth restore trixie before
	berth start --wait trixie
	same note kept "$(berth exec trixie cat /root/note)"
	berth exec trixie -- test -x /usr/bin/dpkg
	same "host name" trixie "$(berth exec trixie hostname)"
}

# The machine comes back after a kill without a warning.
case_power_cut() {
	both_up
	berth stop --force trixie bookworm
	berth start --wait trixie bookworm
	same running running "$(berth exec trixie -- systemctl is-system-running --wait)"
}

case_six_at_once() {
	local n
	both_up
	for n in 1 2 3 4; do
		berth clone trixie "c$n"
	done
	berth start --wait=600 c1 c2 c3 c4
	same running 6 "$(berth list --json | grep -c '"running"')"
	berth stop c1 c2 c3 c4
	berth delete c1 c2 c3 c4
}

run_cases "$@"
