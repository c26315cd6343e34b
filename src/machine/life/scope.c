/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/life/scope.h"
#include "machine/state/machine.h"

#include "base/child.h"
#include "base/file.h"
#include "base/install.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

/* Seconds that systemd waits longer than the keeper, which kills the guest itself. */
/* Longer than berth-scope waits for the bus. */
enum { STOP_MARGIN = 30, ANSWER_MILLISECONDS = 60000 };

bool scope_offered(void)
{
	char program[PATH_MAX], point[256];

	return access("/run/systemd/system", F_OK) == 0 &&
	       access("/run/dbus/system_bus_socket", F_OK) == 0 &&
	       cgroup_mount_point(point, sizeof point) == 0 &&
	       strcmp(point, "/sys/fs/cgroup") == 0 &&
	       install_program("berth-scope", program, sizeof program) == 0 &&
	       access(program, X_OK) == 0;
}

/* The ':' keeps unit names of different machines different, because no machine's name has one. */
void scope_unit(const struct machine *machine, char *out, size_t room)
{
	const char *tag = machine->dirs->tag;

	snprintf(out, room, "berth%s%s-%s.scope", *tag ? ":" : "", tag, machine->name);
}

void scope_group(const struct machine *machine, const char *leaf, char *out, size_t room)
{
	char unit[128];

	scope_unit(machine, unit, sizeof unit);
	snprintf(out, room, "machine.slice/%s%s%s", unit, leaf ? "/" : "", leaf ? leaf : "");
}

bool scope_group_exists(const struct machine *machine, const char *leaf)
{
	char group[256], path[512];

	scope_group(machine, leaf, group, sizeof group);
	snprintf(path, sizeof path, "/sys/fs/cgroup/%s", group);
	return access(path, F_OK) == 0;
}

static __attribute__((noreturn)) void exec_program(const struct machine *machine, bool wanted,
						   int fd)
{
	char program[PATH_MAX], name[128], unit[128], seconds[32];
	const char *tag = machine->dirs->tag;

	snprintf(name, sizeof name, "%s%s%s", machine->name, *tag ? "." : "", tag);
	scope_unit(machine, unit, sizeof unit);
	snprintf(seconds, sizeof seconds, "%llu",
		 (unsigned long long)machine->config.stop_timeout + STOP_MARGIN);
	const char *argv[] = { "berth-scope",        name,    machine->config.uuid,
			       wanted ? unit : NULL, seconds, NULL };
	if (install_program("berth-scope", program, sizeof program) == 0 && dup2(fd, 0) == 0 &&
	    dup2(fd, 1) == 1)
		execv(program, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int run_program(struct scope *scope, const struct machine *machine, bool wanted,
		       struct err *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_set(err, errno, "socketpair: %s", strerror(errno));
	pid_t pid = fork();
	if (pid == 0)
		exec_program(machine, wanted, ends[1]);
	int r = pid < 0 ? err_set(err, errno, "fork: %s", strerror(errno)) : 0;
	close(ends[1]);
	if (r < 0)
		close(ends[0]);
	else
		*scope = (struct scope){ .pid = pid, .fd = ends[0] };
	return r;
}

int scope_ask(struct scope *scope, const struct machine *machine, struct err *err)
{
	return run_program(scope, machine, true, err);
}

/* A line: "ok", or else a sentence. */
static int read_answer(struct scope *scope, struct err *err)
{
	char line[512];
	size_t n = 0;

	while (n < sizeof line - 1) {
		struct pollfd said = { .fd = scope->fd, .events = POLLIN };
		int r = poll(&said, 1, ANSWER_MILLISECONDS);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return err_set(err, ETIMEDOUT, "systemd does not answer");
		ssize_t got = read(scope->fd, line + n, sizeof line - 1 - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
		if (line[n - 1] == '\n')
			break;
	}
	line[n] = '\0';
	const char *said = text_trim(line);
	if (strcmp(said, "ok") == 0)
		return 0;
	return err_set(err, ECONNABORTED, "%s",
		       *said ? said : "berth-scope ended without an answer");
}

/* The scope's own cgroup may hold no process when controllers are enabled for the cgroups below it. */
static int move(const struct scope *scope, int scope_fd)
{
	char number[16];
	scoped_fd int keeper = cgroup_make_below(scope_fd, "keeper");
	int r = keeper < 0 ? keeper : cgroup_join(keeper);

	snprintf(number, sizeof number, "%d", (int)scope->pid);
	return r < 0 ? r : file_write(keeper, "cgroup.procs", number);
}

int scope_enter(struct scope *scope, const struct machine *machine, struct err *err)
{
	char group[256];

	if (read_answer(scope, err) < 0)
		return -err->code;
	scope_group(machine, NULL, group, sizeof group);
	scoped_fd int fd = cgroup_make(group);
	int r = fd < 0 ? fd : move(scope, fd);
	return r < 0 ? err_set(err, -r, "enter cgroup '%s': %s", group, strerror(-r)) : 0;
}

int scope_register(struct scope *scope, const struct machine *machine, pid_t init, struct err *err)
{
	char line[16];
	int n = snprintf(line, sizeof line, "%d\n", (int)init);

	if (!scope->pid &&
	    (run_program(scope, machine, false, err) < 0 || read_answer(scope, err) < 0))
		return -err->code;
	if (send(scope->fd, line, (size_t)n, MSG_NOSIGNAL) < 0)
		return err_set(err, errno, "berth-scope: %s", strerror(errno));
	return 0;
}

int scope_close(struct scope *scope, struct err *err)
{
	if (!scope->pid)
		return 0;
	shutdown(scope->fd, SHUT_WR);
	int r = read_answer(scope, err);
	close(scope->fd);
	if (r == -ETIMEDOUT)
		kill(scope->pid, SIGKILL);
	child_wait(scope->pid);
	*scope = (struct scope){ 0 };
	return r;
}
