#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The page, in Debian's Chromium: what users do by mouse and by keyboard, hostile names and logs, widths, themes, and what
# axe finds. Pictures are kept in build/logs/web.
if [[ ${1:-} != --cases && -z ${BERTH_TEST_INSIDE:-} ]]; then
	# Here, where there is a network.
	axe=$("$(dirname "$0")/../web/axe") || axe=
	export axe
fi
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/browser.sh
. "$top/tests/browser.sh"

set_up() {
	command -v chromium >/dev/null || skip "chromium is not installed"
	mkdir "$T/browser"
	PYTHONPATH=$top/tests/web PYTHONDONTWRITEBYTECODE=1 "$BERTH_TEST_PYTHON" -S "$top/tests/web/server.py" "$top/web" "$T/port" >"$T/server.log" 2>&1 &
	echo "$!" >"$T/server.pid"
	retry 20 test -e "$T/port"
}

tear_down() {
	local file
	# Those of a case that has failed are there as well.
	for file in "$T"/*.pid; do
		kill "$(cat "$file")" 2>/dev/null || true
	done
}

# flows CASE...: runs them in one browser.
flows() {
	browse "$(cat "$T/${port:-port}")" "${axe:-}" "$@"
}

case_list() {
	flows listing many history
}

case_actions() {
	flows acting deleting creating_in_three_clicks
}

case_keyboard() {
	flows keyboard creating_by_keyboard
}

case_machine() {
	flows snapshots settings terminal logs
}

case_files() {
	flows files uploads files_keyboard files_hostile
}

case_rights() {
	flows password few_rights
}

case_desktop() {
	flows desktop desktop_own desktop_paste desktop_view_only desktop_again desktop_none
}

case_pictures() {
	flows desktop_pictures
}

case_hostile() {
	flows hostile signed_out host_pages
}

case_looks() {
	[[ -n ${axe:-} ]] || skip "axe-core is not to be had; is npm's registry reachable?"
	flows looks_light looks_dark looks_narrow
}

# has_extension NAME: whether the API says that it can do that.
has_extension() {
	berth api GET /1.0 | jq -e --arg name "$1" '.metadata.api_extensions | index($name)' >/dev/null
}

# The real API behind it: berth-api on a socket, and the verbs.
case_real() {
	[[ -x $BERTH_LIBEXEC/berth-api ]] || skip "the build has no libmicrohttpd"
	busybox_template bb
	berth launch --wait --set limits.pids=500 bb web
	berth snapshot web monday
	berth create bb idle
	echo 8443 >"$T/real.port"
	BERTH_WEB=$top/web "$BERTH_LIBEXEC/berth-api" --listen 127.0.0.1:8443 --sign-in --router "$BUILD_TREE/berth" >"$T/link" 2>"$T/gateway.log" &
	echo "$!" >"$T/gateway.pid"
	retry 20 test -s "$T/link"
	SIGN_IN=/sign-in/$(sed 's|.*/||' "$T/link")
	export SIGN_IN
	(retry 60 test -e "$T/browser/looked" && berth start idle) &
	local port=real.port
	# One browser, and so one session.
	local cases=(real_looking)
	! has_extension metrics || cases+=(real_figures)
	! has_extension operations || cases+=(real_acting)
	! has_extension exec || cases+=(real_terminal)
	! has_extension files || cases+=(real_files)
	flows "${cases[@]}" real_end
	wait $!
	kill "$(cat "$T/gateway.pid")"
	rm -rf "$BERTH_ROOT/run/api"
	gone web idle
}

# Programs of others are as they were published.
case_vendored() {
	local folder
	for folder in xterm novnc; do
		(cd "$top/web/vendor/$folder" && sha256sum --check --quiet SHA256SUMS) || fault "a program of others was changed"
		(cd "$top/web/vendor/$folder" && find . -type f ! -name SHA256SUMS -printf '%P\n' | sort) >"$T/there"
		awk '{ print $2 }' "$top/web/vendor/$folder/SHA256SUMS" | sort >"$T/known"
		same "files with a sum" "$(cat "$T/known")" "$(cat "$T/there")"
		while read -r file; do
			grep -q "web/vendor/$folder/$file\( \|$\)" "$top/web/local.mk" || fault "$file is not installed"
		done <"$T/known"
	done
	for file in xterm/LICENSE xterm/LICENSE.addon-fit novnc/vendor/pako/LICENSE; do
		grep -q "Permission is hereby granted, free of charge" "$top/web/vendor/$file" || fault "$file is no licence"
	done
	grep -q "Mozilla Public License Version 2.0" "$top/web/vendor/novnc/LICENSE.MPL-2.0" || fault "no licence of noVNC"
}

# No data becomes markup, and no program comes from elsewhere.
case_sources() {
	local file
	! grep -nE 'innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc' "$top"/web/*.js || fault "markup or code from text"
	! grep -nE 'https?://' "$top"/web/*.js "$top"/web/*.css "$top"/web/*.html | grep -v 'www.w3.org/2000/svg' || fault "an address of others"
	for file in "$top"/web/*.js "$top"/web/*.css "$top"/web/*.html; do
		grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' "$file" || fault "no licence in $file"
		[[ $(wc -l <"$file") -lt 500 ]] || fault "$file is longer than 500 lines"
	done
	grep -q "script-src 'self'; style-src 'self';" "$top/web/index.html" || fault "the policy of the page"
	# All files are installed.
	for file in "$top"/web/*.*; do
		[[ $file == *.mk ]] || grep -q "web/${file##*/}" "$top/web/local.mk" || fault "$file is not installed"
	done
}

run_cases "$@"
