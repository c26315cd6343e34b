#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Many machines on one network: names and addresses of all in both families, what a start costs there beside one among few,
# many interfaces that come and go, and a bridge that is full. MANY machines, NICS interfaces: tests/run nightly many has
# 500 and 1000.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

readonly many=${MANY:-14} nics=${NICS:-28} few=10

set_up() {
	busybox_template bb
	berth network create lab --subnet 10.77.0.0/16 subnet6=fd77:1:2:3::/64 domain=lab.example
	berth network create side --subnet 10.78.0.0/16 subnet6=auto
	berth create --network lab bb m1
	berth create --network lab bb traced
	# Its first start writes its identity.
	berth start --wait traced
	berth stop --force traced
}

# machines COUNT: m1 to mCOUNT run.
machines() {
	local i
	for ((i = 2; i <= $1; i++)); do
		[[ -e $BERTH_ROOT/lib/machines/m$i ]] || berth clone m1 "m$i"
	done
	seq -f 'm%.0f' "$1" | xargs -n 50 berth start
	retry 60 booted_all "$1"
}

booted_all() {
	[[ $(berth list --json | jq '[.[] | select(.booted)] | length') -ge $1 ]]
}

# life FILE: what a start and a stop of one more machine ask of the kernel: "WAITS MESSAGES BYTES CALLS".
life() {
	local tracer
	retry 20 no_copying_is_left
	strace -f -yy -qq -e trace='!clock_nanosleep' -o "$T/trace" berth start traced </dev/null &
	tracer=$!
	retry 60 state_is traced running
	berth stop traced
	wait "$tracer"
	{
		grep -cE '(fsync|fdatasync|syncfs)\([0-9]' "$T/trace" || true
		grep -E 'send(to|msg|mmsg)\([0-9]+<NETLINK' "$T/trace" | grep -o 'nlmsg_type=' | wc -l
		grep -E 'recv(from|msg|mmsg)\([0-9]+<NETLINK|<\.\.\. recv' "$T/trace" | sed -n 's/.* = \([0-9]*\)$/\1/p' |
			awk '{ sum += $1 } END { print sum + 0 }'
		grep -cvE 'resumed>|\+\+\+|---' "$T/trace"
	} | xargs >"$1"
}

# A start among all costs what one among ten does.
case_cost_of_a_start() {
	local waits messages bytes calls now
	machines "$few"
	life "$T/few"
	machines "$many"
	life "$T/many"
	read -r waits messages bytes calls <"$T/few"
	read -r -a now <"$T/many"
	echo "# among $few: $waits waits for the disk, $messages netlink messages, $bytes bytes of answers, $calls calls"
	echo "# among $many: ${now[0]}, ${now[1]}, ${now[2]}, ${now[3]}"
	((messages > 10 && bytes > 100 && calls > 300)) || fault "nothing was counted"
	same "waits for the disk" "$waits" "${now[0]}"
	same "netlink messages" "$messages" "${now[1]}"
	((now[2] <= bytes + bytes / 10)) || fault "bytes of netlink answers: ${now[2]} among $many, $bytes among $few"
	((now[3] <= calls + calls / 10)) || fault "calls: ${now[3]} among $many, $calls among $few"
}

# leased: "NAME ADDRESS ADDRESS6" of each of the machines, as berth lists it.
leased() {
	berth list --json | jq -r '.[] | select(.name | test("^m[0-9]+$")) | "\(.name) \(.addresses | join(" "))"' | sort
}

