#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Machines and networks become what a file describes: at once, again without a change, and on after a failure.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/apply.sh
. "$top/tests/apply.sh"

set_up() {
	busybox_template bb
	mkdir -p "$T/in" "$T/shared"
	echo shared >"$T/shared/file"
}

names() {
	berth list --json | jq -r '.[].name' | sort | xargs
}

shop() {
	describe 'name = shop' '[network back]' 'subnet = 10.213.7.0/24' 'domain = shop.test' \
		'[machine web]' 'template = bb' 'count = 2' 'network = back' 'boot.order = 300' 'label.role = web' \
		'boot.after = db' '[mount shared]' "source = $T/shared" 'target = /srv/shared' 'readonly = yes' \
		'[machine db]' 'template = bb' 'network = back' 'network.address = 10.213.7.9' \
		'[machine spare]' 'template = bb' 'state = stopped' 'network ='
}

case_applied() {
	delete_each list 'delete --force'
	delete_each 'network list' 'network delete'
	shop
	does -- "create network 'back'" "create machine 'web-1' of template 'bb'" "create machine 'web-2' of template 'bb'" \
		"create machine 'db' of template 'bb'" "create machine 'spare' of template 'bb'" \
		"start machine 'db'" "start machine 'web-1'" "start machine 'web-2'"
	same names "db spare web-1 web-2" "$(names)"
	same address 10.213.7.9 "$(field db network.address)"
	same pids 300 "$(berth get web-2 boot.order)"
	same shared shared "$(berth exec web-1 -- cat /srv/shared/file)"
	state_is spare stopped
	same domain shop.test "$(berth network list --json | jq -r '.[] | select(.name == "back").domain')"
	same "networks, without a default that no machine is on" back "$(berth network list --json | jq -r '.[].name' | xargs)"
	does -- "nothing to do"
	does --diff -- "nothing to do"
	same json '[]' "$(berth apply --json "$T/in/shop.apply" | jq -c .)"
	# A change by hand goes back, and is shown before.
	berth set web-1 boot.order=200 label.role=none label.mine=x
	berth stop db
	does --diff -- "change machine 'web-1': boot.order = 300 (was 200), label.role = web (was none), no label.mine (was x)" \
		"start machine 'db'"
	same pids 200 "$(berth get web-1 boot.order)"
	does -- "change machine 'web-1': boot.order = 300 (was 200), label.role = web (was none), no label.mine (was x)" \
		"start machine 'db'"
	does -- "nothing to do"
}

applied() {
	shop
	berth apply "$T/in/shop.apply"
}

case_changes() {
	local boot
	applied
	boot=$(berth exec web-1 -- cat /proc/sys/kernel/random/boot_id)
	sed -i 's/^boot.order = 300/boot.order = 400/; s/^readonly = yes/readonly = no/' "$T/in/shop.apply"
	does -- "change machine 'web-1': boot.order = 400 (was 300), mount.shared (source = $T/shared, target = /srv/shared) (was readonly = yes, source = $T/shared, target = /srv/shared)" \
		"change machine 'web-2': boot.order = 400 (was 300), mount.shared (source = $T/shared, target = /srv/shared) (was readonly = yes, source = $T/shared, target = /srv/shared)"
	empty notes "$T/notes"
	berth exec web-1 -- touch /srv/shared/written
	# A key that only a start reads.
	sed -i 's/^label.role = web/&\nenv = A=1/' "$T/in/shop.apply"
	does -- "change machine 'web-1': env = A=1" "change machine 'web-2': env = A=1"
	has "machine 'web-1' needs a restart for its changes: berth restart web-1, or apply with --restart" "$(cat "$T/notes")"
	same boot "$boot" "$(berth exec web-1 -- cat /proc/sys/kernel/random/boot_id)"
	sed -i 's/^env = A=1/env = A=2/; s/^state = stopped/state = running/' "$T/in/shop.apply"
	does --restart -- "change machine 'web-1': env = A=2 (was A=1)" "change machine 'web-2': env = A=2 (was A=1)" \
		"restart machine 'web-1'" "restart machine 'web-2'" "start machine 'spare'"
	[[ $boot != "$(berth exec web-1 -- cat /proc/sys/kernel/random/boot_id)" ]] || fault "it was not restarted"
	# What the file gives no more has the default again.
	sed -i '/^env = /d; /^label.role/d; /^\[mount/,/^readonly/d; s/^domain = .*/domain = other.test/' "$T/in/shop.apply"
	does --restart -- "change network 'back': domain = other.test (was shop.test)" \
		"change machine 'web-1': env =  (was A=2), no label.role (was web), no mount.shared (was source = $T/shared, target = /srv/shared)" \
		"change machine 'web-2': env =  (was A=2), no label.role (was web), no mount.shared (was source = $T/shared, target = /srv/shared)" \
		"restart machine 'web-1'" "restart machine 'web-2'"
	sed -i 's/^template = bb/&\nstate = stopped/; s/^state = running//' "$T/in/shop.apply"
	does -- "stop machine 'web-1'" "stop machine 'web-2'" "stop machine 'db'" "stop machine 'spare'"
	does -- "nothing to do"
	# Defaults of the template count as long as it is there.
	berth template set bb default.boot.order=77
	does -- "change machine 'db': boot.order = 77 (was 100)" "change machine 'spare': boot.order = 77 (was 100)"
	berth template unset bb default.boot.order
	does -- "change machine 'db': boot.order = 100 (was 77)" "change machine 'spare': boot.order = 100 (was 77)"
	gone web-1 web-2 db spare
	rm "$T/shared/written"
}

