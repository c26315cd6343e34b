# SPDX-License-Identifier: GPL-2.0-or-later
# The steps of berth launch's options, run in a machine that has booted, by its own sh and programs.
# usage: sh -c "$(cat provision.sh)" provision user NAME [UID] | key NAME <KEYS | password NAME <HASH
#        | timezone ZONE | locale LOCALE | keymap LAYOUT[:VARIANT[:MODEL[:OPTIONS]]] | packages NAME...
# shellcheck shell=sh
set -eu

has() {
	command -v "$1" >/dev/null 2>&1
}

fail() {
	echo "$*" >&2
	exit 1
}

# field NAME N: of the user's line in /etc/passwd, which must be there.
field() {
	line=$(grep "^$1:" /etc/passwd) || fail "there is no user '$1' in the machine"
	echo "$line" | cut -d : -f "$2"
}

# Writes the user by hand, if there is neither useradd nor adduser.
write_user() {
	uid=${2:-1000}
	while grep -q "^[^:]*:[^:]*:$uid:" /etc/passwd /etc/group; do
		[ -z "${2:-}" ] || fail "number $2 belongs to another user or group of the machine"
		uid=$((uid + 1))
	done
	echo "$1:x:$uid:" >>/etc/group
	echo "$1:x:$uid:$uid::/home/$1:/bin/sh" >>/etc/passwd
	[ ! -e /etc/shadow ] || echo "$1:!::0:99999:7:::" >>/etc/shadow
	mkdir -p "/home/$1"
	chown "$uid:$uid" "/home/$1"
}

add_user() {
	if grep -q "^$1:" /etc/passwd; then
		[ -z "${2:-}" ] || [ "$(field "$1" 3)" = "$2" ] ||
			fail "user '$1' is in the machine already, with another number than $2"
	elif has useradd; then
		shell=/bin/sh
		[ ! -x /bin/bash ] || shell=/bin/bash
		useradd --create-home --shell "$shell" ${2:+--uid "$2"} "$1"
	elif has adduser; then
		adduser -D ${2:+-u "$2"} "$1"
	else
		write_user "$@"
	fi
}

add_keys() {
	home=$(field "$1" 6)
	umask 077
	mkdir -p "$home/.ssh"
	cat >>"$home/.ssh/authorized_keys"
	chown "$(field "$1" 3):$(field "$1" 4)" "$home/.ssh" "$home/.ssh/authorized_keys"
}

set_password() {
	field "$1" 1 >/dev/null
	has chpasswd || fail "the machine has no chpasswd"
	{
		printf '%s:' "$1"
		cat
	} | chpasswd -e
}

set_timezone() {
	[ -f "/usr/share/zoneinfo/$1" ] ||
		fail "the machine does not know the time zone '$1'; is its package tzdata installed?"
	ln -snf "/usr/share/zoneinfo/$1" /etc/localtime
	[ ! -e /etc/timezone ] || echo "$1" >/etc/timezone
}

set_locale() {
	file=/etc/locale.conf
	[ ! -e /etc/debian_version ] || file=/etc/default/locale
	case $1 in
	C | C.UTF-8 | POSIX) ;;
	*)
		has locale-gen || fail "the machine cannot make the locale '$1'; is its package locales installed?"
		entry=$(grep "^[# ]*$1 " /etc/locale.gen | sed 's/^[# ]*//' | head -n 1)
		[ -n "$entry" ] || fail "the machine does not know the locale '$1'; /etc/locale.gen lists them"
		grep -q "^$entry" /etc/locale.gen || echo "$entry" >>/etc/locale.gen
		locale-gen >/dev/null
		;;
	esac
	echo "LANG=$1" >"$file"
	settle_desktop
}

# xkb_has KIND NAME [LAYOUT]: whether the list of X has it; true if the machine has no list.
xkb_has() {
	list=/usr/share/X11/xkb/rules/base.lst
	[ -e "$list" ] || return 0
	awk -v kind="$1" -v name="$2" -v layout="${3:+$3:}" '
		/^!/ { here = $2 == kind; next }
		here && $1 == name && (layout == "" || $2 == layout) { found = 1 }
		END { exit !found }' "$list"
}

# Layouts and variants are lists of the same length, each variant of the layout at its place.
check_keymap() {
	variants=$2,
	for one in $(echo "$1" | tr , ' '); do
		kind=${variants%%,*}
		variants=${variants#*,}
		xkb_has layout "$one" || fail "the machine does not know the keyboard layout '$one'"
		[ -z "$kind" ] || xkb_has variant "$kind" "$one" ||
			fail "the machine does not know the variant '$kind' of the keyboard layout '$one'"
	done
}

set_keymap() {
	layout=${1%%:*} rest=${1#"${1%%:*}"}
	rest=${rest#:}
	variant=${rest%%:*} rest=${rest#"${rest%%:*}"}
	rest=${rest#:}
	model=${rest%%:*} options=${rest#"${rest%%:*}"}
	options=${options#:}
	check_keymap "$layout" "$variant"
	if [ -e /etc/debian_version ]; then
		printf 'XKBMODEL="%s"\nXKBLAYOUT="%s"\nXKBVARIANT="%s"\nXKBOPTIONS="%s"\nBACKSPACE="guess"\n' \
			"${model:-pc105}" "$layout" "$variant" "$options" >/etc/default/keyboard
	elif has localectl; then
		localectl --no-convert set-x11-keymap "$layout" "${model:-pc105}" "$variant" "$options"
	else
		fail "the machine has neither the settings of Debian nor localectl"
	fi
	settle_desktop
}

# The session of a desktop takes both when it begins.
settle_desktop() {
	[ ! -x /usr/local/libexec/desktop-again ] || /usr/local/libexec/desktop-again
}

# Installs packages by the distribution's own manager, and removes what that has downloaded.
add_packages() {
	if has apt-get; then
		export DEBIAN_FRONTEND=noninteractive
		apt-get --quiet --yes update
		apt-get --quiet --yes install -- "$@"
		apt-get clean
		rm -rf /var/lib/apt/lists/*
	elif has dnf; then
		dnf --assumeyes install -- "$@"
		dnf clean all
	elif has zypper; then
		zypper --non-interactive refresh
		zypper --non-interactive install -- "$@"
		zypper clean --all
	elif has pacman; then
		pacman --sync --refresh --sysupgrade --needed --noconfirm -- "$@"
		rm -rf /var/cache/pacman/pkg/*
	elif has apk; then
		apk add --no-cache -- "$@"
	elif has xbps-install; then
		xbps-install --sync --yes -- "$@"
		rm -rf /var/cache/xbps/*
	else
		fail "the machine has none of apt-get, dnf, zypper, pacman, apk and xbps-install"
	fi
}

step=$1
shift
case $step in
user) add_user "$@" ;;
key) add_keys "$@" ;;
password) set_password "$@" ;;
timezone) set_timezone "$@" ;;
locale) set_locale "$@" ;;
keymap) set_keymap "$@" ;;
packages) add_packages "$@" ;;
esac
