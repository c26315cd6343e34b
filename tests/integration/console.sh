#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The console: a scroll-back that survives leaving, one writer, many readers, the window's size.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

at_terminal() {
	python3 "$top/tests/integration/terminal.py" "$@"
}

set_up() {
	busybox_template bb
	berth launch --wait bb m
	seq -f 'a line that was pasted, of which this is number %g' 4000 >"$T/pasted"
}

# shown WORD: the console shows the word to a client that attaches.
shown() {
	berth exec m -- sh -c "echo $1 >/dev/console"
	retry 10 last_line_is "$1"
}

# Text typed earlier is shown again to a client that comes back.
case_leave_and_come_back() {
	at_terminal 24x80 berth console m <<-'END'
		send \n
		expect #
		send echo first-$((20 + 1))\n
		expect first-21
		send \x1d
		expect-end 0
	END
	at_terminal 24x80 berth console m <<-'END'
		expect first-21
		send echo second-$((20 + 2))\n
		expect second-22
		send \x1d
		expect-end 0
	END
}

# Output that was written without a client is shown later.
case_written_meanwhile() {
	berth exec m -- sh -c 'echo meanwhile-$((1 + 1)) >/dev/console'
	at_terminal 24x80 berth console m <<-'END'
		expect meanwhile-2
		send \x1d
		expect-end 0
	END
}

case_size_is_followed() {
	at_terminal 30x100 berth console m <<-'END'
		send \n
		expect #
		send stty size\n
		expect 30 100
		resize 41x123
		send \n
		expect #
		send until stty size | grep -q "41 123"; do sleep 0.1; done; echo sized-$((1 + 1))\n
		expect sized-2
		send \x1d
		expect-end 0
	END
}

# first_template NAME LINE...: makes a template whose init is a script with these lines.
first_template() {
	local name=$1
	rm -rf "$T/first"
	busybox_root "$T/first"
	mkdir -p "$T/first/sbin"
	printf '%s\n' '#!/bin/sh' "${@:2}" >"$T/first/sbin/init"
	chmod +x "$T/first/sbin/init"
	tar -C "$T/first" -cf "$T/first.tar" .
	rm -rf "$T/first"
	berth template import "$T/first.tar" "$name"
}

case_from_the_first_line() {
	first_template first 'echo the-first-line' 'stty size' 'exec sleep 1000'
	at_terminal 33x99 berth launch --console first f <<-'END'
		expect the-first-line
		expect 33 99
		send \x1d
		expect-end 0
	END
	at_terminal 28x90 berth restart --force --console --escape ^A f <<-'END'
		expect 28 90
		send \x01
		expect-end 0
	END
	same state running "$(field f state)"
	fails 2 "exclude" berth start --console --wait f
	fails 2 "one machine" berth start --console f m
	fails 2 "for --console" berth start --escape ^A f
	berth delete --force f
	berth template delete first
}

# A console that asks for a login that root cannot pass: berth says so to a person, but not to a script, and not if a
# password is set.
case_root_without_password() {
	first_template locked 'echo booted' 'exec sleep 1000'
	berth launch locked l
	retry 30 berth exec l -- true
	berth exec l -- sh -c 'printf "root:!:1::::::\n" >/etc/shadow'
	at_terminal 24x200 berth console l <<-'END'
		expect root of machine 'l' has no password and cannot log in here
		expect berth shell l
		expect berth exec l passwd
		expect booted
		send \x1d
		expect-end 0
	END
	at_terminal 24x200 berth console --read-only l <<-'END'
		expect booted
		unseen password
		send \x1d
		expect-end 0
	END
	berth console l </dev/null >"$T/out" 2>&1
	[[ $(<"$T/out") != *password* ]]
	berth exec l -- sh -c 'printf "root:\$y\$some:1::::::\n" >/etc/shadow'
	at_terminal 24x200 berth console l <<-'END'
		expect booted
		unseen password
		send \x1d
		expect-end 0
	END
	berth delete --force l
	berth template delete locked
}

