/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Marks of roots without an identity of their own: "fresh" in the machine's folder for its root, "fresh.SNAPSHOT" for a
 * snapshot. A root that is restored to a state before its first start loses its identity again.
 */
#include "machine/state/fresh.h"

#include "machine/state/private.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>

static char *mark_of(const struct machine *machine, const char *snapshot)
{
	return snapshot ? text_format("%s/fresh.%s", machine->folder, snapshot)
			: machine_path(machine, "fresh");
}

bool fresh_is(const struct machine *machine, const char *snapshot)
{
	scoped_free char *mark = mark_of(machine, snapshot);

	return mark && access(mark, F_OK) == 0;
}

static int set_fresh(const struct machine *machine, const char *snapshot, bool fresh,
		     struct err *err)
{
	scoped_free char *mark = mark_of(machine, snapshot);

	if (!mark)
		return err_set(err, ENOMEM, "out of memory");
	if (fresh_is(machine, snapshot) == fresh)
		return 0;
	scoped_fd int fd =
		fresh ? open(mark, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600) : -1;
	int r = fresh ? (fd < 0 ? -errno : 0) : unlink(mark) < 0 ? -errno : 0;
	if (r == 0)
		r = file_sync_dir(machine->folder);
	return r < 0 ? err_set(err, -r, "write '%s': %s", mark, strerror(-r)) : 0;
}

int fresh_mark(const struct machine *machine, struct err *err)
{
	return set_fresh(machine, NULL, true, err);
}

int fresh_note(const struct machine *machine, const char *snapshot, struct err *err)
{
	return set_fresh(machine, snapshot, fresh_is(machine, NULL), err);
}

void fresh_forget(const struct machine *machine, const char *snapshot)
{
	set_fresh(machine, snapshot, false, &(struct err){ 0 });
}

int fresh_copy(const struct machine *machine, const char *snapshot, const char *to, struct err *err)
{
	return set_fresh(machine, to, fresh_is(machine, snapshot), err);
}

int fresh_restore(const struct machine *machine, const char *snapshot, bool before, struct err *err)
{
	bool fresh = fresh_is(machine, snapshot);

	return fresh == before ? set_fresh(machine, NULL, fresh, err) : 0;
}
