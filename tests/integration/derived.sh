#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Templates that are derived from others by the steps of a file: what they get, what the cache spares, and that a
# failure, an interruption or a kill leaves nothing.
needs_debian="bookworm"
needs_faults="case_killed_at_points"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

rounds=${ROUNDS:-10}

set_up() {
	busybox_template bb
	mkdir -p "$T/in/site/sub"
	echo page >"$T/in/site/sub/page"
	printf '#!/bin/sh\necho "script by $(whoami) in $PWD: $GREETING" >/from-script\n' >"$T/in/setup.sh"
	# shellcheck disable=SC1003,SC2016 # for the machine's shell
	steps "$T/in/web.template" 'from = bb' 'description = our pages' 'default.limits.pids = 200' \
		'default.label.role = web' '' '# the pages' 'copy = site:/srv/site:7:640' 'env = GREETING="hello you" OTHER=x' \
		'script = setup.sh' 'cwd = /srv/site' 'user = 7' 'run = <<END' \
		'echo "$GREETING $(id -u) $PWD" >a' 'mv a said' 'END' \
		'user =' 'cwd =' 'run = cp /srv/site/said \' '  /run-said'
}

# Else nothing could be left at the end.
tear_down() {
	berth template prune
}

# steps FILE LINE...
steps() {
	printf '%s\n' "${@:2}" >"$1"
}

# build WORDS...: in $T/out, what it says.
build() {
	berth template build "$@" >"$T/out" 2>&1 || fault "$(cat "$T/out")"
	[[ -z ${SHOW:-} ]] || cat "$T/out" >&2
}

# ran COUNT CACHED: of the last build.
ran() {
	same "steps that were done" "$1" "$(grep -Ec '^berth: step .*: [0-9.]+ s$' "$T/out")"
	same "steps of the cache" "$2" "$(grep -Ec '^berth: step .*: cached$' "$T/out")"
}

# nothing_of_a_build: no machine, no half template.
nothing_of_a_build() {
	berth delete nothing >/dev/null 2>&1 || true
	lacks build- "machines: $(berth list)" &&
		[[ -z $(find "$BERTH_ROOT/lib" -name 'incoming.*' -o -path '*/.unfinished/*' -o -path '*/.owned/*') ]]
}

as_built() {
	local machine=$1
	same "a folder" "page 7 640" "$(berth exec "$machine" -- cat /srv/site/sub/page) $(berth exec "$machine" -- stat -c '%u %a' /srv/site/sub/page)"
	same "a script" "script by root in /: hello you" "$(berth exec "$machine" -- cat /from-script)"
	same "a text of lines" "hello you 7 /srv/site" "$(berth exec "$machine" -- cat /run-said)"
}

case_built() {
	build "$T/in/web.template"
	ran 4 0
	has "template 'web' was made from 'bb' in 4 steps, 0 of them cached" "$(cat "$T/out")"
	berth template info web >"$T/info"
	grep -q '^description: *our pages$' "$T/info"
	grep -q '^origin: *file web.template, from bb$' "$T/info"
	grep -q 'limits.pids = 200' "$T/info"
	nothing_of_a_build
	berth launch --wait web m
	as_built m
	same processes 200 "$(berth get m limits.pids)"
	same restart no "$(berth get m restart)"
	same ephemeral no "$(berth get m ephemeral)"
	# A user of the steps holds only for the build.
	gone m
	fails 1 "template 'web' is there already; replace it with --replace" berth template build "$T/in/web.template"
	berth template delete web
}

