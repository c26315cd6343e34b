#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The whole life of guests with every available init, as a table at the end of the log.
#	tests/run integration inits				the common ones, 1 round
#	INITS=all TEST_SECONDS=7200 tests/run integration inits	every one, 20 rounds
#	INITS="sid runit" ROUNDS=5 tests/integration/inits.sh
#	tests/integration/inits.sh prepare				only makes the roots

all_inits="bullseye bookworm trixie sid sysvinit openrc openrc-init runit finit busybox guest-init"
case ${INITS:-} in
'') inits="bookworm trixie sysvinit busybox guest-init" rounds=${ROUNDS:-1} ;;
all) inits=$all_inits rounds=${ROUNDS:-20} ;;
*) inits=$INITS rounds=${ROUNDS:-3} ;;
esac

# recipe_words INIT: the recipe and its options.
recipe_words() {
	case $1 in
	bullseye | bookworm | trixie | sid) echo "debian --release $1" ;; # with systemd
	openrc-init) echo "debian --release sid --init openrc-init" ;;
	sysvinit | openrc | runit | finit) echo "debian --init $1" ;;
	busybox) echo "busybox --init busybox" ;;
	guest-init) echo "busybox" ;;
	*) echo "there is no init '$1'; there are: $all_inits" >&2 && return 1 ;;
	esac
}

# root_tar INIT: prints the path of a tar of such a root. The recipe builds it, and it is kept for other tests, as by
# tests/debian-root.
root_tar() (
	set -eu
	cd "$(dirname "$0")/../.."
	case $1 in
	bullseye | bookworm | trixie | sid) exec tests/debian-root "$1" ;;
	esac
	cache=${BERTH_TEST_CACHE:-/var/tmp/berth-tests}
	read -r recipe options <<<"$(recipe_words "$1")"
	key=$(cat templates/"$recipe"* templates/lib.sh | sha256sum | cut -c 1-16)
	tar=$cache/init-$1-$key.tar
	(umask 077 && mkdir -p "$cache")
	exec 9>"$cache/lock-init-$1"
	flock 9
	if [[ ! -s $tar || -n $(find "$tar" -mtime +7) ]]; then
		rm -f "$cache/init-$1-"????????????????.tar
		root=$(mktemp -d "$cache/root.XXXXXX")
		trap 'rm -rf --one-file-system "$root" "$tar.partial"' EXIT
		chmod 0755 "$root"
		# shellcheck disable=SC2086 # words
		BERTH_CACHE=$cache/packages unshare --mount --pid --fork --kill-child --mount-proc \
			--propagation private "templates/$recipe" build "$root" $options >&2
		tar -C "$root" -cpf "$tar.partial" --numeric-owner --acls --xattrs --xattrs-include='*' .
		mv "$tar.partial" "$tar"
	fi
	echo "$tar"
)

# Roots are built outside, where there is a network.
if [[ -z ${BERTH_TEST_INSIDE:-} && ${1:-} != --cases && $(id -u) -eq 0 ]]; then
	for init in $inits; do
		if ! recipe_words "$init" >/dev/null; then
			exit 2
		fi
		if ! tar=$(root_tar "$init"); then
			echo "skip inits: no root with $init to be had; is the mirror reachable?"
			exit 77
		fi
		export "tar_${init//-/_}=$tar"
	done
	if [[ ${1:-} == prepare ]]; then
		exit
	fi
	if [[ ${INITS:-} == all ]]; then
		export TEST_SECONDS=${TEST_SECONDS:-7200}
	fi
fi

# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

cells="boots login exec poweroff reboot restart policy stop"

# ---- What is asked of each

# kind INIT: prints the name that berth should show.
kind() {
	case $1 in
	bullseye | bookworm | trixie | sid) echo systemd ;;
	openrc) echo sysvinit ;; # Debian's OpenRC runs under sysvinit
	openrc-init) echo openrc ;;
	guest-init) echo none ;;
	*) echo "$1" ;;
	esac
}

# A pattern of command lines that run after the boot.
signs_of_life() {
	case $(kind "$1") in
	systemd) echo "systemd-journald|agetty " ;;
	runit) echo "runsv getty-console|getty .*console" ;;
	openrc) echo "supervise-daemon agetty.console|agetty console" ;;
	none) echo "-sh" ;;
	*) echo "getty .*console" ;;
	esac
}

# The last lines of its console.
log_of() {
	berth logs "$1" | tr -d '\0' | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g'
}

without_zombies() {
	lacks ') Z ' "$(berth exec "$1" -- sh -c 'cat /proc/[0-9]*/stat 2>/dev/null')"
}

# The console has no complaint in any line; systemd also has a list of failed units. A warning that runit prints on any
# computer is ignored.
no_complaint() {
	local failed
	if [[ $(kind "$1") == systemd ]]; then
		same "state of $1" running "$(berth exec "$1" -- systemctl is-system-running --wait)"
		failed=$(berth exec "$1" -- systemctl --failed --no-legend --plain)
		same "failed units" "" "$failed"
	fi
	log_of "$1" >"$T/console"
	[[ -s $T/console ]]
	failed=$(grep -avE 'signals only work in stage 2|writing wtmp' "$T/console" | grep -aiE \
		'fail|error|denied|cannot|not found|non existent|too fast|not permitted|warning' || true)
	same "complaints of $1" "" "$failed"
}

