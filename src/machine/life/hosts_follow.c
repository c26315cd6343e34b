/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of a machine's own aliases inside of it, while it runs. */
#include "machine/life/hosts.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "kern/idmap.h"
#include "kern/spawn.h"
#include "kern/timed_child.h"
#include "machine/confine/confine.h"
#include "machine/life/control.h"
#include "machine/life/rootfile.h"
#include "machine/life/run_state.h"
#include "machine/state/private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { FILE_MAX = 65536, ENTER_MS = 3000, WAIT_SECONDS = 30 };

static const char unknown[] = "?\n";

struct entering {
	int pidfd;
	uint64_t namespaces;
	const char *lines;
};

/* The text with these lines in the place of earlier ones, at its end. */
static void replace_lines(const char *text, const char *lines, struct text *out)
{
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		if (!hosts_has_line(line, n))
			text_add(out, "%.*s\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
	text_add(out, "%s", lines);
}

/* Runs in the child. A link or a device is followed no further than root of the machine could. */
static int write_inside(void *context, int *fds, struct err *err)
{
	const struct entering *entering = context;
	scoped_text struct text text = { 0 };

	(void)fds;
	prctl(PR_SET_DUMPABLE, 0);
	int r = spawn_enter(entering->pidfd, entering->namespaces);
	if (r == 0)
		r = idmap_become_root();
	if (r < 0)
		return err_set(err, -r, "enter its namespaces: %s", strerror(-r));
	scoped_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	scoped_fd int fd = root < 0 ? -errno : rootfile_open(root, "etc/hosts");
	if (fd < 0)
		return err_set(err, -fd, "open its /etc/hosts: %s", strerror(-fd));
	scoped_free char *now = rootfile_read(fd, FILE_MAX);
	if (!now)
		return err_set(err, EFBIG, "its /etc/hosts is no text, or larger than 64 KiB");
	replace_lines(now, entering->lines, &text);
	r = text.failed ? -ENOMEM : rootfile_write(fd, text_str(&text));
	return r < 0 ? err_set(err, -r, "write its /etc/hosts: %s", strerror(-r)) : 0;
}

static int enter(struct machine *machine, const char *lines, struct err *err)
{
	struct entering entering = { .lines = lines, .namespaces = CLONE_NEWNS };
	const struct timed_child child = { .work = write_inside,
					   .context = &entering,
					   .timeout_ms = ENTER_MS,
					   .late = "its /etc/hosts does not answer" };
	struct run_state state;
	int fds[1];

	scoped_fd int pidfd = control_guest(machine, err);
	if (pidfd < 0)
		return -err->code;
	int r = run_read_state(machine, &state);
	if (r < 0)
		return err_set(err, -r, "read its state: %s", strerror(-r));
	entering.pidfd = pidfd;
	if (state.map.count && !confine_left_out("userns"))
		entering.namespaces |= CLONE_NEWUSER;
	return timed_child_run(&child, fds, err);
}

/* Under the lock. */
static int follow(struct machine *machine, struct err *err)
{
	scoped_text struct text lines = { 0 };
	scoped_free char *path = dirs_run_path(machine->dirs, "aliases/%s", machine->name);
	scoped_free char *noted = NULL;
	struct err why = { 0 };

	hosts_lines(machine, &lines);
	if (!path || lines.failed)
		return err_set(err, ENOMEM, "out of memory");
	int r = (int)file_read(AT_FDCWD, path, FILE_MAX, &noted);
	if (r < 0 && r != -ENOENT)
		return err_set(err, -r, "read '%s': %s", path, strerror(-r));
	bool same = strcmp(noted ? noted : "", text_str(&lines)) == 0;
	/* No lines are those of this note, so that they are written again after a kill. */
	r = same ? 0 : hosts_note(machine, unknown);
	if (r == 0 && !same && enter(machine, text_str(&lines), &why) < 0)
		return err_set(err, why.code, "machine '%s': its aliases: %.400s", machine->name,
			       why.text);
	fault_point("aliases-written");
	if (r == 0)
		r = hosts_note(machine, text_str(&lines));
	return r < 0 ? err_set(err, -r, "write '%s': %s", path, strerror(-r)) : 0;
}

static int lock_notes(const struct dirs *dirs, struct err *err)
{
	return dirs_lock(dirs, "aliases", WAIT_SECONDS, "the aliases of machines", err);
}

int hosts_follow(struct machine *machine, struct err *err)
{
	if (!run_going(machine))
		return 0;
	scoped_fd int lock = lock_notes(machine->dirs, err);
	return lock < 0 ? lock : follow(machine, err);
}

static void follow_noted(const struct dirs *dirs, const char *name)
{
	scoped_machine struct machine machine = { 0 };
	struct err unsaid = { 0 };
	int r = machine_read(&machine, dirs, name, &unsaid);

	if (r == 0 && run_going(&machine)) {
		follow(&machine, &unsaid);
		return;
	}
	scoped_free char *path = dirs_run_path(dirs, "aliases/%s", name);
	if (path && (r == -ENOENT || (r == 0 && !run_alive(&machine))))
		unlink(path);
}

void hosts_follow_all(const struct dirs *dirs)
{
	scoped_free char *folder = dirs_run_path(dirs, "aliases");
	scoped_dir DIR *notes = folder ? opendir(folder) : NULL;
	struct err unsaid = { 0 };

	if (!notes)
		return;
	scoped_fd int lock = lock_notes(dirs, &unsaid);
	for (struct dirent *e; lock >= 0 && (e = readdir(notes));) {
		if (!text_label_fault(e->d_name))
			follow_noted(dirs, e->d_name);
	}
}
