# SPDX-License-Identifier: GPL-2.0-or-later
# Images of OCI for tests: sourced after tests/lib.sh.
# shellcheck shell=bash
# shellcheck source=tests/roots.sh
. "${top:?}/tests/roots.sh"

maker=$top/tests/integration/oci_image.py
arch=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')

# image KIND OUT [OPTION...] LAYER...: makes one for this host.
image() {
	"$maker" "$1" "$2" --arch "$arch" "${@:3}"
}

set_up() {
	busybox_root "$T/bb"
	tar -C "$T/bb" -cf "$T/base.tar" .
	rm -rf "$T/bb"
	berth pool create default --driver dir
	no_volumes
}

# layer FILE: makes it a tar of the folder "$T/layer", and empties that.
layer() {
	tar -C "$T/layer" --xattrs --xattrs-include='*' -cf "$1" .
	rm -rf "$T/layer"
	mkdir "$T/layer"
}

# app CONFIG [LAYER...]: the template "app" of an image with these settings.
app() {
	image layout "$T/layout" --config "$1" "$T/base.tar" "${@:2}"
	berth template import "$T/layout" app 2>"$T/err"
}
