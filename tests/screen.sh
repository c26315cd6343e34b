# SPDX-License-Identifier: GPL-2.0-or-later
# A screen for programs with windows, of Xvfb. Sourced after tests/lib.sh.
# shellcheck shell=bash disable=SC2154

# begin_screen PROGRAM...: DISPLAY is one of our own; a test without one of the programs is skipped.
begin_screen() {
	local program
	for program in Xvfb import "$@"; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
	rm -f "$T/display"
	Xvfb -displayfd 3 -screen 0 1400x900x24 -nolisten tcp 3>"$T/display" >"$T/screen.log" 2>&1 &
	screen=$!
	retry 20 test -s "$T/display"
	DISPLAY=:$(<"$T/display")
	export DISPLAY
	unset WAYLAND_DISPLAY
}

end_screen() {
	kill "$screen"
	wait "$screen" || true
	unset DISPLAY
}

# The number of its colours.
screen_colours() {
	import -silent -window root -depth 8 "$T/screen.png" && convert "$T/screen.png" -unique-colors -format '%w' info:
}

# keep_screen NAME: a picture of it for people.
keep_screen() {
	mkdir -p "$top/build/logs/web"
	import -silent -window root "$top/build/logs/web/$1.png"
}

screen_has_more_than() {
	[[ $(screen_colours) -gt $1 ]]
}
