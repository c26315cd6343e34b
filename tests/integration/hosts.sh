#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Hosts that lack something, and hosts with very many machines.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

case_doctor() {
	berth doctor >"$T/doctor" || true
	grep -qi cgroup "$T/doctor"
	not grep -q "$(printf '\033')" "$T/doctor"
}

# Host-wide limits that are lower than those of an installation's 60-berth.conf.
case_doctor_of_shared_limits() {
	local name value
	berth doctor >"$T/doctor" || true
	grep -v '^#' "$top/host/60-berth.conf" >"$T/limits"
	grep -q '^kernel' "$T/limits"
	while IFS=' =' read -r name value; do
		# The limits of neighbours are visible only in the host's network namespace.
		[[ $name != *gc_thresh2 && -e /proc/sys/${name//.//} ]] || continue
		if (($(sysctl -n "$name") < value)); then
			has "sysctl -w $name=$value, as 60-berth.conf" "$(cat "$T/doctor")"
		else
			not grep -q "sysctl -w $name" "$T/doctor"
		fi
	done <"$T/limits"
}

set_up() {
	busybox_template bb
	berth create bb m
}

case_doctor_in_a_chroot() {
	local folders="bin lib lib64 proc sys dev usr $BUILD_TREE" code=0
	mkdir -p "$T/jail/run"
	# shellcheck disable=SC2016,SC2086 # for the shell inside; words
	unshare --mount sh -ec '
		jail=$1
		shift
		for folder; do
			mkdir -p "$jail/$folder"
			mount --rbind "/$folder" "$jail/$folder"
		done
		exec chroot "$jail" "$BUILD_TREE/berth" doctor' sh "$T/jail" $folders >"$T/doctor" || code=$?
	same code 1 "$code"
	has "user namespaces: .*permitted" "$(cat "$T/doctor")"
	has "this is a chroot" "$(cat "$T/doctor")"
}

case_no_cgroup2() {
	cat >"$T/without" <<-'END'
		#!/bin/bash
		awk '$0 ~ / - cgroup2? / { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
		exec "$@"
	END
	chmod +x "$T/without"
	fails 1 "cgroup" unshare --mount --propagation private "$T/without" berth start m
	same state failed "$(field m state)"
	unshare --mount --propagation private "$T/without" berth list
	unshare --mount --propagation private "$T/without" berth doctor >"$T/doctor" && fault "doctor is content"
	grep -q cgroup "$T/doctor"
}

# doctor_with CONTROLLERS: what doctor says on a host with these.
doctor_with() {
	echo "$1" >"$T/controllers"
	unshare --mount --propagation private sh -c 'mount --bind "$1" "$2/cgroup.controllers" && berth doctor' sh \
		"$T/controllers" "$(findmnt -n -o TARGET -t cgroup2 | head -n 1)" || true
}

# Where limits cannot be kept and nothing is measured, doctor does not call all well.
case_few_controllers() {
	has "^note +cgroups +.*no controllers.*without memory figures and limits" "$(doctor_with "")"
	has "^note +cgroups +.*has no cpu, io: the limits that they keep are refused" "$(doctor_with "memory pids")"
	has "^ok +cgroups +" "$(doctor_with "cpuset cpu io memory pids")"
}

# Machines have their addresses without dnsmasq, and commands report what is missing.
case_no_dnsmasq() {
	berth network down default
	cp -a /usr/sbin "$T/sbin"
	rm "$T/sbin/dnsmasq"
	mount --bind "$T/sbin" /usr/sbin
	berth start --wait m
	has "dnsmasq is not installed" "$(berth doctor)"
	has "missing" "$(berth network list)"
	ping -c 1 -W 5 "$(field m network.address)"
	umount /usr/sbin
	rm -rf "$T/sbin"
	berth network up default
	lacks missing "$(berth network list)"
	berth stop --force m
}

# arguments: prints the arguments of the only dnsmasq here.
arguments() {
	tr '\0' '\n' <"/proc/$(cat "$BERTH_ROOT/run/networks/default/dnsmasq.pid")/cmdline"
}

# dnsmasq itself does not start if a link of resolv.conf leads into a missing folder.
case_a_resolv_conf_that_leads_nowhere() {
	berth network down default
	etc_of_our_own
	ln -sfn "$T/later/resolv.conf" /etc/resolv.conf
	berth start --wait m
	lacks missing "$(berth network list)"
	berth exec m -- nslookup m "$(field m network.gateway)"
	has "--no-resolv" "$(arguments)"
	mkdir "$T/later"
	echo "nameserver 192.0.2.53" >"$T/later/resolv.conf"
	follows() { arguments | grep -qx -e "--resolv-file=$T/later/resolv.conf"; }
	retry 20 follows
	# The link leads to another file that does not exist yet, and no machine runs whose keeper would see it.
	berth stop --force m
	mkdir "$T/other"
	ln -sfn "$T/other/resolv.conf" /etc/resolv.conf
	has "no longer the host's" "$(berth doctor || true)"
	berth start --wait m
	has "--resolv-file=$T/other/resolv.conf" "$(arguments)"
	lacks "no longer the host's" "$(berth doctor || true)"
	etc_of_the_host
	berth stop --force m
}

case_thousand_stopped_machines() {
	local n folder=$BERTH_ROOT/lib/machines volumes=$BERTH_ROOT/lib/pools/many/volumes
	berth pool create --driver dir many
	busybox_template tt many
	berth create --pool many tt of-many
	# These files are those of a thousand creations, made in less time.
	for ((n = 0; n < 1000; n++)); do
		mkdir -p "$folder/stopped-$n" "$volumes/machine.stopped-$n/root"
		cp "$folder/of-many/machine.conf" "$folder/stopped-$n/"
	done
	same lines 1003 "$(berth list | wc -l)"
	berth list --json | is_json
	rm -rf "$folder"/stopped-* "$volumes"/machine.stopped-*
}

case_state_root_by_option() {
	same "two roots" "[]" "$(berth --root "$T/elsewhere" list --json | tr -d ' \n')"
	same "after the verb" "[]" "$(berth list --root "$T/elsewhere" --json | tr -d ' \n')"
}

case_state_root_that_cannot_be() {
	# Commands that look make no folders. Commands that create report that they cannot.
	fails 1 "/proc/nowhere" berth --root /proc/nowhere network create n
	: >"$T/file"
	fails 1 "$T/file" berth --root "$T/file" list
}

run_cases "$@"
