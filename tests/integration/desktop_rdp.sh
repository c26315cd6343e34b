#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The recipe desktop-rdp, by a viewer of FreeRDP. Run by tests/run nightly recipes.
needs_debian="trixie"
needs_recipe="desktop-rdp"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/screen.sh
. "$top/tests/screen.sh"

set_up() {
	debian_template trixie desk
	openssl passwd -6 secret >"$T/hash"
	berth launch --network '' --user alice --password-hash "$T/hash" desk d
	# The viewer's certificates are its own affair.
	cat >"$T/xfreerdp-here" <<-'END'
		#!/bin/sh
		exec xfreerdp "$1" /u:alice "/p:$WORD" /cert:ignore /size:1200x800 /log-level:WARN
	END
	chmod +x "$T/xfreerdp-here"
	export HOME=$T
}

# begin_viewer WORD: with that password, on a screen.
begin_viewer() {
	WORD=$1 berth desktop d --viewer "$T/xfreerdp-here" >"$T/viewer" 2>&1 &
	viewing=$!
}

end_viewer() {
	pkill -P "$viewing" || true
	wait "$viewing" || true
}

has_panel() {
	berth exec d -- pgrep -u alice -x xfce4-panel >"$T/panel"
}

no_ports() {
	berth exec d -- cat /proc/net/tcp /proc/net/tcp6 >"$T/ports"
	awk '$4 == "0A"' "$T/ports" >"$T/open"
	empty "ports that listen in it" "$T/open"
}

as_alice() {
	berth exec --user alice --env DISPLAY=:10 --env XAUTHORITY=/home/alice/.Xauthority d -- "$@"
}

typed_is() {
	xdotool type --delay 50 "$1" && xdotool key Return
	[[ $(berth exec d -- cat /tmp/typed) == *"$1"* ]]
}

# A session, which is there as it was for the next viewer.
case_shown() {
	local before
	no_ports
	same "owner of its socket" xrdp "$(berth exec d -- stat -c %U /run/desktop/rdp)"
	begin_screen xfreerdp xdotool
	begin_viewer secret
	retry 60 has_panel
	retry 60 screen_has_more_than 100
	no_ports
	before=$(<"$T/panel")
	as_alice sh -c 'rm -f /tmp/typed; exec setsid xfce4-terminal --disable-server -x sh -c "cat >/tmp/typed" >/dev/null 2>&1 &'
	retry 30 berth exec d -- test -e /tmp/typed
	retry 30 typed_is hello
	keep_screen desktop-rdp
	end_viewer
	begin_viewer secret
	retry 60 screen_has_more_than 100
	has_panel
	same "its processes" "$before" "$(<"$T/panel")"
	retry 30 typed_is again
	end_viewer
	end_screen
}

case_refused() {
	begin_screen xfreerdp
	begin_viewer wrong
	retry 30 berth exec d -- sh -c 'grep -qi "password.*fail\|AUTHFAIL\|authenticat.*fail\|login failed" /var/log/xrdp-sesman.log'
	end_viewer
	end_screen
	fails 1 "speaks RDP, out of which --view-only cannot take anything" berth desktop d --stdio --view-only
	fails 1 "speaks RDP, which needs a viewer of its own: berth desktop d --viewer xfreerdp" berth desktop d --stdio --tell
	berth set d desktop.clipboard=off
	fails 1 "speaks RDP, which cannot be held to desktop.clipboard = off" berth desktop d --stdio
	berth unset d desktop.clipboard
	fails 1 "speaks RDP, of which there are no pictures" berth desktop d --picture
}

# The key is the machine's own.
case_key() {
	local ours theirs
	ours=$(berth exec d -- sha256sum /etc/xrdp/cert.pem)
	same "mode of its key" 600 "$(berth exec d -- stat -c %a /etc/xrdp/key.pem)"
	berth stop d
	berth clone d c
	berth start --wait c
	retry 20 berth exec c -- test -S /run/desktop/rdp
	theirs=$(berth exec c -- sha256sum /etc/xrdp/cert.pem)
	not test "$ours" = "$theirs"
	berth start --wait d
	same "its own, after another boot" "$ours" "$(berth exec d -- sha256sum /etc/xrdp/cert.pem)"
	gone c
}

run_cases "$@"
