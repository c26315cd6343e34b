#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Templates from machines: files that they lose and keep; none is ever half made.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# The fast driver to test; thin where device-mapper is.
fast=${STORAGE_DRIVER:-btrfs}

set_up() {
	local driver
	for driver in "$fast" dir; do
		berth pool create "p-$driver" --driver "$driver"
	done
	busybox_template bb "p-$fast"
	berth create --pool "p-$fast" --set network= bb web
	berth start --wait web
	berth exec web -- sh -c '
		mkdir -p /etc/ssh /var/log/app /var/lib/dhcp /home/a /var/tmp
		echo key >/etc/ssh/ssh_host_rsa_key
		echo id >/etc/machine-id
		echo mine >/home/a/file
		echo secret >/root/.ash_history; echo secret >/home/a/.bash_history
		echo line >/var/log/app/log; echo line >/var/log/app/log.1
		echo lease >/var/lib/dhcp/dhclient.leases
		echo seed >/var/tmp/x
		sync'
	berth snapshot web s
	berth exec web -- sh -c 'echo later >/home/a/file; sync'
}

# root_of TEMPLATE: prints the folder of its root, in the pool of driver dir.
root_of() {
	echo "$BERTH_ROOT/lib/pools/p-dir/volumes/template.$1/root"
}

web_up() {
	state_is web running || berth start --wait web
}

case_running() {
	web_up
	berth publish web --pool p-dir shop
	local root
	root=$(root_of shop)
	[[ -d $root ]]
	same "what was written" later "$(cat "$root/home/a/file")"
	empty "machine-id" "$root/etc/machine-id"
	empty "log" "$root/var/log/app/log"
	local gone
	for gone in etc/ssh/ssh_host_rsa_key root/.ash_history home/a/.bash_history var/log/app/log.1 \
		var/lib/dhcp/dhclient.leases var/tmp/x; do
		[[ ! -e $root/$gone ]] || fault "'$gone' is in the template"
	done
	same "host name" shop "$(cat "$root/etc/hostname")"
	not grep -q web "$root/etc/hosts"
	grep -q '^origin = machine web$' "$BERTH_ROOT/lib/templates/shop/template.conf"
	# The machine continues, with all its files.
	same machine secret "$(berth exec web cat /root/.ash_history)"
	berth launch --wait --set network= shop made
	same "what was written" later "$(berth exec made cat /home/a/file)"
	gone made
	berth template delete shop
}

case_snapshot() {
	berth publish web@s old
	berth launch --wait --set network= old made
	same "what the snapshot kept" mine "$(berth exec made cat /home/a/file)"
	not berth exec made cat /root/.ash_history
	grep -q '^origin = machine web@s$' "$BERTH_ROOT/lib/templates/old/template.conf"
	gone made
	berth template delete old
}

case_stopped() {
	berth stop --force web
	berth publish web still
	berth template list | grep -q '^still '
	berth template delete still
	berth publish --keep --pool p-dir web kept
	same history secret "$(cat "$(root_of kept)/root/.ash_history")"
	same key key "$(cat "$(root_of kept)/etc/ssh/ssh_host_rsa_key")"
	berth template delete kept
}

case_refused() {
	local before
	web_up
	before=$(berth template list --json)
	fails 1 "template 'bb' is there already" berth publish web bb
	fails 1 "has no snapshot 'never'" berth publish web@never x
	fails 1 "no machine 'nobody'" berth publish nobody x
	fails 1 "there is no pool 'nowhere'" berth publish --pool nowhere web x
	fails 2 "'X' " berth publish web X
	fails 2 "name '' " berth publish web@ x
	same templates "$before" "$(berth template list --json)"
	lacks incoming "$(berth pool usage "p-$fast")"
}

# The facts of a template and its machines are shown without reading its root.
case_info() {
	local json
	busybox_template info "p-$fast"
	berth create --set network= info one
	berth create --set network= info two
	json=$(berth template info --json info)
	same machines "one two" "$(jq -r '.machines | join(" ")' <<<"$json")"
	same origin "archive bb.tar" "$(jq -r .origin <<<"$json")"
	[[ $(jq .size <<<"$json") -gt 500000 ]]
	same "size in the list" "$(jq .size <<<"$json")" \
		"$(berth template list --json | jq '.[] | select(.name == "info").size')"
	has "^machines: +one" "$(berth template info info)"
	has "^size: +[0-9.]+ [MK]iB" "$(berth template info info)"
	fails 1 "no template 'infos'; did you mean 'info'" berth template info infos
	# The template is deleted anyway; a note names its machines.
	has "machines one, two were made from template 'info'" "$(berth template delete info 2>&1)"
	fails 1 "there is no template 'info'" berth reset one
	berth start --wait one
	gone one two
}

