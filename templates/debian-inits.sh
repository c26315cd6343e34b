# SPDX-License-Identifier: GPL-2.0-or-later
# The inits that Debian has, and what makes each of them at home in a machine: a login on the console,
# and nothing that fails at every boot because it is about devices, disks and clocks of a computer.
# Sourced by the recipe. $init is one of: $inits
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # root, init and inits are shared with the recipe
inits='systemd sysvinit openrc openrc-init runit finit'

init_packages() {
	case $init in
	systemd) echo systemd-sysv,dbus ;;
	sysvinit) echo sysvinit-core ;;
	openrc) echo sysvinit-core,openrc ;;
	openrc-init) echo openrc-init ;;
	runit) echo runit-init ;;
	finit) echo finit-sysv ;;
	esac
}

# The start and stop scripts of a computer with devices and disks of its own. A package whose script
# was removed leaves it at that when it is upgraded. One of ours provides what others wait for.
settle_initscripts() {
	for script in brightness checkfs.sh checkroot.sh checkroot-bootclean.sh hwclock.sh mount-configfs \
		mountdevsubfs.sh mountkernfs.sh bootlogs umountfs umountroot; do
		rm -f "$root/etc/init.d/$script" "$root"/etc/rc?.d/[SK][0-9][0-9]"$script" \
			"$root"/etc/runlevels/*/"$script"
	done
	write_file etc/init.d/machine.sh 755 <<-'END'
		#!/bin/sh
		### BEGIN INIT INFO
		# Provides:          machine mountkernfs mountdevsubfs checkroot checkfs checkroot-bootclean umountfs umountroot
		# Required-Start:
		# Required-Stop:
		# Should-Stop:       halt reboot
		# Default-Start:     S
		# Default-Stop:      0 6
		# Short-Description: What a machine of berth's has mounted already
		### END INIT INFO
		[ "$1" != start ] || mkdir -p -m 1777 /run/lock
	END
	chroot "$root" update-rc.d machine.sh defaults >&2
	ln -sf /proc/mounts "$root/etc/mtab"
}

# A login on the console instead of on screens that are not there.
settle_sysvinit() {
	settle_initscripts
	sed -i -e '/^[0-9]*:[0-9]*:respawn:.*tty[0-9]/d' \
		-e 's|^pf::powerwait:.*|pf::powerwait:/sbin/shutdown -h now|' "$root/etc/inittab"
	echo 'co:2345:respawn:/sbin/getty --noclear --keep-baud 38400 console linux' >>"$root/etc/inittab"
}

settle_openrc() {
	echo 'rc_sys="lxc"' | write_file etc/rc.conf.d/machine.conf
	rm -f "$root"/etc/runlevels/*/cgroups
	if [ "$init" = openrc ]; then
		settle_sysvinit
	else
		settle_initscripts
		ln -s agetty "$root/etc/init.d/agetty.console"
		ln -s /etc/init.d/agetty.console "$root/etc/runlevels/default/agetty.console"
	fi
}

settle_runit() {
	settle_initscripts
	rm -f "$root"/etc/init.d/halt "$root"/etc/init.d/reboot "$root"/etc/rc?.d/*halt \
		"$root"/etc/rc?.d/*reboot
	rm -f "$root"/etc/runit/runsvdir/*/getty-tty*
	write_file etc/sv/getty-console/run 755 <<-'END'
		#!/bin/sh
		exec chpst -P getty --noclear --keep-baud 38400 console linux
	END
	ln -s /run/runit/supervise/getty-console "$root/etc/sv/getty-console/supervise"
	ln -s /etc/sv/getty-console "$root/etc/runit/runsvdir/default/getty-console"
}

settle_finit() {
	rm -f "$root/etc/finit.d/getty.conf"
	echo 'tty [12345] /dev/console 38400 noclear nowait linux' | write_file etc/finit.d/console.conf
	# Without this file newer ones ask for the password of root.
	: | write_file etc/fstab
}

settle_systemd() {
	: # starts a getty on the console of a container by itself
}

settle_init() {
	# What its lines set is the host's. systemd takes the refusal for what it is.
	[ "$init" = systemd ] || : | write_file etc/sysctl.d/99-protect-links.conf
	"settle_${init%-init}"
}
