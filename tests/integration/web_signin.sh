#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# berth-api on the loopback interface, for browsers: sign-in, sessions, Host and Origin, and the files of the page.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/gateway.sh
. "$top/tests/gateway.sh"

host=127.0.0.1:8443

set_up() {
	make_router
	export BERTH_WEB=$T/web
	mkdir -p "$BERTH_WEB/vendor" "$T/outside"
	echo '<!doctype html>' >"$BERTH_WEB/index.html"
	echo '<!doctype html>terminal' >"$BERTH_WEB/terminal.html"
	echo 'export {}' >"$BERTH_WEB/app.mjs"
	echo 'p {}' >"$BERTH_WEB/vendor/a.css"
	echo secret >"$BERTH_WEB/secret.key"
	echo secret >"$BERTH_WEB/.hidden.html"
	echo secret >"$T/outside/x.html"
	ln -s "$T/outside/x.html" "$BERTH_WEB/link.html"
	ln -s "$T/outside" "$BERTH_WEB/outside"
}

tear_down() {
	end_gateway
	rm -rf "$BERTH_ROOT/run/api" "$BERTH_ROOT/lib/api"
}

# begin_web [OPTION...]: a server on $host. Its first link is $link.
begin_web() {
	export BERTH_WEB=$T/web
	end_gateway
	rm -f "$T/gateway.exit" "$T/jar" "$T/link"
	(
		code=0
		"$BERTH_LIBEXEC/berth-api" --listen "$host" --sign-in --router "$T/router" "$@" >"$T/link" 2>"$T/gateway.err" &
		echo $! >"$T/gateway.pid"
		wait $! || code=$?
		echo "$code" >"$T/gateway.exit"
	) &
	retry 20 test -s "$T/link"
	gateway=$(cat "$T/gateway.pid")
	link=$(cat "$T/link")
}

# browse PATH [OPTION of curl...]: as a browser with the cookies of $T/jar. $status, $T/head, $T/body.
browse() {
	# shellcheck disable=SC2034 # for the cases
	status=$(timeout 60 curl -sS --path-as-is -b "$T/jar" -c "$T/jar" -o "$T/body" -D "$T/head" -w '%{http_code}' \
		"${@:2}" "http://$host$1" 2>"$T/curl")
}

sign_in() {
	begin_web
	browse "/sign-in/${link##*/}"
	same "status of the sign-in" 303 "$status"
}

