#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The program that an OCI image runs: as the main process of a machine, and in the foreground of berth run.
# shellcheck disable=SC2016 # variables of the machine
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/oci.sh
. "$top/tests/oci.sh"

drop() {
	berth delete --force "$@"
	berth template delete app
}

case_its_program_runs() {
	mkdir -p "$T/layer/etc" "$T/layer/home/it" "$T/layer/tmp"
	chmod 1777 "$T/layer/tmp"
	echo 'it:x:1000:1000::/home/it:/bin/sh' >"$T/layer/etc/passwd"
	printf 'it:x:1000:\nmore:x:1234:x,it\n' >"$T/layer/etc/group"
	layer "$T/users.tar"
	app '{"Entrypoint": ["/bin/sh", "-c", "env >/tmp/env; id >/tmp/id; pwd >/tmp/pwd; echo \"$0 $1\" >/tmp/args; exec sleep 1000"],
		"Cmd": ["a b", "it'"'"'s\n$HOME"], "Env": ["PATH=/bin:/own", "GREETING=hello \"you\"", "bad name=1"],
		"WorkingDir": "/work/made", "User": "it", "StopSignal": "SIGINT"}' "$T/users.tar"
	has "guest-init, will run its command: /bin/sh -c" "$(cat "$T/err")"
	has "1 variables of its environment were left out" "$(cat "$T/err")"
	berth launch --wait app box
	retry 10 berth exec box -- test -s /tmp/args
	same "its arguments" "a b it's" "$(berth exec box -- head -n 1 /tmp/args)"
	same "not expanded" '$HOME' "$(berth exec box -- tail -n 1 /tmp/args)"
	same "its folder" /work/made "$(berth exec box -- cat /tmp/pwd)"
	has 'uid=1000\(it\) gid=1000\(it\) groups=1000\(it\),1234\(more\)' "$(berth exec box -- cat /tmp/id)"
	has 'GREETING=hello "you"' "$(berth exec box -- cat /tmp/env)"
	same "its path" PATH=/bin:/own "$(berth exec box -- grep ^PATH= /tmp/env)"
	same "its home" HOME=/home/it "$(berth exec box -- grep ^HOME= /tmp/env)"
	same "a key" SIGINT "$(berth get box app.signal)"
	drop box
	no_volumes
}

case_its_end_is_the_machine_s() {
	app '{"Cmd": ["/bin/sh", "-c", "exit 7"]}'
	berth launch app box || true
	retry 10 state_is box failed
	has 'exited with 7' "$(berth info box)"
	drop box
	app '{"Cmd": ["/bin/true"]}'
	berth launch app box || true
	retry 10 state_is box stopped
	drop box
	app '{"Entrypoint": ["/no/such"]}'
	berth launch app box || true
	retry 10 state_is box failed
	has "guest-init: run '/no/such'" "$(berth logs --console box 2>/dev/null || berth logs box)"
	drop box
	no_volumes
}

# The signal goes to the program, which has the time to end by itself.
case_its_stop_signal() {
	app '{"Cmd": ["/bin/sh", "-c", "trap \"echo got-quit; exit 0\" QUIT; trap \"echo got-term\" TERM; touch /tmp/set; while :; do sleep 0.1; done"],
		"StopSignal": "3"}'
	berth launch --wait app box
	same "a key" SIGQUIT "$(berth get box app.signal)"
	retry 10 berth exec box -- test -e /tmp/set
	berth stop box
	has got-quit "$(cat "$BERTH_ROOT/lib/machines/box/console.log")"
	not grep -q got-term "$BERTH_ROOT/lib/machines/box/console.log"
	drop box
	no_volumes
}

# An image of one program, without a shell.
case_an_image_of_one_program() {
	mkdir -p "$T/layer/bin"
	cp "$(command -v busybox)" "$T/layer/bin/sleep"
	layer "$T/one.tar"
	image layout "$T/layout" --config '{"Cmd": ["/bin/sleep", "1000"]}' "$T/one.tar"
	berth template import "$T/layout" app
	berth launch --wait app box
	# Process 1 has told of its boot before its child has become the program.
	retry 20 pgrep -P "$(field box init)" -x sleep
	drop box
	no_volumes
}

