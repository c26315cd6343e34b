# SPDX-License-Identifier: GPL-2.0-or-later
# LXD in the namespaces of a test. Sourced after tests/lib.sh; the script's tear_down calls lxd_ends.
# shellcheck shell=bash

export LXD_DIR=$T/lxd HOME=$T

# lxd_runs DRIVER [OPTION...]: LXD without systemd: the daemon, a pool of that driver, and no
# network.
lxd_runs() {
	command -v lxd >/dev/null || skip "there is no lxd; Debian's packages lxd and lxd-client have it"
	[[ ! -e $T/lxd.pid ]] || return 0
	mkdir -p "$T/lxd"
	# A container's own ids, whatever the host has given to others.
	etc_of_our_own
	printf 'root:1000000:1000000\nlxd:1000000:1000000\n' | tee /etc/subuid >/etc/subgid
	lxd --group root --logfile "$T/lxd.log" >"$T/lxd.out" 2>&1 &
	echo $! >"$T/lxd.pid"
	lxd waitready --timeout 60
	lxc storage create default "$@"
	lxc profile device add default root disk path=/ pool=default
}

lxd_ends() {
	[[ -e $T/lxd.pid ]] || return 0
	lxc list -f csv -c n | xargs -r lxc delete --force || true
	lxd shutdown --timeout 60 || kill "$(cat "$T/lxd.pid")"
	wait || true
	etc_of_the_host
	# What it has mounted in this namespace.
	awk -v "at=$T/lxd" 'index($5, at) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
}
