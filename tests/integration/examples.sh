#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every example of README.md and of the manual pages, word for word.
needs_debian="bookworm"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# The commands of README.md's screenful, without their explanations.
readme_commands() {
	sed -n '/^## A screenful/,/^Everything/s/^    # //p' "$top/README.md" | sed -E 's/ {2,}.*//'
}

# Commands that need the Internet, a person or device-mapper: prints the test that runs each, and a word of that test.
elsewhere() {
	case $1 in
	"berth template build debian") echo "integration/quickstart.sh template.build" ;;
	*"apt-get "*) echo "integration/work.sh apt-get" ;;
	"berth console web") echo "integration/console.sh berth.console" ;;
	"berth pool "*" machines" | "berth pool "*" machines "*) echo "vm/suites/disks.sh page_commands.berth-storage.7" ;;
	"berth template search images:"*) echo "integration/images.sh template.search" ;;
	"berth launch images:"*) echo "integration/images.sh berth.launch" ;;
	"incus "* | "berth template import alpine "* | "berth template import rootfs.squashfs "*)
		echo "integration/images.sh template.import"
		;;
	"berth template import /srv/root "* | "berth template import /var/lib/lxc/web "*)
		echo "integration/folders.sh template.import"
		;;
	"berth template export --format "*)
		echo "integration/export.sh template.export"
		;;
	"berth template import debian-12-generic-"*)
		echo "integration/diskimages.sh template.import"
		;;
	"docker save "* | "skopeo copy "* | "berth template import nginx-layout "*)
		echo "integration/oci.sh template.import"
		;;
	*" --cloud-init "*) echo "integration/cloud_init.sh launch.*--cloud-init" ;;
	"age-keygen "* | 'echo "backup.encrypt = age '* | "echo 'backup.decrypt = age "*) echo "integration/backup_sealed.sh age-keygen" ;;
	"berth backup verify --decrypt") echo "integration/backup_sealed.sh berth.backup.verify.--decrypt" ;;
	"berth set web backup.target=ssh:"*) echo "integration/backup_ssh.sh backup.target=.*target" ;;
	"mkdir -p /srv/backups" | "berth set web backup.target="* | "berth backup "*)
		echo "integration/backup.sh berth.backup"
		;;
	"berth send "*) echo "integration/send.sh berth.send" ;;
	"berth move "*) echo "integration/move.sh move.*other" ;;
	*"| ssh host berth import -") echo "integration/stream.sh berth.export.*berth.import" ;;
	*) return 1 ;;
	esac
}

run_one() {
	local status=0
	case $1 in
	# The command never ends.
	"berth events "*)
		timeout 2 bash -c "$1" || status=$?
		[[ $status -eq 124 ]] || fault "'$1' ended with $status"
		;;
	# The command reports what this host lacks.
	"berth doctor") bash -c "$1" || [[ $? -eq 1 ]] ;;
	*) eval "$1" ;;
	esac
}

# run_commands: runs the commands on standard input, one a line.
run_commands() {
	local commands command count=0
	mapfile -t commands
	for command in "${commands[@]}"; do
		elsewhere "$command" >"$T/where" || run_one "$command" </dev/null >"$T/shown" || fault "failed: $command" || return
		count=$((count + 1))
	done
	((count > 0)) || fault "no example was found"
	echo "$count examples"
}

machines_go() {
	delete_each list 'delete --force'
}

set_up() {
	debian_template bookworm debian
	mount -t tmpfs none /home
	mkdir -p /home/ann/site
	chown -R 1000:1000 /home/ann/site
}

# Each page has EXAMPLES. A case below runs each of them, or names the test that does.
case_every_page() {
	local page command where word left
	for page in "$top"/doc/*.[1-8]; do
		page=${page##*/}
		declare -F "case_${page//[.-]/_}" || fault "no case here runs the EXAMPLES of $page"
		page_commands "$page" >"$T/commands"
		[[ -s $T/commands ]] || fault "there are no EXAMPLES in $page"
		while read -r command; do
			left=$(elsewhere "$command") || continue
			read -r where word <<<"$left"
			grep -q "$word" "$top/tests/$where" || fault "tests/$where does not run: $command"
		done <"$T/commands"
	done
}

