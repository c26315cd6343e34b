# SPDX-License-Identifier: GPL-2.0-or-later
# Desktops: a display server that listens on a unix socket in the machine, and on no port; here that of TigerVNC. Its user
# is the first ordinary one of the machine that is not "desktop", or else that one, so that a user who is made later, at
# launch or by hand, gets the desktop. Sourced by the recipes, after debian.sh.
# shellcheck shell=sh
# shellcheck disable=SC2154 # root, release, init and packages are lib.sh's

# What every desktop needs: a session of its own on the bus, fonts, languages and time zones.
session_packages=dbus-user-session,libpam-systemd,fonts-dejavu-core,locales,tzdata
# What it plays is read by pulseaudio's.
sound_packages=pulseaudio,pulseaudio-utils,libasound2-plugins
# shellcheck disable=SC2034 # of the recipes desktop and desktop-rdp
xfce_packages=xfce4-session,xfwm4,xfce4-panel,xfdesktop4,xfce4-settings,thunar,xfce4-terminal,adwaita-icon-theme
# The server, and cookies for X.
display_packages=tigervnc-standalone-server,xauth,x11-xserver-utils,x11-xkb-utils,dbus-x11
display_unit=tigervncserver@:1.service

# build_session RELEASES PACKAGES: Debian of one of the releases, the first by default, with these packages.
build_session() {
	: "${release:=${1%% *}}"
	# shellcheck disable=SC2086 # words
	one_of release "$release" $1
	[ "${init:-systemd}" = systemd ] || die "a desktop needs systemd, not '$init'"
	packages=$session_packages,$2${packages:+,$packages}
	build_debian
	# Files that are dropped on the desktop go there.
	mkdir -p "$root/etc/skel/Downloads"
	chroot "$root" useradd --create-home --shell /bin/bash --uid 1000 desktop >&2
}

# build_desktop PACKAGES: Debian with the display server of TigerVNC and these packages.
build_desktop() {
	build_session "bookworm trixie" "$sound_packages,$display_packages,$1"
	settle_display
	settle_language
	settle_sound
	settle_user
}

# Perl, read after the settings of the user, so that no user opens a port by them. Viewers share the display. On a unix
# socket all viewers have one address, so that some that leave early would lock all others out.
settle_display() {
	write_file etc/tigervnc/vncserver-config-mandatory <<-'END'
		$rfbunixpath = "/run/desktop/rfb";
		$rfbunixmode = "0600";
		$rfbport = "-1";
		$SecurityTypes = "None";
		$AlwaysShared = "yes";
		$UseBlacklist = "no";
		1;
	END
	write_file etc/tigervnc/vncserver-config-defaults <<-'END'
		$geometry = "1280x800";
		$depth = "24";
		1;
	END
	# Called by desktop-user.
	write_file usr/local/libexec/desktop-owner 755 <<-'END'
		#!/bin/sh
		# Gives the display :1 to a user.
		set -eu
		users=/etc/tigervnc/vncserver.users
		! grep -qx ":1=$1" "$users" || exit 0
		sed -i '/^ *:1=/d' "$users"
		echo ":1=$1" >>"$users"
		# At boot the display starts afterwards.
		if [ -z "${AT_BOOT-}" ]; then
			rm -f /run/desktop/rfb
			systemctl --no-block restart tigervncserver@:1.service
		fi
	END
	# A session that ends, by a log-out, is followed by a fresh one.
	write_file etc/systemd/system/tigervncserver@:1.service.d/desktop.conf <<-'END'
		[Unit]
		After=desktop-user.service
		StartLimitIntervalSec=0

		[Service]
		Restart=always
		RestartSec=500ms
	END
	chroot "$root" systemctl enable $display_unit >&2
}

# Debian's server of TigerVNC starts a session with the keyboard of /etc/default/keyboard, but without its language. Both
# are set at launch, after the session has begun.
settle_language() {
	write_file etc/X11/Xsession.d/21desktop-language <<-'END'
		# Language of the machine, as /etc/default/locale has it; sourced by Xsession.
		if [ -r /etc/default/locale ]; then
			set -a
			. /etc/default/locale
			set +a
		fi
	END
	write_file usr/local/libexec/desktop-again 755 <<-END
		#!/bin/sh
		# A fresh session, after a change of language or keyboard. One that is just starting may have read the old ones,
		# and try-restart would leave it alone.
		case \$(systemctl is-active $display_unit) in
		active | activating | reloading | deactivating) exec systemctl --no-block restart $display_unit ;;
		esac
	END
}

