#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Machines that are sent to another host, by a real sshd: another installation of berth, with its own root, is there.
needs_debian="bookworm"
needs_packages="openssh-server"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/other_host.sh
. "$top/tests/other_host.sh"

fast=${STORAGE_DRIVER:-btrfs}
tree=$top/tests/integration/stream_tree.py

# send [OPTION...] MACHINE TARGET: with the keys and the port of this test.
send() {
	timeout 600 "$T/ssh/send" "$@"
}

set_up() {
	berth pool create "p-$fast" --driver "$fast"
	berth pool create p-dir --driver dir
	there pool create default --driver dir
	there pool create fast --driver "$fast"
	busybox_template bb p-dir
	there template import "$T/bb.tar" bb
	start_server
	berth create --pool p-dir --set network= --set description="the first" bb full
	"$tree" make "$(root_of full)"
	listed "$(root_of full)" >"$T/full"
}

tear_down() {
	stop_server
}

# root_of MACHINE, root_there MACHINE: the folder of its root, in a pool of driver dir.
root_of() {
	echo "$BERTH_ROOT/lib/pools/p-dir/volumes/machine.$1/root"
}

root_there() {
	echo "$T/there/lib/pools/default/volumes/machine.$1/root"
}

listed() {
	"$tree" list "$1" | grep -v "'./etc/hostname'"
}

# nothing_there NAME: no part of a machine, whole or in the making, is on the other side.
nothing_there() {
	fails 1 "no machine '$1'" "$T/ssh/berth" info "$1" || return
	silent "volumes of $1" find "$T/there/lib/pools/default/volumes" -maxdepth 1 \
		\( -name "*.$1" -o -name "*.$1.*" -o -name 'partial.*' \) || return
	silent "a volume in the making" find "$T/there/run" -path '*/partial/*' -type f || return
	[[ ! -e $T/there/lib/machines/$1 && ! -e $T/there/lib/machines/.unfinished/$1 ]]
}

case_whole() {
	local uuid
	uuid=$(berth get full uuid)
	same "its name" full "$(send --network "" full other 2>/dev/null)"
	listed "$(root_there full)" | diff "$T/full" -
	same uuid "$uuid" "$(there get full uuid)"
	same description "the first" "$(there get full description)"
	silent "snapshots here" snapshots berth snapshot list --json full
	fails 1 "host 'other' has machine 'full', and no snapshot in common" "$T/ssh/send" full other
	# Under another name it is another machine.
	has "has the identity that the stream has" "$(send --network "" --pool fast full root@other:second 2>&1)"
	[[ $(there get second uuid) != "$uuid" ]]
	same pool fast "$(there get second pool)"
	fails 1 "another machine has the name 'second'" "$T/ssh/send" full other:second
	there delete full second
	# What a snapshot kept, from a machine that runs.
	berth snapshot full s1
	berth start --wait full
	berth exec full -- sh -c 'echo late >/late'
	send --network "" full@s1 other
	listed "$(root_there full)" | diff "$T/full" -
	state_is full running
	berth stop --force full
	rm "$(root_of full)/late"
	berth snapshot delete full s1
	there delete full
}

