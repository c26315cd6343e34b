/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command in a machine, entered by setns alone; no program of the guest takes part, so none can deceive us. There are
 * three processes: berth stays outside and carries bytes; a parent stays outside and waits; the command proper, its
 * child, is born in the guest's cgroup and pid namespace. The guest can neither trace nor signal it while it enters the
 * other namespaces, becomes the requested user and executes.
 */
#include "base/file.h"
#include "base/scoped.h"
#include "kern/library.h"
#include "kern/pty.h"
#include "kern/spawn.h"
#include "kern/sync.h"
#include "machine/attach/attach.h"
#include "machine/attach/parent.h"
#include "machine/attach/relay.h"
#include "machine/confine/confine.h"
#include "machine/confine/rlimits.h"
#include "machine/life/control.h"
#include "machine/life/life.h"
#include "machine/life/run_cgroup.h"
#include "machine/life/run_state.h"
#include "machine/life/use.h"
#include "machine/share/user.h"
#include "machine/state/machine.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum {
	/* All namespaces except that of pids, because a process cannot enter one itself; only its children can. */
	ALL_NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
			 CLONE_NEWCGROUP | CLONE_NEWTIME
};

enum { ENTER_MILLISECONDS = 30000 };

/* Data of the command proper: set before the fork, and unchanged until the exec. */
struct attach {
	struct machine *machine; /* borrowed */
	const struct exec_spec *spec;
	const struct machine_config *config; /* borrowed */
	bool terminal;
	bool privileged;        /* the running guest has no user namespace to enter */
	struct idmap map;       /* the guest's, unless it is privileged */
	int pidfd;              /* owned: the guest's init */
	int keeper;             /* owned: a connection that reports a halt */
	int cgroup;             /* owned */
	int inner[3];           /* owned: the command's ends of the three pipes */
	struct lsm_label label; /* the guest's init's */
	struct sync sync;       /* the host's end */
	struct sync guest;      /* the guest's end */
};

