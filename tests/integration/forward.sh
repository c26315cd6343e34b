#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Ports of the host that lead to machines: reached from another host, from this host and from machines.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/outside.sh
. "$top/tests/outside.sh"

# A host outside, in a network namespace of its own, as 192.0.2.2; this host is 192.0.2.1.
set_up() {
	busybox_template bb
	make_outside
}

tear_down() {
	end_outside
}

# serve MACHINE PORT: answers each connection with its name, and notes who came.
serve() {
	berth exec --detach "$1" -- nc -ll -p "$2" -e sh -c 'echo "$NCAT_REMOTE_ADDR" >>/came; hostname'
	retry 10 berth exec "$1" -- sh -c "netstat -ltn | grep -q ':$2 '"
}

# ask ADDRESS PORT: what answers there, "" if nothing does.
ask() {
	timeout "$(patience 5)" bash -c "exec 3<>/dev/tcp/$1/$2 && cat <&3" 2>"$T/asked" || true
}

asked_outside() {
	outside timeout "$(patience 5)" bash -c "exec 3<>/dev/tcp/$1/$2 && cat <&3" 2>"$T/asked" || true
}

web() {
	berth launch bb web
	serve web 80
}

listening() {
	ss -ltnH "sport = :$1" | grep -q .
}

case_from_everywhere() {
	web
	berth launch bb other
	berth forward add web tcp 8080:80
	same outside web "$(asked_outside 192.0.2.1 8080)"
	same "the host's own address" web "$(ask 192.0.2.1 8080)"
	same loopback web "$(ask 127.0.0.1 8080)"
	same "loopback of the bridge" 1 "$(cat /proc/sys/net/ipv4/conf/berth*/route_localnet)"
	# A module that shows bridged packets to the firewall, or not.
	for filtered in 1 0; do
		echo "$filtered" | tee /proc/sys/net/bridge/bridge-nf-call-iptables >"$T/out" 2>&1 || true
		same "another machine, $filtered" web "$(berth exec other -- nc 192.0.2.1 8080 </dev/null)"
	done
	same "another machine" web "$(berth exec other -- nc 192.0.2.1 8080 </dev/null)"
	same "by the bridge's address" web "$(berth exec other -- nc "$(field other network.gateway)" 8080 </dev/null)"
	same list "web tcp-8080 tcp * 8080 80 nat yes" "$(berth forward list | tail -n 1 | xargs -n 1 | paste -sd ' ')"
	same json '[{"name":"tcp-8080","protocol":"tcp","listen":"","port":"8080","target":"80","mode":"nat","header":false,"on_demand":false,"active":true,"failure":null,"machine":"web"}]' \
		"$(berth forward list --json | jq -c 'map(.listen //= "")')"
	same info tcp-8080 "$(berth info --json web | jq -r '.forwards[0].name')"
	has 'forward: +tcp-8080, 8080/tcp to 80' "$(berth info web)"
	# Another port of this host is its own.
	silent "another port" ask 192.0.2.1 8081
	berth forward remove web 8080
	silent removed asked_outside 192.0.2.1 8080
	same "none is listed" "[]" "$(berth forward list --json)"
	gone web other
}

# The machine sees who asks.
case_source_address() {
	berth launch bb web
	berth exec --detach web -- sh -c 'sleep 60 | nc -l -p 81 >/dev/null'
	retry 10 berth exec web -- sh -c "netstat -ltn | grep -q ':81 '"
	berth forward add web tcp 8081:81
	nsenter --net="/proc/$(cat "$T/outside")/ns/net" timeout 60 bash -c 'exec 3<>/dev/tcp/192.0.2.1/8081; sleep 60' &
	retry 10 berth exec web -- sh -c "netstat -tn | grep -q ':81 .*:192.0.2.2:.*ESTABLISHED'"
	kill %%
	wait
	gone web
}

