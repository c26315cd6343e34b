#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a guest finds as it would on a machine of its own: mounts that are shared, an identity of each boot,
# resource limits that do not depend on who starts it.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# limits MACHINE PROCESS: prints the limits of that process.
limits() {
	berth exec "$1" -- cat "/proc/$2/limits"
}

# limit MACHINE PROCESS WORDS: prints "SOFT HARD" of one limit.
limit() {
	limits "$1" "$2" | sed -n "s/^$3  *\([^ ]*\) *\([^ ]*\).*/\1 \2/p"
}

boot_id() {
	berth exec "$1" -- cat /proc/sys/kernel/random/boot_id
}

set_up() {
	busybox_template bb
	berth launch --wait bb m
}

case_mounts_are_shared_inside() {
	local line
	berth exec m -- cat /proc/1/mountinfo >"$T/mounts"
	grep -q ' /proc ' "$T/mounts"
	while read -r line; do
		has ' shared:' "$line"
		lacks 'master:' "$line"
	done <"$T/mounts"
	# None of these peer groups is one of the host's.
	berth exec m -- grep -o 'shared:[0-9]*' /proc/1/mountinfo | sort -u >"$T/inside"
	{ grep -o 'shared:[0-9]*' /proc/self/mountinfo || true; } | sort -u >"$T/outside"
	silent "groups of both" comm -12 "$T/inside" "$T/outside"
}

# Later mounts of the guest or of the host reach mount namespaces inside, as services and container engines need it.
case_later_mounts_reach_namespaces() {
	berth exec m -- sh -c 'mkdir -p /x /live'
	berth exec m -- unshare -m --propagation slave sh -c '
		touch /ready
		until [ -e /x/made ]; do usleep 50000; done
		until [ -e /live/shared ]; do usleep 50000; done' &
	retry 20 berth exec m -- test -e /ready
	berth exec m -- sh -c 'mount -t tmpfs none /x && touch /x/made'
	mkdir "$T/live"
	touch "$T/live/shared"
	berth mount --owner root m "$T/live" /live
	retry 30 not kill -0 $!
	wait $!
	berth unmount m /live
	not berth exec m -- test -e /live/shared
}

# Whether a mount on a shared folder reaches the other side, with and without a root of the machine's own.
passes_out() {
	berth exec "$1" -- mount -t tmpfs none /shared/inner || return 99
	grep -q " $T/shared/inner " /proc/self/mountinfo
}

passes_in() {
	local status=0
	mount -t tmpfs none "$T/shared/outer" || return 99
	berth exec "$1" -- grep -q ' /shared/outer ' /proc/1/mountinfo || status=$?
	umount "$T/shared/outer"
	return "$status"
}

case_nothing_passes_a_shared_folder() {
	local key
	mkdir -p "$T/shared"
	mount -t tmpfs none "$T/shared"
	mount --make-shared "$T/shared"
	mkdir "$T/shared"/{inner,outer}
	for key in no yes; do
		berth set m security.privileged="$key"
		[[ $key == yes ]] || berth mount --owner root m "$T/shared" /shared
		berth restart --wait m
		not passes_out m
		not passes_in m
		has "shared.*/shared " "$(berth exec m -- cat /proc/1/mountinfo | sed -n 's/.* \(\/shared\) [^ ]* \(shared:[0-9]*\) .*/\2 \1 /p')"
	done
	# Without the protections mounts pass both ways.
	berth stop m
	BERTH_TEST_HOLES=propagation "$BUILD_TREE/berth-holes" start --wait m
	passes_out m
	umount "$T/shared/inner"
	passes_in m
	berth stop m
	umount "$T/shared"
	berth unmount m /shared
	berth set m security.privileged=no
	berth start --wait m
}

case_a_boot_has_an_identity() {
	local first second
	first=$(boot_id m)
	[[ $first =~ ^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$ ]]
	[[ $first != "$(cat /proc/sys/kernel/random/boot_id)" ]]
	same "once more" "$first" "$(boot_id m)"
	not berth exec m -- sh -c 'echo x >/proc/sys/kernel/random/boot_id'
	berth exec m -- busybox reboot -f || true
	reborn() {
		second=$(boot_id m) && [[ $second != "$first" ]]
	}
	retry 20 reborn
	# User namespaces inside can mount a /proc of their own.
	berth exec m -- unshare -Urmpf --mount-proc true
}

first_id() {
	awk '{ print $2 }' "/proc/$(field "$1" init)/uid_map"
}

# twin_elsewhere ID: in another installation, of whose machine that is not the first.
twin_elsewhere() (
	# shellcheck disable=SC2030
	export BERTH_ROOT=$T/other
	mkdir "$BERTH_ROOT"
	busybox_template bb
	berth launch --set network= bb twin
	[[ $(first_id twin) -ne $1 ]]
	delete_all
)

