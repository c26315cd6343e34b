#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# metrics: the figures of machines, pools, networks and events, in the text format of Prometheus; the dashboard and the
# alerts that are made of them.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

set_up() {
	busybox_template bb
}

# sample NAME{LABELS}: prints its value; nothing where there is no such sample.
sample() {
	awk -v name="$1" 'index($0, name " ") == 1 { print $NF }' "$T/metrics"
}

look() {
	berth metrics >"$T/metrics"
}

# is NAME{LABELS} VALUE, by a look now.
is() {
	look && [[ $(sample "$1") == "$2" ]]
}

promtool_is_here() {
	command -v promtool >/dev/null || skip "promtool is not installed"
}

case_empty() {
	look
	same "machines" 0 "$(sample 'berth_machines{state="running"}')"
	same "starts" 0 "$(sample berth_starts_total)"
	same "version" 1 "$(sample "berth_build_info{version=\"$(berth version | sed 's/^berth //')\"}")"
}

case_figures() {
	local before after
	berth launch --wait bb web
	berth create bb idle
	look
	same "state" 1 "$(sample 'berth_machine_state{machine="web",state="running"}')"
	same "state" 1 "$(sample 'berth_machine_state{machine="idle",state="stopped"}')"
	same "booted" 1 "$(sample 'berth_machine_booted{machine="web"}')"
	same "start" "$(field web started)" "$(sample 'berth_machine_start_time_seconds{machine="web"}')"
	same "restarts" 0 "$(sample 'berth_machine_restarts_total{machine="web"}')"
	silent "a machine that does not run" sample 'berth_cpu_seconds_total{machine="idle"}'
	before=$(sample 'berth_cpu_seconds_total{machine="web"}')
	berth exec web -- sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done'
	look
	after=$(sample 'berth_cpu_seconds_total{machine="web"}')
	awk -v a="$before" -v b="$after" 'BEGIN { exit !(b > a) }' || fault "processor time: $before, then $after"
	is_group_figure web
	same "leases" 1 "$(sample 'berth_network_leases{network="default"}')"
	same "network" 1 "$(sample 'berth_network_up{network="default"}')"
	same "ports" 1 "$(sample 'berth_network_ports{network="default"}')"
	same "pool" 1 "$(sample 'berth_pool_up{pool="default"}')"
	[[ $(sample 'berth_pool_size_bytes{pool="default"}') -gt 0 ]] || fault "no size of the pool"
	same "starts" 1 "$(sample berth_starts_total)"
	gone web idle
}

# The figures of the cgroup's files are those of the metrics, within 5 %.
is_group_figure() {
	local group bytes shown
	group=/sys/fs/cgroup$(field "$1" cgroup)
	[[ -e $group/memory.current ]] || group=/sys/fs/cgroup/unified$(field "$1" cgroup)
	if [[ ! -e $group/memory.current ]]; then
		silent "memory that nothing counts" sample "berth_memory_used_bytes{machine=\"$1\"}"
		return
	fi
	look
	bytes=$(cat "$group/memory.current")
	shown=$(sample "berth_memory_used_bytes{machine=\"$1\"}")
	((shown * 20 >= bytes * 19 && shown * 20 <= bytes * 21)) || fault "memory: $shown, the cgroup has $bytes"
}

case_traffic() {
	local received
	berth launch --wait bb web
	look
	received=$(sample 'berth_network_receive_packets_total{machine="web",device="eth0"}')
	ping -c 3 -i 0.2 "$(field web network.address | cut -d/ -f1)" >/dev/null
	look
	[[ $(sample 'berth_network_receive_packets_total{machine="web",device="eth0"}') -ge $((received + 3)) ]] ||
		fault "received packets: $received, and no 3 more"
	same "guard" 0 "$(sample 'berth_network_guard_dropped_packets_total{machine="web",device="eth0"}')"
	gone web
}

