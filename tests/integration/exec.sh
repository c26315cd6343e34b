#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# exec and shell: codes, signals, three separate pipes, terminals, who and where.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

code_of() {
	local code=0
	"$@" >"$T/out" 2>"$T/err" </dev/null || code=$?
	echo "$code"
}

set_up() {
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
	# There is no terminal in between: bytes stay as they are.
	same "carriage returns" 6f75740a "$(berth exec m echo out | od -An -tx1 | tr -d ' \n')"
	[[ $(berth exec m -- sh -c 'test -t 0 || test -t 1 || test -t 2; echo $?') -eq 1 ]]
}

case_much_data() {
	head -c 20000000 /dev/urandom >"$T/data"
	berth exec m -- sh -c 'cat' <"$T/data" >"$T/copy"
	cmp "$T/data" "$T/copy"
	same "bytes in" 20000000 "$(berth exec m -- wc -c <"$T/data" | tr -dc 0-9)"
}

# If the reader ends, the command gets SIGPIPE or EPIPE, and exec ends.
case_broken_pipe() {
	local codes
	timeout 120 berth exec m -- yes | head -n 1 >"$T/out" || codes="${PIPESTATUS[*]}"
	same first y "$(cat "$T/out")"
	same codes "141 0" "$codes"
}

# Output that cannot be written is an error on either stream. The command gets an error for further output.
case_output_lost() {
	local code=0 reader client
	berth exec m -- cat /etc/passwd >/dev/full 2>"$T/err" || code=$?
	same code 125 "$code"
	same said 1 "$(grep -c "standard output: No space left" "$T/err")"
	code=0
	timeout 120 berth exec m -- yes >/dev/full 2>"$T/err" || code=$?
	same "much of it" 125 "$code"
	code=0
	berth exec m -- sh -c 'echo lost >&2' 2>/dev/full >"$T/out" || code=$?
	same errors 125 "$code"
	# The output file has reached its size limit.
	code=0
	(ulimit -f 8 && exec timeout 120 berth exec m -- head -c 100000 /dev/zero) >"$T/short" 2>"$T/err" || code=$?
	same "a limit" 125 "$code"
	has "File too large" "$(cat "$T/err")"
	# The reader ended before the command wrote, as with any command.
	code=0
	berth exec m -- rm -f /tmp/alone
	exec 7> >(exec true)
	reader=$!
	berth exec m -- sh -c 'until [ -e /tmp/alone ]; do sleep 0.05; done; echo unheard' 2>"$T/err" >&7 &
	client=$!
	exec 7>&-
	retry 20 not kill -0 "$reader"
	berth exec m -- touch /tmp/alone
	wait "$client" || code=$?
	same "no reader" 141 "$code"
	empty silent "$T/err"
}

# The three streams belong to the user, and can be opened again by name.
case_reopened() {
	local user
	for user in root 1000; do
		berth exec -u "$user" m -- sh -c 'cat /dev/stdin; echo out >/dev/stdout; echo err >/dev/stderr' \
			<<<"in" >"$T/out" 2>"$T/err"
		same out "in out" "$(xargs <"$T/out")"
		same err err "$(cat "$T/err")"
	done
}

# In a loop over a list, exec must not read the loop's input.
case_no_input() {
	local line seen=
	while read -r line; do
		berth exec -n m -- sh -c 'cat; echo done' >"$T/out"
		same "at its end" "done" "$(cat "$T/out")"
		seen+=$line
	done <<<$'a\nb\nc'
	same "the list" abc "$seen"
	timeout 120 berth exec --no-stdin --tty m -- cat <<<"not this" >"$T/out"
	empty nothing "$T/out"
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
	# A given value has precedence, for every reader of the environment.
	same once HOME=/x "$(berth exec --env HOME=/x m env | grep ^HOME)"
}

# The name of the terminal brings no other bytes into the machine.
case_name_of_the_terminal() {
	same plain screen-256color "$(TERM=screen-256color berth exec -t m -- sh -c 'echo $TERM' </dev/null | tr -d '\r')"
	same "a newline" xterm "$(TERM=$'vt100\nX=1' berth exec -t m -- sh -c 'echo $TERM' </dev/null | tr -d '\r')"
	same "an escape" xterm "$(TERM=$'\e[2J' berth exec -t m -- sh -c 'echo $TERM' </dev/null | tr -d '\r')"
}

