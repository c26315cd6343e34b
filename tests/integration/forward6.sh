#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Ports of the host that lead to machines by IPv6: reached from another host, from this host and from machines.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/outside.sh
. "$top/tests/outside.sh"

# A host outside, in a network namespace of its own, as 2001:db8:9::2 and 192.0.2.2; this host has ::1 and .1 there.
set_up() {
	busybox_template bb
	make_outside6
}

tear_down() {
	end_outside
}

# web: a machine whose port 80 answers each connection of either family with the address that it came from.
web() {
	berth launch --network lan bb web
	answer web 80
}

# answer MACHINE PORT
answer() {
	nsenter --net="/proc/$(field "$1" init)/ns/net" python3 -c 'import socket, sys
s = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True, backlog=20)
while True:
    c, peer = s.accept()
    c.sendall(peer[0].removeprefix("::ffff:").encode() + b"\n")
    c.close()' "$2" &
	echo $! >>"$T/servers"
	retry 10 answers_there "$1" "$2"
}

readonly client='import socket, sys
try:
    c = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=int(sys.argv[3]))
    print(c.makefile().readline().strip())
except OSError:
    pass'

# ask ADDRESS PORT: the address that the machine saw, "" if nothing answers. ask_outside, ask_from MACHINE: from there.
ask() {
	python3 -c "$client" "$@" "$(patience 3)"
}

ask_outside() {
	outside python3 -c "$client" "$@" "$(patience 3)"
}

ask_from() {
	nsenter --net="/proc/$(field "$1" init)/ns/net" python3 -c "$client" "${@:2}" "$(patience 3)"
}

six() {
	field "$1" network.address6
}

case_from_everywhere() {
	local gateway=fd00:77:1:2::1
	web
	berth launch --network lan bb other
	berth forward add web tcp 8080:80
	same "from outside, with its address" 2001:db8:9::2 "$(ask_outside 2001:db8:9::1 8080)"
	same "the same by IPv4" 192.0.2.2 "$(ask_outside 192.0.2.1 8080)"
	same "the host's own address" 2001:db8:9::1 "$(ask 2001:db8:9::1 8080)"
	same "the bridge's address" "$gateway" "$(ask "$gateway" 8080)"
	# The kernel answers at once, and programs that know both addresses of localhost take the other one.
	has "refused" "$(python3 -c 'import socket
try:
    socket.create_connection(("::1", 8080), timeout=3)
except OSError as e:
    print(e)')"
	same "loopback of IPv4" 10.77.1.1 "$(ask 127.0.0.1 8080)"
	for filtered in 1 0; do
		echo "$filtered" | tee /proc/sys/net/bridge/bridge-nf-call-ip6tables >"$T/out" 2>&1 || true
		same "another machine, $filtered" "$gateway" "$(ask_from other 2001:db8:9::1 8080)"
		same "by the bridge's address, $filtered" "$gateway" "$(ask_from other "$gateway" 8080)"
	done
	# With br_netfilter, the bridge would have to send it back by the port that it came from.
	same "the machine to itself" "$gateway" "$(ask_from web 2001:db8:9::1 8080)"
	# Between machines the port is that of the machine alone, and what the host listens on is not touched.
	silent "no other port" ask_outside 2001:db8:9::1 80
	silent "no port of another machine" ask_from other "$(six web)" 8080
	same "the machine itself" "$(six other)" "$(ask_from other "$(six web)" 80)"
	berth forward remove web 8080
	silent removed ask_outside 2001:db8:9::1 8080
	end_servers
	gone web other
}

case_one_address() {
	web
	ip addr add 2001:db8:9::11/64 dev outer nodad
	berth forward add --listen 2001:db8:9:0::11 web tcp 8080:80
	same there 2001:db8:9::2 "$(ask_outside 2001:db8:9::11 8080)"
	silent "not elsewhere" ask_outside 2001:db8:9::1 8080
	silent "not by IPv4" ask_outside 192.0.2.1 8080
	berth forward add --listen fd00:77:1:2::1 web tcp 8080:80 --name own
	same "the bridge's address" fd00:77:1:2::1 "$(ask fd00:77:1:2::1 8080)"
	berth forward add --listen 0.0.0.0 web tcp 8080:80 --name four
	same "all of IPv4" 192.0.2.2 "$(ask_outside 192.0.2.1 8080)"
	silent "not by another IPv6 address" ask_outside 2001:db8:9::1 8080
	berth forward add --listen :: web tcp 8081:80 --name six
	same "all of IPv6" 2001:db8:9::2 "$(ask_outside 2001:db8:9::1 8081)"
	silent "not by IPv4" ask_outside 192.0.2.1 8081
	has 'forward: +tcp-8080, \[2001:db8:9:0::11\]:8080/tcp to 80' "$(berth info web)"
	fails 1 "has this forward already, 'tcp-8080'" berth forward add --listen 2001:db8:9::11 web tcp 8080:80
	fails 1 "forward .tcp-8080. of machine .web. has that port of the host" berth forward add --listen :: web tcp 8080:81 --name again
	fails 1 "this host has no address 2001:db8:77::1" berth forward add --listen 2001:db8:77::1 web tcp 8082:80
	fails 2 "listen '::1'; use an IPv4 address of this host, an IPv6 address other than ::1" \
		berth forward add --listen ::1 web tcp 8082:80
	fails 2 "listen 'fe80::1'; use an IPv4 address of this host, an IPv6 address other" berth forward add --listen fe80::1 web tcp 8082:80
	ip addr del 2001:db8:9::11/64 dev outer
	end_servers
	gone web
}