# Machines of one name in two installations, and of one whose settings have changed since.
# shellcheck disable=SC2031 # that of this one
case_ids_are_of_the_whole_host() {
	local first
	berth launch --set network= bb twin
	first=$(first_id twin)
	twin_elsewhere "$first"
	mkdir -p "$BERTH_ROOT/etc"
	echo "idmap.base = $((first - 65536))" >"$BERTH_ROOT/etc/berth.conf"
	echo "idmap.machines = 2" >>"$BERTH_ROOT/etc/berth.conf"
	berth launch --set network= bb other
	same "the free one" $((first - 65536)) "$(first_id other)"
	rm "$BERTH_ROOT/etc/berth.conf"
	same "noted for the host" "$BERTH_ROOT/run/machines/twin" "$(readlink "/run/berth/ids/$first")"
	berth delete --force twin other
	not test -L "/run/berth/ids/$first"
}

# The limits depend neither on the user who starts the machine nor on that user's own limits.
case_limits_do_not_depend_on_the_caller() {
	limits m 1 >"$T/usual"
	(
		ulimit -S -u 1000 -i 20 -n 100 -l 16 -c 0
		berth restart --wait m
	)
	limits m 1 >"$T/others"
	diff "$T/usual" "$T/others"
	# shellcheck disable=SC2030,SC2031
	(
		ulimit -S -i 20 -n 100
		limits m self >"$T/command"
	)
	diff "$T/usual" "$T/command"
}

reboot_inside() {
	local before
	before=$(boot_id "$1")
	berth exec "$1" -- busybox reboot -f || true
	another() {
		local now
		now=$(boot_id "$1") && [[ $now != "$before" ]]
	}
	retry 20 another "$1"
}

case_limits_of_its_own() {
	local moment process kept
	kept=$(cat "/proc/$(field m keeper)/limits")
	berth set m limits.rlimit.memlock=1M:2M limits.rlimit.nofile=500:1K limits.rlimit.core=0
	for moment in start reboot; do
		if [[ $moment == start ]]; then
			berth restart --wait m
		else
			reboot_inside m
		fi
		for process in 1 self; do
			same "$moment memlock" "1048576 2097152" "$(limit m "$process" 'Max locked memory')"
			same "$moment nofile" "500 1024" "$(limit m "$process" 'Max open files')"
			same "$moment core" "0 0" "$(limit m "$process" 'Max core file size')"
		done
		# The limits are those of the machine, not of its keeper.
		same "$moment keeper" "$kept" "$(cat "/proc/$(field m keeper)/limits")"
	done
	has "limits.rlimit.nofile = 500:1K" "$(berth get m)"
}

may_raise() {
	local mask
	mask=$(sed -n 's/^CapEff:[^0-9a-f]*//p' /proc/self/status)
	(((0x$mask >> 24) & 1))
}

# Real-time services, and engines with high limits: the host's root can grant limits that it may have itself.
case_limits_that_are_raised() {
	local keys=(limits.rlimit.memlock=max limits.rlimit.rtprio=50 limits.rlimit.nice=30 limits.rlimit.nofile=1K:max)
	if ! may_raise; then
		fails 1 "limits.rlimit.memlock cannot be 'max' here: .*CAP_SYS_RESOURCE" berth set m "${keys[@]}"
	else
		berth set m "${keys[@]}"
		berth restart --wait m
		same memlock "unlimited unlimited" "$(limit m 1 'Max locked memory')"
		same nofile "1024 $(cat /proc/sys/fs/nr_open)" "$(limit m 1 'Max open files')"
		berth exec m -- nice -n -5 true
		berth exec m -- chrt -f 20 true
		not berth exec m -- chrt -f 60 true
	fi
	berth unset m limits.rlimit.memlock limits.rlimit.rtprio limits.rlimit.nice limits.rlimit.nofile limits.rlimit.core
}

# shellcheck disable=SC2031 # that of this one
case_limits_that_cannot_be() {
	local more
	more=$(($(cat /proc/sys/fs/nr_open) + 1))
	fails 2 "limits.rlimit.nice cannot be 'high'.*number" berth set m limits.rlimit.nice=high
	fails 2 "limits.rlimit.nofile.*higher than the second" berth set m limits.rlimit.nofile=9:8
	fails 1 "limits.rlimit.nofile cannot be '$more' here: the host's fs.nr_open is less" berth set m "limits.rlimit.nofile=$more"
	berth stop m
	# The file is from a host that once had higher limits.
	echo "limits.rlimit.nofile = $more" >>"$BERTH_ROOT/lib/machines/m/machine.conf"
	fails 1 "limits.rlimit.nofile cannot be '$more' here: the host's fs.nr_open is less" berth start m
	berth delete --force m
}

run_cases "$@"
