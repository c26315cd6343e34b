/*
 * Running a command in a machine. By namespaces only: nothing in the guest helps, so nothing in it can
 * lie. Who goes where: berth stays outside and carries bytes; the command proper, a child of ours, is
 * born into the guest's control group and pid namespace, still as somebody whom the guest can neither
 * trace nor signal, enters the other namespaces, becomes the asked-for user and executes.
 */
#include "base/scoped.h"
#include "kern/cgroup.h"
#include "kern/pty.h"
#include "kern/spawn.h"
#include "kern/sync.h"
#include "machine/control.h"
#include "machine/private.h"
#include "machine/rations.h"
#include "machine/relay.h"
#include "machine/run.h"
#include "machine/user.h"
#include "machine/walls.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
	/* But for that of pids, into which one can only be born. */
	ALL_NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
			 CLONE_NEWCGROUP | CLONE_NEWTIME
};

/* What the command proper needs; all of it made before the fork. */
struct attach {
	const struct exec_spec *spec;
	const struct machine_config *config; /* borrowed */
	bool terminal;
	bool privileged;    /* as it runs: it has no user namespace to enter */
	int pidfd;          /* owned: the guest's init */
	int cgroup;         /* owned */
	int inner[3];       /* owned: the command's ends of the three pipes */
	struct label label; /* the guest's init's */
	struct sync sync;   /* ours */
	struct sync guest;  /* the guest side's */
};

/* Where systemd has taken the guest's root group for branches, processes may only be in leaves. */
static int open_cgroup(struct machine *machine, struct err *err)
{
	char group[256];

	run_cgroup(machine, group, sizeof group);
	int fd = cgroup_make(group);
	return fd < 0 ? err_set(err, -fd, "open control group '%s': %s", group, strerror(-fd)) : fd;
}

static int open_leaf(struct machine *machine)
{
	char group[256], leaf[320];

	run_cgroup(machine, group, sizeof group);
	snprintf(leaf, sizeof leaf, "%s/berth.exec", group);
	return cgroup_make(leaf);
}

