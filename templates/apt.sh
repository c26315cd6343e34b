# SPDX-License-Identifier: GPL-2.0-or-later
# Distributions of apt and dpkg, built by mmdebstrap. A recipe sets $distribution, $default_mirror,
# $default_keyring and $keyring_package, and defines sources(), the lines of the machine's sources.list.
# shellcheck shell=sh
# shellcheck disable=SC2154 # root and the options are lib.sh's, the rest is the recipe's

# Packages that make the smallest variant a machine: addresses, names, a login on the console.
machine_packages=login,netbase,iproute2,iputils-ping,procps

# host_mirror ID FOLDER: the mirror that the host's apt uses, if the host is that distribution, in either format of
# sources. The mirror's address ends with the folder.
host_mirror() {
	grep -qsx "ID=$1" /etc/os-release || return 0
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
		/etc/apt/sources.list.d/*.sources 2>/dev/null |
		sed -n -e 's/^deb *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\).*/\2/p' -e 's/^URIs: *\([^ ]*\).*/\1/p' |
		sed -n -e 's:/*$::' -e "/^https\{0,1\}:.*\/$2\$/p" | head -n 1
}

# The host's apt may reach the mirror through a proxy only; mmdebstrap's reads no settings of the host.
use_host_proxy() {
	command -v apt-config >/dev/null || return 0
	http='' https=''
	eval "$(apt-config shell http Acquire::http::Proxy https Acquire::https::Proxy)"
	[ -z "$http" ] || [ "$http" = DIRECT ] || export http_proxy="$http"
	[ -z "$https" ] || [ "$https" = DIRECT ] || export https_proxy="$https"
}

# suites COMPONENTS MIRROR SUITE...: lines of sources.list.
suites() {
	components=$1 from=$2
	shift 2
	for suite; do
		echo "deb $from $suite $components"
	done
}

# Hooks run as shell text with the root as $1: packages that an earlier build fetched go in, new
# ones come out. apt checks their sums against the signed lists as it does for a download.
# shellcheck disable=SC2016
cache_in='mkdir -p "$1/var/cache/apt/archives"
for deb in "$cache"/*.deb; do
	[ ! -e "$deb" ] || cp "$deb" "$1/var/cache/apt/archives/"
done'
# shellcheck disable=SC2016
cache_out='for deb in "$1"/var/cache/apt/archives/*.deb; do
	kept="$cache/$(basename "$deb")"
	[ ! -e "$deb" ] || [ -e "$kept" ] || { cp "$deb" "$kept.$$" && mv "$kept.$$" "$kept"; }
done'

# The root is deleted if anything fails, so nothing needs to be synced in between.
run_mmdebstrap() {
	# shellcheck disable=SC2086 # an option or none
	sources | mmdebstrap --mode=root --format=directory \
		--variant="$variant" --architectures="$(dpkg --print-architecture)" \
		--include="$1,$machine_packages${packages:+,$packages}" \
		--keyring="$keyring" \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--aptopt='Acquire::Languages "none"' \
		--aptopt='Acquire::http::Timeout "60"' \
		--aptopt='Acquire::https::Timeout "60"' \
		--dpkgopt=force-unsafe-io \
		--skip=download/empty,essential/unlink $merged_usr \
		--setup-hook="$cache_in" --customize-hook="$cache_out" \
		"$release" "$root" - 2>&1
}

# The cause of a failure, out of some hundred lines, the last of which only says that something failed.
reason() {
	free=$(df -Pk "$root" | awk 'NR == 2 { print $4 }')
	[ "$free" -gt 4096 ] || die "there is no room left in the pool"
	sed -n -e '/^E: mmdebstrap/d' -e '/^E: .* failed$/d' -e 's/^E: //p' "$1" | head -n 1
}

# Some releases would merge /usr by a package that needs all of perl; links from the start need none.
merged_usr=''
merge_usr_early() {
	hooks=/usr/share/mmdebstrap/hooks/merged-usr
	[ -d "$hooks" ] || return 0
	merged_usr=--hook-dir=$hooks
	machine_packages=$machine_packages,usr-is-merged
}

# bootstrap INIT_PACKAGES: fills the root.
bootstrap() {
	export cache="${BERTH_CACHE:-/var/cache/berth}/$release"
	mkdir -p "$cache"
	# Packages that are older than a month are removed. All names in the cache come from apt.
	find "$cache" -maxdepth 1 -type f -ctime +30 -delete
	log=$(mktemp "$cache/log.XXXXXX")
	trap 'rm -f "$log"' EXIT
	# The output has some hundred lines; the reader only sees the progress.
	{ run_mmdebstrap "$1" || touch "$log.failed"; } | tee "$log" |
		sed -u -n -e 's/^I: \(downloading packages\).*/  \1/p' \
			-e 's/^I: \(\(extracting\|installing\) .*\)/  \1/p' >&2
	[ ! -e "$log.failed" ] || {
		rm -f "$log.failed"
		why=$(reason "$log")
		die "${why:-mmdebstrap failed}"
	}
}

# check_apt: the options that all recipes of apt have, and what has to be installed.
check_apt() {
	: "${variant:=minbase}" "${mirror:=$default_mirror}" "${keyring:=$default_keyring}"
	one_of variant "$variant" minbase important standard
	need mmdebstrap mmdebstrap
	[ -r "$keyring" ] || die "the keys of $distribution's archive are not here, in '$keyring'; install" \
		"the package '$keyring_package', or name a file that has them: --keyring FILE"
	use_host_proxy
}

# Removes the settings of the build, and adds those of a machine.
settle_apt() {
	rm -f "$root"/etc/dpkg/dpkg.cfg.d/99mmdebstrap "$root"/etc/apt/apt.conf.d/99mmdebstrap
	rm -f "$root"/etc/apt/sources.list.d/*
	sources | write_file etc/apt/sources.list
	echo 'LANG=C.UTF-8' | write_file etc/default/locale
	# All users may ping. The line of systemd names groups beyond a machine's ids, which the kernel refuses.
	echo 'net.ipv4.ping_group_range = 0 65535' | write_file etc/sysctl.d/60-ping.conf
	rm -f "$root/etc/fstab"
	: | write_file etc/machine-id 444
	chroot "$root" passwd --quiet --lock root
	forget_host
}
