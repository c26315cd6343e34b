#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Files of machines by the API: read, listed and written, on a running and on a stopped machine, over berth-api.
# shellcheck disable=SC2086,SC2154 # names of users and machines are one word; status is of tests/gateway.sh
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/gateway.sh
. "$top/tests/gateway.sh"
router=$BUILD_TREE/berth
octets='Content-Type: application/octet-stream'

set_up() {
	[[ -x $BERTH_LIBEXEC/berth-api ]] || skip "the build has no libmicrohttpd"
	chmod 0711 "$T"
	busybox_template bb
	berth launch --wait bb web
	berth create bb down
	begin_gateway --idle 0
}

tear_down() {
	end_gateway
	gone web down
}

files() {
	get "/1.0/machines/$1/files?$2" "${@:3}"
}

# put MACHINE QUERY [OPTION of curl...]: standard input.
put() {
	files "$1" "$2" -X PUT -H "$octets" --data-binary @- "${@:3}"
}

field() {
	tr -d '\r' <"$T/head" | sed -n "s/^$1: //p"
}

# refused STATUS PATTERN
refused() {
	same "status: $(head -c 300 "$T/body")" "$1" "$status"
	has "$2" "$(jq -r .error "$T/body")"
}

case_read() {
	local machine
	head -c 3000000 /dev/urandom >"$T/data"
	for machine in web down; do
		berth push --mode 640 --owner 12:34 "$T/data" "$machine:/root/data"
		files $machine path=/root/data
		same status 200 "$status"
		cmp "$T/data" "$T/body"
		same "its head" "application/octet-stream 3000000 file 0640 12 34" \
			"$(field Content-Type) $(field Content-Length) $(field X-Berth-Type) $(field X-Berth-Mode) $(field X-Berth-Uid) $(field X-Berth-Gid)"
		same "its time" "$(stat -c %Y "$T/data")" "$(field X-Berth-Modified)"
		same "its name" "attachment; filename*=UTF-8''data" "$(field Content-Disposition)"
		has '^X-Content-Type-Options: nosniff' "$(cat "$T/head")"
		: >"$T/nothing"
		berth push "$T/nothing" "$machine:/root/nothing"
		files $machine path=/root/nothing
		same "an empty one" "200 0" "$status $(wc -c <"$T/body")"
	done
	# The kernel makes it up: it tells no size.
	files web path=/proc/1/comm
	same "of /proc" "200 $(berth exec web -- cat /proc/1/comm)" "$status $(cat "$T/body")"
	not grep -q "^Content-Length" "$T/head"
	# From the command line it is the file alone.
	berth api GET '/1.0/machines/web/files?path=/root/data' | cmp - "$T/data"
	berth snapshot take web s1
	echo later | berth push - web:/root/data
	files web 'path=/root/data&snapshot=s1'
	cmp "$T/data" "$T/body"
	files web 'path=/root/data&snapshot=none'
	refused 404 "has no snapshot 'none'"
	berth snapshot delete web s1
}

# A name of the guest's choice goes into no header as it is.
case_names() {
	local name='a"b;c <d>ü.html'
	mkdir "$T/named"
	echo x >"$T/named/$name"
	berth push "$T/named" web:/root
	files web "path=/root/named/a%22b%3Bc%20%3Cd%3E%C3%BC.html"
	same "its name" "attachment; filename*=UTF-8''a%22b%3Bc%20%3Cd%3E%C3%BC.html" "$(field Content-Disposition)"
	files web path=/root/named
	same "in a list" "$name" "$(jq -r '.metadata.entries[].name' "$T/body")"
	berth exec web -- sh -c "touch '/root/named/line
feed'"
	files web path=/root/named
	same "with a line feed" 2 "$(jq '.metadata.entries | length' "$T/body")"
	# A name that JSON cannot have is asked for by what the list has for it, also where another one looks alike.
	berth exec web -- sh -c 'mkdir "/root/other"; printf one >"/root/other/n$(printf "\377")/" 2>/dev/null
		d="/root/other/$(printf "d\377")"; mkdir "$d"; printf one >"$d/$(printf "f\376 x")"; printf two >"$d/f? x"'
	files web path=/root/other
	same "its names" '["d?","d%FF"]' "$(jq -c '.metadata.entries[0] | [.name, .encoded]' "$T/body")"
	files web path=/root/other/d%FF
	same "the path" '["/root/other/d?","/root/other/d%FF"]' "$(jq -c '.metadata | [.path, .encoded]' "$T/body")"
	same "the names below" '["f? x",null] ["f? x","f%FE%20x"]' \
		"$(jq -c '.metadata.entries | sort_by(.encoded) | .[] | [.name, .encoded]' "$T/body" | paste -sd ' ')"
	files web path=/root/other/d%FF/f%FE%20x
	same "the file" "200 one" "$status $(cat "$T/body")"
	same "what it is called" "attachment; filename*=UTF-8''f%FE%20x" "$(field Content-Disposition)"
}

