/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of a verb, made of a row and a request. */
#include "api/body.h"
#include "api/routes.h"

#include "base/scoped.h"
#include "base/text.h"

#include <string.h>

const char *match_name(const struct match *match, const char *name)
{
	const char *at = match->route->path;

	for (size_t i = 0; (at = strchr(at, '{')); i++) {
		size_t n = strcspn(++at, "}");
		if (strlen(name) == n && strncmp(at, name, n) == 0)
			return match->names[i];
	}
	return NULL;
}

/* Adds the query parameters that are flags of the verb. */
static int add_flags(const struct request *request, const struct route *route, struct argv *argv,
		     struct err *err)
{
	for (const struct query *q = route->queries; q && q->name; q++) {
		const char *value = request_query(request, q->name);
		bool given = false;
		if (!value || !q->flag)
			continue;
		if (q->flag[strlen(q->flag) - 1] == '=') {
			argv_add(argv, "%s%s", q->flag, value);
			continue;
		}
		int r = request_switch(request, q->name, false, &given, err);
		if (r < 0)
			return r;
		if (given)
			argv_add(argv, "%s", q->flag);
	}
	return 0;
}

/* The word in braces: a name of the path, or a string of the body; NULL: neither has it. */
static const char *value_of(const struct match *match, const struct request *request,
			    const char *name)
{
	const char *value = match_name(match, name);

	return value ? value : json_string_value(body_member(request->body, name));
}

int match_verb(const struct match *match, const struct request *request, const char *verb,
	       const struct field *fields, struct argv *argv, struct err *err)
{
	enum { WORDS_MAX = 16 };
	const char *words[WORDS_MAX];
	scoped_free char *copy = strdup(verb);
	bool flags = verb != match->route->config;
	size_t count = copy ? text_split_words(copy, words, WORDS_MAX) : 0;
	int r = copy ? 0 : err_set(err, ENOMEM, "out of memory");

	for (size_t i = 0; i <= count && r == 0; i++) {
		size_t n = i < count ? strlen(words[i]) : 0;
		if (flags && (i == count || strcmp(words[i], "--") == 0)) {
			r = add_flags(request, match->route, argv, err);
			body_flags(request->body, fields, false, argv);
			flags = false;
		}
		if (n > 2 && words[i][0] == '{') {
			char *name = copy + (words[i] - copy) + 1;
			name[n - 2] = '\0';
			const char *value = value_of(match, request, name);
			if (value)
				argv_add(argv, "%s", value);
		} else if (n > 0) {
			argv_add(argv, "%s", words[i]);
		}
	}
	body_flags(request->body, fields, true, argv);
	return r == 0 && argv->failed ? err_set(err, ENOMEM, "out of memory") : r;
}
