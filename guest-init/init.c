/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Process 1 of a machine whose root has no init: runs a console or one command, reaps, forwards
 * signals, and goes down in order. Static, and a world of its own: it links nothing of src/.
 */
#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
	ASKED_MS = 10000,  /* for a command that has a signal of its own to end by */
	GRACE_MS = 5000,   /* between SIGTERM and SIGKILL of a halt */
	RESPAWN_MS = 1000, /* a console that ends sooner than this is started no faster */
	USAGE = 2,         /* exit codes: as a shell has them */
	CANNOT = 126,
	NOT_FOUND = 127,
	RESTART =
		128 + SIGHUP, /* if reboot(2) is not allowed; a reboot looks like SIGHUP outside */
};

struct init {
	char **command; /* NULL: the console */
	const char *user,
		*directory; /* of the command: USER[:GROUP], and where it begins; NULL: root, / */
	int signal;         /* asks the command to end, and it alone; 0: SIGTERM asks all */
	pid_t main;         /* the command or the console's process; 0: none */
	struct timespec started;
	bool reported;
	bool complained; /* of a console that cannot be started, which is tried every second */
	bool has_terminal;
	struct termios terminal; /* as we found it, put back before each console */
};

static long since_ms(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - then->tv_sec) * 1000 + (now.tv_nsec - then->tv_nsec) / 1000000;
}

static void complain(const char *what, const char *object, int code)
{
	dprintf(2, "guest-init: %s '%s': %s\r\n", what, object, strerror(code));
}

/* Sends one datagram to NOTIFY_SOCKET, as sd_notify(3) describes it. A missing receiver is no error. */
static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t length = path ? strlen(path) : 0;

	if (length < 2 || length >= sizeof to.sun_path || (*path != '/' && *path != '@'))
		return;
	memcpy(to.sun_path, path, length);
	if (*path == '@')
		to.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to, size);
	close(fd);
}

/* Mounts the file systems that every root needs, and that the program before this one may have left out. */
static void mount_missing(void)
{
	static const struct {
		const char *type, *target, *options;
		unsigned long magic, flags;
	} mounts[] = {
		{ "proc", "/proc", NULL, 0x9fa0, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "sysfs", "/sys", NULL, 0x62656572, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "tmpfs", "/run", "mode=0755", 0x01021994, MS_NOSUID | MS_NODEV },
		{ "devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=0620,gid=5", 0x1cd1,
		  MS_NOSUID | MS_NOEXEC },
		{ "tmpfs", "/dev/shm", "mode=1777", 0x01021994, MS_NOSUID | MS_NODEV },
	};

	for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
		struct statfs fs;
		if (statfs(mounts[i].target, &fs) < 0 ||
		    (unsigned long)fs.f_type == mounts[i].magic)
			continue;
		if (mount(mounts[i].type, mounts[i].target, mounts[i].type, mounts[i].flags,
			  mounts[i].options) < 0)
			complain("mount", mounts[i].target, errno);
	}
}

/* Standard descriptors must be open, or the first file that a child opens becomes its output. */
static void open_console(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		if (open("/dev/console", O_RDWR | O_NOCTTY) < 0)
			open("/dev/null", O_RDWR);
	}
}

/*
 * The terminal goes to the session of what runs on it: init keeps none, so that an interrupt typed
 * there does not reach it, where it would mean a reboot.
 */
static void give_up_terminal(void)
{
	sigset_t hangup;
	struct timespec now = { 0 };

	if (tcgetsid(0) != getsid(0) || ioctl(0, TIOCNOTTY) < 0)
		return;
	sigemptyset(&hangup);
	sigaddset(&hangup, SIGHUP);
	sigaddset(&hangup, SIGCONT);
	while (sigtimedwait(&hangup, NULL, &now) > 0)
		;
}

/* Has root a password to ask for? The second field of its line is then no '!', '*' or nothing. */
static bool root_has_password(void)
{
	char data[4096];
	int fd = open("/etc/shadow", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, data, sizeof data - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	data[n] = '\0';
	for (char *line = data; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, "root:", 5) == 0)
			return line[5] && !strchr("!*:\n", line[5]);
	}
	return false;
}

static const char *first_program(const char *const *paths)
{
	while (*paths && access(*paths, X_OK) < 0)
		paths++;
	return *paths;
}

/*
 * The console: whoever can open it is root on the host already, so that it is a shell, unless root
 * has a password here, which says that somebody wants to be asked for it.
 */
