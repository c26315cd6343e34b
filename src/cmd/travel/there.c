/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/travel/there.h"

#include "base/scoped.h"
#include "cmd/travel/stream_file.h"

#include <string.h>

const struct flag flag_there = { "berth", 0, false, "COMMAND",
				 "berth's command there, such as 'sudo berth'" };
const struct flag flag_root_there = { "force", 'f', false, NULL,
				      "let the root of the machine there give way" };
const struct flag flag_network_there = { "network", 0, false, "NETWORK",
					 "network for its eth0 there" };
const struct flag flag_pool_there = { "pool", 0, false, "POOL", "pool to keep it in there" };
const struct flag flag_rate = { "rate", 0, false, "SIZE", "most bytes a second, such as 10M" };
const struct flag flag_set_there = { "set", 's', false, "KEY=VALUE",
				     "set a key of a new machine there, as create does" };
const struct flag flag_ssh = { "ssh", 'e', false, "COMMAND",
			       "the command that reaches the host, such as 'ssh -p 2222'" };
const struct flag flag_trust_there = { "trust", 0, false, NULL,
				       "let it keep settings that open it to the host there" };

const struct flag flag_leave_volumes = { "no-volumes", 0, false, NULL,
					 "leave its volumes for data here" };

/* Labels need no quotes. */
int there_words(const struct call *call, struct text *words, struct err *err)
{
	const struct flag *const labels[] = { &flag_network_there, &flag_pool_there,
					      &flag_volumes_as };

	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
		const char *value = call_value(call, labels[i]);
		if (value && *value && text_label_fault(value)) {
			err_set(err, EINVAL, "--%s cannot be '%.80s': it %s", labels[i]->name,
				value, text_label_fault(value));
			return EXIT_USAGE;
		}
		if (value)
			text_add(words, "--%s=%s ", labels[i]->name, value);
	}
	for (size_t i = 0; i < call->given_count; i++) {
		if (call->given[i].flag != &flag_set_there)
			continue;
		text_add(words, "--set=");
		text_add_quoted(words, call->given[i].value);
		text_add(words, " ");
	}
	if (call_has(call, &flag_root_there))
		text_add(words, "--force ");
	if (call_has(call, &flag_trust_there))
		text_add(words, "--trust ");
	return words->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

int there_speed(const struct call *call, uint64_t *rate, struct stream_press *press,
		struct err *err)
{
	const char *most = call_value(call, &flag_rate);

	if (most && (text_to_size(most, rate) < 0 || *rate < 1024)) {
		err_set(err, EINVAL,
			"--rate cannot be '%.40s': it is bytes a second, 1K or more, such as 10M",
			most);
		return EXIT_USAGE;
	}
	return stream_press_wanted(call, press, err);
}
