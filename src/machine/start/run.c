/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/start/run.h"
#include "machine/life/scope.h"
#include "machine/share/share.h"
#include "machine/start/plan.h"
#include "machine/state/machine.h"

#include "base/child.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "kern/cgroup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

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
	while (run->nic_count > 0)
		network_close(&run->nics[--run->nic_count].network);
	if (run->pool.ops)
		pool_close(&run->pool);
	plan_free(&run->plan);
	scope_close(&run->scope, &(struct err){ 0 });
	scoped_close_fd(&run->lock_fd);
	scoped_close_fd(&run->run_fd);
	config_free(&berth_schema, &run->settings);
	run_init(run, run->machine);
}

const struct lease *run_first_lease(const struct run *run)
{
	return run->nic_count > 0 ? &run->nics[0].lease : NULL;
}

int run_warn(const struct run *run, const char *text, struct err *err)
{
	if (!*text)
		return 0;
	scoped_fd int fd = openat(run->run_fd, "warning",
				  O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0600);
	const char *end = text[strlen(text) - 1] == '\n' ? "" : "\n";
	if (fd < 0 || dprintf(fd, "%s%s", text, end) < 0)
		return err_set(err, errno, "write '%s/warning': %s", run->machine->run,
			       strerror(errno));
	return 0;
}
