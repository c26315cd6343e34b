# SPDX-License-Identifier: GPL-2.0-or-later
# What every recipe shares. A recipe is called as
#	RECIPE build ROOT_FOLDER [--release R] [--mirror M] [--variant V] [--init I] [--packages P,P...] [--keyring F]
#	RECIPE describe
# in a mount and process namespace of its own, with an empty folder to fill; it ends with a line
# that says why when it fails. BERTH_CACHE names a folder for what is worth keeping between builds.
# It defines describe() and build(), sources this file and ends with: recipe "$@"
# shellcheck shell=sh disable=SC2034 # the options are the recipe's to read
set -eu
umask 022
export LC_ALL=C.UTF-8

die() {
	echo "$*" >&2
	exit 1
}

# need PROGRAM PACKAGE: the program, or a sentence that says what to install.
need() {
	command -v "$1" >/dev/null 2>&1 ||
		die "'$1' is needed and not installed; install the package '$2'"
}

# one_of WHAT VALUE WORD...: refuses a value that is not one of the words.
one_of() {
	what=$1 value=$2
	shift 2
	for word; do
		[ "$word" = "$value" ] && return 0
	done
	die "$what '$value' is not known here; there are: $*"
}

# check_words WHAT VALUE: allows letters, digits and the characters of names and addresses, so that no value is taken
# for an option or a piece of shell.
check_words() {
	case $2 in
	-* | *[!A-Za-z0-9.,:/_+~@%-]*) die "$1 '$2' has a character that it must not have" ;;
	esac
}

# write_file PATH [MODE]: a file of the root from standard input.
write_file() {
	mkdir -p "$(dirname "$root/$1")"
	rm -f "$root/$1"
	cat >"$root/$1"
	chmod "${2:-644}" "$root/$1"
}

# Removes files that no template keeps, because they belong to one machine, or to the host that built it.
forget_host() {
	rm -f "$root/etc/hostname" "$root/etc/resolv.conf" "$root/var/lib/dbus/machine-id"
	write_file etc/hosts <<-'END'
		127.0.0.1	localhost
		::1		localhost ip6-localhost ip6-loopback
		ff02::1		ip6-allnodes
		ff02::2		ip6-allrouters
	END
	# Folders to mount on. A machine gets a /dev of its own, so that nodes in it are of no use.
	for folder in dev proc sys run tmp; do
		mkdir -p "$root/$folder"
		find "$root/$folder" -xdev -mindepth 1 -delete
	done
	chmod 1777 "$root/tmp"
}

# settle_journal: journald keeps its current file mapped as a whole, so that a file of 8 MiB, its smallest otherwise, costs
# each machine as much memory. As much of the past is kept, in more files. To undo it, remove this file.
settle_journal() {
	[ -e "$root/usr/lib/systemd/systemd-journald" ] || return 0
	write_file etc/systemd/journald.conf.d/small-files.conf <<-'END'
		[Journal]
		SystemMaxFileSize=1M
		SystemMaxFiles=1000
		RuntimeMaxFileSize=1M
		RuntimeMaxFiles=1000
	END
}

# settle_times: two builds of the same packages at the same SOURCE_DATE_EPOCH give the same tree. What is removed are
# logs of the build and caches with times in them, which the programs make anew.
settle_times() {
	[ -n "${SOURCE_DATE_EPOCH-}" ] || return 0
	find "$root/var/log" -type f -delete
	rm -f "$root/var/cache/ldconfig/aux-cache" "$root"/etc/passwd- "$root"/etc/group- \
		"$root"/etc/shadow- "$root"/etc/gshadow-
	find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

recipe() {
	command=${1-}
	release='' mirror='' variant='' init='' packages='' keyring=''
	case $command in
	describe)
		describe
		return
		;;
	build) ;;
	*) die "usage: $0 build ROOT_FOLDER [--release R] [--mirror M] [--variant V] [--init I] [--packages P,P...] [--keyring F] | describe" ;;
	esac
	root=${2-}
	[ -d "$root" ] || die "there is no folder '$root' to build in"
	shift 2
	while [ $# -gt 0 ]; do
		[ $# -gt 1 ] || die "option '$1' needs a value"
		check_words "${1#--}" "$2"
		case $1 in
		--release) release=$2 ;;
		--mirror) mirror=$2 ;;
		--variant) variant=$2 ;;
		--init) init=$2 ;;
		--packages) packages=$2 ;;
		--keyring) keyring=$2 ;;
		*) die "there is no option '$1'" ;;
		esac
		shift 2
	done
	build
	settle_journal
	settle_times
}
