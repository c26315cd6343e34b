#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Machines that travel: export and import of whole machines, between pools of each driver.
needs_faults="case_killed_at_points"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"

# The fast driver to test; thin where device-mapper is.
fast=${STORAGE_DRIVER:-btrfs}
# shellcheck source=tests/streams.sh
. "$top/tests/streams.sh"

# Each driver to each: the copy has every object of the original, as it was.
case_every_object() {
	[[ $(wc -l <"$T/full") -gt 60 ]]
	same mode 600 "$(stat -c %a "$T/full.berth")"
	berth import --pool "p-$fast" --set network= "$T/full.berth" across
	berth import --pool p-dir --set network= "$T/full.berth" beside
	listed beside | diff "$T/full" -
	# From the other pool back, through a pipe.
	berth export across | berth import --pool p-dir --set network= - back
	listed back | diff "$T/full" -
	silent "a volume in the making" find "$BERTH_ROOT/run" -path '*/partial/*' -type f
	berth delete across beside back
}

# Streams that earlier versions have written: a machine with a snapshot and a volume, an increment of both, and a volume.
case_kept_streams() {
	local kept=$top/tests/streams to
	for to in $(printf '%s\n' "p-$fast" p-dir | grep -v thin | sort -u); do
		same "its name" kept "$(berth import --pool "$to" --set network= "$kept/machine.berth" 2>/dev/null)"
		listed kept | diff "$kept/machine.list" -
		berth import "$kept/increment.berth"
		same snapshots "s1 s2" "$(berth snapshot list --json kept | jq -r '[.[].name] | join(" ")')"
		berth restore --volumes kept s2
		listed kept | diff "$kept/increment.list" -
		same "the volume" data "$(berth info --json kept | jq -r '.volumes[].name')"
		same "its file" "two two" "$(data_of "$to" data)"
		same "its name" other "$(berth volume import --pool "$to" --new-identity "$kept/volume.berth" other && echo other)"
		same "its file" "two two" "$(data_of "$to" other)"
		berth delete kept
		berth volume delete data other
	done
}

# data_of POOL VOLUME: a file of it under its two names.
data_of() {
	local root=$BERTH_ROOT/lib/pools/$1/volumes/data.$2/root
	[[ $1 == p-dir ]] || root=$BERTH_ROOT/run/pools/$1/data.$2
	cat "$root/file" "$root/again" | xargs
}

case_settings() {
	local uuid
	uuid=$(berth get web uuid)
	berth export web "$T/web.berth"
	# The machine is here: the other one gets its own identity.
	has "machine 'web' has the identity that the stream has: 'two' gets one of its own" \
		"$(berth import --pool "p-$fast" "$T/web.berth" two 2>&1)"
	same pids 77 "$(berth get two limits.pids)"
	same description "the first" "$(berth get two description)"
	[[ $(berth get two uuid) != "$uuid" && -e $BERTH_ROOT/lib/machines/two/fresh ]]
	berth delete two
	berth snapshot web s1
	fails 1 "exists already; --force replaces it" berth export web "$T/web.berth"
	berth export --force --snapshots web "$T/web.berth"
	berth delete web
	same "its name" web "$(berth import --pool "p-$fast" --set description=moved "$T/web.berth")"
	same uuid "$uuid" "$(berth get web uuid)"
	same description moved "$(berth get web description)"
	same snapshots s1 "$(berth snapshot list --json web | jq -r '.[].name')"
	berth start --wait web
	berth stop --force web
	silent "new identity" berth import --new-identity --pool p-dir "$T/web.berth" three
	[[ $(berth get three uuid) != "$uuid" ]]
	berth delete three
	berth snapshot delete web s1
}

# web_up: the machine runs.
web_up() {
	state_is web running || berth start --wait web
}

# A running machine is exported as it is at one moment, and goes on.
case_running() {
	web_up
	berth exec web -- sh -c 'i=0; while :; do i=$((i+1)); echo $i >/new; mv /new /one
		echo $i >/new; mv /new /two; done' &
	local writer=$!
	retry 20 berth exec web test -s /two
	berth export --freeze web "$T/moment.berth"
	berth export web - | cat >"$T/moment-2.berth"
	state_is web running
	kill "$writer"
	wait "$writer" || true
	local file one two
	for file in moment moment-2; do
		berth import --pool p-dir --set network= "$T/$file.berth" still
		one=$(cat "$(root_of still)/one") two=$(cat "$(root_of still)/two")
		((one == two || one == two + 1)) || fault "/one has $one and /two has $two"
		berth delete still
	done
	# A running machine of a pool that has to copy.
	berth start --wait full
	berth export full "$T/full-running.berth"
	state_is full running
	berth stop --force full
	silent "a volume in the making" find "$BERTH_ROOT/run" -path '*/partial/*' -type f
}

