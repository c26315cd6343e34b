#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is settled for a desktop: the way of its clipboard, pictures of it, the end of its socket, and its keyboard.
needs_debian="bookworm"
needs_recipe="desktop-lite"
needs_packages="xclip"
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

# copy TEXT: a program of the machine copies it.
copy() {
	# shellcheck disable=SC2016 # for the machine's shell
	as_user sh -c 'printf %s "$1" | setsid xclip -selection clipboard >/dev/null 2>&1' sh "$1"
}

copied_is() {
	[[ $(as_user xclip -o -selection clipboard 2>/dev/null) == "$1" ]]
}

# texts_reach_viewer TEXT: a viewer that is there gets what the machine copies.
texts_reach_viewer() {
	begin_viewer "$1" -- stay texts
	copy "$1"
	retry 20 copied_is "$1"
	say "$1"
	wait "$viewer"
	grep -q "texts: .*$1" "$T/$1.out"
}

# pastes WORD: a viewer sends it, and what the machine then has in its clipboard is that, as long as the viewer stays.
pastes() {
	local code=0
	begin_viewer "$1" -- cut "$1" stay
	copied_is "$1" || code=$?
	say "$1"
	wait "$viewer"
	return "$code"
}

pastes_soon() {
	tries=$((${tries:-0} + 1))
	pastes "$1$tries"
}

# Plain messages of the clipboard both ways; unit/desktop has those of the extended one.
case_clipboard() {
	retry 20 pastes_soon in_both
	retry 20 texts_reach out_both
	berth set d desktop.clipboard=in
	retry 20 pastes_soon in_in
	not texts_reach_viewer out_in
	retry 20 copied_is out_in
	berth set d desktop.clipboard=out
	retry 20 texts_reach out_out
	not pastes in_out
	berth set d desktop.clipboard=off
	over_stdio d -- cut in_seen colours >"$T/out" 2>/dev/null
	[[ $(<"$T/out") -gt 20 ]] || fault "it sees nothing: $(<"$T/out")"
	not pastes in_off
	not texts_reach_viewer out_off
	retry 20 copied_is out_off
	# What cannot be followed is not passed on.
	fails 1 "viewer was refused: it sent a message that is not known" "${rfb[@]}" -- berth desktop --stdio d -- raw 77 stay </dev/null
	fails 2 "use both, in, out or off" berth set d desktop.clipboard=never
	berth unset d desktop.clipboard
}

# texts_reach WORD: by a viewer of its own at each try; $last: the text.
texts_reach() {
	tries=$((${tries:-0} + 1))
	last=$1$tries
	texts_reach_viewer "$last"
}

# width, height, colours
look_at() {
	"$BERTH_TEST_PYTHON" -c '
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:20]
at, chunks = 8, {}
while at < len(data):
    size, name = struct.unpack(">I4s", data[at:at + 8])
    body = data[at + 8:at + 8 + size]
    assert struct.pack(">I", zlib.crc32(name + body)) == data[at + 8 + size:at + 12 + size], name
    chunks[name] = body
    at += 12 + size
width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
rows = zlib.decompress(chunks[b"IDAT"])
assert len(rows) == height * (1 + 3 * width), len(rows)
pixels = [rows[y * (1 + 3 * width) + 1 + 3 * x:][:3] for y in range(height) for x in range(width)]
print(width, height, "many" if len(set(pixels)) > 20 else len(set(pixels)))' "$1"
}

picture_is() {
	berth desktop d --picture >"$T/p.png" && [[ $(look_at "$T/p.png") == "$1" ]]
}

