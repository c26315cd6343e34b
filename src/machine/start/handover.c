/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/start/handover.h"
#include "machine/start/run.h"
#include "machine/state/machine.h"

#include "base/install.h"
#include "base/scoped.h"
#include "keeper/keeper_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

/* The plan crosses the exec in a memfd: no text has to be parsed, and ps only shows the machine's name. */
static int write_keeper_plan(struct run *run, struct err *err)
{
	scoped_free char *log = machine_log_path(run->machine, false);
	scoped_free struct keeper_plan *plan = calloc(1, sizeof *plan);
	scoped_fd int fd = memfd_create("berth-keeper-plan", MFD_CLOEXEC);

	if (fd < 0 || !plan || !log)
		return err_set(err, ENOMEM, "prepare the keeper: out of memory");
	*plan = (struct keeper_plan){
		.magic = KEEPER_PLAN_MAGIC,
		.init = run->init,
		.log_size = run->machine->config.log_size,
		.scrollback = run->machine->config.scrollback,
		.halt_signal = run->plan.halt_signal,
		.stop_timeout = (unsigned)run->machine->config.stop_timeout,
		.notifies = run->plan.notifies,
		.restart = run->plan.restart,
		.idle_after = run->plan.idle_after,
		.restart_limit = (unsigned)run->machine->config.restart_limit,
	};
	const char *root = run->machine->dirs->root;
	pool_watch_device(&run->pool, plan->thin_pool, sizeof plan->thin_pool);
	pool_watch_file(&run->pool, plan->pool_file, sizeof plan->pool_file);
	if (text_print(plan->name, sizeof plan->name, "%s", run->machine->name) < 0 ||
	    text_print(plan->pool, sizeof plan->pool, "%s", run->pool.name) < 0 ||
	    text_print(plan->root, sizeof plan->root, "%s", root ? root : "") < 0 ||
	    install_berth(plan->berth, sizeof plan->berth) < 0 ||
	    text_print(plan->log, sizeof plan->log, "%s", log) < 0)
		return err_set(err, ENAMETOOLONG, "prepare the keeper: a path is too long");
	if (write(fd, plan, sizeof *plan) != sizeof *plan)
		return err_set(err, errno, "prepare the keeper: %s", strerror(errno));
	return take_fd(&fd);
}

/* Descriptors are moved to the numbers that the keeper expects, through numbers that are not in use. */
static int place_fds(const int from[KEEPER_FD_END])
{
	int high[KEEPER_FD_END];

	for (int to = KEEPER_PLAN; to < KEEPER_FD_END; to++) {
		high[to] = fcntl(from[to], F_DUPFD_CLOEXEC, 64);
		if (high[to] < 0)
			return -errno;
	}
	for (int to = KEEPER_PLAN; to < KEEPER_FD_END; to++) {
		if (dup2(high[to], to) < 0)
			return -errno;
	}
	return 0;
}

int handover_to_keeper(struct run *run, int report_fd, struct err *err)
{
	char program[PATH_MAX];
	int plan_fd = write_keeper_plan(run, err);

	if (plan_fd < 0)
		return plan_fd;
	int fds[KEEPER_FD_END] = {
		[KEEPER_PLAN] = plan_fd,          [KEEPER_LOCK] = run->lock_fd,
		[KEEPER_RUN] = run->run_fd,       [KEEPER_REPORT] = report_fd,
		[KEEPER_PIDFD] = run->pidfd,      [KEEPER_CONSOLE] = run->console_fd,
		[KEEPER_NOTIFY] = run->notify_fd, [KEEPER_CGROUP] = run->cgroup_fd,
	};
	int r = install_program("berth-keeper", program, sizeof program);
	if (r == 0)
		r = place_fds(fds);
	if (r == 0) {
		/* The keeper's working folder is its own folder, so that it keeps no mount of the caller busy. */
		char *const argv[] = { (char *)(uintptr_t) "berth-keeper", run->machine->name,
				       NULL };
		execv(program, argv);
		r = -errno;
	}
	return err_set(err, -r, "execute '%s': %s", program, strerror(-r));
}
