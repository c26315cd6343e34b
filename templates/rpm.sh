# SPDX-License-Identifier: GPL-2.0-or-later
# Distributions of RPM packages, built by dnf or zypper. A recipe sets $distribution and $keys_from.
# shellcheck shell=sh
# shellcheck disable=SC2154 # root and the options are lib.sh's, the rest is the recipe's
# shellcheck source=templates/chroot.sh
. "$(dirname "$0")/chroot.sh"

# choose_keys FILE...: the first of these that is there, if no keyring is given.
choose_keys() {
	for file; do
		[ -n "$keyring" ] || [ ! -r "$file" ] || keyring=$file
	done
	[ -r "${keyring:-/nonexistent}" ] || die "the keys of $distribution are not here; get them from" \
		"$keys_from, and name the file: --keyring FILE"
}

# prepare_rpm DBPATH: the folder of the packages' database differs from the host's.
prepare_rpm() {
	prepare_chroot
	database=$1
	mkdir "$work/repos"
	echo "%_dbpath $database" >"$work/.rpmmacros"
}

# repository NAME LINE: a source of packages; the line is its baseurl, metalink or mirrorlist.
repository() {
	cat >"$work/repos/$1.repo" <<-END
		[$1]
		name=$1
		$2
		enabled=1
		gpgcheck=1
		gpgkey=file://$keyring
	END
}

# install_by_dnf PACKAGE...
install_by_dnf() {
	cat >"$work/dnf.conf" <<-END
		[main]
		reposdir=$work/repos
		cachedir=$cache
		logdir=$work
		persistdir=$work/persist
		keepcache=1
		gpgcheck=1
		install_weak_deps=0
		tsflags=nodocs
		timeout=60
		retries=2
		plugins=0
	END
	logged dnf --config="$work/dnf.conf" --installroot="$root" --releasever="$release" --assumeyes install "$@"
}

# install_by_zypper PACKAGE...: with no other key than those of the keyring, whatever the mirror offers.
install_by_zypper() {
	mkdir -p "$cache/zypp"
	rpm --root "$root" --dbpath "$database" --import "$keyring" ||
		die "'$keyring' is no file of keys"
	logged zypper --root "$root" --reposd-dir "$work/repos" --cache-dir "$cache/zypp" \
		--non-interactive install --no-recommends "$@"
}

settle_rpm() {
	rm -rf "$root"/var/cache/dnf "$root"/var/cache/zypp "$root"/var/log/dnf*.log "$root"/var/log/hawkey.log
	settle_chroot
}
