#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Machines that move to another host, by a real sshd: another installation of berth, with its own root, is there.
needs_debian="bookworm"
needs_packages="openssh-server"
needs_faults="case_interrupted_at_its_mark case_killed_here case_killed_there"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/other_host.sh
. "$top/tests/other_host.sh"
# shellcheck source=tests/moves.sh
. "$top/tests/moves.sh"

fast=${STORAGE_DRIVER:-btrfs}

set_up() {
	berth pool create default --driver "$fast"
	there pool create default --driver "$fast"
	beating_template
	start_server
}

tear_down() {
	stop_server
}

inventory() {
	(cd "$1" && find lib -path '*/volumes/*/*' -prune -o -print | grep -vE '/keeper.log|console.log|/move$|\.new$' | sort)
}

case_stopped() {
	local uuid
	berth create --set network= --set description="it's \"own\"" bb still
	berth snapshot still s1
	uuid=$(berth get still uuid)
	same "its name" still "$(move still other)"
	gone_here still
	same uuid "$uuid" "$(there get still uuid)"
	same description "it's \"own\"" "$(there get still description)"
	same snapshots s1 "$(snapshots there snapshot list --json still)"
	state_there still stopped
	same "its move" null "$(there info --json still | jq .move)"
	there start --wait still
	fails 1 "no machine 'still'" "$T/ssh/move" still other
	there delete --force still
}

case_running() {
	local silence uuid
	beating web
	berth snapshot web mine
	uuid=$(berth get web uuid)
	same "its name" web "$(move web other)"
	has "stood still for [0-9.]+ s" "$(cat "$T/said")"
	gone_here web
	same uuid "$uuid" "$(there get web uuid)"
	state_there web running
	same "snapshots there" mine "$(snapshots there snapshot list --json web)"
	retry 20 beats_more web 20 there
	silence=$(check_beats web)
	echo "# silence $silence ms; $(cat "$T/said")"
	there delete --force web
}

# A whole distribution, whose init ends its services at the stop and starts them there.
case_debian() {
	local silence began
	berth template import "$debian_tar_bookworm" debian
	berth create --set network= debian web
	berth start --wait web
	berth push "$T/bb/bin/beat" web:/usr/local/bin/beat
	berth exec web -- tee /etc/systemd/system/beat.service >/dev/null <<-'END'
		[Service]
		ExecStart=/usr/local/bin/beat
		[Install]
		WantedBy=basic.target
	END
	berth exec web -- systemctl enable --now --quiet beat.service
	retry 20 beats_more web 3 berth
	# It cannot stand still for less time than its own stop and start take.
	began=${EPOCHREALTIME/./}
	berth restart --wait web
	echo "# a restart takes $(((${EPOCHREALTIME/./} - began) / 1000)) ms"
	same "its name" web "$(move web other)"
	gone_here web
	state_there web running
	retry 20 beats_more web 20 there
	silence=$(check_beats web)
	echo "# silence $silence ms; $(cat "$T/said")"
	there delete --force web
	berth template delete debian
}

# Settings for the other host, of a running machine, whose copies are increments; and again after the move back.
case_settings() {
	beating web
	same "its name" web "$(move --set stop.timeout=9s --set description=there web other)"
	same "its settings there" "9 there" "$(there get web stop.timeout | tr -d s) $(there get web description)"
	state_there web running
	retry 20 beats_more web 20 there
	check_beats web
	there delete --force web
}

# An interrupt of the terminal, which all of the command's processes get, ends nothing once the machine stops.
case_interrupted() {
	local pid status=0
	beating web
	env --default-signal=INT "$T/ssh/move" web other >"$T/said" 2>&1 &
	pid=$!
	until grep -Eqs "^phase (stopping|handing)" "$BERTH_ROOT/lib/machines/web/move"; do
		kill -0 "$pid"
	done
	pkill -INT -f "^berth move" || true
	pkill -INT -f "^ssh -F $T/ssh/config" || true
	wait "$pid" || status=$?
	same "$(cat "$T/said")" 0 "$status"
	gone_here web
	state_there web running
	retry 20 beats_more web 20 there
	check_beats web
	there delete --force web
}