# Ends by their outcome, restarts of a machine and of all.
case_ends() {
	local starts failed killed
	look
	starts=$(sample berth_starts_total) failed=$(sample 'berth_ends_total{outcome="failed"}')
	killed=$(sample 'berth_ends_total{outcome="killed"}')
	berth create --set restart=always bb m
	berth start --wait m
	kill -9 "$(field m init)"
	retry 30 is 'berth_machine_restarts_total{machine="m"}' 1
	same "all restarts" 1 "$(sample berth_restarts_total)"
	same "ends that failed" $((failed + 1)) "$(sample 'berth_ends_total{outcome="failed"}')"
	berth stop --force m
	look
	same "ends by force" $((killed + 1)) "$(sample 'berth_ends_total{outcome="killed"}')"
	same "starts" $((starts + 1)) "$(sample berth_starts_total)"
	gone m
}

# Counters go on over rotations of the file of events, also when one was killed before or after it has counted.
case_rotation() {
	local starts next run=$BERTH_ROOT/run
	berth create bb m
	look
	starts=$(sample berth_starts_total)
	next=$(($(berth events --json --no-follow | tail -n 1 | sed 's/.*"seq":\([0-9]*\).*/\1/') + 1))
	python3 -IS - "$next" >>"$run/events" <<-'END'
		import sys
		first = int(sys.argv[1])
		for i in range(6000):
		    print('{"seq":%d,"time":1,"microsecond":1,"event":"started","machine":"m","cause":"%s"}' % (first + i, "x" * 120))
	END
	look
	same "starts before" $((starts + 6000)) "$(sample berth_starts_total)"
	# The next event rotates.
	berth snapshot m one
	[[ -e $run/events.1 && -e $run/events.counts ]] || fault "nothing was rotated: $(ls -l "$run")"
	look
	same "starts after" $((starts + 6000)) "$(sample berth_starts_total)"
	# As after a kill between the count and the rotation: what is counted already is not counted twice.
	cat "$run/events.1" "$run/events" >"$T/joined"
	rm "$run/events.1"
	mv "$T/joined" "$run/events"
	look
	same "starts after a kill" $((starts + 6000)) "$(sample berth_starts_total)"
	berth snapshot m two
	rm "$run/events.1"
	look
	same "starts without the older file" $((starts + 6000)) "$(sample berth_starts_total)"
	echo nonsense >"$run/events.counts"
	look
	gone m
}

# Backups: the last one, and whether later ones fail.
case_backups() {
	local last
	mkdir "$T/backups"
	berth create --set network= --set backup.target="$T/backups" bb m
	look
	silent "a machine without backups" sample 'berth_backup_failed{machine="m"}'
	berth backup --now 20260110-080000 m
	look
	last=$(sample 'berth_backup_last_success_timestamp_seconds{machine="m"}')
	same "last backup" "$(berth info --json m | jq .backup.last)" "$last"
	[[ $last -gt 0 ]] || fault "last backup: '$last'"
	same "failed" 0 "$(sample 'berth_backup_failed{machine="m"}')"
	rm -rf "$T/backups"
	! berth backup m 2>/dev/null || fault "a backup into no folder succeeded"
	look
	same "failed" 1 "$(sample 'berth_backup_failed{machine="m"}')"
	same "last backup" "$last" "$(sample 'berth_backup_last_success_timestamp_seconds{machine="m"}')"
	gone m
	rm -rf "$BERTH_ROOT/lib/backup-targets"
}

# A machine without readable settings is told as broken; others are there.
case_broken() {
	berth create --set network= bb m
	berth create --set network= bb other
	cp "$BERTH_ROOT/lib/machines/m/machine.conf" "$T/conf"
	echo 'network = {' >"$BERTH_ROOT/lib/machines/m/machine.conf"
	look
	same "broken" 1 "$(sample 'berth_machine_state{machine="m",state="broken"}')"
	same "number" 1 "$(sample 'berth_machines{state="broken"}')"
	same "the other one" 1 "$(sample 'berth_machine_state{machine="other",state="stopped"}')"
	cp "$T/conf" "$BERTH_ROOT/lib/machines/m/machine.conf"
	gone m other
}