# guest-init gives a shell to each client.
case_console_that_is_a_shell() {
	berth exec m -- sh -c 'printf "root:!:1::::::\n" >/etc/shadow'
	at_terminal 24x200 berth console m <<-'END'
		send \n
		expect #
		unseen password
		send \x1d
		expect-end 0
	END
}

case_a_life_too_short() {
	first_template short 'echo last-words' 'exit 3'
	berth create short s
	at_terminal 24x80 berth start --console s <<-'END'
		expect last-words
		expect-end 0
	END
	berth delete --force s
	berth template delete short
}

case_another_key_to_leave() {
	shown second-22
	at_terminal 24x80 berth console --escape ^Q m <<-'END'
		expect leaves
		expect second-22
		send \x1d
		send echo third-$((20 + 3))\n
		expect third-23
		send \x11
		expect-end 0
	END
}

case_a_key_for_good() {
	fails 2 "console.escape cannot be '\^AA': use one key" berth set m console.escape=^AA
	fails 2 "--escape cannot be '': use one key" berth console --escape '' m
	silent "no note" berth set m console.escape=^T
	at_terminal 24x80 berth console m <<-'END'
		expect ^T leaves
		send \n
		expect #
		send \x1d\n
		send echo fourth-$((20 + 4))\n
		expect fourth-24
		send \x14
		expect-end 0
	END
	# The flag has precedence.
	at_terminal 24x80 berth console --escape ^Q m <<-'END'
		expect ^Q leaves
		send \n
		expect #
		send \x14\n
		send echo fifth-$((20 + 5))\n
		expect fifth-25
		send \x11
		expect-end 0
	END
	berth unset m console.escape
}

# A second client is told that there is a writer, may look, or may take over.
case_one_writer() {
	mkfifo "$T/script"
	at_terminal 24x80 berth console m <"$T/script" &
	local first=$!
	exec 7>"$T/script"
	printf 'send \\n\nexpect #\nsend echo mine-$((1 + 1))\\n\nexpect mine-2\n' >&7
	seen() {
		berth logs m | grep -q mine-2
	}
	retry 10 seen
	# The writer is named, with its terminal.
	at_terminal 24x80 berth console m <<-'END'
		expect of user 'root' at pts
		expect writes to this console; take it over by --force
		expect-end 1
	END
	at_terminal 24x80 berth console --read-only m <<-'END'
		expect mine-2
		send \x1d
		expect-end 0
	END
	# The first client still writes.
	printf 'send echo still-$((1 + 1))\\n\nexpect still-2\n' >&7
	at_terminal 24x80 berth console --force m <<-'END'
		expect still-2
		send echo taken-$((1 + 1))\n
		expect taken-2
		send \x1d
		expect-end 0
	END
	exec 7>&-
	wait "$first"
}

# Input from a pipe is either typed, or berth says that it was not.
case_a_pipe_beside_a_writer() {
	local typist
	mkfifo "$T/script3"
	at_terminal 24x80 berth console m <"$T/script3" &
	typist=$!
	exec 7>"$T/script3"
	printf 'send \\n\nexpect #\nsend echo held-$((1 + 1))\\n\nexpect held-2\n' >&7
	held() {
		berth logs m | grep -q held-2
	}
	retry 10 held
	printf 'echo lost >/lost\n' >"$T/words"
	typed() {
		timeout 120 berth console m <"$T/words" >/dev/null 2>"$T/err"
	}
	typed && fault "a pipe beside a writer ended with 0"
	has "writes to this console; take it over by --force" "$(cat "$T/err")"
	exec 7>&-
	wait "$typist" || true
	typed
	retry 10 berth exec m test -e /lost
	# A client that loses the console while it types is told so, or all its input was typed.
	berth exec m rm /lost
	(cat "$T/words"; sleep 1; cat "$T/words") | berth console m >/dev/null 2>"$T/err" &
	typist=$!
	retry 10 berth exec m test -e /lost
	echo | berth console --force m >/dev/null
	if wait "$typist"; then
		empty "what was said" "$T/err"
	else
		has "took over this console" "$(cat "$T/err")"
	fi
}

