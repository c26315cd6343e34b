#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Recipes of distributions that are not Debian, each against a mirror of that distribution's layout. The mirror is on
# loopback and has Debian's packages, signed by a key that this test makes.
#	RECIPES=all tests/run integration recipes	every recipe
needs_debian="bookworm trixie" # for their packages
needs_host_network=yes         # for those of sysvinit
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

server=$top/tests/integration/image_server.py
www=$T/www
packages=${BERTH_TEST_CACHE:-/var/tmp/berth-tests}/packages

set_up() {
	mkdir -p "$www" "$BERTH_ROOT/etc"
	make_key ours
	make_key theirs
	"$server" serve "$www" 0 >"$T/port" 2>"$T/server.out" &
	echo $! >"$T/server.pid"
	retry 20 test -s "$T/port"
}

tear_down() {
	kill "$(<"$T/server.pid")"
	rm -rf "$BERTH_ROOT/lib/cache"
}

# make_key NAME: a key to sign with in $T/NAME, and its public half in $T/NAME.gpg and $T/NAME.asc.
make_key() {
	mkdir -m 700 "$T/$1"
	gpg --homedir "$T/$1" --batch --quiet --passphrase '' --quick-generate-key "$1 <$1@example.org>" rsa2048 sign never
	gpg --homedir "$T/$1" --batch --quiet --export >"$T/$1.gpg"
	gpg --homedir "$T/$1" --batch --quiet --export --armor >"$T/$1.asc"
	gpgconf --homedir "$T/$1" --kill gpg-agent
}

