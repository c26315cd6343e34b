/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures of desktops: made by a child that is nobody in the machine, and kept for a moment, so that they cost little. */
#include "machine/desktop/desktop.h"
#include "machine/desktop/doorway.h"
#include "machine/desktop/picture.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/timed_child.h"
#include "machine/life/life.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DRAW_MS = 4000, WAIT_SECONDS = 10, FRESH_SECONDS = 5, NOBODY = 65534 };

struct drawing {
	struct doorway doorway;
	int display; /* borrowed */
};

static int become_nobody(void)
{
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return -errno;
	prctl(PR_SET_DUMPABLE, 0);
	return 0;
}

/* Runs in the child: no process of root's reads what a display says. */
static int draw(void *context, int *fds, struct err *err)
{
	const struct drawing *drawing = context;
	struct picture picture;
	unsigned char png[PICTURE_MOST];

	scoped_fd int file = memfd_create("berth-picture", MFD_CLOEXEC);
	if (file < 0)
		return err_set(err, errno, "make a file: %s", strerror(errno));
	if (doorway_enter(&drawing->doorway, err) < 0)
		return -err->code;
	int r = become_nobody();
	if (r < 0)
		return err_set(err, -r, "become nobody of the machine: %s", strerror(-r));
	if (picture_draw(drawing->display, drawing->display, &picture, err) < 0)
		return -err->code;
	r = file_write_all(file, (const char *)png, picture_write(&picture, png), 0);
	if (r < 0)
		return err_set(err, -r, "write the picture: %s", strerror(-r));
	fds[0] = take_fd(&file);
	return 0;
}

static int take(struct machine *machine, struct err *err)
{
	struct drawing drawing = { .doorway = { .pidfd = -1 } };
	const struct timed_child child = { .work = draw,
					   .context = &drawing,
					   .count = 1,
					   .timeout_ms = DRAW_MS,
					   .late = "the display shows nothing in time" };
	struct err why = { 0 };
	int fds[1] = { -1 };
	bool rdp;

	scoped_fd int display = desktop_connect(machine, DESKTOP_DISPLAY, DESKTOP_NOW, &rdp, err);
	if (display < 0)
		return display;
	if (rdp)
		return err_set(
			err, EPROTONOSUPPORT,
			"the desktop of machine '%s' speaks RDP, of which there are no pictures",
			machine->name);
	if (doorway_open(&drawing.doorway, machine, err) < 0)
		return -err->code;
	drawing.display = display;
	int r = timed_child_run(&child, fds, &why);
	doorway_close(&drawing.doorway);
	return r < 0 ? err_set(err, -r, "no picture of the desktop of machine '%s': %s",
			       machine->name, why.text)
		     : fds[0];
}

/* A picture that was taken a moment ago. -1: none. */
static int open_fresh(const char *path)
{
	struct stat st;
	time_t now = time(NULL);

	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool fresh = fd >= 0 && fstat(fd, &st) == 0 && st.st_mtime <= now &&
		     st.st_mtime + FRESH_SECONDS > now;
	return fresh ? take_fd(&fd) : -1;
}

static int keep(int picture, const char *path, struct err *err)
{
	char bytes[PICTURE_MOST];
	ssize_t n = pread(picture, bytes, sizeof bytes, 0);

	if (n < 0)
		return err_set(err, errno, "read the picture: %s", strerror(errno));
	return file_replace(path, bytes, (size_t)n, 0600, err);
}

static int check_running(const struct machine *machine, struct err *err)
{
	struct machine_status status;

	machine_status(machine, NULL, &status);
	if (status.state == MACHINE_RUNNING)
		return 0;
	return err_set(
		err, ESRCH,
		"machine '%s' is %s: there are pictures only while it runs, and none is taken "
		"of a machine that would be started or resumed for it",
		machine->name, machine_state_name(status.state));
}

int desktop_picture(struct machine *machine, struct err *err)
{
	scoped_free char *path = text_format("%s/picture", machine->run);
	scoped_free char *lock_path = text_format("%s/picture.lock", machine->run);

	if (!path || !lock_path)
		return err_set(err, ENOMEM, "out of memory");
	if (check_running(machine, err) < 0)
		return -err->code;
	/* One at a time, whoever asks. */
	scoped_fd int lock = file_lock_within(lock_path, WAIT_SECONDS);
	if (lock < 0)
		return err_set(err, -lock, "lock '%s', for a picture: %s", lock_path,
			       strerror(-lock));
	int fresh = open_fresh(path);
	if (fresh >= 0)
		return fresh;
	scoped_fd int picture = take(machine, err);
	if (picture < 0 || keep(picture, path, err) < 0)
		return -err->code;
	return take_fd(&picture);
}