# A logged-in user reaches the services of the session.
case_session() {
	lacks XDG_RUNTIME_DIR "$(berth exec -u 1000 m env)"
	berth exec m -- sh -c 'mkdir -p /run/user/1000 && chown 1000 /run/user/1000'
	same folder XDG_RUNTIME_DIR=/run/user/1000 "$(berth exec -u 1000 m env | grep XDG_)"
	# The folder is made as logind makes it; busybox has none.
	python3 - "$(field m init)" <<-'END'
		import os, socket, sys
		os.chdir(f"/proc/{sys.argv[1]}/root/run/user/1000")
		owner = os.stat(".")
		os.setegid(owner.st_gid)
		os.seteuid(owner.st_uid)
		socket.socket(socket.AF_UNIX).bind("bus")
	END
	same bus DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus "$(berth exec -u 1000 m env | grep DBUS_)"
	# The folder of another user is not used.
	berth exec m -- chown 1001 /run/user/1000
	lacks XDG_RUNTIME_DIR "$(berth exec -u 1000 m env)"
	berth exec m -- rm -r /run/user
}

# Options behind the machine's name belong to the command.
case_options_of_the_command() {
	same double "-- x" "$(berth exec m -- echo -- x)"
	same json "--json" "$(berth exec m echo --json)"
}

# With -t the command has a terminal too.
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

# With a terminal but no keyboard: the end of the input reaches the command, and the last line arrives.
case_terminal_at_its_end() {
	local codes
	timeout 120 berth exec -t m -- cat </dev/null >"$T/out"
	empty nothing "$T/out"
	timeout 120 berth exec -t m -- cat <&- >"$T/out"
	printf 'one\nlast' >"$T/in"
	timeout 120 berth exec -t m -- sh -c 'stty -echo; echo ready; cat >/tmp/in' <"$T/in" >"$T/out"
	same whole "one last" "$(berth exec m -- cat /tmp/in | xargs)"
	# Each reader in the command gets the end of the input.
	timeout 120 berth exec -t m -- sh -c 'cat; cat; echo through' </dev/null >"$T/out"
	has through "$(cat "$T/out")"
	timeout 120 berth exec -t m -- yes 2>"$T/err" </dev/null | head -n 1 >"$T/out" || codes="${PIPESTATUS[*]}"
	same first y "$(tr -d '\r' <"$T/out")"
	same codes "141 0" "$codes"
	codes=0
	timeout 120 berth exec -t m -- yes </dev/null >/dev/full 2>"$T/err" || codes=$?
	same full 125 "$codes"
}

# The command gets neither the client's processors nor those of the machine's start.
case_processors() {
	local all one
	all=$(berth exec m grep Cpus_allowed: /proc/self/status)
	one=$(taskset -c "$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')" berth exec m grep Cpus_allowed: /proc/self/status)
	[[ $one == "$all" ]] || fault "a client of one processor: $one, not $all"
}

case_privileges() {
	# Actions against the host that a machine may not do.
	not berth exec m -- sh -c 'echo 1 >/proc/sys/kernel/panic'
	not berth exec m -- sh -c 'echo c >/proc/sysrq-trigger'
	not berth exec m -- busybox mknod /tmp/sda b 8 0
	# A command has what init has, and neither may load modules (capability 16).
	local bound
	bound=$(awk '/^CapBnd/ { print $2 }' "/proc/$(field m init)/status")
	same "bounding set" "$bound" "$(berth exec m -- sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)"
	same "of modules" 0 $((0x$bound >> 16 & 1))
}

# A process that exec has left behind does not stay a zombie, and does not keep exec from ending.
case_background() {
	timeout 120 berth exec m -- sh -c 'sleep 1000 >/dev/null 2>&1 </dev/null & echo started'
	retry 20 runs "sleep 1000"
	berth exec m -- killall sleep
}

# runs WORDS: the machine has a process with these words.
runs() {
	berth exec m -- ps | grep -v ps | grep -q "$1"
}

ran() {
	local all
	all=$(berth exec m -- ps) && [[ $all != *"$1"* ]]
}

