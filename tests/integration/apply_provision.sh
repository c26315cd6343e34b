#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Files of apply set their new machines up: once, with all that is wrong told before, and on after a kill.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/apply.sh
. "$top/tests/apply.sh"

key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8Hk1k7o2hYFhBIlOhPZ4hBzQmX1Ow0hJb2o8yWqz9P somebody@somewhere"
web=('name = shop' '[machine web]' 'template = bb')

set_up() {
	busybox_template bb
	mkdir -p "$T/in/tree dir"
	echo content >"$T/in/tree dir/file"
	echo zone >"$T/in/zone"
	echo "$key" >"$T/in/key.pub"
	printf '#!/bin/sh\necho "said on $(hostname)"\necho one >>/order\n' >"$T/in/one"
	printf '#!/bin/sh\necho two >>/order\n' >"$T/in/two"
	printf '#!/bin/sh\necho failing >>/order\nexit 7\n' >"$T/in/fail"
	cp "$T/in/one" "$T/in/two" "$T/in/fail" "$T/"
}

order() {
	berth exec "$1" -- cat /order | paste -sd ' '
}

mark() {
	berth get "$1" label.provisioned
}

# Paths are those beside the file, whatever the folder of the command is.
case_all_keys() {
	describe "${web[@]}" 'count = 2' "provision.file = 'tree dir:/srv/tree' zone:/usr/share/zoneinfo/Test/Zone:7:640" \
		'provision.user = bob ann:1234' 'provision.ssh_key = key.pub' 'provision.timezone = Test/Zone' \
		'provision.locale = C.UTF-8' 'provision.run = one two'
	(cd / && does -- "create machine 'web-1' of template 'bb'" "create machine 'web-2' of template 'bb'" \
		"start machine 'web-1'" "start machine 'web-2'" "said on web-1" "set up machine 'web-1'" \
		"said on web-2" "set up machine 'web-2'")
	same "a folder" content "$(berth exec web-2 -- cat /srv/tree/file)"
	same "owner and mode" "7 640" "$(berth exec web-1 -- stat -c '%u %a' /usr/share/zoneinfo/Test/Zone)"
	same users "1234 bob" "$(berth exec web-1 -- sh -c 'echo $(id -u ann) $(id -un bob)')"
	same "keys, of the last user" "$key" "$(berth exec web-1 -- cat /home/ann/.ssh/authorized_keys)"
	same "time zone" zone "$(berth exec web-1 -- cat /etc/localtime)"
	same locale "LANG=C.UTF-8" "$(berth exec web-1 -- cat /etc/locale.conf)"
	same scripts "one two" "$(order web-2)"
	does -- "nothing to do"
	empty notes "$T/notes"
	# One more is set up, and the others are not touched. Their files are not needed any more.
	sed -i 's/count = 2/count = 3/' "$T/in/shop.apply"
	does -- "create machine 'web-3' of template 'bb'" "start machine 'web-3'" "said on web-3" "set up machine 'web-3'"
	same scripts "one two" "$(order web-1)"
	mv "$T/in/one" "$T/in/moved"
	does --diff -- "nothing to do"
	mv "$T/in/moved" "$T/in/one"
	gone web-1 web-2 web-3
}

# The output of scripts is no part of the JSON.
case_json() {
	describe "${web[@]}" 'provision.run = one'
	berth apply --json "$T/in/shop.apply" >"$T/json" 2>"$T/err"
	same actions "create start set up" "$(jq -r '.[].action' "$T/json" | paste -sd ' ')"
	has "said on web" "$(cat "$T/err")"
	gone web
}

