#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The desktop of a machine: what a viewer sees and does, what it cannot do when it only looks, and that neither a machine
# nor a viewer holds anything up.
needs_debian="bookworm"
needs_recipe="desktop-lite"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# shellcheck source=tests/desktop.sh
. "$top/tests/desktop.sh"

set_up() {
	debian_template bookworm desk
	busybox_template bb
	berth create --set network= desk d
	berth start --wait d
	retry 30 desktop_is_drawn
}

# A terminal of the desktop that writes what is typed into a file.
listen_to_keys() {
	# shellcheck disable=SC2016 # for the machine's shell
	as_user sh -c 'rm -f /tmp/typed; exec setsid xterm -e sh -c "cat >/tmp/typed" >/dev/null 2>&1 &'
	retry 30 berth exec d -- test -e /tmp/typed
}

typed() {
	berth exec d -- cat /tmp/typed
}

# Its geometry as its own programs see it.
geometry() {
	as_user xrandr | sed -n 's/.*current \([0-9]*\) x \([0-9]*\),.*/\1x\2/p'
}

# A machine that is stopped is started.
case_shown() {
	berth stop d
	same "its size" 1280x800 "$(over_stdio d -- size 2>"$T/err")"
	state_is d running
	retry 20 desktop_is_drawn
	berth exec d -- cat /proc/net/tcp /proc/net/tcp6 >"$T/ports"
	awk '$4 == "0A"' "$T/ports" >"$T/open"
	empty "ports that listen in it" "$T/open"
	same "owner of its socket" "desktop 600" "$(berth exec d -- stat -c '%U %a' /run/desktop/rfb)"
}

case_typed() {
	listen_to_keys
	retry 20 keys_arrive
}

# The window that was opened last has the keyboard, once it is there.
keys_arrive() {
	over_stdio d -- type $'hello\n' 2>/dev/null && [[ $(typed) == *hello* ]]
}

# Bytes of messages: a key, a pointer, a clipboard, an extended one, a size, a key of QEMU's.
case_view_only() {
	local size
	listen_to_keys
	retry 20 keys_arrive
	before=$(typed) size=$(geometry)
	over_stdio d --view-only -- type $'stranger\n' raw 0401000000000078 raw 05ff00100010 raw 0600000000000003616263 \
		raw 06000000fffffffc01000000 raw fb0004000300010000000000000000000400030000000000 \
		raw ff0000010000007800000035 colours >"$T/out" 2>&1 || fault "$(cat "$T/out")"
	[[ $(cat "$T/out") -gt 20 ]] || fault "it sees nothing: $(cat "$T/out")"
	same "what was typed" "$before" "$(typed)"
	same "its geometry" "$size" "$(geometry)"
	# The same bytes without the option do something.
	over_stdio d -- raw fb0004000300010000000000000000000400030000000000 colours >"$T/out" 2>&1 || true
	retry 20 geometry_is 1024x768
	fails 1 "viewer was refused: it sent a message that is not known" "${rfb[@]}" \
		-- berth desktop --stdio d --view-only -- raw 77 stay </dev/null
}

geometry_is() {
	[[ $(geometry) == "$1" ]]
}

# told NAME WORD [VIEWERS]: the last that a viewer was told of the control.
told() {
	tail -n 1 "$T/$1.told" | grep -q "{\"control\":\"$2\",\"viewers\":${3:-[0-9]*}}"
}

# The command of the viewer "one", which the test's viewer runs.
signal_one() {
	pkill "-$1" -P "$(pgrep -P "$one")"
}

typed_since() {
	[[ $(typed) == "$before"$'\n'"$1" ]]
}

