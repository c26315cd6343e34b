#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Aliases of machines in the DNS of a network, for both families, and for the host's programs.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

set_up() {
	busybox_template bb
	berth network create lab --subnet 10.77.1.0/24 subnet6=auto
	berth launch --wait --network lab bb one
	berth launch --wait --network lab bb two
	berth launch --wait --network lab bb asks
}

pid_of_dns() {
	cat "$BERTH_ROOT/run/networks/lab/dnsmasq.pid"
}

# asked NAME: the addresses that a machine gets, sorted.
asked() {
	{ berth exec asks -- busybox nslookup "$1" 10.77.1.1 || true; } | sed -n '/^Name/,$s/^Address[^:]*: *//p' | sort -u | xargs
}

# both MACHINE: its addresses of both families, sorted.
both() {
	printf '%s\n' "$(field "$1" network.address)" "$(field "$1" network.address6)" | sort | xargs
}

# answers NAME ADDRESSES
answers() {
	[[ $(asked "$1") == "$2" ]]
}

aliases() {
	berth network set lab dns.aliases="$1"
}

case_answered() {
	local pid
	pid=$(pid_of_dns)
	aliases "db=one cache=two"
	retry 10 answers db.berth "$(both one)"
	retry 10 answers cache.berth "$(both two)"
	berth exec asks -- ping -c 1 -W 5 db
	same "the process" "$pid" "$(pid_of_dns)"
	# The name of an address is the machine's own.
	has "one.berth" "$(berth exec asks -- busybox nslookup "$(field one network.address)" 10.77.1.1)"
	lacks "db.berth" "$(berth exec asks -- busybox nslookup "$(field one network.address)" 10.77.1.1)"
	aliases "db=two"
	retry 10 answers db.berth "$(both two)"
	retry 10 answers cache.berth ""
	same "its own name" "$(both two)" "$(asked two.berth)"
	berth network unset lab dns.aliases
	retry 10 answers db.berth ""
	same "the process" "$pid" "$(pid_of_dns)"
	silent "files" find "$BERTH_ROOT/lib/networks/lab/aliases" -type f
}

# Its machine may come later, get another name, and go.
case_follows() {
	aliases "db=three"
	answers db.berth ""
	berth launch --wait --network lab bb three
	retry 10 answers db.berth "$(both three)"
	berth stop --force three
	same "a stopped machine" "$(both three)" "$(asked db.berth)"
	berth rename three four
	retry 10 answers db.berth "$(both four)"
	same "its key" "db=four" "$(berth network get lab dns.aliases)"
	# A machine that has the name of an alias keeps it alone.
	berth launch --wait --network lab bb db
	retry 10 answers db.berth "$(both db)"
	berth delete --force db
	retry 10 answers db.berth "$(both four)"
	berth delete --force four
	retry 10 answers db.berth ""
	# After the network was down.
	aliases "db=one"
	berth stop --force one two asks
	berth network down lab
	berth start --wait one two asks
	retry 10 answers db.berth "$(both one)"
	berth network unset lab dns.aliases
}

# The host's programs find the alias by the module of the name service switch, as they find the machine.
case_of_the_host() {
	[[ -e $BUILD_TREE/libnss_berth.so.2 ]] || skip "the build has no module for glibc"
	{ grep -v '^hosts:' /etc/nsswitch.conf || true; } >"$T/nsswitch.conf"
	echo "hosts: files berth" >>"$T/nsswitch.conf"
	mount --bind "$T/nsswitch.conf" /etc/nsswitch.conf
	aliases "db=one"
	same "both families" "$(both one)" "$(LD_LIBRARY_PATH=$BUILD_TREE getent ahosts db | awk '{ print $1 }' | sort -u | xargs)"
	same "with its domain" "$(field one network.address)" \
		"$(LD_LIBRARY_PATH=$BUILD_TREE getent ahostsv4 db.berth | awk '{ print $1 }' | sort -u | xargs)"
	berth network unset lab dns.aliases
	not env LD_LIBRARY_PATH="$BUILD_TREE" getent hosts db
	umount /etc/nsswitch.conf
}

case_refused() {
	fails 1 "a word of it is ALIAS=MACHINE" berth network set lab dns.aliases=db
	fails 1 "dns.aliases has alias 'D_B', which" berth network set lab dns.aliases=D_B=one
	fails 1 "dns.aliases has machine 'one.berth', which" berth network set lab dns.aliases=db=one.berth
	fails 1 "'one' as an alias of itself" berth network set lab dns.aliases=one=one
	fails 1 "dns.aliases has alias 'db' twice" berth network set lab dns.aliases="db=one db=two"
	silent "its key" berth network get lab dns.aliases
}

run_cases "$@"