# All faults of all machines are told at once, with their lines, and nothing is made.
case_refused() {
	local web=('name = shop' '[machine web]' 'template = bb') db=('[machine db]' 'template = bb')
	: >"$T/in/empty"
	echo "-----BEGIN OPENSSH PRIVATE KEY-----" >"$T/in/private"
	printf '#cloud-config\nusers: [\n' >"$T/in/broken"
	refused ":4: read '[^']*/in/not-there' of provision.run: No such file.*; [^;]*:7: provision.user cannot be 'Ann'" \
		"${web[@]}" 'provision.run = one not-there' "${db[@]}" 'provision.user = Ann'
	refused ":4: provision.file: read '.*/in/nothing': No such file.*; [^;]*:5: '.*/private' of provision.ssh_key has no public key" \
		"${web[@]}" 'provision.file = nothing:/x' 'provision.ssh_key = key.pub private'
	refused ":4: provision.file: .* absolute DST" "${web[@]}" 'provision.file = zone:x'
	refused ":4: provision.file: .* octal digits" "${web[@]}" 'provision.file = zone:/x:0:9'
	refused ":4: '.*/empty' of provision.ssh_key is empty" "${web[@]}" 'provision.ssh_key = empty'
	refused ":4: '.*/key.pub' of provision.password_hash is no line of a hash" "${web[@]}" 'provision.password_hash = key.pub'
	refused ":4: provision.timezone cannot be '../../etc/passwd'" "${web[@]}" 'provision.timezone = ../../etc/passwd'
	refused ":4: provision.locale cannot be 'a b'" "${web[@]}" 'provision.locale = a b'
	refused ":4: '.*/broken' of provision.cloud_init is no YAML: line" "${web[@]}" 'provision.cloud_init = broken'
	refused ":4: .*provision.run.* quote" "${web[@]}" 'provision.run = "one'
	refused ":4: label.provisioned is made by berth" "${web[@]}" 'label.provisioned = yes'
}

# A machine whose files cannot be copied is not made.
case_file_that_fails() {
	describe "${web[@]}" 'provision.file = zone:/x:nobody-of-it'
	fails 1 "nobody-of-it.*0 of 2 actions were done" berth apply "$T/in/shop.apply"
	fails 1 "'web'" berth info web
	printf '#cloud-config\n{}\n' >"$T/in/user-data"
	describe "${web[@]}" 'provision.cloud_init = user-data'
	fails 1 "machine 'web' has no cloud-init" berth apply "$T/in/shop.apply"
	fails 1 "'web'" berth info web
}

# unready SENTENCE [--diff] -- LINE...: the command does this, and fails with that sentence.
unready() {
	local sentence=$1 options=()
	shift
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	fails 1 "$sentence" berth apply "${options[@]}" "$T/in/shop.apply"
	same "what apply does" "$(printf '%s\n' "$@")" "$(cat "$T/out")"
}

# The machine stays as it is, the next command says so, does the rest, and fails.
case_script_that_fails() {
	describe "${web[@]}" 'provision.run = one fail two' '[machine late]' 'template = bb' 'boot.after = web' \
		'provision.run = two'
	fails 1 "machine 'web' runs, but '.*/in/fail' exited with 7 in it.*, and not: start machine 'late', set up machine 'late'; the same command does these" \
		berth apply "$T/in/shop.apply"
	state_is web running
	unready "machine 'web' was not set up to the end" -- "start machine 'late'" "set up machine 'late'"
	unready "machine 'web' was not set up to the end" -- "nothing to do"
	berth set late label.provisioned=begun
	unready "machines 'web', 'late' were not set up to the end; .* reset or delete them" -- "nothing to do"
	berth set late label.provisioned=yes
	same scripts "one failing" "$(order web)"
	same "scripts of the other" two "$(order late)"
	unready "machine 'web' was not set up to the end; look inside: berth shell web;" --diff -- "nothing to do"
	# It is kept, or set up anew.
	berth set web label.provisioned=yes
	does -- "nothing to do"
	empty notes "$T/notes"
	cp "$T/two" "$T/in/fail"
	berth stop web
	berth reset web
	does -- "start machine 'web'" "said on web" "set up machine 'web'"
	same "scripts after the reset" "one two two" "$(order web)"
	cp "$T/fail" "$T/in/fail"
	gone web late
}

