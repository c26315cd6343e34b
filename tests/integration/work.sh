#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A Debian at its daily work, behind all walls: ssh, cron, an upgrade, users, and services that confine
# themselves. RELEASES="bullseye bookworm trixie sid" for others than the default.
needs_debian=${RELEASES:-bookworm}
needs_packages="cron,locales,openssh-client,openssh-server,tzdata"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# The script on standard input, in every machine. A plain "!" would not end it: (! COMMAND) does.
inside() {
	local release
	cat >"$T/script"
	for release in $needs_debian; do
		echo "# $release"
		berth exec "$release" -- sh -c 'cat >/script' <"$T/script"
		berth exec "$release" -- sh -eux /script </dev/null
	done
}

set_up() {
	local release
	for release in $needs_debian; do
		debian_template "$release" "template-$release"
		berth launch --wait "template-$release" "$release"
	done
	inside <<-'end'
		systemctl --failed --no-legend
		systemctl --failed --no-legend | (! grep .)
		systemctl is-active cron
	end
}

case_ssh() {
	inside <<-'end'
		useradd -m -s /bin/sh worker
		install -d -m 700 -o worker /home/worker/.ssh
		test -e /root/key || ssh-keygen -q -t ed25519 -N '' -f /root/key
		install -m 600 -o worker /root/key.pub /home/worker/.ssh/authorized_keys
		systemctl start ssh
		test "$(ssh -i /root/key -o StrictHostKeyChecking=no worker@127.0.0.1 id -un)" = worker
		# With a terminal of its own, and a session of logind's where there is one.
		ssh -tt -i /root/key -o StrictHostKeyChecking=no worker@127.0.0.1 tty | grep /dev/pts/
	end
}

case_cron() {
	inside <<-'end'
		echo '* * * * * root touch /cron-was-here' >/etc/cron.d/work
		systemctl reload cron || systemctl restart cron
		i=0
		until test -e /cron-was-here; do
			sleep 1
			i=$((i + 1))
			test $i -lt 300
		done
		rm /etc/cron.d/work
	end
}

# From a repository in the machine: there is no network here, and no newer version to wait for.
case_upgrade() {
	inside <<-'end'
		build() {
			rm -rf /build && mkdir -p /build/DEBIAN /build/usr/bin /repo
			printf 'Package: berth-work\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: to be upgraded\n' "$1" >/build/DEBIAN/control
			printf '#!/bin/sh\nset -e\nadduser --version >/dev/null 2>&1 || true\nuseradd --system berth-work 2>/dev/null || true\nchown berth-work /usr/bin/berth-work\nsystemctl daemon-reload\n' >/build/DEBIAN/postinst
			chmod 755 /build/DEBIAN/postinst
			printf '#!/bin/sh\necho %s\n' "$1" >/build/usr/bin/berth-work
			chmod 4755 /build/usr/bin/berth-work
			dpkg-deb -b /build "/repo/berth-work_$1_all.deb"
		}
		index() {
			for deb in /repo/*.deb; do
				dpkg-deb -f "$deb"
				echo "Filename: ./$(basename "$deb")"
				echo "Size: $(stat -c %s "$deb")"
				echo "SHA256: $(sha256sum "$deb" | cut -d ' ' -f 1)"
				echo
			done >/repo/Packages
		}
		mkdir -p /away && mv /etc/apt/sources.list* /away
		mkdir -p /etc/apt/sources.list.d
		echo 'deb [trusted=yes] file:/repo ./' >/etc/apt/sources.list
		export DEBIAN_FRONTEND=noninteractive
		build 1.0
		index
		apt-get -q update
		apt-get -q -y install berth-work
		build 2.0
		index
		apt-get -q update
		apt-get -q -y upgrade
		test "$(berth-work)" = 2.0
		test "$(stat -c %U /usr/bin/berth-work)" = berth-work
		apt-get -q -y purge berth-work
		test ! -e /usr/bin/berth-work
		dpkg --audit
	end
}

case_services_that_confine_themselves() {
	inside <<-'end'
		run='systemd-run --wait --pipe --quiet'
		touch /tmp/of-all
		$run -p PrivateTmp=yes sh -c '! test -e /tmp/of-all && touch /tmp/mine'
		test ! -e /tmp/mine
		$run -p ProtectSystem=strict sh -c '! touch /usr/x 2>/dev/null && ! touch /etc/x 2>/dev/null'
		mkdir -p /home/at-home && touch /root/of-root
		$run sh -c 'ls /home/at-home /root/of-root'
		$run -p ProtectHome=yes sh -c '! ls /home/at-home 2>/dev/null && ! ls /root/of-root 2>/dev/null'
		$run -p DynamicUser=yes -p StateDirectory=dynamic sh -c 'test "$(id -u)" -ge 61184 && touch /var/lib/dynamic/x'
		$run -p PrivateDevices=yes sh -c 'test -c /dev/null && echo x >/dev/null && ! test -e /dev/console'
		$run -p PrivateNetwork=yes sh -c 'test "$(ls /sys/class/net)" = lo || test "$(grep -c : /proc/net/dev)" -eq 1'
		$run -p NoNewPrivileges=yes -p SystemCallFilter=@system-service -p RestrictNamespaces=yes true
		$run -p ProtectKernelTunables=yes -p ProtectKernelModules=yes -p ProtectControlGroups=yes -p ProtectHostname=yes true
		$run -p MemoryDenyWriteExecute=yes -p LockPersonality=yes -p RestrictAddressFamilies=AF_UNIX true
		mkdir -p /srv/root/usr
		for name in bin lib lib64 sbin; do ln -sf "usr/$name" "/srv/root/$name"; done
		$run -p RootDirectory=/srv/root -p BindReadOnlyPaths=/usr -p BindPaths=/srv:/mnt -p MountAPIVFS=yes sh -c 'test -e /proc/1 && touch /mnt/made'
		test -e /srv/made
		$run -p ReadOnlyPaths=/etc -p InaccessiblePaths=/root -p TemporaryFileSystem=/var/spool sh -c '! ls /root/of-root 2>/dev/null'
	end
}

case_users_and_groups() {
	inside <<-'end'
		groupadd crew
		useradd -m -G crew -s /bin/bash second
		echo second:secret | chpasswd
		su -l second -c 'id -Gn' | grep crew
		su -l second -c 'ping -c 1 -W 5 127.0.0.1'
		userdel -r second
		groupdel crew
	end
}

case_still_no_failed_unit() {
	local release
	inside <<-'end'
		failed=$(systemctl --failed --no-legend)
		echo "$failed" | (! grep -v -e run- -e '^$')
	end
	for release in $needs_debian; do
		berth restart --wait "$release"
	done
	inside <<-'end'
		failed=$(systemctl --failed --no-legend)
		test -z "$failed"
	end
}

run_cases "$@"