# An image with an init boots it; busybox's, which every root of Alpine has, does not count.
case_images_with_an_init() {
	mkdir -p "$T/layer/sbin"
	printf '#!/bin/sh\n# SysV init version\n' >"$T/layer/sbin/init"
	chmod 755 "$T/layer/sbin/init"
	layer "$T/sysv.tar"
	app '{"Cmd": ["/sbin/init"]}' "$T/sysv.tar"
	same "its init" sysvinit "$(berth template info --json app | jq -r .init)"
	berth template delete app
	app '{"Cmd": ["/bin/bash"]}' "$T/sysv.tar"
	same "its init" sysvinit "$(berth template info --json app | jq -r .init)"
	berth template delete app
	app '{"Cmd": ["/bin/sleep", "1000"]}' "$T/sysv.tar"
	same "its init" none "$(berth template info --json app | jq -r .init)"
	berth template delete app
	mkdir "$T/layer/sbin"
	ln -s ../bin/busybox "$T/layer/sbin/init"
	layer "$T/busybox.tar"
	app '{"Cmd": ["/bin/sh"]}' "$T/busybox.tar"
	same "its init" none "$(berth template info --json app | jq -r .init)"
	berth create app box
	fails 1 "app.command is run by guest-init, and init is '/sbin/init'; unset one of both" \
		berth set box init=/sbin/init
	berth set box app.command= init=/sbin/init
	berth unset box init
	berth set box app.command=/bin/true
	# And back into a template.
	berth publish box again
	same "a default" /bin/true "$(berth template get again default.app.command)"
	same "no key twice" 0 "$(grep -c '^app\.' "$BERTH_ROOT/lib/templates/again/template.conf")"
	berth template delete again
	drop box
	no_volumes
}

# ---- In the foreground

no_machines() {
	same machines 0 "$(berth list --json | jq length)"
}

# Its arguments, user, folder, environment, streams and exit code are those of the image, and nothing is left.
case_run_its_program() {
	local code=0
	mkdir -p "$T/layer/etc"
	echo 'it:x:1000:1000::/home/it:/bin/sh' >"$T/layer/etc/passwd"
	printf 'it:x:1000:\nmore:x:1234:\n' >"$T/layer/etc/group"
	layer "$T/users.tar"
	app '{"Entrypoint": ["/bin/sh", "-c", "echo \"$0 $*\"; id -u; id -g; pwd; echo $GREETING; cat; echo bad >&2; exit 7"],
		"Cmd": ["name", "a b"], "Env": ["GREETING=hello you"], "WorkingDir": "/work/made", "User": "it:more"}' \
		"$T/users.tar"
	echo fed | berth run app >"$T/out" 2>"$T/err" || code=$?
	same "its code" 7 "$code"
	same "what it says" "name a b 1000 1234 /work/made hello you fed" "$(paste -sd ' ' "$T/out")"
	same "its errors" bad "$(tail -n 1 "$T/err")"
	no_machines
	# Words replace its Cmd and follow its Entrypoint; options count before the image.
	berth run --user 5 --cwd /tmp --env GREETING=bye app -- other words </dev/null >"$T/out" 2>/dev/null || code=$?
	same "what it says" "other words 5 5 /tmp bye" "$(paste -sd ' ' "$T/out")"
	no_machines
	berth template delete app
	no_volumes
}

# Without an Entrypoint, words are the command. A root without a shell runs its program too.
case_run_other_programs() {
	app '{"Cmd": ["/bin/echo", "it"]}'
	same "what it says" it "$(berth run app)"
	same "what it says" other "$(berth run app -- echo other)"
	same "what it says" -n- "$(berth run app /bin/echo -n-)"
	fails 127 "has no program 'nosuch'" berth run app nosuch
	no_machines
	berth template delete app
	mkdir -p "$T/layer/bin"
	cp "$(command -v busybox)" "$T/layer/bin/echo"
	layer "$T/one.tar"
	image layout "$T/layout" --config '{"Entrypoint": ["/bin/echo"], "Cmd": ["alone"]}' "$T/one.tar"
	berth template import "$T/layout" app
	same "what it says" alone "$(berth run app)"
	same "what it says" more "$(berth run app more)"
	no_machines
	berth template delete app
	app '{"Cmd": ["/no/such"]}'
	fails 127 "has no program '/no/such'" berth run app
	no_machines
	berth template delete app
	no_volumes
}

# A root without a program needs a command, and is told so before a machine is made.
case_run_without_a_program() {
	berth template import "$T/base.tar" plain
	fails 2 "template 'plain' has no program of its own; write the command: berth run plain -- COMMAND" \
		berth run plain
	no_machines
	same "what it says" it "$(berth run plain echo it)"
	berth template delete plain
	fails 125 "no template 'plain'" berth run plain
	no_volumes
}

# A terminal's interrupt and a kill end the program, and nothing is left.
case_run_interrupted() {
	local pid
	app '{"Entrypoint": ["/bin/sh", "-c", "echo up; exec sleep 1000"]}'
	berth run app >"$T/said" &
	pid=$!
	retry 30 grep -q up "$T/said"
	kill "$pid"
	wait "$pid" || true
	retry 20 no_machines
	berth template delete app
	no_volumes
}

run_cases "$@"
