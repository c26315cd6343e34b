# SPDX-License-Identifier: GPL-2.0-or-later
# Distributions whose recipe begins with a root archive that the distribution has signed. Its own package manager, in
# that root, adds the rest. A recipe sets $distribution.
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # root and the options are lib.sh's, the rest is the recipe's
# shellcheck source=templates/chroot.sh
. "$(dirname "$0")/chroot.sh"

index_max=1000000     # bytes of a list of archives, or of a signature
archive_max=500000000 # bytes of an archive
offline=''            # "yes" if the mirror cannot be reached; the recipe reads it

# stall_seconds: after which a download has stalled.
stall_seconds() {
	case ${BERTH_STALL:-30s} in
	*m) echo $((${BERTH_STALL%m} * 60)) ;;
	*) echo "${BERTH_STALL:-30}" | tr -d s ;;
	esac
}

# download URL FILE BYTES: goes on where FILE ends. An answer that is too large, a server that stalls, and a redirect to
# a protocol other than HTTP are failures, with the cause in $why.
download() {
	if why=$(curl --fail --silent --show-error --location --proto =http,https --proto-redir =http,https \
		--connect-timeout 30 --speed-limit 1000 --speed-time "$(stall_seconds)" --retry 2 \
		${SSL_CERT_FILE:+--cacert "$SSL_CERT_FILE"} --max-filesize "$3" --continue-at - --output "$2" -- "$1" 2>&1); then
		return 0
	else
		code=$?
		why=$(echo "$why" | sed -n 's/^curl: ([0-9]*) //p' | tail -n 1)
		return "$code"
	fi
}

# fetch_index URL NAME: a small file that changes, into $work/NAME. If the mirror cannot be reached, it is the file that
# an earlier build has kept.
fetch_index() {
	code=0
	download "$1" "$work/$2" "$index_max" || code=$?
	case $code in
	0) ;;
	5 | 6 | 7 | 28)
		[ -r "$cache/$2" ] || die "'$1' cannot be reached: $why; name another mirror: --mirror URL"
		offline=yes
		cp "$cache/$2" "$work/$2"
		;;
	22) die "'$1' is not on the mirror: $why; check the release, or name another mirror: --mirror URL" ;;
	*) die "'$1' cannot be fetched: $why" ;;
	esac
}

# keep_indexes NAME...: for a build that cannot reach the mirror. They have been checked.
keep_indexes() {
	for name; do
		mv "$work/$name" "$cache/$name"
	done
	[ -z "$offline" ] || echo "  the mirror cannot be reached; the archive is that of an earlier build" >&2
}

# fetch_archive URL SHA256: into $archive, in the cache. One with that sum is not fetched again, and one that broke off
# goes on. Two builds at once do not write to one file.
fetch_archive() {
	archive=$cache/${1##*/}
	exec 9>"$cache/lock"
	flock 9
	sum_is "$archive" "$2" || fetch_anew "$1" "$2"
	exec 9>&-
}

fetch_anew() {
	rm -f "$archive"
	echo "  downloading ${1##*/}" >&2
	code=0
	download "$1" "$archive.part" "$archive_max" || code=$?
	# The server does not go on in the middle of a file.
	[ "$code" -ne 33 ] || {
		rm -f "$archive.part"
		code=0
		download "$1" "$archive.part" "$archive_max" || code=$?
	}
	case $code in
	0) ;;
	22) die "'$1' is in the mirror's list, but not on the mirror: $why; name another mirror: --mirror URL" ;;
	*) die "'$1' was not fetched whole: $why; another build goes on from there" ;;
	esac
	sum_is "$archive.part" "$2" || {
		rm -f "$archive.part"
		die "'$1' does not have the SHA-256 sum that the mirror's list has for it; name another mirror: --mirror URL"
	}
	mv "$archive.part" "$archive"
}

# sum_is FILE SHA256
sum_is() {
	[ -f "$1" ] && [ "$(sha256sum <"$1")" = "$2  -" ]
}

# is_sum WORD: whether it is a SHA-256 sum.
is_sum() {
	[ ${#1} -eq 64 ] && case $1 in *[!0-9a-f]*) false ;; esac
}

# unpack_archive: $archive into the root.
unpack_archive() {
	tar -C "$root" --numeric-owner --xattrs --xattrs-include='*' -xpf "$archive" 2>"$work/log" ||
		die "'$archive' cannot be unpacked: $(tail -n 1 "$work/log")"
}

# enter_root FOLDER: what commands in the root need. The package manager of the root keeps its packages in FOLDER of the
# root, which is in the cache.
enter_root() {
	mount_chroot
	mkdir -p "$cache/packages" "$root/$1"
	mount --bind "$cache/packages" "$root/$1"
	packages_folder=$root/$1
	[ ! -r /etc/resolv.conf ] || write_file etc/resolv.conf </etc/resolv.conf
}

# in_root PROGRAM...: its failure is ours.
in_root() {
	PATH=/usr/sbin:/usr/bin:/sbin:/bin logged chroot "$root" "$@"
}

settle_archive() {
	umount "$packages_folder"
	settle_chroot
}
