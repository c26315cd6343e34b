#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# capture: packets of machines as pcap files, which tcpdump reads, over reboots, full pipes and ends of all kinds.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/outside.sh
. "$top/tests/outside.sh"

set_up() {
	busybox_template bb
	berth network create lan --subnet 10.77.1.0/24
	make_outside
}

tear_down() {
	end_outside
}

# read_back FILE [EXPRESSION]: the packets, a line each.
read_back() {
	tcpdump -nn -e -r "$1" "${@:2}" 2>"$T/tcpdump"
}

# begin WORD...: a capture into $T/pcap in the background, which has begun. $capture is its process.
begin() {
	rm -f "$T/pcap"
	# A command in the background of a script ignores SIGINT.
	env --default-signal=INT berth capture "$@" >"$T/pcap" 2>"$T/said" &
	capture=$!
	# Its header is in the file once it captures.
	retry 20 test -s "$T/pcap"
}

# finish [SIGNAL]: ends it, which succeeds.
finish() {
	kill -"${1:-INT}" "$capture"
	wait "$capture"
}

ping_from() {
	berth exec "$1" -- ping -c "${3:-1}" -W 5 "$2" >/dev/null
}

gateway() {
	field "$1" network.gateway
}

# What a machine sends and receives is in the file, whichever signal ends it, and how many they were is told.
case_whole() {
	local address signal
	berth launch --wait bb web
	address=$(field web network.address)
	for signal in INT TERM HUP; do
		begin web
		ping_from web "$(gateway web)" 2
		finish "$signal"
		same "requests, $signal" 2 "$(read_back "$T/pcap" "icmp[0]==8 and src host $address" | wc -l)"
		same "answers, $signal" 2 "$(read_back "$T/pcap" "icmp[0]==0 and dst host $address" | wc -l)"
		has "^berth: $(read_back "$T/pcap" | wc -l) packets captured$" "$(cat "$T/said")"
	done
	outside ping -c 1 -W 5 "$address" >/dev/null || true
	begin web --filter "host 192.0.2.2"
	outside ip route add "$(field web network.gateway)" via 192.0.2.1
	outside ip route replace "$address" via 192.0.2.1
	outside ping -c 1 -W 5 "$address" >/dev/null
	finish
	has "192.0.2.2 > $address: ICMP echo request" "$(read_back "$T/pcap")"
	gone web
}

# timeout(1) sends its signal to the process and to its group, and a user presses CTRL-C twice.
case_two_signals() {
	local out
	berth launch --wait bb web
	for out in file pipe; do
		if [[ $out == file ]]; then
			begin web --filter icmp
		else
			mkfifo "$T/two"
			rm "$T/pcap"
			cat "$T/two" >"$T/pcap" &
			env --default-signal=INT berth capture web --filter icmp >"$T/two" 2>"$T/said" &
			capture=$!
			retry 20 test -s "$T/pcap"
		fi
		ping_from web "$(gateway web)"
		kill -INT "$capture"
		kill -TERM "$capture" 2>/dev/null || true
		wait "$capture"
		has "^berth: 2 packets captured$" "$(cat "$T/said")"
		[[ $out == file ]] || wait
		same "requests in a $out" 1 "$(read_back "$T/pcap" "icmp[0]==8" | wc -l)"
	done
	gone web
}

# Each option; another packet does not count.
case_options() {
	local began
	berth launch --wait bb web
	# The end comes by itself.
	berth exec --detach web -- ping -i 0.2 "$(gateway web)"
	timeout 300 berth capture web --count 3 --filter icmp --output "$T/three.pcap" 2>"$T/said"
	same "packets of --count" 3 "$(read_back "$T/three.pcap" | wc -l)"
	same "only those of the filter" 3 "$(read_back "$T/three.pcap" icmp | wc -l)"
	same "mode of the file" 600 "$(stat -c %a "$T/three.pcap")"
	has "^berth: 3 packets captured$" "$(cat "$T/said")"
	fails 1 "three.pcap' exists already; --force" berth capture web --count 1 --output "$T/three.pcap"
	timeout 300 berth capture web --count 1 --output "$T/three.pcap" --force 2>"$T/said"
	same "replaced" 1 "$(read_back "$T/three.pcap" | wc -l)"
	timeout 300 berth capture web --count 1 --filter icmp --snaplen 40 >"$T/pcap" 2>"$T/said"
	has "snapshot length 40" "$(tcpdump -r "$T/pcap" 2>&1 >/dev/null)"
	has "length 98: .*\[\|icmp\]" "$(read_back "$T/pcap")"
	timeout 300 berth capture web --duration 1s >"$T/pcap" 2>"$T/said"
	has "packets? captured$" "$(cat "$T/said")"
	has "ICMP echo" "$(read_back "$T/pcap")"
	# A packet that does not match is none: the time ends it.
	timeout 300 berth capture web --duration 1s --filter "port 9" >"$T/pcap" 2>"$T/said"
	has "^berth: 0 packets captured$" "$(cat "$T/said")"
	silent "a file without packets" read_back "$T/pcap"
	gone web
}

