#include "machine/start/run.h"

#include "base/child.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "kern/cgroup.h"
#include "machine/confine/ids.h"
#include "machine/state/ended.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

enum { KILL_MILLISECONDS = 10000, REMOVE_TRIES = 1000 };

void run_init(struct run *run, struct machine *machine)
{
	*run = (struct run){
		.machine = machine,
		.run_fd = -1,
		.lock_fd = -1,
		.cgroup_fd = -1,
		.root_fd = -1,
		.init_fd = -1,
		.pidfd = -1,
		.console_fd = -1,
		.notify_fd = -1,
		.sync.fd = -1,
	};
}

void run_free(struct run *run)
{
	if (run->init > 0) {
		kill(run->init, SIGKILL);
		child_wait(run->init);
	}
	sync_close(&run->sync);
	scoped_close_fd(&run->notify_fd);
	scoped_close_fd(&run->console_fd);
	scoped_close_fd(&run->pidfd);
	scoped_close_fd(&run->init_fd);
	scoped_close_fd(&run->root_fd);
	scoped_close_fd(&run->cgroup_fd);
	shares_free(&run->shares);
	if (run->network.site)
		network_close(&run->network);
	if (run->pool.ops)
		pool_close(&run->pool);
	plan_free(&run->plan);
	scope_close(&run->scope, &(struct err){ 0 });
	scoped_close_fd(&run->lock_fd);
	scoped_close_fd(&run->run_fd);
	config_free(&site_schema, &run->site);
	run_init(run, run->machine);
}

void run_cgroup(const struct machine *machine, char *out, size_t room)
{
	char site[32];

	if (scope_group_exists(machine, "guest")) {
		scope_group(machine, "guest", out, room);
		return;
	}
	site_name(machine->site, site, sizeof site);
	snprintf(out, room, "%s/%s", site, machine->name);
}

static int group_file(const struct machine *machine, const char *file, char path[1024])
{
	char group[256], point[256];

	run_cgroup(machine, group, sizeof group);
	int r = cgroup_mount_point(point, sizeof point);
	return r < 0 ? r : text_print(path, 1024, "%s/%s/%s", point, group, file);
}

int run_write_group(const struct machine *machine, const char *file, const char *text)
{
	char path[1024];
	int r = group_file(machine, file, path);

	return r < 0 ? r : file_write(AT_FDCWD, path, text);
}

int run_read_group(const struct machine *machine, const char *file, char **text)
{
	char path[1024];
	int r = group_file(machine, file, path);

	if (r < 0)
		return r;
	ssize_t n = file_read(AT_FDCWD, path, 64 << 10, text);
	return n < 0 ? (int)n : 0;
}

int run_read_count(const struct machine *machine, const char *file, uint64_t *count)
{
	scoped_free char *text = NULL;
	int r = run_read_group(machine, file, &text);

	if (r < 0)
		return r;
	return sscanf(text, "%" SCNu64, count) == 1 ? 0 : -EPROTO;
}

int run_write_state(const struct machine *machine, const struct run_state *state, struct err *err)
{
	scoped_free char *path = text_format("%s/state", machine->run);
	scoped_free char *aside = text_format("%s/state.new", machine->run);
	char line[256];

	if (!path || !aside)
		return err_set(err, ENOMEM, "out of memory");
	int n = snprintf(line, sizeof line, "%d %d %" PRIu64 " %" PRIu32 " %" PRIu32 " %u %u %s\n",
			 (int)state->init, (int)state->keeper, state->started, state->map.base,
			 state->map.count, major(state->disk), minor(state->disk), state->network);
	/* Nothing in RUN outlives the kernel, so there is nothing to make durable. */
	scoped_fd int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, (size_t)n) != n || rename(aside, path) < 0)
		return err_set(err, errno, "write '%s': %s", path, strerror(errno));
	return 0;
}

