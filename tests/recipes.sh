# SPDX-License-Identifier: GPL-2.0-or-later
# Mirrors of the distributions whose recipes begin with a root archive, of files of Debian. Sourced by
# tests/integration/recipes.sh after tests/lib.sh; www is the folder of its server.
# shellcheck shell=bash
# shellcheck disable=SC2154 # top and the variables of tests are set by tests/lib.sh and the script

alpine_arch=$(uname -m)

# debian_parts FOLDER PACKAGE...: unpacks packages of Debian into the folder, without their scripts.
debian_parts() {
	local folder=$1 deb
	shift
	mkdir -p "$T/parts"
	(cd "$T/parts" && apt-get --quiet download "$@" >"$T/parts.out" 2>&1)
	for deb; do
		dpkg -x "$T/parts/$deb"_*.deb "$folder"
	done
	rm -r "$T/parts"
}

# small_debian FOLDER: a root of Debian without its init.
small_debian() {
	mkdir -p "$1"
	tar -C "$1" -xf "$debian_tar_bookworm" --numeric-owner --exclude='./dev/*' --exclude='./proc/*' \
		--exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale \
		--exclude=./usr/lib/systemd --exclude=./usr/sbin/init --exclude=./var/lib/apt --exclude=./etc/os-release
	cp "$(command -v busybox)" "$1/usr/bin/busybox"
}

# merged FOLDER TARGET: moves bin, sbin and lib of the folder where the links of a merged /usr lead, and all to TARGET.
merged() {
	local name
	for name in bin sbin lib; do
		[[ ! -d $1/$name ]] || { mkdir -p "$1/usr" && cp -a "$1/$name" "$1/usr/" && rm -r "${1:?}/$name"; }
	done
	cp -a "$1/." "$2/"
}

# package_manager FILE REPOSITORIES CACHE SUFFIX MISSING: a program in the place of apk or xbps-install, which Debian does
# not have. Of the words that are names of packages it fetches each from the first repository, unless its cache has
# it, and unpacks it. Busybox's wget has no TLS, so a mirror by https is asked by http. MISSING is how the real one says
# that there is no such package.
package_manager() {
	cat >"$1" <<-END
		#!/bin/sh
		# A stand-in: fetches a tar for each name, and unpacks it.
		set -eu
		echo "\$0 \$*" >>/var/log/packages
		repository=\$(sed -n -e 's/^repository=//' -e 's,^$(mirror_by_tls),$(mirror),' -e 1p $2)
		case " \$* " in
		*" -U upgrade "* | *" -Suy "*) exec busybox wget -q -O /dev/null "\$repository/index" ;;
		esac
		for name; do
			case \$name in
			-* | add) continue ;;
			esac
			[ -e "$3/\$name$4" ] || busybox wget -q -O "$3/\$name$4.new" "\$repository/\$name$4" || {
				rm -f "$3/\$name$4.new"
				$5
				exit 1
			}
			[ -e "$3/\$name$4" ] || mv "$3/\$name$4.new" "$3/\$name$4"
			tar -C / -xf "$3/\$name$4"
		done
	END
	chmod 755 "$1"
}

# make_alpine: a mirror of Alpine's layout: a root with busybox as init, and OpenRC in the package alpine-base.
make_alpine() {
	local root=$T/alpine releases=$www/alpine/v3.99/releases/$alpine_arch
	local main=$www/alpine/v3.99/main file=alpine-minirootfs-3.99.1-$alpine_arch.tar.gz
	[[ ! -e $www/alpine ]] || return 0
	mkdir -p "$releases" "$main" "$T/base/etc/init.d" "$T/base/etc/runlevels/"{sysinit,boot,default,shutdown}
	small_debian "$root"
	ln -sf busybox "$root/usr/bin/ash"
	ln -s ../bin/busybox "$root/usr/sbin/init"
	printf '%s\n' 'ID=alpine' 'NAME="Alpine Linux"' 'VERSION_ID=3.99.1' >"$root/etc/os-release"
	# shellcheck disable=SC2016 # for the stand-in's shell
	package_manager "$root/usr/sbin/apk" /etc/apk/repositories /etc/apk/cache .apk \
		'printf "ERROR: unable to select packages:\n  %s (no such package):\n    required by: world[%s]\n" "$name" "$name" >&2'
	mkdir -p "$root/etc/apk/keys"
	tar -C "$root" -czf "$releases/$file" .
	debian_parts "$T/parts-root" openrc librc1 libeinfo1
	merged "$T/parts-root" "$T/base"
	for name in bootmisc syslog killprocs; do
		printf '%s\n' '#!/sbin/openrc-run' "start() { touch /run/$name; }" >"$T/base/etc/init.d/$name"
		chmod 755 "$T/base/etc/init.d/$name"
	done
	tar -C "$T/base" -cf "$main/alpine-base.apk" .
	mkdir -p "$T/extra/opt"
	echo extra >"$T/extra/opt/extra"
	tar -C "$T/extra" -cf "$main/extra.apk" .
	touch "$main/index"
	cat >"$releases/latest-releases.yaml" <<-END
		---
		-
		  title: "Netboot"
		  desc: |
		    Kernel, initramfs and modloop for
		    netboot.
		  branch: v3.99
		  flavor: alpine-netboot
		  file: alpine-netboot-3.99.1-$alpine_arch.tar.gz
		  sha256: $(printf 0 | sha256sum | cut -d ' ' -f 1)
		-
		  title: "Mini root filesystem"
		  branch: v3.99
		  arch: $alpine_arch
		  version: 3.99.1
		  flavor: alpine-minirootfs
		  file: $file
		  sha256: $(sha256sum <"$releases/$file" | cut -d ' ' -f 1)
	END
	gpg --homedir "$T/ours" --batch --quiet --detach-sign --armor "$releases/$file"
	gpgconf --homedir "$T/ours" --kill gpg-agent
	ln -s v3.99 "$www/alpine/latest-stable"
	rm -rf "$root" "$T/base" "$T/extra" "$T/parts-root"
}

