#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Images of OCI and of 'docker save': layers into a root, hostile images, and the program that an image runs.
# shellcheck disable=SC2016 # variables of jq and of the machine
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# shellcheck source=tests/oci.sh
. "$top/tests/oci.sh"
# shellcheck source=tests/tls.sh
. "$top/tests/tls.sh"

# refused TEXT IMAGE: the import says so in one sentence, and leaves nothing.
refused() {
	fails 1 "$1" berth template import "$2" bad
	same "sentences" 1 "$(berth template import "$2" bad 2>&1 | wc -l)"
	no_volumes
	fails 1 "there is no template 'bad'" berth template info bad
}

two_layers() {
	mkdir -p "$T/layer"
	(cd "$T/layer" && mkdir -p keep gone opaque/deep was-folder/in many usr/lib &&
		echo 1 >keep/file && echo 1 >gone/file && echo 1 >opaque/old && echo 1 >opaque/deep/old &&
		echo 1 >was-folder/in/file && echo 1 >was-file && echo 1 >hidden && echo hard >hard && ln -s usr/lib lib &&
		echo 1 >usr/lib/below && echo 1 >usr/lib/stays && ln -s / up && ln -s /opaque absolute && echo 1 >tool &&
		chmod 4755 tool && setfattr -n user.mark -v kept tool && setcap cap_net_raw+ep hard &&
		ln hard many/first && chown 12:34 keep/file)
	layer "$T/one.tar"
	(cd "$T/layer" && mkdir -p opaque was-file lib usr &&
		touch .wh.gone .wh.hidden opaque/.wh..wh..opq .wh.never opaque/.wh.old && echo 2 >opaque/new &&
		echo 2 >was-folder && echo 2 >was-file/in && echo 2 >again && ln again again-2 && echo 2 >usr/other)
	rmdir "$T/layer/lib"
	# Names behind a link of the layer below, a hard link to its file, and a whiteout behind a link to the root.
	python3 - "$T/layer" "$T/two.tar" <<-'END'
		import io, sys, tarfile
		tar = tarfile.open(sys.argv[2], "w", format=tarfile.PAX_FORMAT)
		tar.add(sys.argv[1], ".")
		def add(name, data=b"", kind=tarfile.REGTYPE, link=""):
		    info = tarfile.TarInfo(name)
		    info.size, info.type, info.linkname = len(data), kind, link
		    tar.addfile(info, io.BytesIO(data))
		add("lib/through", b"2\n")
		add("lib/.wh.below")
		add("across", kind=tarfile.LNKTYPE, link="many/first")
		add("up/up/up/.wh.no-such-file")
		add("absolute/second", b"2\n")
		add("/slash", b"2\n")
		tar.close()
	END
	rm -rf "$T/layer"
}

# What the layers of two_layers come to.
check_two_layers() {
	local root
	root=$(root_of "$1")
	(
		cd "$root"
		same "a file of the first" 1 "$(cat keep/file)"
		same "its owner" 12:34 "$(stat -c %u:%g keep/file)"
		[[ ! -e gone && ! -e hidden && ! -e opaque/old && ! -e opaque/deep && ! -e usr/lib/below ]]
		same "left of opaque" "new second" "$(cd opaque && echo *)"
		same "a file for a folder" 2 "$(cat was-folder)"
		same "a folder for a file" 2 "$(cat was-file/in)"
		same "a link that stays" usr/lib "$(readlink lib)"
		same "through it" 2 "$(cat usr/lib/through)"
		same "beside it" 1 "$(cat usr/lib/stays)"
		same "with a slash" 2 "$(cat slash)"
		same "names of a file of both" 3 "$(stat -c %h across)"
		same "the same file" "$(stat -c %i hard)" "$(stat -c %i across)"
		same "within a layer" 2 "$(stat -c %h again-2)"
		same "setuid" 4755 "$(stat -c %a tool)"
		same "an attribute" kept "$(getfattr --only-values -n user.mark tool)"
		has cap_net_raw "$(getcap across)"
		[[ -z $(find . -name '.wh.*' -o -name '.berth*') ]]
	)
}

