#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A machine's own aliases for other machines, in its /etc/hosts: both families, kept while it runs, seen by it alone.
needs_faults="case_killed"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"

set_up() {
	busybox_template bb
	berth network create lab --subnet 10.77.1.0/24 subnet6=auto domain=lab.example
	berth network create side --subnet 10.77.2.0/24
	for machine in one two web other; do
		berth launch --wait --network lab bb "$machine"
	done
	berth exec web -- sh -c 'echo "192.0.2.1 kept" >>/etc/hosts'
}

# lines MACHINE ALIAS: the addresses that it has for the alias, sorted.
lines() {
	berth exec "$1" -- cat /etc/hosts | awk -v alias="$2" '$2 == alias { print $1 }' | sort | xargs
}

# none WHAT MACHINE ALIAS: it has no address for the alias.
none() {
	lacks "	$3( |	)" "$1: $(berth exec "$2" -- cat /etc/hosts)"
}

# both MACHINE: its addresses of both families, sorted.
both() {
	printf '%s\n' "$(field "$1" network.address)" "$(field "$1" network.address6)" | sort | xargs
}

aliases() {
	berth set web dns.aliases="$1"
}

# kept: what the machine itself has in the file.
kept() {
	has "^192.0.2.1 kept$" "$(berth exec web -- cat /etc/hosts)"
	has "^127.0.1.1.web.lab.example web.# by berth$" "$(berth exec web -- cat /etc/hosts)"
}

case_seen_by_one() {
	aliases "db=one cache=two"
	same "both families" "$(both one)" "$(lines web db)"
	same "another one" "$(both two)" "$(lines web cache)"
	has "	db db.lab.example	# by berth: alias of one$" "$(berth exec web -- cat /etc/hosts)"
	berth exec web -- ping -c 1 -W 10 db
	berth exec web -- ping -c 1 -W 10 cache.lab.example
	lacks "alias of" "$(berth exec other -- cat /etc/hosts)"
	not berth exec other -- ping -c 1 -W 5 db
	kept
	aliases "db=two"
	same "another machine" "$(both two)" "$(lines web db)"
	none "the other alias" web cache
	berth unset web dns.aliases
	lacks "alias of" "$(berth exec web -- cat /etc/hosts)"
	kept
	silent "notes" find "$BERTH_ROOT/run/aliases" -type f
}

# From the start on, also one that was set before it, and gone after the key is.
case_from_the_start() {
	berth stop --force web
	aliases "db=one"
	berth start --wait web
	same "from its start" "$(both one)" "$(lines web db)"
	kept
	berth stop --force web
	silent "notes" find "$BERTH_ROOT/run/aliases" -type f
	berth start --wait web
	same "once" "$(both one)" "$(lines web db)"
	berth clone web copy
	berth start --wait copy
	same "a clone" "$(both one)" "$(lines copy db)"
	berth delete --force copy
	berth stop --force web
	berth unset web dns.aliases
	berth start --wait web
	lacks "alias of" "$(berth exec web -- cat /etc/hosts)"
	kept
}

# Its machine may come later, get another address and another name, and go.
case_follows_its_machine() {
	aliases "db=three"
	none "not there" web db
	berth launch --wait --network lab bb three
	same "it came" "$(both three)" "$(lines web db)"
	berth restart --force three
	same "after its restart" "$(both three)" "$(lines web db)"
	berth stop --force three
	same "a stopped one" "$(both three)" "$(lines web db)"
	berth set three network.address=10.77.1.200
	berth start --wait three
	has "10.77.1.200" "$(lines web db)"
	same "another address" "$(both three)" "$(lines web db)"
	berth exec web -- ping -c 1 -W 10 db
	berth stop --force three
	berth rename three four
	same "its key" "db=four" "$(berth get web dns.aliases)"
	has "	db db.lab.example	# by berth: alias of four$" "$(berth exec web -- cat /etc/hosts)"
	aliases "app=one db=four"
	berth rename four five
	same "one word of two" "app=one db=five" "$(berth get web dns.aliases)"
	berth rename five db
	same "an alias that is its name" "app=one" "$(berth get web dns.aliases)"
	aliases "data=db"
	berth delete --force db
	none "it went" web data
	berth unset web dns.aliases
}

