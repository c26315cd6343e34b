#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Recipes of distributions that are not Debian, each against a mirror of that distribution's layout. The mirror is on
# loopback and has Debian's packages, or a root of Debian's files, signed by a key that this test makes.
#	RECIPES=all tests/run integration recipes	every recipe
needs_debian="bookworm trixie" # for their packages
needs_host_network=yes         # for those of sysvinit
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# shellcheck source=tests/images.sh
. "$top/tests/images.sh"
# shellcheck source=tests/recipes.sh
. "$top/tests/recipes.sh"

server=$image_server
packages=${BERTH_TEST_CACHE:-/var/tmp/berth-tests}/packages

# serve [PORT]: the server listens on that port, or on one that no connection of the host's programs gets by chance.
# Programs in built roots know the port, which $T/port has.
serve() {
	# The child empties the file later, so that an old port would still be read.
	rm -f "$T/port"
	"$server" serve "$www" "${1:-$((20000 + RANDOM % 12000))}" >"$T/port" 2>"$T/server.out" &
	echo $! >"$T/server.pid"
	until [[ -s $T/port ]]; do
		kill -0 $! || return
		sleep 0.05
	done
}

is_free() {
	not listens "$1"
}

# without_server COMMAND...: runs the command while nothing answers on the server's port.
without_server() {
	local port
	port=$(<"$T/port")
	kill "$(<"$T/server.pid")"
	retry 20 is_free "$port"
	"$@"
	retry 20 serve "$port"
}

set_up() {
	mkdir -p "$www" "$BERTH_ROOT/etc"
	make_key ours
	make_key theirs
	retry 20 serve
	certificates 2>"$T/openssl"
	"$server" serve "$www" 0 "$T/server.crt" "$T/server.key" >"$T/tls.port" 2>"$T/server-tls.out" &
	echo $! >"$T/tls.pid"
	retry 20 test -s "$T/tls.port"
}

