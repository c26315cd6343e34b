#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What comes in as a tar: every compression, and archives that mean harm.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/roots.sh
. "$top/tests/roots.sh"

# evil NAME 'python statements on "t"': writes an archive with Python, because tar(1) refuses to.
evil() {
	python3 - "$T/$1.tar" "$2" <<-'END'
		import io, sys, tarfile
		def add(name, kind=tarfile.REGTYPE, link="", data=b"", mode=0o755, **more):
		    info = tarfile.TarInfo(name)
		    info.type, info.linkname, info.size, info.mode = kind, link, len(data), mode
		    for key, value in more.items():
		        setattr(info, key, value)
		    t.addfile(info, io.BytesIO(data))
		with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as t:
		    exec(sys.argv[2])
	END
}

refused() {
	fails 1 "$2" berth template import "$T/$1.tar" evil
	fails 1 "no template 'evil'" berth template delete evil
}

set_up() {
	busybox_root "$T/bb"
	tar -C "$T/bb" -cf "$T/plain" .
	gzip -c "$T/plain" >"$T/gzip"
	berth pool create default
	no_volumes
}

case_every_compression() {
	local kind
	xz -1c "$T/plain" >"$T/xz"
	bzip2 -c "$T/plain" >"$T/bzip2"
	zstd -q -c "$T/plain" >"$T/zstd"
	for kind in plain gzip xz bzip2 zstd; do
		berth template import "$T/$kind" "$kind"
		berth create "$kind" "m-$kind"
	done
	berth template import - piped <"$T/zstd"
	has piped "$(berth template list)"
	berth delete m-plain m-gzip m-xz m-bzip2 m-zstd
	berth template delete plain gzip xz bzip2 zstd piped
	no_volumes
}

case_truncated() {
	head -c $(($(stat -c %s "$T/plain") / 2)) "$T/plain" >"$T/half.tar"
	refused half "half.tar|truncated"
	head -c 100000 "$T/gzip" >"$T/gzhalf.tar"
	refused gzhalf "gzhalf.tar|truncated"
	: >"$T/empty.tar"
	refused empty "empty"
	head -c 100000 /dev/urandom >"$T/noise.tar"
	refused noise "noise"
	no_volumes
}

case_not_there() {
	fails 1 "nowhere.tar.*No such file" berth template import "$T/nowhere.tar" evil
	fails 1 "$T" berth template import "$T" evil
}

# On a terminal a command that takes longer than a second shows what it does, in one line.
case_progress() {
	mkfifo "$T/late"
	(exec >"$T/late" && until [[ -e $T/seen ]]; do sleep 0.05; done && cat "$T/plain") &
	python3 "$top/tests/integration/terminal.py" 24x40 berth template import "$T/late" slow <<-END
		match importing 'slow' [.]{3} [2-9] s
		touch $T/seen
		expect-end 0
	END
	(exec >"$T/late" && sleep 4 && cat "$T/plain") &
	berth template import "$T/late" silent 2>"$T/err"
	lacks importing "$(cat "$T/err")"
	berth template delete slow silent
	no_volumes
}

# A FIFO is read once a program writes into it. One that none writes into is given up.
case_fifo() {
	mkfifo "$T/fifo"
	fails 1 "archive '$T/fifo' is a FIFO, and no program has written into it for 20 seconds" berth template import "$T/fifo" piped
	no_volumes
	(sleep 1 && exec cat "$T/plain" >"$T/fifo") &
	berth template import "$T/fifo" piped
	berth template delete piped
	# Its writer is slow.
	(exec >"$T/fifo" && sleep 22 && cat "$T/plain") &
	berth template import "$T/fifo" piped
	berth template delete piped
	berth template import <(sleep 1 && cat "$T/plain") piped
	berth template delete piped
	rm "$T/fifo"
	no_volumes
}

case_out_of_the_tree() {
	echo outside >"$T/outside"
	evil absolute 'add("/tmp/berth-evil", data=b"x")'
	evil dotdot 'add("a/../../berth-evil", data=b"x")'
	evil through 'add("bin", tarfile.SYMTYPE, "/tmp"); add("bin/berth-evil", data=b"x")'
	evil hard "add('x', tarfile.LNKTYPE, '$T/outside')"
	evil hardup 'add("x", tarfile.LNKTYPE, "../../../../etc/passwd")'
	for name in absolute dotdot through hard hardup; do
		berth template import "$T/$name.tar" evil 2>"$T/err" || true
		[[ ! -e /tmp/berth-evil && ! -e $T/berth-evil ]]
		same "outside" outside "$(cat "$T/outside")"
		same "its links" 1 "$(stat -c %h "$T/outside")"
		berth template delete evil 2>/dev/null || true
	done
	refused dotdot '\.\.'
	no_volumes
}