# The addresses are those on networks that both are on.
case_of_another_network() {
	berth launch --wait --network side bb far
	aliases "db=far"
	none "no network in common" web db
	berth nic add --network side web eth1
	same "one in common" "$(field far network.address)" "$(lines web db)"
	berth exec web -- ping -c 1 -W 10 db
	berth network set side subnet6=auto
	same "IPv6 of that network" "$(both far)" "$(lines web db)"
	berth network set side domain=side.example
	has "	db db.side.example	" "$(berth exec web -- cat /etc/hosts)"
	berth nic remove web eth1
	none "none any more" web db
	berth unset web dns.aliases
	berth delete --force far
}

# An alias of the network is another's: a machine's own one comes first, for it alone.
case_beside_the_networks() {
	berth network set lab dns.aliases=db=one
	aliases "db=two"
	has "^PING db \($(field two network.address)\)" "$(berth exec web -- ping -4 -c 1 -W 10 db)"
	has "^PING db \($(field one network.address)\)" "$(berth exec other -- ping -4 -c 1 -W 10 db)"
	berth unset web dns.aliases
	# The name of its alias for its machine: there is nothing left that the alias could say.
	berth stop --force one
	berth rename one db
	silent "its key" berth network get lab dns.aliases
	berth rename db one
	berth start --wait one
	berth network list
}

case_refused() {
	fails 1 "a word of it is ALIAS=MACHINE" berth set web dns.aliases=db
	fails 1 "dns.aliases has alias 'D_B', which" berth set web dns.aliases=D_B=one
	fails 1 "'one' as an alias of itself" berth set web dns.aliases=one=one
	fails 1 "dns.aliases has alias 'db' twice" berth set web dns.aliases="db=one db=two"
	fails 1 "machine 'web' cannot have the alias 'web'" berth set web dns.aliases=web=one
	fails 1 "cannot have the alias 'localhost'" berth set web dns.aliases=localhost=one
	fails 1 "has 'b' as an alias and as the machine of 'a'; an alias leads to a machine" berth set web dns.aliases="a=b b=one"
	fails 1 "has 'b' as an alias and as the machine of 'a'" berth set web dns.aliases="a=b b=a"
	fails 1 "machine 'fresh' cannot have the alias 'fresh'" berth create --set dns.aliases=fresh=one bb fresh
	silent "its key" berth get web dns.aliases
}

# A machine whose file cannot be written keeps its settings, and others are not held up.
case_that_cannot_be_written() {
	aliases "db=one"
	berth exec web -- sh -c 'mv /etc/hosts /etc/aside && mkfifo /etc/hosts'
	fails 1 "machine 'web': its aliases: open its /etc/hosts: " berth set web dns.aliases=db=two
	same "its key" "db=one" "$(berth get web dns.aliases)"
	berth exec web -- sh -c 'rm /etc/hosts && ln -s /nowhere/hosts /etc/hosts'
	fails 1 "machine 'web': its aliases: open its /etc/hosts: " berth set web dns.aliases=db=two
	berth exec web -- sh -c 'rm /etc/hosts && mv /etc/aside /etc/hosts'
	aliases "db=two"
	same "written again" "$(both two)" "$(lines web db)"
	# A paused one is written all the same.
	berth pause web
	aliases "db=one"
	berth resume web
	same "while it was paused" "$(both one)" "$(lines web db)"
	berth unset web dns.aliases
}

case_killed() {
	aliases "db=one"
	BERTH_FAULT=aliases-written:1 not_kindly berth set web dns.aliases=db=two
	same "what is written" "$(both two)" "$(lines web db)"
	same "its key" "db=two" "$(berth get web dns.aliases)"
	aliases "db=one"
	same "by the next command" "$(both one)" "$(lines web db)"
	berth unset web dns.aliases
	lacks "alias of" "$(berth exec web -- cat /etc/hosts)"
}

run_cases "$@"