case_layers() {
	local pack
	two_layers
	for pack in gzip zstd none; do
		image layout "$T/layout" --pack "$pack" "$T/base.tar" "$T/one.tar" "$T/two.tar"
		berth template import "$T/layout" layers
		check_two_layers layers
		berth template delete layers
	done
	no_volumes
}

# The same image in every form that it comes in.
case_forms() {
	local way
	two_layers
	image layout "$T/layout" "$T/base.tar" "$T/one.tar" "$T/two.tar"
	image saved "$T/saved" "$T/base.tar" "$T/one.tar" "$T/two.tar"
	tar -C "$T/layout" -cf "$T/layout.tar" .
	tar -C "$T" -czf "$T/folder.tgz" layout
	(cd "$T/saved" && tar -cf "$T/saved.tar" -- *)
	for way in layout layout.tar folder.tgz saved.tar saved; do
		berth template import "$T/$way" form
		check_two_layers form
		berth template delete form
	done
	# As of: docker save IMAGE | berth template import - NAME
	gzip <"$T/saved.tar" | berth template import - form
	check_two_layers form
	berth template delete form
	no_volumes
}

# An old docker save has a link where two layers are the same.
case_saved_with_a_link() {
	mkdir -p "$T/layer"
	echo 1 >"$T/layer/one"
	layer "$T/one.tar"
	image saved "$T/saved" "$T/base.tar" "$T/one.tar" "$T/one.tar"
	(cd "$T/saved/$(printf %064x 2)" && rm layer.tar && ln -s "../$(printf %064x 1)/layer.tar" layer.tar)
	(cd "$T/saved" && tar -cf "$T/saved.tar" -- *)
	berth template import "$T/saved.tar" link
	same "its file" 1 "$(cat "$(root_of link)/one")"
	berth template delete link
	no_volumes
}

# ---- Hostile ones

# edit FILE PROGRAM: by jq.
edit() {
	jq -c "$2" "$1" >"$1.new" && mv "$1.new" "$1"
}

# seal LAYOUT: gives its manifest, which a test has changed as "$T/manifest", its name, and the index that.
seal() {
	local sum
	sum=$(sha256sum "$T/manifest" | cut -d ' ' -f 1)
	cp "$T/manifest" "$1/blobs/sha256/$sum"
	edit "$1/index.json" ".manifests[0].digest = \"sha256:$sum\" | .manifests[0].size = $(stat -c %s "$T/manifest")"
}

manifest_of() {
	echo "$1/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$1/index.json")"
}

case_damaged_images() {
	local blob wanted
	image layout "$T/layout" "$T/base.tar"
	cp "$(manifest_of "$T/layout")" "$T/manifest"
	blob=$T/layout/blobs/sha256/$(jq -r '.layers[0].digest[7:]' "$T/manifest")
	cp "$blob" "$T/blob"
	printf x >>"$blob"
	refused "layer 1: its file has [0-9]* bytes, and its image promises [0-9]*: it is damaged" "$T/layout"
	printf '\1' | dd of="$T/blob" bs=1 seek=4 conv=notrunc status=none
	cp "$T/blob" "$blob"
	refused "layer 1: its file has SHA-256 .*, and its image promises" "$T/layout"
	rm "$blob"
	refused "layer 1: 'blobs/sha256/.*' is missing" "$T/layout"
	ln -s /etc/passwd "$blob"
	refused "layer 1" "$T/layout"
	rm "$blob"
	mkfifo "$blob"
	refused "layer 1: 'blobs/sha256/.*' is not a file" "$T/layout"
	# A manifest that says less than it should, with its own sum right.
	for wanted in '.layers[0].digest = "sha256:../../../etc/passwd"|has a layer without a SHA-256 digest' \
		'.layers[0].digest = "sha512:00"|has a layer without a SHA-256 digest' \
		'.layers[0].urls = ["http://localhost/x"]|has a layer that is not in the image but elsewhere' \
		'.layers[0].mediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"|not in the image but' \
		'.layers[0].size = -1|has a layer without a size' \
		'.layers = [.layers[0] as $l | range(600) | $l]|has 600 layers; at most 512' \
		'del(.config)|has a config without a SHA-256' 'del(.layers)|has no layers' \
		'.layers = []|it has 0 layers, and its settings tell of 1' '.layers = "x"|has no layers'; do
		image layout "$T/layout" "$T/base.tar"
		jq -c "${wanted%|*}" "$(manifest_of "$T/layout")" >"$T/manifest"
		seal "$T/layout"
		refused "${wanted##*|}" "$T/layout"
	done
	image layout "$T/layout" "$T/base.tar"
	echo >>"$(manifest_of "$T/layout")"
	refused "bytes, and its image promises [0-9]*: it is damaged" "$T/layout"
	image layout "$T/layout" "$T/base.tar"
	edit "$T/layout/index.json" '.manifests[0].size = 104857600'
	truncate -s 100M "$(manifest_of "$T/layout")"
	refused "is larger than 4 MiB" "$T/layout"
	truncate -s 100M "$T/layout/index.json"
	refused "'index.json' is larger than 4 MiB" "$T/layout"
	python3 -c 'print("[" * 100000)' >"$T/layout/index.json"
	refused "'index.json' is no JSON" "$T/layout"
	python3 -c 'print("{\"manifests\":" + "[" * 100000 + "]" * 100000 + "}")' >"$T/layout/index.json"
	refused "'index.json' is no JSON: line 1: maximum parsing depth" "$T/layout"
	echo '[]' >"$T/layout/index.json"
	refused "'index.json' is not JSON of an image: it is no object" "$T/layout"
	echo '{"manifests": []}' >"$T/layout/index.json"
	refused "'index.json' has no image" "$T/layout"
}

