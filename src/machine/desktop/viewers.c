/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/desktop/viewers.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Nobody holds the lock of the folder for longer than a look. */
enum { RECORD_MAX = 128, TRIES = 8 };
static const char record[] = "control";

static bool name_of(const struct viewers *viewers, unsigned number, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* The path of the folder may be too long for an address. */
	return text_print(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%u",
			  viewers->folder, number) >= 0;
}

/* Tells a viewer that something has changed. False: there is none of that number. */
static bool ring(const struct viewers *viewers, unsigned number)
{
	struct sockaddr_un address;
	scoped_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || !name_of(viewers, number, &address))
		return true;
	/* One whose bell is full has been told. */
	return sendto(fd, "", 1, MSG_NOSIGNAL, (struct sockaddr *)&address, sizeof address) >= 0 ||
	       (errno != ECONNREFUSED && errno != ENOENT);
}

static bool is_there(const struct viewers *viewers, unsigned number)
{
	struct sockaddr_un address;
	scoped_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return number == viewers->us || fd < 0 || !name_of(viewers, number, &address) ||
	       connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

/* Calls visit for each other number, and removes those that were killed. The number of all that are left, with us. */
static unsigned visit_others(const struct viewers *viewers,
			     bool (*visit)(const struct viewers *, unsigned))
{
	scoped_dir DIR *dir = opendir(viewers->path);
	unsigned count = 1;
	uint64_t number;

	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (text_to_u64(e->d_name, 0, VIEWERS_MAX, &number) < 0 || number == viewers->us)
			continue;
		if (visit(viewers, (unsigned)number))
			count++;
		else
			unlinkat(viewers->folder, e->d_name, 0);
	}
	return count;
}

/* The lock is held. The number of the viewer that has the control; -1: none. client: its name. */
static int read_record(const struct viewers *viewers, char client[VIEWER_CLIENT + 1])
{
	scoped_free char *text = NULL;
	uint64_t number;

	*client = '\0';
	if (file_read(viewers->folder, record, RECORD_MAX, &text) < 0)
		return -1;
	char *space = strchr(text, ' ');
	if (!space)
		return -1;
	*space = '\0';
	if (text_to_u64(text, 0, VIEWERS_MAX, &number) < 0 || !is_there(viewers, (unsigned)number))
		return -1;
	text_print(client, VIEWER_CLIENT + 1, "%s", space + 1);
	return (int)number;
}