ended_well() {
	state_is "$1" stopped
	same "end of $1" "powered off" "$(field "$1" ended)"
}

# ---- The cells of the table: each is run with $init, which is the machine's name too

cell_boots() {
	local tar=tar_${init//-/_} began pattern
	# The machine may be left from a cell that was run alone.
	gone "$init"
	berth template delete "$init" 2>/dev/null || true
	berth template import "${!tar}" "$init"
	has "\"init\": \"$(kind "$init")\"" "$(berth template list --json | grep -A 9 "\"name\": \"$init\"")"
	began=${EPOCHREALTIME/./}
	berth launch --wait "$init" "$init"
	note="$(((${EPOCHREALTIME/./} - began) / 1000)) ms"
	no_complaint "$init"
	berth exec "$init" -- sh -c 'for p in /proc/[0-9]*/cmdline; do tr "\0" " " <$p; echo; done' >"$T/running" 2>/dev/null
	signs_of_life "$init" | tr '|' '\n' >"$T/signs"
	while read -r pattern; do
		has "$pattern" "$(cat "$T/running")"
	done <"$T/signs"
	retry 20 without_zombies "$init"
}

# The login is that of a person at a keyboard, with the size of the window.
cell_login() {
	if [[ $init == guest-init ]]; then
		printf '%s\n' 'send \n' 'expect # '
	else
		# open-sesame, by: openssl passwd -5
		berth exec "$init" -- sed -i \
			's|^root:[^:]*|root:$5$berth$Ah0TuQFI/h2wlEsqHrqTJ94f0P7mJEN217IJYVnwoF2|' /etc/shadow
		printf '%s\n' 'send \n' 'expect login:' 'send root\n' 'expect assword' 'send open-sesame\n' \
			'expect # '
	fi >"$T/script"
	# shellcheck disable=SC2016 # for the guest
	printf '%s\n' 'send stty size; echo it-is-$((6 * 7))\n' 'expect 24 80' 'expect it-is-42' \
		'send exit\n' 'send \x1d' 'expect-end 0' >>"$T/script"
	python3 "$top/tests/integration/terminal.py" 24x80 berth console "$init" <"$T/script"
	# The console is its controlling terminal.
	lacks 'job control|process group|can.t access tty' "$(log_of "$init")"
}

cell_exec() {
	local code=0
	berth exec "$init" -- sh -c 'exit 7' || code=$?
	same code 7 "$code"
	same "standard input" "through" "$(echo through | berth exec "$init" -- cat)"
	same user 65534 "$(berth exec --user nobody "$init" -- id -u)"
	retry 20 without_zombies "$init"
}

cell_poweroff() {
	berth exec "$init" -- poweroff >/dev/null 2>&1 || true
	retry 60 state_is "$init" stopped
	ended_well "$init"
	berth start --wait "$init"
}

cell_reboot() {
	local round before
	for ((round = 1; round <= rounds; round++)); do
		before=$(field "$init" init)
		berth exec "$init" -- reboot >"$T/out" 2>&1 || true
		retry 60 booted_again "$init" "$before" || fault "round $round: $(cat "$T/out")"
	done
	note="x$rounds"
	retry 20 without_zombies "$init"
	berth exec "$init" -- true
}

cell_restart() {
	local round before
	for ((round = 1; round <= rounds; round++)); do
		before=$(field "$init" init)
		berth restart --wait "$init" >"$T/out" 2>&1 || fault "round $round: $(cat "$T/out")"
		not grep -i kill "$T/out"
		booted_again "$init" "$before"
	done
	note="x$rounds"
	retry 20 without_zombies "$init"
}

# After a power-off from inside and after the death of its init the machine comes back; after a stop from outside it
# does not.
cell_policy() {
	local before
	berth set "$init" restart=always
	berth restart --wait "$init"
	before=$(field "$init" init)
	berth exec "$init" -- poweroff >"$T/out" 2>&1 || true
	retry 60 booted_again "$init" "$before" || fault "after poweroff: $(cat "$T/out")"
	before=$(field "$init" init)
	kill -9 "$before"
	retry 60 booted_again "$init" "$before"
	berth stop "$init"
	state_is "$init" stopped
	berth unset "$init" restart
	berth start --wait "$init"
}

cell_stop() {
	local began=${EPOCHREALTIME/./}
	berth stop "$init" >"$T/out" 2>&1
	note="$(((${EPOCHREALTIME/./} - began) / 1000)) ms"
	not grep -i kill "$T/out"
	ended_well "$init"
	berth start --wait "$init"
	no_complaint "$init"
	berth stop --force "$init"
	state_is "$init" stopped
	berth start --wait "$init"
	berth delete --force "$init"
	berth template delete "$init"
}