case_a_file_as_root() {
	evil root 'add(".", data=b"x")'
	refused root "root|\."
	evil loop 'add("bin", tarfile.SYMTYPE, "bin"); add("bin/sh", data=b"x")'
	refused loop "bin"
	no_volumes
}

case_device_nodes() {
	evil nodes 'add("bin", tarfile.DIRTYPE); add("bin/sh", data=b"x")
add("dev", tarfile.DIRTYPE); add("dev/sda", tarfile.BLKTYPE, devmajor=8, devminor=0)'
	berth template import "$T/nodes.tar" nodes 2>"$T/err" || true
	[[ ! -s $T/err ]] || has "device|node|sda" "$(cat "$T/err")"
	berth template delete nodes 2>/dev/null || true
}

# An ELF file of another machine, in the place of the shell.
case_another_architecture() {
	cp -a "$T/bb" "$T/alien"
	printf '\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00\x01\x00\x00\x00' >"$T/alien/bin/busybox"
	head -c 200 /dev/zero >>"$T/alien/bin/busybox"
	tar -C "$T/alien" -cf "$T/alien.tar" .
	if berth template import "$T/alien.tar" alien 2>"$T/err"; then
		fails 1 "riscv64" berth launch alien m
		fails 1 "no machine 'm'" berth info m
		berth template delete alien
	else
		has riscv64 "$(cat "$T/err")"
	fi
	no_volumes
}

case_many_entries() {
	python3 - "$T/many.tar" <<-'END'
		import sys, tarfile
		with tarfile.open(sys.argv[1], "w", format=tarfile.USTAR_FORMAT) as t:
		    for n in range(50000):
		        t.addfile(tarfile.TarInfo("d%d/f%d" % (n // 1000, n)))
	END
	not berth template import "$T/many.tar" many 2>"$T/said"
	has "it has neither /sbin/init nor /bin/sh" "$(cat "$T/said")"
	rm "$T/many.tar"
	no_volumes
}

# Killed half way, the next command finds nothing half made.
# How many of berth-unpack's processes have a filter of system calls: the one that reads.
filtered() {
	local pid count=0
	for pid in $(pgrep -x berth-unpack); do
		if grep -q '^Seccomp:[[:space:]]2' "/proc/$pid/status"; then
			count=$((count + 1))
		fi
	done
	[[ $count -eq 1 ]]
}

case_filtered() {
	mkfifo "$T/waiting"
	exec 8<>"$T/waiting"
	head -c 10000 "$T/plain" >&8
	berth template import "$T/waiting" evil 8>&- &
	# The FIFO must still be open elsewhere, because opening it would otherwise wait for ever.
	retry 20 pgrep -x berth-unpack
	# A sanitizer's runtime makes calls of its own, so that its build has no filter.
	grep -q __asan_init "$BUILD_TREE/libexec/berth-unpack" || retry 20 filtered
	exec 8>&-
	wait || true
	fails 1 "no template 'evil'" berth template delete evil
	no_volumes
}

case_killed_import() {
	mkfifo "$T/slow"
	(head -c 1000000 "$T/plain" && touch "$T/read" && exec sleep 1000) >"$T/slow" &
	berth template import "$T/slow" evil &
	local import=$!
	# It has read nearly all of that.
	retry 20 test -e "$T/read"
	kill -KILL "$import"
	wait "$import" || true
	kill %1 2>/dev/null || true
	wait || true
	fails 1 "no template 'evil'" berth template delete evil
	berth template import "$T/plain" evil
	berth template delete evil
	no_volumes
}

# A volume whose name the kernel does not change, as between projects of a quota: the template stays, whole and known.
case_a_template_that_cannot_go() {
	local volume
	berth pool create --driver dir p-stay
	busybox_root "$T/stay"
	tar -C "$T/stay" -cf "$T/stay.tar" .
	berth template import --pool p-stay "$T/stay.tar" stay
	volume=$BERTH_ROOT/lib/pools/p-stay/volumes/template.stay
	chattr +i "$volume"
	berth template info --json stay >"$T/stay.before"
	fails 1 "remove it: it is not permitted" berth template delete stay
	chattr -i "$volume"
	berth template info --json stay >"$T/stay.after"
	cmp "$T/stay.before" "$T/stay.after"
	silent "marks" find "$BERTH_ROOT/lib/templates/.unfinished" -type f
	berth create stay m-stay
	berth delete m-stay
	berth template delete stay
	berth pool delete p-stay
}

run_cases "$@"