case_sign_in() {
	begin_web
	same link "http://$host/sign-in/" "${link%/*}/"
	same "its length" 43 "$(printf %s "${link##*/}" | wc -c)"
	browse /env
	same "without a session" 401 "$status"
	browse "/sign-in/${link##*/}"
	same "status of the sign-in" 303 "$status"
	has '^Location: /' "$(cat "$T/head")"
	has '^Set-Cookie: berth=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200' "$(cat "$T/head")"
	has '^Referrer-Policy: no-referrer' "$(cat "$T/head")"
	browse /env
	same "with a session" 200 "$status"
	has '^REMOTE_USER=root$' "$(cat "$T/body")"
	# No secret reaches the child, the log or the disk.
	not grep -q "COOKIE" "$T/body"
	not grep -qFe "${link##*/}" "$T/gateway.err"
	not grep -rqFe "${link##*/}" "$BERTH_ROOT/run/api"
	not grep -rqFe "$(awk '/berth/ { print $7 }' "$T/jar")" "$BERTH_ROOT/run/api" "$T/gateway.err"
	same "mode of the folder" 700 "$(stat -c %a "$BERTH_ROOT/run/api")"
	# A link is good once.
	rm "$T/jar"
	browse "/sign-in/${link##*/}"
	same "a second time" 401 "$status"
	# A session outlives the server.
	sign_in
	cp "$T/jar" "$T/kept"
	begin_web
	cp "$T/kept" "$T/jar"
	browse /env
	same "after a restart" 200 "$status"
}

# Without a variable the page is that of the tree which built the server.
case_place() {
	end_gateway
	BERTH_WEB='' run_gateway "$host"
	retry 20 curl -s "http://$host/" -o "$T/body"
	same "the page" "$(cat "$top/web/index.html")" "$(curl -sS "http://$host/")"
}

case_too_old() {
	local file
	begin_web
	for file in "$BERTH_ROOT"/run/api/link.*; do
		echo "root 1000" >"$file"
	done
	browse "/sign-in/${link##*/}"
	same "an old link" 401 "$status"
	sign_in
	for file in "$BERTH_ROOT"/run/api/session.*; do
		echo "root 1000" >"$file"
	done
	browse /env
	same "an old session" 401 "$status"
}

case_sign_out() {
	sign_in
	cp "$T/jar" "$T/kept"
	browse /sign-out -X POST -H "Origin: http://$host"
	same "sign-out" 303 "$status"
	cp "$T/kept" "$T/jar"
	browse /env
	same "afterwards" 401 "$status"
}

case_throttled() {
	local i
	begin_web
	for i in {1..10}; do
		browse "/sign-in/$(printf '%043d' "$i")"
		same "attempt $i" 401 "$status"
	done
	browse "/sign-in/${link##*/}"
	same "the eleventh, with the right one" 429 "$status"
	has '^Retry-After: 60' "$(cat "$T/head")"
	same "lines in the log" 10 "$(grep -c 'refused a sign-in' "$T/gateway.err")"
}

# Another page that sends the browser here gets nothing.
case_other_pages() {
	local other
	sign_in
	for other in evil.example evil.example:8443 127.0.0.1 127.0.0.1:80 "$host.evil.example" "127.0.0.1:8443x"; do
		browse /env -H "Host: $other"
		same "Host $other" 421 "$status"
	done
	browse /env -H 'Host: localhost:8443' -H "Cookie: berth=$(awk '/berth/ { print $7 }' "$T/jar")"
	same "Host localhost" 200 "$status"
	for other in "http://evil.example" "https://$host" "http://127.0.0.1" "http://$host.evil.example" null \
		"http://localhost:8443"; do
		browse /env -H "Origin: $other"
		same "Origin $other" 403 "$status"
		browse /env -X POST -d x -H "Origin: $other"
		same "Origin $other, POST" 403 "$status"
	done
	browse /env -X POST -d x
	same "POST without Origin" 403 "$status"
	has "needs the header 'Origin: http://$host'" "$(cat "$T/body")"
	browse /env -X POST -d x -H "Origin: http://$host"
	same "POST of the page" 200 "$status"
	browse /1.0 -H 'Sec-Fetch-Site: cross-site'
	same "a link from another page" 403 "$status"
	browse / -H 'Sec-Fetch-Site: cross-site'
	same "a link to the page" 200 "$status"
	for other in "http://evil.example" ""; do
		browse /1.0/sockets/abcdefghijklmnopqrstuvwxyz -H 'Upgrade: websocket' -H 'Connection: Upgrade' \
			-H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' -H "Origin: $other"
		same "a socket of '$other'" 403 "$status"
		has 'of another page' "$(cat "$T/body")"
	done
}

case_files() {
	local path
	begin_web
	browse /
	same "the page" 200 "$status"
	same "its text" '<!doctype html>' "$(cat "$T/body")"
	has '^Content-Type: text/html; charset=utf-8' "$(cat "$T/head")"
	has "^Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';" "$(cat "$T/head")"
	has '^X-Content-Type-Options: nosniff' "$(cat "$T/head")"
	same "policies" 1 "$(grep -ci '^Content-Security-Policy' "$T/head")"
	same "caching" 1 "$(grep -ci '^Cache-Control: no-cache' "$T/head")"
	browse / -H "If-None-Match: $(sed -n 's/^ETag: \(.*\)\r$/\1/p' "$T/head")"
	same "unchanged" 304 "$status"
	browse /terminal.html
	has "style-src 'self' 'unsafe-inline'" "$(cat "$T/head")"
	browse /app.mjs
	has '^Content-Type: text/javascript' "$(cat "$T/head")"
	browse '/vendor/a.css?v=1'
	same "in a folder" 200 "$status"
	for path in /secret.key /.hidden.html /link.html /outside/x.html /../outside/x.html /vendor/../index.html \
		/%2e%2e/outside/x.html /vendor /vendor/ //index.html /vendor%2f..%2findex.html "/nothing.html"; do
		browse "$path"
		same "$path" 401 "$status"
		not grep -q secret "$T/body"
	done
	# What came later is not served, and what went is said.
	echo later >"$BERTH_WEB/later.html"
	browse /later.html
	same "a later file" 401 "$status"
	rm "$BERTH_WEB/later.html" "$BERTH_WEB/vendor/a.css"
	browse /vendor/a.css
	same "a file that went" 404 "$status"
	echo 'p {}' >"$BERTH_WEB/vendor/a.css"
}

# over_tls PATH [OPTION of curl...]: a browser that trusts the certificate. $status.
over_tls() {
	status=$(timeout 60 curl -sS --cacert "$BERTH_ROOT/lib/api/certificate.pem" -b "$T/jar" -c "$T/jar" -o "$T/body" \
		-D "$T/head" -w '%{http_code}' "${@:2}" "https://$host$1" 2>"$T/curl")
}

# own_sum: of the certificate of its own.
own_sum() {
	openssl x509 -in "$BERTH_ROOT/lib/api/certificate.pem" -noout -fingerprint -sha256 | cut -d= -f2
}

# With a pair of its own, which stays, for this host and its network.
case_tls() {
	begin_web --tls
	same link "https://$host/sign-in/" "${link%/*}/"
	has "SHA-256 of the certificate: $(own_sum)$" "$(cat "$T/gateway.err")"
	same "mode of the key" 600 "$(stat -c %a "$BERTH_ROOT/lib/api/key.pem")"
	over_tls "/sign-in/${link##*/}"
	same "status of the sign-in" 303 "$status"
	has '^Set-Cookie: __Host-berth=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=43200' "$(cat "$T/head")"
	over_tls /env
	same "with a session" 200 "$status"
	over_tls /env -X POST -d x -H "Origin: http://$host"
	same "Origin without TLS" 403 "$status"
	over_tls /download
	same "sum of an answer" "$(head -c 20000000 /dev/zero | sha256sum)" "$(sha256sum <"$T/body")"
	not curl -sS "https://$host/" -o "$T/body"
	not openssl s_client -connect "$host" -tls1_1 -cipher DEFAULT:@SECLEVEL=0 </dev/null >"$T/body" 2>&1
	openssl s_client -connect "$host" -tls1_2 </dev/null >"$T/body" 2>&1
	not curl -sS "http://$host/" -o "$T/body"
	# One who says nothing holds no connection for long.
	ip address add 192.0.2.1/32 dev lo
	host=192.0.2.1:8443 begin_web --limit head=1
	same "link of an address" "https://192.0.2.1:8443/sign-in/" "${link%/*}/"
	python3 -c '
import socket
s = socket.create_connection(("192.0.2.1", 8443), 60)
assert s.recv(1) == b""
# Nor one who says a byte now and then.
s = socket.create_connection(("192.0.2.1", 8443), 60)
s.settimeout(0.2)
for byte in b"\x16\x03\x01\x02\x00\x01" + b"\x00" * 600:
    try:
        s.send(bytes([byte]))
        if not s.recv(1):
            break
    except TimeoutError:
        pass
    except OSError:
        break
else:
    raise SystemExit("a slow handshake goes on")'
	same "Host" 421 "$(curl -skS "https://192.0.2.1:8443/" -H 'Host: evil.example' -o "$T/body" -w '%{http_code}')"
	ip address delete 192.0.2.1/32 dev lo
}

# What a kill or the loss of power may leave is mended by the next start.
case_tls_mended() {
	local what before
	begin_web --tls
	end_gateway
	openssl genrsa -out "$T/foreign.key" 2048 2>/dev/null
	for what in none other half empty; do
		before=$(own_sum)
		case $what in
		none) rm "$BERTH_ROOT/lib/api/certificate.pem" ;;
		other) cat "$T/foreign.key" >"$BERTH_ROOT/lib/api/key.pem" ;;
		half) truncate -s 100 "$BERTH_ROOT/lib/api/key.pem" ;;
		empty) truncate -s 0 "$BERTH_ROOT/lib/api/certificate.pem" ;;
		esac
		begin_web --tls
		over_tls /
		same "the page, after $what" 200 "$status"
		[[ $(own_sum) != "$before" ]] || fault "$what: the certificate is the same"
		end_gateway
	done
	before=$(own_sum)
	begin_web --tls
	same "one that is whole" "$before" "$(own_sum)"
}

