/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of an environment, NAME=value, and of a command, quoted as in a shell. Nothing is expanded. */
#include "config/values.h"

#include "base/scoped.h"
#include "config/types.h"

#include <ctype.h>
#include <string.h>

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* A character after a backslash inside $'...', where *at stands on it and is moved to its last. '\0': it is none. */
static char escaped(const char **at)
{
	const char *p = *at;

	if (*p == 'n' || *p == 't' || *p == 'r')
		return *p == 'n' ? '\n' : *p == 't' ? '\t' : '\r';
	if (*p != 'x')
		return *p == '\'' || *p == '\\' ? *p : '\0';
	if (!isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2]))
		return '\0';
	*at = p + 2;
	return (char)(hex_digit(p[1]) << 4 | hex_digit(p[2]));
}

/* The inside of $'...', after its first quote. NULL, or its fault. */
static const char *take_escapes(const char **at, char **out)
{
	const char *p = *at;

	for (; *p && *p != '\''; p++) {
		char c = *p;
		if (c == '\\') {
			p++;
			c = escaped(&p);
		}
		if (!c)
			return "has a backslash in $'...' that is followed by none of n, t, r, ', "
			       "\\ "
			       "and xHH";
		*(*out)++ = c;
	}
	*at = p;
	return *p ? NULL : "has a quote that is not closed";
}

/*
 * Takes one word from *at, without its quotes, into out, which has room for all of *at. A backslash keeps the next
 * character; inside '...' everything is kept; inside "..." only \" and \\ are special; $'...' is as in bash.
 */
static const char *take_word(const char **at, char *out)
{
	const char *p = *at, *fault;
	char quote = '\0';

	for (; *p && (quote || !isspace((unsigned char)*p)); p++) {
		if (quote && *p == quote) {
			quote = '\0';
		} else if (!quote && *p == '$' && p[1] == '\'') {
			p += 2;
			fault = take_escapes(&p, &out);
			if (fault)
				return fault;
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

const char *config_variable_fault(const char *word)
{
	size_t n = strcspn(word, "=");

	if (n == 0 || word[n] != '=')
		return "is not NAME=value";
	if (isdigit((unsigned char)*word))
		return "has a name that begins with a digit";
	for (size_t i = 0; i < n; i++) {
		if (word[i] != '_' && !isalpha((unsigned char)word[i]) &&
		    (i == 0 || !isdigit((unsigned char)word[i])))
			return "has a name with other characters than letters, digits and '_'";
	}
	return NULL;
}

static int split(const char *value, bool named, char ***words, struct err *err)
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
		if (!fault && named)
			fault = config_variable_fault(out);
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

int config_env(const char *value, char ***words, struct err *err)
{
	return split(value, true, words, err);
}

int config_words(const char *value, char ***words, struct err *err)
{
	return split(value, false, words, err);
}

/* A character as it is, or as it is written inside $'...'. */
static void add_escaped(struct text *out, char c, bool escape)
{
	if (escape && ((unsigned char)c < ' ' || (unsigned char)c >= 0x7f))
		text_add(out, "\\x%02x", (unsigned char)c);
	else if (escape && (c == '\'' || c == '\\'))
		text_add(out, "\\%c", c);
	else
		text_add_bytes(out, &c, 1);
}

/* Quoted as $'...' if it has control characters, else as '...' if it must be. */
static void add_quoted(struct text *out, const char *word)
{
	static const char plain[] = "%+,-./:=@_";
	bool bare = *word, control = false;

	for (const char *p = word; *p; p++) {
		bare &= isalnum((unsigned char)*p) || strchr(plain, *p);
		control |= (unsigned char)*p < ' ' || *p == 0x7f;
	}
	if (bare) {
		text_add(out, "%s", word);
		return;
	}
	text_add(out, control ? "$'" : "'");
	for (const char *p = word; *p; p++) {
		if (!control && *p == '\'')
			text_add(out, "'\\''");
		else
			add_escaped(out, *p, control);
	}
	text_add(out, "'");
}

void config_add_word(struct text *out, const char *word)
{
	if (out->length)
		text_add(out, " ");
	add_quoted(out, word);
}

/* The name of a variable, and the '=' after it. */
static size_t name_length(const char *word)
{
	return strcspn(word, "=") + 1;
}

int config_put_env(char **value, const char *word, struct err *err)
{
	const char *fault = config_variable_fault(word);
	char **words = NULL;
	struct text out = { 0 };

	if (fault)
		return err_set(err, EINVAL, "'%.120s' %s", word, fault);
	if (config_env(*value ? *value : "", &words, err) < 0)
		return -err->code;
	for (size_t i = 0; words[i]; i++) {
		if (strncmp(words[i], word, name_length(word)) != 0)
			config_add_word(&out, words[i]);
	}
	config_add_word(&out, word);
	free(words);
	if (out.failed || out.length > CONFIG_LINE_MAX) {
		bool failed = out.failed;
		text_free(&out);
		return failed ? err_set(err, ENOMEM, "out of memory")
			      : err_set(err, EINVAL, "the value of env is longer than %d bytes",
					CONFIG_LINE_MAX);
	}
	free(*value);
	*value = out.data;
	return 0;
}

/* Other quotes are part of a credential, so that a key or a hash can be written as it is. */
int config_credential(const char *value, char **text, struct err *err)
{
	scoped_free char *out = strdup(value);
	char *end = out;

	if (!out)
		return err_set(err, ENOMEM, "out of memory");
	if (text_starts(value, "$'")) {
		const char *at = value + 2, *fault = take_escapes(&at, &end);
		if (fault || at[1])
			return err_set(err, EINVAL, "'%.40s' %s", value,
				       fault ? fault : "goes on after the quote that ends it");
		*end = '\0';
	}
	*text = take_ptr(&out);
	return 0;
}

int config_credential_value(const char *text, struct text *value, struct err *err)
{
	scoped_text struct text quoted = { 0 };
	size_t n = strlen(text);
	bool plain = !value_text_fault(text) && !text_starts(text, "$'") &&
		     !isspace((unsigned char)*text) && !(n && isspace((unsigned char)text[n - 1]));

	text_add(&quoted, plain ? "" : "$'");
	for (const char *p = text; *p; p++)
		add_escaped(&quoted, *p, !plain);
	text_add(&quoted, plain ? "" : "'");
	if (quoted.failed || text_add(value, "%s", text_str(&quoted)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return quoted.length <= CONFIG_LINE_MAX
		       ? 0
		       : err_set(err, E2BIG, "it is longer than the %d bytes of a setting",
				 CONFIG_LINE_MAX);
}
