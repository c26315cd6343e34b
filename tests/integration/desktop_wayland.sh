#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The recipe desktop-wayland: its session and its display by viewers of VNC. Run by tests/run nightly recipes.
needs_debian="trixie"
needs_recipe="desktop-wayland"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/desktop.sh
. "$top/tests/desktop.sh"
# shellcheck source=tests/screen.sh
. "$top/tests/screen.sh"

set_up() {
	debian_template trixie desk
	berth create --set network= desk d
	berth start --wait d
	retry 30 over_stdio d -- size
}

# in_session COMMAND...: as the user of the desktop, with the session's environment.
in_session() {
	berth exec --user desktop --env XDG_RUNTIME_DIR=/run/user/1000 --env WAYLAND_DISPLAY=wayland-0 d -- "$@"
}

listen_to_keys() {
	# shellcheck disable=SC2016 # for the machine's shell
	in_session sh -c 'pkill foot; rm -f /tmp/typed; exec setsid foot sh -c "cat >/tmp/typed" >/dev/null 2>&1 &'
	retry 30 berth exec d -- test -e /tmp/typed
	retry 20 keys_arrive
}

typed() {
	berth exec d -- cat /tmp/typed
}

keys_arrive() {
	over_stdio d -- type $'hello\n' 2>/dev/null && [[ $(typed) == *hello* ]]
}

geometry() {
	in_session wlr-randr | sed -n 's/^ *\([0-9]*x[0-9]*\) px.*current.*/\1/p'
}

geometry_is() {
	[[ $(geometry) == "$1" ]]
}

case_shown() {
	berth stop d
	same "its size" 1280x800 "$(over_stdio d -- size 2>"$T/err")"
	state_is d running
	berth exec d -- cat /proc/net/tcp /proc/net/tcp6 >"$T/ports"
	awk '$4 == "0A"' "$T/ports" >"$T/open"
	empty "ports that listen in it" "$T/open"
	same "owner of its socket" "desktop 700" "$(berth exec d -- stat -c '%U %a' /run/desktop/rfb)"
	silent "failed units" berth exec d -- systemctl --failed --plain --no-legend
}

case_typed() {
	listen_to_keys
	retry 20 desktop_is_drawn
}

case_view_only() {
	local before size
	listen_to_keys
	before=$(typed) size=$(geometry)
	over_stdio d --view-only -- type $'stranger\n' raw fb0004000300010000000000000000000400030000000000 colours >"$T/out" 2>&1 ||
		fault "$(cat "$T/out")"
	[[ $(cat "$T/out") -gt 20 ]] || fault "it sees nothing: $(cat "$T/out")"
	same "what was typed" "$before" "$(typed)"
	same "its geometry" "$size" "$(geometry)"
	over_stdio d -- raw fb0004000300010000000000000000000400030000000000 colours >"$T/out" 2>&1 || true
	retry 20 geometry_is 1024x768
}

case_viewer() {
	begin_screen xtigervncviewer
	listen_to_keys
	berth desktop d >"$T/out" 2>&1 &
	viewing=$!
	retry 30 screen_has_more_than 20
	keep_screen desktop-wayland
	pkill -P "$viewing" || true
	wait "$viewing" || true
	end_screen
}

case_picture() {
	listen_to_keys
	retry 20 has_picture
}

has_picture() {
	berth desktop d --picture >"$T/p.png" && [[ $(head -c 4 "$T/p.png" | tail -c 3) == PNG ]]
}

# A log-out, and a user who is made later.
case_sessions() {
	local before
	before=$(berth exec d -- pgrep -u desktop -x labwc)
	berth exec d -- pkill -u desktop -x labwc
	retry 30 another_session "$before"
	retry 30 over_stdio d -- size
	berth exec d -- useradd --create-home alice
	retry 30 owner_is alice
	retry 30 over_stdio d -- size
	berth exec d -- userdel --remove --force alice >/dev/null 2>&1 || true
	retry 30 owner_is desktop
}

another_session() {
	local now
	now=$(berth exec d -- pgrep -u desktop -x labwc) && [[ $now != "$1" ]]
}

owner_is() {
	[[ $(berth exec d -- stat -c %U /run/desktop/rfb 2>/dev/null) == "$1" ]]
}

# of_session NAME: the value of a variable of alice's session.
of_session() {
	berth exec l -- sh -c 'tr "\0" "\n" </proc/$(pgrep -o -u alice -x labwc)/environ' | sed -n "s/^$1=//p"
}

session_is_german() {
	[[ "$(of_session LANG) $(of_session XKB_DEFAULT_LAYOUT) $(of_session XKB_DEFAULT_VARIANT)" == "de_DE.UTF-8 de nodeadkeys" ]]
}

case_language() {
	berth launch --network '' --user alice --locale de_DE.UTF-8 --keymap de:nodeadkeys desk l
	retry 30 session_is_german
	retry 30 over_stdio l -- size
	gone l
}

run_cases "$@"
