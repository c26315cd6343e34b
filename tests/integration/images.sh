#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Images of LXC and Incus from a server that this test makes, by http and https.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/roots.sh
. "$top/tests/roots.sh"
# shellcheck source=tests/images.sh
. "$top/tests/images.sh"

set_up() {
	images_set_up
}

# refused PATTERN COMMAND...: the command fails with one sentence, and makes no template. The downloaded part may stay.
refused() {
	fails 1 "$@"
	fails 1 "there is no template" berth template delete busybox-1-35
	no_volumes
}

cached() {
	[[ ! -d $BERTH_ROOT/lib/cache/images ]] || find "$BERTH_ROOT/lib/cache/images" -type f
}

tear_down() {
	local pid
	# A failed case may have left this.
	rm -f "$www.fault"
	[[ -e $www.pids ]] || return 0
	while read -r pid; do
		kill "$pid"
	done <"$www.pids"
	wait
	rm -rf "${BERTH_ROOT:?}/lib/cache"
}

case_remotes() {
	serving
	has "plain +$http" "$(berth template remote list)"
	has "images +https://images.linuxcontainers.org" "$(berth template remote list)"
	berth template remote list --json | is_json
	fails 1 "remote 'plain' is there already" berth template remote add plain "$https"
	fails 1 "has to begin with https:// or http://" berth template remote add other ftp://x
	fails 1 "blank, or a character" berth template remote add other "https://x/ y"
	fails 1 "ends with a slash" berth template remote add other https://x/
	fails 2 "name 'Oth er'" berth template remote add "Oth er" https://x
	fails 1 "no remote 'none'" berth template remote remove none
	fails 1 "berth's own" berth template remote remove images
	fails 2 "list \\| add NAME URL" berth template remote
	fails 2 "template remote list" berth template remote add x
	# Lines that were there before stay as they are.
	printf '# of mine\npool = default\n\n; more\n[remote a]\nurl = https://a\n' >"$BERTH_ROOT/etc/berth.conf.before"
	cp "$BERTH_ROOT/etc/berth.conf" "$T/kept"
	cp "$BERTH_ROOT/etc/berth.conf.before" "$BERTH_ROOT/etc/berth.conf"
	berth template remote add b https://b/c
	printf '\n[remote b]\nurl = https://b/c\n' | cat "$BERTH_ROOT/etc/berth.conf.before" - >"$T/wanted"
	diff "$T/wanted" "$BERTH_ROOT/etc/berth.conf"
	berth template remote remove b
	cmp "$BERTH_ROOT/etc/berth.conf.before" "$BERTH_ROOT/etc/berth.conf"
	printf '[remote a]\nurl = gopher://a\n' >"$BERTH_ROOT/etc/berth.conf"
	fails 1 "url of remote 'a' has to begin with" berth template remote list
	cp "$T/kept" "$BERTH_ROOT/etc/berth.conf"
	rm "$BERTH_ROOT/etc/berth.conf.before"
	berth template remote add images "$http" 2>"$T/err"
	has "images +$http" "$(berth template remote list)"
	berth template remote remove images
	has "images +https://images" "$(berth template remote list)"
}

case_search() {
	serving
	same lines 5 "$(berth template search plain: | wc -l)"
	has "plain:busybox/1.35 +Busybox +1.35 +default +20261126_13:00 +[0-9.]+ [KM]iB" "$(berth template search plain:busy 1.35)"
	same lines 3 "$(berth template search plain:BUSY 1.35 | wc -l)"
	fails 1 "has nothing for this host that has all these words" berth template search plain:nowhere
	fails 1 "no remote 'none'" berth template search none:x
	same names '"name": "plain:busybox/1.35/squash",' \
		"$(berth template search --json plain:squash | grep '"name"' | xargs -0 echo -n | sed 's/^ *//')"
	fails 1 "the server's certificate is not trusted" berth template search secure:x
	has "secure:debian/trixie" "$(SSL_CERT_FILE=$T/ca.crt berth template search secure:trixie)"
}