# A forward is a setting: it comes and goes with the runs, and is gone with the machine.
case_life() {
	web
	silent "a note of a machine that runs" berth forward add web tcp 8080:80
	berth stop --force web
	berth forward add web tcp 8081 2>"$T/err"
	same note "berth: the forward is there while machine 'web' runs; one with --on-demand starts it for whoever connects" "$(cat "$T/err")"
	berth forward add web udp 8081 2>"$T/err"
	same "note of udp" "berth: the forward is there while machine 'web' runs" "$(cat "$T/err")"
	silent "a note of one on demand" berth forward add --on-demand web tcp 8082
	berth forward remove web tcp-8081
	berth forward remove web udp-8081
	berth forward remove web tcp-8082
	silent stopped asked_outside 192.0.2.1 8080
	silent "rules of a stopped machine" tables
	same "not active" false "$(berth forward list --json | jq '.[0].active')"
	berth start web
	serve web 80
	same started web "$(asked_outside 192.0.2.1 8080)"
	berth restart web
	serve web 80
	same restarted web "$(asked_outside 192.0.2.1 8080)"
	kill -9 "$(field web keeper)"
	retry 20 state_is web failed
	berth list >"$T/out"
	berth start web
	serve web 80
	same "after a kill" web "$(ask 127.0.0.1 8080)"
	berth delete --force web
	silent "rules of a deleted machine" tables
	same "loopback of the bridge" 0 "$(cat /proc/sys/net/ipv4/conf/berth*/route_localnet)"
}

# tables: lists the tables of forwards.
tables() {
	local table
	for table in $(nft list tables inet | sed -n 's/^table inet //p'); do
		nft list table inet "$table" | grep -q 'dnat ip to' && echo "$table"
	done
	return 0
}

# A reboot inside the machine, an "nft flush ruleset" of a firewall and a bridge that is removed lose no port.
case_repair() {
	local before
	web
	berth forward add web tcp 8080:80
	nft flush ruleset
	silent flushed asked_outside 192.0.2.1 8080
	berth network up default
	same "after network up" web "$(asked_outside 192.0.2.1 8080)"
	same "loopback" web "$(ask 127.0.0.1 8080)"
	before=$(field web init)
	berth exec web -- reboot || true
	retry 20 booted_again web "$before"
	serve web 80
	same "after a reboot" web "$(asked_outside 192.0.2.1 8080)"
	gone web
}

case_udp_and_ranges() {
	berth launch bb web
	nsenter --net="/proc/$(field web init)/ns/net" python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 5353))
while True:
    data, peer = s.recvfrom(100)
    s.sendto(peer[0].encode() + b"\n", peer)' &
	berth forward add web udp 5300:5353 --name dns
	retry 10 answers_udp
	kill %%
	wait
	berth forward add web tcp 9000-9010
	serve web 9003
	same "a range" web "$(asked_outside 192.0.2.1 9003)"
	berth forward add web tcp 9100-9110:80
	serve web 84
	same "a range that is moved" web "$(asked_outside 192.0.2.1 9104)"
	same names "dns tcp-9000-9010 tcp-9100-9110" "$(berth forward list --json web | jq -r '.[].name' | paste -sd ' ')"
	berth forward remove web dns
	berth forward remove web tcp-9000-9010
	same "that which is left" web "$(asked_outside 192.0.2.1 9104)"
	gone web
}

answers_udp() {
	[[ $(outside timeout 10 bash -c 'exec 3<>/dev/udp/192.0.2.1/5300; echo hello >&3; head -n 1 <&3') == 192.0.2.2 ]]
}

case_one_address() {
	web
	berth forward add --listen 192.0.2.1 web tcp 8080:80
	same there web "$(asked_outside 192.0.2.1 8080)"
	silent "not on loopback" ask 127.0.0.1 8080
	fails 1 "this host has no address 198.51.100.1" berth forward add --listen 198.51.100.1 web tcp 8081:80
	gone web
}

# A machine with a forward cannot reach what listens on the host's loopback addresses alone.
case_loopback_stays_the_hosts() {
	web
	berth forward add web tcp 8080:80
	python3 -c 'import socket,time
s = socket.socket(); s.bind(("127.0.0.1", 7777)); s.listen()
while True:
    c, _ = s.accept(); c.send(b"secret\n"); c.close()' &
	retry 10 listening 7777
	same "by the host" secret "$(ask 127.0.0.1 7777)"
	berth exec web -- ip route add 127.0.0.1 via "$(field web network.gateway)" table 5 2>"$T/out" || true
	berth exec web -- sh -c "ip link set lo down; ip addr flush dev lo; ip route add 127.0.0.0/8 via $(field web network.gateway)" 2>"$T/out" || true
	silent "by the machine" berth exec web -- sh -c "timeout 3 nc 127.0.0.1 7777 2>/dev/null || true" 2>"$T/out"
	nft list ruleset >"$T/rules"
	grep -q "127.0.0.0" "$T/rules"
	kill %%
	wait
	gone web
}