case_list() {
	local machine
	for machine in web down; do
		mkdir "$T/tree.$machine" "$T/tree.$machine/sub"
		echo hello >"$T/tree.$machine/file"
		chmod 750 "$T/tree.$machine/sub"
		chmod 604 "$T/tree.$machine/file"
		ln -s /etc/passwd "$T/tree.$machine/link"
		mkfifo "$T/tree.$machine/fifo"
		berth push "$T/tree.$machine" "$machine:/root/tree"
		files $machine path=/root/tree
		same status 200 "$status"
		same "its type" "folder folder" "$(field X-Berth-Type) $(jq -r .metadata.type "$T/body")"
		same "its entries" '["fifo","fifo",null] ["file","file",null] ["link","link","/etc/passwd"] ["sub","folder",null]' \
			"$(jq -c '.metadata.entries[] | [.name, .type, .target]' "$T/body" | paste -sd ' ')"
		same "of a file" '["0604",0,0,6]' "$(jq -c '.metadata.entries[] | select(.name == "file") | [.mode, .uid, .gid, .size]' "$T/body")"
		same "of a folder" '"0750"' "$(jq -c '.metadata.entries[] | select(.name == "sub").mode' "$T/body")"
		same "what the verb prints" "$(berth files --json "$machine:/root/tree" | jq -cS .)" "$(jq -cS .metadata "$T/body")"
		has '^file +0604 +0:0 +6 .* file$' "$(berth files "$machine:/root/tree")"
		has 'link -> /etc/passwd$' "$(berth files "$machine:/root/tree")"
		has '^file .* /root/tree/file$' "$(berth files "$machine:/root/tree/file")"
		same "an empty folder" '[]' "$(berth files --json "$machine:/root/tree/sub" | jq -c .entries)"
	done
}

# More than is told of one folder.
case_many() {
	berth exec web -- sh -c 'mkdir /root/many; cd /root/many; seq 1 20001 | xargs touch'
	files web path=/root/many
	same "told" "20000 true" "$(jq -r '"\(.metadata.entries | length) \(.metadata.more)"' "$T/body")"
	has "more than 20000 entries" "$(jq -r '.notes[]' "$T/body")"
	berth exec web -- rm -r /root/many
}

case_write() {
	local machine
	for machine in web down; do
		head -c 3000000 /dev/urandom >"$T/data"
		put $machine 'path=/root/new' <"$T/data"
		same "$machine: $(cat "$T/body")" 200 "$status"
		berth pull "$machine:/root/new" - | cmp - "$T/data"
		same "its owner" '"0644" 0 0' "$(berth files --json "$machine:/root/new" | jq -r '"\"\(.mode)\" \(.uid) \(.gid)"')"
		put $machine 'path=/root/new&mode=600&owner=7:8' <<<short
		same "replaced: $(cat "$T/body")" 200 "$status"
		same "what is in" short "$(berth pull "$machine:/root/new" -)"
		same "its owner" '0600 7 8' "$(berth files --json "$machine:/root/new" | jq -r '"\(.mode) \(.uid) \(.gid)"')"
		files $machine path=/root/empty -X POST -H "$octets" -H 'Content-Length: 0'
		same "an empty one" "200 0" "$status $(berth files --json "$machine:/root/empty" | jq .size)"
		# A body that was forgotten changes nothing.
		berth exec "$machine" -- sh -c 'echo kept >/root/kept' 2>/dev/null || printf 'kept\n' | berth push - "$machine:/root/kept"
		files $machine path=/root/kept -X PUT
		same "no body" "411 5" "$status $(berth files --json "$machine:/root/kept" | jq .size)"
		put $machine 'path=/root/a/b/c' <<<x
		refused 404 "there is no folder '/root/a/b/'"
		put $machine 'path=/root/a/b/c&parents=1' <<<x
		same "with its folders" 200 "$status"
		put $machine 'path=/root/a' <<<x
		refused 409 "'/root/a' in machine '$machine' is a folder; name the file in it"
	done
	echo by hand >"$T/file"
	berth api --input "$T/file" PUT '/1.0/machines/web/files?path=/root/hand' >"$T/out"
	same "by the command line" "by hand" "$(berth exec web -- cat /root/hand)"
}