# A cell that is run alone, or after the last one of its row, has no machine yet.
there_is_one() {
	local tar=tar_${init//-/_}
	! berth info "$init" >/dev/null 2>&1 || return 0
	berth template import "${!tar}" "$init"
	berth launch --wait "$init" "$init"
}

# run_cell INIT CELL: runs the cell, and keeps its result for the table.
run_cell() {
	local init=$1 note=""
	echo FAILED >"$T/cell-$1-$2"
	[[ $2 == boots ]] || there_is_one
	"cell_$2"
	echo "ok${note:+ $note}" >"$T/cell-$1-$2"
}

# ---- Roots that were made for a computer with screens, and not told of a console

# made_for_screens: makes a template of busybox with its own init, and with $T/inittab if that exists.
made_for_screens() {
	busybox_root "$T/screens"
	ln -s busybox "$T/screens/bin/init"
	if [[ -e $T/inittab ]]; then
		mv "$T/inittab" "$T/screens/etc/inittab"
	fi
	tar -C "$T/screens" -cf "$T/screens.tar" .
	rm -rf "$T/screens"
	berth template import "$T/screens.tar" screens
}

# console_answers [LINE...]: runs the script's LINEs, then types a command at the console, which must answer.
console_answers() {
	printf '%s\n' "$@" 'expect # ' 'send echo it-is-$((6 * 7))\n' 'expect it-is-42' 'send \x1d' \
		'expect-end 0' >"$T/script"
	python3 "$top/tests/integration/terminal.py" 24x80 berth console screens <"$T/script"
}

case_a_getty_for_a_screen_serves_the_console() {
	echo 'tty1::respawn:/bin/getty -n -l /bin/sh 38400 tty1' >"$T/inittab"
	made_for_screens
	berth launch screens screens
	same "where it leads" console "$(berth exec screens -- readlink /dev/tty1)"
	console_answers
	berth stop screens
	same "end" "powered off" "$(field screens ended)"
	berth delete screens
	berth template delete screens
}

case_no_screen_where_a_getty_is_on_the_console() {
	echo '::respawn:/bin/getty -n -l /bin/sh 38400 console' >"$T/inittab"
	made_for_screens
	berth launch screens screens
	not berth exec screens -- test -e /dev/tty1
	console_answers
	berth delete --force screens
	berth template delete screens
}

# The init prints "Please press Enter to activate this console" if there is no inittab.
case_busybox_without_inittab() {
	made_for_screens
	berth launch --wait screens screens
	console_answers 'expect activate this console' 'send \n'
	berth stop screens
	berth delete screens
	berth template delete screens
}

# ---- Guests that cannot work here are refused before anything of theirs runs

# root_with_init NAME: makes a template whose /sbin/init is $T/init. Nothing else of it is looked at.
root_with_init() {
	mkdir -p "$T/made/bin" "$T/made/sbin" "$T/made/lib/systemd"
	cp "$T/init" "$T/made/bin/sh"
	cp "$T/init" "$T/made/lib/systemd/systemd"
	ln -sf ../lib/systemd/systemd "$T/made/sbin/init"
	tar -C "$T/made" -cf "$T/made.tar" .
	rm -rf "$T/made"
	berth template import "$T/made.tar" "$1"
}

case_old_systemd_is_refused() {
	cp "$(command -v busybox)" "$T/init"
	printf '\0systemd 219\0' >>"$T/init"
	root_with_init old
	berth create old old
	fails 1 "old.* systemd 219.*cgroup v2.*230" berth start old
	same state failed "$(field old state)"
	berth delete old
	fails 1 "systemd 219" berth launch old old
	fails 1 "no machine 'old'" berth info old
	berth template delete old
}

case_foreign_architecture_is_refused() {
	cp "$(command -v busybox)" "$T/init"
	# e_machine becomes EM_PPC64, which none of the hosts is.
	printf '\x15\x00' | dd of="$T/init" bs=1 seek=18 conv=notrunc status=none
	root_with_init foreign
	fails 1 "foreign.*ppc64.*$(uname -m)" berth launch foreign foreign
	fails 1 "no machine 'foreign'" berth info foreign
	berth template delete foreign
}

case_table() {
	local init cell
	# shellcheck disable=SC2086 # words
	{
		printf '# %-12s' init
		printf ' %-11s' $cells
		for init in $inits; do
			printf '\n# %-12s' "$init"
			for cell in $cells; do
				printf ' %-11s' "$(cat "$T/cell-$init-$cell" 2>/dev/null || echo -)"
			done
		done
		echo
	} | sed 's/ *$//'
}

cases=()
for init in $inits; do
	for cell in $cells; do
		eval "case_${init//-/_}_$cell() { run_cell $init $cell; }"
		cases+=("case_${init//-/_}_$cell")
	done
done
if [[ $# -eq 0 ]]; then
	set -- "${cases[@]}" case_a_getty_for_a_screen_serves_the_console \
		case_no_screen_where_a_getty_is_on_the_console case_busybox_without_inittab \
		case_old_systemd_is_refused case_foreign_architecture_is_refused case_table
fi
run_cases "$@"