case_refused() {
	local before pools size
	before=$(berth list --json) pools=$(berth pool list --json)
	fails 1 "no machine 'nobody'" berth export nobody "$T/x"
	fails 1 "has no snapshot 'never'" berth export web@never "$T/x"
	fails 1 "has no snapshot 'never'" berth export --since never web "$T/x"
	fails 2 "it is lz4, zstd or none, or with a level" berth export --compress gzip web "$T/x"
	fails 2 "--compress cannot be 'zstd:20'" berth export --compress zstd:20 web "$T/x"
	fails 2 "--threads cannot be '0': it is a number from 1 to 16" berth export --threads 0 web "$T/x"
	fails 1 "it is a folder" berth export web "$T"
	fails 1 "No such file" berth export web "$T/no/x"
	[[ ! -e $T/x ]]
	has "standard output is a terminal" "$(script -qec "berth export web" /dev/null)"
	berth export --force web "$T/web.berth"
	size=$(stat -c %s "$T/web.berth")
	fails 1 "machine 'web' exists already" berth import "$T/web.berth"
	# No pool was made for it.
	same pools "$pools" "$(berth pool list --json)"
	fails 2 "the file comes before the name: berth import $T/web.berth x" berth import x "$T/web.berth"
	fails 1 "there is no pool 'nowhere'" berth import --pool nowhere "$T/web.berth" x
	fails 2 "'X' " berth import "$T/web.berth" X
	fails 1 "it is a folder|is a folder" berth import "$T" x
	fails 1 "No such file" berth import "$T/none" x
	echo "something else, longer than the magic" >"$T/other"
	fails 1 "it is not a stream of 'berth export'" berth import --pool p-dir "$T/other" x
	: >"$T/nothing"
	fails 1 "its end is missing" berth import --pool p-dir "$T/nothing" x
	sed '1s/ 01/ 02/' "$T/web.berth" >"$T/newer"
	fails 1 "another version of the format" berth import --pool p-dir "$T/newer" x
	{ cat "$T/web.berth"; echo; } >"$T/longer"
	fails 1 "stands behind its end" berth import --pool p-dir "$T/longer" x
	local cut
	for cut in 20 200 1500 $((size / 2)) $((size - 70)) $((size - 1)); do
		head -c "$cut" "$T/web.berth" >"$T/cut"
		fails 1 "stream '.*cut': it is not complete" berth import --pool p-dir "$T/cut" x
	done
	nothing_new
	same machines "$before" "$(berth list --json)"
}

# Several processes that compress write the same contents, and higher levels smaller ones; none is left behind.
case_threads() {
	local method size=1000000000
	# Another case may have started it.
	listed full >"$T/full.now"
	berth snapshot full t1
	for method in none lz4 lz4:12 zstd zstd:19; do
		berth export --force --compress "$method" full@t1 "$T/one.berth"
		berth export --force --compress "$method" --threads 3 full@t1 "$T/three.berth"
		same "$method: size" "$(stat -c %s "$T/one.berth")" "$(stat -c %s "$T/three.berth")"
		(($(stat -c %s "$T/one.berth") < size)) || fault "$method makes nothing smaller"
		size=$(stat -c %s "$T/one.berth")
	done
	berth import --pool p-dir --set network= "$T/three.berth" x
	listed x | diff "$T/full.now" -
	berth delete x
	berth snapshot delete full t1
	not pgrep -f libexec/berth-stream
	rm "$T"/{one,three}.berth
}

# Streams of each form with a flipped bit or a cut end, drawn by a seed; the unit test flips each bit of a small one.
case_flipped() {
	local flips=${STREAM_FLIPS:-24} before
	before=$(berth list --json)
	berth snapshot web f1
	berth export --force web@f1 "$T/flip-lz4"
	berth export --compress none web@f1 "$T/flip-none"
	berth export --compress zstd --snapshots web@f1 "$T/flip-zstd"
	same "damaged streams that were refused" "$flips" "$("$top/tests/integration/stream_flips.py" "$flips" 1 "$T" \
		"$T"/flip-{lz4,none,zstd} -- import --pool p-dir @ x)"
	nothing_new
	berth snapshot delete web f1
	same machines "$before" "$(berth list --json)"
}

