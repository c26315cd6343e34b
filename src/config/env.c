/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of an environment: NAME=value, quoted as in a shell. Nothing is expanded. */
#include "config/config.h"

#include "base/scoped.h"

#include <ctype.h>
#include <string.h>

/*
 * Takes one word from *at, without its quotes, into out, which has room for all of *at. A backslash keeps the next
 * character; inside '...' everything is kept; inside "..." only \" and \\ are special.
 */
static const char *take_word(const char **at, char *out)
{
	const char *p = *at;
	char quote = '\0';

	for (; *p && (quote || !isspace((unsigned char)*p)); p++) {
		if (quote && *p == quote) {
			quote = '\0';
		} else if (!quote && (*p == '\'' || *p == '"')) {
			quote = *p;
		} else if (*p == '\\' && quote != '\'' && (!quote || p[1] == '"' || p[1] == '\\')) {
			if (!*++p)
				return "ends with a backslash; double it";
			*out++ = *p;
		} else {
			*out++ = *p;
		}
	}
	*out = '\0';
	*at = p;
	return quote ? "has a quote that is not closed" : NULL;
}

static const char *name_fault(const char *word)
{
	size_t n = strcspn(word, "=");

	if (n == 0 || word[n] != '=')
		return "is not NAME=value";
	for (size_t i = 0; i < n; i++) {
		if (word[i] != '_' && !isalpha((unsigned char)word[i]) &&
		    (i == 0 || !isdigit((unsigned char)word[i])))
			return "has a name with other characters than letters, digits and '_'";
	}
	return NULL;
}

int config_env(const char *value, char ***words, struct err *err)
{
	/* n bytes contain at most n / 2 + 1 words, whose text is no longer than the value's. */
	size_t count = 0, most = strlen(value) / 2 + 2;
	char **list = malloc(most * sizeof *list + strlen(value) + most);

	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	char *out = (char *)(list + most);
	for (const char *at = value;;) {
		while (isspace((unsigned char)*at))
			at++;
		if (!*at)
			break;
		const char *begin = at;
		const char *fault = take_word(&at, out);
		if (!fault)
			fault = name_fault(out);
		if (fault) {
			free(list);
			return err_set(err, EINVAL, "'%.120s' %s", begin, fault);
		}
		list[count++] = out;
		out += strlen(out) + 1;
	}
	list[count] = NULL;
	*words = list;
	return 0;
}
