#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Roots whose programs are 32-bit, and 32-bit programs in another, on an x86-64 host.
needs_i386=yes
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# A server and a client in the machine, with network and Unix sockets.
talks() {
	berth exec "$1" -- "$2" ip address show eth0 >"$T/addresses"
	has 'inet 10\.' "$(cat "$T/addresses")"
	berth exec "$1" -- "$2" sh -c "$2 nc -l -p 80 -e $2 echo answered & until $2 nc -w 5 127.0.0.1 80 </dev/null 2>/dev/null; do $2 usleep 50000; done" >"$T/answer"
	has answered "$(cat "$T/answer")"
	berth exec "$1" -- "$2" ping -c 1 -W 5 "$(field "$1" network.address)"
}

case_a_32_bit_root() {
	PATH=$T/i386:$PATH
	mkdir "$T/i386"
	cp "$busybox_i386" "$T/i386/busybox"
	busybox_template narrow
	same arch i686 "$(berth template list --json | sed -n 's/.*"arch": "\(.*\)".*/\1/p')"
	berth launch --wait narrow m
	same "uname -m" i686 "$(berth exec m -- uname -m)"
	same "of its init" i686 "$(berth exec m -- sh -c 'tr -dc 0-9a-f </proc/1/personality | grep -q "^0*8$" && echo i686')"
	talks m /bin/busybox
}

case_32_bit_programs_in_a_64_bit_root() {
	PATH=${PATH#"$T/i386:"}
	busybox_template wide
	berth launch --wait wide n
	berth exec n -- sh -c 'cat >/bin/busybox-i386 && chmod 755 /bin/busybox-i386' <"$busybox_i386"
	local code=0
	berth exec n -- /bin/busybox-i386 true || code=$?
	has '^(139|159)$' "$code"
	berth set n security.compat=yes
	berth restart --wait n
	talks n /bin/busybox-i386
	same "uname -m" x86_64 "$(berth exec n -- uname -m)"
	# The 64-bit programs get no more rights by this.
	berth exec n -- sh -c 'cat >/attack && chmod 755 /attack' <"$BUILD_TREE/attack"
	berth exec n -- /attack af-alg af-alg-high-bits af-vsock af-key io-uring >"$T/attacks" || true
	cat "$T/attacks"
	same "patterns tried" 5 "$(wc -l <"$T/attacks")"
	not grep '^escaped' "$T/attacks"
}

run_cases "$@"