tear_down() {
	kill "$(<"$T/server.pid")" "$(<"$T/tls.pid")"
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

mirror_by_tls() {
	echo "https://localhost:$(<"$T/tls.port")"
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
			tar -C %{buildroot} -xf %{tree} --exclude=./dev --exclude=./proc --exclude=./sys --exclude=./run \
				--exclude=./usr/share/doc --exclude=./usr/share/locale --exclude=./usr/share/man \
				--exclude=./usr/share/zoneinfo
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

# boots_and_stops TEMPLATE COMMAND...: a machine of it boots, the command runs in it, it stops without a message, and a
# clone of it boots again.
boots_and_stops() {
	local template=$1
	shift
	berth launch --wait "$template" r
	retry 20 berth exec r -- "$@"
	[[ $(berth exec r -- grep ^root: /etc/shadow) == root:[!*]* ]] || fault "root can log in"
	retry 20 on_the_console r
	silent "a stop" berth stop r
	same "its end" "powered off" "$(field r ended)"
	berth clone r c
	berth start --wait c
	silent "a stop of the clone" berth stop c
	berth delete r c
	berth template delete "$template"
}

on_the_console() {
	berth logs "$1" | grep -q "login:"
}

# fetches PATTERN: prints how often a file with the pattern in its path was asked for since faults_are.
fetches() {
	grep -c -e "$1" "$www.log" || true
}

case_alpine() {
	local build=(berth template build alpine --mirror "$(mirror)/alpine" --keyring "$T/ours.asc")
	make_alpine
	"${build[@]}" a --release 3.99 --packages extra
	same "its description" "alpine 3.99.1 busybox" \
		"$(berth template info --json a | jq -r '"\(.distribution) \(.release) \(.init)"')"
	# shellcheck disable=SC2016 # for the guest
	boots_and_stops a sh -ec 'test -e /run/bootmisc; test "$(cat /opt/extra)" = extra; test ! -e /etc/apk/cache'
	# The archive and the packages of an earlier build; the lists are asked for again.
	faults_are
	"${build[@]}" again --release 3.99
	same "archives fetched" 0 "$(fetches 'tar.gz ')"
	same "lists fetched" 1 "$(fetches releases.yaml)"
	berth template delete again
	# The branch of the latest release is written down.
	"${build[@]}" a
	berth create a r
	has "$(mirror)/alpine/v3.99/main" "$(berth pull r:/etc/apk/repositories -)"
	berth delete r
	berth template delete a
}

# A mirror that does not answer: what earlier builds kept is enough.
case_alpine_offline() {
	local build=(berth template build alpine --mirror "$(mirror)/alpine" --keyring "$T/ours.asc")
	make_alpine
	"${build[@]}" a
	without_server offline
	berth template delete a
}

# offline: what a build does that finds all it needs in the cache, and one that does not.
offline() {
	"${build[@]}" offline 2>"$T/err"
	has "cannot be reached; the archive is that of an earlier build" "$(<"$T/err")"
	boots_and_stops offline test -e /run/bootmisc
	refuses "cannot be reached.*--mirror" "${build[@]}" refused --release edge
}

case_alpine_refused() {
	local at=alpine/v3.99/releases/$alpine_arch build volumes
	[[ -e $BERTH_ROOT/lib/pools ]] || berth pool create default --driver btrfs
	volumes=$(berth pool status --json | jq '[.[].volumes] | add')
	make_alpine
	build=(berth template build alpine refused --mirror "$(mirror)/alpine" --release 3.99)
	refuses "key of Alpine Linux is not here; get it from https://alpinelinux.org/keys/.*--keyring" "${build[@]}"
	build+=(--keyring)
	refuses "signature '.*\.asc' was not made for that archive with a key of" "${build[@]}" "$T/theirs.asc"
	refuses "'/etc/hosts' is no file of keys" "${build[@]}" /etc/hosts
	refuses "release '4' is not known here; there are: latest edge" berth template build alpine x --release 4
	refuses "releases.yaml' is not on the mirror: .* 404; check the release.*--mirror" "${build[@]}" "$T/ours.asc" --release 3.98
	refuses "no such package" "${build[@]}" "$T/ours.asc" --packages nosuch
	faults_are "404 minirootfs"
	rm -r "$BERTH_ROOT/lib/cache/alpine/3.99"
	refuses "is in the mirror's list, but not on the mirror: .* 404" "${build[@]}" "$T/ours.asc"
	faults_are "truncate tar.gz 100000"
	refuses "was not fetched whole: .*; another build goes on" "${build[@]}" "$T/ours.asc"
	faults_are "404 .asc"
	refuses "\.asc' is not on the mirror" "${build[@]}" "$T/ours.asc"
	has "bytes=100000-" "$(<"$www.log")"
	# Another archive, with the list's sum or without it.
	cp -a "$www/alpine/." "$www/bad"
	head -c 1000 /dev/zero >"$www/bad/${at#alpine/}/alpine-minirootfs-3.99.1-$alpine_arch.tar.gz"
	faults_are
	build[6]=$(mirror)/bad
	rm -r "$BERTH_ROOT/lib/cache/alpine/3.99"
	refuses "does not have the SHA-256 sum" "${build[@]}" "$T/ours.asc"
	sed -i "/flavor: alpine-mini/,\$ s/sha256: .*/sha256: $(head -c 1000 /dev/zero | sha256sum | cut -d ' ' -f 1)/" \
		"$www/bad/${at#alpine/}/latest-releases.yaml"
	refuses "signature '.*' was not made for that archive .*: BAD signature" "${build[@]}" "$T/ours.asc"
	sed -i "s,file: alpine-mini.*,file: ../../alpine-minirootfs-x.tar.gz," "$www/bad/${at#alpine/}/latest-releases.yaml"
	refuses "is no list of Alpine's releases" "${build[@]}" "$T/ours.asc"
	head -c 2000000 /dev/zero >"$www/bad/${at#alpine/}/latest-releases.yaml"
	refuses "cannot be fetched: .*[Mm]aximum file size" "${build[@]}" "$T/ours.asc"
	rm -r "$www/bad"
	not berth template info refused
	same "volumes" "$volumes" "$(berth pool status --json | jq '[.[].volumes] | add')"
}

case_void() {
	local build
	make_void
	build=(berth template build void --mirror "$(mirror)/void" --keyring "$T/void.key.pub")
	"${build[@]}" v --packages extra
	same "its init" runit "$(berth template info --json v | jq -r .init)"
	# shellcheck disable=SC2016 # for the guest
	boots_and_stops v sh -ec 'test "$(cat /opt/extra)" = extra; grep -q Suy /var/log/packages
		test "$(sv status /etc/runit/runsvdir/default/* | grep -c ^run:)" = 1'
	without_server "${build[@]}" offline
	berth template delete offline
}

case_void_refused() {
	local build live=$www/void/live/current
	make_void
	build=(berth template build void refused --mirror "$(mirror)/void")
	refuses "key of Void Linux's archives of 20250202 is not here; get void-release-20250202.pub from https://.*--keyring" \
		"${build[@]}"
	build+=(--keyring "$T/void.key.pub")
	refuses "release 'x' is not known" "${build[@]}" --release x
	refuses "is not on the mirror: .* 404" "${build[@]}" --release 20200101
	refuses "has no root archive for .*-musl" "${build[@]}" --variant musl
	refuses "Package 'nosuch' not found" "${build[@]}" --packages nosuch
	cp -a "$live" "$www/void/live/20990101"
	void_sign "$T/other.key" "$www/void/live/20990101"
	refuses "signature '.*sha256sum.sig' was not made for that list" "${build[@]}" --release 20990101
	void_sign "$T/void.key" "$www/void/live/20990101"
	echo >>"$www/void/live/20990101/sha256sum.txt"
	refuses "signature '.*sha256sum.sig' was not made for that list" "${build[@]}" --release 20990101
	sed -i 's/= .*/= 0000000000000000000000000000000000000000000000000000000000000000/' \
		"$www/void/live/20990101/sha256sum.txt"
	void_sign "$T/void.key" "$www/void/live/20990101"
	refuses "does not have the SHA-256 sum" "${build[@]}" --release 20990101
	mv "$www/void/live/20990101" "$www/void/live/20990102"
	faults_are "stall sha256sum.txt 10"
	BERTH_STALL=1s refuses "cannot be reached: .*(too slow|timed out)" "${build[@]}" --release 20990102
	faults_are
	rm -r "$www/void/live/20990102"
}

# Over TLS, with an authority that only this test trusts.
case_archives_by_https() {
	local build
	make_void
	build=(berth template build void t --mirror "$(mirror_by_tls)/void" --keyring "$T/void.key.pub")
	refuses "certificate" "${build[@]}"
	SSL_CERT_FILE=$T/ca.crt "${build[@]}"
	berth template delete t
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
	set -- case_ubuntu case_the_same_again case_fedora case_alpine case_alpine_offline case_alpine_refused case_void \
		case_void_refused case_archives_by_https case_what_is_refused
fi
run_cases "$@"