# The cache knows texts, users, environments and the contents and modes of files.
case_cache() {
	local first
	berth template prune
	build "$T/in/web.template"
	ran 4 0
	first=$(berth template info --json web | jq -r .uuid)
	build --replace "$T/in/web.template"
	ran 0 4
	[[ $first != "$(berth template info --json web | jq -r .uuid)" ]] || fault "it is the old template"
	build "$T/in/web.template" other
	ran 0 4
	berth launch --wait other m
	as_built m
	gone m
	sed -i 's|/run-said|/run-says|' "$T/in/web.template"
	build --replace "$T/in/web.template"
	ran 1 3
	sed -i 's|/run-says|/run-said|' "$T/in/web.template"
	build --replace "$T/in/web.template"
	ran 0 4
	echo "# a comment" >>"$T/in/setup.sh"
	build --replace "$T/in/web.template"
	ran 3 1
	chmod 600 "$T/in/site/sub/page"
	build --replace "$T/in/web.template"
	ran 4 0
	sed -i 's|hello you|hello all|' "$T/in/web.template"
	build --replace "$T/in/web.template"
	ran 3 1
	sed -i 's|hello all|hello you|' "$T/in/web.template"
	build --replace --no-cache "$T/in/web.template"
	ran 4 0
	# The steps are no templates to work with, but can be seen and removed.
	lacks cached- "$(berth template list)"
	has "cached-.* step 4 of 4 \(web.template:[0-9]+\), run cp" "$(berth template list --cache)"
	[[ $(berth template list --cache --json | jq length) -ge 8 ]]
	lacks cached- "all: $(berth _complete launch '')"
	has "[0-9]+ kept steps of builds removed" "$(berth template prune 2>&1)"
	has "no steps are kept" "$(berth template list --cache 2>&1)"
	build --replace "$T/in/web.template"
	ran 4 0
	berth template delete web other
}

# A step of the cache that is lost is done again.
case_cache_lost() {
	local key
	build --replace "$T/in/web.template"
	key=$(berth template list --cache --json | jq -r '.[] | select(.description | test("step 4 of 4")).name')
	berth template delete "$key"
	build --replace "$T/in/web.template"
	ran 1 3
	# Only what was not used for a month goes by itself.
	key=$(berth template list --cache --json | jq -r '.[] | select(.description | test("step 1 of 4")).name')
	touch -d '40 days ago' "$BERTH_ROOT/lib/templates/$key/template.conf"
	build --replace "$T/in/web.template"
	ran 0 4
	lacks "$key" "$(berth template list --cache)"
	berth template delete web
}

case_failing() {
	steps "$T/in/bad.template" 'from = bb' 'run = touch /one' 'run = echo the last words; false; touch /two'
	local status=0
	berth template build "$T/in/bad.template" >"$T/out" 2>&1 || status=$?
	same code 1 "$status"
	has '\| the last words' "$(cat "$T/out")"
	has "step 2 of 2 \(bad.template:3\), run echo .* exited with 1, and no template was made" "$(cat "$T/out")"
	nothing_of_a_build
	fails 1 "no template 'bad'" berth template info bad
	steps "$T/in/bad.template" 'from = bb' 'run = exit 7'
	fails 7 "exited with 7" berth template build "$T/in/bad.template"
	steps "$T/in/bad.template" 'from = bb' 'user = nobody-of-it' 'run = true'
	fails 1 "step 1 of 1 .*nobody-of-it" berth template build "$T/in/bad.template"
	# What ends with the machine is in no template.
	steps "$T/in/bad.template" 'from = bb' 'copy = site:/run/site'
	fails 1 "'/run/site' is on a file system of the running machine that is no part of its root" berth template build "$T/in/bad.template"
	steps "$T/in/bad.template" 'from = bb' 'packages = nginx'
	berth template build "$T/in/bad.template" >"$T/out" 2>&1 && fault "it has no packages"
	has "has none of apt-get, dnf" "$(cat "$T/out")"
	nothing_of_a_build
	# With -v its output is shown at once, and not again.
	steps "$T/in/bad.template" 'from = bb' 'run = echo words; echo errors >&2'
	build -v "$T/in/bad.template"
	same "lines" "words errors" "$(grep -E '^(words|errors)$' "$T/out" | xargs)"
	berth template delete bad
}

case_kept() {
	local machine
	steps "$T/in/bad.template" 'from = bb' 'run = echo inside >/file' 'run = false'
	berth template build --keep "$T/in/bad.template" >"$T/out" 2>&1 && fault "it did not fail"
	machine=$(sed -n "s/.*machine '\(build-bad-[a-z0-9]*\)' is kept.*/\1/p" "$T/out")
	has "berth shell $machine; delete it: berth delete --force $machine" "$(cat "$T/out")"
	same file inside "$(berth exec "$machine" -- cat /file)"
	# It is an ordinary machine now, which no other command deletes.
	berth delete nothing >/dev/null 2>&1 || true
	berth stop "$machine"
	state_is "$machine" stopped
	berth delete "$machine"
	nothing_of_a_build
}

