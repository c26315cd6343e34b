# SPDX-License-Identifier: GPL-2.0-or-later
# The page in Debian's Chromium: sourced after tests/lib.sh, by scripts that make $T/browser.
# shellcheck shell=bash disable=SC2154

# browse PORT AXE CASE...: runs the cases of tests/web/check.py in one browser, and keeps their pictures. AXE: the file of
# the checker of accessibility, or "".
browse() {
	PYTHONPATH=$top/tests/web PYTHONDONTWRITEBYTECODE=1 timeout -k 5 150 "$BERTH_TEST_PYTHON" -S \
		"$top/tests/web/check.py" "$T/browser" "$@" || fault "the page: ${*:3}; pictures: $(keep_pictures)"
	keep_pictures >/dev/null
}

keep_pictures() {
	local folder=$top/build/logs/web
	mkdir -p "$folder"
	cp "$T"/browser/*.png "$folder" 2>/dev/null || true
	echo "$folder"
}
