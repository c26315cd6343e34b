/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files "KIND.SUM" with a line "USER UNTIL". */
#include "gateway/session.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <nettle/base64.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/random.h>

enum { BYTES = 32, MOST = 512, FILES = 256 };

static const char *const names[] = { "link", "session" };

/* The path of a secret's file. -EINVAL: it is none. */
static int make_path(const char *folder, enum session_kind kind, const char *secret, char *out)
{
	uint8_t sum[SHA256_DIGEST_SIZE];
	char text[BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE) + 1] = { 0 };
	struct sha256_ctx context;

	if (strlen(secret) != SESSION_SECRET - 1)
		return -EINVAL;
	sha256_init(&context);
	sha256_update(&context, SESSION_SECRET - 1, (const uint8_t *)secret);
	sha256_digest(&context, sizeof sum, sum);
	base64_encode_raw(text, sizeof sum, sum);
	for (char *c = text; *c; c++)
		*c = *c == '/' ? '_' : *c;
	return text_print(out, PATH_MAX, "%s/%s.%s", folder, names[kind], text);
}

static int read_one(const char *path, char *user, size_t room)
{
	scoped_free char *line = NULL;
	uint64_t until;

	if (file_read(AT_FDCWD, path, MOST, &line) < 0)
		return -ENOENT;
	char *blank = strchr(line, ' ');
	if (!blank || text_to_u64(text_trim(blank + 1), 0, UINT64_MAX, &until) < 0)
		return -ENOENT;
	*blank = '\0';
	/* No name would be root's. */
	return !*line || until <= clock_seconds() || text_print(user, room, "%s", line) < 0
		       ? -ENOENT
		       : 0;
}

/* Removes what is too old. -ENOSPC: there are too many that are not. */
static int clean(const char *folder)
{
	scoped_dir DIR *dir = opendir(folder);
	const struct dirent *entry;
	char user[MOST];
	int count = 0;

	while (dir && (entry = readdir(dir))) {
		scoped_free char *path = text_format("%s/%s", folder, entry->d_name);
		bool ours = text_starts(entry->d_name, "link.") ||
			    text_starts(entry->d_name, "session.");
		if (entry->d_type != DT_REG || !ours || !path)
			continue;
		if (read_one(path, user, sizeof user) < 0)
			unlink(path);
		else
			count++;
	}
	return count < FILES ? 0 : -ENOSPC;
}

int session_make(const char *folder, enum session_kind kind, const char *user, char *secret,
		 struct err *err)
{
	uint8_t bytes[BYTES];
	char path[PATH_MAX], text[BASE64_ENCODE_RAW_LENGTH(BYTES) + 1] = { 0 }, line[MOST];
	uint64_t until =
		clock_seconds() + (kind == SESSION_LINK ? SESSION_LINK_SECONDS : SESSION_SECONDS);

	if (file_make_dirs(folder, 0700, err) < 0)
		return -err->code;
	if (clean(folder) < 0)
		return err_set(err, ENOSPC, "there are %d sessions already; sign out of one",
			       FILES);
	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return err_set(err, EIO, "the kernel gives no random bytes");
	base64_encode_raw(text, sizeof bytes, bytes);
	for (char *c = text; *c; c++)
		*c = *c == '/' ? '_' : *c == '+' ? '-' : *c;
	memcpy(secret, text, SESSION_SECRET - 1);
	secret[SESSION_SECRET - 1] = '\0';
	int r = make_path(folder, kind, secret, path);
	if (r == 0)
		r = text_print(line, sizeof line, "%s %" PRIu64 "\n", user, until);
	if (r == 0)
		r = file_create(path, line, strlen(line), 0600);
	return r < 0 ? err_set(err, -r, "write a session into '%s': %s", folder, strerror(-r)) : 0;
}

int session_find(const char *folder, enum session_kind kind, const char *secret, char *user,
		 size_t room)
{
	char path[PATH_MAX];

	if (make_path(folder, kind, secret, path) < 0 || read_one(path, user, room) < 0)
		return -ENOENT;
	/* Of two that use a link at once only one removes it. */
	return kind == SESSION_LINK && unlink(path) < 0 ? -ENOENT : 0;
}

void session_end(const char *folder, const char *secret)
{
	char path[PATH_MAX];

	if (make_path(folder, SESSION_COOKIE, secret, path) == 0)
		unlink(path);
}

void session_end_all(const char *folder, const char *user)
{
	scoped_dir DIR *dir = opendir(folder);
	const struct dirent *entry;
	char of[MOST];

	while (dir && (entry = readdir(dir))) {
		scoped_free char *path = text_format("%s/%s", folder, entry->d_name);
		if (entry->d_type == DT_REG && text_starts(entry->d_name, "session.") && path &&
		    read_one(path, of, sizeof of) == 0 && strcmp(of, user) == 0)
			unlink(path);
	}
}