case_readme() {
	readme_commands >"$T/commands"
	run_commands <"$T/commands"
	machines_go
}

case_berth_1() {
	page_commands berth.1 >"$T/commands"
	# The example runs a program of the reader's, which must be in the machine before.
	sed -i 's|^berth exec \$name -- ./run-tests|berth exec $name -- sh -c "echo exit >run-tests; chmod +x run-tests" \&\& &|' "$T/commands"
	# The same is true of these files.
	mkdir -p "$T/reader"
	echo "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8Hk1k7o2hYFhBIlOhPZ4hBzQmX1Ow0hJb2o8yWqz9P ann" >"$T/reader/ann.pub"
	echo "a = b" >"$T/reader/site.conf"
	echo password >"$T/reader/secret"
	printf '#!/bin/sh\ngrep -q ann /etc/passwd\n' >"$T/reader/set-up"
	(cd "$T/reader" && run_commands <"$T/commands")
	machines_go
}

case_berth_api_7() {
	page_commands berth-api.7 >"$T/commands"
	run_commands <"$T/commands"
}

case_berth_api_8() {
	page_commands berth-api.8 >"$T/commands"
	run_commands <"$T/commands"
	retry 20 gone_from /tmp/berth-api.socket
}

gone_from() {
	[[ ! -e $1 ]]
}

case_network_conf_5() {
	page_commands network.conf.5 >"$T/commands"
	run_commands <"$T/commands"
	machines_go
	berth network delete office attic
}

case_pool_conf_5() {
	page_commands pool.conf.5 >"$T/commands"
	run_commands <"$T/commands"
}

case_berth_storage_7() {
	local made=no
	mount -t tmpfs -o size=20g none /srv
	truncate -s 2G "$T/disk"
	[[ -d /dev/disk ]] || { mkdir /dev/disk && made=yes; }
	mount -t tmpfs none /dev/disk
	[[ $made == no ]] || echo yes >"$T/made"
	mkdir /dev/disk/by-id
	ln -s "$(losetup --find --show "$T/disk")" /dev/disk/by-id/nvme-X
	page_commands berth-storage.7 >"$T/commands"
	run_commands <"$T/commands"
	same pools "fast nvme slow" "$(berth pool list --json | jq -r '[.[].name | select(. != "default")] | join(" ")')"
	berth pool delete --force slow fast nvme
}

case_template_conf_5() {
	page_commands template.conf.5 >"$T/commands"
	run_commands <"$T/commands"
}

case_volume_conf_5() {
	page_commands volume.conf.5 >"$T/commands"
	run_commands <"$T/commands"
	same description "the database of the shop" "$(berth volume get tables description)"
	berth volume delete tables
}

case_berth_template_7() {
	page_commands berth-template.7 >"$T/commands"
	run_commands <"$T/commands"
	machines_go
}

case_berth_guest_init_8() {
	page_commands berth-guest-init.8 >"$T/commands"
	run_commands <"$T/commands"
	machines_go
}

case_berth_metrics_7() {
	page_commands berth-metrics.7 >"$T/commands"
	(cd "$T" && sed "s|/tmp/berth.prom|$T/berth.prom|" "$T/commands" | run_commands)
	[[ -s $T/berth.prom ]] || fault "there is no file of metrics"
}

case_berth_web_7() {
	page_commands berth-web.7 >"$T/commands"
	run_commands <"$T/commands"
	machines_go
}

case_berth_security_7() {
	page_commands berth-security.7 >"$T/commands"
	run_commands <"$T/commands"
	machines_go
}

case_berth_stream_5() {
	mkdir -p "$T/streams"
	berth create debian web
	page_commands berth-stream.5 >"$T/commands"
	(cd "$T/streams" && run_commands <"$T/commands")
	berth volume delete tables tables-2
	machines_go
}

