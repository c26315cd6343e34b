#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The two commands of README's first half: set up, set up again, and remove everything.
needs_host_network=yes # for the distribution's mirror
# The programs work as well without optimization, and are built in half the time.
export CFLAGS=-O0 CPPFLAGS=-U_FORTIFY_SOURCE
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

quickstart() {
	"$top/quickstart" --prefix "$T/prefix" --root "$BERTH_ROOT" "$@"
}

# is_up: both machines are up, as after the first call.
is_up() {
	[[ -x $T/prefix/bin/berth ]] || quickstart >"$T/up" 2>&1 || fault "$(tail -n 25 "$T/up")"
}

tear_down() {
	quickstart --clean
	mkdir -p "$BERTH_ROOT"
}

case_words() {
	local code=0
	"$top/quickstart" --bogus >"$T/out" 2>"$T/err" || code=$?
	same code 2 "$code"
	has "what is '--bogus'" "$(cat "$T/err")"
	has "usage: ./quickstart" "$(cat "$T/err")"
	fails 2 "needs a value" "$top/quickstart" --prefix
	has "usage: ./quickstart" "$("$top/quickstart" --help)"
}

case_without_privilege() {
	# The script is a copy, because users may have no access to the checkout.
	cp "$top/quickstart" "$T/copy"
	chmod 0711 "$T"
	fails 1 "root.*sudo" setpriv --reuid 65534 --regid 65534 --clear-groups "$T/copy"
	chmod 0700 "$T"
}

# The error names the step, the cause, and the remedy. The next call goes on from that step.
case_a_step_that_fails() {
	local status=0
	quickstart --release nosuchrelease >"$T/out" 2>"$T/err" || status=$?
	same status 1 "$status"
	has 'step "template" failed after .*: .*nosuchrelease' "$(cat "$T/err")"
	has "what to do: " "$(cat "$T/err")"
}

case_up() {
	quickstart >"$T/up" 2>&1 || fault "$(tail -n 25 "$T/up")"
	cat "$T/up"
	has "second +running +yes" "$(cat "$T/up")"
	has " 0% packet loss" "$(cat "$T/up")"
	same steps 11 "$(grep -c '^    done in' "$T/up")"
	same "to try next" 3 "$(grep -c "^  $T/prefix/bin/berth" "$T/up")"
	"$T/prefix/bin/berth" exec first -- systemctl is-active multi-user.target
}

# Nothing is built, downloaded or created a second time.
case_again() {
	local init
	is_up
	init=$("$T/prefix/bin/berth" info --json first | grep '"init"')
	quickstart >"$T/again" 2>&1 || fault "$(tail -n 25 "$T/again")"
	has "up to date" "$(cat "$T/again")"
	same "the same machine" "$init" "$("$T/prefix/bin/berth" info --json first | grep '"init"')"
	not grep -E '^    [$] .*(template build|launch|clone|make)' "$T/again"
}

case_again_with_a_machine_stopped() {
	is_up
	"$T/prefix/bin/berth" stop second
	quickstart >"$T/again" 2>&1 || fault "$(tail -n 25 "$T/again")"
	has "second +running +yes" "$(cat "$T/again")"
}

case_clean() {
	is_up
	quickstart --clean >"$T/clean" 2>&1 || fault "$(tail -n 25 "$T/clean")"
	[[ ! -e $T/prefix ]] || fault "left: $(find "$T/prefix")"
	[[ ! -e $BERTH_ROOT ]] || fault "left: $(find "$BERTH_ROOT")"
	not test -e "/sys/fs/cgroup/unified/berth-$(tag_of "$BERTH_ROOT")"
	not test -e "/sys/fs/cgroup/berth-$(tag_of "$BERTH_ROOT")"
	quickstart --clean
	mkdir "$BERTH_ROOT"
}

run_cases "$@"
