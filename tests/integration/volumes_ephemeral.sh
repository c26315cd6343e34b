#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Copies of volumes that are made for an ephemeral clone: they go with it, and nothing else does.
needs_faults="case_kills"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"

set_up() {
	busybox_template bb
	berth volume create data
	berth volume create logs
	berth create --set network= bb db
	berth volume attach db data /data
	berth volume attach db logs /logs
	berth start --wait db
	berth exec db -- sh -c 'echo kept >/data/file; sync'
	berth stop --force db
}

volumes() {
	berth volume list --json 2>/dev/null | jq -r '[.[].name] | join(" ")'
}

volumes_are() {
	[[ $(volumes) == "$*" ]]
}

# Nothing of the copies is left, in the state or in the pool.
none_of() {
	volumes_are data logs || fault "there is: $(volumes)"
	lacks "data\.$1-" "usage: $(berth pool usage default)"
	silent "marks" find "$BERTH_ROOT/lib/volumes" -name "*$1-*"
	[[ ! -e $BERTH_ROOT/lib/machines/$1 ]]
}

# The end of the machine, whoever brings it about, takes its copies along.
case_ends() {
	local end
	for end in "stop e" "kill e" "exec e -- halt -f" "delete --force e" "delete e"; do
		berth clone --ephemeral db e 2>"$T/said"
		has "volume 'data' of 'db' is copied to 'e-data', which goes with it" "$(cat "$T/said")"
		has "goes with: +e$" "$(berth volume info e-data)"
		[[ $end == "delete e" ]] || berth start --wait e
		volumes_are data e-data e-logs logs || fault "there is: $(volumes)"
		# shellcheck disable=SC2086 # words
		berth $end 2>"$T/said" || true
		lacks "stay" "said: $(cat "$T/said")"
		retry 20 volumes_are data logs
		none_of e
	done
	berth start --wait db
	same data kept "$(berth exec db cat /data/file)"
	berth stop --force db
}

# What the user has made of a copy stays: one that was detached, or is another machine's too, or a machine that is kept.
case_stays() {
	berth clone --ephemeral db e 2>/dev/null
	berth volume detach e e-data
	berth start --wait e
	berth stop --force e
	same volumes "data e-data logs" "$(volumes)"
	berth volume delete e-data
	berth clone --ephemeral db e 2>/dev/null
	berth clone --share e reader 2>/dev/null
	berth delete e 2>"$T/said"
	has "volumes of machine 'e' stay.*delete e-data e-logs" "$(cat "$T/said")"
	berth delete reader 2>/dev/null
	berth volume delete e-data e-logs
	berth clone --ephemeral db e 2>/dev/null
	berth set e ephemeral=no
	berth start --wait e
	berth stop --force e
	berth delete e 2>"$T/said"
	has "volumes of machine 'e' stay" "$(cat "$T/said")"
	same volumes "data e-data e-logs logs" "$(volumes)"
	berth volume delete e-data e-logs
	# A volume that was attached to it later is no copy of its own.
	berth volume create own
	berth create --ephemeral --set network= bb e
	berth volume attach e own /own
	berth start --wait e
	berth stop --force e
	same volumes "data logs own" "$(volumes)"
	berth volume delete own
	# The copies of a clone that stays.
	berth clone db c 2>/dev/null
	berth set c ephemeral=yes
	berth start --wait c
	berth stop --force c
	same volumes "c-data c-logs data logs" "$(volumes)"
	berth volume delete c-data c-logs
}

# Names that have changed since are no matter.
case_renamed() {
	berth clone --ephemeral db e 2>/dev/null
	berth volume rename e-data fresh
	berth rename e f
	berth start --wait f
	berth stop --force f
	none_of f
	none_of e
}

# At every step the copies are whole as long as the machine is, and gone with it.
case_kills() {
	local point list
	berth clone --ephemeral db e 2>/dev/null
	list=$(points berth delete e 2>/dev/null | grep -E '^(volume|machine|unfinished)-')
	((4 <= $(wc -w <<<"$list"))) || fault "there are few points: $list"
	for point in $list; do
		echo "$point"
		berth clone --ephemeral db e 2>/dev/null
		BERTH_FAULT=$point not_kindly berth delete e
		if berth info e >"$T/info" 2>&1; then
			berth volume create other
			berth volume delete other
			same "$point" "data e-data e-logs logs" "$(volumes)"
			berth start --wait e
			same data kept "$(berth exec e cat /data/file)"
			berth stop --force e
		else
			berth set db description="after $point"
			berth volume create other
			berth volume delete other
		fi
		none_of e
	done
}

tear_down() {
	berth delete db 2>/dev/null
	berth volume delete data logs
}

run_cases "$@"