case_refused() {
	local machine
	for machine in web down; do
		files $machine path=/root/none
		refused 404 "look at '/root/none' in machine '$machine': No such file"
		files $machine path=root
		refused 400 "'path' is needed, and begins with '/'"
		files $machine ""
		refused 400 "'path' is needed, and begins with '/'"
		files $machine "path=/root&file=1"
		refused 400 "unknown query parameter 'file'"
		files $machine 'path=/root&snapshot=../x'
		refused 400 "snapshot '../x'"
		files $machine path=/dev/null
		[[ $machine == down ]] || refused 409 "is no file and no folder"
		files $machine path=/etc/passwd/x
		refused 409 "Not a directory"
		put $machine 'path=/root/x&mode=999' <<<x
		refused 400 "--mode cannot be '999'"
		put $machine 'path=/root/x&owner=nobody-there' <<<x
		refused 400 "nobody-there"
		put $machine '' <<<x
		refused 400 "'path' is needed"
		put $machine 'path=/proc/x' <<<x
		[[ $machine == down ]] || refused 409 "takes no new files"
	done
	files none path=/
	refused 404 "no machine 'none'"
	files web path=/root/x -X PUT -H 'Content-Type: application/json' -d '{}'
	refused 415 "type 'application/json' is not taken"
	files web path=/root/x -X DELETE
	same "methods" "405 GET, PUT, POST" "$status $(field Allow)"
	fails 2 "'/etc' is no path in a machine" berth files /etc
	fails 2 "names no path" berth files web:
	fails 1 "no machine 'none'" berth files none:/
}

# A client that has not waited for an answer gets it behind its body, of whatever size.
case_refused_early() {
	truncate -s 40M "$T/forty"
	for expect in Expect: 'Expect: 100-continue'; do
		put none path=/root/x -H "$expect" <"$T/forty"
		refused 404 "no machine 'none'"
		put web path=root -H "$expect" <"$T/forty"
		refused 400 "'path' is needed"
		files web path=/root/x -X PUT -H 'Content-Type: application/json' -H "$expect" --data-binary @- <"$T/forty"
		refused 413 'the body is larger than 1 MiB'
		files web path=/root/x -T - -H "$octets" -H "$expect" <"$T/forty"
		refused 411 'needs a Content-Length'
	done
	fails 1 "" berth files web:/root/x
}

# HEAD is GET without the body, with and without a server.
case_head() {
	echo hello >"$T/hello"
	berth push "$T/hello" web:/root/hello
	files web path=/root/hello --head
	same "of a file" "200 6 file" "$status $(field Content-Length) $(field X-Berth-Type)"
	same "its body" 0 "$(sed '1,/^.$/d' "$T/body" | wc -c)"
	files web path=/root/none --head
	same "of none" 404 "$status"
	for path in /1.0 /1.0/machines '/1.0/machines/web/files?path=/root/hello' '/1.0/events?follow=0' /1.0/none; do
		berth api --include GET "$path" >"$T/get" || true
		berth api HEAD "$path" >"$T/heads" || true
		same "$path" "$(sed '/^$/q' "$T/get")" "$(cat "$T/heads")"
	done
	REQUEST_METHOD=HEAD PATH_INFO=/1.0/machines/web/files QUERY_STRING=path=/root/hello berth api --cgi >"$T/heads"
	has '^Content-Length: 6$' "$(cat "$T/heads")"
	not grep -qx hello "$T/heads"
}

# A guest decides what a path of it leads to, and never a file of the host.
case_links_stay_inside() {
	local machine
	echo secret >"$T/secret"
	for machine in web down; do
		ln -sfn "$T/secret" "$T/out.link"
		ln -sfn ../../../../../../../../../../../../..$T "$T/up.link"
		mkdir "$T/l"
		mv "$T/out.link" "$T/up.link" "$T/l"
		berth push "$T/l" "$machine:/root/l"
		rm -r "$T/l"
		files $machine path=/root/l/out.link
		refused 404 "No such file"
		files $machine path=/root/l/up.link
		refused 404 "No such file"
		files $machine "path=/../../../../../..$T/secret"
		refused 404 "No such file"
		put $machine path=/root/l/up.link/secret <<<hacked
		refused 404 "there is no folder"
		# A link at the end gives way to the file.
		put $machine path=/root/l/out.link <<<mine
		same status 200 "$status"
		same "in the machine" mine "$(berth pull "$machine:/root/l/out.link" -)"
		same "of the host" secret "$(cat "$T/secret")"
	done
}

# half MACHINE: a client that promises more than it sends, and goes away.
half() {
	aborts 1 "PUT /1.0/machines/$1/files?path=/root/half HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\nhalf"
	retry 20 no_connection
	retry 20 no_child
}

