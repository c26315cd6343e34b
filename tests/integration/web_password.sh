#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Sign-in to the page by the host's PAM, whose modules are the real ones, with users that are in this test's /etc alone.
# shellcheck disable=SC2154 # status is of tests/gateway.sh
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/browser.sh
. "$top/tests/browser.sh"
# shellcheck source=tests/gateway.sh
. "$top/tests/gateway.sh"
host=127.0.0.1:8443
secret='correct horse "battery" stäple'

set_up() {
	local name
	[[ -x $BERTH_LIBEXEC/berth-login ]] || skip "the build has no libpam"
	etc_of_our_own
	for name in ann bob eve locked; do
		echo "$name:x:$((64000 + $(printf %d "'$name"))):64000::/nonexistent:/bin/sh" >>/etc/passwd
		echo "$name:$(openssl passwd -6 "$secret"):20000:0:99999:7:::" >>/etc/shadow
	done
	sed -i 's/^locked:/locked:!/' /etc/shadow
	sed -i "s|^root:[^:]*:|root:$(openssl passwd -6 "$secret"):|" /etc/shadow
	make_router
	mkdir -p "$T/browser"
}

tear_down() {
	end_gateway
	rm -rf "$BERTH_ROOT/run/api" "$BERTH_ROOT/lib/api"
	etc_of_the_host
}

# stack MODULE [ARGUMENT...]: the service has it for passwords.
stack() {
	printf 'auth required %s\naccount required pam_unix.so\n' "$*" >/etc/pam.d/berth
}

# begin_web [OPTION...]
begin_web() {
	end_gateway
	rm -f "$T/jar"
	run_gateway "$host" "$@"
	retry 20 curl -s "http://$host/" -o "$T/body"
	gateway=$(cat "$T/gateway.pid")
}

ask() {
	# shellcheck disable=SC2034 # for the cases
	status=$(timeout 60 curl -sS -b "$T/jar" -c "$T/jar" -o "$T/body" -D "$T/head" -w '%{http_code}' \
		"${@:2}" "http://$host$1" 2>"$T/curl")
}

# sign_in USER PASSWORD [OPTION of curl...]
sign_in() {
	jq -cn --arg user "$1" --arg password "$2" '{user: $user, password: $password}' >"$T/request"
	ask /sign-in -X POST -H "Origin: http://$host" -H 'Content-Type: application/json' --data-binary "@$T/request" "${@:3}"
}

same_words() {
	same "$1" "401 the name or the password is wrong, or the user may not sign in here" "$status $(jq -r .error "$T/body")"
}

case_password() {
	stack pam_unix.so
	begin_web
	sign_in ann "$secret"
	same "status: $(cat "$T/body")" 200 "$status"
	has '^Set-Cookie: berth=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200' "$(cat "$T/head")"
	not grep -qi '^Location' "$T/head"
	ask /env
	has '^REMOTE_USER=ann$' "$(cat "$T/body")"
	ask /sign-out -X POST -H "Origin: http://$host"
	ask /env
	same "afterwards" 401 "$status"
	# Neither a log nor what is kept has the password.
	not grep -q battery "$T/gateway.err"
	not grep -rq battery "$BERTH_ROOT/run/api"
	has 'signed in user ann$' "$(cat "$T/gateway.err")"
}

# The same words, whatever is wrong.
case_refused() {
	stack pam_unix.so
	begin_web
	sign_in ann wrong
	same_words "a wrong password"
	sign_in nobody-there "$secret"
	same_words "a user that there is not"
	sign_in locked "$secret"
	same_words "a locked user"
	sign_in root "$secret"
	same_words "root, who has a link"
	sign_in ann ""
	same_words "no password"
	ask /env
	same "afterwards" 401 "$status"
	same "lines in the log" 5 "$(grep -c 'refused a sign-in by password' "$T/gateway.err")"
	not grep -q "ann\|nobody-there" "$T/gateway.err"
	chage -E 0 bob
	begin_web
	# It takes no less time than a wrong password, which PAM delays.
	began=$SECONDS
	sign_in bob "$secret"
	((SECONDS - began >= 2)) || fault "a right password is told by the time of its refusal"
	same_words "an account that is over"
	chage -E -1 bob
	sign_in bob "$secret"
	same "one that is not" 200 "$status"
}

case_bodies() {
	stack pam_unix.so
	local body
	begin_web
	for body in '' x '[]' '{}' '{"user":"ann"}' '{"user":"ann","password":1}' '{"user":"","password":"x"}' '{"user":"ann","password":"x","more":1}' \
		'{"user":"ann","user":"bob","password":"x"}' "{\"user\":\"ann\",\"password\":\"$(printf 'x%.0s' {1..600})\"}" '{"user":"a\u0000b","password":"x"}'; do
		ask /sign-in -X POST -H "Origin: http://$host" -H 'Content-Type: application/json' --data-binary "$body"
		same "$body: $(cat "$T/body")" 400 "$status"
	done
	head -c 100000 /dev/zero >"$T/large"
	ask /sign-in -X POST -H "Origin: http://$host" --data-binary "@$T/large"
	same "a large one" 413 "$status"
	sign_in ann "$secret"
	same "as it is to be" 200 "$status"
	rm "$T/jar"
	ask /sign-in -X POST -H "Origin: http://evil.example" -H 'Content-Type: application/json' --data-binary "@$T/request"
	same "of another page" 403 "$status"
	ask /sign-in -X POST -H 'Content-Type: application/json' --data-binary "@$T/request"
	same "without Origin" 403 "$status"
}

