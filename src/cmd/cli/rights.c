/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cli/rights.h"

#include "base/scoped.h"
#include "base/text.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

void rights_absent(const struct machine *machine, rights_tell *tell, void *context)
{
	scoped_free char *words = strdup(machine->config.access_users);
	char *rest = words;

	for (char *word; words && (word = strsep(&rest, " "));) {
		word[strcspn(word, ":")] = '\0';
		if (!*word || getpwnam(word))
			continue;
		scoped_free char *sentence = text_format(
			"access.users of machine '%s' names '%s', and this host has no such user",
			machine->name, word);
		if (sentence)
			tell(context, sentence);
	}
}

void rights_wide(const struct machine *machine, rights_tell *tell, void *context)
{
	if (!machine->config.privileged || !*machine->config.access_users)
		return;
	scoped_free char *sentence = text_format("machine '%s' is privileged: the users in its "
						 "access.users have this host by it",
						 machine->name);
	if (sentence)
		tell(context, sentence);
}
