# SPDX-License-Identifier: GPL-2.0-or-later
# Roots for tests of imports and exports: sourced after tests/lib.sh.
# shellcheck shell=bash

# root_of TEMPLATE: prints the folder of its root, in a pool "default" of driver dir.
root_of() {
	echo "${BERTH_ROOT:?}/lib/pools/default/volumes/template.$1/root"
}

# no_volumes: no pool has a volume.
no_volumes() {
	same volumes 0 "$(berth pool status --json | jq '[.[].volumes] | add')"
}

# objects_in FOLDER: makes it a root of busybox with objects of each kind that an import keeps.
objects_in() {
	busybox_root "$1"
	(cd "$1" && mkdir -p 'a b' sticky && chmod 1777 sticky && echo text >file && ln file 'a b/hard' &&
		ln -s ../file 'a b/soft' && ln -s /nowhere dangling && mkfifo fifo && echo owned >owned &&
		chown 1234:4321 owned && chown -h 77:88 dangling && echo set >suid && chown 5:6 suid && chmod 6755 suid &&
		echo cap >cap && setcap cap_net_raw+ep cap && echo acl >acl && setfacl -m u:1000:rw,g:2000:r,m::rw acl &&
		setfacl -d -m u:1001:rwx sticky && setfattr -n user.mark -v 0x00ff0a acl && truncate -s 40M sparse &&
		printf x | dd of=sparse bs=1 seek=30000000 conv=notrunc status=none && echo bytes >$'\xff\xfe' &&
		touch -d '2001-02-03 04:05:06.789 UTC' owned && touch -h -d '1960-01-01 UTC' dangling)
}