static void exec_console(void)
{
	static const char *const getties[] = { "/sbin/getty", "/bin/getty", "/usr/sbin/getty",
					       "/sbin/agetty", NULL };
	static const char *const logins[] = { "/bin/login", "/usr/bin/login", NULL };
	const char *getty = first_program(getties);

	setenv("TERM", "vt220", 0);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 0);
	if (getty && first_program(logins) && root_has_password())
		execl(getty, "getty", "-L", "38400", "-", getenv("TERM"), (char *)NULL);
	setenv("HOME", "/root", 0);
	setenv("USER", "root", 0);
	setenv("LOGNAME", "root", 0);
	setenv("SHELL", "/bin/sh", 0);
	if (chdir(getenv("HOME")) < 0 && chdir("/") < 0)
		return;
	execl("/bin/sh", "-sh", (char *)NULL);
}

/* The folder of a command, which is made if it is missing, as others make it for an image. */
static int enter_directory(const char *path)
{
	char part[4096];

	if (chdir(path) == 0)
		return 0;
	if (errno != ENOENT || strlen(path) >= sizeof part)
		return -errno;
	for (size_t n = 1; n <= strlen(path); n++) {
		if (path[n] != '/' && path[n])
			continue;
		memcpy(part, path, n);
		part[n] = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return chdir(path) < 0 ? -errno : 0;
}

/* Returns only with an error. */
static int exec_command(const struct init *init)
{
	int r = init->directory ? enter_directory(init->directory) : 0;

	if (r == 0)
		r = user_become(init->user ? init->user : "0");
	if (r < 0)
		return r;
	execvp(init->command[0], init->command);
	return -errno;
}

static __attribute__((noreturn)) void main_child(const struct init *init, int report)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	ioctl(0, TIOCSCTTY, 0);
	unsetenv("NOTIFY_SOCKET");
	int code = 0;
	if (init->command)
		code = -exec_command(init);
	else
		exec_console();
	if (code == 0)
		code = errno;
	if (write(report, &code, sizeof code) < 0)
		code = EIO;
	_exit(code == ENOENT ? NOT_FOUND : CANNOT);
}

static void report_ready(struct init *init)
{
	if (!init->reported)
		notify("READY=1");
	init->reported = true;
}

/* Starts the command or the console; a failed exec is told, and is the end of a command. */
static void start_main(struct init *init)
{
	int report[2], code = 0;

	clock_gettime(CLOCK_MONOTONIC, &init->started);
	if (init->has_terminal)
		tcsetattr(0, TCSANOW, &init->terminal);
	if (pipe2(report, O_CLOEXEC) < 0) {
		complain("start", "pipe", errno);
		return;
	}
	init->main = fork();
	if (init->main == 0)
		main_child(init, report[1]);
	close(report[1]);
	if (init->main < 0) {
		complain("start", "fork", errno);
		init->main = 0;
	} else if (read(report[0], &code, sizeof code) == sizeof code) {
		if (!init->complained && (init->command || code != ENOENT))
			complain("run", init->command ? init->command[0] : "/bin/sh", code);
		init->complained = true;
	} else {
		init->complained = false;
		report_ready(init);
	}
	/* A root without a shell, that of an image of one program, has no console, and waits for exec. */
	if (!init->command && code == ENOENT)
		report_ready(init);
	close(report[0]);
}

/* Reaps all that has ended; true when `main` was among it, its wait status then in *status. */
static bool reap(pid_t main, int *status)
{
	bool ended = false;
	int one;

	for (pid_t pid; (pid = waitpid(-1, &one, WNOHANG)) > 0;) {
		if (pid != main)
			continue;
		ended = true;
		*status = one;
	}
	return ended;
}

/* Waits for the end of a child, but not long: an end may be missed, and not all processes are our children. */
static void wait_step(void)
{
	const struct timespec step = { .tv_nsec = 20000000 };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigtimedwait(&child, NULL, &step);
}

/* Reaps until we are alone or the time is over. Those who came by setns(2) are not our children. */
static void wait_alone(int limit_ms)
{
	struct timespec start;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		reap(0, &status);
		if (kill(-1, 0) < 0 && errno == ESRCH)
			return;
		if (since_ms(&start) > limit_ms)
			return;
		wait_step();
	}
}

/* A command that has a signal to end by is asked by it, and may then end the others itself. */
static void ask_command(const struct init *init)
{
	struct timespec start;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &start);
	kill(init->main, init->signal);
	kill(init->main, SIGCONT);
	while (!reap(init->main, &status) && since_ms(&start) < ASKED_MS)
		wait_step();
}