# The page has a file, and the commands that take it.
case_berth_apply_5() {
	mkdir -p "$T/applied" /srv/pages
	page_commands berth.apply.5 | grep -v '^berth ' >"$T/applied/shop.apply"
	page_commands berth.apply.5 | grep '^berth ' >"$T/commands"
	printf '#!/bin/sh\nid -un ann >/set-up\n' >"$T/applied/db-setup"
	echo "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8Hk1k7o2hYFhBIlOhPZ4hBzQmX1Ow0hJb2o8yWqz9P ann" >"$T/applied/ann.pub"
	(cd "$T/applied" && run_commands <"$T/commands")
	same "the last of them" "nothing to do" "$(cat "$T/shown")"
	same machines "db web-1 web-2" "$(berth list --json | jq -r '.[].name' | sort | xargs)"
	same "the work of the script" ann "$(berth exec db -- cat /set-up)"
	has 'db:/var/lib/postgresql' "$(berth volume list)"
	machines_go
	berth volume delete tables
	berth network delete --force shop
}

# The same; the test has no mirror to install a package from.
case_berth_template_5() {
	mkdir -p "$T/derived/site"
	page_commands berth.template.5 | grep -v -e '^berth ' -e '^packages' | sed 's/^systemctl enable nginx$/true/' >"$T/derived/web.template"
	page_commands berth.template.5 | grep '^berth ' >"$T/commands"
	(cd "$T/derived" && run_commands <"$T/commands")
	same default web "$(berth template get web default.label.role)"
	berth template delete web
	berth template prune
}

# The example is a file, not commands.
case_machine_conf_5() {
	local conf=$BERTH_ROOT/lib/machines/mail/machine.conf
	berth network create office --subnet 10.66.0.0/20
	berth create debian mail
	grep -v '^network = ' "$conf" >"$T/conf"
	page_commands machine.conf.5 | sed 's/^network = default/network = office/' | cat - "$T/conf" >"$conf"
	berth start --wait mail
	same address 10.66.7.25 "$(field mail network.address)"
	berth exec mail -- sh -c "tr '\\0' '\\n' </proc/1/environ" | grep -qx 'MOTD=back soon'
	machines_go
}

case_berth_conf_5() {
	mkdir -p "$BERTH_ROOT/etc"
	page_commands berth.conf.5 >"$BERTH_ROOT/etc/berth.conf"
	berth pool create --driver dir fast
	busybox_template bb
	berth launch bb quick
	same pool fast "$(field quick volume.pool)"
	# The ids are one of the blocks of the range.
	awk '{ exit !($2 >= 2000683008 && ($2 - 2000683008) % 65536 == 0) }' "/proc/$(field quick init)/uid_map"
	machines_go
	rm "$BERTH_ROOT/etc/berth.conf"
}

case_berth_identity_d_5() {
	mkdir -p "$BERTH_ROOT/etc/identity.d"
	page_commands berth-identity.d.5 >"$BERTH_ROOT/etc/identity.d/agent.conf"
	berth launch --wait debian agent
	berth exec agent -- sh -c 'mkdir -p /var/lib/agent /etc/agent; echo old >/var/lib/agent/id; echo old >/etc/agent/name'
	berth clone agent another
	berth start --wait another
	not berth exec another -- test -e /var/lib/agent/id
	same name "agent-$(field another uuid)" "$(berth exec another cat /etc/agent/name)"
	machines_go
	rm -r "$BERTH_ROOT/etc/identity.d"
}

tear_down() {
	umount /home
	if [[ -e $T/disk ]]; then
		umount /srv /dev/disk
		[[ ! -e $T/made ]] || rmdir /dev/disk
		losetup --detach "$(losetup --noheadings --output NAME --associated "$T/disk")"
	fi
	rm -f /tmp/passwd-of-web
}

run_cases "$@"
