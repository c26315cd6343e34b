/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names of the server, its files, and the links with which root signs in. */
#include "gateway/web.h"

#include "base/dirs.h"
#include "base/file.h"
#include "base/install.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

static const char *scheme(const struct web *web)
{
	return web->secure ? "https" : "http";
}

/* A file that the server has locked, with its address; berth desktop --url reads it too. */
static char *note_path(const struct web *web)
{
	return text_format("%s/server", web->sessions);
}

int web_open(struct web *web, const char *address, struct err *err)
{
	scoped_dirs struct dirs dirs = { 0 };
	char folder[PATH_MAX];
	const char *port = strrchr(address, ':');

	if (dirs_open(&dirs, NULL, err) < 0)
		return -err->code;
	web->sessions = dirs_run_path(&dirs, "api");
	if (!web->sessions)
		return err_set(err, ENOMEM, "out of memory");
	if (!port || text_print(web->names[0], WEB_NAME, "%s", address) < 0 ||
	    text_print(web->names[1], WEB_NAME, "localhost%s", port) < 0 ||
	    install_web(folder, sizeof folder) < 0)
		return err_set(err, ENAMETOOLONG, "'%.32s' is too long for an address", address);
	if (file_make_dirs(web->sessions, 0700, err) < 0)
		return -err->code;
	return pages_open(&web->pages, folder, err);
}

void web_name(struct web *web)
{
	const char *port = strrchr(web->names[0], ':');

	for (size_t i = 0; i < TLS_NAMES; i++)
		if (*web->tls.names[i] &&
		    text_print(web->names[2 + i], WEB_NAME, "%s%s", web->tls.names[i], port) < 0)
			*web->names[2 + i] = '\0';
}

int web_announce(struct web *web, struct err *err)
{
	scoped_free char *path = note_path(web);
	scoped_free char *text = text_format("%s://%s", scheme(web), web->names[0]);
	int fd = path && text ? file_lock(path, FILE_LOCK_TRY) : -ENOMEM;

	if (fd < 0)
		return err_set(err, -fd, "another server for the page runs; end it first");
	/* The descriptor is the lock until the program ends. */
	if (ftruncate(fd, 0) < 0 || file_write_all(fd, text, strlen(text), 0) < 0)
		return err_set(err, EIO, "write '%s'", path);
	web->note = fd;
	return 0;
}

bool web_is_served(struct web *web)
{
	scoped_free char *path = note_path(web);
	scoped_free char *text = NULL;
	scoped_fd int fd = path ? file_lock(path, FILE_LOCK_LOOK) : -ENOMEM;

	if (fd != -EWOULDBLOCK || file_read(AT_FDCWD, path, 2 * WEB_NAME, &text) < 0)
		return false;
	const char *address = strstr(text, "://");
	if (!address || strcmp(address + 3, web->names[0]) != 0)
		return false;
	web->secure = text_starts(text, "https:");
	return true;
}

int web_print_link(const struct web *web, struct err *err)
{
	char secret[SESSION_SECRET];

	if (session_make(web->sessions, SESSION_LINK, "root", secret, err) < 0)
		return -err->code;
	printf("%s://%s/sign-in/%s\n", scheme(web), web->names[0], secret);
	return fflush(stdout) == 0 ? 0 : err_set(err, errno, "write the link: %s", strerror(errno));
}

void web_close(struct web *web)
{
	if (!web->sessions)
		return;
	pages_close(&web->pages);
	tls_close(&web->tls);
	free(web->sessions);
	web->sessions = NULL;
	scoped_close_fd(&web->note);
}