# --snapshots of a machine that has none.
case_without_snapshots() {
	berth export --force --snapshots web "$T/none.berth"
	berth import --pool p-dir --set network= "$T/none.berth" x
	same "no snapshot" "[]" "$(berth snapshot list --json x | tr -d "\n ")"
	berth delete x
	rm "$T/none.berth"
}

# A machine that is on no network needs none: its import makes none, whether it succeeds or not.
case_no_network() {
	berth network delete default 2>/dev/null || true
	berth export --force web "$T/web.berth"
	head -c -1 "$T/web.berth" >"$T/cut"
	fails 1 "it is not complete" berth import --pool p-dir "$T/cut" x
	lacks "made network" "$(berth import --pool p-dir "$T/web.berth" x 2>&1)"
	same "networks" "[]" "$(berth network list --json | tr -d "\n ")"
	berth delete x
}

# Streams with right sums and wrong contents: each is refused with a sentence, and nothing of it is left.
case_hostile() {
	local kind kinds craft=$top/tests/integration/stream_craft.py
	kinds=$("$craft")
	"$craft" good | berth import --pool p-dir --set network= - x
	same "its file" "#!" "$(cat "$(root_of x)/bin/sh")"
	berth delete x
	for kind in $kinds; do
		[[ $kind != good ]] || continue
		"$craft" "$kind" >"$T/crafted"
		fails 1 "stream '.*crafted': " berth import --pool p-dir --set network= "$T/crafted"
		echo "$kind: $(cat "$T/err")"
	done
	[[ ! -e /etc/owned && ! -e /tmp/owned && ! -e /owned ]]
	same volumes "[]" "$(berth volume list --json | tr -d '\n ')"
	nothing_new
}

# waits COMMAND...: it has not ended after two seconds, and is ended.
waits() {
	local got=0
	timeout 2 "$@" || got=$?
	((got == 124)) || fault "ended with $got: $*"
}

# What a stream that is being written names keeps its name, and stays, until the stream is complete.
case_names_are_held() {
	local writer
	berth create --pool p-dir --set network= bb held
	head -c 1M /dev/urandom >"$(root_of held)/large"
	berth snapshot held s1
	berth snapshot held s2
	mkfifo "$T/fifo"
	berth export --compress none --snapshots held@s2 - >"$T/fifo" &
	writer=$!
	# It has written its head, and fills the pipe.
	{
		head -c 1000 >"$T/held.berth"
		waits berth snapshot rename held s2 s3
		waits berth snapshot delete held s2
		waits berth rename held other
		cat >>"$T/held.berth"
	} <"$T/fifo"
	wait "$writer"
	berth snapshot rename held s2 s3
	berth delete held
	same "its name" held "$(berth import --pool p-dir "$T/held.berth")"
	same snapshots "s1 s2" "$(berth snapshot list --json held | jq -r '[.[].name] | join(" ")')"
	berth delete held
	rm "$T/held.berth" "$T/fifo"
}

# A pool without the room: one sentence, and the machine does not exist.
case_too_small() {
	berth pool create --driver "$fast" --size 256M small
	berth create --pool p-dir --set network= bb big
	head -c 300M /dev/urandom >"$(root_of big)/big"
	berth export --compress none big "$T/big.berth"
	fails 1 "full|No space" berth import --pool small --set network= "$T/big.berth" x
	fails 1 "no machine 'x'" berth info x
	berth delete big
	rm "$T/big.berth"
	retry 30 berth pool delete small
}

# Settings of a stranger open nothing unless the administrator says so.
case_trust() {
	local said
	mkdir "$T/shared"
	berth create --pool p-dir --set network= --set security.nesting=yes --set security.caps=sys_time \
		--set limits.rlimit.rtprio=0 --set security.port_isolation=yes --set access.users=ann:manage bb open
	berth mount open "$T/shared" /data
	berth export open "$T/open.berth"
	berth delete open
	said=$(berth import --pool p-dir "$T/open.berth" 2>&1)
	has "left out: access.users, limits.rlimit.rtprio, security.caps, security.nesting, mount .*; --trust keeps them" "$said"
	same nesting no "$(berth get open security.nesting)"
	silent caps berth get open security.caps
	silent users berth get open access.users
	same isolation yes "$(berth get open security.port_isolation)"
	not grep -q shared "$BERTH_ROOT/lib/machines/open/machine.conf"
	berth delete open
	lacks "left out" "$(berth import --trust --pool p-dir "$T/open.berth" 2>&1)"
	same nesting yes "$(berth get open security.nesting)"
	grep -q shared "$BERTH_ROOT/lib/machines/open/machine.conf"
	berth delete open
}