case_damaged_saves() {
	local wanted
	for wanted in '.[0].Config = "../../etc/passwd"|names a file that lies outside of the image' \
		'.[0].Layers[0] = "/etc/passwd"|names a file that lies outside of the image' \
		'.[0].Layers[0] = 1|names a file that is no text' '.[0].Layers[0] = "nowhere"|layer 1: .nowhere. is missing' \
		'.[0].Layers[0] = "manifest.json"|layer 1' 'del(.[0].Layers)|no Config or no Layers' \
		'. + .|has several images: it:latest' '[]|has no image' '{}|it is no array' '[1]|no Config or no Layers'; do
		image saved "$T/saved" "$T/base.tar"
		edit "$T/saved/manifest.json" "${wanted%|*}"
		refused "${wanted##*|}" "$T/saved"
		(cd "$T/saved" && tar -cf "$T/saved.tar" -- *)
		refused "${wanted##*|}" "$T/saved.tar"
	done
	image saved "$T/saved" "$T/base.tar"
	echo >>"$T/saved/$(printf %064x 0)/layer.tar"
	refused "layer 1" "$T/saved"
}

# Indexes that lead to indexes: a sum cannot lead back to itself, but the way may be long.
case_indexes() {
	local i sum
	image layout "$T/layout" "$T/base.tar"
	for i in {1..3}; do
		sum=$(sha256sum "$T/layout/index.json" | cut -d ' ' -f 1)
		cp "$T/layout/index.json" "$T/layout/blobs/sha256/$sum"
		jq -nc --arg sum "sha256:$sum" --argjson size "$(stat -c %s "$T/layout/index.json")" \
			'{schemaVersion: 2, manifests: [{mediaType: "application/vnd.oci.image.index.v1+json", digest: $sum, size: $size}]}' \
			>"$T/index"
		cp "$T/index" "$T/layout/index.json"
	done
	berth template import "$T/layout" deep
	berth template delete deep
	for i in {1..3}; do
		sum=$(sha256sum "$T/layout/index.json" | cut -d ' ' -f 1)
		cp "$T/layout/index.json" "$T/layout/blobs/sha256/$sum"
		edit "$T/layout/index.json" ".manifests[0].digest = \"sha256:$sum\" | .manifests[0].size = $(stat -c %s "$T/layout/index.json")"
	done
	refused "its indexes lead from one to another, more than 4 times" "$T/layout"
}

