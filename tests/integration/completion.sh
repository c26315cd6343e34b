#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Completion in each shell, by the scripts that are installed.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# in_bash WORD...: prints bash's offers for the last word, with the line split as bash splits it.
in_bash() {
	bash -c '
		compopt() { [[ $2 != default ]] || echo FILES; }
		. "$1"
		shift
		COMP_WORDS=(berth "$@") COMP_CWORD=$#
		_berth
		printf "%s\n" "${COMPREPLY[@]}"' bash "$top/completions/berth" "$@" | sort | xargs
}

in_zsh() {
	# shellcheck disable=SC2016 # the variables are zsh's
	zsh -f -c '
		compdef() { : }
		_files() { print FILES }
		compadd() { while [[ $1 != -- ]]; do shift; done; shift; print -rl -- "$@" }
		. "$1"
		shift
		words=(berth "$@") CURRENT=$(($# + 1))
		_berth' zsh "$top/completions/_berth" "$@" | sort | xargs
}

in_fish() {
	fish --no-config -c 'source $argv[1]; complete -C "$argv[2]"' "$top/completions/berth.fish" "berth $*" | sort | xargs
}

set_up() {
	busybox_template bb
	berth create bb web
	berth create bb db
	berth network create lan
}

case_bash() {
	same machines "db web" "$(in_bash start "")"
	same "verbs" "start" "$(in_bash sta)"
	same networks "default lan" "$(in_bash launch --network "")"
	same "behind =" "lan" "$(in_bash launch --network = la)"
	same "values" "always no on-failure" "$(in_bash set web restart = "")"
	same keys "network.address6= network.address= network.routes= network.vlan= network=" "$(in_bash set web netw)"
	same "keys of a network" "dhcp.lease= dhcp=" "$(in_bash network set lan dh)"
	same "values of a network" "bridge ipvlan join macvlan none physical private" "$(in_bash network create new kind = "")"
	same "keys of a template" "default.network default.network.address default.network.address6 default.network.routes default.network.vlan" "$(in_bash template set bb default.netw)"
	silent "no files" in_bash set web description = ""
	has FILES "$(in_bash template import "")"
}

case_zsh() {
	same machines "db web" "$(in_zsh start "")"
	same networks "default lan" "$(in_zsh launch --network "")"
	same "values" "restart=always restart=no restart=on-failure" "$(in_zsh set web restart=)"
	same files FILES "$(in_zsh template import "")"
	same "a file of steps" FILES "$(in_zsh template build "./")"
	same "files of machines" FILES "$(in_zsh apply "")"
}

case_fish() {
	same machines "db web" "$(in_fish start "")"
	same networks "--network=default --network=lan" "$(in_fish launch --network=)"
	same "values" "restart=always restart=no restart=on-failure" "$(in_fish set web restart=)"
}

run_cases "$@"
