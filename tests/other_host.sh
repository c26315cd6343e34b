# SPDX-License-Identifier: GPL-2.0-or-later
# A second host, reached by a real sshd: another installation of berth, with its own root. Sourced after tests/lib.sh by
# scripts that need openssh-server.
# shellcheck shell=bash

# there COMMAND...: berth on the other side.
there() {
	BERTH_ROOT=$T/there berth "$@"
}

# The server has files of its own for all that it would take from the host: accounts, keys, settings, its run folder.
start_server() {
	local root=$T/sshd-root
	mkdir -p "$root" "$T/ssh/home" "$T/there"
	tar -C "$root" -xf "${debian_tar_bookworm:?}" ./usr/sbin ./usr/lib ./lib ./lib64 2>/dev/null || true
	mount -t tmpfs none /run
	mkdir -p /run/sshd
	chmod 0755 /run/sshd
	etc_of_our_own
	grep -q '^sshd:' /etc/passwd || echo 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin' >>/etc/passwd
	# A home without the host's: what its files run at a log-in may print anything.
	sed -i "s|^root:.*|root:x:0:0:root:$T/ssh/home:/bin/sh|" /etc/passwd
	{ grep -v '^root:' /etc/shadow; echo 'root:*:19000:0:99999:7:::'; } >"$T/ssh/shadow"
	cp "$T/ssh/shadow" /etc/shadow
	ssh-keygen -q -t ed25519 -N "" -f "$T/ssh/host"
	ssh-keygen -q -t ed25519 -N "" -f "$T/ssh/user"
	cp "$T/ssh/user.pub" "$T/ssh/authorized"
	# The usual exchange of keys, which withstands quantum computers, takes most of the time of a short connection.
	printf '%s\n' "Port 2222" "ListenAddress 127.0.0.1" "HostKey $T/ssh/host" "AuthorizedKeysFile $T/ssh/authorized" \
		"KexAlgorithms curve25519-sha256" "PermitRootLogin yes" "StrictModes no" "UsePAM no" "PidFile $T/ssh/pid" >"$T/ssh/sshd"
	echo "other ssh-ed25519 $(cut -d ' ' -f 2 "$T/ssh/host.pub")" >"$T/ssh/known"
	printf '%s\n' "Host other" "HostName 127.0.0.1" "Port 2222" "HostKeyAlias other" "User root" \
		"IdentityFile $T/ssh/user" "IdentitiesOnly yes" "UserKnownHostsFile $T/ssh/known" "BatchMode yes" >"$T/ssh/config"
	printf '#!/bin/sh\nexport BERTH_ROOT=%s BERTH_LIBEXEC=%s BERTH_TEMPLATES=%s LC_ALL=C.UTF-8 PATH=%s\nexec berth "$@"\n' \
		"$T/there" "$BERTH_LIBEXEC" "$BERTH_TEMPLATES" "$PATH" >"$T/ssh/berth"
	printf '#!/bin/sh\nexec berth send --ssh "ssh -F %s/ssh/config" --berth %s/ssh/berth "$@"\n' "$T" "$T" >"$T/ssh/send"
	printf '#!/bin/sh\nexec berth move --ssh "ssh -F %s/ssh/config" --berth %s/ssh/berth "$@"\n' "$T" "$T" >"$T/ssh/move"
	chmod +x "$T/ssh/berth" "$T/ssh/send" "$T/ssh/move"
	ip link set lo up
	LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu "$root/usr/sbin/sshd" -f "$T/ssh/sshd" -E "$T/ssh/log"
	retry 20 ssh -F "$T/ssh/config" other true
}

stop_server() {
	[[ ! -e $T/ssh/pid ]] || kill "$(cat "$T/ssh/pid")"
	BERTH_ROOT=$T/there delete_all
	etc_of_the_host
	umount /run
}

# Makes $T/cutter BYTES COMMAND..., in place of ssh: the command, to which only so many bytes pass.
byte_cutter() {
	cat >"$T/cutter" <<-'END'
		#!/usr/bin/env -S python3 -S
		import os, subprocess, sys
		left = int(sys.argv[1])
		ssh = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE)
		while left:
		    data = os.read(0, min(left, 65536))
		    if not data:
		        break
		    os.write(ssh.stdin.fileno(), data)
		    left -= len(data)
		os.close(0)
		ssh.stdin.close()
		sys.exit(ssh.wait())
	END
	chmod +x "$T/cutter"
}

# snapshots COMMAND...: the names in what it prints, `snapshot list --json` of either side.
snapshots() {
	"$@" | jq -r '[.[].name] | join(" ")'
}

# refused PATTERN COMMAND...: it ends with 1 and says so, perhaps beside words of ssh.
refused() {
	local status=0
	"${@:2}" >/dev/null 2>"$T/said" || status=$?
	((status == 1)) || fault "ended with $status: ${*:2}"
	has "$1" "$(cat "$T/said")"
}
