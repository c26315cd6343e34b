#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The restart policy when a guest ends by itself; a stop is always the end.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

kill_init() {
	kill -KILL "$(field m init)"
}

another_init() {
	local now
	now=$(field m init) && [[ -n $now && $now != "$1" && $(field m booted) == true ]]
}

set_up() {
	busybox_template bb
}

# policy WORD...: m runs with those settings, and has no tries behind it.
policy() {
	up m
	berth stop m
	berth unset m restart.limit
	berth set m "$@"
	berth start --wait m
}

# killed_and_back: kills its init, and waits until the machine has come back.
killed_and_back() {
	local init
	init=$(field m init)
	kill_init
	retry 20 another_init "$init"
}

# occupy CGROUP: waits until cgroups in that one begin to be removed, goes into one of the others, and leaves it after half
# a second.
occupy() {
	python3 -IS -c '
import os, sys, time
group = sys.argv[1]
names = [f"{group}/late{i}" for i in range(1000)]
own = group.split("/berth-")[0] + open("/proc/self/cgroup").read().split("0::")[1].split("\n")[0]
for name in names:
    os.mkdir(name)
print("there", flush=True)
end = time.monotonic() + 120
while all(os.path.exists(name) for name in names[::200]):
    if time.monotonic() > end:
        sys.exit("nothing was removed")
for name in names:
    try:
        with open(name + "/cgroup.procs", "w") as file:
            file.write("0")
    except OSError:
        continue
    print("inside", flush=True)
    time.sleep(0.5)
    with open(own + "/cgroup.procs", "w") as file:
        file.write("0")
    break' "$1"
}

# A reboot waits like any end of a machine until the kernel lets the cgroup of the last guest go.
case_a_reboot_whose_cgroup_is_busy() {
	local init
	policy restart=no
	# On a busy host they may be gone before the process that is to be in one runs.
	for _ in {1..10}; do
		init=$(field m init)
		# What the last one has said is not taken for this one's.
		rm -f "$T/occupied"
		occupy "$(findmnt -n -o TARGET -t cgroup2 | head -n 1)/berth-$(tag_of "$BERTH_ROOT")/m" >"$T/occupied" 2>&1 &
		retry 10 grep -q there "$T/occupied"
		berth exec m -- reboot -f || true
		retry 20 another_init "$init"
		wait
		! grep -q inside "$T/occupied" || break
	done
	same "who was in it" "there inside" "$(xargs <"$T/occupied")"
	berth stop m
}

case_no_policy() {
	policy restart=no
	kill_init
	retry 10 state_is m failed
	has "its init was killed by SIGKILL" "$(field m ended)"
}

case_on_failure() {
	policy restart=on-failure
	killed_and_back
	berth exec m -- true
}

case_power_off_is_no_failure() {
	policy restart=on-failure
	berth exec m -- poweroff -f || true
	retry 10 state_is m stopped
	same "how it ended" "powered off" "$(field m ended)"
}

case_always() {
	local init
	policy restart=always
	init=$(field m init)
	berth exec m -- poweroff -f || true
	retry 20 another_init "$init"
}

# A command may miss the pause between two guests on a busy host. Each pause is twice as long as the last, so one is
# long enough. between COMMAND...: succeeds in a pause.
between() {
	local init pause
	for pause in 1 2 4 8 16 32; do
		init=$(field m init)
		kill_init
		if [[ $pause -ge 4 ]] && in_the_pause "$init" "$@"; then
			return
		fi
		retry 60 another_init "$init"
	done
	fault "too late in each pause: $*"
}

# in_the_pause INIT COMMAND...: runs the command before the next guest is there.
in_the_pause() {
	local init=$1
	shift
	until state_is m starting; do
		! another_init "$init" || return
	done
	"$@" && state_is m starting
}

not_let_in() {
	local code=0
	berth exec m -- true 2>"$T/err" || code=$?
	[[ $code -eq 125 ]] && grep -Eq "about to be started again|not answer" "$T/err"
}

# There is no guest, but the machine is not stopped.
case_between() {
	policy restart=always
	between not_let_in
	retry 60 state_is m running
}

# stops: stops m in a pause, and checks the end that it shows. A start by hand makes the next pause short again.
stops() {
	local init pause attempt
	for attempt in 1 2 3 4; do
		for pause in 1 2 4 8 16 32; do
			init=$(field m init)
			kill_init
			if ((pause >= 2 ** attempt)) && in_the_pause "$init" true; then
				berth stop m
				same state stopped "$(field m state)" || return
				[[ $(field m ended) != "stopped before it was started again" ]] || return 0
				berth start --wait m
				break
			fi
			retry 60 another_init "$init"
		done
	done
	fault "too late in each pause"
}

case_stop_is_an_end() {
	policy restart=always
	berth stop m
	same state stopped "$(field m state)"
	berth start --wait m
	stops
}

case_limit() {
	policy restart=on-failure restart.limit=1
	killed_and_back
	kill_init
	retry 10 state_is m failed
	berth set m restart=no
	berth start --wait m
	berth exec m -- poweroff -f || true
	retry 10 state_is m stopped
}

run_cases "$@"