# The stages of runit as Void has them: services by runsvdir, and the files that tell a halt from a reboot in /run.
void_stages() {
	mkdir -p "$1/etc/runit/runsvdir/default" "$1/etc/sv/agetty-console" "$1/etc/sv/agetty-tty1" "$1/etc/sv/udevd"
	cat >"$1/etc/runit/1" <<-'END'
		#!/bin/sh
		mkdir -p /run/runit/supervise
		install -m000 /dev/null /run/runit/stopit
		install -m000 /dev/null /run/runit/reboot
	END
	printf '%s\n' '#!/bin/sh' 'exec runsvdir -P /etc/runit/runsvdir/default' >"$1/etc/runit/2"
	printf '%s\n' '#!/bin/sh' 'sv force-stop /etc/runit/runsvdir/default/* >/dev/null' 'sync' >"$1/etc/runit/3"
	printf '%s\n' '#!/bin/sh' 'chmod 100 /run/runit/stopit' 'chmod 100 /run/runit/reboot' >"$1/etc/runit/ctrlaltdel"
	for name in agetty-console agetty-tty1 udevd; do
		printf '%s\n' '#!/bin/sh' 'exec sleep 100000' >"$1/etc/sv/$name/run"
		ln -s "/run/runit/supervise/$name" "$1/etc/sv/$name/supervise"
	done
	printf '%s\n' '#!/bin/sh' 'exec /sbin/getty --noclear --keep-baud 38400 console linux' >"$1/etc/sv/agetty-console/run"
	ln -s /etc/sv/agetty-tty1 /etc/sv/udevd "$1/etc/runit/runsvdir/default/"
	ln -s /run/runit/stopit /run/runit/reboot "$1/etc/runit/"
	chmod 755 "$1"/etc/runit/[123c]* "$1"/etc/sv/*/run
}

# make_void: a mirror of Void's layout. Its runit is Debian's with the paths of the original, which takes no SIGPWR.
make_void() {
	local root=$T/void live=$www/void/live/current file
	file=void-$(uname -m)-ROOTFS-20250202.tar.xz
	[[ ! -e $www/void ]] || return 0
	mkdir -p "$live" "$www/void/current"
	small_debian "$root"
	debian_parts "$T/parts-root" runit
	merged "$T/parts-root" "$root"
	sed -i 's,/run/runit\.\(stopit\|reboot\),/etc/runit/\1,g' "$root/usr/lib/runit/runit-init" "$root/usr/sbin/runit"
	ln -s ../lib/runit/runit-init "$root/usr/sbin/init"
	rm -rf "$root/etc/runit" "$root/etc/sv"
	void_stages "$root"
	printf '%s\n' 'ID=void' 'NAME=Void' >"$root/etc/os-release"
	# shellcheck disable=SC2016 # for the stand-in's shell
	package_manager "$root/usr/bin/xbps-install" /etc/xbps.d/00-repository-main.conf /var/cache/xbps .xbps \
		'echo "Package '"'"'$name'"'"' not found in repository pool." >&2'
	tar -C "$root" -cf - . | xz -0 >"$live/$file"
	mkdir -p "$T/extra/opt"
	echo extra >"$T/extra/opt/extra"
	tar -C "$T/extra" -cf "$www/void/current/extra.xbps" .
	touch "$www/void/current/index"
	(cd "$live" && sha256sum --tag "$file" >sha256sum.txt)
	void_sign "$T/void.key" "$live"
	rm -rf "$root" "$T/extra" "$T/parts-root"
}

# void_sign KEY FOLDER: signs the list in it. The public half is KEY.pub.
void_sign() {
	[[ -e $1.pub ]] || minisign -G -W -p "$1.pub" -s "$1" >"$T/minisign.out"
	minisign -S -W -s "$1" -x "$2/sha256sum.sig" -m "$2/sha256sum.txt" >"$T/minisign.out"
}