# What cannot go is told before anything begins, all causes at once; nothing is changed on either side.
case_refused() {
	local before
	berth network create lan --subnet 10.88.3.0/24
	mkdir -p "$T/shared"
	berth create --network lan bb bound
	berth mount bound "$T/shared" /mnt
	before=$(inventory "$BERTH_ROOT")$(inventory "$T/there")
	fails 1 "mount mnt.*--trust.*; there is no network 'lan'" "$T/ssh/move" bound other
	rmdir "$T/shared"
	fails 1 "$T/shared.*; there is no network 'lan'" "$T/ssh/move" --trust bound other
	fails 1 "there is no pool 'nowhere'" "$T/ssh/move" --trust --network "" --pool nowhere bound other
	fails 1 "'bound' is not being moved" "$T/ssh/move" --abort bound
	fails 2 "there is no host" "$T/ssh/move" bound
	fails 2 "is not .USER@.HOST" "$T/ssh/move" -- bound -oProxyCommand=false
	fails 1 "no machine 'nobody'" "$T/ssh/move" nobody other
	same "what there is" "$before" "$(inventory "$BERTH_ROOT")$(inventory "$T/there")"
	there create --set network= bb bound
	fails 1 "another machine has the name 'bound' there" "$T/ssh/move" --network "" bound other
	there delete bound
	# An address that another machine there has.
	there network create lan --subnet 10.88.3.0/24
	there create --network lan --set network.address=10.88.3.9 bb other
	there start --wait other
	berth unmount bound mnt
	berth set bound network.address=10.88.3.9
	fails 1 "10.88.3.9" "$T/ssh/move" bound other
	same "its name" bound-2 "$(move --set network.address=10.88.3.10 bound other:bound-2)"
	same address 10.88.3.10 "$(there get bound-2 network.address)"
	there delete --force bound-2 other
	there network delete lan
	berth network delete lan
}

case_no_room() {
	there pool create --driver "$fast" --size 256M small
	beating big
	berth exec big -- sh -c 'head -c 300000000 /dev/zero | tr "\\0" x >/big; sync'
	fails 1 "small|full|No space" "$T/ssh/move" --pool small big other
	state_is big running
	fails 1 "no machine 'big'" "$T/ssh/berth" info big
	silent snapshots snapshots berth snapshot list --json big
	berth delete --force big
	retry 30 there pool delete small
}

case_dry_run() {
	local before
	beating plan
	before=$(inventory "$BERTH_ROOT")$(inventory "$T/there")
	move --dry-run plan other >"$T/planned"
	has "^rate: [0-9.]+" "$(cat "$T/planned")"
	has "^stands still: " "$(cat "$T/planned")"
	sed 's/^/# /' "$T/planned"
	same "what there is" "$before" "$(inventory "$BERTH_ROOT")$(inventory "$T/there")"
	state_is plan running
	berth delete --force plan
}