# Only machines that this file has made are deleted, and only by --prune.
case_pruned() {
	applied
	berth create bb mine
	berth create bb other
	describe 'name = shop' '[machine web]' 'template = bb' 'count = 1' 'network = back' '[machine other]' 'template = bb' \
		'state = stopped' 'label.x = y'
	does -- "change machine 'web-1': boot.after =  (was db), boot.order = 100 (was 300), no label.role (was web), no mount.shared (was readonly = yes, source = $T/shared, target = /srv/shared)" \
		"change machine 'other': label.x = y"
	has "machine 'web-2' was made by this file, which describes it no more; --prune deletes it" \
		"$(berth apply "$T/in/shop.apply" 2>&1)"
	same names "db mine other spare web-1 web-2" "$(names)"
	does --prune --diff -- "delete machine 'db'" "delete machine 'spare'" "delete machine 'web-2'"
	same names "db mine other spare web-1 web-2" "$(names)"
	does --prune -- "delete machine 'db'" "delete machine 'spare'" "delete machine 'web-2'"
	same names "mine other web-1" "$(names)"
	# One that was there before is changed, but not the file's.
	describe 'name = shop' '[network back]'
	does --prune -- "delete machine 'web-1'"
	same names "mine other" "$(names)"
	gone mine other
}

# Two files of one name in two folders are two, if they do not give themselves one name.
case_two_files() {
	mkdir -p "$T/in/a" "$T/in/b"
	printf '%s\n' '[machine one]' 'template = bb' 'state = stopped' >"$T/in/a/same.apply"
	printf '%s\n' '[machine two]' 'template = bb' 'state = stopped' >"$T/in/b/same.apply"
	berth apply "$T/in/a/same.apply"
	berth apply --prune "$T/in/b/same.apply"
	same names "one two" "$(names)"
	printf '%s\n' '[machine one]' 'template = bb' >"$T/in/b/same.apply"
	fails 1 "same.apply:1: machine 'one' was made by another file, of the name 'same-[0-9a-f]{8}'; give this one another name, or take it over: berth set one label.applied=same-" \
		berth apply "$T/in/b/same.apply"
	gone one two
}

