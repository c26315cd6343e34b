#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every example of README.md and of the manual pages, word for word as it stands there.
needs_debian="bookworm"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

# The lines of README.md's screenful, without what explains them.
readme_commands() {
	sed -n '/^## A screenful/,/^Everything/s/^    # //p' "$top/README.md" | sed -E 's/ {2,}.*//'
}

# page_commands PAGE: what stands in the EXAMPLES of doc/PAGE.
page_commands() {
	awk '/^\.Sh / { here = $2 == "EXAMPLES" }
		/^\.Ed/ { literal = 0 }
		here && literal { gsub(/\\e/, "\\"); print }
		/^\.Bd -literal/ { literal = 1 }' "$top/doc/$1"
}

# What needs the world outside or a person, each shown by the test named.
elsewhere() {
	case $1 in
	"berth template build debian") ;; # quickstart
	*"apt-get "*) ;;                  # quickstart, work
	"berth console web") ;;           # console
	*) return 1 ;;
	esac
}

run_one() {
	local status=0
	case $1 in
	# Goes on for ever.
	"berth events "*)
		timeout 2 bash -c "$1" || status=$?
		[[ $status -eq 124 ]] || fault "'$1' ended with $status"
		;;
	# Finds what this host lacks.
	"berth doctor") bash -c "$1" || [[ $? -eq 1 ]] ;;
	*) eval "$1" ;;
	esac
}

# run_commands: of standard input, one a line.
run_commands() {
	local commands command count=0
	mapfile -t commands
	for command in "${commands[@]}"; do
		elsewhere "$command" || run_one "$command" </dev/null >"$T/shown" || fault "failed: $command" || return
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

case_readme() {
	readme_commands >"$T/commands"
	run_commands <"$T/commands"
	machines_go
}

case_berth_1() {
	page_commands berth.1 >"$T/commands"
	# What the example runs is the reader's own; it belongs into the machine before it.
	sed -i 's|^berth exec \$name -- ./run-tests|berth exec $name -- sh -c "echo exit >run-tests; chmod +x run-tests" \&\& &|' "$T/commands"
	run_commands <"$T/commands"
	machines_go
}

case_network_conf_5() {
	page_commands network.conf.5 >"$T/commands"
	run_commands <"$T/commands"
	machines_go
}

case_pool_conf_5() {
	page_commands pool.conf.5 >"$T/commands"
	run_commands <"$T/commands"
}

case_template_conf_5() {
	page_commands template.conf.5 >"$T/commands"
	run_commands <"$T/commands"
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

case_berth_security_7() {
	page_commands berth-security.7 >"$T/commands"
	run_commands <"$T/commands"
	machines_go
}

# A file, not commands.
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
	# One of the blocks of its range.
	awk '{ exit !($2 >= 2000683008 && ($2 - 2000683008) % 65536 == 0) }' "/proc/$(field quick init)/uid_map"
	machines_go
	rm "$BERTH_ROOT/etc/berth.conf"
}

tear_down() {
	umount /home
	rm -f /tmp/passwd-of-web
}

run_cases "$@"