# Each send takes what the one before has left; the other side stays a machine that can be started.
case_increments() {
	local i synced
	berth create --pool p-dir --set network= bb web
	head -c 3000000 /dev/urandom >"$(root_of web)/large"
	for i in 1 2 3; do
		echo "$i" >"$(root_of web)/count"
		send --keep-synced --force --network "" web other
		synced=$(snapshots berth snapshot list --json web)
		[[ $synced =~ ^synced-other-[0-9a-f]{8}-[0-9]{8}-[0-9]{6}(-[0-9]+)?$ ]] || fault "snapshots here: $synced"
		same "snapshots there" "$synced" "$(snapshots there snapshot list --json web)"
		same "the count" "$i" "$(cat "$(root_there web)/count")"
		cmp "$(root_of web)/large" "$(root_there web)/large"
	done
	there start --wait web
	echo 4 >"$(root_of web)/count"
	fails 1 "machine 'web' is running, and the stream has a new root" "$T/ssh/send" --keep-synced --force web other
	same "snapshots here" "$synced" "$(snapshots berth snapshot list --json web)"
	there stop --force web
	fails 1 "the root of machine 'web' would give way" "$T/ssh/send" --keep-synced web other
	same "snapshots here" "$synced" "$(snapshots berth snapshot list --json web)"
	# What only a new machine can get is refused, unless the machine has it already.
	fails 1 "its network is '', and not 'lan'" "$T/ssh/send" --force --network lan web other
	fails 1 "its description is '', and not 'new'" "$T/ssh/send" --force --set description=new web other
	fails 1 "in pool 'default', and stays in it" "$T/ssh/send" --force --pool fast web other
	same "snapshots here" "$synced" "$(snapshots berth snapshot list --json web)"
	# A named snapshot is brought, and the root there stays.
	berth snapshot web mine
	send web@mine other
	same "the count" 3 "$(cat "$(root_there web)/count")"
	# The same snapshot once more is there already.
	has "host 'other' has snapshot 'mine' of machine 'web' already" "$(send web@mine other 2>&1 >"$T/name")"
	same "its name there" web "$(cat "$T/name")"
	there restore web mine
	same "the count" 4 "$(cat "$(root_there web)/count")"
	# The machine has another name there.
	there rename web www
	echo 5 >"$(root_of web)/count"
	same "its name there" www "$(send --force web other)"
	same "the count" 5 "$(cat "$(root_there www)/count")"
	there delete www
	# What was left for a target that is not used any more is a snapshot like others.
	for i in $(snapshots berth snapshot list --json web); do
		berth snapshot delete web "$i"
	done
	silent "snapshots here" snapshots berth snapshot list --json web
	berth delete web
}

# A snapshot is as old on the other side as it is here, so that the order of snapshots is the same.
case_times() {
	local before
	berth create --pool p-dir --set network= bb aged
	berth snapshot aged z-first
	another_second
	berth snapshot aged a-second
	before=$(berth snapshot list --json aged)
	same "order here" "z-first a-second" "$(jq -r '[.[].name] | join(" ")' <<<"$before")"
	another_second
	send --network "" --snapshots aged other
	same "snapshots there" "$before" "$(there snapshot list --json aged)"
	# Also under another name, and of those that an increment brings.
	there snapshot rename aged a-second renamed
	has '"z-first" "renamed"' "$(there snapshot list --json aged | jq -c '.[].name' | paste -sd ' ')"
	there snapshot rename aged renamed a-second
	berth snapshot aged third
	before=$(berth snapshot list --json aged)
	another_second
	send --snapshots aged@third other
	same "snapshots there" "$before" "$(there snapshot list --json aged)"
	berth export --snapshots aged "$T/aged.berth"
	berth import --pool "p-$fast" --new-identity --network "" "$T/aged.berth" copied
	same "snapshots of the import" "$before" "$(berth snapshot list --json copied)"
	berth delete copied aged
	there delete aged
}