/* In the guest, as its root: a terminal of the guest's own, so that ttyname(3) works there. */
static int open_terminal(struct attach *attach, struct err *err)
{
	struct pty pty = { -1, -1, 0 };
	scoped_fd int pts = open("/dev/pts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = pts < 0 ? -errno : pty_open(pts, &pty);

	if (r < 0)
		return err_set(err, -r, "open a pseudo-terminal in the guest: %s", strerror(-r));
	if (sync_post(&attach->guest, STEP_ROOT_READY, &pty.master, 1, err) < 0)
		return -err->code;
	close(pty.master);
	/* Our size must be on it before the command's first look. */
	if (sync_wait(&attach->guest, STEP_GO, NULL, 0, err) < 0)
		return -err->code;
	return pty.slave;
}

static int place_stdio(struct attach *attach, struct user *user, struct err *err)
{
	if (attach->terminal) {
		int slave = open_terminal(attach, err);
		if (slave < 0)
			return slave;
		if (fchown(slave, user->uid, (gid_t)-1) < 0)
			return err_set(err, errno, "give the terminal to '%s': %s", user->name,
				       strerror(errno));
		int r = pty_become_terminal(slave);
		return r < 0 ? err_set(err, -r, "open the terminal: %s", strerror(-r)) : 0;
	}
	setsid();
	for (int fd = 0; fd < 3; fd++) {
		if (dup2(attach->inner[fd], fd) < 0)
			return err_set(err, errno, "open standard input and output: %s",
				       strerror(errno));
	}
	return 0;
}

static int refuse_program(const char *program, int error, struct err *err)
{
	if (error == ENOENT && !strchr(program, '/'))
		return err_set(err, ENOENT,
			       "the machine has no program '%s'; give its whole path if it lies in "
			       "no folder of PATH",
			       program);
	if (error == ENOENT)
		return err_set(err, ENOENT,
			       "the machine has no program '%s', or not the interpreter that it "
			       "asks for",
			       program);
	if (error == EACCES)
		return err_set(err, EACCES,
			       "'%s' in the machine is no program that this user may execute; see "
			       "its mode: chmod +x",
			       program);
	return err_set(err, error, "execute '%s' in the machine: %s", program, strerror(error));
}

static int exec_command(struct attach *attach, struct user *user, struct err *err)
{
	const char *login[] = { user->login_name, NULL };
	const char *const *argv = attach->spec->argv ? attach->spec->argv : login;
	const char *program = attach->spec->argv ? argv[0] : user->shell;
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	if (!walls_hole("fds"))
		close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	environ = user->env;
	execvp(program, (char *const *)(uintptr_t)argv);
	return refuse_program(program, errno, err);
}

/* Not to be traced, read or borrowed from by the guest it is about to enter. */
static int enter(struct attach *attach, struct err *err)
{
	uint64_t namespaces = ALL_NAMESPACES;

	if (attach->privileged)
		namespaces &= ~(uint64_t)CLONE_NEWUSER;
	prctl(PR_SET_DUMPABLE, 0);
	rations_reset();
	rations_rank_guest(0, attach->config);
	int r = label_open(&attach->label);
	if (r < 0)
		return err_set(err, -r, "open the file for the label '%s': %s", attach->label.text,
			       strerror(-r));
	r = spawn_enter(attach->pidfd, namespaces);
	if (r == 0)
		r = idmap_become_root();
	if (r < 0)
		return err_set(err, -r, "enter the machine's namespaces: %s", strerror(-r));
	if (chdir("/") < 0)
		return err_set(err, errno, "enter the machine's root: %s", strerror(errno));
	scoped_close_fd(&attach->pidfd);
	scoped_close_fd(&attach->cgroup);
	return 0;
}

/* The command proper. */
static __attribute__((noreturn)) void command_main(struct attach *attach)
{
	struct err err = { 0 };
	struct user user = { 0 };
	int code = EXEC_CANNOT;

	sync_close(&attach->sync);
	if (enter(attach, &err) == 0 &&
	    user_find(&user, attach->spec, attach->terminal, &err) == 0 &&
	    place_stdio(attach, &user, &err) == 0 &&
	    walls_raise(attach->config, &attach->label, &err) == 0 &&
	    user_become(&user, attach->spec->cwd, &err) == 0 &&
	    exec_command(attach, &user, &err) == -ENOENT)
		code = EXEC_NOT_FOUND;
	sync_fail(&attach->guest, &err);
	_exit(code);
}

static pid_t spawn_command(struct machine *machine, struct attach *attach, int *pidfd)
{
	struct spawn spawn = { .cgroup_fd = attach->cgroup, .pids_of = attach->pidfd };
	pid_t pid = spawn_process(&spawn);

	if (pid == -EBUSY) {
		scoped_close_fd(&attach->cgroup);
		attach->cgroup = open_leaf(machine);
		spawn.cgroup_fd = attach->cgroup;
		pid = attach->cgroup < 0 ? attach->cgroup : spawn_process(&spawn);
	}
	if (pid == 0)
		command_main(attach);
	*pidfd = spawn.pidfd;
	return pid;
}

static void attach_free(struct attach *attach)
{
	sync_close(&attach->sync);
	sync_close(&attach->guest);
	scoped_close_fd(&attach->pidfd);
	scoped_close_fd(&attach->cgroup);
	for (int i = 0; i < 3; i++)
		scoped_close_fd(&attach->inner[i]);
}

static int code_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* From the command's birth to its end. */
static int carry(struct machine *machine, struct attach *attach, struct relay *relay, int *code,
		 struct err *err)
{
	int command_fd = -1, master = -1, r = 0;
	pid_t pid = spawn_command(machine, attach, &command_fd);

	if (pid < 0)
		return err_set(err, -pid, "start a process in the machine: %s", strerror(-pid));
	scoped_fd int command = command_fd;
	sync_close(&attach->guest);
	for (int i = 0; i < 3; i++)
		scoped_close_fd(&attach->inner[i]);
	if (attach->terminal) {
		r = sync_wait(&attach->sync, STEP_ROOT_READY, &master, 1, err);
		if (r == 0) {
			relay_set_terminal(relay, master);
			r = sync_post(&attach->sync, STEP_GO, NULL, 0, err);
		}
	}
	if (r == 0)
		r = sync_wait_exec(&attach->sync, err);
	if (r == 0)
		relay_run(relay, command);
	int status = spawn_wait(command);
	if (r < 0) {
		*code = code_of(status);
		return r;
	}
	*code = status < 0 ? EXEC_FAILED : code_of(status);
	return status < 0 ? err_set(err, -status, "wait for the command: %s", strerror(-status))
			  : 0;
}

static bool wants_terminal(const struct exec_spec *spec)
{
	if (spec->tty == EXEC_TTY_AUTO)
		return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	return spec->tty == EXEC_TTY_YES;
}

/* As it runs: its settings may be others by now. */
static int find_walls(const struct machine *machine, struct attach *attach, struct err *err)
{
	struct run_state state;
	int r = run_read_state(machine, &state);

	if (r == 0)
		r = label_read(state.init, &attach->label);
	if (r < 0)
		return err_set(err, -r, "see how machine '%s' is confined: %s", machine->name,
			       strerror(-r));
	/* Contexts change by themselves, as the host's policy has it, unless one was asked for. */
	if (attach->label.module == LABEL_SELINUX && !*machine->config.selinux)
		attach->label.module = LABEL_NONE;
	attach->privileged = walls_hole("userns") || !state.map.count;
	return 0;
}

int machine_exec(struct machine *machine, const struct exec_spec *spec, int *code, struct err *err)
{
	struct attach attach = {
		.spec = spec,
		.config = &machine->config,
		.terminal = wants_terminal(spec),
		.pidfd = -1,
		.cgroup = -1,
		.inner = { -1, -1, -1 },
		.sync.fd = -1,
		.guest.fd = -1,
	};
	struct relay relay;
	char why[512];

	*code = EXEC_FAILED;
	relay_init(&relay);
	if (machine_paused(machine))
		return err_set(err, EBUSY,
			       "machine '%s' is paused; resume it with: berth resume %s",
			       machine->name, machine->name);
	if (machine_held(machine, why, sizeof why))
		return err_set(err, EBUSY, "machine '%s' is held still: %s", machine->name, why);
	attach.pidfd = control_guest(machine, err);
	if (attach.pidfd >= 0 && find_walls(machine, &attach, err) == 0) {
		attach.cgroup = open_cgroup(machine, err);
	}
	int r = err->code ? -err->code : sync_pair(&attach.sync, &attach.guest, err);
	if (r == 0 && !attach.terminal)
		r = relay_make_pipes(&relay, attach.inner, err);
	if (r == 0)
		r = carry(machine, &attach, &relay, code, err);
	relay_close(&relay);
	attach_free(&attach);
	if (r < 0 && *code != EXEC_NOT_FOUND && *code != EXEC_CANNOT)
		*code = EXEC_FAILED;
	return r;
}