# A signal that ends the client also ends the command.
case_interrupted() {
	local signal exec code
	for signal in TERM INT HUP QUIT USR1 USR2 ALRM PWR RTMIN; do
		# A shell sets these two to ignored in background processes.
		env --default-signal=INT,QUIT berth exec m -- sleep 1001 &
		exec=$!
		retry 20 runs "sleep 1001"
		kill -s "$signal" "$exec"
		code=0
		wait "$exec" || code=$?
		same "by SIG$signal" $((128 + $(kill -l "$signal"))) "$code"
		retry 20 ran "sleep 1001"
	done
	# The children of a script end too.
	berth exec m -- sh -c 'sleep 1002; true' &
	exec=$!
	retry 20 runs "sleep 1002"
	kill -KILL "$exec"
	wait "$exec" || true
	retry 20 ran "sleep 1002"
	# A signal that is ignored on purpose has no effect.
	env --ignore-signal=HUP berth exec m -- sleep 1006 &
	exec=$!
	retry 20 runs "sleep 1006"
	kill -HUP "$exec"
	kill -USR1 "$exec"
	code=0
	wait "$exec" || code=$?
	same "the other" 138 "$code"
}

# A detached command is the only one that stays.
case_detached() {
	timeout 120 berth exec --detach m -- sh -c 'sleep 0.1; echo >/tmp/detached; exec sleep 1003' >"$T/out" <<<"not read"
	empty silent "$T/out"
	retry 20 berth exec m -- test -e /tmp/detached
	retry 20 runs "sleep 1003"
	fails 127 "no program 'nowhere'" berth exec -d m nowhere
	fails 2 "exclude" berth exec -d -t m true
	berth exec m -- killall sleep
}

# Signals are handled even if the reader takes no more output.
case_unread() {
	mkfifo "$T/unread"
	sh -c 'exec sleep 1000 <"$0"' "$T/unread" &
	local sleeper=$! exec code=0
	berth exec m -- yes 1004 >"$T/unread" &
	exec=$!
	retry 20 runs "yes 1004"
	kill -TERM "$exec"
	# The command has ended, and the remaining output still has no reader.
	retry 20 ran "yes 1004"
	# The client may have ended already.
	kill -TERM "$exec" 2>/dev/null || true
	wait "$exec" || code=$?
	same code 143 "$code"
	# One signal is enough.
	code=0
	berth exec m -- yes 1005 >"$T/unread" &
	exec=$!
	retry 20 runs "yes 1005"
	kill -TERM "$exec"
	retry 20 not kill -0 "$exec"
	wait "$exec" || code=$?
	same code 143 "$code"
	kill "$sleeper"
	wait "$sleeper" || true
}

# began WORDS OPTIONS...: starts a client in the background, and waits for its command; $client is its pid.
began() {
	"$@" </dev/null >"$T/client" 2>&1 &
	client=$!
	retry 20 runs "sleep 1005"
}

# Neither kill nor start waits for a client, however the client behaves.
case_stuck_client() {
	local client how
	for how in exec "exec -t" "exec -d"; do
		# shellcheck disable=SC2086 # words
		began berth $how m -- sleep 1005
		kill -STOP "$client" 2>/dev/null || true
		timeout 120 berth kill m
		timeout 120 berth start --wait m
		kill -CONT "$client" 2>/dev/null || true
		wait "$client" || true
	done
	timeout 120 berth stop --force m
	timeout 120 berth start --wait m
}

# client WORDS...: starts one of the clients that will behave badly; $shown has their output.
client() {
	"$@" <<<'yes shown' >"$shown" 2>/dev/null &
	clients+=($!)
}

# behave HOW: all four clients behave badly at once.
behave() {
	local how=$1 pid clients=() shown=/dev/null
	case $how in
	unread) shown=$T/never-read ;;
	full) shown=/dev/full ;;
	esac
	client berth exec m -- yes
	client berth exec -t m -- yes
	client berth shell m
	client berth console --force m
	sleep 0.1
	for pid in "${clients[@]}"; do
		case $how in
		stopped) kill -STOP "$pid" ;;
		killed) kill -KILL "$pid" ;;
		keys) kill -TSTP "$pid" ;;
		hangup) kill -HUP "$pid" ;;
		esac 2>/dev/null || true
	done
	bad+=("${clients[@]}")
}