# With the files of somebody who has a certificate.
case_tls_files() {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/own.key" -out "$T/own.pem" -subj /CN=own -days 2 \
		-addext "subjectAltName=IP:127.0.0.1" 2>/dev/null
	begin_web --cert "$T/own.pem" --key "$T/own.key"
	curl -sS --cacert "$T/own.pem" "https://$host/" -o "$T/body"
	same "the page" '<!doctype html>' "$(cat "$T/body")"
	end_gateway
	fails 2 "are given both or not at all" "$BERTH_LIBEXEC/berth-api" --listen "$host" --cert "$T/own.pem"
	fails 1 "read '$T/none': No such file" "$BERTH_LIBEXEC/berth-api" --listen "$host" --cert "$T/none" --key "$T/own.key"
	fails 2 "own.key' is no certificate" "$BERTH_LIBEXEC/berth-api" --listen "$host" --cert "$T/own.key" --key "$T/own.key"
	openssl genrsa -out "$T/other.key" 2048 2>/dev/null
	fails 2 "other.key' is not the key of the certificate in" "$BERTH_LIBEXEC/berth-api" --listen "$host" --cert "$T/own.pem" --key "$T/other.key"
	fails 2 "own.pem' is not the key" "$BERTH_LIBEXEC/berth-api" --listen "$host" --cert "$T/own.pem" --key "$T/own.pem"
}