/* Asks all, waits, kills all, writes back: afterwards we may end. */
static void take_down(const struct init *init)
{
	notify("STOPPING=1");
	if (init->command && init->signal && init->main > 0)
		ask_command(init);
	kill(-1, SIGTERM);
	if (!init->command && init->main > 0)
		kill(init->main, SIGHUP); /* an interactive shell ignores SIGTERM */
	kill(-1, SIGCONT);
	wait_alone(GRACE_MS);
	kill(-1, SIGKILL);
	wait_alone(GRACE_MS);
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root >= 0) {
		syncfs(root); /* sync(2) would wait for the whole host's disks */
		close(root);
	}
}

/* Ends with the command's exit code, which becomes that of the machine. */
static __attribute__((noreturn)) void end_with(const struct init *init, int status)
{
	take_down(init);
	_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/*
 * In a process namespace reboot(2) does not return: it ends init, as if by SIGHUP for a reboot and
 * by SIGINT for the rest (reboot(2), "Behavior inside PID namespaces").
 */
static __attribute__((noreturn)) void end_machine(const struct init *init, bool again)
{
	take_down(init);
	reboot(again ? RB_AUTOBOOT : RB_POWER_OFF);
	_exit(again ? RESTART : 0);
}

static void handle_child(struct init *init)
{
	int status;

	if (!reap(init->main, &status))
		return;
	init->main = 0;
	if (init->command)
		end_with(init, status);
}

static void handle_signal(struct init *init, const siginfo_t *info)
{
	int sig = info->si_signo;

	if (sig == SIGCHLD) {
		handle_child(init);
	} else if (sig == SIGINT || sig == SIGRTMIN + 5) {
		end_machine(init, true);
	} else if (sig == SIGTERM) {
		/* The reboot command of busybox is the only sender inside that asks init for its end so. */
		end_machine(init, !init->command && info->si_code <= 0 && info->si_pid > 0);
	} else if (sig == SIGPWR || sig == SIGRTMIN + 3 || sig == SIGRTMIN + 4) {
		end_machine(init, false);
	} else if (init->command) {
		if (init->main > 0)
			kill(init->main, sig);
	} else if (sig == SIGUSR1 || sig == SIGUSR2) {
		end_machine(init, false); /* halt and poweroff of busybox */
	}
}

/* Never returns: the end of process 1 is the end of the machine, so it ends only on purpose. */
static __attribute__((noreturn)) void supervise(struct init *init)
{
	sigset_t all;
	siginfo_t info;

	sigfillset(&all);
	start_main(init);
	for (;;) {
		struct timespec pause = { 0 };
		bool restart = init->main == 0;
		if (restart) {
			long ms = RESPAWN_MS - since_ms(&init->started);
			if (ms > 0)
				pause = (struct timespec){ ms / 1000, ms % 1000 * 1000000 };
		}
		if (sigtimedwait(&all, &info, restart ? &pause : NULL) > 0)
			handle_signal(init, &info);
		else if (restart && errno == EAGAIN)
			start_main(init);
	}
}

/* The options before "--", and the command after it. False: they are used wrongly. */
static bool parse(int argc, char **argv, struct init *init)
{
	int i = 1;

	for (; i + 1 < argc && strcmp(argv[i], "--") != 0; i += 2) {
		if (strcmp(argv[i], "--user") == 0)
			init->user = argv[i + 1];
		else if (strcmp(argv[i], "--directory") == 0)
			init->directory = argv[i + 1];
		else if (strcmp(argv[i], "--signal") == 0)
			init->signal = atoi(argv[i + 1]);
		else
			return false;
	}
	if (i + 1 < argc)
		init->command = argv + i + 1;
	return argc == 1 || (init->command && init->signal >= 0 && init->signal < NSIG);
}

int main(int argc, char **argv)
{
	struct init init = { 0 };
	sigset_t all;

	/* First of all, so that nothing that arrives is lost or ends us. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (!parse(argc, argv, &init)) {
		dprintf(2, "usage: guest-init [[--user USER[:GROUP]] [--directory DIRECTORY] "
			   "[--signal NUMBER] -- COMMAND [ARGUMENT]...]\n");
		return USAGE;
	}
	if (getpid() != 1) {
		dprintf(2, "guest-init: runs only as process 1 of a machine\n");
		return USAGE;
	}
	umask(022);
	if (chdir("/") < 0)
		complain("enter", "/", errno);
	open_console();
	give_up_terminal();
	mount_missing();
	init.has_terminal = tcgetattr(0, &init.terminal) == 0;
	supervise(&init);
}