# One sentence each, and no file.
case_refused() {
	berth launch --wait bb web
	berth create bb off
	fails 1 "machine 'off' is not running.*berth start off" berth capture off --output "$T/no.pcap"
	fails 1 "no machine 'other'|there is no" berth capture other --output "$T/no.pcap"
	fails 1 "runs without a nic 'eth7'.*berth nic list web" berth capture web eth7 --output "$T/no.pcap"
	fails 2 "filter cannot be 'port http port'.*syntax error.*pcap-filter" berth capture web --filter "port http port" --output "$T/no.pcap"
	fails 2 "count" berth capture web --count 0 --output "$T/no.pcap"
	fails 2 "snaplen" berth capture web --snaplen 300000 --output "$T/no.pcap"
	fails 2 "duration" berth capture web --duration soon --output "$T/no.pcap"
	fails 1 "No such file" berth capture web --output "$T/none/no.pcap"
	not test -e "$T/no.pcap"
	script -qec "berth capture web" "$T/typed" >/dev/null </dev/null || true
	has "standard output is a terminal, which cannot show packets; name a file, or pass it on by a pipe" "$(cat "$T/typed")"
	BERTH_LIBEXEC=$T/none fails 1 "built without libpcap" berth capture web --output "$T/no.pcap"
	gone web off
}

# The port of a reboot is another one: the capture goes on there, in the same file.
case_reboot() {
	local before
	berth launch --wait bb web
	begin web --filter icmp
	ping_from web "$(gateway web)"
	before=$(field web init)
	berth exec web -- reboot || true
	retry 30 booted_again web "$before"
	retry 20 grep -q "has another port; the capture goes on there" "$T/said"
	ping_from web "$(gateway web)"
	finish
	same "requests of both" 2 "$(read_back "$T/pcap" "icmp[0]==8" | wc -l)"
	has "^berth: 4 packets captured$" "$(cat "$T/said")"
	# So does that of a restart.
	begin web --filter icmp
	berth restart --wait web
	retry 20 grep -q "the capture goes on there" "$T/said"
	ping_from web "$(gateway web)"
	finish
	same "request after a restart" 1 "$(read_back "$T/pcap" "icmp[0]==8" | wc -l)"
	gone web
}

# A machine that ends, and one whose nic is taken away, end the capture with a whole file.
case_machine_ends() {
	berth launch --wait bb web
	berth nic add web eth1 --network lan
	begin web eth1 --filter icmp
	ping_from web 10.77.1.1
	berth nic remove web eth1
	wait "$capture"
	same "requests on eth1" 1 "$(read_back "$T/pcap" "icmp[0]==8 and dst host 10.77.1.1" | wc -l)"
	has "2 packets captured; the machine has this nic no more$" "$(cat "$T/said")"
	begin web
	berth stop --force web
	wait "$capture"
	has "captured; the machine has ended$" "$(cat "$T/said")"
	berth start --wait web
	begin web
	berth delete --force web
	wait "$capture"
	has "captured; the machine has ended$" "$(cat "$T/said")"
	read_back "$T/pcap" >/dev/null
}

# A reader that has enough ends it, also when no packet comes; one that reads nothing cannot hold it for ever.
case_pipes() {
	berth launch --wait bb web
	berth exec --detach web -- ping -i 0.2 "$(gateway web)"
	timeout 300 berth capture web 2>"$T/said" | head -c 100 >"$T/pcap"
	has "nobody reads them any more$" "$(cat "$T/said")"
	timeout 300 berth capture web --filter "port 9" 2>"$T/said" | head -c 24 >"$T/pcap"
	has "^berth: 0 packets captured; nobody reads" "$(cat "$T/said")"
	# tcpdump reads as it comes.
	timeout 300 bash -c 'berth capture web 2>"$T/said" | tcpdump -nn -l -c 2 -r - icmp >"$T/live" 2>"$T/tcpdump"'
	same "read as it came" 2 "$(wc -l <"$T/live")"
	berth exec --detach web -- ping -s 1400 -A "$(gateway web)"
	mkfifo "$T/fifo"
	bash -c 'sleep 1000' <"$T/fifo" &
	local reader=$! status=0
	env --default-signal=INT berth capture web --output "$T/fifo" 2>"$T/said" &
	capture=$!
	retry 30 blocked_in_write
	kill -INT "$capture"
	wait "$capture" || status=$?
	same "the end with a reader that takes nothing" 1 "$status"
	has "its reader takes nothing" "$(cat "$T/said")"
	kill "$reader"
	wait "$reader" || true
	gone web
}