# name_in_host NAME: the status of a request for it.
name_in_host() {
	curl -skS "https://$host/" -H "Host: $1" -o "$T/body" -w '%{http_code}'
}

# The names of the certificate are those of the server.
case_tls_names() {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/own.key" -out "$T/own.pem" -subj /CN=own -days 20 \
		-addext "subjectAltName=DNS:*.wild.example,IP:127.0.0.1,DNS:Berth.example,DNS:two.example" 2>/dev/null
	begin_web --cert "$T/own.pem" --key "$T/own.key"
	has "own.pem' ends on $(date -u -d "$(openssl x509 -in "$T/own.pem" -noout -enddate | cut -d= -f2)" +%F); give another one" \
		"$(cat "$T/gateway.err")"
	same "a name" 200 "$(name_in_host berth.example:8443)"
	same "another name" 200 "$(name_in_host two.example:8443)"
	same "a part of one" 421 "$(name_in_host berth:8443)"
	same "one without the port" 421 "$(name_in_host berth.example)"
	same "a wild one" 421 "$(name_in_host a.wild.example:8443)"
	same "none" 421 "$(name_in_host '')"
	host=127.0.0.1:443 begin_web --cert "$T/own.pem" --key "$T/own.key"
	host=127.0.0.1
	same "the usual port" 200 "$(name_in_host berth.example)"
	same "the usual port, named" 200 "$(name_in_host berth.example:443)"
	same "another port" 421 "$(name_in_host berth.example:8443)"
}