# kill -9 of either side at any moment leaves nothing.
case_killed() {
	local i pid
	for ((i = 0; i < 10; i++)); do
		berth export full "$T/killed.berth" >/dev/null 2>&1 &
		pid=$!
		sleep "$(printf '0.%03d' $((i * 15)))"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		[[ ! -e $T/killed.berth ]] || rm "$T/killed.berth"
		silent "a file beside it" find "$T" -maxdepth 1 -name '.killed*'
	done
	for ((i = 0; i < 10; i++)); do
		berth import --pool p-dir --set network= "$T/full.berth" x >/dev/null 2>&1 &
		pid=$!
		sleep "$(printf '0.%03d' $((i * 25)))"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		# The next command that makes or deletes machines removes what is left.
		if ! berth delete x 2>/dev/null; then
			retry 20 berth import --pool p-dir --set network= "$T/full.berth" x 2>/dev/null
			listed x | diff "$T/full" -
			berth delete x
		fi
	done
	nothing_new
	# The program that moves the contents is killed, and the command says so.
	mkfifo "$T/pipe"
	berth import --pool p-dir --set network= "$T/pipe" x 2>"$T/said" &
	pid=$!
	{
		head -c 30000 "$T/full.berth"
		retry 20 pgrep -P "$pid"
		kill -KILL "$(pgrep -P "$pid" | head -n 1)"
	} >"$T/pipe"
	not wait "$pid"
	has "berth-stream' was killed by SIGKILL" "$(cat "$T/said")"
	nothing_new
	# The other side of a pipe dies.
	berth export web | head -c 3000 >"$T/cut" || true
	fails 1 "it is not complete" berth import --pool p-dir "$T/cut" x
	nothing_new
}

# changed_origin DRIVER: the machine "origin" in a pool of it, with snapshots from before and after a change of its root.
# Only a root with a path on the host can be changed by the tool, so a thin one comes from there.
changed_origin() {
	local first=$1
	[[ $first != thin ]] || first=dir
	berth import --pool "p-$first" --set network= "$T/full.berth" origin
	berth snapshot origin s1
	"$tree" change "$(root_of origin)"
	listed origin >"$T/changed"
	berth snapshot origin s2
	[[ $first != "$1" ]] || return 0
	berth export --snapshots origin "$T/origin.berth"
	berth delete origin
	berth import --pool "p-$1" "$T/origin.berth"
	rm "$T/origin.berth"
}

# increments_into DRIVER: the base, then the increments that build on it.
increments_into() {
	fails 1 "no machine 'origin'" berth import "$T/step.berth"
	berth import --pool "p-$1" "$T/base.berth"
	listed origin | diff "$T/full" -
	fails 1 "the stream is an increment, and leaves settings as they are" berth import --set description=x "$T/step.berth"
	same "its name" origin "$(berth import "$T/step.berth")"
	same snapshots "s1 s2" "$(berth snapshot list --json origin | jq -r '[.[].name] | join(" ")')"
	# The root stays as it was until it is restored.
	listed origin | diff "$T/full" -
	berth restore origin s2
	listed origin | diff "$T/changed" -
	berth restore origin s1
	listed origin | diff "$T/full" -
	fails 1 "the root of machine 'origin' would give way" berth import "$T/root.berth"
	listed origin | diff "$T/full" -
	berth import --force "$T/root.berth"
	listed origin | diff "$T/changed" -
	berth delete origin
}

# Increments of each driver into each: what a snapshot has, and nothing else, reaches the machine on the other side.
case_increments() {
	local from to
	for from in "$fast" dir; do
		changed_origin "$from"
		berth export --snapshots origin@s1 "$T/base.berth"
		berth export --since s1 origin@s2 "$T/step.berth"
		(($(stat -c %s "$T/step.berth") < $(stat -c %s "$T/base.berth") / 2)) || fault "the increment is large"
		berth export --since s1 origin "$T/root.berth"
		berth delete origin
		for to in "$fast" dir; do
			increments_into "$to"
		done
		rm "$T"/{base,step,root}.berth
	done
	silent "a volume in the making" find "$BERTH_ROOT/run" -path '*/partial/*' -type f
}