# One viewer acts, the others look until they take the control.
case_control() {
	local size one two
	listen_to_keys
	retry 20 keys_arrive
	retry 20 no_viewer
	before=$(typed)
	begin_viewer one --client tab -- type $'a\n' stay type $'never\n' stay type $'c\n' stay
	one=$viewer
	retry 20 told one ours 1
	retry 20 typed_since a
	size=$(geometry)
	# Neither keys nor size of another one; and it is told so.
	over_stdio d -- type $'never\n' raw fb0004000300010000000000000000000400030000000000 colours >"$T/out" 2>"$T/err"
	grep -q "another viewer controls the desktop, and this one looks: --take, or 'kill -USR1" "$T/err"
	same "its geometry" "$size" "$(geometry)"
	begin_viewer two --take -- type $'b\n' stay
	two=$viewer
	retry 20 told two ours 2
	retry 20 told one other 2
	say one
	retry 20 says one stay 2
	retry 20 typed_since $'a\nb'
	# When it has gone, the first that presses a key gets the control.
	say two
	wait "$two"
	retry 20 told one free 1
	say one
	retry 20 told one ours 1
	retry 20 typed_since $'a\nb\nc'
	# The same tab again, while its lost connection is still there.
	over_stdio d --client tab -- type $'d\n' 2>"$T/err"
	retry 20 typed_since $'a\nb\nc\nd'
	retry 20 told one free 1
	signal_one USR1
	retry 20 told one ours 1
	signal_one USR2
	retry 20 told one free 1
	# One that was killed controls nothing any more.
	signal_one USR1
	retry 20 told one ours 1
	signal_one KILL
	say one
	wait "$one" || true
	over_stdio d -- type $'e\n' 2>"$T/err"
	retry 20 typed_since $'a\nb\nc\nd\ne'
	retry 20 no_viewer
	fails 2 "--client cannot be 'a b'" berth desktop d --stdio --client "a b" </dev/null
}

says() {
	[[ $(grep -c "$2" "$T/$1.out") -eq $3 ]]
}

no_viewer() {
	[[ ! -e $BERTH_ROOT/run/viewers/d ]]
}

# What a program plays is heard, as it was sent; a listener that does not read loses sound, and nothing waits for it.
case_sound() {
	berth desktop d --sound >"$T/sound" 2>"$T/err" &
	listener=$!
	retry 20 test -s "$T/sound"
	# A second of a square wave of 240 Hz.
	berth exec --user desktop --env XDG_RUNTIME_DIR=/run/user/1000 d -- perl -e \
		'print pack("s<", int($_ / 100) % 2 ? 9000 : -9000) x 2 for 1 .. 48000' >"$T/tone"
	berth exec --user desktop --env XDG_RUNTIME_DIR=/run/user/1000 d -- pacat --playback --raw --format=s16le --rate=48000 --channels=2 <"$T/tone"
	retry 20 all_is_heard
	kill "$listener"
	wait "$listener" || true
	# A pipe that nobody reads.
	mkfifo "$T/unheard"
	exec {unread}<>"$T/unheard"
	berth desktop d --sound >"$T/unheard" 2>"$T/err" {unread}>&- &
	listener=$!
	retry 20 has_read_more_than "$listener" 600000
	exec {unread}>&-
	wait "$listener"
	grep -q 'ms of sound were left out' "$T/err"
	berth set d desktop.sound=/srv/none
	fails 1 "machine 'd' has no sound at '/srv/none'" berth desktop d --sound --timeout 1s
	berth unset d desktop.sound
	fails 2 "exclude each other" berth desktop d --sound --stdio
}

