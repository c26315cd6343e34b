#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The desktop of a machine in the page: Debian's Chromium, berth-api, and a real display in a real machine. Pictures are kept in
# build/logs/web.
needs_debian="bookworm"
needs_recipe="desktop-lite"
needs_packages="xclip"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/browser.sh
. "$top/tests/browser.sh"

set_up() {
	command -v chromium >/dev/null || skip "chromium is not installed"
	[[ -x $BERTH_LIBEXEC/berth-api ]] || skip "the build has no libmicrohttpd"
	mkdir "$T/browser"
	debian_template bookworm desk
	berth create --set network= desk d
	berth start --wait d
	retry 30 is_drawn
}

tear_down() {
	[[ ! -e $T/gateway.pid ]] || kill "$(cat "$T/gateway.pid")" 2>/dev/null || true
	rm -rf "$BERTH_ROOT/run/api"
	gone d
}

is_drawn() {
	[[ $(viewer colours) -gt 20 ]]
}

# as_user COMMAND...: in the desktop.
as_user() {
	berth exec --user desktop --env DISPLAY=:1 d -- "$@"
}

begin_gateway() {
	rm -f "$T/link"
	BERTH_WEB=$top/web "$BERTH_LIBEXEC/berth-api" --listen 127.0.0.1:8443 --sign-in --router "$BUILD_TREE/berth" >"$T/link" 2>"$T/gateway.log" &
	echo "$!" >"$T/gateway.pid"
	retry 20 test -s "$T/link"
}

# Another server, and a link for it.
again() {
	[[ ! -e $T/gateway.pid ]] || end_gateway
	begin_gateway
	SIGN_IN=/sign-in/$(sed 's|.*/||' "$T/link")
	export SIGN_IN
}

end_gateway() {
	kill "$(cat "$T/gateway.pid")"
	retry 20 has_ended
	rm "$T/gateway.pid"
}

has_ended() {
	! kill -0 "$(cat "$T/gateway.pid")" 2>/dev/null
}

# flows CASE...: runs them in one browser.
flows() {
	browse 8443 "" "$@"
}

# A terminal of the desktop that writes what is typed into a file. It is the only one: a click could give another one the
# keyboard.
listen_to_keys() {
	# shellcheck disable=SC2016 # for the machine's shell
	as_user sh -c '[ ! -e /tmp/terminal ] || kill "$(cat /tmp/terminal)"; rm -f /tmp/typed
		exec setsid xterm -e sh -c "echo \$PPID >/tmp/terminal; cat >/tmp/typed" >/dev/null 2>&1 &'
	retry 30 berth exec d -- test -e /tmp/typed
	retry 20 keys_arrive
	before=$(typed)
}

viewer() {
	"$BERTH_TEST_PYTHON" "$top/tests/rfb" -- berth desktop --stdio d -- "$@" 2>/dev/null
}

# The window that was opened last has the keyboard, once it is there.
keys_arrive() {
	viewer type $'begin\n' && [[ $(typed) == *begin* ]]
}

typed() {
	berth exec d -- cat /tmp/typed
}

# Since listen_to_keys.
typed_is() {
	[[ $(typed) == "$before"$'\n'"$1" ]] || {
		typed >"$T/typed" 2>&1
		return 1
	}
}

# flows_until_typed WORDS CASE...: runs them in one browser, which stays until the words have arrived.
flows_until_typed() {
	local words=$1
	shift
	rm -f "$T/browser/typed"
	(retry 90 typed_is "$words" && touch "$T/browser/typed") &
	typing=$!
	flows "$@" real_typed || fault "typed: $(cat "$T/typed"), wanted: $before, $words"
	wait "$typing"
}

# Keys arrive, the size follows the window, and the page comes back when its server does.
case_desktop() {
	listen_to_keys
	again
	(
		retry 60 test -e "$T/browser/lose"
		end_gateway
		begin_gateway
	) &
	losing=$!
	flows_until_typed $'hello\nagain' real_typing real_size real_lost
	wait "$losing"
}

sent() {
	[[ $(as_user xclip -o -selection clipboard 2>/dev/null) == "Grüße ✓ 漢字" ]]
}

# Both ways, in UTF-8.
case_clipboard() {
	again
	(
		retry 60 sent
		# shellcheck disable=SC2016 # for the machine's shell
		as_user sh -c 'printf "zurück ✓ 漢字" | setsid xclip -selection clipboard >/dev/null 2>&1'
	) &
	flows real_clipboard real_clipboard_back
	wait "$!"
}

# The address of the page, while there is one.
case_address() {
	again
	same "address" "http://127.0.0.1:8443/desktop.html#d" "$(berth desktop d --url)"
	same "address of one that only looks" "http://127.0.0.1:8443/desktop.html#d/view-only" "$(berth desktop d --url --view-only)"
	fails 1 "no machine 'none'" berth desktop none --url
	fails 2 "exclude each other" berth desktop d --url --stdio
	end_gateway
	fails 1 "the page is not served: 'berth web' serves it" berth desktop d --url
}

# A machine without a display says so.
case_none() {
	again
	berth set d desktop.socket=/srv/none
	flows real_none
	berth unset d desktop.socket
}

# A viewer that only looks sees everything, and changes nothing.
case_view_only() {
	listen_to_keys
	again
	flows_until_typed $'hello\nraw\nhello' real_typing real_looking_only real_raw real_typing_again
}

# Another viewer takes the control, and the page takes it back; a file that is dropped is the user's.
case_control() {
	listen_to_keys
	again
	(
		retry 60 test -e "$T/browser/take"
		# Keys on their way would be of one who has no control any more.
		retry 20 typed_is hello
		"$BERTH_TEST_PYTHON" "$top/tests/rfb" -- berth desktop --stdio --take d -- type $'other\n' stay <"$T/wait" >"$T/other.out" 2>&1
	) &
	taking=$!
	rm -f "$T/browser/other"
	(retry 90 typed_is $'hello\nother' && touch "$T/browser/other") &
	other=$!
	mkfifo "$T/wait"
	exec {held}<>"$T/wait"
	flows_until_typed $'hello\nother\nback' real_typing real_control
	echo >&"$held"
	wait "$taking" "$other"
}

case_sound() {
	again
	(
		retry 60 test -e "$T/browser/listens"
		berth exec --user desktop --env XDG_RUNTIME_DIR=/run/user/1000 d -- perl -e \
			'print pack("s<", int($_ / 100) % 2 ? 9000 : -9000) x 2 for 1 .. 96000' >"$T/tone"
		berth exec --user desktop --env XDG_RUNTIME_DIR=/run/user/1000 d -- pacat --playback --raw --format=s16le --rate=48000 --channels=2 <"$T/tone"
	) &
	flows real_sound
	wait "$!"
}

case_drop() {
	again
	flows real_drop
	same "what was dropped" "dropped" "$(berth exec d -- cat "/home/desktop/Downloads/a file.txt")"
	same "its second copy" "dropped" "$(berth exec d -- cat "/home/desktop/Downloads/a file (1).txt")"
	same "owner of the folder" "desktop:desktop" "$(berth exec d -- stat -c %U:%G /home/desktop/Downloads)"
	same "their owner" "desktop:desktop" "$(berth exec d -- stat -c %U:%G "/home/desktop/Downloads/a file.txt")"
}

run_cases "$@"
