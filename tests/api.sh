# SPDX-License-Identifier: GPL-2.0-or-later
# Every answer of berth api in a script is held against the description of the API. Sourced after tests/lib.sh.
# shellcheck shell=bash disable=SC2154

# record_answers: puts a berth before the real one that keeps what berth api answers.
record_answers() {
	mkdir "$T/answers" "$T/recorder"
	cat >"$T/recorder/berth" <<-END
	#!/bin/bash
	real=$BUILD_TREE/berth
	[[ \${1:-} == api && " \$* " != *" --cgi "* && \${2:-} != serve ]] || exec "\$real" "\$@"
	answer=\$(mktemp "$T/answers/XXXXXXXX")
	printf '%s\\0' "\$@" >"\$answer.request"
	"\$real" "\$@" | tee "\$answer"
	exit "\${PIPESTATUS[0]}"
	END
	chmod +x "$T/recorder/berth"
}

# The recorder is found first from here on, in a script that calls this at its top.
record_path() {
	export PATH=$T/recorder:$PATH
}

# answers_are_as_described: all that were kept.
answers_are_as_described() {
	"$BERTH_TEST_PYTHON" "$top/tests/api_answers" "$BERTH_DESCRIPTION" "$T/answers"
}