/* Opens, as the guest's root, a terminal of the guest's own devpts, so that ttyname(3) works there. */
static int open_terminal(struct attach *attach, struct err *err)
{
	struct pty pty = { -1, -1, 0 };
	scoped_fd int pts = open("/dev/pts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = pts < 0 ? -errno : pty_open(pts, &pty);

	if (r < 0)
		return err_set(err, -r, "open a pseudo-terminal in the machine: %s", pty_why(r));
	if (sync_post(&attach->guest, STEP_ROOT_READY, &pty.master, 1, err) < 0)
		return -err->code;
	close(pty.master);
	/* The size must be set before the command first asks for it. */
	if (sync_wait(&attach->guest, STEP_GO, NULL, 0, err) < 0)
		return -err->code;
	return pty.slave;
}

/*
 * The pipes get the user as owner, so that the user can open /dev/stderr. The guest's root owns them already, and so
 * may change that.
 */
static int place_pipes(struct attach *attach, const struct user *user, struct err *err)
{
	for (int fd = 0; fd < 3; fd++) {
		if (user->uid && fchown(attach->inner[fd], user->uid, user->gid) < 0)
			return err_set(err, errno, "give standard input and output to '%s': %s",
				       user->name, strerror(errno));
		if (dup2(attach->inner[fd], fd) < 0)
			return err_set(err, errno, "open standard input and output: %s",
				       strerror(errno));
	}
	return 0;
}

static int place_nothing(struct err *err)
{
	scoped_fd int null = open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);

	for (int fd = 0; fd < 3; fd++) {
		if (null < 0 || dup2(null, fd) < 0)
			return err_set(err, errno, "open /dev/null in the machine: %s",
				       strerror(errno));
	}
	return 0;
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
	return attach->spec->detach ? place_nothing(err) : place_pipes(attach, user, err);
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

/* A missing login shell is replaced. */
static void exec_shell(struct user *user)
{
	const char *argv[] = { user->login_name, NULL };
	char missing[sizeof user->shell];

	execv(user->shell, (char *const *)(uintptr_t)argv);
	int code = errno;
	if (code != ENOENT && code != EACCES)
		return;
	text_print(missing, sizeof missing, "%s", user->shell);
	if (access(USER_SHELL, X_OK) == 0 && user_set_shell(user, USER_SHELL) == 0) {
		dprintf(STDERR_FILENO,
			"berth: the login shell of '%s', '%s', cannot be executed: %s; using %s\n",
			user->name, missing, strerror(code), USER_SHELL);
		execv(user->shell, (char *const *)(uintptr_t)argv);
	}
	errno = code;
}

static int exec_command(struct attach *attach, struct user *user, struct err *err)
{
	const char *const *argv = attach->spec->argv;
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	if (!confine_left_out("fds"))
		close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	environ = user->env;
	if (argv)
		execvp(argv[0], (char *const *)(uintptr_t)argv);
	else
		exec_shell(user);
	return refuse_program(argv ? argv[0] : user->shell, errno, err);
}

/* The process is not dumpable, so the guest that it enters can neither trace nor read it. */
static int enter(struct attach *attach, struct err *err)
{
	uint64_t namespaces = ALL_NAMESPACES;

	if (attach->privileged)
		namespaces &= ~(uint64_t)CLONE_NEWUSER;
	prctl(PR_SET_DUMPABLE, 0);
	rlimits_reset();
	if (rlimits_give(attach->config, err) < 0)
		return -err->code;
	rlimits_rank_guest(0, attach->config);
	int r = lsm_label_open(&attach->label);
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

/*
 * The command proper. It ends without exit(3) and _exit(2): AddressSanitizer would report that they are called on an
 * unknown stack, the parent's.
 */
static void command_main(struct attach *attach)
{
	struct err err = { 0 };
	struct user user = { 0 };
	int code = EXEC_CANNOT;

	library_seal();
	parent_go_anywhere();
	sync_close(&attach->sync);
	if (enter(attach, &err) == 0 &&
	    user_find(&user, attach->spec->user, attach->spec->env, attach->terminal, &err) == 0 &&
	    place_stdio(attach, &user, &err) == 0 &&
	    confine_process(attach->config, &attach->label, &err) == 0 &&
	    (!attach->spec->make_cwd || file_make_dirs(attach->spec->cwd, 0755, &err) == 0) &&
	    user_become(&user, attach->spec->cwd, &err) == 0 &&
	    exec_command(attach, &user, &err) == -ENOENT)
		code = EXEC_NOT_FOUND;
	sync_fail(&attach->guest, &err);
	syscall(SYS_exit_group, code);
	__builtin_unreachable();
}

static void refuse_birth(const struct attach *attach, int code, struct err *err)
{
	struct pollfd end = { .fd = attach->pidfd, .events = POLLIN };

	if (poll(&end, 1, 0) > 0)
		err_set(err, ESRCH, "machine '%s' has ended meanwhile", attach->machine->name);
	else
		err_set(err, code, "start a process in the machine: %s", strerror(code));
}

/* Runs in the parent, whose changes of attach the client sees. */
static pid_t bear(void *context, int *pidfd)
{
	struct attach *attach = context;
	struct spawn spawn = { .cgroup_fd = attach->cgroup, .pids_of = attach->pidfd };
	struct err err = { 0 };
	pid_t pid = run_spawn(attach->machine, &spawn);

	if (pid == 0)
		command_main(attach);
	if (pid < 0) {
		refuse_birth(attach, -pid, &err);
		sync_fail(&attach->guest, &err);
	}
	*pidfd = spawn.pidfd;
	return pid;
}

static void attach_free(struct attach *attach)
{
	sync_close(&attach->sync);
	sync_close(&attach->guest);
	scoped_close_fd(&attach->pidfd);
	scoped_close_fd(&attach->keeper);
	scoped_close_fd(&attach->cgroup);
	for (int i = 0; i < 3; i++)
		scoped_close_fd(&attach->inner[i]);
}

/* The parent still reads the descriptors' numbers, so they stay the same until it has finished. */
static void close_inner(const struct attach *attach)
{
	close(attach->guest.fd);
	for (int i = 0; i < 3; i++) {
		if (attach->inner[i] >= 0)
			close(attach->inner[i]);
	}
}

static void forget_inner(struct attach *attach)
{
	attach->guest.fd = -1;
	for (int i = 0; i < 3; i++)
		attach->inner[i] = -1;
}

/* Reads the next message of the command, which looks for its user in the guest's tree, where anything may delay it. */
static int expect(const struct attach *attach, struct err *err)
{
	struct pollfd said = { .fd = attach->sync.fd, .events = POLLIN };
	int n;

	do
		n = poll(&said, 1, ENTER_MILLISECONDS);
	while (n < 0 && errno == EINTR);
	return n ? 0
		 : err_set(err, ETIMEDOUT,
			   "machine '%s' did not let the command in within %d s: is it frozen, or "
			   "is its /etc/passwd on a file system that hangs?",
			   attach->machine->name, ENTER_MILLISECONDS / 1000);
}

/* Waits until the command executes. */
static int wait_begun(struct attach *attach, struct relay *relay, struct err *err)
{
	int master = -1, r = expect(attach, err);

	if (r == 0 && attach->terminal) {
		r = sync_wait(&attach->sync, STEP_ROOT_READY, &master, 1, err);
		if (r == 0) {
			relay_set_terminal(relay, master);
			r = sync_post(&attach->sync, STEP_GO, NULL, 0, err);
		}
		if (r == 0)
			r = expect(attach, err);
	}
	return r < 0 ? r : sync_wait_exec(&attach->sync, err);
}

/* Carries data from the start of the command to its end, or, if detached, to its exec. */
static int carry(struct attach *attach, struct relay *relay, int *code, struct err *err)
{
	struct parent parent = {
		.birth = bear,
		.context = attach,
		.keeper = attach->keeper,
		.terminal = attach->terminal,
		.detached = attach->spec->detach,
		.orders = -1,
	};
	int r = parent_start(&parent, err);

	if (r < 0)
		return r;
	close_inner(attach);
	r = wait_begun(attach, relay, err);
	forget_inner(attach);
	if (r == 0 && !parent.detached) {
		relay_hold_signals(relay);
		relay_run(relay, &parent);
	}
	if (r == -ETIMEDOUT)
		parent_signal(&parent, SIGKILL);
	/* The command may wait for our next message. */
	if (r < 0)
		sync_close(&attach->sync);
	int ended = r == 0 && parent.detached ? 0 : parent_wait(&parent);
	parent_close(&parent);
	if (ended < 0)
		return err_set(err, -ended, "wait for the command: %s", strerror(-ended));
	*code = r < 0 ? ended : relay_code(relay, ended, err);
	return r < 0 || *code < 0 ? -err->code : 0;
}

static bool wants_terminal(const struct exec_spec *spec)
{
	if (spec->detach)
		return false;
	if (spec->tty == EXEC_TTY_AUTO)
		return !spec->no_input && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	return spec->tty == EXEC_TTY_YES;
}

/* The settings of the running guest; the present ones may differ. */
static int find_walls(const struct machine *machine, struct attach *attach, struct err *err)
{
	struct run_state state;
	int r = run_read_state(machine, &state);

	if (r == 0)
		r = lsm_label_read(state.init, &attach->label);
	if (r < 0)
		return err_set(err, -r, "read the security label of machine '%s': %s",
			       machine->name, strerror(-r));
	/* The host's policy changes contexts by itself, unless a context is set. */
	if (attach->label.module == LSM_SELINUX && !*machine->config.selinux)
		attach->label.module = LSM_NONE;
	attach->privileged = confine_left_out("userns") || !state.map.count;
	attach->map = state.map;
	return 0;
}

/* Pipes belong to the guest's root: a process in the guest cannot reopen an object whose owner has no id there. */
static int give_pipes(const struct attach *attach, struct err *err)
{
	for (int i = 0; i < 3 && !attach->privileged && attach->inner[i] >= 0; i++) {
		if (fchown(attach->inner[i], attach->map.base, attach->map.base) < 0)
			return err_set(err, errno, "give a pipe to the machine: %s",
				       strerror(errno));
	}
	return 0;
}

/*
 * Preparations that do not depend on the guest, while the keeper prepares its answer: that may concern the next guest
 * of a reboot, with a cgroup and confinement of its own.
 */
static int prepare(struct attach *attach, struct relay *relay, struct err *err)
{
	attach->keeper = control_ask_guest(attach->machine, err);
	if (attach->keeper < 0 || sync_pair(&attach->sync, &attach->guest, err) < 0)
		return -err->code;
	if (!attach->terminal && !attach->spec->detach &&
	    relay_make_pipes(relay, attach->inner, err) < 0)
		return -err->code;
	attach->pidfd = control_take_guest(attach->machine, attach->keeper, err);
	if (attach->pidfd < 0 || find_walls(attach->machine, attach, err) < 0 ||
	    give_pipes(attach, err) < 0)
		return -err->code;
	attach->cgroup = run_open_cgroup(attach->machine);
	return attach->cgroup < 0
		       ? err_set(err, -attach->cgroup, "open the cgroup of machine '%s': %s",
				 attach->machine->name, strerror(-attach->cgroup))
		       : 0;
}

int machine_exec(struct machine *machine, const struct exec_spec *spec, int *code, struct err *err)
{
	struct attach attach = {
		.machine = machine,
		.spec = spec,
		.config = &machine->config,
		.terminal = wants_terminal(spec),
		.pidfd = -1,
		.keeper = -1,
		.cgroup = -1,
		.inner = { -1, -1, -1 },
		.sync.fd = -1,
		.guest.fd = -1,
	};
	struct relay relay;

	*code = EXEC_FAILED;
	relay_init(&relay, !spec->no_input);
	if (use_wake(machine, err) < 0)
		return -err->code;
	int r = prepare(&attach, &relay, err);
	if (r == 0)
		r = carry(&attach, &relay, code, err);
	relay_close(&relay);
	attach_free(&attach);
	if (r < 0 && *code != EXEC_NOT_FOUND && *code != EXEC_CANNOT)
		*code = EXEC_FAILED;
	return r;
}