case_hanging() {
	steps "$T/in/hang.template" 'from = bb' "run = trap '' TERM INT; echo begun; while :; do sleep 1; done"
	fails 1 "step 1 of 1 .* was given up after 1 s, and no template was made; --timeout" \
		berth template build --timeout 1s "$T/in/hang.template"
	nothing_of_a_build
}

# wait_for FILE PATTERN
wait_for() {
	retry 30 grep -q "$2" "$1"
}

# What ctrl-C and a terminal that closes send, at each step and between them.
case_interrupted() {
	local signal pid status
	steps "$T/in/hang.template" 'from = bb' 'run = echo first' "run = echo begun; sleep 1000"
	for signal in INT TERM HUP; do
		# The words of the build before are not taken for those of this one.
		: >"$T/out"
		# A background job of a script ignores SIGINT.
		env --default-signal=INT berth template build -v "$T/in/hang.template" >"$T/out" 2>&1 &
		pid=$!
		wait_for "$T/out" begun
		kill -"$signal" "$pid"
		status=0
		wait "$pid" || status=$?
		same "code of $signal" $((128 + $(kill -l "$signal"))) "$status"
		has "was interrupted, and no template was made" "$(cat "$T/out")"
		nothing_of_a_build
	done
	for ((n = 0; n < rounds; n++)); do
		env --default-signal=INT berth template build --replace --no-cache "$T/in/web.template" >"$T/out" 2>&1 &
		pid=$!
		sleep "0.$(printf %02d $((RANDOM % 100)))"
		kill -INT "$pid" 2>/dev/null || true
		wait "$pid" || true
		nothing_of_a_build || fault "after an interrupt: $(cat "$T/out")"
	done
	build --replace "$T/in/web.template"
	berth template delete web
}

# A file with a fault, and a command that cannot succeed, make nothing.
case_refused() {
	local file=$T/in/x.template before
	before=$(find "$BERTH_ROOT/lib" | sort)
	refused "$file:1: unknown key 'form'; did you mean 'from'" 'form = bb'
	refused "names no template to begin with; write 'from = TEMPLATE'" 'run = true'
	refused "$file:1: there is no template 'bbb'; did you mean 'bb'" 'from = bbb'
	refused "$file:2: 'from' is in line 1 already" 'from = bb' 'from = bb'
	refused "$file:2: 'run' has no value; write 'run = value'" 'from = bb' 'run ='
	refused "$file:2: 'run' has no value" 'from = bb' 'run'
	refused "$file:2: there is no line 'END' that ends the text of <<END" 'from = bb' 'run = <<END' 'true'
	# shellcheck disable=SC1003 # a backslash
	refused "$file:2: the last line of the file ends with a backslash" 'from = bb' 'run = true \'
	refused "$file:2: a file of steps has no sections" 'from = bb' '[step one]'
	refused "$file:2: read '$T/in/nothing': No such file" 'from = bb' 'copy = nothing:/x'
	refused "$file:2: 'site:x' is not SRC:DST.* with an absolute DST" 'from = bb' 'copy = site:x'
	refused "$file:2: 'site:/x:0:9' has a mode that is not octal" 'from = bb' 'copy = site:/x:0:9'
	refused "$file:2: read '$T/in/nothing': No such file" 'from = bb' 'script = nothing'
	refused "$file:2: .*unknown key 'default.limits.memry'; did you mean 'default.limits.memory'" 'from = bb' 'default.limits.memry = 1G'
	refused "$file:2: .*network.address belongs to one machine" 'from = bb' 'default.network.address = 10.0.0.1'
	refused "$file:2: unknown key 'limits.memory'; did you mean 'default.limits.memory'" 'from = bb' 'limits.memory = 1G'
	refused "$file:2: .*'=x' is not NAME=value" 'from = bb' 'env = =x'
	refused "$file:2: .*not" 'from = bb' 'size = big'
	steps "$file" 'from = bb' 'run = true'
	fails 2 "name 'X' " berth template build "$file" X
	fails 1 "template 'bb' is there already; replace it with --replace" berth template build "$file" bb
	fails 2 "--release is for a recipe; a file has keys instead" berth template build --release sid "$file"
	fails 2 "--keep is for a file of steps" berth template build --keep busybox
	fails 2 "--timeout cannot be 'soon'" berth template build --timeout soon "$file"
	fails 1 "read '$T/in/none.template': No such file" berth template build "$T/in/none.template"
	fails 1 "there is no pool 'nowhere'" berth template build --pool nowhere "$file"
	fails 1 "nowhere" berth template build --network nowhere "$file"
	berth pool create other --driver dir
	fails 1 "template 'bb' is in pool '.*', and is replaced only there; leave out --pool" \
		berth template build --replace --pool other "$file" bb
	berth pool delete other
	mv "$file" "$T/in/A b.template"
	fails 2 "A b.template: name 'A b' " berth template build "$T/in/A b.template"
	nothing_of_a_build
	same files "$(grep -v '/locks/\|/networks' <<<"$before")" "$(find "$BERTH_ROOT/lib" | sort | grep -v '/locks/\|/networks')"
}