case_refused() {
	local m=('[machine first]' 'template = bb')
	berth network create there --subnet 10.213.9.0/24
	berth create bb old
	refused ":4: unknown key 'limits.pid'; did you mean 'limits.pids'" "${m[@]}" '[machine a]' 'limits.pid = 1'
	refused ":4: unknown key 'boot.aftr'.*; .*:7: unknown key 'mut'.*; .*:8: unknown section 'x'" '[machine a]' 'template = bb' \
		'limits.pids = 4' 'boot.aftr = db' 'limits.cpus = x' '[network n]' 'mut = 1' '[x y]'
	refused ":1: there is no pool 'nopool'.*; .*:1: there is no network 'nonet'.*; .*:1: there is no template 'nosuch'" \
		'[machine a]' 'template = nosuch' 'network = nonet' 'pool = nopool'
	refused ":4: unknown key 'stat'; did you mean 'state'" "${m[@]}" '[machine a]' 'stat = running'
	refused ":5: .*state.*'paused'" "${m[@]}" '[machine a]' 'template = bb' 'state = paused'
	refused ":5: .*count" "${m[@]}" '[machine a]' 'template = bb' 'count = 1001'
	refused ":3: machine 'a' names no template; write 'template = TEMPLATE'" "${m[@]}" '[machine a]'
	refused ":3: there is no template 'bbb'; did you mean 'bb'" "${m[@]}" '[machine a]' 'template = bbb'
	refused ":3: machine 'first' is there already" "${m[@]}" "${m[@]}"
	refused ":4: machine 'a-2' is one of those of line 1" '[machine a]' 'template = bb' 'count = 2' '[machine a-2]' 'template = bb'
	refused ":3: .*there is no network 'nowhere'" "${m[@]}" '[machine a]' 'template = bb' 'network = nowhere'
	refused ":3: .*pool.*'nowhere'" "${m[@]}" '[machine a]' 'template = bb' 'pool = nowhere'
	refused ":5: uuid is made by berth and cannot be set" "${m[@]}" '[machine a]' 'template = bb' \
		'uuid = 6f1b0cf5-4ff5-4e7c-9e0c-1c1f2f3a4b5c'
	refused ":5: label.applied is made by berth" "${m[@]}" '[machine a]' 'template = bb' 'label.applied = x'
	refused ":3: .*10.213.10.1" "${m[@]}" '[machine a]' 'template = bb' 'network = there' 'network.address = 10.213.10.1'
	refused ":4: network.address belongs to one machine" '[machine a]' 'template = bb' 'count = 2' 'network.address = 10.213.9.4'
	refused ":5: network.address 10.213.9.4 is that of machine 'a' in line 1" '[machine a]' 'template = bb' 'network = there' \
		'network.address = 10.213.9.4' '[machine b]' 'template = bb' 'network = there' 'network.address = 10.213.9.4'
	refused "boot.after" '[machine a]' 'template = bb' 'boot.after = b' '[machine b]' 'template = bb' 'boot.after = a'
	refused ":3: unknown section 'container'; known sections" "${m[@]}" '[container a]'
	refused ":1: section 'mount' belongs to a machine" '[mount a]' "${m[@]}"
	refused ":3: mount 'a' has no source" "${m[@]}" '[mount a]'
	refused ":1: 'template' is in no section" 'template = bb' "${m[@]}"
	refused ":3: machine 'A' has a name that" "${m[@]}" '[machine A]'
	refused ":4: unknown key 'subnt'; did you mean 'subnet'" "${m[@]}" '[network n]' 'subnt = x'
	refused ":4: network 'there' has subnet = 10.213.9.0/24, which cannot change to 10.213.8.0/24" "${m[@]}" \
		'[network there]' 'subnet = 10.213.8.0/24'
	busybox_template other
	refused ":3: machine 'old' was made from template 'bb', which cannot change to 'other'" "${m[@]}" '[machine old]' \
		'template = other' 'state = stopped'
	berth pool create second --driver dir
	refused ":3: machine 'old' is in pool 'default', which cannot change to 'second'" "${m[@]}" '[machine old]' \
		'template = bb' 'pool = second' 'state = stopped'
	berth pool delete second
	fails 1 "there is no file '$T/in/none'; berth.apply\\(5\\) tells" berth apply "$T/in/none"
	berth template delete other
	gone old
	berth network delete there
}

# What was done before a failure stays, is told, and the next run does the rest.
case_failing() {
	berth network create side --bridge taken --subnet 10.213.20.0/24
	ip link add taken type veth peer name other
	describe '[machine a]' 'template = bb' \
		'[machine b]' 'template = bb' 'network = side' '[machine c]' 'template = bb' 'boot.after = b'
	berth apply "$T/in/shop.apply" >"$T/out" 2>"$T/err" && fault "the bridge's name is taken"
	has "taken.*; [0-9] of 6 actions were done, and not: start machine 'b', start machine 'c'; .*the same command does the rest" "$(cat "$T/err")"
	same "what was done" "$(grep -c . "$T/out")" "$(sed -n 's/.*; \([0-9]\) of 6 .*/\1/p' "$T/err")"
	ip link del taken
	does -- "start machine 'b'" "start machine 'c'"
	does -- "nothing to do"
	state_is c running
	gone a b c
	berth network delete side
}