# What the desktop plays can be read at /run/desktop/sound: samples of 16 bits, little-endian, 48000 a second, two channels.
# Nothing runs as long as nobody listens. The file "owner" can be seen by the user of the desktop alone.
settle_sound() {
	write_file etc/pulse/default.pa.d/desktop.pa <<-'END'
		load-module module-null-sink sink_name=desktop rate=48000 channels=2 sink_properties=device.description=Desktop
		set-default-sink desktop
	END
	write_file etc/systemd/user/desktop-sound.socket <<-'END'
		[Unit]
		Description=What the desktop plays
		ConditionPathExists=/run/desktop/owner

		[Socket]
		ListenStream=/run/desktop/sound
		SocketMode=0600
		RemoveOnStop=yes
		Accept=yes
		MaxConnections=16

		[Install]
		WantedBy=sockets.target
	END
	write_file etc/systemd/user/desktop-sound@.service <<-'END'
		[Unit]
		Description=A listener of the desktop
		CollectMode=inactive-or-failed

		[Service]
		ExecStart=/usr/bin/parec --raw --format=s16le --rate=48000 --channels=2 --latency-msec=20 --device=@DEFAULT_MONITOR@
		StandardInput=null
		StandardOutput=socket
		StandardError=journal
	END
	# The socket starts it when something plays.
	rm -f "$root/etc/systemd/user/default.target.wants/pulseaudio.service"
	chroot "$root" systemctl --global enable desktop-sound.socket >&2
}

# desktop-owner is called for who gets the desktop; display_unit begins after that at boot.
settle_user() {
	write_file usr/local/libexec/desktop-user 755 <<-'END'
		#!/bin/sh
		# Gives the desktop to a user: the argument, or else the first ordinary user but "desktop", or else that one. At boot
		# the display waits for it: few programs are run.
		set -eu
		wanted=${1-} user='' best=60001
		while IFS=: read -r name _ uid gid _ _ shell; do
			case $shell in
			*nologin | *false) continue ;;
			esac
			[ "$uid" -ge 1000 ] && [ "$uid" -lt 60000 ] || continue
			[ "$name" != desktop ] || uid=60000
			[ "$name" != "$wanted" ] || uid=0
			if [ "$uid" -lt "$best" ]; then
				user=$name group=$gid best=$uid
			fi
		done </etc/passwd
		[ -n "$user" ] || exit 0
		install -d -m 700 -o "$user" -g "$group" /run/desktop
		: >/run/desktop/owner
		exec /usr/local/libexec/desktop-owner "$user"
	END
	write_file etc/systemd/system/desktop-user.service <<-END
		[Unit]
		Description=User of the desktop
		DefaultDependencies=no
		After=local-fs.target systemd-sysusers.service
		Before=$display_unit shutdown.target
		Conflicts=shutdown.target

		[Service]
		Type=oneshot
		Environment=AT_BOOT=1
		ExecStart=/usr/local/libexec/desktop-user
		RemainAfterExit=yes

		[Install]
		WantedBy=multi-user.target
	END
	write_file etc/systemd/system/desktop-user-again.service <<-'END'
		[Unit]
		Description=User of the desktop, after the users have changed

		[Service]
		Type=oneshot
		ExecStart=/usr/local/libexec/desktop-user
	END
	write_file etc/systemd/system/desktop-user-again.path <<-'END'
		[Unit]
		Description=Users of the machine

		[Path]
		PathChanged=/etc/passwd
		Unit=desktop-user-again.service

		[Install]
		WantedBy=multi-user.target
	END
	chroot "$root" systemctl enable desktop-user.service desktop-user-again.path >&2
}

# A compositor without a graphics card costs time for each key. The parts of the session start at once, since the panel
# needs no other, and nothing starts that a screen without a monitor does not need.
settle_xfce() {
	sed -i '/_Priority/s/value="[0-9]*"/value="15"/' "$root/etc/xdg/xfce4/xfconf/xfce-perchannel-xml/xfce4-session.xml"
	rm -f "$root/etc/xdg/autostart/xscreensaver.desktop" "$root/etc/xdg/autostart/pulseaudio.desktop"
	write_file etc/xdg/xfce4/xfconf/xfce-perchannel-xml/xfwm4.xml <<-'END'
		<?xml version="1.0" encoding="UTF-8"?>
		<channel name="xfwm4" version="1.0">
		  <property name="general" type="empty">
		    <property name="use_compositing" type="bool" value="false"/>
		  </property>
		</channel>
	END
}
