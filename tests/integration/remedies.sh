#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Sentences that lead somewhere: what is refused or left out is told, with what can be done.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

set_up() {
	busybox_template bb
	mkdir "$T/in"
}

# A word of template build that is no recipe.
case_recipe_or_file() {
	cd "$T/in"
	fails 1 "there is no recipe 'web' and no file of that name; recipes: .*busybox.*; a file of steps is named with its path, such as ./web.template" \
		berth template build web
	printf 'from = bb\nrun = true\n' >web
	fails 1 "there is no recipe 'web'; to build by the steps of the file of that name, write ./web" berth template build web
}

# template get and unset know the keys of machines.
case_template_keys() {
	fails 2 "unknown key 'limits.pid'; did you mean 'limits.pids'" berth template get bb default.limits.pid
	fails 2 "unknown key 'limits.pid'; did you mean 'limits.pids'" berth template unset bb default.limits.pid
	fails 2 "unknown key 'nothing'" berth template unset bb nothing
	# A wrong word is a mistake of the command, and a name that is not there is none.
	berth volume create words
	fails 2 "unknown key 'nothing'" berth volume unset words nothing
	berth volume delete words
	fails 1 "there is no volume 'words'" berth volume unset words description
	fails 1 "no machine 'words'" berth unset words limits.pids
	fails 2 "unknown key 'nothing'" berth template get bb nothing
	berth template set bb default.limits.pids=99
	same "one that is set" 99 "$(berth template get bb default.limits.pids)"
	berth template unset bb default.limits.pids
}

case_export_names() {
	fails 2 "ends with '.zip', which is none of the suffixes of exports: .tar, .tar.gz" berth template export bb "$T/in/bb.zip"
	[[ ! -e $T/in/bb.zip ]]
	berth template export bb "$T/in/bb.tgz"
	gzip -t "$T/in/bb.tgz"
	# What the file has no place for is told.
	berth template set bb default.limits.pids=99 default.env=A=1
	berth template export bb "$T/in/bb.tar" 2>"$T/err"
	has "the file has no place for default.env, default.limits.pids; give the defaults" "$(cat "$T/err")"
	berth template export --format oci bb "$T/in/bb.oci.tar" 2>"$T/err"
	has "no place for default.limits.pids;" "$(cat "$T/err")"
	berth template unset bb default.limits.pids default.env
}

# Images of disks that are compressed, or come from a pipe.
case_disk_images() {
	printf 'QFI\373\0\0\0\003' >"$T/in/disk.qcow2"
	head -c 100000 /dev/urandom >>"$T/in/disk.qcow2"
	gzip -k "$T/in/disk.qcow2"
	fails 1 "an image of a disk cannot be compressed or come from a pipe: write it to a file first" \
		berth template import "$T/in/disk.qcow2.gz" disk
	# shellcheck disable=SC2016 # for the shell that is begun
	fails 1 "an image of a disk cannot be compressed or come from a pipe" \
		sh -c 'cat "$1" | berth template import - disk' sh "$T/in/disk.qcow2"
}

# The remedy for a machine that is not made yet is no verb that needs the machine.
case_limits_of_new_machines() {
	berth create --set limits.memory=64M bb m 2>"$T/err" && {
		gone m
		skip "this host has a memory controller"
	}
	lacks "berth unset" "$(cat "$T/err")"
	has "leave limits.memory out" "$(cat "$T/err")"
}

case_names_of_count() {
	same names "many-1 many-2 many-3" "$(berth create --count 3 bb many | xargs)"
	fails 2 "network.address belongs to one machine" berth create --count 2 --set network.address=10.1.2.3 bb one
	fails 1 "no machine 'one-1'" berth info one-1
	gone many-1 many-2 many-3
}

# A lock's file goes with what it locks.
case_locks_go() {
	printf 'from = bb\nrun = touch /x\n' >"$T/in/derived.template"
	berth template build "$T/in/derived.template"
	berth launch derived machine
	berth network create net
	berth pool create pool --driver dir
	gone machine
	berth template delete derived
	berth template prune
	berth network delete net
	berth pool delete pool
	fails 1 "there is no template 'never'" berth template delete never
	[[ -z $(find "$BERTH_ROOT/run/locks" -name '*derived*' -o -name '*cached*' -o -name '*machine*' -o -name '*never*' \
		-o -name 'network.net' -o -name 'pool.pool') ]] || fault "$(ls "$BERTH_ROOT/run/locks")"
}

