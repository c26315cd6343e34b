/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lines of a file of settings: one cut out of the text, and a line cut into its parts.
 * What keys and sections there are is not known here.
 */
#include "config/file.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

int line_next(const char *data, size_t length, char *line, struct err *err)
{
	const char *end = memchr(data, '\n', length);
	size_t n = end ? (size_t)(end - data) : length;

	if (memchr(data, '\0', n))
		return err_set(err, EINVAL, "there is a NUL byte; this is not a text file");
	if (n > CONFIG_LINE_MAX)
		return err_set(err, EINVAL, "the line is longer than %d bytes", CONFIG_LINE_MAX);
	memcpy(line, data, n);
	line[n] = '\0';
	return (int)n;
}

bool line_split(char *line, char **name, char **value)
{
	char *equals = strchr(line, '=');

	*name = line;
	*value = NULL;
	if (equals) {
		*equals = '\0';
		*value = text_trim(equals + 1);
	}
	*name = text_trim(line);
	return equals != NULL;
}

bool line_is_comment(const char *line)
{
	while (isspace((unsigned char)*line))
		line++;
	return *line == '\0' || *line == '#' || *line == ';';
}

bool line_is_header(const char *line)
{
	return line[strspn(line, " \t\r\v\f")] == '[';
}

bool line_split_header(char *line, char **word, char **name)
{
	char *text = text_trim(line);
	size_t n = strlen(text);

	if (n < 2 || text[n - 1] != ']')
		return false;
	text[n - 1] = '\0';
	*word = text_trim(text + 1);
	n = strcspn(*word, " \t");
	*name = text_trim(*word + n + ((*word)[n] != '\0'));
	(*word)[n] = '\0';
	return **word && **name;
}