case_throttled() {
	local i
	stack pam_deny.so
	begin_web
	for i in {1..10}; do
		sign_in ann wrong
		same "attempt $i" 401 "$status"
	done
	stack pam_unix.so
	sign_in ann "$secret"
	same "the eleventh, with the right one" 429 "$status"
	has '^Retry-After: 60' "$(cat "$T/head")"
	# Root's link is another way.
	ask "/sign-in/$(printf '%043d' 1)"
	same "a wrong link" 401 "$status"
}

# A module that hangs, dies, or is not there holds nobody up but him who signs in.
case_bad_modules() {
	printf '#!/bin/sh\necho $$ >%s\nexec sleep 60\n' "$T/hangs.pid" >"$T/hangs"
	chmod +x "$T/hangs"
	stack pam_exec.so "$T/hangs"
	begin_web --limit sign-in=2
	sign_in ann "$secret" &
	retry 20 test -s "$T/hangs.pid"
	status=$(curl -sS "http://$host/env" -o "$T/other" -w '%{http_code}')
	same "a request beside it" 401 "$status"
	wait $!
	same "what it was told" "the host cannot judge passwords now; its log has the cause, and 'berth web' prints a link for root" "$(jq -r .error "$T/body")"
	retry 20 no_child
	# The module has put its own child into a session of its own.
	kill "$(cat "$T/hangs.pid")"
	# One who goes away takes the program with him.
	rm "$T/hangs.pid"
	begin_web --limit sign-in=60
	timeout 2 curl -sS "http://$host/sign-in" -X POST -H "Origin: http://$host" -d '{"user":"ann","password":"x"}' -o "$T/other" || true
	retry 20 no_child
	kill "$(cat "$T/hangs.pid")"
	stack pam_no_such_module.so
	begin_web
	sign_in ann "$secret"
	[[ $status == 401 || $status == 503 ]] || fault "without a module: $status"
	stack pam_unix.so
	BERTH_LIBEXEC_REAL=$BERTH_LIBEXEC
	mkdir "$T/libexec"
	cp "$BERTH_LIBEXEC/berth-api" "$T/libexec"
	BERTH_LIBEXEC=$T/libexec begin_web
	sign_in ann "$secret"
	same "without the program" 503 "$status"
	end_gateway
	BERTH_LIBEXEC=$BERTH_LIBEXEC_REAL
}

# A session ends with the account: by the mark of usermod before the password, and by PAM.
case_account() {
	local how
	stack pam_unix.so
	for how in 'usermod -L ann/usermod -U ann' 'chage -E 0 ann/chage -E -1 ann'; do
		begin_web --limit account=1
		sign_in ann "$secret"
		ask /env
		same "before: $how" 200 "$status"
		# One who reads, and asks for nothing more.
		curl -sSN -b "$T/jar" --max-time 100 "http://$host/ticks-on" >"$T/stream" 2>"$T/curl" &
		retry 20 grep -q one "$T/stream"
		${how%/*}
		wait $! || true
		not grep -q last "$T/stream"
		ask /env
		same "after: $how" 401 "$status"
		not grep -rl '^ann ' "$BERTH_ROOT/run/api"
		has 'user ann may not sign in any more: what was signed in has ended' "$(cat "$T/gateway.err")"
		${how#*/}
	done
	# A request alone does it as well; one whom PAM does not judge stays.
	begin_web --limit account=1
	sign_in ann "$secret"
	usermod -L ann
	retry 20 signed_out
	usermod -U ann
	sign_in ann "$secret"
	echo 'auth required pam_unix.so' >/etc/pam.d/berth
	echo "account required $T/none.so" >>/etc/pam.d/berth
	for _ in 1 2 3; do
		sleep 1.1
		ask /env
		same "without PAM" 200 "$status"
	done
}

signed_out() {
	ask /env
	[[ $status == 401 ]]
}

# The program alone: what it is given decides, and nothing is shown.
case_program() {
	stack pam_unix.so
	local login=$BERTH_LIBEXEC/berth-login code
	ends() {
		code=0
		"$login" >"$T/out" 2>&1 || code=$?
		[[ ! -s $T/out ]]
		echo "$code"
	}
	same "good" 0 "$(printf 'ann\0%s\0' "$secret" | ends)"
	same "wrong" 1 "$(printf 'ann\0wrong\0' | ends)"
	same "root" 1 "$(printf 'root\0%s\0' "$secret" | ends)"
	same "nothing" 2 "$(printf '' | ends)"
	# A name alone: may a session go on?
	same "a name" 0 "$(printf 'ann\0' | ends)"
	same "a locked one" 1 "$(printf 'locked\0' | ends)"
	same "one that there is not" 1 "$(printf 'nobody-there\0' | ends)"
	same "root's name" 1 "$(printf 'root\0' | ends)"
	same "half a name" 2 "$(printf 'ann' | ends)"
	same "half a password" 2 "$(printf 'ann\0%s' "$secret" | ends)"
	same "more than both" 2 "$(printf 'ann\0%s\0more\0' "$secret" | ends)"
	same "too much" 2 "$(head -c 5000 /dev/zero | tr '\0' a | ends)"
}

# The page, in a browser, with the real API.
case_page() {
	local SECRET=letters-and-4-digits
	command -v chromium >/dev/null || skip "chromium is not installed"
	for name in pat quin; do
		echo "$name:x:$((65000 + $(printf %d "'$name"))):64000::/nonexistent:/bin/sh" >>/etc/passwd
		echo "$name:$(openssl passwd -6 "$SECRET"):20000:0:99999:7:::" >>/etc/shadow
	done
	stack pam_unix.so
	busybox_template bb
	berth launch --wait --set access.users=pat:use bb web
	berth create bb idle
	export SECRET BERTH_WEB=$top/web
	router=$BUILD_TREE/berth begin_web
	browse "${host##*:}" "" real_password
	unset BERTH_WEB
	end_gateway
	gone web idle
}

run_cases "$@"
