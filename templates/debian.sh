# SPDX-License-Identifier: GPL-2.0-or-later
# Debian with systemd or another init, from a mirror, by mmdebstrap: what the recipe debian and those of desktops share.
# shellcheck shell=sh
# shellcheck source=templates/apt.sh
. "$(dirname "$0")/apt.sh"
# shellcheck source=templates/debian-inits.sh
. "$(dirname "$0")/debian-inits.sh"
# shellcheck disable=SC2034 # read by apt.sh

distribution=Debian
default_mirror=http://deb.debian.org/debian
security_mirror=http://deb.debian.org/debian-security
default_keyring=/usr/share/keyrings/debian-archive-keyring.gpg
keyring_package=debian-archive-keyring

# The lines of the machine's own sources.list, from which it is built as well.
sources() {
	suites main "$mirror" "$release"
	[ "$release" != sid ] || return 0
	suites main "$mirror" "$release-updates"
	suites main "$security_mirror" "$release-security"
}

# Debian's unstable releases are not always as young as they say.
settle_release() {
	case $release in
	sid | forky)
		echo 'Acquire::Check-Valid-Until "false";' |
			write_file etc/apt/apt.conf.d/90check-valid-until
		;;
	esac
}

build_debian() {
	: "${release:=bookworm}" "${init:=systemd}"
	one_of release "$release" bullseye bookworm trixie forky sid
	# shellcheck disable=SC2086 # words
	one_of init "$init" $inits
	[ -n "$mirror" ] || mirror=$(host_mirror debian debian)
	check_apt
	echo "Debian $release ($variant, $init) from $mirror" >&2
	[ "$release" != bookworm ] || merge_usr_early
	bootstrap "$(init_packages)"
	settle_apt
	settle_release
	settle_init
}
