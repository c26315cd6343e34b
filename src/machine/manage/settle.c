/*
 * Whatever a killed keeper, a killed owner or a host that went down has left of a machine is settled by the command
 * that looks next. An ephemeral machine owned by a command ends when that command is gone.
 */
#include "machine/start/run.h"

#include "base/file.h"
#include "base/scoped.h"
#include "machine/life/control.h"
#include "machine/life/freeze.h"
#include "machine/state/ended.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <string.h>

/* A copy's command was killed while it held the guest still. */
static void thaw_forgotten(struct machine *machine)
{
	scoped_free char *mark = freeze_mark(machine, FREEZE_COPY);

	/* While its command lives it holds a lock on the mark, and this changes nothing. */
	if (mark && access(mark, F_OK) == 0)
		freeze_settle(machine);
}

/* Beside the machines' folders, so that those who had one for themselves are found by one look. */
static char *owner_path(const struct machine *machine)
{
	return site_state_path(machine->site, "machines/.owned/%s", machine->name);
}

int run_claim(const struct machine *machine, int *owner, struct err *err)
{
	scoped_free char *folder = site_state_path(machine->site, "machines/.owned");
	scoped_free char *path = owner_path(machine);

	if (!path || !folder)
		return err_set(err, ENOMEM, "out of memory");
	if (file_make_dirs(folder, 0700, err) < 0)
		return -err->code;
	int fd = file_lock(path, FILE_LOCK_TRY);
	if (fd < 0)
		return err_set(err, -fd, "lock '%s': %s", path, strerror(-fd));
	*owner = fd;
	return 0;
}

void run_unclaim(const struct machine *machine)
{
	scoped_free char *path = owner_path(machine);

	if (path)
		unlink(path);
}

void machine_disown(const struct machine *machine, int *owner)
{
	/* While it is locked, so that nobody finds it without an owner. */
	if (*owner >= 0)
		run_unclaim(machine);
	scoped_close_fd(owner);
}

static bool lost_owner(const struct machine *machine)
{
	scoped_free char *path = owner_path(machine);

	if (!path || !machine->config.ephemeral)
		return false;
	scoped_fd int fd = file_lock(path, FILE_LOCK_LOOK);
	return fd >= 0;
}

/* Asked, not waited for: we may be what the keeper itself waits for. Its end erases the machine. */
static void end_orphan(struct machine *machine)
{
	if (!lost_owner(machine))
		return;
	scoped_fd int socket = control_connect(machine, &(struct err){ 0 });
	if (socket >= 0)
		protocol_send(socket, ASK_KILL, 0, NULL, 0, -1);
}

static int erase_ended(struct machine *machine, struct err *err)
{
	int r = machine_erase(machine, false, err);

	return r < 0 ? r
		     : err_set(err, ESTALE,
			       "machine '%s' was there for a command that was killed, and went "
			       "with "
			       "it",
			       machine->name);
}

/* It ran when its host went down, or who made it for himself was killed before it ran. */
static int settle_without_run(struct machine *machine, struct err *err)
{
	bool lived = run_has_lived(machine);

	if (!lived && !lost_owner(machine))
		return 0;
	scoped_fd int lock = machine_lock(machine, 0, &(struct err){ 0 });
	if (lock < 0 || access(machine->run, F_OK) == 0)
		return 0;
	if (lost_owner(machine))
		return erase_ended(machine, err);
	if (run_has_lived(machine) && !ended_failed(machine))
		ended_write(machine, "failed", "its host went down under it");
	run_mark_life(machine, false);
	return 0;
}

int run_settle(struct machine *machine, struct err *err)
{
	if (access(machine->run, F_OK) < 0)
		return settle_without_run(machine, err);
	if (run_alive(machine)) {
		thaw_forgotten(machine);
		end_orphan(machine);
		return 0;
	}
	scoped_fd int lock = machine_lock(machine, 0, &(struct err){ 0 });
	if (lock < 0 || run_alive(machine))
		return 0;
	/* Its end was seen: deleting it is what its clean-up did not come to. */
	bool over = machine->config.ephemeral && !machine->fault.code && run_has_finished(machine);
	int r = run_clean_dead(machine, err);
	return r < 0 || (!over && !lost_owner(machine)) ? r : erase_ended(machine, err);
}

/* Of a machine that is gone only the file is left. */
static void sweep_owned(const struct site *site, const char *name)
{
	scoped_machine struct machine machine = { 0 };

	if (machine_open(&machine, site, name, &(struct err){ 0 }) != -ENOENT)
		return;
	if (machine_paths(&machine, site, name, &(struct err){ 0 }) < 0)
		return;
	scoped_free char *path = owner_path(&machine);
	scoped_fd int owner = path ? file_lock(path, FILE_LOCK_LOOK) : -1;
	if (owner >= 0)
		unlink(path);
}

void run_sweep(const struct site *site)
{
	scoped_free char *folder = site_state_path(site, "machines/.owned");
	scoped_dir DIR *dir = folder ? opendir(folder) : NULL;

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		if (!text_label_fault(e->d_name))
			sweep_owned(site, e->d_name);
	}
}