case_pull() {
	serving
	faults_are
	berth template pull plain:busybox/1.35 2>"$T/err"
	has "template 'busybox-1-35' is version 20261126_13:00 of 'plain:busybox/1.35'" "$(cat "$T/err")"
	same_tree "$T/small" "$(root_of busybox-1-35)"
	silent "what is left in the cache" cached
	has "image.product = busybox:1.35:" "$(cat "$BERTH_ROOT/lib/templates/busybox-1-35/template.conf")"
	has "image.sha256 = $(sha256sum <"$T/made/root.tar.xz" | cut -d ' ' -f 1)" \
		"$(cat "$BERTH_ROOT/lib/templates/busybox-1-35/template.conf")"
	has "image.url = $http/images/Busybox/1.35/default/20261126_13:00/root.tar.xz" \
		"$(cat "$BERTH_ROOT/lib/templates/busybox-1-35/template.conf")"
	berth template pull plain:busybox/1.35 2>"$T/err"
	has "is there already: version" "$(cat "$T/err")"
	same "roots that were fetched" 1 "$(grep -c root.tar.xz "$www.log")"
	fails 1 "of something else" berth template pull plain:debian/trixie busybox-1-35
	SSL_CERT_FILE=$T/ca.crt berth template pull secure:busybox/1.35/squash sq
	same_tree "$T/small" "$(root_of sq)"
	berth template pull plain:busybox/edge
	same_tree "$T/small" "$(root_of busybox-edge)"
	berth template delete busybox-1-35 sq busybox-edge
	no_volumes
}

case_launch() {
	serving
	faults_are
	fails 2 "name 'Web'" berth launch plain:busybox/1.35 Web
	fails 2 "unknown key" berth launch --set nonsense=1 plain:busybox/1.35 web
	[[ ! -e $www.log ]]
	berth launch --wait plain:busybox/1.35 web
	same "a file of its root" 300000 "$(berth exec web -- stat -c %s /noise)"
	rm "$www.log"
	# The template exists now, so the server is not asked.
	berth create plain:busybox/1.35 second
	berth create plain:busybox/1.35/default --count 2 n
	[[ ! -e $www.log ]]
	fails 1 "web' is there already" berth launch plain:busybox/edge web
	[[ ! -e $www.log ]]
	same "a command" 7 "$(berth run plain:busybox/1.35 -- expr 3 + 4)"
	berth delete --force web second n-1 n-2
	berth template delete busybox-1-35
	no_volumes
}

# A file names images: one that does not exist is told with the other faults, and one that does is pulled once.
case_apply() {
	serving
	faults_are
	printf '%s\n' '[machine a]' 'template = plain:busybox/1.36' '[machine b]' 'template = none' >"$T/shop.apply"
	not berth apply "$T/shop.apply" 2>"$T/err"
	has "^berth: .*:1: .*busybox/1.3[56]" "$(cat "$T/err")"
	has "^berth: .*:3: there is no template 'none'" "$(cat "$T/err")"
	no_volumes
	printf '%s\n' '[machine a]' 'template = plain:busybox/1.35' 'state = stopped' '[machine b]' 'count = 2' 'state = stopped' \
		'template = plain:busybox/1.35/default' >"$T/shop.apply"
	has "pull template 'busybox-1-35' of 'plain:busybox/1.35'" "$(berth apply --diff "$T/shop.apply")"
	no_volumes
	berth apply "$T/shop.apply" >"$T/out"
	same "what was done" "pull create create create" "$(sed 's/ .*//' "$T/out" | sort -r | uniq | xargs) create create"
	same "its template" "busybox-1-35 busybox-1-35" "$(berth get a template) $(berth get b-2 template)"
	# The server is not asked again, also if the template is gone.
	rm -f "$www.log"
	has "nothing to do" "$(berth apply "$T/shop.apply")"
	berth template delete busybox-1-35
	has "nothing to do" "$(berth apply "$T/shop.apply")"
	[[ ! -e $www.log ]]
	sed -i 's/^template = plain:busybox.1.35$/template = plain:debian\/trixie/' "$T/shop.apply"
	berth template pull plain:busybox/1.35
	fails 1 "machine 'a' was made from template 'busybox-1-35', which cannot change to 'plain:debian/trixie'" berth apply "$T/shop.apply"
	berth delete a b-1 b-2
	berth template delete busybox-1-35
	no_volumes
}