case_refused() {
	fails 2 "is not \[USER@\]HOST" berth send full ""
	fails 2 "is not \[USER@\]HOST" berth send -- full -oProxyCommand=false
	fails 2 "is not \[USER@\]HOST" berth send full 'a;b'
	fails 2 "is not \[USER@\]HOST" berth send full root@
	fails 2 "behind 'other:' stands the name of the machine there, and 'X' has upper case" berth send full other:X
	fails 2 "--rate cannot be 'fast'" berth send --rate fast full other
	fails 2 "it is lz4, zstd or none" berth send --compress gzip full other
	fails 2 "--threads cannot be '17': it is a number from 1 to 16" berth send --threads 17 full other
	fails 2 "--pool cannot be" "$T/ssh/send" --pool "a;b" full other
	fails 1 "no machine 'nobody'" "$T/ssh/send" nobody other
	fails 1 "has no snapshot 'never'" "$T/ssh/send" full@never other
	fails 1 "host 'other': there is no pool 'nowhere'" "$T/ssh/send" --pool nowhere full other
	refused "there is no berth that receives machines" berth send --ssh "ssh -F $T/ssh/config" --berth no-berth full other
	refused "host 'nowhere': the connection failed" berth send --ssh "ssh -F $T/ssh/config -p 1" full nowhere
	refused "answers with something else|of another version" berth send --ssh "ssh -F $T/ssh/config" --berth "echo hello #" full other
	refused "'$T/no-such' is not installed on this host" berth send --ssh "$T/no-such" full x
	has "standard input is a terminal" "$(not script -qec "berth receive" /dev/null)"
	printf '#!/bin/sh\nkill -KILL $$\n' >"$T/dead"
	chmod +x "$T/dead"
	refused "host 'other': the command that reaches it was killed by SIGKILL" berth send --ssh "$T/dead" full other
	# An error there, in its own words.
	there pool create --driver "$fast" --size 256M small
	berth create --pool p-dir --set network= bb big
	# Small on its way: an emulated processor would encrypt for minutes.
	head -c 300M /dev/zero | tr '\0' x >"$(root_of big)/big"
	fails 1 "host 'other': .*(full|No space)" "$T/ssh/send" --part 1G --pool small --network "" big other
	nothing_there big
	silent "snapshots here" snapshots berth snapshot list --json big
	berth delete big
	retry 30 there pool delete small
}

case_rate() {
	local began=$SECONDS
	berth create --pool p-dir --set network= bb slow
	head -c 2000000 /dev/urandom >"$(root_of slow)/data"
	send --network "" --rate 500K slow other
	((SECONDS - began >= 3)) || fault "it took $((SECONDS - began)) s"
	berth delete slow
	there delete slow
}

# An address that the network there has not is refused before the contents are sent, and by what it can be sent.
case_address() {
	berth network create lan --subnet 10.77.3.0/24
	there network create lan --subnet 10.77.4.0/24
	berth create --pool p-dir --network lan --set network.address=10.77.3.9 --set description="it's \"own\"" bb fixed
	head -c 20M /dev/urandom >"$(root_of fixed)/big"
	fails 1 "host 'other': .*address 10.77.3.9 cannot be a machine's.*'--set network.address='" \
		"$T/ssh/send" --rate 100K fixed other
	nothing_there fixed
	fails 1 "no network 'none'" "$T/ssh/send" --rate 100K --network none fixed other
	send --set network.address= --set description="it's *there*; \$HOME" fixed other
	silent "its address" there get fixed network.address
	same description "it's *there*; \$HOME" "$(there get fixed description)"
	there delete fixed
	send --set network.address=10.77.4.20 fixed other
	same "its address" 10.77.4.20 "$(there get fixed network.address)"
	same description "it's \"own\"" "$(there get fixed description)"
	berth delete fixed
	there delete fixed
	berth network delete lan
	there network delete lan
}

# A connection that took nothing for a while is not flooded afterwards.
case_rate_after_stall() {
	berth create --pool p-dir --set network= bb slow
	head -c 3000000 /dev/urandom >"$(root_of slow)/data"
	# The reader takes nothing for four seconds; then the rest may not come at once.
	cat >"$T/stalling" <<-'END'
		#!/usr/bin/env python3
		import fcntl, os, subprocess, sys, time
		fcntl.fcntl(0, 1031, 4096)
		ssh = subprocess.Popen(["ssh"] + sys.argv[1:], stdin=subprocess.PIPE)
		passed, began, stalled = 0, 0, False
		while True:
		    data = os.read(0, 65536)
		    if not data:
		        break
		    os.write(ssh.stdin.fileno(), data)
		    passed += len(data)
		    if passed > 600000 and not stalled:
		        stalled = True
		        time.sleep(4)
		        began, before = time.monotonic(), passed
		took = time.monotonic() - began
		open(os.environ["T"] + "/took", "w").write("%d\n" % ((passed - before) / took))
		ssh.stdin.close()
		sys.exit(ssh.wait())
	END
	chmod +x "$T/stalling"
	env T="$T" berth send --ssh "$T/stalling -F $T/ssh/config" --berth "$T/ssh/berth" --compress none --network "" --rate 500K \
		slow other
	# 500 KiB a second, and what one rest may bring at once.
	(($(cat "$T/took") < 700000)) || fault "after the stall, $(cat "$T/took") bytes a second"
	berth delete slow
	there delete slow
}