# One of its own that is about to end, or is half there, is made anew.
case_tls_renewed() {
	local old
	begin_web --tls
	end_gateway
	old=$(cat "$BERTH_ROOT/lib/api/certificate.pem")
	begin_web --tls
	end_gateway
	same "one that is good" "$old" "$(cat "$BERTH_ROOT/lib/api/certificate.pem")"
	openssl req -x509 -new -key "$BERTH_ROOT/lib/api/key.pem" -out "$BERTH_ROOT/lib/api/certificate.pem" -subj /CN=old -days 29
	old=$(cat "$BERTH_ROOT/lib/api/certificate.pem")
	begin_web --tls
	end_gateway
	not grep -qFe "$(sed -n 2p <<<"$old")" "$BERTH_ROOT/lib/api/certificate.pem"
	rm "$BERTH_ROOT/lib/api/key.pem"
	begin_web --tls
	over_tls /
	same "with a new key" 200 "$status"
	same "mode of the key" 600 "$(stat -c %a "$BERTH_ROOT/lib/api/key.pem")"
}

# It names each address and each name of the host that it was made for, and is made anew for another one.
case_tls_addresses() {
	local first second
	begin_web --tls
	first=$(own_sum)
	ip address add 192.0.2.1/32 dev lo
	host=192.0.2.1:8443 begin_web
	second=$(own_sum)
	[[ $first != "$second" ]] || fault "the certificate does not name the address"
	has "SHA-256 of the certificate: $second$" "$(cat "$T/gateway.err")"
	has "the certificate is new, for the one before did not name '192.0.2.1'" "$(cat "$T/gateway.err")"
	host=192.0.2.1:8443 over_tls /
	same "the page on the address" 200 "$status"
	# Both are named, so that it stays.
	begin_web --tls
	same "sum" "$second" "$(own_sum)"
	not grep -q "is new" "$T/gateway.err"
	over_tls /
	same "the page on the loopback interface" 200 "$status"
	mkdir "$T/libexec"
	printf '#!/bin/bash\nexec unshare --uts bash -c '"'"'hostname later.example && exec "$0" "$@"'"'"' %q "$@"\n' \
		"$BERTH_LIBEXEC/berth-api" >"$T/libexec/berth-api"
	chmod +x "$T/libexec/berth-api"
	BERTH_LIBEXEC=$T/libexec begin_web --tls
	same "names" "DNS:later.example, DNS:localhost, IP Address:127.0.0.1, DNS:$(hostname), IP Address:192.0.2.1" \
		"$(openssl x509 -in "$BERTH_ROOT/lib/api/certificate.pem" -noout -ext subjectAltName | sed -n 's/^ *DNS/DNS/p')"
	ip address delete 192.0.2.1/32 dev lo
}

# A socket of a session, over TLS.
case_socket() {
	/usr/bin/python3 -c 'import websockets' 2>/dev/null || skip "python3-websockets is not installed"
	begin_web --tls
	over_tls "/sign-in/${link##*/}"
	timeout 60 /usr/bin/python3 -I "$top/tests/integration/web_socket.py" "$host" \
		"$BERTH_ROOT/lib/api/certificate.pem" "$(awk '/berth/ { print $7 }' "$T/jar")"
	retry 20 no_child
}

# A connection carries many requests.
case_kept() {
	sign_in
	same "connections" 1 "$(curl -sS -b "$T/jar" -o /dev/null -o /dev/null -o /dev/null -w '%{num_connects}\n' "http://$host/" \
		"http://$host/app.mjs" "http://$host/env" | awk '{ n += $1 } END { print n }')"
}

