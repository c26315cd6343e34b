# SPDX-License-Identifier: GPL-2.0-or-later
# A viewer of the desktop of machine d. Sourced after tests/lib.sh.
# shellcheck shell=bash disable=SC2154

rfb=("$BERTH_TEST_PYTHON" "$top/tests/rfb")
rfb() {
	"${rfb[@]}" "$@"
}

# over_stdio MACHINE [OPTION...] -- ACTION...: a viewer on the input and output of berth desktop.
over_stdio() {
	local words=()
	while [[ $1 != -- ]]; do
		words+=("$1")
		shift
	done
	rfb -- berth desktop --stdio "${words[@]}" -- "${@:2}"
}

# as_user COMMAND...: in the desktop.
as_user() {
	berth exec --user desktop --env DISPLAY=:1 d -- "$@"
}

desktop_is_drawn() {
	[[ $(over_stdio d -- colours 2>/dev/null) -gt 20 ]]
}

# begin_viewer NAME [OPTION...] -- ACTION...: in the background: its number in $viewer, what it is told in $T/NAME.told. A
# word for its action "stay" is said by say NAME.
begin_viewer() {
	local name=$1
	shift
	mkfifo "$T/$name"
	over_stdio d --tell "$@" <"$T/$name" >"$T/$name.out" 2>"$T/$name.told" &
	# shellcheck disable=SC2034 # for the caller
	viewer=$!
	exec {held}>"$T/$name"
	eval "of_$name=$held"
	retry 20 grep -q stay "$T/$name.out"
}

say() {
	local fd=of_$1
	echo go >&"${!fd}"
}

# What listens at /srv/rfb of the machine: served_by PERL.
served_by() {
	berth exec -d d -- perl -MSocket -e '
		unlink "/srv/rfb"; socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un("/srv/rfb")); listen(S, 5);
		while (accept(C, S)) { '"$1"' }'
	retry 20 berth exec d -- test -S /srv/rfb
}

unserved() {
	berth exec d -- sh -c 'pkill perl; rm -rf /srv/rfb; true'
}