# The connection is cut behind any number of bytes, in either direction, and by a kill of either program.
case_cut() {
	local i size status cut=0
	berth snapshot full base
	send --network "" --snapshots full@base other
	there delete full
	berth export --snapshots full - | wc -c >"$T/size"
	size=$(cat "$T/size")
	byte_cutter
	for ((i = 0; i < 50; i++)); do
		cut=$((i * size / 50 + i % 7))
		status=0
		timeout 300 berth send --ssh "$T/cutter $cut ssh -F $T/ssh/config" --berth "$T/ssh/berth" --keep-synced --network "" \
			full other >/dev/null 2>"$T/said" || status=$?
		((status == 1)) || fault "cut behind $cut of $size: ended with $status"
		has "host 'other'|other side" "$(cat "$T/said")"
		same "snapshots here" base "$(snapshots berth snapshot list --json full)"
		retry 10 nothing_there full
	done
	berth snapshot delete full base
	silent "a volume in the making" find "$BERTH_ROOT/run" -path '*/partial/*' -type f
}

# The answer is lost: the command says that it does not know, and the next send builds on what has arrived.
case_no_answer() {
	local synced
	berth create --pool p-dir --set network= bb mute
	printf '#!/bin/bash\nssh -F %s/ssh/config "$@" | sed -u "/^$/q"\n' "$T" >"$T/mute"
	chmod +x "$T/mute"
	refused "all was sent, and no answer came: 'berth list' there" berth send --ssh "$T/mute" --berth "$T/ssh/berth" \
		--keep-synced --network "" mute other
	retry 20 there info mute
	synced=$(snapshots berth snapshot list --json mute)
	same "snapshots there" "$synced" "$(snapshots there snapshot list --json mute)"
	echo 2 >"$(root_of mute)/count"
	send --keep-synced --force mute other
	same "the count" 2 "$(cat "$(root_there mute)/count")"
	berth delete mute
	there delete mute
}

# kill -9 of the command, of ssh, and of the receiver.
case_killed() {
	local i pid victim
	listed "$(root_of full)" >"$T/before-kills"
	for ((i = 0; i < 12; i++)); do
		berth send --ssh "ssh -F $T/ssh/config" --berth "$T/ssh/berth" --rate 100K --part 1G --network "" full other >/dev/null 2>&1 &
		pid=$!
		retry 20 pgrep -f "^berth receive" >/dev/null
		sleep "0.$((i * 7 % 10))"
		case $((i % 3)) in
		0) victim=$pid ;;
		1) victim=$(pgrep -f "^ssh -F $T/ssh/config" | head -n 1) ;;
		2) victim=$(pgrep -f "^berth receive" | head -n 1) ;;
		esac
		kill -KILL "$victim"
		not wait "$pid"
		retry 20 not pgrep -f "^berth receive|^ssh -F $T/ssh/config" >/dev/null
		# Any command that makes a machine removes what a killed one has left, unless a part of it was complete.
		there create --set network= bb x
		there delete x
		nothing_there full
	done
	same "its name" full "$(send --network "" full other)"
	listed "$(root_there full)" | diff "$T/before-kills" -
	there delete full
}

run_cases "$@"