# All that is wrong with the file and the host is told at once, before anything is made.
case_checked() {
	local m=('[machine first]' 'template = bb')
	python3 -m http.server 48090 >/dev/null 2>&1 &
	local listener=$!
	retry 10 grep -q ':BBDA ' /proc/net/tcp
	refused ":8: device 'none': .*; .*:10: forward 'web': port 48090/tcp of this host is used by .*; .*:5: mount 'gone': there is no source '$T/absent'.*; .*:12: there is no template 'bbb'" \
		"${m[@]}" '[machine b]' 'template = bb' '[mount gone]' "source = $T/absent" 'target = /x' '[device none]' 'path = /dev/absent' \
		'[forward web]' 'port = 48090' '[machine c]' 'template = bbb'
	kill "$listener"
	wait "$listener" || true
	refused ":7: forward 'web' and forward 'http' of machine 'a' in line 1 have a port of the host in common" '[machine a]' 'template = bb' \
		'[forward http]' 'port = 48080-48090' '[machine b]' 'template = bb' '[forward web]' 'port = 48085'
	refused ":4: forward 'web' belongs to one machine, and 'count' makes several" '[machine a]' 'template = bb' 'count = 2' \
		'[forward web]' 'port = 48085'
	refused ":3: init.*absent" "${m[@]}" '[machine a]' 'template = bb' 'init = /absent'
	# The same of a machine that is there.
	describe '[machine a]' 'template = bb' 'state = stopped' 'description = old'
	berth apply "$T/in/shop.apply"
	refused ":5: mount 'gone': there is no source '$T/absent'" '[machine a]' 'template = bb' 'state = stopped' 'description = new' \
		'[mount gone]' "source = $T/absent" 'target = /x' '[machine b]' 'template = bb'
	same description old "$(berth get a description)"
	gone a
}

# An address on a network that is not there yet.
case_addresses() {
	local m=('[machine first]' 'template = bb')
	refused ":3: network.address is 10.213.9.4 but there is no network" "${m[@]}" '[machine a]' 'template = bb' \
		'network.address = 10.213.9.4' 'network ='
	refused ":4: network.address is 10.213.9.4, but network 'new' is not made yet and its subnet is not known; write it into the file: a section .network new. with" \
		"${m[@]}" '[network new]' '[machine a]' 'template = bb' 'network = new' 'network.address = 10.213.9.4'
	refused ":5: network 'new': address 10.213.9.4 cannot be a machine's: the subnet is 10.213.8.0/24" \
		"${m[@]}" '[network new]' 'subnet = 10.213.8.0/24' '[machine a]' 'template = bb' 'network = new' 'network.address = 10.213.9.4'
	mkdir -p "$BERTH_ROOT/etc"
	echo 'network = fresh' >"$BERTH_ROOT/etc/berth.conf"
	refused ":1: network.address is 10.213.9.4, but network 'fresh' is not made yet.*.network fresh." '[machine a]' 'template = bb' \
		'network.address = 10.213.9.4'
	rm "$BERTH_ROOT/etc/berth.conf"
}

case_count_zero() {
	describe 'name = shop' '[machine z]' 'template = bb' 'count = 0' 'state = stopped'
	does -- "nothing to do"
	sed -i 's/count = 0/count = 2/' "$T/in/shop.apply"
	does -- "create machine 'z-1' of template 'bb'" "create machine 'z-2' of template 'bb'"
	sed -i 's/count = 2/count = 0/' "$T/in/shop.apply"
	does --prune -- "delete machine 'z-1'" "delete machine 'z-2'"
	same left 0 "$(berth list --json | jq length)"
}

case_json() {
	local json
	describe '[machine a]' 'template = bb' 'limits.pids = 100' 'state = stopped'
	json=$(berth apply --diff --json "$T/in/shop.apply")
	same diff '[{"action":"create","kind":"machine","name":"a","changes":[],"done":false}]' "$(jq -c . <<<"$json")"
	json=$(berth apply --json "$T/in/shop.apply")
	same "done" true "$(jq '.[0].done' <<<"$json")"
	sed -i 's/100/101/' "$T/in/shop.apply"
	json=$(berth apply --json "$T/in/shop.apply")
	same change '{"key":"limits.pids","from":"100","to":"101"}' "$(jq -c '.[0].changes[0]' <<<"$json")"
	gone a
}