case_refused() {
	local api=$BERTH_LIBEXEC/berth-api
	fails 2 "'0.0.0.0' is all addresses; choose one of them" "$api" --listen 0.0.0.0:8443
	fails 2 "'::' is all addresses" "$api" --listen '[::]:8443'
	fails 1 "listen on '198.51.100.1:8443'" "$api" --listen 198.51.100.1:8443
	fails 2 "'host.example' is no address" "$api" --listen host.example:8443
	fails 2 "takes unix:PATH or ADDRESS:PORT, not '127.0.0.1'" "$api" --listen 127.0.0.1
	fails 2 "a port is 1 to 65535, not '0'" "$api" --listen 127.0.0.1:0
	fails 2 "a port is 1 to 65535, not '99999'" "$api" --listen '[::1]:99999'
	fails 2 "is in brackets; write \[::1\]:8443" "$api" --listen ::1:8443
	fails 2 "'::1' has no port; write \[::1\]:8443" "$api" --listen ::1
	fails 2 "'127.0.0.1' is no address of IPv6" "$api" --listen '[127.0.0.1]:8443'
	fails 2 "takes unix:PATH or ADDRESS:PORT, not '\[::1\]'" "$api" --listen '[::1]'
	fails 2 "'fe80::1' is good on one link alone" "$api" --listen '[fe80::1]:8443'
	fails 2 "a browser needs --listen ADDRESS:PORT" "$api" --sign-in
	fails 2 "a browser needs --listen ADDRESS:PORT, not 'unix:/tmp/w.sock'" berth web --listen unix:/tmp/w.sock
	fails 2 "--tls and --cert need --listen ADDRESS:PORT" "$api" --tls
	lacks unix: "$(berth web --help)"
	begin_web
	fails 1 "Address already in use" "$api" --listen "$host"
	# Another link of the server that runs.
	browse "$("$api" --listen "$host" --sign-in | sed "s|^http://$host||")"
	same "by the second link" 303 "$status"
}

# `berth api serve` becomes berth-api, with all of its options.
case_verb() {
	local option
	end_gateway
	fails 1 "read '/none': No such file" berth api serve --listen "$host" --cert /none --key /none
	fails 2 "--tls and --cert need" berth api serve --listen unix:/tmp/w.sock --tls
	fails 2 "a browser needs --listen" berth api serve --sign-in
	for option in cert key idle limit listen sign-in tls; do
		has "--$option" "$(berth api serve --help)"
	done
}

# Without the page there is a word of it at the start.
case_no_page() {
	begin_web
	not grep -q "the page is not there" "$T/gateway.err"
	mv "$T/web" "$T/elsewhere"
	begin_web
	mv "$T/elsewhere" "$T/web"
	has "the page is not there, and the API alone is served: no files in '$T/web'; BERTH_WEB names their folder" "$(cat "$T/gateway.err")"
}

# served_by URL: the start of a sentence about the server that runs.
served_by() {
	echo "process $gateway.* serves (it|the page) at $1"
}

# A host has one server for the page. One that is asked for otherwise is refused, and says which runs.
case_second() {
	local api=$BERTH_LIBEXEC/berth-api name
	rm -rf "$BERTH_ROOT/lib/api"
	for name in one two; do
		openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/$name.key" -out "$T/$name.pem" -subj /CN=own -days 200 2>/dev/null
	done
	begin_web
	fails 1 "$(served_by "http://$host"), speaks no TLS; end it first" "$api" --listen "$host" --sign-in --tls
	fails 1 "$(served_by "http://$host"), speaks no TLS" "$api" --listen "$host" --sign-in --cert "$T/one.pem" --key "$T/one.key"
	fails 1 "read '/none': No such file" "$api" --listen "$host" --sign-in --cert /none --key /none
	fails 1 "$(served_by "http://$host"); end it first" "$api" --listen 127.0.0.1:9443 --sign-in --tls
	[[ ! -e $BERTH_ROOT/lib/api/key.pem ]] || fault "one that is refused has made a certificate"
	begin_web --tls
	has "^https://$host/sign-in/" "$("$api" --listen "$host" --sign-in)"
	has "^https://$host/sign-in/" "$("$api" --listen "$host" --sign-in --tls)"
	fails 1 "$(served_by "https://$host"), has another certificate" "$api" --listen "$host" --sign-in --cert "$T/one.pem" --key "$T/one.key"
	begin_web --cert "$T/one.pem" --key "$T/one.key"
	has "^https://$host/sign-in/" "$("$api" --listen "$host" --sign-in --cert "$T/one.pem" --key "$T/one.key")"
	fails 1 "$(served_by "https://$host"), has another certificate" "$api" --listen "$host" --sign-in --cert "$T/two.pem" --key "$T/two.key"
}

run_cases "$@"