case_update() {
	serving
	faults_are
	berth template pull plain:debian/trixie old
	fails 1 "came from no image server" bash -c 'tar -C "$T/small" -cf "$T/own.tar" . &&
		berth template import "$T/own.tar" own 2>/dev/null && berth template update own'
	berth create old m
	berth template update old 2>"$T/err"
	has "template 'old' is the newest of 'plain:debian/trixie/default': version 20261125_05:24" "$(cat "$T/err")"
	image Debian trixie default 20261127_05:24 lxd.tar.xz rootfs.squashfs
	"$image_server" index "$www"
	berth template update old 2>"$T/err"
	has "template 'old-202611270524' is version 20261127_05:24.*'old' stays, version 20261125_05:24" "$(cat "$T/err")"
	berth template update old-202611270524 2>"$T/err"
	has "is the newest" "$(cat "$T/err")"
	# The newer of the two is launched.
	berth create plain:debian/trixie n
	same "its template" old-202611270524 "$(field n template)"
	same "its template" old "$(field m template)"
	berth start --wait m
	berth delete --force m n
	fails 1 "update old" berth template pull plain:debian/trixie old
	berth template delete old old-202611270524 own
	rm -r "$www/images/Debian/trixie/default/20261127_05:24"
	"$image_server" index "$www"
	no_volumes
}

case_names_that_are_not_there() {
	serving
	faults_are
	refused "no remote 'none'; known are 'plain', 'secure', 'images'" berth template pull none:busybox/1.35
	refused "has no 'busybox/1.36' for this host; of 'busybox' it has 1.35, edge" berth template pull plain:busybox/1.36
	refused "has no 'busibox/1.35' for this host; did you mean 'Busybox'" berth template pull plain:busibox/1.35
	refused "has no 'qqqqqqqq' for this host; see what it has" berth template pull plain:qqqqqqqq
	fails 2 "names no image; write REMOTE:" berth template pull busybox
	fails 2 "names no image; write REMOTE:" berth template pull plain:
	fails 2 "names no image; write REMOTE:" berth launch :busybox
}

case_wrong_sum() {
	local file=$www/images/Busybox/1.35/default/20261126_13:00/root.tar.xz
	serving
	faults_are
	printf X | dd of="$file" bs=1 seek=1000 conv=notrunc status=none
	refused "root.tar.xz' has the wrong sum: the index promises SHA-256" berth template pull plain:busybox/1.35
	# The useless file is removed; the metadata are good and stay.
	same "what is left" 1 "$(cached | wc -l)"
	# A file that is too long is not read to its end.
	head -c 100000 /dev/zero >>"$file"
	refused "larger than the|wrong sum|truncated" berth template pull plain:busybox/1.35
	cp "$T/made/root.tar.xz" "$file"
	sed -i.kept -E 's/("combined_rootxz_sha256": ")[0-9a-f]{8}/\100000000/g' "$www/streams/v1/images.json"
	refused "metadata and root do not belong together" berth template pull plain:busybox/1.35
	mv "$www/streams/v1/images.json.kept" "$www/streams/v1/images.json"
	rm -rf "$BERTH_ROOT/lib/cache"
}

case_truncated_and_resumed() {
	serving
	# Each connection breaks off, and the next one continues there.
	faults_are "truncate root.tar.xz 200000"
	berth template pull plain:busybox/1.35
	has "root.tar.xz bytes=200000-" "$(cat "$www.log")"
	has "root.tar.xz bytes=400000-" "$(cat "$www.log")"
	same_tree "$T/small" "$(root_of busybox-1-35)"
	berth template delete busybox-1-35
	# No connection makes any progress.
	faults_are "truncate root.tar.xz 0"
	refused "is truncated: the server ended after 0 bytes" berth template pull plain:busybox/1.35
	faults_are "truncate root.tar.xz 1000"
	refused "is truncated: the server ended after 3000 bytes" berth template pull plain:busybox/1.35
	# The downloaded part is kept for the next try.
	faults_are
	berth template pull plain:busybox/1.35
	has "root.tar.xz bytes=3000-" "$(cat "$www.log")"
	berth template delete busybox-1-35
	# If the server cannot continue, the file is read from the beginning.
	faults_are "truncate root.tar.xz 1000"
	refused "is truncated" berth template pull plain:busybox/1.35
	faults_are "norange root.tar.xz"
	berth template pull plain:busybox/1.35
	berth template delete busybox-1-35
	no_volumes
}

case_statuses() {
	serving
	faults_are "404 root.tar.xz"
	refused "root.tar.xz' is not there \(HTTP status 404\)" berth template pull plain:busybox/1.35
	faults_are "404 index.json"
	refused "index.json' is not there" berth template pull plain:busybox/1.35
	faults_are "503 root.tar.xz"
	refused "refused it with HTTP status 503" berth template pull plain:busybox/1.35
	faults_are "503 lxd.tar.xz 2"
	berth template pull plain:busybox/1.35
	berth template delete busybox-1-35
	no_volumes
}