# at MOMENT HOW: clients behave badly at that moment of a machine's life.
at() {
	case $1 in
	started) berth start m ;;
	*) berth start --wait m ;;
	esac
	behave "$2"
	case $1 in
	paused) berth pause m || true ;;
	stopping) berth stop m & bad+=($!) ;;
	rebooting) berth exec -d m -- reboot -f || true ;;
	esac
}

case_any_client_at_any_moment() {
	local moment how bad cells=0
	berth kill m
	mkfifo "$T/never-read"
	exec 8<>"$T/never-read"
	for moment in started booted paused stopping rebooting; do
		for how in stopped killed keys hangup unread full; do
			bad=()
			at "$moment" "$how" 2>"$T/err"
			timeout 120 berth kill m 2>"$T/err" ||
				fault "kill did not end: clients $how, machine $moment: $(cat "$T/err")"
			# The last writer does not keep the pipe open.
			kill -KILL "${bad[@]}" 2>/dev/null || true
			wait "${bad[@]}" 2>/dev/null || true
			cells=$((cells + 4))
		done
	done
	exec 8>&-
	echo "# $cells cells (4 clients, 6 ways to behave badly, 5 moments), all ended in time"
	berth start --wait m
}

# An orderly stop does not wait for a command that ignores init's signal to end.
case_stubborn_command() {
	local client
	berth exec -t m -- sh -c 'trap "" TERM HUP INT; sleep 1005' </dev/null >"$T/client" 2>&1 &
	berth exec -d m -- sh -c 'trap "" TERM HUP INT; sleep 1005'
	berth exec m -- sh -c 'trap "" TERM HUP INT; sleep 1005' </dev/null >"$T/client2" 2>&1 &
	retry 20 runs "sleep 1005"
	timeout 120 berth stop m 2>"$T/err"
	same "by itself" "powered off" "$(field m ended)"
	wait
	timeout 120 berth start --wait m
}

case_shell() {
	same "a login shell" "in-shell" "$(echo 'echo in-shell' | berth shell m)"
}

case_shell_not_installed() {
	berth exec m -- sh -c 'echo "ann:x:1000:1000::/:/bin/zsh" >>/etc/passwd'
	same "another" "/bin/sh -sh" "$(berth shell -u ann m <<<'echo $SHELL $0' 2>"$T/err")"
	has "login shell of 'ann', '/bin/zsh'" "$(cat "$T/err")"
	# A shell that was named explicitly is not replaced.
	fails 127 "/bin/zsh" berth exec -u ann m /bin/zsh
}

case_stopped_machine() {
	berth stop --force m
	same code 125 "$(code_of berth exec m true)"
	has "not running|stopped" "$(cat "$T/err")"
	berth start --wait m
}

sleeps() {
	berth exec "$1" -- ps | grep -q '[s]leep 1234'
}

case_each() {
	berth launch --count 3 --wait bb m
	berth stop --force m-3
	same "what they say" "m-1: m-1 m-2: m-2" "$(berth each 'm-[12]' -- hostname | xargs)"
	fails 125 "machine 'm-3' is not running" berth each m-3 -- true
	local code=0
	berth each 'm-*' -- sh -c 'echo it >&2; exit 7' >"$T/out" 2>"$T/err" || code=$?
	same code 125 "$code"
	has '^m-1: it$' "$(cat "$T/err")"
	has 'the command failed in 3 of 3 machines; the greatest code is 125' "$(cat "$T/err")"
	berth each --jobs 1 --output "$T/kept" 'm-[12]' -- sh -c 'echo out; echo err >&2'
	same files "m-1 m-1.err m-2 m-2.err" "$(cd "$T/kept" && echo *)"
	same output "out err" "$(cat "$T/kept/m-1" "$T/kept/m-1.err" | xargs)"
	fails 1 "no machine matches 'x\*'" berth each 'x*' -- true
	# The commands end with the one that began them.
	berth each 'm-[12]' -- sleep 1234 &
	retry 10 sleeps m-1
	retry 10 sleeps m-2
	kill -KILL $!
	retry 10 not sleeps m-1
	retry 10 not sleeps m-2
	berth delete --force 'm-*'
}

run_cases "$@"