# A move that broke off while copies went: both sides show it, and both refuse what would harm it.
case_arriving() {
	local said
	beating comes
	dd if=/dev/urandom of="$T/large" bs=1M count=4 status=none
	berth push "$T/large" comes:/large
	berth snapshot comes base
	# The connection ends before the last copy, which is that of the stop.
	cutter "take moving-[0-9a-f]*- "
	said=$(not berth move --ssh "$T/cut" --berth "$T/ssh/berth" comes other 2>&1)
	has "machine 'comes' runs on here; the same command goes on" "$said"
	state_is comes running
	has "broken off; it belongs here" "$(berth info comes)"
	has "comes +arriving" "$(there list)"
	has "arriving from host" "$(there info comes)"
	same "phase there" arriving "$(there info --json comes | jq -r .move.phase)"
	fails 1 "is arriving from host .*--abort --force comes" "$T/ssh/berth" start comes
	fails 1 "is arriving from host" "$T/ssh/berth" set comes description=x
	fails 1 "is arriving from host" "$T/ssh/berth" restore comes base
	fails 1 "is arriving from host" "$T/ssh/berth" push "$T/large" comes:/other
	fails 1 "belongs to host" "$T/ssh/berth" move --abort comes
	fails 125 "is arriving from host" "$T/ssh/berth" exec comes true
	fails 1 "is arriving from host" "$T/ssh/berth" pause comes
	has "state: +arriving" "$(there info comes)"
	fails 1 "is on its way to host 'other'" "$T/ssh/move" comes elsewhere
	silent "start of all there" there start --all
	# It goes on, and sends only the rest; here it is without a host.
	same "its name" comes "$(move comes)"
	gone_here comes
	state_there comes running
	check_beats comes >/dev/null
	same "snapshots there" base "$(snapshots there snapshot list --json comes)"
	there delete --force comes
	# Deleted there, or taken back here.
	beating comes
	not berth move --ssh "$T/cut" --berth "$T/ssh/berth" comes other 2>/dev/null
	there delete comes
	same "its name" comes "$(move comes other)"
	there delete --force comes
	beating comes
	not berth move --ssh "$T/cut" --berth "$T/ssh/berth" comes other 2>/dev/null
	move --abort comes
	same move null "$(berth info --json comes | jq .move)"
	fails 1 "no machine 'comes'" "$T/ssh/berth" info comes
	silent snapshots snapshots berth snapshot list --json comes
	berth delete --force comes
}

# The commands that reach the host are kept, so that sentences name a command that works as it is.
case_way_is_kept() {
	beating web
	cutter "take moving-[0-9a-f]*- "
	printf '#!/bin/sh\n[ ! -e %s/closed ] || exec %s/cut "$@"\nexec ssh -F %s/ssh/config "$@"\n' "$T" "$T" "$T" >"$T/way"
	chmod +x "$T/way"
	: >"$T/closed"
	not berth move --ssh "$T/way" --berth "$T/ssh/berth" web other 2>/dev/null
	rm "$T/closed"
	same "its name" web "$(berth move web 2>"$T/said")"
	state_there web running
	there delete --force web
	berth create --set network= bb web
	fails 2 "takes one line of at most 511 bytes" berth move --ssh "$(printf '%0600d' 0)" web other
	berth delete web
}

# A host that is this one is told at once.
case_to_itself() {
	berth create --set network= bb web
	sed "s|BERTH_ROOT=$T/there|BERTH_ROOT=$BERTH_ROOT|" "$T/ssh/berth" >"$T/same"
	chmod +x "$T/same"
	refused "'web' is just being moved away from there" \
		timeout 120 berth move --ssh "ssh -F $T/ssh/config" --berth "$T/same" web other
	same move null "$(berth info --json web | jq .move)"
	berth delete web
}

# An interrupt while copies are sent says what has become of the machine.
case_interrupted_in_copies() {
	local pid status=0
	beating web
	berth exec web -- sh -c 'head -c 20000000 /dev/urandom >/large'
	env --default-signal=INT berth move --rate 2M --ssh "ssh -F $T/ssh/config" --berth "$T/ssh/berth" web other >"$T/said" 2>&1 &
	pid=$!
	retry 20 info_has "being moved" web
	kill -INT "$pid"
	wait "$pid" || status=$?
	same status 130 "$status"
	same sentences 1 "$(grep -c "'berth move web' goes on, and 'berth move --abort web' ends it" "$T/said")"
	state_is web running
	same "its name" web "$(move web)"
	check_beats web >/dev/null
	there delete --force web
}

# The interrupt comes when the mark is there, and nothing else of the move.
case_interrupted_at_its_mark() {
	local status=0
	berth create --set network= bb web
	BERTH_FAULT=move-copying BERTH_FAULT_SIGNAL=15 "$T/ssh/move" web other >"$T/said" 2>&1 || status=$?
	same status 143 "$status"
	same sentences 1 "$(grep -c "'berth move web' goes on, and 'berth move --abort web' ends it" "$T/said")"
	move --abort web
	same move null "$(berth info --json web | jq .move)"
	berth delete web
}

