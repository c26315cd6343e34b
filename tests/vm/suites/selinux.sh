#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SELinux as the host's security module: a machine in a context of its own, what that stops, and what is
# said of one that the policy does not know. Permissive at boot, since the guest's files have no labels.
# packages: selinux-policy-default policycoreutils
# kernel: security=selinux selinux=1
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../../lib.sh"

context=system_u:system_r:berth_trial_t:s0

label() {
	tr -d '\0' <"/proc/$(field "$1" init)/attr/current"
}

# A type that may do all but read another one: Debian's policy has none for containers. All others here
# are kernel_t, since no file has a label, and are let be.
policy() {
	local class
	cat <<-'end'
		(type berth_trial_t)
		(type berth_secret_t)
		(roletype system_r berth_trial_t)
		(roletype object_r berth_secret_t)
		(typeattribute berth_trial_all)
		(typeattributeset berth_trial_all (and (all) (not (berth_secret_t))))
		(typepermissive kernel_t)
		(allow berth_secret_t fs_t (filesystem (associate)))
		(allow berth_secret_t tmpfs_t (filesystem (associate)))
		(allow berth_secret_t unlabeled_t (filesystem (associate)))
	end
	for class in file dir lnk_file chr_file blk_file sock_file fifo_file filesystem process process2 fd \
		unix_stream_socket unix_dgram_socket netlink_route_socket tcp_socket udp_socket rawip_socket icmp_socket \
		packet_socket netlink_kobject_uevent_socket netlink_audit_socket capability capability2 cap_userns cap2_userns \
		system key ipc shm sem msgq msg netif node peer association; do
		echo "(allow berth_trial_t berth_trial_all ($class (all)))"
	done
}

case_the_host() {
	same "mode" 0 "$(cat /sys/fs/selinux/enforce)"
	policy >"$T/trial.cil"
	semodule -i "$T/trial.cil"
	has '^ok +labels +SELinux is in force \(permissive\)' "$(berth doctor || true)"
	busybox_template bb
	berth launch --wait bb m
	# The policy's choice is the caller's own.
	same "without" "$(tr -d '\0' </proc/self/attr/current)" "$(label m)"
	berth stop m
}

# Named by contexts/lxc_contexts, and yet not in the policy: what container engines fall over.
case_a_context_that_is_not_there() {
	berth set m security.selinux=system_u:system_r:container_t:s0
	fails 1 "security.selinux is 'system_u:system_r:container_t:s0', which the host's policy does not know" berth start m
	berth set m security.selinux=nonsense
	fails 1 "security.selinux is 'nonsense', which the host's policy does not know" berth start m
	same "state" failed "$(field m state)"
}

case_a_context() {
	berth set m "security.selinux=$context"
	berth start --wait m
	same "init's" "$context" "$(label m)"
	same "an entered command's" "$context" "$(berth exec m -- cat /proc/self/attr/current | tr -d '\0')"
	has "^label: +$context" "$(berth info m)"
	berth restart --wait m
	same "init's, again" "$context" "$(label m)"
	berth stop m
	berth set m security.apparmor=yes
	fails 1 "security.apparmor is yes, but this host has SELinux" berth start m
	berth unset m security.apparmor
}

# Root of a machine whose ids are the host's reads whatever it is given, but for the label.
case_what_it_stops() {
	mkdir -p "$T/share"
	echo secret >"$T/share/secret"
	echo other >"$T/share/other"
	chmod 644 "$T"/share/*
	chcon system_u:object_r:berth_secret_t:s0 "$T/share/secret"
	setenforce 1
	berth mount m "$T/share" /mnt
	berth start --wait m
	same "what is free" other "$(berth exec m -- cat /mnt/other)"
	not berth exec m -- cat /mnt/secret
	berth stop m
	berth unset m security.selinux
	berth start --wait m
	same "without it" secret "$(berth exec m -- cat /mnt/secret)"
	berth stop m
	setenforce 0
}

# The policy knows it, and does not let it be entered from here.
case_a_context_that_is_refused() {
	setenforce 1
	berth set m security.selinux=system_u:system_r:getty_t:s0
	fails 1 "SELinux.s policy may not let it begin in .*getty_t" berth start m
	setenforce 0
	same "state" failed "$(field m state)"
	berth unset m security.selinux
	berth start --wait m
	berth stop m
	dmesg | grep 'avc: *denied' | sed 's/.*avc:/avc:/' | sort | uniq -c | sort -rn | head -20 || true
}

run_cases "$@"
