/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A parser of the head of a CGI program's answer. */
#include "gateway/cgi_head.h"

#include "base/text.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { STATUS_DIGITS = 3 };

/* The bytes of a head up to the end of its empty line, 0 if there is none yet. */
static size_t find_end(const char *bytes, size_t n)
{
	size_t line = 0;

	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != '\n')
			continue;
		if (i == line || (i == line + 1 && bytes[line] == '\r'))
			return i + 1;
		line = i + 1;
	}
	return 0;
}

/* A token of RFC 9110, 5.6.2. */
static bool is_name(const char *name)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";

	if (!*name)
		return false;
	for (const char *c = name; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		      (*c >= '0' && *c <= '9') || strchr(marks, *c)))
			return false;
	return true;
}

static bool is_value(const char *value)
{
	for (const char *c = value; *c; c++)
		if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
			return false;
	return true;
}

static int read_status(const char *value, struct cgi_head *head)
{
	char digits[STATUS_DIGITS + 1] = { 0 };
	uint64_t status;

	memcpy(digits, value, strnlen(value, STATUS_DIGITS));
	if (strlen(digits) == STATUS_DIGITS && value[STATUS_DIGITS] && value[STATUS_DIGITS] != ' ')
		return -EPROTO;
	if (text_to_u64(digits, 200, 599, &status) < 0)
		return -EPROTO;
	head->status = (unsigned)status;
	return 0;
}

/* Fields about one connection, and not about its contents, are the gateway's. */
static bool is_of_connection(const char *name)
{
	static const char *const names[] = { "Connection", "Keep-Alive", "Transfer-Encoding",
					     "Upgrade",    "Trailer",    "Date" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

static int take_field(struct cgi_head *head, const char *name, const char *value)
{
	if (strcasecmp(name, "Status") == 0)
		return read_status(value, head);
	if (strcasecmp(name, "Content-Length") == 0) {
		head->has_length = true;
		return text_to_u64(value, 0, INT64_MAX, &head->length) < 0 ? -EPROTO : 0;
	}
	if (strcasecmp(name, "Berth-Ticket") == 0)
		head->ticket = value;
	else if (strcasecmp(name, "Berth-Attach") == 0)
		head->attach = value;
	if (strncasecmp(name, "Berth-", 6) == 0 || is_of_connection(name))
		return 0;
	if (strcasecmp(name, "Content-Type") == 0)
		head->type = value;
	if (head->count == CGI_FIELDS)
		return -EPROTO;
	head->fields[head->count++] = (struct cgi_field){ .name = name, .value = value };
	return 0;
}

static int take_line(struct cgi_head *head, char *line)
{
	char *colon = strchr(line, ':');

	if (!colon)
		return -EPROTO;
	*colon = '\0';
	const char *value = text_trim(colon + 1);
	return is_name(line) && is_value(value) ? take_field(head, line, value) : -EPROTO;
}

long cgi_head_parse(char *bytes, size_t n, struct cgi_head *head)
{
	size_t end = find_end(bytes, n);

	*head = (struct cgi_head){ .status = 200 };
	if (end == 0)
		return 0;
	for (size_t at = 0; at < end;) {
		char *line = bytes + at, *stop = memchr(line, '\n', end - at);
		at = (size_t)(stop - bytes) + 1;
		if (memchr(line, '\0', (size_t)(stop - line)))
			return -EPROTO;
		*stop = '\0';
		if (stop > line && stop[-1] == '\r')
			stop[-1] = '\0';
		if (*line && take_line(head, line) < 0)
			return -EPROTO;
	}
	return (long)end;
}