# Settings that machines get from the template they are made of: copied, so that later changes do not reach them.
case_defaults() {
	local before
	busybox_template defaults "p-$fast"
	berth template set defaults default.limits.pids=99 default.env="A=1 B='2 3'" default.network= \
		default.label.role=web description="with defaults"
	same pids 99 "$(berth template get defaults default.limits.pids)"
	has "^defaults: +env = A=1 B='2 3'" "$(berth template info defaults)"
	same "as JSON" web "$(berth template info --json defaults | jq -r '.defaults["label.role"]')"
	before=$(berth template get defaults)
	fails 2 "unknown key 'env'; did you mean 'default.env'" berth template set defaults env=A=1
	fails 2 "init is made by berth and cannot be set; the setting of its machines is 'default.init'" \
		berth template set defaults init=/bin/sh
	fails 2 "unknown key 'default.limits.memry'; did you mean 'default.limits.memory'" \
		berth template set defaults default.limits.memry=1
	fails 2 "uuid is made by berth" berth template set defaults default.uuid=1
	fails 2 "belongs to one machine" berth template set defaults default.network.address=10.0.0.1
	fails 2 "limits.pids cannot be 'x'" berth template set defaults description=y default.limits.pids=x
	fails 1 "init is '/x/', which is a folder" berth template set defaults default.init=/x/
	fails 1 "no template 'defaultz'; did you mean 'defaults'" berth template set defaultz description=x
	same "its settings" "$before" "$(berth template get defaults)"

	berth create defaults old
	berth create --set limits.pids=77 defaults own
	berth template set defaults default.limits.pids=55
	berth template unset defaults default.env description
	berth create defaults new
	same pids "99 77 55" "$(for m in old own new; do berth get "$m" limits.pids; done | paste -sd ' ')"
	same env "A=1 B='2 3'" "$(berth get old env)"
	silent "env" berth get new env
	same role web "$(berth get new label.role)"
	silent "network" berth get new network
	lacks defaults: "$(berth template unset defaults default.limits.pids default.network \
		default.label.role && berth template info defaults)"
	gone old own new
	berth template delete defaults
}

# A default that this host cannot enforce is refused with a remedy that can be taken, and another value is not.
case_inherited() {
	grep -qw cpu "$(findmnt -n -o TARGET -t cgroup2 | head -n 1)/cgroup.controllers" && return 0
	busybox_template inherited "p-$fast"
	berth template set inherited default.limits.cpus=1 default.network=
	fails 1 "limits.cpus.*comes from template 'inherited': berth template unset inherited default.limits.cpus" \
		berth create inherited one
	fails 1 "leave limits.cpus out" berth create --set limits.cpus=2 inherited one
	berth create --set limits.cpus=0 inherited one
	berth template unset inherited default.limits.cpus
	berth create inherited two
	gone one two
	berth template delete inherited
}

# publish keeps the settings that belong to the programs of the root.
case_kept() {
	busybox_template base "p-$fast"
	berth create --set limits.pids=321 --set stop.timeout=7 --set description=mine --set boot.autostart=yes \
		--set network= --set shell.user=7 --set label.a=b base one
	berth publish one of-one
	same defaults "limits.pids=321 shell.user=7 stop.timeout=7s" \
		"$(berth template info --json of-one | jq -r '.defaults | to_entries | map("\(.key)=\(.value)") | join(" ")')"
	berth create --set network= of-one two
	same pids 321 "$(berth get two limits.pids)"
	berth start --wait two
	has "uid=7" "$(berth shell two <<<"id")"
	has "uid=0" "$(berth shell --user 0 two <<<"id")"
	has "uid=0" "$(berth exec two id)"
	gone one two
	berth template delete of-one base
}

# kill -9 at any moment: the template is whole or does not exist, and then its name is free.
case_killed() {
	local i pid
	web_up
	for ((i = 0; i < 12; i++)); do
		berth publish web x >/dev/null 2>&1 &
		pid=$!
		sleep "$(printf '0.%03d' $((i * 6)))"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		if ! berth template delete x 2>/dev/null; then
			retry 10 berth publish web x
			berth template delete x
		fi
		[[ ! -e $BERTH_ROOT/lib/templates/x ]]
	done
	same machine later "$(berth exec web cat /home/a/file)"
	lacks 'incoming|template.x' "$(berth pool usage "p-$fast")"
}

run_cases "$@"