static int write_record(const struct viewers *viewers)
{
	char text[RECORD_MAX];
	scoped_fd int fd =
		openat(viewers->folder, record,
		       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	text_print(text, sizeof text, "%u %s", viewers->us, viewers->client);
	return fd < 0 ? -errno : file_write_all(fd, text, strlen(text), -1);
}

static void see(struct viewers *viewers)
{
	char client[VIEWER_CLIENT + 1];
	int number = read_record(viewers, client);

	viewers->control = number < 0                        ? VIEWERS_FREE
			   : (unsigned)number == viewers->us ? VIEWERS_OURS
							     : VIEWERS_OTHER;
	viewers->count = visit_others(viewers, is_there);
}

static void begin(const struct viewers *viewers)
{
	while (flock(viewers->folder, LOCK_EX) < 0 && errno == EINTR)
		;
}

static void end(const struct viewers *viewers)
{
	flock(viewers->folder, LOCK_UN);
}

/* The folder, locked. One that the last viewer has just removed is made again. */
static int open_folder(struct viewers *viewers, struct err *err)
{
	struct stat st;

	for (int i = 0; i < TRIES; i++) {
		if (file_make_dirs(viewers->path, 0700, err) < 0)
			return -err->code;
		viewers->folder = open(viewers->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (viewers->folder < 0 && errno == ENOENT)
			continue;
		if (viewers->folder < 0)
			return err_set(err, errno, "open '%s': %s", viewers->path, strerror(errno));
		begin(viewers);
		if (fstat(viewers->folder, &st) == 0 && st.st_nlink > 0)
			return 0;
		scoped_close_fd(&viewers->folder);
	}
	return err_set(err, EAGAIN, "open '%s': it is removed again and again", viewers->path);
}

/* The lowest number that is free, or was that of a viewer that was killed. */
static int take_number(struct viewers *viewers, struct err *err)
{
	struct sockaddr_un address;
	char name[16];

	viewers->bell = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (viewers->bell < 0)
		return err_set(err, errno, "make a socket: %s", strerror(errno));
	for (unsigned n = 0; n < VIEWERS_MAX; n++) {
		viewers->us = VIEWERS_MAX; /* nobody yet */
		if (!name_of(viewers, n, &address))
			break;
		text_print(name, sizeof name, "%u", n);
		if (faccessat(viewers->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
			if (is_there(viewers, n))
				continue;
			unlinkat(viewers->folder, name, 0);
		}
		if (bind(viewers->bell, (struct sockaddr *)&address, sizeof address) == 0) {
			viewers->us = n;
			return 0;
		}
		return err_set(err, errno, "make a socket in '%s': %s", viewers->path,
			       strerror(errno));
	}
	return err_set(err, EBUSY, "the desktop has %d viewers already", VIEWERS_MAX);
}

static void drop(struct viewers *viewers)
{
	scoped_close_fd(&viewers->bell);
	scoped_close_fd(&viewers->folder);
	free(viewers->path);
	viewers->path = NULL;
}

int viewers_join(struct viewers *viewers, const struct machine *machine, const char *client,
		 bool take, struct err *err)
{
	char has[VIEWER_CLIENT + 1];

	*viewers = (struct viewers){ .folder = -1, .bell = -1 };
	text_print(viewers->client, sizeof viewers->client, "%s", client);
	viewers->path = dirs_run_path(machine->dirs, "viewers/%s", machine->name);
	int r = viewers->path ? open_folder(viewers, err) : err_set(err, ENOMEM, "out of memory");
	if (r == 0)
		r = take_number(viewers, err);
	if (r == 0) {
		int number = read_record(viewers, has);
		bool again = *client && strcmp(client, has) == 0;
		if ((number < 0 || again || take) && (r = write_record(viewers)) < 0)
			err_set(err, -r, "write in '%s': %s", viewers->path, strerror(-r));
	}
	if (r == 0) {
		see(viewers);
		visit_others(viewers, ring);
		end(viewers);
	} else {
		drop(viewers);
	}
	return r;
}

void viewers_leave(struct viewers *viewers)
{
	char name[16];

	if (viewers->folder < 0)
		return;
	begin(viewers);
	see(viewers);
	if (viewers->control == VIEWERS_OURS)
		unlinkat(viewers->folder, record, 0);
	text_print(name, sizeof name, "%u", viewers->us);
	unlinkat(viewers->folder, name, 0);
	if (visit_others(viewers, ring) == 1) {
		unlinkat(viewers->folder, record, 0);
		rmdir(viewers->path);
	}
	drop(viewers);
}

void viewers_look(struct viewers *viewers)
{
	char byte;

	while (recv(viewers->bell, &byte, 1, MSG_DONTWAIT) >= 0)
		;
	begin(viewers);
	see(viewers);
	end(viewers);
}

void viewers_take(struct viewers *viewers)
{
	begin(viewers);
	if (write_record(viewers) == 0)
		visit_others(viewers, ring);
	see(viewers);
	end(viewers);
}

void viewers_give(struct viewers *viewers)
{
	begin(viewers);
	see(viewers);
	if (viewers->control == VIEWERS_OURS) {
		unlinkat(viewers->folder, record, 0);
		visit_others(viewers, ring);
	}
	see(viewers);
	end(viewers);
}

bool viewers_may_act(struct viewers *viewers, bool press)
{
	if (viewers->control == VIEWERS_OURS)
		return true;
	if (!press)
		return false;
	/* A viewer that was killed has told nobody. */
	viewers_look(viewers);
	if (viewers->control == VIEWERS_FREE)
		viewers_take(viewers);
	return viewers->control == VIEWERS_OURS;
}