# refused PATTERN LINE...
refused() {
	steps "$T/in/x.template" "${@:2}"
	fails 1 "$1" berth template build "$T/in/x.template"
}

both_end() {
	wait "$1" || fault "$(cat "$T/out.1")" || return
	wait "$2" || fault "$(cat "$T/out.2")"
}

# Two builds of one file: the second waits, and finds the steps of the first, which stands still until then.
case_at_once() {
	local one two
	berth template prune
	: >"$T/out.1"
	: >"$T/out.2"
	berth template build --replace "$T/in/web.template" >"$T/out.1" 2>&1 &
	one=$!
	wait_for "$T/out.1" "step 1"
	kill -STOP "$one"
	berth template build --replace "$T/in/web.template" >"$T/out.2" 2>&1 &
	two=$!
	wait_for "$T/out.2" waiting
	kill -CONT "$one"
	both_end "$one" "$two"
	same "steps that were done" 4 "$(cat "$T"/out.? | grep -Ec ': [0-9.]+ s$')"
	same "waits" 1 "$(cat "$T"/out.? | grep -c "another command builds template 'web'; waiting")"
	# Of two names both work.
	berth template prune
	berth template build "$T/in/web.template" one >"$T/out.1" 2>&1 &
	one=$!
	berth template build "$T/in/web.template" two >"$T/out.2" 2>&1 &
	two=$!
	both_end "$one" "$two"
	berth template delete web one two
	nothing_of_a_build
}

# usable TEMPLATE: a machine of it runs.
usable() {
	berth run "$1" -- true || fault "template '$1' cannot be used"
}

# A kill at any moment: the template is the old one, the new one or not there, and the next command clears the rest.
case_killed() {
	local pid n began took options
	build --replace --no-cache "$T/in/web.template"
	began=${EPOCHREALTIME/./}
	build --replace --no-cache "$T/in/web.template"
	took=$(((${EPOCHREALTIME/./} - began) / 1000))
	for ((n = 0; n < rounds; n++)); do
		options=()
		((n % 2 == 0)) || options=(--no-cache)
		berth template build --replace "${options[@]}" "$T/in/web.template" >"$T/out" 2>&1 &
		pid=$!
		sleep "$(printf '%d.%03d' $((took * n / rounds / 1000)) $((took * n / rounds % 1000)))"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
		usable web
		retry 10 nothing_of_a_build
	done
	build --replace "$T/in/web.template"
	berth launch --wait web m
	as_built m
	gone m
	berth template delete web
}