int run_read_state(const struct machine *machine, struct run_state *state)
{
	scoped_free char *path = text_format("%s/state", machine->run);
	scoped_free char *line = NULL;
	unsigned major_number, minor_number;
	int init, keeper;

	*state = (struct run_state){ 0 };
	if (!path)
		return -ENOMEM;
	ssize_t n = file_read(AT_FDCWD, path, 4096, &line);
	if (n < 0)
		return (int)n;
	/* One of an older berth ends before the disk, or before the network. */
	int fields = sscanf(line, "%d %d %" SCNu64 " %" SCNu32 " %" SCNu32 " %u %u %63s", &init,
			    &keeper, &state->started, &state->map.base, &state->map.count,
			    &major_number, &minor_number, state->network);
	if (fields < 5)
		return -EINVAL;
	if (fields >= 7)
		state->disk = makedev(major_number, minor_number);
	state->init = init;
	state->keeper = keeper;
	return 0;
}

int run_warn(const struct run *run, const char *text, struct err *err)
{
	if (!*text)
		return 0;
	scoped_fd int fd =
		openat(run->run_fd, "warning", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	const char *link = fd >= 0 && lseek(fd, 0, SEEK_END) > 0 ? "; " : "";
	if (fd < 0 || dprintf(fd, "%s%s", link, text) < 0)
		return err_set(err, errno, "write '%s/warning': %s", run->machine->run,
			       strerror(errno));
	return 0;
}

bool run_alive(const struct machine *machine)
{
	char path[4096];

	if (text_print(path, sizeof path, "%s/keeper.lock", machine->run) < 0)
		return false;
	scoped_fd int fd = file_lock(path, FILE_LOCK_LOOK);
	return fd == -EWOULDBLOCK;
}

static int open_group(const struct machine *machine)
{
	char path[256], point[256], full[1024];

	run_cgroup(machine, path, sizeof path);
	int r = cgroup_mount_point(point, sizeof point);
	if (r == 0)
		r = text_print(full, sizeof full, "%s/%s", point, path);
	int fd = r < 0 ? r : open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 && r == 0 ? -errno : fd;
}

/* Somebody may have removed the folder, or mounted over it, under a guest that lives on. */
bool run_left(const struct machine *machine)
{
	if (access(machine->run, F_OK) == 0)
		return true;
	scoped_fd int fd = open_group(machine);
	return fd >= 0;
}

/* EBUSY for a moment: the last process is dead, but not yet let go of. */
static int remove_group(const struct machine *machine, const char *path, struct err *err)
{
	struct timespec pause = { .tv_nsec = 2000000 };
	int r = cgroup_remove(path);

	for (int tries = 0; r == -EBUSY && tries < REMOVE_TRIES; tries++) {
		nanosleep(&pause, NULL);
		r = cgroup_remove(path);
	}
	if (r < 0)
		return err_set(err, -r, "remove control group '%s' of machine '%s': %s", path,
			       machine->name, strerror(-r));
	return 0;
}

int run_end_processes(struct machine *machine, struct err *err)
{
	char path[256];

	run_cgroup(machine, path, sizeof path);
	scoped_fd int fd = open_group(machine);
	if (fd >= 0) {
		cgroup_kill(fd);
		int r = cgroup_wait_empty(fd, KILL_MILLISECONDS);
		if (r < 0)
			return err_set(
				err, -r,
				"machine '%s' has processes that do not die; see cgroup.procs in "
				"control group '%s'",
				machine->name, path);
	}
	/*
	 * It must go, not only be empty: on Linux 6.18 a group that cgroup.kill was ever written
	 * to kills whoever is cloned into it from another.
	 */
	return remove_group(machine, path, err);
}

/* Objects that vanish with the guest's namespaces in the usual case. What fails here is tried again. */
static void release_objects(struct machine *machine, const char *started_on)
{
	const char *name = *started_on ? started_on : machine->config.network;
	struct err ignored = { 0 };
	struct network network = { 0 };
	struct pool pool = { 0 };
	char volume[VOLUME_NAME_MAX + 1];

	if (*name && network_open(&network, machine->site, name, &ignored) == 0) {
		network_remove_port(&network, machine->name, &ignored);
		network_close(&network);
	}
	ignored = (struct err){ 0 };
	machine_volume(machine->name, volume);
	if (pool_open(&pool, machine->site, machine->config.pool, &ignored) == 0) {
		volume_deactivate(&pool, volume, &ignored);
		pool_close(&pool);
	}
}

int run_clean(struct machine *machine, struct err *err)
{
	struct run_state state;
	int r = run_end_processes(machine, err);

	if (r < 0)
		return r;
	bool known = run_read_state(machine, &state) == 0;
	release_objects(machine, known ? state.network : "");
	if (!known)
		ids_release_all(IDS_FOLDER, machine->run);
	else
		ids_release(IDS_FOLDER, machine->run, &state.map);
	r = remove_tree(AT_FDCWD, machine->run);
	if (r < 0)
		return err_set(err, -r, "remove '%s': %s", machine->run, strerror(-r));
	return 0;
}

void run_mark_finished(const struct machine *machine, const char *outcome, const char *how)
{
	scoped_free char *path = text_format("%s/finished", machine->run);
	scoped_fd int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;

	if (fd >= 0)
		dprintf(fd, "%s\n%s", outcome, how);
}

bool run_has_finished(const struct machine *machine)
{
	scoped_free char *path = text_format("%s/finished", machine->run);

	return path && access(path, F_OK) == 0;
}

/* What its keeper saw of the end, whose clean-up did not get to its own; false: it saw none. */
static bool read_finished(const struct machine *machine, char **text, const char **how)
{
	scoped_free char *path = text_format("%s/finished", machine->run);

	if (!path || file_read(AT_FDCWD, path, 4096, text) < 0)
		return false;
	char *line = strchr(*text, '\n');
	if (!line)
		return false;
	*line = '\0';
	*how = line + 1;
	return true;
}

/* A keeper makes it before it says that the machine has started. */
static bool has_begun(const struct machine *machine)
{
	scoped_free char *control = text_format("%s/control", machine->run);

	return control && access(control, F_OK) == 0;
}

bool run_has_lived(const struct machine *machine)
{
	scoped_free char *mark = machine_path(machine, "lives");

	return machine->config.ephemeral && mark && access(mark, F_OK) == 0;
}

const char *run_unsettled(const struct machine *machine)
{
	if (access(machine->run, F_OK) < 0)
		return run_has_lived(machine) ? "its host went down under it" : NULL;
	if (run_alive(machine) || machine_busy(machine) || run_has_finished(machine))
		return NULL;
	return has_begun(machine) ? "killed, with its keeper" : "its start was killed";
}

int run_clean_dead(struct machine *machine, struct err *err)
{
	bool began = has_begun(machine);
	const char *how = began ? "killed, with its keeper" : "its start was killed";
	scoped_free char *finished = NULL;

	bool seen = read_finished(machine, &finished, &how);
	if (!seen)
		ended_write(machine, "failed", how);
	int r = run_clean(machine, err);
	if (r < 0)
		return r;
	run_mark_life(machine, false);
	if (began || seen)
		machine_tell(machine, &(struct event){ .name = "stopped",
						       .outcome = seen ? finished : "failed",
						       .cause = how });
	return 0;
}

/* Not in the run folder, which is gone after a crash of the host. */
int run_mark_life(const struct machine *machine, bool lives)
{
	scoped_free char *mark = machine_path(machine, "lives");

	if (!mark)
		return -ENOMEM;
	if (!lives)
		return unlink(mark) < 0 && errno != ENOENT ? -errno : 0;
	scoped_fd int fd = open(mark, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : 0;
}
