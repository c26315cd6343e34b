/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names of the server, its files, and the links with which root signs in. */
#include "gateway/web.h"

#include "base/dirs.h"
#include "base/file.h"
#include "base/install.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <string.h>

enum { NOTE_MAX = 512 };

static const char *scheme(const struct web *web)
{
	return web->secure ? "https" : "http";
}

/* The server's own words, a line each: its address, its process, the sum of a certificate that it was given. */
struct note {
	char *text; /* owned */
	const char *url, *process, *sum;
};

/* A file that the server has locked, with its note; berth desktop --url reads its first line too. */
static char *note_path(const struct web *web)
{
	return text_format("%s/server", web->sessions);
}

static void free_note(struct note *note)
{
	free(note->text);
}

static int read_note(const char *path, struct note *note)
{
	ssize_t n = file_read(AT_FDCWD, path, NOTE_MAX, &note->text);
	char *rest = n < 0 ? NULL : note->text;
	const char *lines[3] = { "", "", "" };

	for (size_t i = 0; rest && i < 3; i++)
		lines[i] = strsep(&rest, "\n");
	*note = (struct note){ note->text, lines[0], lines[1], lines[2] };
	return n < 0 ? (int)n : 0;
}

int web_open(struct web *web, const char *address, struct err *err)
{
	scoped_dirs struct dirs dirs = { 0 };
	const char *port = strrchr(address, ':');

	if (dirs_open(&dirs, NULL, err) < 0)
		return -err->code;
	web->sessions = dirs_run_path(&dirs, "api");
	if (!web->sessions)
		return err_set(err, ENOMEM, "out of memory");
	if (!port || text_print(web->names[0], WEB_NAME, "%s", address) < 0 ||
	    text_print(web->names[1], WEB_NAME, "localhost%s", port) < 0 ||
	    install_web(web->folder, sizeof web->folder) < 0)
		return err_set(err, ENAMETOOLONG, "'%.32s' is too long for an address", address);
	if (file_make_dirs(web->sessions, 0700, err) < 0)
		return -err->code;
	return pages_open(&web->pages, web->folder, err);
}

void web_name(struct web *web)
{
	const char *port = strrchr(web->names[0], ':');

	for (size_t i = 0; i < TLS_NAMES; i++)
		if (*web->tls.names[i] &&
		    text_print(web->names[2 + i], WEB_NAME, "%s%s", web->tls.names[i], port) < 0)
			*web->names[2 + i] = '\0';
}

int web_take_place(struct web *web, struct err *err)
{
	scoped_free char *path = note_path(web);
	__attribute__((cleanup(free_note))) struct note other = { 0 };
	int fd = path ? file_lock(path, FILE_LOCK_TRY) : -ENOMEM;

	if (fd == -EWOULDBLOCK && read_note(path, &other) == 0)
		return err_set(err, EBUSY,
			       "a host has one server for the page, and process %s serves it at "
			       "%s; end it first",
			       other.process, other.url);
	if (fd < 0)
		return err_set(err, -fd, "lock '%s': %s", path ? path : "server", file_why(fd));
	/* The descriptor is the lock until the program ends. */
	web->note = fd;
	return ftruncate(fd, 0) < 0 ? err_set(err, errno, "write '%s'", path) : 0;
}

int web_announce(const struct web *web, struct err *err)
{
	scoped_free char *text = text_format("%s://%s\n%d\n%s\n", scheme(web), web->names[0],
					     (int)getpid(), web->given ? web->tls.fingerprint : "");

	if (!text || file_write_all(web->note, text, strlen(text), 0) < 0)
		return err_set(err, EIO, "write '%s/server'", web->sessions);
	return 0;
}

int web_is_served(struct web *web, struct err *err)
{
	scoped_free char *path = note_path(web);
	__attribute__((cleanup(free_note))) struct note other = { 0 };
	scoped_fd int fd = path ? file_lock(path, FILE_LOCK_LOOK) : -ENOMEM;

	if (fd != -EWOULDBLOCK || read_note(path, &other) < 0)
		return 0;
	const char *address = strstr(other.url, "://");
	if (!address || strcmp(address + 3, web->names[0]) != 0)
		return 0;
	bool secure = text_starts(other.url, "https:");
	const char *fault = web->secure && !secure ? "speaks no TLS"
			    : web->given && strcmp(web->tls.fingerprint, other.sum) != 0
				    ? "has another certificate"
				    : NULL;
	if (fault)
		return err_set(err, EBUSY,
			       "process %s, which serves the page at %s, %s; end it first",
			       other.process, other.url, fault);
	web->secure = secure;
	return 1;
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
