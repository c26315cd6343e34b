# SPDX-License-Identifier: GPL-2.0-or-later
# tag_of ROOT: what the names of a state root's kernel objects end in; as src/base/site.c makes it.
# shellcheck shell=bash
tag_of() {
	local path=$1 i
	local -i hash=0xcbf29ce484222325
	for ((i = 0; i < ${#path}; i++)); do
		hash=$(((hash ^ $(printf %d "'${path:i:1}")) * 0x100000001b3))
	done
	printf %06x $((hash & 0xffffff))
}