case_architectures() {
	"$maker" layout "$T/layout" --arch s390x "$T/base.tar"
	refused "'index.json' has no image for $arch, this host; it has s390x" "$T/layout"
	edit "$T/layout/index.json" 'del(.manifests[0].platform)'
	refused "it is for s390x, and this host is $arch" "$T/layout"
	"$maker" layout "$T/foreign" --arch s390x "$T/base.tar"
	image layout "$T/layout" "$T/base.tar"
	edit "$T/layout/index.json" ".manifests = $(jq -c .manifests "$T/foreign/index.json") + .manifests"
	berth template import "$T/layout" both
	berth template delete both
	edit "$T/layout/index.json" '.manifests += [.manifests[1] | .digest = "sha256:" + ("0" * 64) | .annotations = {"org.opencontainers.image.ref.name": "other"}]'
	refused "has several images: latest, other; save or copy only one" "$T/layout"
	no_volumes
}

# evil NAME [LINK]: a second layer with this entry, behind one with links to everywhere.
evil() {
	python3 - "$T/evil.tar" "$@" <<-'END'
		import io, sys, tarfile
		tar = tarfile.open(sys.argv[1], "w")
		info = tarfile.TarInfo(sys.argv[2])
		if len(sys.argv) > 3:
		    info.type, info.linkname = (tarfile.LNKTYPE if sys.argv[3][0] == "=" else tarfile.SYMTYPE), sys.argv[3].lstrip("=")
		tar.addfile(info, io.BytesIO(b""))
		tar.close()
	END
	image layout "$T/layout" "$T/base.tar" "$T/links.tar" "$T/evil.tar"
}

case_whiteouts_stay_inside() {
	local name
	mkdir -p "$T/layer/folder" "$T/outside"
	touch "$T/outside/file"
	(cd "$T/layer" && ln -s / root-link && ln -s "$T/outside" out && ln -s loop loop && ln -s "$T" top && touch file)
	layer "$T/links.tar"
	for name in out/.wh.file out/.wh..wh..opq top/outside/.wh.file root-link/.wh.out loop/.wh.x file/.wh.x \
		nowhere/.wh..wh..opq .wh..wh.plnk/x .wh..wh.aufs; do
		evil "$name"
		berth template import "$T/layout" links
		[[ -e $T/outside/file ]]
		[[ -z $(find "$(root_of links)" -name '.wh.*') ]]
		berth template delete links
	done
	for name in .wh. .wh... folder/.wh.. ; do
		evil "$name"
		refused "removes a name that is none" "$T/layout"
	done
	for name in ../.wh.x folder/../../x .wh.x/../../y; do
		evil "$name"
		refused "has '..' in its path" "$T/layout"
	done
	evil x =../../etc/passwd
	refused "is a link that leads out of the tree" "$T/layout"
	evil x ../../../etc
	refused "is a link that leads out of the tree" "$T/layout"
	# All that is there, the folder of the image too.
	evil .wh..wh..opq
	refused "it has neither /sbin/init nor /bin/sh" "$T/layout"
	tar -C "$T/layout" -cf "$T/layout.tar" .
	refused "" "$T/layout.tar"
	no_volumes
}

# ---- Registries, through skopeo

# serve_registry ADDRESS [TLS]: a registry on loopback, with these lines of its settings for TLS.
serve_registry() {
	cat >"$T/registry.yml" <<-END
		version: 0.1
		storage:
		  filesystem: {rootdirectory: $T/registry}
		http: {addr: $1${2:+, tls: $2}}
	END
	docker-registry serve "$T/registry.yml" >"$T/registry.log" 2>&1 &
}

# A registry on loopback, without TLS, with one image.
registry_up() {
	serve_registry 127.0.0.1:5000
	image layout "$T/layout" --config '{"Cmd": ["/bin/sleep", "1000"]}' "$T/base.tar"
	retry 20 skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$T/layout:latest" \
		docker://127.0.0.1:5000/own/it:1
	berth template remote add local docker+http://127.0.0.1:5000 2>"$T/err"
	has "remote 'local' has no TLS" "$(cat "$T/err")"
}

registry_down() {
	kill %1
	wait %1 || true
}