all_is_heard() {
	"$BERTH_TEST_PYTHON" -c '
import array, sys
data = open(sys.argv[1], "rb").read()
samples = array.array("h", data[:len(data) // 4 * 4])
loud = [one for one in samples[0::2] if abs(one) > 8000]
rises = sum(a < -8000 and b > 8000 for a, b in zip(samples[0::2], samples[2::2]))
sys.exit(not (47000 <= len(loud) <= 48100 and 236 <= rises <= 240))' "$T/sound"
}

has_read_more_than() {
	(($(has_read "$1") > $2))
}

# Runs berth desktop at $T/d.sock, in the background: $server.
serve() {
	berth desktop d --socket "$T/d.sock" >"$T/serve" 2>&1 &
	server=$!
	retry 20 test -S "$T/d.sock"
}

case_socket() {
	local other
	serve
	same "mode of the socket" 600 "$(stat -c %a "$T/d.sock")"
	mkfifo "$T/wait"
	rfb "$T/d.sock" colours stay colours <"$T/wait" >"$T/first" 2>&1 &
	other=$!
	exec {held}>"$T/wait"
	retry 20 grep -q stay "$T/first"
	[[ $(rfb "$T/d.sock" colours) -gt 20 ]] || fault "a second viewer sees nothing"
	fails 1 "another program listens at" berth desktop d --socket "$T/d.sock"
	# A command that was killed leaves its socket, and none of its viewers.
	kill -KILL "$server"
	wait "$server" || true
	exec {held}>&-
	if wait "$other"; then
		fault "a viewer of a killed command goes on"
	fi
	test -S "$T/d.sock"
	rm -f "$T/serve"
	serve
	retry 20 grep -q "desktop of machine 'd' is at" "$T/serve"
	[[ $(rfb "$T/d.sock" colours) -gt 20 ]] || fault "a viewer sees nothing"
	kill -TERM "$server"
	wait "$server" || fault "it failed: $(cat "$T/serve")"
	not test -e "$T/d.sock"
	# What another program has put there stays.
	serve
	rm "$T/d.sock"
	: >"$T/d.sock"
	kill -TERM "$server"
	wait "$server"
	test -f "$T/d.sock"
	rm "$T/d.sock"
}

# A machine that is stopped or paused while viewers may come stays so.
case_asleep() {
	serve
	berth pause d
	fails 1 "closed the connection" "${rfb[@]}" "$T/d.sock" size
	state_is d paused
	grep -q "machine 'd' is paused" "$T/serve"
	berth resume d
	berth stop d
	fails 1 "closed the connection" "${rfb[@]}" "$T/d.sock" size
	state_is d stopped
	: >"$T/file"
	fails 1 "'$T/file' exists, and is no socket" berth desktop d --socket "$T/file"
	state_is d stopped
	kill -TERM "$server"
	wait "$server"
	over_stdio d -- size >"$T/out" 2>"$T/err"
	grep -q "machine 'd' was started for its desktop" "$T/err"
}

# Viewers that leave early do not lock the others out.
case_early() {
	retry 20 desktop_is_drawn
	for ((n = 0; n < 8; n++)); do
		berth desktop --stdio d </dev/null >/dev/null
	done
	[[ $(over_stdio d -- colours) -gt 20 ]] || fault "a viewer sees nothing"
	mkfifo "$T/full"
	# shellcheck disable=SC2016 # for the shell
	fails 1 "write to the viewer: No space left on device" sh -c 'exec 3<>"$1"; berth desktop --stdio d <&3 >/dev/full' sh "$T/full"
}

case_viewer() {
	# shellcheck disable=SC2016 # for the viewer
	printf '#!/bin/sh\nexec $RFB "$1" size\n' >"$T/viewer"
	chmod +x "$T/viewer"
	same "what a viewer sees" "$(geometry)" "$(RFB="$BERTH_TEST_PYTHON $top/tests/rfb" berth desktop d --viewer "$T/viewer")"
	printf '#!/bin/sh\nexit 3\n' >"$T/viewer"
	fails 1 "viewer '$T/viewer' exited with 3" berth desktop d --viewer "$T/viewer"
	find "$BERTH_ROOT/run/desktops" -type s >"$T/left"
	empty "sockets that are left" "$T/left"
}

case_paused() {
	berth pause d
	[[ $(over_stdio d -- colours 2>/dev/null) -gt 20 ]] || fault "a paused machine shows nothing"
	state_is d running
}

# A log-out, and a user who is made later.
case_sessions() {
	berth exec d -- pkill -u desktop -f 'icewm-session|x-session-manager'
	retry 30 desktop_is_drawn
	berth exec d -- useradd --create-home alice
	retry 30 owner_is alice
	retry 30 desktop_is_drawn
	berth exec d -- userdel --remove --force alice >/dev/null 2>&1 || true
}

owner_is() {
	[[ $(berth exec d -- stat -c %U /run/desktop/rfb 2>/dev/null) == "$1" ]]
}

# The host's own files are those of this test's mount namespace.
host_settings() {
	cp -a /etc/default "$T/default"
	printf 'XKBLAYOUT="de"\nXKBVARIANT="nodeadkeys"\n' >"$T/default/keyboard"
	echo 'LANG=de_DE.UTF-8' >"$T/default/locale"
	mount --bind "$T/default" /etc/default
}

# of_session NAME: the value of a variable of the session's window manager.
of_session() {
	berth exec l -- sh -c 'tr "\0" "\n" </proc/$(pgrep -o -u alice icewm)/environ' | sed -n "s/^$1=//p"
}

session_is_german() {
	[[ $(of_session LANG) == de_DE.UTF-8 ]]
}

# Language and keyboard of the host reach the session of the user who was made at launch.
case_language() {
	host_settings
	berth launch --network '' --user alice --locale host --keymap host --timezone Asia/Tokyo desk l
	umount /etc/default
	retry 30 session_is_german
	has "XKBLAYOUT=\"de\"" "$(berth exec l -- cat /etc/default/keyboard)"
	berth exec --user alice --env DISPLAY=:1 l -- setxkbmap -query >"$T/map"
	same "layout and variant" "de nodeadkeys" "$(awk '/^(layout|variant):/ { print $2 }' "$T/map" | paste -sd ' ')"
	has JST "$(berth exec l -- date +%Z)"
	fails 1 "does not know the variant 'dvorak' of the keyboard layout 'de,us'|does not know the variant 'wrong'" \
		berth launch --network '' --keymap de:wrong desk m
	gone l m
}

case_refused() {
	berth create --set network= bb plain
	berth start --wait plain
	fails 1 "machine 'plain' has no display at '/run/desktop/rfb': no server listens there" \
		berth desktop plain --stdio --timeout 1s </dev/null
	fails 1 "no machine 'none'" berth desktop none --stdio </dev/null
	fails 2 "--picture, --socket, --sound, --stdio, --url and --viewer exclude each other" berth desktop d --stdio --socket "$T/s" </dev/null
	fails 1 "no screen here for a viewer" env -u DISPLAY -u WAYLAND_DISPLAY berth desktop d
	fails 1 "there is no viewer 'nosuchviewer'" berth desktop d --viewer nosuchviewer
	: >"$T/file"
	fails 1 "'$T/file' exists, and is no socket" berth desktop d --socket "$T/file"
	test -f "$T/file"
	fails 2 "the path of a socket has 1 to 107 bytes" berth desktop d --socket "/$(printf '%0200d' 1)"
	fails 2 "desktop.socket" berth set d desktop.socket=relative
	gone plain
}

# A display that is none, is silent, or says more than anybody reads.
case_hostile() {
	local client reader
	berth set d desktop.socket=/srv/rfb
	unserved
	berth exec d -- mkfifo /srv/rfb
	fails 1 "connect to '/srv/rfb' in machine 'd'|has no display" berth desktop d --stdio --timeout 1s </dev/null
	unserved
	# The host's own root is not the machine's.
	berth exec d -- ln -s "$T/d.sock" /srv/rfb
	fails 1 "has no display" berth desktop d --stdio --timeout 1s </dev/null
	unserved
	served_by 'sleep 1000'
	fails 1 "does not answer: it takes a connection and says nothing for 5 s" berth desktop d --stdio </dev/null
	unserved
	served_by 'syswrite(C, "HTTP/1.1 400 Bad Request\r\n"); sleep 1000'
	fails 1 "does not speak RFB" berth desktop d --stdio </dev/null
	unserved
	served_by 'syswrite(C, "RFB 003.008\n\1\1\0\0\0\0" . "\0" x 24); my $z = "\0" x 65536; 1 while syswrite(C, $z)'
	mkfifo "$T/slow" "$T/unread"
	# shellcheck disable=SC2217 # it opens the pipe and reads nothing
	sleep 1000 <"$T/unread" &
	reader=$!
	berth desktop d --stdio <"$T/slow" >"$T/unread" &
	client=$!
	exec {held}>"$T/slow"
	retry 20 is_full "$client"
	[[ $(has_read "$client") -lt 1000000 ]] || fault "it keeps what nobody reads"
	# The viewer leaves; the display goes on.
	exec {held}>&-
	retry 20 is_gone "$client"
	kill "$reader"
	unserved
	berth unset d desktop.socket
}

has_read() {
	awk '/^rchar/ { print $2 }' "/proc/$1/io"
}

# is_full PID: it has read all that its two buffers hold, and what the pipe to its reader holds.
is_full() {
	[[ $(has_read "$1") -gt 100000 && $(cat "/proc/$1/wchan") == *poll* ]]
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

run_cases "$@"
