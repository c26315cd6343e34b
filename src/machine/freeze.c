/* Holding a guest still while a copy is taken that is not instant. */
#include "machine/private.h"
#include "machine/run.h"

#include "base/file.h"
#include "base/scoped.h"
#include "kern/cgroup.h"

#include <fcntl.h>

static int set_frozen(const struct machine *machine, const char *value)
{
	char group[128], point[256], path[512];

	run_cgroup(machine, group, sizeof group);
	int r = cgroup_mount_point(point, sizeof point);
	if (r == 0)
		r = text_print(path, sizeof path, "%s/%s/cgroup.freeze", point, group);
	return r < 0 ? r : file_write(AT_FDCWD, path, value);
}

/* The mark is there before the freeze and goes after the thaw, so that a kill between is seen. */
bool machine_freeze(struct machine *machine, struct pool *pool)
{
	scoped_free char *mark = text_format("%s/frozen", machine->run);

	if ((pool->ops->can & STORAGE_FAST_CLONE) || !mark || !run_alive(machine))
		return false;
	scoped_fd int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return fd >= 0 && set_frozen(machine, "1") == 0;
}

void machine_thaw(struct machine *machine, bool frozen)
{
	scoped_free char *mark = text_format("%s/frozen", machine->run);

	if (!frozen || !mark)
		return;
	set_frozen(machine, "0");
	unlink(mark);
}