case_reader_of_a_pipe() {
	local reader
	shown piped-2
	rm -f "$T/out"
	berth console --read-only m </dev/null >"$T/out" &
	reader=$!
	retry 10 grep -q piped-2 "$T/out"
	kill "$reader"
	wait "$reader" || true
}

# A terminal that vanishes, and a client that is killed, have no effect on the machine.
case_hangup() {
	at_terminal 24x80 berth console m <<-'END'
		send \n
		expect #
		hangup
	END
	at_terminal 24x80 berth console m <<-'END'
		send echo alive-$((1 + 1))\n
		expect alive-2
		send \x1d
		expect-end 0
	END
}

# A client that does not read must not hold up the guest.
case_slow_reader() {
	mkfifo "$T/slow"
	sh -c 'exec sleep 1000 <"$0"' "$T/slow" &
	local sleeper=$!
	berth console --read-only m >"$T/slow" </dev/null &
	local reader=$!
	timeout 120 berth exec m -- sh -c 'seq 1 300000 >/dev/console; echo done' >"$T/out"
	same written "done" "$(cat "$T/out")"
	kill "$reader" "$sleeper"
	wait "$reader" "$sleeper" || true
	berth exec m true
}

last_line_is() {
	[[ $(berth logs m | tail -n 5) == *$1* ]]
}

# Log and ring stay within their sizes.
case_log_rotates() {
	berth exec m -- sh -c 'seq 1 600000 >/dev/console'
	local size
	size=$(cat "$BERTH_ROOT"/lib/machines/m/console.log* | wc -c)
	((size <= 3 * 1024 * 1024)) || fault "the logs hold $size bytes"
	[[ -e $BERTH_ROOT/lib/machines/m/console.log.1 ]]
	retry 20 last_line_is 600000
}

# private PROCESS: prints its private memory in KiB.
private() {
	awk '/^Private/ { sum += $2 } END { print sum }' "/proc/$1/smaps_rollup"
}

# A flood costs a bounded amount of memory and disk, and stops neither the machine nor its neighbour. FLOOD=1073741824
# for a gibibyte.
case_flood() {
	local before size pid
	pid=$(field m keeper)
	berth launch --wait bb neighbour
	before=$(private "$pid")
	berth exec m -- sh -c 'yes flooding | head -c "$0" >/dev/console; echo through' "${FLOOD:-33554432}" >"$T/through" &
	for ((i = 0; i < 20; i++)); do
		timeout 120 berth exec neighbour true
		timeout 120 berth exec m true
	done
	wait
	same "the flood" through "$(cat "$T/through")"
	echo "# private memory of the keeper: $before KiB before, $(private "$pid") after"
	(($(private "$pid") <= before + 256))
	size=$(cat "$BERTH_ROOT"/lib/machines/m/console.log* | wc -c)
	((size <= 3 * 1024 * 1024)) || fault "the logs hold $size bytes"
	# The bound also holds while the flood goes on.
	berth exec m -- sh -c 'yes flooding >/dev/console' &
	timeout 120 berth stop m
	wait || true
	berth start --wait m
	berth delete --force neighbour
}

# arrived FILE: the machine's /tmp/pasted has all of the file.
arrived() {
	berth exec m -- cat /tmp/pasted | cmp - "$1"
}

# No byte of a paste is lost, though the guest reads late, and for a while not at all.
case_paste() {
	at_terminal 24x80 berth console m <<-END
		send \\n
		expect #
		send stty -echo; echo now-\$((1 + 1)); sleep 2; cat >/tmp/pasted; stty echo; echo then-\$((1 + 1))\\n
		expect now-2
		paste $T/pasted
		send \\x04
		expect then-2
		send \\x1d
		expect-end 0
	END
	arrived "$T/pasted"
}