# Machines that come and go, and figures that go under the look, are no error.
case_vanishing() {
	local i stop=$T/stop
	while [[ ! -e $stop ]]; do
		berth launch --ephemeral bb brief >/dev/null && berth delete --force brief
	done >/dev/null 2>&1 &
	for ((i = 0; i < 60; i++)); do
		berth metrics >"$T/metrics" 2>"$T/err" || fault "metrics: $(cat "$T/err")"
		empty "words of metrics" "$T/err"
	done
	touch "$stop"
	wait
}

case_output() {
	berth metrics --output "$T/berth.prom"
	same "mode" 644 "$(stat -c %a "$T/berth.prom")"
	has '^berth_build_info' "$(cat "$T/berth.prom")"
	# Another file has the name afterwards; a reader of the old one has all of it.
	before=$(stat -c %i "$T/berth.prom")
	berth metrics -o "$T/berth.prom"
	[[ $(stat -c %i "$T/berth.prom") != "$before" ]] || fault "the file was written in place"
	same "what is there besides" "berth.prom" "$(find "$T" -maxdepth 1 -name "*berth.prom*" -printf "%f\n")"
	fails 1 "write '/nothing/here/x'" berth metrics --output /nothing/here/x
	[[ ! -e /dev/full ]] || fails 1 "(no space|disk is full|No space)" berth metrics --output /dev/full
	fails 2 "takes no words|too many|no further" berth metrics word
}

case_promtool() {
	promtool_is_here
	berth launch --wait bb web
	berth metrics | promtool check metrics >"$T/said" 2>&1 || fault "promtool: $(cat "$T/said")"
	empty "what promtool says" "$T/said"
	gone web
}

# Labels are those of the manual.
case_labels() {
	berth launch --wait bb web
	look
	sed -n 's/^\(berth_[a-z_]*\)\({[^ ]*}\)\? .*/\1 \2/p' "$T/metrics" |
		sed 's/[{}]//g; s/="[^"]*"//g; s/,/, /g; s/ *$//' | sort -u >"$T/labels"
	sed -n '/^\.It Ic berth_/{s/^\.It Ic //;N;s/\n[A-Z][a-z]*//;s/[().]//g;p}' "$top/doc/berth-metrics.7" >"$T/known"
	[[ $(wc -l <"$T/labels") -ge 20 ]] || fault "only: $(cat "$T/labels")"
	grep -vxFf "$T/known" "$T/labels" >"$T/unknown" || true
	empty "labels that the manual does not have" "$T/unknown"
	gone web
}

# names: the metrics of the program, by its manual, which a unit test holds against it.
names() {
	sed -n 's/^\.It Ic \(berth_[a-z_]*\).*/\1/p' "$top/doc/berth-metrics.7"
}

case_dashboard() {
	names >"$T/names"
	python3 -IS "$top/tests/integration/dashboard.py" "$T/names" "$top/monitoring/dashboard.json" ||
		fault "the dashboard"
	python3 -IS - "$top/monitoring/dashboard.json" "$T/wrong.json" <<-'END'
		import sys
		text = open(sys.argv[1]).read()
		open(sys.argv[2], "w").write(text.replace("berth_procs", "berth_processes"))
	END
	! python3 -IS "$top/tests/integration/dashboard.py" "$T/names" "$T/wrong.json" 2>"$T/err" ||
		fault "a dashboard of a metric that does not exist passes"
	has "berth_processes" "$(cat "$T/err")"
}

case_alerts() {
	promtool_is_here
	names >"$T/names"
	grep -oE 'berth_[a-z_]+' "$top/monitoring/alerts.yml" | sort -u >"$T/used"
	grep -vxFf "$T/names" "$T/used" >"$T/unknown" || true
	empty "metrics that do not exist" "$T/unknown"
	promtool check rules "$top/monitoring/alerts.yml" >"$T/said" 2>&1 || fault "$(cat "$T/said")"
	promtool test rules "$top/monitoring/alerts.test.yml" >"$T/said" 2>&1 || fault "$(cat "$T/said")"
}

run_cases "$@"