# A section gets another name, keeping its place; what cannot be added leaves everything as it was.
case_sections_that_change() {
	describe '[machine a]' 'template = bb' '[mount one]' "source = $T/shared" 'target = /srv/shared' \
		'[forward http]' 'port = 48080' 'target = 80'
	berth apply "$T/in/shop.apply" >"$T/out"
	describe '[machine a]' 'template = bb' 'description = old' '[mount two]' "source = $T/shared" 'target = /srv/shared' \
		'[forward web]' 'port = 48080' 'target = 80'
	berth apply "$T/in/shop.apply" >"$T/out"
	same forwards web "$(berth forward list --json a | jq -r '.[].name' | xargs)"
	same mounts two "$(berth info --json a | jq -r '.mounts[].name')"
	same shared shared "$(berth exec a -- cat /srv/shared/file)"
	describe '[machine a]' 'template = bb' 'description = new' '[mount two]' "source = $T/nothing" 'target = /srv/shared' \
		'[forward web]' 'port = 48081' 'target = 80'
	fails 1 "nothing" berth apply "$T/in/shop.apply"
	same "the mount stays" shared "$(berth exec a -- cat /srv/shared/file)"
	same "the forward stays" "48080 true" "$(berth forward list --json a | jq -r '.[] | "\(.port) \(.active)"')"
	same "the key stays" old "$(berth get a description)"
	gone a
}

# A kill at any moment: the next run finishes, and no machine is there twice or half.
case_killed() {
	local n pid
	describe '[network side]' '[machine k]' 'template = bb' 'count = 4' 'network = side' '[mount shared]' \
		"source = $T/shared" 'target = /srv/shared'
	for ((n = 0; n < 8; n++)); do
		berth apply "$T/in/shop.apply" >"$T/out" 2>&1 &
		pid=$!
		sleep "0.0$((n * 12 % 100))"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
		berth apply "$T/in/shop.apply" >"$T/out" 2>&1 || fault "$(cat "$T/out")"
		does -- "nothing to do"
		same "what runs" 4 "$(berth list --json | jq '[.[] | select(.state == "running")] | length')"
		same shared "shared shared shared shared" "$(berth each 'k-*' -- cat /srv/shared/file | sed 's/.*: //' | xargs)"
		gone k-1 k-2 k-3 k-4
	done
	berth network delete side
}

# A second run of many machines forks nothing for them.
case_many() {
	local many
	command -v strace >/dev/null || skip "there is no strace"
	describe '[machine s]' 'template = bb' 'count = 50' 'state = stopped' 'network =' 'label.a = b'
	berth apply "$T/in/shop.apply" >/dev/null
	retry 30 no_copying_is_left
	does -- "nothing to do"
	strace -f -qq -c -e trace=clone,clone3,fork,vfork -o "$T/calls" berth apply "$T/in/shop.apply"
	many=$(awk '/clone|fork/ { n += $4 } END { print n + 0 }' "$T/calls")
	echo "# 50 machines: $many processes, $( { time berth apply "$T/in/shop.apply"; } 2>&1 | sed -n 's/^real\t//p')"
	[[ $many -le 2 ]] || fault "$(cat "$T/calls")"
	sed -i 's/label.a = b/label.a = c/' "$T/in/shop.apply"
	berth apply "$T/in/shop.apply" >"$T/out"
	same changes 50 "$(grep -c "label.a = c (was b)" "$T/out")"
	describe '[machine s]' 'template = bb' 'count = 1' 'state = stopped' 'network =' 'label.a = c'
	berth apply --prune "$T/in/shop.apply" >"$T/out"
	same deletions 49 "$(grep -c "^delete machine" "$T/out")"
	gone s-1
}

# two FIRST SECOND: a description of two machines with these addresses and ports, "ADDRESS PORT".
two() {
	describe 'name = shop' '[network trade]' 'subnet = 10.213.30.0/24' '[machine a]' 'template = bb' 'network = trade' \
		"network.address = ${1% *}" '[forward web]' "port = ${1#* }" 'target = 80' '[machine b]' 'template = bb' 'network = trade' \
		"network.address = ${2% *}" '[forward web]' "port = ${2#* }" 'target = 80'
}