case_redirects() {
	serving
	faults_are "loop root.tar.xz"
	refused "redirects more than 5 times" berth template pull plain:busybox/1.35
	# A redirect may lead from http to https, but not back.
	faults_are "redirect root.tar.xz $http"
	SSL_CERT_FILE=$T/ca.crt refused "redirects to a place that is not https" berth template pull secure:busybox/1.35
	faults_are "redirect root.tar.xz file:///etc"
	refused "not https|redirect" berth template pull plain:busybox/1.35
}

case_stalls() {
	serving
	faults_are "stall root.tar.xz 5000"
	BERTH_STALL=1s refused "the server stalls: hardly anything came in 1 seconds" berth template pull plain:busybox/1.35
	faults_are "stall index.json 0"
	BERTH_STALL=1s refused "the server stalls" berth template search plain:x
	faults_are
	rm -rf "$BERTH_ROOT/lib/cache"
}

# Built, but not put where berth looks for it.
case_not_installed() {
	mkdir "$T/libexec"
	ln -s "$BUILD_TREE/libexec"/{berth-keeper,berth-unpack,guest-init} "$T/libexec"
	BERTH_LIBEXEC=$T/libexec fails 1 "'$T/libexec/berth-fetch' is not there: run 'make install'" \
		berth template search debian
	has "problem +installation +'$T/libexec/berth-fetch' is not there" "$(BERTH_LIBEXEC=$T/libexec berth doctor || true)"
	has "ok +installation +$BUILD_TREE/libexec/berth-fetch" "$(berth doctor || true)"
}

case_no_network() {
	serving
	berth template remote add nobody https://127.0.0.1:9
	berth template remote add unknown https://nowhere.invalid
	refused "no connection to the server" berth template pull nobody:busybox/1.35
	refused "the server's name cannot be resolved; is the network up" berth template pull unknown:busybox/1.35
	http_proxy=http://127.0.0.1:9 refused "no connection through the proxy of the environment" \
		berth template pull plain:busybox/1.35
	http_proxy=http://nowhere.invalid:1 refused "the name of the proxy cannot be resolved" \
		berth template pull plain:busybox/1.35
	# A server that is no proxy refuses such a connection.
	https_proxy=$http refused "proxy" berth template pull secure:busybox/1.35
	SSL_CERT_FILE=/etc/passwd refused "certificate" berth template pull secure:busybox/1.35
	berth template remote remove nobody
	berth template remote remove unknown
}

# index_with LINE: changes the list of images by a line of Python.
index_with() {
	python3 - "$www/streams/v1/images.json" "$1" <<-'END'
		import json, sys
		index = json.load(open(sys.argv[1]))
		products = index["products"]
		good = next(iter(products.values()))
		exec(sys.argv[2])
		json.dump(index, open(sys.argv[1], "w"))
	END
}

case_hostile_index() {
	serving
	faults_are
	index_with 'import copy
for name, path in (("up", "../../etc/passwd"), ("absolute", "/etc/passwd"), ("url", "http://elsewhere/x"), ("escape\x1b[2J", "ok"), ("line\nfeed", "ok")):
    bad = copy.deepcopy(good)
    for version in bad["versions"].values():
        for item in version["items"].values():
            item["path"] = path
    products[name] = bad
products["number"] = 7
products["none"] = None
products["list"] = {"arch": good["arch"], "versions": [1, 2]}'
	berth template search plain:busybox >"$T/out" 2>"$T/err"
	same lines 4 "$(wc -l <"$T/out")"
	has "berth: 5 images of remote 'plain' were left out: 'up' has a path with an empty part" "$(cat "$T/err")"
	not grep -P '\x1b' "$T/out" "$T/err"
	# An index that is larger than those of public servers, and one that is far too large.
	"$image_server" index "$www"
	index_with 'index["more"] = ["x" * 100] * 60000'
	(($(stat -c %s "$www/streams/v1/images.json") > 5 << 20))
	has busybox "$(berth template search plain:busybox)"
	truncate -s 40M "$www/streams/v1/images.json"
	fails 1 "larger than the 33554432 bytes allowed" berth template search plain:x
	python3 -c 'print("{\"products\":" + "{\"a\":" * 100000)' >"$www/streams/v1/images.json"
	fails 1 "is not the JSON of simplestreams.*depth" berth template search plain:x
	echo '{"products": {"a": {}, "a": {}}}' >"$www/streams/v1/images.json"
	fails 1 "duplicate" berth template search plain:x
	echo '<html>' >"$www/streams/v1/images.json"
	fails 1 "is not the JSON of simplestreams" berth template search plain:x
	echo '{"index": {"a": {"datatype": "image-downloads", "format": "products:1.0", "path": "../x"}}}' \
		>"$www/streams/v1/index.json"
	fails 1 "by a path that leads elsewhere" berth template search plain:x
	"$image_server" index "$www"
}