case_wrong_base() {
	local before
	berth create --pool p-dir --set network= bb chain
	berth snapshot chain s1
	fails 1 "'s1' is the one that '--since' names" berth export --since s1 chain@s1 "$T/x"
	echo 2 >"$(root_of chain)/two"
	berth snapshot chain s2
	fails 1 "'s1' is older than 's2'" berth export --since s2 chain@s1 "$T/x"
	berth export chain@s1 "$T/root.berth"
	berth export --snapshots chain@s1 "$T/base.berth"
	berth export --since s1 chain@s2 "$T/step.berth"
	echo 3 >"$(root_of chain)/three"
	berth snapshot chain s3
	berth export --since s2 chain@s3 "$T/step-3.berth"
	berth export --snapshots --since s1 chain@s3 "$T/steps.berth"
	fails 1 "has a snapshot 's2' already" berth import "$T/step.berth"
	fails 1 "an increment of another machine than 'web'" berth import "$T/step.berth" web
	berth delete chain
	# Without its base.
	berth import --pool p-dir "$T/root.berth"
	fails 1 "it builds on snapshot 's1', which machine 'chain' has not" berth import "$T/step.berth"
	berth snapshot chain s1
	fails 1 "it builds on a snapshot 's1' with other contents" berth import "$T/step.berth"
	berth delete chain
	# A link is missing.
	berth import --pool "p-$fast" "$T/base.berth"
	fails 1 "it builds on snapshot 's2', which machine 'chain' has not" berth import "$T/step-3.berth"
	before=$(berth snapshot list --json chain)
	head -c "$(($(stat -c %s "$T/steps.berth") - 100))" "$T/steps.berth" >"$T/cut"
	fails 1 "it is not complete" berth import "$T/cut"
	same "no snapshot of it" "$before" "$(berth snapshot list --json chain)"
	berth import "$T/steps.berth"
	same snapshots "s1 s2 s3" "$(berth snapshot list --json chain | jq -r '[.[].name] | join(" ")')"
	berth restore chain s3
	berth start --wait chain
	same three 3 "$(berth exec chain cat /three)"
	same two 2 "$(berth exec chain cat /two)"
	berth stop --force chain
	# A snapshot that was taken anew under the name of the base.
	berth snapshot delete chain s2
	berth snapshot delete chain s3
	berth snapshot delete chain s1
	berth snapshot chain s1
	fails 1 "other contents" berth import "$T/step.berth"
	berth delete chain
}

# At the points that the programs name.
case_killed_at_points() {
	local point
	berth snapshot web p1
	web_up
	for point in moment written; do
		BERTH_FAULT=travel-$point:1 not_kindly berth export web "$T/points.berth"
		[[ ! -e $T/points.berth ]]
	done
	berth export --snapshots web "$T/points.berth"
	for point in arrived:1 arrived:2 begun:1 snapshots:1 settled:1; do
		BERTH_FAULT=travel-$point not_kindly berth import --pool p-dir --set network= "$T/points.berth" x
		fails 1 "no machine 'x'" berth info x
		# Any command that makes a machine removes what is left.
		berth create --pool p-dir --set network= bb other
		berth delete other
		nothing_new
	done
	berth import --pool p-dir --set network= "$T/points.berth" x
	berth delete x
	berth snapshot delete web p1
}

# A machine that comes under another name has that name inside too; its snapshots are as they were.
case_another_name() {
	berth create --pool "p-$fast" --set network= bb named
	berth start --wait named
	berth exec named -- sh -c 'echo named.test >/etc/hostname; sync'
	berth stop --force named
	berth export named "$T/named.berth"
	berth delete named
	berth import --pool p-dir "$T/named.berth" other
	same "the host name" other.test "$(berth pull other:/etc/hostname -)"
	berth import --pool "p-$fast" --new-identity "$T/named.berth"
	berth start --wait named
	same "a host name of its own" named "$(berth exec named cat /etc/hostname)"
	gone named other
	rm "$T/named.berth"
}

run_cases "$@"