listening() {
	ss -ltnH "sport = :$1" | grep -q .
}

case_taken() {
	web
	berth launch --network plain bb plain
	python3 -c 'import socket,time
s = socket.socket(socket.AF_INET6); s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s.bind(("::", 8088)); s.listen(); time.sleep(100)' &
	retry 10 listening 8088
	fails 1 "port 8088/tcp of this host is used by 'python3' \(pid" berth forward add web tcp 8088:80
	fails 1 "port 8088/tcp of this host is used by 'python3' \(pid" berth forward add --listen 2001:db8:9::1 web tcp 8088:80
	berth forward add --listen 0.0.0.0 web tcp 8088:80
	# A network without IPv6 does not take a port of it.
	berth forward remove web 8088
	berth forward add plain tcp 8088:80
	fails 1 "forward 'own' listens on ::, and network 'plain' has no IPv6 by which it could lead to machine 'plain'" \
		berth forward add --listen :: --name own plain tcp 8090:80
	kill %%
	fails 1 "machine 'plain' runs and has that port" berth forward add web tcp 8088:80
	end_servers
	gone web plain
}

case_udp_and_ranges() {
	web
	nsenter --net="/proc/$(field web init)/ns/net" python3 -c 'import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 5353))
while True:
    data, peer = s.recvfrom(100)
    s.sendto(peer[0].encode() + b"\n", peer)' &
	echo $! >>"$T/servers"
	berth forward add web udp 5300:5353
	retry 10 answers_udp
	answer web 84
	berth forward add web tcp 9100-9110:80
	same "a range that is moved" 2001:db8:9::2 "$(ask_outside 2001:db8:9::1 9104)"
	berth forward add web tcp 84-90
	same "a range" 2001:db8:9::2 "$(ask_outside 2001:db8:9::1 84)"
	end_servers
	gone web
}

answers_udp() {
	[[ $(outside python3 -c 'import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(10)
s.sendto(b"hello", ("2001:db8:9::1", 5300))
print(s.recvfrom(100)[0].decode().strip())' 2>"$T/asked") == 2001:db8:9::2 ]]
}

# Comes and goes with the runs, follows the address, and is repaired.
case_life() {
	web
	berth forward add web tcp 8080:80
	nft flush ruleset
	silent flushed ask_outside 2001:db8:9::1 8080
	berth network up lan
	same "after network up" 2001:db8:9::2 "$(ask_outside 2001:db8:9::1 8080)"
	end_servers
	berth stop --force web
	silent "stopped" ask_outside 2001:db8:9::1 8080
	lacks "dnat ip6" "$(nft list ruleset && echo .)"
	berth set web network.address6=fd00:77:1:2::80
	berth start web
	answer web 80
	same "with another address" 2001:db8:9::2 "$(ask_outside 2001:db8:9::1 8080)"
	has 'dnat ip6 to \[fd00:77:1:2::80\]:80' "$(nft list ruleset)"
	kill -9 "$(field web keeper)"
	retry 20 state_is web failed
	end_servers
	berth delete --force web
	lacks "dnat ip6" "$(nft list ruleset && echo .)"
}

# active MACHINE: the forwards that are active, by name.
active() {
	berth forward list --json "$1" | jq -r '[.[] | select(.active) | .name] | join(" ")'
}

# A forward is active only while the machine has an address of that family; those that end are named, a line each.
case_subnet6_comes_and_goes() {
	berth launch --network plain bb late
	answer late 80
	berth forward add late tcp 8080:80
	berth network set plain subnet6=fd00:77:2::/64
	# The machine that runs has its address at once.
	silent "a forward by IPv6 alone" berth forward add --listen :: --name six late tcp 8081:80
	silent "a forward by both" berth forward add late tcp 8082:80
	same "before a restart" "six tcp-8080 tcp-8082" "$(active late | tr ' ' '\n' | sort | xargs)"
	end_servers
	berth restart late
	answer late 80
	same "with an address" "six tcp-8080 tcp-8082" "$(active late | tr ' ' '\n' | sort | xargs)"
	same "by it" 2001:db8:9::2 "$(ask_outside 2001:db8:9::1 8081)"
	local i
	for i in 1 2 3 4 5 6; do
		berth forward add --listen :: --name "six-$i" late tcp "909$i:80"
	done
	berth network unset plain subnet6 2>"$T/note"
	same "lines" 7 "$(grep -c "^berth: forward 'six.*' listens on ::, and network 'plain' has no IPv6 .*; it is left out$" "$T/note")"
	lacks "tcp-80" "$(cat "$T/note")"
	same "without IPv6" "tcp-8080 tcp-8082" "$(active late)"
	silent "not told again" berth network set plain nat6=no
	berth restart late 2>"$T/note"
	same "lines of a start" 7 "$(grep -c "^berth: forward 'six.*' listens on ::, and network .*; it is left out$" "$T/note")"
	# The same prefix again: the machine still has its address, if it was not started in between.
	berth network set plain subnet6=fd00:77:2::/64
	end_servers
	berth restart late
	answer late 80
	berth network set plain subnet6=none
	lacks six "$(active late)"
	berth network set plain subnet6=fd00:77:2::/64
	same "there again" 2001:db8:9::2 "$(ask_outside 2001:db8:9::1 8081)"
	same "all" 9 "$(active late | wc -w)"
	berth network set plain subnet6=none nat6=yes
	end_servers
	gone late
}

run_cases "$@"