# The keys are for new machines: a change is told, and changes nothing.
case_changed() {
	describe "${web[@]}" '[machine bare]' 'template = bb'
	berth apply "$T/in/shop.apply"
	describe "${web[@]}" 'provision.user = ann' '[machine bare]' 'template = bb'
	does -- "nothing to do"
	has "machine 'web' is there already, and provision.user is only for new machines; delete it" "$(cat "$T/notes")"
	berth delete --force web
	does -- "create machine 'web' of template 'bb'" "start machine 'web'" "set up machine 'web'"
	empty notes "$T/notes"
	describe "${web[@]}" 'provision.user = bob' 'provision.run = one' '[machine bare]' 'template = bb'
	does --diff -- "nothing to do"
	has "provision.run, provision.user is only for new machines; reset or delete it" "$(cat "$T/notes")"
	does -- "nothing to do"
	same ann ann "$(berth exec web -- id -un ann)"
	fails 1 "bob" berth exec web -- id bob
	berth reset web
	does -- "said on web" "set up machine 'web'"
	same bob bob "$(berth exec web -- id -un bob)"
	does -- "nothing to do"
	empty notes "$T/notes"
	# A reset to a snapshot has what the snapshot had.
	berth snapshot web kept
	berth reset --to kept web
	does -- "nothing to do"
	gone web bare
}

# A machine that is to be stopped runs for its steps, and only then.
case_stopped() {
	describe "${web[@]}" 'state = stopped' 'provision.file = zone:/etc/zone' 'provision.run = one'
	does -- "create machine 'web' of template 'bb'" "said on web" "set up machine 'web'"
	state_is web stopped
	does -- "nothing to do"
	describe "${web[@]}" 'state = stopped' 'provision.file = zone:/etc/zone' 'provision.run = one' \
		'[machine files]' 'template = bb' 'state = stopped' 'provision.file = zone:/etc/zone'
	does -- "create machine 'files' of template 'bb'"
	berth pull files:/etc/zone "$T/pulled"
	same file zone "$(cat "$T/pulled")"
	does -- "nothing to do"
	gone web files
}

copies_files() {
	[[ $(mark web 2>/dev/null) == copying ]]
}

# A kill leaves a machine that the next command sets up from where it is; steps that had begun are not repeated.
case_kill() {
	mkdir "$T/in/many"
	(cd "$T/in/many" && seq 1 20000 | xargs touch)
	describe "${web[@]}" 'provision.file = many:/srv/many key.pub:/srv/last' 'provision.run = wait'
	printf '#!/bin/sh\necho begun >>/order\nuntil [ -e /go ]; do sleep 1; done\n' >"$T/in/wait"
	# On a busy host the files may all be there before the kill.
	for _ in {1..10}; do
		gone web
		berth apply "$T/in/shop.apply" >"$T/out" 2>&1 &
		until copies_files; do kill -0 $! || fault "$(cat "$T/out")"; done
		kill -KILL $!
		wait $! || true
		[[ $(mark web) != copying ]] || break
	done
	same "the mark, when files were copied" copying "$(mark web)"
	berth apply "$T/in/shop.apply" >"$T/out" 2>&1 &
	retry 120 berth exec web -- grep begun /order
	kill -KILL $!
	wait $! || true
	berth exec web -- touch /go
	same "files" "20000 $key" "$(berth exec web -- sh -c 'echo $(ls /srv/many | wc -l) $(cat /srv/last)')"
	unready "machine 'web' was not set up to the end" -- "nothing to do"
	same "steps, once" begun "$(order web)"
	# The label of a kill before the steps.
	berth set web label.provisioned=files
	does -- "set up machine 'web'"
	same "steps" "begun begun" "$(order web)"
	# The label of a kill in a copy, in a machine that was used since.
	berth set web label.provisioned=copying
	unready "machine 'web' was not set up to the end" -- "nothing to do"
	gone web
}

run_cases "$@"