faults_are() {
	rm -f "$www.fault"
	[[ $# -eq 0 ]] || printf '%s\n' "$@" >"$www.fault"
}

# refuses PATTERN COMMAND...: it fails, and one line of its own, behind those of the recipe, has the pattern.
refuses() {
	local pattern=$1
	shift
	"$@" >"$T/out" 2>&1 && fault "'$*' is not refused"
	same "sentences" 1 "$(grep ^berth: "$T/out" | grep -vc "^berth: made ")"
	tail -n 1 "$T/out" | grep -E "^berth: .*($pattern)" || fault "$(cat "$T/out")"
}

mirror() {
	echo "http://127.0.0.1:$(<"$T/port")"
}

# suite FOLDER KEY COMPONENTS SUITE...: the first suite has the packages that are in FOLDER/pool, the others have none.
suite() {
	local folder=$www/$1 key=$2 components=$3 first=yes name component
	shift 3
	for name; do
		for component in $components; do
			mkdir -p "$folder/dists/$name/$component/binary-amd64"
			: >"$folder/dists/$name/$component/binary-amd64/Packages"
		done
		[[ -z $first ]] || (cd "$folder" && apt-ftparchive packages pool \
			>"dists/$name/${components%% *}/binary-amd64/Packages")
		first=
		apt-ftparchive -o APT::FTPArchive::Release::Suite="$name" -o APT::FTPArchive::Release::Codename="$name" \
			-o APT::FTPArchive::Release::Components="$components" \
			-o APT::FTPArchive::Release::Architectures=amd64 \
			release "$folder/dists/$name" >"$T/Release"
		gpg --homedir "$T/$key" --batch --quiet --clearsign --output - "$T/Release" >"$folder/dists/$name/InRelease"
	done
	gpgconf --homedir "$T/$key" --kill gpg-agent
}

ubuntu_mirror() {
	[[ ! -e $www/ubuntu ]] || return 0
	mkdir -p "$www/ubuntu/pool"
	cp "$packages"/trixie/*.deb "$www/ubuntu/pool"
	suite ubuntu ours "main universe" noble noble-updates noble-security
}

devuan_mirror() {
	mkdir -p "$www/merged/pool"
	cp "$packages"/bookworm/*.deb "$www/merged/pool"
	(cd "$www/merged/pool" && apt-get --quiet download sysvinit-core initscripts insserv startpar sysv-rc)
	suite merged ours main daedalus daedalus-updates daedalus-security
}

# rpm_mirror FOLDER: one package for all three distributions: a whole Debian, which provides all packages' names.
rpm_mirror() {
	local folder=$www/$1 sign=(--define "__gpg $(command -v gpg)" --define "_gpg_name ours" --define "_gpg_path $T/ours")
	local rpm=$T/rpm/RPMS/x86_64/everything-1-1.x86_64.rpm
	if [[ ! -e $rpm ]]; then
		cat >"$T/everything.spec" <<-'END'
			Name: everything
			Version: 1
			Release: 1
			Summary: A whole root
			License: GPL
			BuildArch: x86_64
			AutoReqProv: no
			Provides: systemd passwd util-linux shadow-utils shadow hostname iproute iproute2 iputils procps-ng procps
			Provides: fedora-release-container dnf5 dnf rocky-release glibc-minimal-langpack
			Provides: openSUSE-release zypper glibc-locale-base
			%global __os_install_post %{nil}
			%global _build_id_links none
			%description
			Everything.
			%install
			mkdir -p %{buildroot}
			tar -C %{buildroot} -xf %{tree} --exclude=./dev --exclude=./proc --exclude=./sys --exclude=./run
			%files
			/*
		END
		# shellcheck disable=SC2154 # set by tests/lib.sh
		rpmbuild -bb --quiet --define "_topdir $T/rpm" --define "tree $debian_tar_trixie" \
			--define "_binary_payload w0.ufdio" "$T/everything.spec" >"$T/rpmbuild.out" 2>&1
		rpmsign "${sign[@]}" --addsign "$rpm"
	fi
	mkdir -p "$folder"
	[[ -n ${2:-} ]] || ln "$rpm" "$folder"
	createrepo_c --quiet "$folder"
	gpg --homedir "$T/ours" --batch --quiet --detach-sign --armor "$folder/repodata/repomd.xml"
	gpg --homedir "$T/ours" --batch --quiet --export --armor >"$folder/repodata/repomd.xml.key"
	gpgconf --homedir "$T/ours" --kill gpg-agent
}

# boots_by_systemd RECIPE
boots_by_systemd() {
	berth template build "$1" --mirror "$(mirror)/$1" --keyring "$T/ours.asc"
	berth launch --wait "$1" r
	same "the init" systemd "$(berth exec r -- cat /proc/1/comm)"
	[[ $(berth exec r -- grep ^root: /etc/shadow) == root:[!*]* ]] || fault "root can log in"
	berth delete --force r
	berth template delete "$1"
}

# by_rpm RECIPE: it boots by systemd, and is refused with another key than the one that has signed.
by_rpm() {
	refuses "GPG|[Ss]ignature" berth template build "$1" refused --mirror "$(mirror)/$1" --keyring "$T/theirs.asc"
	refuses "keys of .* are not here; get them from https://" berth template build "$1" refused --mirror "$(mirror)/$1"
	refuses "release 'x' is not known here" berth template build "$1" refused --release x
	boots_by_systemd "$1"
}

# tree_of TEMPLATE: a line for each object of it, with its content's hash and all that is kept of it.
tree_of() {
	berth create "$1" "tree-$1"
	berth pull "tree-$1:/" "$T/tree"
	(cd "$T/tree" && find . -printf '%P %y %m %U %G %s %Ts %l\n' | LC_ALL=C sort &&
		find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
	rm -r "$T/tree"
	berth delete "tree-$1"
}

case_ubuntu() {
	ubuntu_mirror
	printf '[recipe ubuntu]\nmirror = %s/ubuntu\nkeyring = %s\n' "$(mirror)" "$T/ours.gpg" >"$BERTH_ROOT/etc/berth.conf"
	SOURCE_DATE_EPOCH=1750000000 berth template build ubuntu
	berth launch --wait ubuntu u
	berth exec u -- grep -x "deb $(mirror)/ubuntu noble-security main universe" /etc/apt/sources.list
	same "the init" systemd "$(berth exec u -- cat /proc/1/comm)"
	silent "failed units" berth exec u -- systemctl --failed --plain --no-legend
	berth delete --force u
	rm "$BERTH_ROOT/etc/berth.conf"
}

# The same packages at the same date give the same tree, byte for byte and with the same times.
case_the_same_again() {
	ubuntu_mirror
	[[ -e $BERTH_ROOT/lib/templates/ubuntu ]] || SOURCE_DATE_EPOCH=1750000000 \
		berth template build ubuntu --mirror "$(mirror)/ubuntu" --keyring "$T/ours.gpg"
	SOURCE_DATE_EPOCH=1750000000 berth template build ubuntu again --mirror "$(mirror)/ubuntu" --keyring "$T/ours.gpg"
	tree_of ubuntu >"$T/first"
	tree_of again >"$T/second"
	(($(wc -l <"$T/first") > 10000)) || fault "a tree of $(wc -l <"$T/first") lines"
	diff "$T/first" "$T/second" >"$T/differences" || fault "$(head -n 20 "$T/differences")"
	berth template delete again
}

case_devuan() {
	devuan_mirror
	berth template build devuan --mirror "$(mirror)/merged" --keyring "$T/ours.gpg"
	berth launch --wait devuan d
	same "the init" init "$(berth exec d -- cat /proc/1/comm)"
	berth delete --force d
	berth template delete devuan
}

case_fedora() {
	rpm_mirror fedora/releases/42/Everything/x86_64/os
	rpm_mirror fedora/updates/42/Everything/x86_64 empty
	by_rpm fedora
}

case_rocky() {
	rpm_mirror rocky/9/BaseOS/x86_64/os
	rpm_mirror rocky/9/AppStream/x86_64/os empty
	by_rpm rocky
}

case_opensuse() {
	rpm_mirror opensuse/tumbleweed/repo/oss
	by_rpm opensuse
}

case_arch() {
	local os package=base-1-1-x86_64.pkg.tar.zst
	os=os/$(uname -m)
	mkdir -p "$T/base" "$www/arch/core/$os" "$www/arch/extra/$os"
	tar -C "$T/base" -xf "$debian_tar_trixie" --exclude=./dev --exclude=./proc --exclude=./sys --exclude=./run
	printf '%s\n' "pkgname = base" "pkgver = 1-1" "arch = x86_64" "provides = iputils" "provides = procps-ng" \
		>"$T/base/.PKGINFO"
	(cd "$T/base" && tar -cf - .PKGINFO -- *) | zstd -q -1 -o "$www/arch/core/$os/$package"
	rm -r "$T/base"
	gpg --homedir "$T/ours" --batch --quiet --detach-sign "$www/arch/core/$os/$package"
	gpgconf --homedir "$T/ours" --kill gpg-agent
	repo-add --quiet "$www/arch/core/$os/core.db.tar.gz" "$www/arch/core/$os/$package"
	repo-add --quiet "$www/arch/extra/$os/extra.db.tar.gz"
	refuses "release '2026': .* only the present one" berth template build arch refused --release 2026
	# Where no key server can be reached, this pacman crashes when it looks for the key.
	refuses "signature|unknown trust|invalid|segmentation fault" berth template build arch refused --mirror "$(mirror)/arch" \
		--keyring "$T/theirs.asc"
	boots_by_systemd arch
}

case_what_is_refused() {
	ubuntu_mirror
	local build
	build=(berth template build ubuntu refused --mirror "$(mirror)/ubuntu")
	refuses "release 'nobel' is not known here; there are: jammy noble" \
		"${build[@]}" --keyring "$T/ours.gpg" --release nobel
	refuses "keys of Ubuntu's archive are not here.*ubuntu-keyring.*--keyring" "${build[@]}"
	refuses "read the keys '/nowhere'" "${build[@]}" --keyring /nowhere
	refuses "signatures|NO_PUBKEY|not signed" "${build[@]}" --keyring "$T/theirs.gpg"
	refuses "Release" berth template build ubuntu refused --mirror "$(mirror)/nothing" --keyring "$T/ours.gpg"
	faults_are "truncate Packages 1000"
	refuses "." "${build[@]}" --keyring "$T/ours.gpg"
	faults_are
	not berth template info refused
	silent "parts of it" find "$BERTH_ROOT/lib/templates" -mindepth 1 -name 'refused*'
}

# Every recipe takes a minute or two.
if [[ $# -eq 0 && ${RECIPES:-} != all ]]; then
	set -- case_ubuntu case_the_same_again case_fedora case_what_is_refused
fi
run_cases "$@"