case_taken() {
	berth launch bb one
	berth launch bb two
	berth forward add one tcp 8080:80
	fails 1 "machine 'one' runs and has that port" berth forward add two tcp 8080:80
	fails 1 "machine 'one' runs and has that port" berth forward add two tcp 8000-8100
	berth forward add two udp 8080:80
	fails 1 "forward 'tcp-8080' of machine 'one' has that port of the host; choose another port, or remove it: berth forward remove one tcp-8080" \
		berth forward add --name again one tcp 8080:81
	fails 1 "forward 'tcp-8080' of machine 'one' has that port" berth forward add --proxy one tcp 8080:80
	fails 1 "machine 'one' has this forward already, 'tcp-8080'; 'berth forward list one' shows all" \
		berth forward add one tcp 8080:80
	same "forwards of one" 1 "$(berth forward list --json one | jq length)"
	fails 1 "machine 'one' has no forward 'none'" berth forward remove one none
	python3 -c 'import socket,time
s = socket.socket(); s.bind(("0.0.0.0", 8088)); s.listen(); time.sleep(100)' &
	retry 10 listening 8088
	fails 1 "port 8088/tcp of this host is used by 'python3' \(pid" berth forward add one tcp 8088:80
	kill %%
	wait
	# A machine whose port is taken starts without it, and tells why.
	berth stop --force one
	berth forward add two tcp 8080:80
	has "forward 'tcp-8080': machine 'two' runs and has that port of the host; it is left out" "$(berth start one 2>&1)"
	same "not active" false "$(berth forward list --json one | jq '.[0].active')"
	has "^forward: +tcp-8080, 8080/tcp to 80, not active$" "$(berth info one)"
	has "^forward: +tcp-8080, 8080/tcp to 80$" "$(berth info two)"
	# A copy has no port of its source's.
	has "forward 'tcp-8080' stays with 'two'" "$(berth clone two three 2>&1)"
	same "forwards of a copy" "[]" "$(berth forward list --json three)"
	gone one two three
}

# A file describes it, and a stream from elsewhere opens no port of this host.
case_described() {
	berth create bb web
	printf '[machine web]\ntemplate = bb\nstate = running\n[forward http]\nport = 8080\ntarget = 80\n' >"$T/described"
	has "forward.http \(port = 8080, target = 80\)" "$(berth apply "$T/described")"
	serve web 80
	same applied web "$(asked_outside 192.0.2.1 8080)"
	has "nothing to do" "$(berth apply "$T/described" 2>&1)"
	sed -i 's/8080/8081/' "$T/described"
	berth apply "$T/described"
	same changed web "$(asked_outside 192.0.2.1 8081)"
	silent "the old one" asked_outside 192.0.2.1 8080
	berth export --force web "$T/stream"
	has "forward http" "$(berth import "$T/stream" copy 2>&1)"
	same "forwards of a stranger" "[]" "$(berth forward list --json copy)"
	gone web copy
}

case_refused() {
	berth create bb named
	berth forward add --name web named tcp 8100:80
	fails 1 "^berth: there is a forward 'web' already; choose another name, or remove that one first$" \
		berth forward add --name web named tcp 8101:80
	berth delete named
	berth create bb m
	fails 2 "protocol" berth forward add m sctp 80
	fails 2 "port '0'; use a number from 1 to 65535" berth forward add m tcp 0
	fails 2 "a forward is of PORT or PORT:TARGET, not of ':80'" berth forward add m tcp :80
	fails 2 "port '90-80'" berth forward add m tcp 90-80
	fails 2 "target '70000'" berth forward add m tcp 80:70000
	fails 2 "target '80-90'" berth forward add m tcp 80:80-90
	fails 2 "more than 100 ports" berth forward add m tcp 8000-8200:9000
	fails 2 "a number with which the range ends at 65535" berth forward add m tcp 8000-8010:65530
	fails 2 "listen 'here'" berth forward add --listen here m tcp 80
	fails 2 "name" berth forward add --name 'a b' m tcp 80
	fails 1 "no machine" berth forward add none tcp 80
	fails 1 "no machine" berth forward list none
	berth set m network=
	fails 1 "machine 'm' has no network that a port could lead to" berth forward add m tcp 80
	same "no forward" "[]" "$(berth forward list --json)"
	berth delete m
}

run_cases "$@"