# Input of a client that has left before the guest read it is not lost either, nor mixed with that of the next client.
case_typed_and_left() {
	at_terminal 24x80 berth console m <<-'END'
		send \n
		expect #
		send stty -echo; echo now-$((1 + 1)); sleep 3; cat >/tmp/pasted; stty echo\n
		expect now-2
		send \x1d
		expect-end 0
	END
	head -n 1500 "$T/pasted" >"$T/first"
	timeout 120 berth console m <"$T/first" >"$T/shown"
	{
		tail -n +1501 "$T/pasted"
		printf '\004'
	} >"$T/second"
	timeout 120 berth console m <"$T/second" >"$T/shown"
	retry 30 arrived "$T/pasted"
}

# A guest that does not read its console holds up no client, neither one that leaves nor the next one.
case_typed_in_vain() {
	local client
	head -c 350000 /dev/zero | tr '\0' x >"$T/much"
	at_terminal 24x80 berth console m <<-END
		send \\n
		expect #
		send stty -echo -icanon; echo vain-\$((1 + 1)); sleep 1000\\n
		expect vain-2
		paste $T/much
		send \\x1d
		expect does not read its console
		expect-end 1
	END
	berth console m <"$T/much" >"$T/shown" 2>"$T/err" &
	client=$!
	kill -KILL "$client"
	wait "$client" || true
	at_terminal 24x80 berth console m <<-'END'
		expect leaves
		send \x1d
		expect-end 0
	END
	timeout 120 berth kill m
	berth start --wait m
	at_terminal 24x80 berth console m <<-'END'
		send \n
		expect #
		send echo anew-$((1 + 1))\n
		expect anew-2
		send \x1d
		expect-end 0
	END
}

# A client that was stopped while the machine halted is told of the halt, not of a killed keeper.
case_stopped_meanwhile() {
	local client code=0
	berth console --read-only m </dev/null >"$T/shown" 2>"$T/err" &
	client=$!
	berth exec m -- sh -c 'echo begun >/dev/console'
	retry 10 grep -q begun "$T/shown"
	kill -STOP "$client"
	berth exec m -- sh -c 'seq 1 100000 >/dev/console'
	timeout 120 berth kill m
	kill -CONT "$client"
	wait "$client" || code=$?
	same code 0 "$code"
	has "has ended meanwhile; what it showed last: berth logs m" "$(cat "$T/err")"
	berth start --wait m
}

# Signals reach the client even if its terminal takes no more output, as after CTRL-S.
case_unread() {
	mkfifo "$T/unread"
	sh -c 'exec sleep 1000 <"$0"' "$T/unread" &
	local sleeper=$! client
	berth console --read-only m >"$T/unread" </dev/null &
	client=$!
	berth exec m -- sh -c 'seq 1 100000 >/dev/console'
	retry 10 minds "$client" TERM
	kill -TERM "$client"
	wait "$client"
	kill "$sleeper"
	wait "$sleeper" || true
}

case_output_lost() {
	fails 1 "standard output: No space left" sh -c 'exec berth console -r m >/dev/full'
}

# The console ends when the guest ends.
case_end_of_the_guest() {
	mkfifo "$T/script2"
	at_terminal 24x80 berth console m <"$T/script2" &
	local console=$!
	exec 7>"$T/script2"
	printf 'expect #\nsend \\necho last-$((1 + 1))\\n\nexpect last-2\n' >&7
	seen() {
		berth logs m | grep -q last-2
	}
	retry 10 seen
	berth stop m
	printf 'expect-end 0\n' >&7
	exec 7>&-
	wait "$console"
	berth start --wait m
}

run_cases "$@"
