#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Containers and machines inside a machine with security.nesting, whose protections hold; and the errors without it.
needs_debian=bookworm
needs_packages=podman,crun,netavark,iptables,busybox-static,dnsmasq-base,nftables,libnl-route-3-200,libnftnl11,libmnl0,libjansson4,libarchive13,libsqlite3-0,libsquashfs1
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# inside: runs the script on standard input in machine n, with n's own berth on its PATH. A plain "!" would not end it:
# (! COMMAND) does.
inside() {
	{
		echo 'set -eux; export PATH=/opt:$PATH BERTH_LIBEXEC=/opt/libexec BERTH_TEMPLATES=/opt/templates'
		cat
	} >"$T/script"
	berth exec n -- sh -c 'cat >/script' <"$T/script"
	berth exec n -- sh /script </dev/null
}

set_up() {
	debian_template bookworm
	berth launch --wait --set security.nesting=yes bookworm n
	tar -C "$BUILD_TREE" -c berth attack libexec | berth exec n -- tar -C /opt --no-same-owner -x
	tar -C "$top" -c templates | berth exec n -- tar -C /opt --no-same-owner -x
	inside <<-'end'
		mkdir -p /img/bin
		cp /bin/busybox /img/bin
		for name in sh id ping cat touch; do ln -s busybox /img/bin/$name; done
		tar -C /img -cf /img.tar .
		systemctl --failed --no-legend | (! grep .)
	end
	same flags nesting "$(berth list | awk '$1 == "n" { print $NF }')"
	same "ids" 1048576 "$(berth exec n -- awk '{ print $3 }' /proc/self/uid_map)"
}

case_user_namespaces() {
	inside <<-'end'
		useradd -m joe
		as_joe='setpriv --reuid=joe --regid=joe --clear-groups'
		$as_joe unshare -Ur id -u | grep -x 0
		$as_joe unshare -UrmpfiC --mount-proc ps -e | grep -c . | grep -x 2
	end
}

# pids-limit is off: podman needs a controller for it, which this host's version 2 tree may lack.
case_podman() {
	inside <<-'end'
		podman image exists bb || podman import /img.tar bb
		podman run --rm --pids-limit=0 --network=none bb /bin/sh -c 'id; touch /made' | grep uid=0
		printf 'FROM scratch\nADD img.tar /\nCMD ["/bin/id"]\n' >/Containerfile
		podman build -t built / >/dev/null
		podman run --rm --pids-limit=0 --network=none built | grep uid=0
		podman run --rm --pids-limit=0 --network=none --uidmap 0:70000:5000 bb /bin/cat /proc/self/uid_map | grep -E '^ +0 +[0-9]+ +5000'
	end
}

case_a_network_of_podman() {
	inside <<-'end'
		podman image exists bb || podman import /img.tar bb
		podman run -d --name one --pids-limit=0 bb /bin/busybox httpd -f -h /bin
		address=$(podman inspect -f '{{.NetworkSettings.IPAddress}}' one)
		# The server may not listen yet.
		podman run --rm --pids-limit=0 bb /bin/sh -c "
			n=0
			until /bin/busybox wget -O /dev/null http://$address/busybox; do
				n=\$((n + 1))
				test \$n -lt 100 || exit 1
				/bin/busybox sleep 0.1
			done"
		podman rm -f -t 1 one
	end
}

# One pool cannot map its files to other ids, and one can.
case_berth_in_berth() {
	inside <<-'end'
		berth doctor
		berth template import /img.tar bb
		(! berth launch bb in 2>/said)
		grep 'this is a machine itself.*a pool on a tmpfs, or security.privileged=yes' /said
		berth launch --wait --set security.privileged=yes bb in
		berth exec in -- id | grep uid=0
		berth restart --wait in
		berth list | grep 'in .*running'
	end
}

# privileged_inside: a machine 'in' of template bb runs in machine n.
privileged_inside() {
	inside <<-'end'
		berth template list | grep -q '^bb ' || berth template import /img.tar bb
		berth info in >/dev/null 2>&1 || berth create --set security.privileged=yes bb in
		berth start --wait in
	end
}

case_own_ids_in_berth_in_berth() {
	local major minor
	IFS=. read -r major minor _ < <(uname -r)
	((major > 6 || (major == 6 && minor >= 3))) || skip "this kernel has no mapped mounts of tmpfs"
	privileged_inside
	inside <<-'end'
		mkdir /mnt/memory
		mount -t tmpfs none /mnt/memory
		berth pool create memory --driver dir --source /mnt/memory/pool
		berth template import --pool memory /img.tar bbm
		berth launch --pool memory --wait bbm own
		berth exec own -- cat /proc/self/uid_map | grep -E '^ +0 +[1-9][0-9]* +65536'
		berth exec own -- sh -c 'id; touch /made' | grep uid=0
		berth exec own -- ping -c 1 -W 5 "$(berth list | awk '$1 == "in" { print $4 }')"
		find /mnt/memory -name made -uid 0 | grep made
		berth delete --force own in
		berth list | (! grep -w in)
	end
}

# The protections are the same, except that keyrings are the machine's own.
case_the_walls_are_up() {
	local names
	mapfile -t names < <("$BUILD_TREE/attack" --list | cut -d '|' -f 1 | grep -vxE 'entering|add-key|ready-.*|leaked-file|disk-node')
	berth exec n -- /opt/attack "${names[@]}" >"$T/up" || true
	same "patterns tried" "${#names[@]}" "$(wc -l <"$T/up")"
	not grep '^escaped' "$T/up"
}

case_without_the_key() {
	berth unset n security.nesting
	berth restart --wait n
	same "ids" 65536 "$(berth exec n -- awk '{ print $3 }' /proc/self/uid_map)"
	inside <<-'end'
		berth doctor >/said || true
		cat /said
		grep 'this is a machine without security.nesting' /said
		berth template list | grep -q '^bb ' || berth template import /img.tar bb
		berth create bb two
		(! berth start two 2>/said)
		grep 'this is a machine itself, without security.nesting; set that on its host' /said
	end
	has "^contained add-key" "$(berth exec n -- /opt/attack add-key)"
}

run_cases "$@"