blocked_in_write() {
	grep -q pipe_w "/proc/$(pgrep -P "$capture" -x berth-capture)/wchan"
}

# Packets that the program could not take in time are told.
case_drops() {
	local program
	berth launch --wait bb web
	begin web --filter "udp port 9"
	program=$(pgrep -P "$capture" -x berth-capture)
	kill -STOP "$program"
	# More than the kernel keeps for it.
	nsenter --net="/proc/$(field web init)/ns/net" python3 -IS -c '
import socket, sys
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(40000):
    link.sendto(bytes(1400), (sys.argv[1], 9))' "$(gateway web)"
	kill -CONT "$program"
	finish
	has "^berth: [0-9]+ packets captured, and [1-9][0-9]* dropped, since they were not written in time$" "$(cat "$T/said")"
	gone web
}

# A disk that is full is told, and what came before is in the file, up to the last whole packet.
case_full() {
	local code=0
	berth launch --wait bb web
	mkdir "$T/small"
	mount -t tmpfs -o size=64k none "$T/small"
	berth exec --detach web -- ping -s 1400 -A "$(gateway web)"
	fails 1 "small/web.pcap': No space left on device; the capture has ended, with [1-9][0-9]* whole packets written" \
		timeout 300 berth capture web --output "$T/small/web.pcap"
	[[ $(read_back "$T/small/web.pcap" | wc -l) -gt 5 ]]
	lacks truncated "$(cat "$T/tcpdump")"
	rm "$T/small/web.pcap"
	timeout 300 berth capture web >"$T/small/web.pcap" 2>"$T/said" || code=$?
	same "of standard output" 1 "$code"
	has "^berth: write to the output: No space left on device; the capture has ended, with [0-9]* whole packets? written$" "$(cat "$T/said")"
	read_back "$T/small/web.pcap" >/dev/null
	lacks truncated "$(cat "$T/tcpdump")"
	umount "$T/small"
	gone web
}

# Nobody is left whose berth was killed, and the file is whole.
case_killed() {
	berth launch --wait bb web
	begin web
	ping_from web "$(gateway web)"
	local program
	program=$(pgrep -P "$capture" -x berth-capture)
	# It has no rights left.
	same "its user" 65534 "$(awk '/^Uid:/ { print $2 }' "/proc/$program/status")"
	same "its capabilities" 0000000000000000 "$(awk '/^CapPrm:/ { print $2 }' "/proc/$program/status")"
	kill -KILL "$capture"
	wait "$capture" || true
	retry 20 not test -e "/proc/$program/fd"
	same "requests" 1 "$(read_back "$T/pcap" "icmp[0]==8" | wc -l)"
	gone web
}

# tagged MACHINE: the machine sends an ARP request with the VLAN tag 7, for 10.99.0.2.
tagged() {
	nsenter --net="/proc/$(field "$1" init)/ns/net" python3 -IS -c '
import socket
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("eth0", 0))
own = link.getsockname()[4]
arp = bytes.fromhex("0001080006040001") + own + bytes([10, 99, 0, 1]) + bytes(6) + bytes([10, 99, 0, 2])
link.send(b"\xff" * 6 + own + bytes.fromhex("810000070806") + arp)'
}

# A tag that the kernel has taken out of the frame is in the file, and in filters.
case_vlan() {
	berth launch --wait bb web
	begin web --filter "vlan 7 and arp"
	tagged web
	finish
	has "vlan 7.*who-has 10.99.0.2" "$(read_back "$T/pcap")"
	gone web
}

# What the guard of a port drops is seen: the machine has sent it.
case_dropped_is_seen() {
	berth launch --wait bb web
	begin web --filter "src host 203.0.113.9"
	berth exec web -- ip addr add 203.0.113.9/32 dev eth0
	berth exec web -- ping -c 1 -W 1 -I 203.0.113.9 "$(gateway web)" >/dev/null || true
	finish
	has "who-has $(gateway web) tell 203.0.113.9" "$(read_back "$T/pcap")"
	gone web
}

# Without the time that a timer of the bridge has left.
port_of() {
	ip -d -o link | grep ' bp' | sed 's/_timer *[0-9.]*//g'
}

# A look changes nothing of the link.
case_changes_nothing() {
	berth launch --wait bb web
	port_of >"$T/before.link"
	nft list ruleset >"$T/before.nft"
	begin web
	port_of | diff "$T/before.link" -
	finish
	nft list ruleset | diff "$T/before.nft" -
	gone web
}

run_cases "$@"