case_registry() {
	local digest
	registry_up
	berth template pull local:own/it:1 2>"$T/err"
	has "template 'own-it-1' is version [0-9a-f]{12} of 'local:own/it:1'" "$(cat "$T/err")"
	same "its origin" "image local:own/it:1, version" \
		"$(berth template info --json own-it-1 | jq -r .origin | cut -d ' ' -f 1-3)"
	# Not asked for again, by whichever verb.
	berth template pull local:own/it:1 2>"$T/err"
	has "template 'own-it-1' is there already" "$(cat "$T/err")"
	digest=$(jq -r '.manifests[0].digest' "$T/layout/index.json")
	berth launch --wait "local:own/it@$digest" box
	same "its command" "/bin/sleep 1000" "$(berth get box app.command)"
	berth delete --force box
	fails 1 "came from a registry, which does not tell which image is newer" berth template update own-it-1
	fails 1 "remote 'local' is a registry, which berth cannot search" berth template search local:it
	fails 1 "fetch 'docker://127.0.0.1:5000/own/it:2': skopeo says: .*manifest unknown" \
		berth template pull local:own/it:2
	fails 1 "is no name of an image" berth template pull 'local:-it'
	has "docker +docker://docker.io" "$(berth template remote list)"
	# With TLS asked for, a registry without it is refused.
	berth template remote add safe docker://127.0.0.1:5000
	fails 1 "fetch 'docker://127.0.0.1:5000/own/it:1': skopeo says: " berth template pull safe:own/it:1 other
	registry_down
	fails 1 "fetch 'docker://127.0.0.1:5000/own/it:3': skopeo says: .*refused" berth template pull local:own/it:3
	berth launch --wait local:own/it:1 box
	berth delete --force box
	[[ -z $(ls "$BERTH_ROOT/lib/cache/images") ]]
	berth template list --json | jq -r '.[].name' | xargs berth template delete
	berth template remote remove local
	berth template remote remove safe
	no_volumes
}

# Over TLS, with an authority that only this test trusts; a file of apply names an image by its digest.
case_registry_by_tls() {
	local digest name=docker:localhost:5443/own/it
	certificates 2>"$T/openssl"
	serve_registry 127.0.0.1:5443 "{certificate: $T/server.crt, key: $T/server.key}"
	image layout "$T/layout" --config '{"Cmd": ["/bin/sleep", "1000"]}' "$T/base.tar"
	SSL_CERT_FILE=$T/ca.crt retry 20 skopeo --insecure-policy copy -q "oci:$T/layout:latest" docker://localhost:5443/own/it:1
	digest=$(jq -r '.manifests[0].digest' "$T/layout/index.json")
	fails 1 "skopeo says: .*(x509|certificate)" berth template pull "$name:1" bad
	no_volumes
	export SSL_CERT_FILE=$T/ca.crt
	berth template pull "$name:1" tagged
	berth template delete tagged
	fails 1 "fetch 'docker://localhost:5443/own/it@sha256:0{64}': skopeo says: .*(manifest unknown|not found)" \
		berth template pull "$name@sha256:$(printf '0%.0s' {1..64})"
	no_volumes
	printf '%s\n' '[machine a]' 'count = 2' 'state = running' "template = $name@$digest" >"$T/shop.apply"
	has "pull template '.*' of '$name@$digest'" "$(berth apply --diff "$T/shop.apply")"
	no_volumes
	berth apply "$T/shop.apply" >"$T/out"
	same "what was done" "pull create create" "$(sed 's/ .*//' "$T/out" | head -n 3 | xargs)"
	same "its command" "/bin/sleep 1000" "$(berth get a-2 app.command)"
	# The registry is not asked again.
	registry_down
	has "nothing to do" "$(berth apply "$T/shop.apply")"
	# Nothing is made if the image is not to be had.
	printf '%s\n' '[machine b]' "template = $name:2" '[machine c]' "template = $(berth get a-1 template)" >"$T/other.apply"
	fails 1 "own/it:2': skopeo says: .*refused" berth apply "$T/other.apply"
	fails 1 "no machine 'c'" berth info c
	berth delete --force a-1 a-2
	berth template list --json | jq -r '.[].name' | xargs berth template delete
	no_volumes
}

case_no_skopeo() {
	fails 1 "images of registries are fetched by skopeo, which is not installed" \
		unshare --mount sh -c 'mount --bind /dev/null "$(command -v skopeo)" && exec berth template pull docker:it'
	no_volumes
}

run_cases "$@"