# Each has an address of its own in each family, which its name leads to, and which leads to its name.
case_names_and_addresses() {
	machines "$many"
	leased >"$T/leased"
	same machines "$many" "$(wc -l <"$T/leased")"
	same "IPv4 addresses" "$many" "$(awk '{ print $2 }' "$T/leased" | grep -c '^10\.77\.')"
	same "IPv6 addresses" "$many" "$(awk '{ print $3 }' "$T/leased" | grep -c '^fd77:1:2:3::')"
	same "different ones" $((many * 2)) "$(awk '{ print $2; print $3 }' "$T/leased" | sort -u | wc -l)"
	berth push "$T/leased" m1:/leased
	# shellcheck disable=SC2016 # for the shell in the machine
	berth exec m1 -- sh -c 'while read -r name four six; do
		echo "$name" $(busybox nslookup "$name.lab.example" 10.77.0.1 | sed -n "/^Name/,\$s/^Address[^:]*: *//p" | sort)
		busybox nslookup "$four" 10.77.0.1 | sed -n "s/.*name = /$four /p"
		busybox nslookup "$six" 10.77.0.1 | sed -n "s/.*name = /$six /p"
	done </leased' >"$T/found"
	awk '{ print $1, $2, $3; print $2, $1 ".lab.example"; print $3, $1 ".lab.example" }' "$T/leased" | sort >"$T/wanted"
	sort "$T/found" | diff "$T/wanted" - >"$T/wrong" || fault "names or addresses: $(head -n 20 "$T/wrong")"
	# Some of them: the kernel's table of neighbours, as 60-berth.conf makes it larger, may not have room for all.
	# shellcheck disable=SC2016
	awk -v each=$((many / 10)) 'NR % each == 0 { print $2; print $3 }' "$T/leased" | berth exec m1 -- sh -c '
		while read -r address; do
			ping -q -c 1 -W 20 "$address" >/dev/null || echo "$address does not answer"
		done' >"$T/silent"
	empty "machines that do not answer" "$T/silent"
}

ports() {
	ip -o link | grep -c ' bp[0-9a-f]' || true
}

# traces: what networks and machines have on the host.
traces() {
	ip -o link | sed 's/^[0-9]*: //; s/@.*//' | sort
	nft list ruleset | grep -vE 'counter packets' | sort
	find "$BERTH_ROOT/run" "$BERTH_ROOT/lib/networks" -not -name '*.pid' -not -path '*/locks/*' | sort
}

# each VERB: does it with an interface of each machine, four at once.
each() {
	seq -f 'm%.0f' "$many" | xargs -P 4 -I '{}' berth nic "$@"
}

# All come and go in rounds; the second network is as if none had been there.
case_interfaces_that_come_and_go() {
	local done_so_far=0 before
	machines "$many"
	before=$(ports)
	traces >"$T/before.nics"
	while ((done_so_far < nics)); do
		each add --network side '{}' eth1
		same "ports with theirs" $((before + many)) "$(ports)"
		same "leases there" "$many" "$(find "$BERTH_ROOT/lib/networks/side/names" -type f | wc -l)"
		has "10.78." "$(berth exec "m$many" -- ip -o -4 addr show dev eth1)"
		each remove '{}' eth1
		same "ports without them" "$before" "$(ports)"
		silent "leases there" find "$BERTH_ROOT/lib/networks/side/names" -type f
		((done_so_far += many)) || true
	done
	echo "# $done_so_far interfaces came and went"
	berth network down side
	traces >"$T/after.nics"
	grep -vE "networks/side" "$T/after.nics" | diff <(grep -vE "networks/side" "$T/before.nics") - || fault "something is left"
}

has_namespace() {
	[[ $(readlink "/proc/$1/ns/net") != "$(readlink /proc/self/ns/net)" ]]
}

no_links_are_left() {
	! ip -o link | grep -q ' full'
}

# The kernel has 1023 ports for a bridge. What comes then is told by name, and leaves nothing.
case_bridge_that_is_full() {
	local bridge i free=1022 others
	berth network create full --subnet 10.79.0.0/20
	berth create --network full bb inside
	berth create --network full bb outside
	berth start --wait inside outside
	berth stop --force outside
	bridge=$(berth network get full bridge)
	# The other ends are in a namespace, whose end takes all of them at once.
	unshare --net sleep 1000 &
	others=$!
	retry 20 has_namespace "$others"
	for ((i = 0; i < free; i++)); do
		echo "link add full$i type veth peer name other$i netns $others"
		echo "link set full$i master $bridge"
	done | ip -batch -
	traces >"$T/before.full"
	fails 1 "network 'full': its bridge has no port left for 'outside' \(1023 is the kernel's limit\); use another network" berth start outside
	state_is outside failed
	traces | diff "$T/before.full" - || fault "something is left of the start"
	berth create --network lab bb third
	berth start --wait third
	fails 1 "no port left for 'third'" berth nic add --network full third eth1
	same "its interfaces" eth0 "$(berth nic list --json third | jq -r '.[].name')"
	ip link del full0
	berth start --wait outside
	berth delete --force outside third inside
	kill "$others"
	retry 60 no_links_are_left
	berth network delete full
}

run_cases "$@"
