/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/backup/seal.h"

#include "base/scoped.h"
#include "base/text.h"

#include <string.h>

#define HEAD    "# berth-backup 1"
#define CONTENT "# content "
#define HEX     "0123456789abcdef"

static char *record_of(const char *path)
{
	return text_format("%s" SEAL_RECORD, path);
}

static bool parse(char *text, struct seal *seal)
{
	char *rest = text;
	const char *head = strsep(&rest, "\n"), *content = strsep(&rest, "\n"),
		   *sum = strsep(&rest, "\n");

	*seal = (struct seal){ .sum = "" };
	if (!sum || strcmp(head, HEAD) != 0 || !text_starts(content, CONTENT))
		return false;
	content += strlen(CONTENT);
	if (strlen(content) != UUID_TEXT - 1 || strspn(sum, HEX) != STORE_SUM - 1 ||
	    sum[STORE_SUM - 1] != ' ')
		return false;
	memcpy(seal->content, content, UUID_TEXT);
	memcpy(seal->sum, sum, STORE_SUM - 1);
	return true;
}

int seal_read(struct store *store, const char *path, struct seal *seal, struct err *err)
{
	scoped_free char *record = record_of(path);
	scoped_free char *text = NULL;

	if (!record)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = store_read(store, record, &text, err);
	if (n == -ENOENT)
		return err_set(err, ENOENT,
			       "its record '%s' is gone, without which it cannot be checked",
			       record);
	if (n < 0)
		return (int)n;
	return parse(text, seal) ? 0 : err_set(err, EBADMSG, "its record '%s' is damaged", record);
}

int seal_write(struct store *store, const char *path, const struct seal *seal, struct err *err)
{
	const char *slash = strrchr(path, '/');
	scoped_free char *record = record_of(path);
	scoped_free char *text = text_format(HEAD "\n" CONTENT "%s\n%s  %s\n", seal->content,
					     seal->sum, slash ? slash + 1 : path);

	if (!record || !text)
		return err_set(err, ENOMEM, "out of memory");
	return store_replace(store, record, text, strlen(text), err);
}

int seal_remove(struct store *store, const char *path, struct err *err)
{
	scoped_free char *record = record_of(path);

	return record ? store_remove(store, record, err) : err_set(err, ENOMEM, "out of memory");
}