addresses_and_ports() {
	berth info --json a b | jq -r '.[] | "\(.network.address) \(.forwards[] | select(.active).port)"' | xargs
}

# Two machines exchange addresses and ports, and a machine gets those of one that is deleted.
case_exchanged() {
	two "10.213.30.5 48085" "10.213.30.6 48086"
	berth apply "$T/in/shop.apply" >"$T/out"
	two "10.213.30.5 48086" "10.213.30.6 48085"
	does -- "change machine 'b': no forward.web (was port = 48086, target = 80)" \
		"change machine 'a': no forward.web (was port = 48085, target = 80)" \
		"change machine 'a': forward.web (port = 48086, target = 80) (was port = 48085, target = 80)" \
		"change machine 'b': forward.web (port = 48085, target = 80) (was port = 48086, target = 80)"
	same exchanged "10.213.30.5 48086 10.213.30.6 48085" "$(addresses_and_ports)"
	two "10.213.30.6 48085" "10.213.30.5 48086"
	tells_all "machine 'b' has network.address 10.213.30.6, which another machine gets, until it is restarted; .*machine 'a' has network.address 10.213.30.5, which another machine gets, until it is restarted; apply with --restart" \
		berth apply "$T/in/shop.apply"
	same "nothing is changed" "10.213.30.5 48086 10.213.30.6 48085" "$(addresses_and_ports)"
	berth apply --restart "$T/in/shop.apply" >"$T/out" 2>&1 || fault "$(cat "$T/out")"
	same exchanged "10.213.30.6 48085 10.213.30.5 48086" "$(addresses_and_ports)"
	does -- "nothing to do"
	# Stopped ones, by hand too.
	berth stop a b
	two "10.213.30.5 48085" "10.213.30.6 48086"
	berth apply "$T/in/shop.apply" >"$T/out" 2>&1 || fault "$(cat "$T/out")"
	same exchanged "10.213.30.5 48085 10.213.30.6 48086" "$(addresses_and_ports)"
	sed -i 's/^.machine b.*/[machine c]/' "$T/in/shop.apply"
	tells_all "address 10.213.30.6 belongs to 'b'" berth apply "$T/in/shop.apply"
	does --prune -- "delete machine 'b'" "create machine 'c' of template 'bb'" "start machine 'c'"
	same address 10.213.30.6 "$(field c network.address)"
	gone a c
	berth network delete trade
}

# A restart that is still to come is told until it is done, also after one that failed.
case_restart_remembered() {
	describe '[machine a]' 'template = bb' 'env = A=1'
	berth apply "$T/in/shop.apply"
	sed -i 's/A=1/A=2/' "$T/in/shop.apply"
	does -- "change machine 'a': env = A=2 (was A=1)"
	does -- "nothing to do"
	has "machine 'a' needs a restart for its changes" "$(cat "$T/notes")"
	# One that is refused.
	mkdir "$T/in/source"
	berth mount a "$T/in/source" /srv/source
	printf '%s\n' '[mount srv-source]' "source = $T/in/source" 'target = /srv/source' >>"$T/in/shop.apply"
	rmdir "$T/in/source"
	berth apply --restart "$T/in/shop.apply" >"$T/out" 2>"$T/err" && fault "its folder is gone"
	has "there is no source.*; 0 of 1 actions were done, and not: restart machine 'a'" "$(cat "$T/err")"
	mkdir "$T/in/source"
	does --restart -- "restart machine 'a'"
	does -- "nothing to do"
	empty notes "$T/notes"
	# The old value again needs none.
	berth set a env=A=3
	does -- "change machine 'a': env = A=2 (was A=3)"
	empty notes "$T/notes"
	berth set a env=A=3
	berth exec a -- reboot -f || true
	retry 20 state_is a running
	gone a
	rmdir "$T/in/source"
}

# A paused machine is not waited for.
case_paused() {
	describe '[machine db]' 'template = bb'
	berth apply "$T/in/shop.apply"
	berth pause db
	does -- "nothing to do"
	has "machine 'db' is paused; it goes on by: berth resume db" "$(cat "$T/notes")"
	refused ":3: machine 'web' starts after 'db': .*paused" '[machine db]' 'template = bb' '[machine web]' 'template = bb' 'boot.after = db'
	berth resume db
	gone db web
}

run_cases "$@"
