/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cli/print.h"

#include "base/scoped.h"
#include "cmd/cli/output.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void print_plain(const char *text, struct text *out)
{
	for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
		/* C2 80 to C2 9F encode U+0080 to U+009F, which terminals obey as well. */
		if (*s < 0x20 || *s == 0x7f) {
			text_add_bytes(out, "?", 1);
		} else if (*s == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0) {
			text_add_bytes(out, "?", 1);
			s++;
		} else {
			text_add_bytes(out, s, 1);
		}
	}
}

void print_field(int column, const char *label, const char *value)
{
	scoped_text struct text plain = { 0 };

	print_plain(value, &plain);
	if (plain.length)
		printf("%-*s %s\n", column, label, text_str(&plain));
}

static bool as_json;

void print_sentences_as_json(void)
{
	as_json = true;
}

/* kind: "error" with its code, or "note" with code 0. */
static void add_object(struct text *line, const char *kind, const char *sentence, int code)
{
	json_t *object = json_object();
	const char *name = code ? strerrorname_np(code) : NULL;

	json_object_set_new(object, kind, json_text(sentence));
	if (name)
		json_object_set_new(object, "code", json_string(name));
	char *dumped = json_dumps(object, JSON_COMPACT);
	text_add(line, "%s", dumped ? dumped : "{}");
	free(dumped);
	json_decref(object);
}

static void add_sentence(struct text *line, const char *kind, const char *sentence, int code)
{
	if (as_json) {
		add_object(line, kind, sentence, code);
	} else {
		text_add(line, "berth: ");
		print_plain(sentence, line);
	}
	text_add(line, "\n");
}

static void print_sentence(const char *kind, const char *sentence, int code)
{
	scoped_text struct text line = { 0 };

	add_sentence(&line, kind, sentence, code);
	/* Standard output is flushed first, so that both streams are in order if they go to one file. */
	output_flush();
	fputs(text_str(&line), stderr);
}

void print_error(const struct err *err)
{
	print_sentence("error", err->text, err->code);
}

void print_note(const char *fmt, ...)
{
	char *sentence = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&sentence, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	print_sentence("note", sentence, 0);
	free(sentence);
}

void print_note_line(const char *sentence, struct text *out)
{
	add_sentence(out, "note", sentence, 0);
}

void print_notes(struct text *lines)
{
	char *rest = lines->data;

	for (char *line; (line = strsep(&rest, "\n"));) {
		if (*line)
			print_note("%s", line);
	}
}

size_t print_width_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

void print_blanks(struct text *out, size_t count)
{
	static const char blanks[] = "                                ";
	const size_t most = sizeof blanks - 1;

	for (; count > most; count -= most)
		text_add_bytes(out, blanks, most);
	text_add_bytes(out, blanks, count);
}

enum { MEANING_INDENT = 8, MEANING_LEAST = 24 };

unsigned print_width(void)
{
	const char *wanted = getenv("COLUMNS");
	struct winsize size;
	uint64_t columns;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return 0;
	if (wanted && text_to_u64(wanted, 1, 10000, &columns) == 0)
		return (unsigned)columns;
	return size.ws_col;
}

void print_meaning(const char *word, unsigned column, const char *text, unsigned width,
		   struct text *out)
{
	bool below = width && width < column + MEANING_LEAST;
	size_t at = print_width_of(word), indent = below && column ? MEANING_INDENT : column;

	text_add(out, "%s", word);
	for (bool first = true; *text; first = false) {
		size_t n = strcspn(text, " ");
		scoped_free char *one = strndup(text, n);
		size_t wide = one ? print_width_of(one) : n;
		size_t blanks = !first ? 1 : at < indent ? indent - at : at > 0;
		if (at > 0 && ((first && below) || (width && at + blanks + wide > width))) {
			text_add(out, "\n");
			blanks = indent;
			at = 0;
		}
		print_blanks(out, blanks);
		text_add_bytes(out, text, n);
		at += blanks + wide;
		text += n + strspn(text + n, " ");
	}
	text_add(out, "\n");
}

int print_json(json_t *value, struct err *err)
{
	int r = value ? json_dumpf(value, stdout,
				   JSON_INDENT(2) | JSON_REAL_PRECISION(6) | JSON_ENCODE_ANY)
		      : -1;

	int code = errno;
	json_decref(value);
	if (r < 0 && ferror(stdout)) {
		output_failed(code);
		return output_end(err);
	}
	if (r < 0)
		return err_set(err, ENOMEM, "out of memory");
	putchar('\n');
	return 0;
}

json_t *json_text(const char *text)
{
	if (!text || !*text)
		return json_null();
	json_t *value = json_string(text);
	if (value)
		return value;
	scoped_free char *copy = strdup(text);
	for (char *p = copy; p && *p; p++) {
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	}
	return copy ? json_string(copy) : NULL;
}

json_t *json_count(uint64_t number)
{
	return number ? json_integer((json_int_t)number) : json_null();
}

json_t *json_address(bool known, struct in_addr address)
{
	char text[INET_ADDRSTRLEN];

	if (!known || !inet_ntop(AF_INET, &address, text, sizeof text))
		return json_null();
	return json_string(text);
}

json_t *json_address6(bool known, const struct in6_addr *address)
{
	char text[INET6_ADDRSTRLEN];

	if (!known || !inet_ntop(AF_INET6, address, text, sizeof text))
		return json_null();
	return json_string(text);
}

json_t *json_members(const struct json_member *members)
{
	json_t *object = json_object();

	for (; members->name; members++) {
		/* A NULL object or value is an error that frees the value. */
		if (json_object_set_new(object, members->name, members->value) < 0) {
			json_decref(object);
			object = NULL;
		}
	}
	return object;
}

void print_span(uint64_t seconds, char *out, size_t room)
{
	static const struct {
		const char *name;
		uint64_t seconds;
	} units[] = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } };
	size_t i = 0;

	while (i < 3 && seconds < units[i].seconds)
		i++;
	uint64_t rest = seconds % units[i].seconds;
	if (i == 3 || rest / units[i + 1].seconds == 0)
		snprintf(out, room, "%" PRIu64 "%s", seconds / units[i].seconds, units[i].name);
	else
		snprintf(out, room, "%" PRIu64 "%s%" PRIu64 "%s", seconds / units[i].seconds,
			 units[i].name, rest / units[i + 1].seconds, units[i + 1].name);
}

void print_time(uint64_t when, char *out, size_t room)
{
	time_t seconds = (time_t)when;
	struct tm tm;

	*out = '\0';
	if (when && localtime_r(&seconds, &tm))
		strftime(out, room, "%Y-%m-%d %H:%M:%S", &tm);
}