# The other side cannot be asked at the moment that counts.
case_unsure() {
	beating asks
	cutter accept
	refused "may have taken machine 'asks' over, so it is not started here" \
		berth move --ssh "$T/cut" --berth "$T/ssh/berth" asks other
	fails 1 "was being handed over to host 'other', which may run it" berth start asks
	fails 1 "was being handed over" berth set asks description=x
	fails 1 "was being handed over" berth delete asks
	[[ $(berth list --json | jq -r '.[] | select(.name == "asks") | .move.phase') == handing-over ]]
	has "handing-over" "$(berth list)"
	silent "start of all" there start --all
	refused "is not taken back, because host 'other' may run it" \
		berth move --abort --ssh "ssh -F $T/ssh/config -p 1" asks
	# It was not handed over: it comes back, and goes again.
	move --abort asks
	berth start --wait asks
	fails 1 "no machine 'asks'" "$T/ssh/berth" info asks
	refused "may have taken machine 'asks' over" berth move --ssh "$T/cut" --berth "$T/ssh/berth" asks other
	same "its name" asks "$(move asks other)"
	gone_here asks
	state_there asks running
	check_beats asks >/dev/null
	there delete --force asks
}

# It cannot start there: it goes on here.
case_returned() {
	beating back
	printf '#!/bin/sh\nexec unshare -m sh -c "mount --bind /dev/null %s/berth-keeper; exec %s receive"\n' \
		"$BERTH_LIBEXEC" "$T/ssh/berth" >"$T/ssh/keeperless"
	chmod +x "$T/ssh/keeperless"
	refused "did not start.*; machine 'back' runs on here" \
		berth move --ssh "ssh -F $T/ssh/config" --berth "$T/ssh/keeperless" back other
	state_is back running
	has "back +arriving" "$(there list)"
	same "its name" back "$(move back other)"
	check_beats back >/dev/null
	there delete --force back
}

# info_has PATTERN MACHINE
info_has() {
	berth info "$2" | grep -q "$1"
}

# Two at once: the second is refused, and the machine arrives once.
case_twice() {
	local pid
	beating two
	berth exec two -- sh -c 'head -c 20000000 /dev/urandom >/large'
	move --rate 4M two other >"$T/first" &
	pid=$!
	retry 20 info_has "being moved" two
	# It stands still meanwhile.
	pkill -STOP -f "^berth move .*two other"
	fails 1 "the move of machine 'two' is in use by another berth command" "$T/ssh/move" two other
	fails 1 "is just being moved to host 'other'" berth delete --force two
	pkill -CONT -f "^berth move .*two other"
	wait "$pid"
	same "its name" two "$(cat "$T/first")"
	check_beats two >/dev/null
	there delete --force two
}

# A machine with a copy there that send has left: only the rest is sent.
case_copy_there() {
	berth create --set network= bb copied
	"$T/ssh/send" --keep-synced --network "" copied other
	berth start --wait copied
	retry 20 beats_more copied 3 berth
	fails 1 "machine 'copied' is there already, as a copy; --force" "$T/ssh/move" copied other
	same "its name" copied "$(move --force copied other)"
	gone_here copied
	check_beats copied >/dev/null
	there delete --force copied
}

begin_killed() {
	beating web
}

check_killed() {
	gone_here web && state_there web running && check_beats web >/dev/null || return
	silent "snapshots there" snapshots there snapshot list --json web || return
	there delete --force web
}

case_killed_here() {
	local point
	for point in move-copying move-snapshot:1 move-copied:1 move-stopping move-stopped move-sent move-handing \
		move-accept-answered move-moved move-booted move-finished; do
		killed_at here "$point" || return
	done
}

case_killed_there() {
	local point
	faulty_side
	for point in travel-begun travel-settled move-taken:1 travel-arrived:3 move-taken:2 move-accepting move-accepted \
		move-started; do
		killed_at there "$point" || return
	done
}

run_cases "$@"
