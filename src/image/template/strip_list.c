/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/template/strip_list.h"

#include "base/file.h"
#include "base/install.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum { LIST_MAX = 64 << 10 };

void strip_list_free(struct strip_line **lines)
{
	while (*lines) {
		struct strip_line *line = *lines;
		*lines = line->next;
		free(line->path);
		free(line->text);
		free(line);
	}
}

/* The next word of a line, or NULL; *rest is what follows it. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " \t");
	size_t n = strcspn(word, " \t");

	*rest = word + n + (word[n] ? 1 : 0);
	word[n] = '\0';
	return n ? word : NULL;
}

/* The fault of a path, or NULL. */
static const char *path_fault(const char *path)
{
	if (path[0] != '/' || !path[1])
		return "is not an absolute path";
	for (const char *part = path; *part;) {
		part += strspn(part, "/");
		size_t n = strcspn(part, "/");
		if (n > 0 && n <= 2 && strspn(part, ".") >= n)
			return "has a part '.' or '..'";
		part += n;
	}
	return path[strlen(path) - 1] == '/' ? "ends with '/'" : NULL;
}

static int parse_words(char *words, struct strip_line *line, struct err *err)
{
	static const char *const verbs[] = { "remove", "empty", "clear", "write" };
	char *when = next_word(&words), *what = next_word(&words), *path = next_word(&words);

	if (!path)
		return err_set(err, EINVAL,
			       "it is not 'WHEN WHAT PATH', as 'identity remove /etc/some.id'");
	line->publish = strcmp(when, "publish") == 0;
	if (!line->publish && strcmp(when, "identity") != 0)
		return err_set(err, EINVAL, "'%s' is neither 'identity' nor 'publish'", when);
	size_t i = 0;
	while (i < sizeof verbs / sizeof *verbs && strcmp(what, verbs[i]) != 0)
		i++;
	if (i == sizeof verbs / sizeof *verbs)
		return err_set(err, EINVAL, "'%s' is not one of remove, empty, clear, write", what);
	line->what = (enum strip_what)i;
	const char *fault = path_fault(path);
	if (fault)
		return err_set(err, EINVAL, "'%s' %s", path, fault);
	const char *text = text_trim(words);
	if ((line->what == STRIP_WRITE) != (*text != '\0'))
		return err_set(err, EINVAL,
			       line->what == STRIP_WRITE ? "it does not say what is written"
							 : "'%s' follows the path",
			       text);
	line->path = strdup(path + strspn(path, "/"));
	line->text = strdup(text);
	return line->path && line->text ? 0 : err_set(err, ENOMEM, "out of memory");
}

int strip_list_parse(const char *path, char *text, struct strip_line **lines, struct err *err)
{
	char *row;

	while (*lines)
		lines = &(*lines)->next;
	for (unsigned number = 1; (row = strsep(&text, "\n")); number++) {
		row = text_trim(row);
		if (!*row || *row == '#')
			continue;
		struct strip_line *line = calloc(1, sizeof *line);
		*lines = line;
		if (!line)
			return err_set(err, ENOMEM, "out of memory");
		if (parse_words(row, line, err) < 0)
			return err_wrap(err, "%s:%u", path, number);
		lines = &line->next;
	}
	return 0;
}

static int is_list(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && text_ends(entry->d_name, ".conf");
}

static void free_names(struct dirent **names, int count)
{
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static int read_file(const char *folder, const char *name, struct strip_line **lines,
		     struct err *err)
{
	scoped_free char *path = text_format("%s/%s", folder, name);
	scoped_free char *text = NULL;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = file_read(AT_FDCWD, path, LIST_MAX, &text);
	/* A link to /dev/null stands for an empty file, as elsewhere. */
	if (n == -EMEDIUMTYPE)
		return 0;
	if (n < 0)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	return strip_list_parse(path, text, lines, err);
}

/* Sorts the files of both folders into one order. */
static int read_both(const char *shipped, struct dirent **theirs, int their_count, const char *own,
		     struct dirent **ours, int our_count, struct strip_line **lines,
		     struct err *err)
{
	int i = 0, j = 0, r = 0;

	while (r == 0 && (i < their_count || j < our_count)) {
		int order = i == their_count ? 1
			    : j == our_count ? -1
					     : strcmp(theirs[i]->d_name, ours[j]->d_name);
		r = order < 0 ? read_file(shipped, theirs[i]->d_name, lines, err)
			      : read_file(own, ours[j]->d_name, lines, err);
		i += order <= 0;
		j += order >= 0;
	}
	return r;
}

static int by_bytes(const struct dirent **one, const struct dirent **other)
{
	return strcmp((*one)->d_name, (*other)->d_name);
}

int strip_list_read(const struct dirs *dirs, struct strip_line **lines, struct err *err)
{
	char shipped[PATH_MAX];
	scoped_free char *own = text_format("%s/identity.d", dirs->etc);
	struct dirent **theirs = NULL, **ours = NULL;

	if (!own)
		return err_set(err, ENOMEM, "out of memory");
	if (install_identity(shipped, sizeof shipped) < 0)
		return err_set(err, ENAMETOOLONG, "the path of identity.d is too long");
	int their_count = scandir(shipped, &theirs, is_list, by_bytes);
	if (their_count < 0)
		return err_set(err, errno, "read '%s', which comes with berth: %s", shipped,
			       strerror(errno));
	int our_count = scandir(own, &ours, is_list, by_bytes);
	int r = our_count < 0 && errno != ENOENT
			? err_set(err, errno, "read '%s': %s", own, strerror(errno))
			: read_both(shipped, theirs, their_count, own, ours,
				    our_count < 0 ? 0 : our_count, lines, err);
	free_names(theirs, their_count);
	free_names(ours, our_count);
	return r;
}