# The file is the old or the new one, and nothing is left beside it.
case_half() {
	local machine
	for machine in web down; do
		echo old | berth push - "$machine:/root/half"
		half $machine
		same "what is in" old "$(berth pull "$machine:/root/half" -)"
		same "beside it" 0 "$(berth files --json "$machine:/root" | jq '[.entries[] | select(.name | startswith("."))] | length')"
		# By another server, whose standard input ends too early.
		printf half | REQUEST_METHOD=PUT PATH_INFO=/1.0/machines/$machine/files QUERY_STRING=path=/root/half \
			CONTENT_LENGTH=1000 berth api --cgi >"$T/answer"
		has '^Status: 400' "$(cat "$T/answer")"
		has 'is left as it was: standard input has ended before its size' "$(cat "$T/answer")"
		same "what is in" old "$(berth pull "$machine:/root/half" -)"
		printf 'whole and more' | REQUEST_METHOD=PUT PATH_INFO=/1.0/machines/$machine/files QUERY_STRING=path=/root/half \
			CONTENT_LENGTH=5 berth api --cgi >"$T/answer"
		has '^Status: 200' "$(cat "$T/answer")"
		same "what is in" whole "$(berth pull "$machine:/root/half" -)"
	done
	fails 1 "standard input has ended before its size" bash -c "printf x | berth push --size 2 - web:/root/half"
	fails 2 "--size is for '-'" berth push --size 2 /etc/hostname web:/root
	fails 1 "'/root' in machine 'web' is a folder" berth push -T /etc/hostname web:/root
	berth push -T /etc/hostname web:/root/newname
	same "by its new name" "$(cat /etc/hostname)" "$(berth exec web -- cat /root/newname)"
}

# What is slow takes no room of requests.
case_room() {
	local i writers=()
	begin_gateway --idle 0 --limit requests=1 --limit streams=2
	for i in 1 2; do
		mkfifo "$T/slow.$i"
		python3 - "$socket" "$T/slow.$i" <<-'END' &
			import socket, sys
			s = socket.socket(socket.AF_UNIX)
			s.connect(sys.argv[1])
			s.sendall(b"PUT /1.0/machines/web/files?path=/root/slow HTTP/1.1\r\nHost: x\r\n"
			          b"Content-Type: application/octet-stream\r\nContent-Length: 4\r\n\r\nslow"[:-1])
			open(sys.argv[2]).read()
			s.sendall(b"w")
				answer = s.recv(4096)
			assert b"200 OK" in answer, answer
		END
		writers+=("$!")
		retry 20 at_work "$i"
	done
	get /1.0/machines/web
	same "a request beside them" 200 "$status"
	put web path=/root/more <<<x
	same "a third" 503 "$status"
	has '^Retry-After: 5' "$(cat "$T/head")"
	for i in 1 2; do
		echo go >"$T/slow.$i"
	done
	wait "${writers[0]}"
	wait "${writers[1]}"
	same "what is in" slow "$(berth exec web -- cat /root/slow)"
	begin_gateway --idle 0
}

# at_work N: so many writers read.
at_work() {
	[[ $(wc -w </proc/"$gateway"/task/"$gateway"/children) -eq $1 ]]
}

# A right to use a machine is one to its files; others have no such machine.
case_rights() {
	local user=games stranger=mail
	id $user $stranger >/dev/null 2>&1 || skip "there is no user $user or $stranger"
	berth set web access.users=$user:use
	berth set down access.users=$stranger:manage
	echo theirs | berth push - web:/root/theirs
	# as USER PATH [OPTION of curl...]: the answer, and its status.
	as() {
		setpriv --reuid "$1" --regid "$(id -g "$1")" --clear-groups \
			timeout 60 curl -sS -w ' %{http_code}' --unix-socket "$socket" "${@:3}" "http://x/1.0/machines/$2" | tr '\n' ' '
	}
	same "reading" "theirs  200" "$(as $user web/files?path=/root/theirs)"
	has ' 200$' "$(as $user web/files?path=/root/theirs -X PUT -H "$octets" -d new)"
	same "what is in" new "$(berth exec web -- cat /root/theirs)"
	for name in web none; do
		has "\"machine '$name' does not exist\".* 404$" "$(as $stranger $name/files?path=/root/theirs)"
		has "\"machine '$name' does not exist\".* 404$" "$(as $stranger $name/files?path=/root/theirs -X PUT -H "$octets" -d evil)"
	done
	same "what is in" new "$(berth exec web -- cat /root/theirs)"
	berth unset web access.users
	berth unset down access.users
}

# A paused machine answers nothing, and keeps nobody.
case_paused() {
	berth pause web
	files web path=/root
	refused 409 "is paused"
	put web path=/root/x <<<x
	refused 409 "is paused"
	berth resume web
}

run_cases "$@"
