#!/usr/bin/env bash
# exec and shell: codes, signals, three separate pipes, terminals, who and where.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

code_of() {
	local code=0
	"$@" >"$T/out" 2>"$T/err" </dev/null || code=$?
	echo "$code"
}

case_machine_for_the_rest() {
	busybox_template bb
	berth launch --wait bb m
}

case_codes() {
	same true 0 "$(code_of berth exec m true)"
	same false 1 "$(code_of berth exec m false)"
	same 42 42 "$(code_of berth exec m -- sh -c 'exit 42')"
	same killed 137 "$(code_of berth exec m -- sh -c 'kill -KILL $$')"
	same terminated 143 "$(code_of berth exec m -- sh -c 'kill -TERM $$')"
	same "not found" 127 "$(code_of berth exec m -- no-such-program)"
	has "no-such-program" "$(cat "$T/err")"
	same "not executable" 126 "$(code_of berth exec m -- /etc/passwd)"
	same "no machine" 125 "$(code_of berth exec nowhere true)"
	same usage 2 "$(code_of berth exec m)"
}

case_three_pipes() {
	berth exec m -- sh -c 'echo out; echo err >&2; cat >/tmp/in' >"$T/out" 2>"$T/err" <<<"in"
	same out out "$(cat "$T/out")"
	same err err "$(cat "$T/err")"
	same in in "$(berth exec m cat /tmp/in)"
	# No terminal in between: bytes stay as they are.
	same "carriage returns" 6f75740a "$(berth exec m echo out | od -An -tx1 | tr -d ' \n')"
	[[ $(berth exec m -- sh -c 'test -t 0 || test -t 1 || test -t 2; echo $?') -eq 1 ]]
}

case_much_data() {
	head -c 20000000 /dev/urandom >"$T/data"
	berth exec m -- sh -c 'cat' <"$T/data" >"$T/copy"
	cmp "$T/data" "$T/copy"
	same "bytes in" 20000000 "$(berth exec m -- wc -c <"$T/data" | tr -dc 0-9)"
}

# The reader goes away: the command is told so, and exec ends.
case_broken_pipe() {
	local codes
	timeout 10 berth exec m -- yes | head -n 1 >"$T/out" || codes="${PIPESTATUS[*]}"
	same first y "$(cat "$T/out")"
	same codes "141 0" "$codes"
}

case_closed_descriptors() {
	berth exec m true <&- >&- 2>&-
	same out out "$(berth exec m echo out <&-)"
}

case_where_and_who() {
	same "root's home" /root "$(berth exec m pwd)"
	same user 0 "$(berth exec m id -u)"
	has "^(/usr/local/sbin|/bin|/usr)" "$(berth exec m -- sh -c 'echo $PATH')"
	berth help exec >"$T/help"
	same "by number" 1000 "$(berth exec --user 1000 m id -u)"
	same "a value" "a b" "$(berth exec --env 'X=a b' m -- sh -c 'echo "$X"')"
	same "a folder" /tmp "$(berth exec --cwd /tmp m pwd)"
	fails "12[56]" "nobody-here" berth exec --user nobody-here m true
	fails "12[56]" "/nowhere" berth exec --cwd /nowhere m true
}

# Options behind the machine's name are the command's.
case_options_of_the_command() {
	same double "-- x" "$(berth exec m -- echo -- x)"
	same json "--json" "$(berth exec m echo --json)"
}

# With a terminal: one for the command as well.
case_terminal() {
	python3 - <<-'END'
		import os, pty, sys
		pid, fd = pty.fork()
		if pid == 0:
		    os.execvp("berth", ["berth", "exec", "m", "sh", "-c", "test -t 0 && test -t 1 && stty size; exit 7"])
		out = b""
		while True:
		    try:
		        data = os.read(fd, 1000)
		    except OSError:
		        break
		    if not data:
		        break
		    out += data
		_, status = os.waitpid(pid, 0)
		sys.exit(f"status {status:#x}, said {out}" if os.WEXITSTATUS(status) != 7 or b" " not in out else 0)
	END
}

case_privileges() {
	# What a machine may not do to its host.
	not berth exec m -- sh -c 'echo 1 >/proc/sys/kernel/panic'
	not berth exec m -- sh -c 'echo c >/proc/sysrq-trigger'
	not berth exec m -- busybox mknod /tmp/sda b 8 0
	has "^[0-9a-f]+$" "$(berth exec m -- sh -c 'grep CapBnd /proc/self/status' | awk '{ print $2 }')"
}

# What exec started and left is not a zombie for ever, and does not keep exec from ending.
case_background() {
	timeout 10 berth exec m -- sh -c 'sleep 1000 >/dev/null 2>&1 </dev/null & echo started'
	berth exec m -- sh -c 'ps | grep -q "sleep 1000"'
}

case_interrupted() {
	berth exec m -- sh -c 'echo >/tmp/begun; exec sleep 1001' &
	local exec=$!
	retry 5 berth exec m test -e /tmp/begun
	kill -TERM "$exec"
	wait "$exec" || same "by its signal" 143 $?
	gone() {
		not berth exec m -- sh -c 'ps | grep -q "[s]leep 1001"'
	}
	retry 5 gone
}

case_shell() {
	same "a login shell" "in-shell" "$(echo 'echo in-shell' | berth shell m)"
}

case_stopped_machine() {
	berth stop --force m
	same code 125 "$(code_of berth exec m true)"
	has "not running|stopped" "$(cat "$T/err")"
}

run_cases "$@"