case_picture() {
	retry 20 picture_is "160 100 many"
	# A moment later it is the same one.
	touch -d '1 hour' "$BERTH_ROOT/run/machines/d/picture"
	retry 20 picture_is "160 100 many"
	before=$(stat -c %i "$BERTH_ROOT/run/machines/d/picture")
	for ((n = 0; n < 3; n++)); do
		touch "$BERTH_ROOT/run/machines/d/picture"
		berth desktop d --picture >"$T/q.png"
	done
	same "the one that is kept" "$before" "$(stat -c %i "$BERTH_ROOT/run/machines/d/picture")"
	cmp "$T/p.png" "$T/q.png"
	touch -d '1 minute ago' "$BERTH_ROOT/run/machines/d/picture"
	berth desktop d --picture >"$T/q.png"
	not test "$before" = "$(stat -c %i "$BERTH_ROOT/run/machines/d/picture")"
	same "its mode" 600 "$(stat -c %a "$BERTH_ROOT/run/machines/d/picture")"
	fails 1 "write the picture: No space left on device" sh -c 'exec berth desktop d --picture >/dev/full'
	# It wakes nothing.
	berth pause d
	fails 1 "machine 'd' is paused: there are pictures only while it runs" berth desktop d --picture
	state_is d paused
	berth resume d
	berth create --set network= bb plain
	fails 1 "machine 'plain' is stopped" berth desktop plain --picture
	state_is plain stopped
	berth start --wait plain
	fails 1 "machine 'plain' has no display at" berth desktop plain --picture
	gone plain
	fails 1 "no machine 'none'" berth desktop none --picture
	fails 2 "exclude each other" berth desktop d --picture --stdio
}

# By the API, with its right.
case_picture_by_api() {
	berth api GET /1.0/machines/d/picture >"$T/p.png"
	same "what it is" "160 100 many" "$(look_at "$T/p.png")"
	berth pause d
	berth api GET /1.0/machines/d/picture >"$T/out" 2>&1 || true
	has "machine 'd' is paused" "$(<"$T/out")"
	berth resume d
	state_is d running
}

# no_picture_of DISPLAY SENTENCE: no picture of a display whose program in Perl serves each viewer so.
no_picture_of() {
	unserved
	served_by "$1"
	fails 1 "$2" berth desktop d --picture
}

# A display that is silent, draws nothing, or more than there is.
case_picture_hostile() {
	local beginning='syswrite(C, "RFB 003.008\n\1\1\0\0\0\0'
	berth set d desktop.socket=/srv/rfb
	rm -f "$BERTH_ROOT/run/machines/d/picture"
	no_picture_of 'sleep 1000' "says nothing for 5 s"
	no_picture_of "$beginning"'\0\2\0\2" . "\0" x 20); sleep 1000' \
		"no picture of the desktop of machine 'd': the display shows nothing in time"
	no_picture_of "$beginning"'\0\2\0\2" . "\0" x 20 . "\0\0\377\377" . "\377" x 100000); sleep 1000' \
		"the display draws what was not asked for"
	no_picture_of "$beginning"'\0\2\0\2" . "\0" x 20 . "\2" x 100000); sleep 1000' "the display shows nothing"
	no_picture_of "$beginning"'\377\377\377\377" . "\0" x 20); sleep 1000' "a size that no screen has"
	not test -e "$BERTH_ROOT/run/machines/d/picture"
	unserved
	berth unset d desktop.socket
}

# served_until COMMAND...: a socket for viewers of machine gone ends, and is removed, by the command.
served_until() {
	rm -f "$T/serve"
	berth desktop gone --socket "$T/gone.sock" >"$T/serve" 2>&1 &
	server=$!
	retry 20 grep -q "desktop of machine 'gone' is at" "$T/serve"
	"$@"
	wait_fails "$server"
	has "machine 'gone' was deleted or renamed" "$(<"$T/serve")"
	not test -e "$T/gone.sock"
}

# Another machine may get the name.
case_deleted() {
	berth create --set network= bb gone
	served_until berth delete --force gone
	berth create --set network= bb gone
	served_until rename_gone
	gone other
}

rename_gone() {
	berth stop gone
	berth rename gone other
}

wait_fails() {
	local code=0
	wait "$1" || code=$?
	same "its exit code" 1 "$code"
}

# A layout that the root does not have is told before the machine starts, and nothing is left.
case_keymap() {
	fails 1 "--keymap cannot be 'xx': the root of machine 'm' does not know the keyboard layout 'xx'" \
		berth launch --network '' --keymap xx desk m
	fails 1 "does not know the variant 'wrong' of the keyboard layout 'de'" berth launch --network '' --keymap de:wrong desk m
	fails 1 "does not know the variant 'nodeadkeys' of the keyboard layout 'us'" berth launch --network '' --keymap us,de:nodeadkeys desk m
	fails 1 "no machine 'm'" berth info m
	berth create --set network= desk m
	berth start m
	fails 1 "does not know the keyboard layout 'xx'" berth clone --keymap xx m n
	fails 1 "no machine 'n'" berth info n
	gone m
}

run_cases "$@"