part_is_there() {
	[[ -n $(find "$BERTH_ROOT/lib/cache/images" -size +60k) ]]
}

case_disk_full() {
	serving
	faults_are
	mkdir -p "$BERTH_ROOT/lib/cache/images"
	mount -t tmpfs -o size=200k none "$BERTH_ROOT/lib/cache/images"
	refused "the disk of the cache is full: .* more are needed" berth template pull plain:busybox/1.35
	# The file system fills up during the download.
	mount -o remount,size=4m "$BERTH_ROOT/lib/cache/images"
	faults_are "hold root.tar.xz 100000"
	berth template pull plain:busybox/1.35 2>"$T/err" &
	retry 20 part_is_there
	head -c 4200000 /dev/zero >"$BERTH_ROOT/lib/cache/images/filler" 2>/dev/null || true
	faults_are
	not wait $!
	has "the disk is full" "$(cat "$T/err")"
	umount "$BERTH_ROOT/lib/cache/images"
	no_volumes
}

nobody_fetches() {
	not pgrep -x berth-fetch
}

# An interrupted or killed pull leaves only the downloaded part, and the next one continues with it.
case_interrupted() {
	local signal
	serving
	for signal in INT KILL; do
		faults_are "hold root.tar.xz 100000"
		# Python starts the command, because a shell makes its background processes ignore SIGINT.
		python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp("berth", ["berth", "template", "pull", "plain:busybox/1.35"])' &
		retry 20 part_is_there
		kill -"$signal" $!
		wait $! || true
		retry 10 nobody_fetches
		fails 1 "there is no template" berth template delete busybox-1-35
		faults_are
		berth template pull plain:busybox/1.35
		has "root.tar.xz bytes=[1-9][0-9]*-" "$(cat "$www.log")"
		same_tree "$T/small" "$(root_of busybox-1-35)"
		berth template delete busybox-1-35
		silent "what is left" cached
	done
	no_volumes
}

case_two_at_once() {
	local first second
	serving
	faults_are "slow root.tar.xz 100000"
	berth template pull plain:busybox/1.35 2>"$T/first" &
	first=$!
	berth template pull plain:busybox/1.35 2>"$T/second" &
	second=$!
	wait "$first"
	wait "$second"
	has "is there already" "$(cat "$T/first" "$T/second")"
	same "roots that were fetched" 1 "$(grep -c root.tar.xz "$www.log")"
	berth template delete busybox-1-35
	faults_are
	no_volumes
}

# The program that talks to the server can change nothing on the host, and read only files that all users may read.
case_confined() {
	local pid status
	serving
	faults_are "stall root.tar.xz 5000"
	berth template pull plain:busybox/1.35 2>"$T/err" &
	retry 20 is_confined
	pid=$(cat "$T/confined")
	status=$(cat "/proc/$pid/status")
	has "^CapEff:.0000000000000000$" "$status"
	has "^CapPrm:.0000000000000000$" "$status"
	has "^NoNewPrivs:.1$" "$status"
	has "^Groups:.$|^Groups:. *$" "$status"
	has "^Uid:.[1-9][0-9]{6,}" "$status"
	not grep -vE '^[^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ ro[, ]' "/proc/$pid/mountinfo"
	kill %berth
	wait %berth || true
	retry 10 nobody_fetches
	faults_are
	rm -rf "$BERTH_ROOT/lib/cache"
}

# The process that waits for the root; the one that read the index may still be there.
is_confined() {
	local pid
	for pid in $(pgrep -x berth-fetch); do
		if grep -aq 'root.tar.xz' "/proc/$pid/cmdline" && grep -q '^Uid:.[1-9][0-9][0-9][0-9][0-9]' "/proc/$pid/status"; then
			echo "$pid" >"$T/confined"
			return 0
		fi
	done
	return 1
}

run_cases "$@"