# A machine that a failed build leaves is of the template of the file.
case_kept_machine() {
	local name
	printf 'from = bb\nrun = touch /x\nrun = false\n' >"$T/in/kept.template"
	berth template build --keep "$T/in/kept.template" 2>/dev/null && fault "a step fails"
	name=$(berth list --json | jq -r '.[].name')
	same template bb "$(field "$name" template)"
	gone "$name"
	berth template build --keep "$T/in/kept.template" 2>/dev/null && fault "a step fails"
	name=$(berth list --json | jq -r '.[].name')
	same "template, after a cached step" bb "$(field "$name" template)"
	gone "$name"
	berth template prune
}

# A root whose init says that it has booted much later.
slow_template() {
	! berth template info slow >/dev/null 2>&1 || return 0
	busybox_root "$T/slow"
	printf '#!/bin/sh\nsleep 100\n' >"$T/slow/bin/slow"
	chmod +x "$T/slow/bin/slow"
	tar -C "$T/slow" -cf "$T/slow.tar" .
	berth template import "$T/slow.tar" slow
	berth template set slow default.init=/bin/slow
}

nothing_is_made() {
	[[ $(berth list --json | jq length) -eq 0 ]]
}

# An interrupt during the boot ends run, without a terminal too, and leaves no machine.
case_run_interrupted() {
	local signal code
	slow_template
	for signal in INT TERM HUP; do
		python3 -c 'import signal, os, sys
for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(s, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' berth run slow -- true </dev/null >"$T/out" 2>"$T/err" &
		retry 30 eval '[[ $(berth list --json | jq -r ".[].state") == running ]]'
		kill -s "$signal" $!
		code=0
		wait $! || code=$?
		same "exit code after SIG$signal" $((128 + $(kill -l "$signal"))) "$code"
		retry 20 nothing_is_made
	done
	berth template delete slow
}

# A forward that was left out, since its port was taken, is made by the same forward add once it is free.
case_forward_again() {
	python3 -m http.server 48095 >/dev/null 2>&1 &
	local listener=$!
	retry 10 grep -q ':BBDF ' /proc/net/tcp
	berth create bb web
	printf '\n[forward http]\nport = 48095\ntarget = 80\n' >>"$BERTH_ROOT/lib/machines/web/machine.conf"
	berth start web 2>"$T/err"
	has "it is left out" "$(cat "$T/err")"
	same active false "$(berth forward list --json web | jq '.[0].active')"
	fails 1 "port 48095/tcp of this host is used by" berth forward add web tcp 48095:80
	kill "$listener"
	wait "$listener" || true
	berth forward add web tcp 48095:80
	same active true "$(berth forward list --json web | jq '.[0].active')"
	same forwards 1 "$(berth forward list --json web | jq length)"
	gone web
}

# Files that cannot be read, or have gone, are told, and the others are copied.
case_pull_of_proc() {
	local code=0
	berth launch --wait bb m
	timeout 300 berth pull m:/proc "$T/in/proc" 2>"$T/err" || code=$?
	same code 1 "$code"
	has "left out|cannot be read|gone meanwhile" "$(cat "$T/err")"
	has "Linux version" "$(cat "$T/in/proc/version")"
	[[ -s $T/in/proc/1/status ]] || fault "$(ls "$T/in/proc")"
	gone m
}

# A FIFO that nobody has open, and one that a program holds open without reading from it.
case_pull_into_fifo() {
	local holder
	berth launch --wait bb m
	berth exec m -- sh -c 'dd if=/dev/zero of=/big bs=1M count=4 2>/dev/null'
	mkfifo "$T/in/fifo"
	fails 1 "no program reads from it" berth pull m:/big "$T/in/fifo"
	sleep 600 <>"$T/in/fifo" &
	holder=$!
	timeout 300 berth pull m:/big "$T/in/fifo" 2>"$T/err" && fault "nobody reads"
	has "nothing has moved for a minute.*the FIFO or device, which nobody reads" "$(cat "$T/err")"
	kill "$holder"
	wait "$holder" || true
	# One that is read gets all of it.
	wc -c <"$T/in/fifo" >"$T/count" &
	holder=$!
	# It is refused until that program has opened the FIFO, which nothing shows.
	retry 20 berth pull m:/big "$T/in/fifo"
	wait "$holder"
	same bytes 4194304 "$(xargs <"$T/count")"
	rm "$T/in/fifo"
	gone m
}

# A machine that a killed command has left half made matches no pattern.
case_half_made() {
	berth create bb half-2
	mkdir "$BERTH_ROOT/lib/machines/half-1"
	cp "$BERTH_ROOT/lib/machines/half-2/machine.conf" "$BERTH_ROOT/lib/machines/.unfinished/half-1"
	same "those that are there" half-2 "$(berth list --json 'half-*' | jq -r '.[].name')"
	silent "what is left" berth delete --force 'half-*'
	[[ ! -e $BERTH_ROOT/lib/machines/half-1 && ! -e $BERTH_ROOT/lib/machines/half-2 ]]
}

run_cases "$@"