# At the points that the programs name.
case_killed_at_points() {
	local point
	build --replace "$T/in/web.template"
	for point in created started stepped:1 stepped:4 stored:1 stored:4 stopped published; do
		point=derive-$point
		berth template prune
		BERTH_FAULT=$([[ $point == *:* ]] && echo "$point" || echo "$point:1") \
			berth template build --replace "$T/in/web.template" >"$T/out" 2>&1 && fault "$point was not passed"
		usable web
		retry 10 nothing_of_a_build || fault "after $point"
	done
	for point in template-exchange template-exchanged; do
		BERTH_FAULT=$point:1 berth template build --replace "$T/in/web.template" >"$T/out" 2>&1 && fault "$point was not passed"
		usable web
		retry 10 berth template prune
		build --replace "$T/in/web.template"
		nothing_of_a_build || fault "after $point"
	done
	berth template delete web
}

# The program of an image is not run while steps are done, and machines of the new template run it.
case_program() {
	busybox_template program
	berth template set program default.app.command=/bin/false default.restart=always default.label.a=b
	steps "$T/in/more.template" 'from = program' 'default.label.a = c' 'run = touch /more'
	build "$T/in/more.template"
	same program /bin/false "$(berth template get more default.app.command)"
	same "a default" always "$(berth template get more default.restart)"
	same "another" c "$(berth template get more default.label.a)"
	# The root has no such init: it is refused before a step is done.
	steps "$T/in/none.template" 'from = bb' 'init = /sbin/none' 'run = true'
	fails 1 "/sbin/none" berth template build "$T/in/none.template"
	nothing_of_a_build
	berth template delete more program
}

# A package of our own, in a repository that is a folder of the machine: apt needs no network.
case_debian() {
	local package=$T/in/repository/package
	debian_template bookworm
	mkdir -p "$package/DEBIAN" "$package/usr/share/berth-hello"
	echo hello >"$package/usr/share/berth-hello/text"
	printf '%s\n' 'Package: berth-hello' 'Version: 1.0' 'Architecture: all' 'Maintainer: nobody <nobody@example.org>' \
		'Description: a text' >"$package/DEBIAN/control"
	dpkg-deb --root-owner-group --build "$package" "$T/in/repository/berth-hello_1.0_all.deb"
	rm -rf "$package"
	(cd "$T/in/repository" && apt-ftparchive packages . >Packages)
	steps "$T/in/hello.template" 'from = bookworm' 'name = hello' \
		'copy = repository:/srv/repository' \
		"run = echo 'deb [trusted=yes] file:/srv/repository ./' >/etc/apt/sources.list" \
		'packages = berth-hello' 'run = systemctl is-system-running --wait || true'
	build "$T/in/hello.template"
	ran 4 0
	berth launch --wait hello m
	same text hello "$(berth exec m -- cat /usr/share/berth-hello/text)"
	silent "lists of packages" berth exec m -- sh -c 'ls /var/lib/apt/lists'
	same "host name" m "$(berth exec m -- hostname)"
	sed -i 's/^run = systemctl.*/run = true/' "$T/in/hello.template"
	build --replace "$T/in/hello.template"
	ran 1 3
	sed -i 's/berth-hello$/berth-hullo/' "$T/in/hello.template"
	berth template build --replace "$T/in/hello.template" >"$T/out" 2>&1 && fault "there is no such package"
	has "Unable to locate package berth-hullo" "$(cat "$T/out")"
	has "step 3 of 4 \(hello.template:5\), packages berth-hullo exited with 100" "$(cat "$T/out")"
	gone m
	berth template delete hello bookworm
}

# Managers of packages that are not here: the words that they get.
case_managers() {
	local name
	for name in dnf zypper pacman apk xbps-install; do
		mkdir -p "$T/in/bin"
		# shellcheck disable=SC2016 # for the machine's shell
		printf '#!/bin/sh\necho "$0 $*" >>/said\n' >"$T/in/bin/$name"
		chmod 755 "$T/in/bin/$name"
		steps "$T/in/manager.template" 'from = bb' "copy = bin/$name:/usr/bin/$name" 'packages = one "two 2"'
		build --replace --no-cache "$T/in/manager.template"
		has "$name .*one two 2" "$(berth run manager -- cat /said)"
	done
	berth template delete manager
}

run_cases "$@"
