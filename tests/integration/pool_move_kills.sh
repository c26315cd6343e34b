#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Moves to another pool that are killed at each of their steps: nothing is lost, and the next command ends them.
needs_faults="case_killed case_killed_running case_killed_and_stopped case_started_once case_nothing_is_stray case_pool_out_of_reach"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/faults.sh
. "$top/tests/faults.sh"
# shellcheck source=tests/pool_moves.sh
. "$top/tests/pool_moves.sh"

# killed_at POINT TO: the move to that pool is killed there.
killed_at() {
	BERTH_FAULT=$1 not_kindly berth pool move web "$2"
}

# At every moment there is one whole machine; looking shows it and changes nothing, and the next command that acts is right.
case_killed() {
	local from to point list
	make web "p-$fast"
	from=p-$fast to=p-dir
	list=$(points berth pool move web p-dir | grep -E '^(pool-move|move)-')
	((12 <= $(wc -w <<<"$list"))) || fault "there are few points: $list"
	for to in "p-$fast" p-dir; do
		for point in $list; do
			from=$(pool_of web)
			[[ $from != "$to" ]] || berth pool move web "$([[ $to == p-dir ]] && echo "p-$fast" || echo p-dir)"
			from=$(pool_of web)
			echo "$from $to $point"
			killed_at "$point" "$to"
			same "its state" stopped "$(berth list --json | jq -r '.[].state')"
			has "^($from|$to)$" "$(pool_of web)"
			# The next command may be any.
			berth set web description="after $point"
			only_in web "$(pool_of web)"
			whole web
		done
	done
	berth delete web
}

# move_back POOL: web is in that pool.
move_back() {
	[[ $(pool_of web) == "$1" ]] || berth pool move web "$1" 2>/dev/null
}

# A machine that the killed move has stopped runs again with the next command, which says so; another one goes on.
case_killed_running() {
	local from to point list stopped=0
	beating web p-dir
	berth snapshot web s1
	for to in "p-$fast" p-dir; do
		from=$([[ $to == p-dir ]] && echo "p-$fast" || echo p-dir)
		move_back "$from"
		# A pool whose snapshots are copies has no copies of the running machine.
		list=$(points berth pool move web "$to" 2>/dev/null | grep -E '^(pool-move|move)-' | sort -u -t: -k1,1)
		((10 <= $(wc -w <<<"$list"))) || fault "there are few points: $list"
		for point in $list; do
			move_back "$from"
			echo "$from $to $point"
			killed_at "$point" "$to"
			case $point in
			pool-move-noted:* | pool-move-begun:* | pool-move-started:*) state_is web running ;;
			move-stopped:* | pool-move-last:* | pool-move-kept:* | pool-move-named:* | pool-move-switch*) state_is web stopped ;;
			esac
			berth list >"$T/listed"
			berth set web description="after $point" 2>"$T/said"
			if grep -q '^web  *stopped' "$T/listed"; then
				has "^berth: machine 'web' was stopped by a move to pool '$to' that was broken off, and runs again, in pool '$(pool_of web)'$" \
					"$(cat "$T/said")"
				stopped=$((stopped + 1))
			else
				empty "what it says" "$T/said"
			fi
			state_is web running
			only_in web "$(pool_of web)"
			same snapshots s1 "$(berth snapshot list --json web | jq -r '[.[].name] | join(" ")')"
			check_beats web
		done
	done
	((stopped >= 10)) || fault "it was stopped $stopped times only"
	berth delete --force web
}

# It does not run again where it would surprise: after a start of the host, or once it was stopped since.
case_killed_and_stopped() {
	make web "p-$fast"
	berth start --wait web
	killed_at pool-move-switched:1 p-dir
	sed -i 's/^boot .*/boot 00000000-0000-4000-8000-000000000000/' "$BERTH_ROOT/lib/machines/web/move"
	silent "the next command" berth set web description=x
	state_is web stopped
	only_in web p-dir
	berth start --wait web
	killed_at move-stopping:1 "p-$fast"
	berth stop --force web
	state_is web stopped
	killed_at pool-move-last:1 "p-$fast"
	silent "the next command" berth set web description=y
	state_is web stopped
	berth delete web
}

# Looking at what a kill has left: its volumes are nobody's else, in neither pool.
case_nothing_is_stray() {
	local point
	for point in pool-move-named:1 pool-move-switched:1 pool-move-clearing:1; do
		make web "p-$fast"
		killed_at "$point" p-dir
		lacks "machine.web|snapshot.web" "doctor: $(berth doctor 2>&1)"
		silent "roots that are nobody's" berth adopt --all
		only_in web "$(pool_of web)"
		berth delete web
	done
}

# The old pool is out of reach when the rest is to be removed: the machine works, and the rest goes when it can.
case_pool_out_of_reach() {
	berth pool create p-old --driver dir --source "$T/old"
	make web p-old
	killed_at pool-move-switched:1 p-dir
	mv "$T/old" "$T/away"
	berth start --wait web 2>"$T/said"
	has "move of machine 'web' to pool 'p-dir' was broken off, and what it has left cannot be removed now" "$(cat "$T/said")"
	same two two "$(berth exec web cat /two 2>/dev/null)"
	berth stop --force web 2>/dev/null
	has "machine 'web' was being moved from pool 'p-old' to pool 'p-dir'" "$(berth delete web 2>&1 || true)"
	has "keeps its name" "$(berth rename web www 2>&1 || true)"
	mv "$T/away" "$T/old"
	whole web
	only_in web p-dir
	silent "the old pool" find "$T/old" -name '*web*'
	berth delete web
	berth pool delete p-old
}

# The machine is started once, and not again when the old pool can be reached at last.
case_started_once() {
	berth pool create p-old --driver dir --source "$T/old"
	make web p-old
	berth start --wait web
	killed_at pool-move-switched:1 p-dir
	mv "$T/old" "$T/away"
	berth set web description=x 2>"$T/said"
	has "machine 'web' was stopped by a move to pool 'p-dir' that was broken off, and runs again" "$(cat "$T/said")"
	berth stop --force web 2>/dev/null
	berth set web description=y 2>"$T/said"
	lacks "runs again" "$(cat "$T/said")"
	mv "$T/away" "$T/old"
	silent "the next command" berth set web description=z
	state_is web stopped
	only_in web p-dir
	berth delete web
	berth pool delete p-old
}

run_cases "$@"
