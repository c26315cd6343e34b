/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest-init as process 1 of a process namespace: codes, signals, orphans, console, readiness. */
#include "base/child.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/spawn.h"

#include <CUnit/Basic.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

enum { PATIENCE_MS = 120000 };

static char folder[64]; /* of this run, on the host's disk: seen inside as well */

struct guest {
	pid_t pid;
	int pidfd;
	int out; /* its output; with a terminal: the master side */
};

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* An /etc of its own, so that the host's root password does not decide what the console is. */
static __attribute__((noreturn)) void guest_side(char *const *argv, int out, bool terminal,
						 const char *shadow)
{
	if (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0 ||
	    mount("tmpfs", "/etc", "tmpfs", 0, NULL) < 0)
		_exit(99);
	FILE *f = fopen("/etc/shadow", "w");
	if (!f || fputs(shadow, f) < 0 || fclose(f) != 0)
		_exit(99);
	if (terminal) {
		setsid();
		ioctl(out, TIOCSCTTY, 0);
		dup2(out, 0);
	}
	dup2(out, 1);
	dup2(out, 2);
	execv(argv[0], argv);
	_exit(98);
}

/* Starts guest-init with these arguments (NULL: the console on a terminal). */
static void guest_start(struct guest *guest, const char *script, const char *shadow)
{
	char program[] = GUEST_INIT, dashes[] = "--", sh[] = "/bin/sh", c[] = "-c";
	scoped_free char *copy = strdup(script ? script : "");
	char *const command[] = { program, dashes, sh, c, copy, NULL };
	char *const console[] = { program, NULL };
	struct spawn spawn = { .namespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC,
			       .cgroup_fd = -1 };
	int ends[2];

	if (script ? pipe2(ends, O_CLOEXEC) : openpty(&ends[0], &ends[1], NULL, NULL, NULL)) {
		guest->pid = -1;
		return;
	}
	guest->pid = spawn_process(&spawn);
	if (guest->pid == 0)
		guest_side(script ? command : console, ends[1], !script, shadow);
	guest->pidfd = spawn.pidfd;
	guest->out = ends[0];
	close(ends[1]);
}

/* The exit code as in a shell, or -1 if it does not end; then it is killed. */
static int guest_end(struct guest *guest)
{
	struct pollfd ended = { .fd = guest->pidfd, .events = POLLIN };
	int r = poll(&ended, 1, PATIENCE_MS);

	if (r != 1)
		kill(guest->pid, SIGKILL);
	int status = child_wait(guest->pid);
	close(guest->pidfd);
	close(guest->out);
	if (r != 1)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Reads what it writes until `wanted` is there `times` times. */
static bool guest_says(struct guest *guest, const char *wanted, int times)
{
	scoped_text struct text said = { 0 };
	long end = now_ms() + PATIENCE_MS;
	char chunk[512];

	while (now_ms() < end) {
		struct pollfd ready = { .fd = guest->out, .events = POLLIN };
		int seen = 0;
		for (const char *p = text_str(&said); (p = strstr(p, wanted)); p++)
			seen++;
		if (seen >= times)
			return true;
		if (poll(&ready, 1, 100) != 1)
			continue;
		ssize_t n = read(guest->out, chunk, sizeof chunk);
		if (n <= 0)
			break;
		text_add_bytes(&said, chunk, (size_t)n);
	}
	printf("wanted '%s', got '%s'\n", wanted, text_str(&said));
	return false;
}

static void guest_type(struct guest *guest, const char *keys)
{
	CU_ASSERT_EQUAL(write(guest->out, keys, strlen(keys)), (ssize_t)strlen(keys));
}

static int run_script(const char *script)
{
	struct guest guest;

	guest_start(&guest, script, "");
	return guest_end(&guest);
}

static void test_command_code(void)
{
	CU_ASSERT_EQUAL(run_script("exit 0"), 0);
	CU_ASSERT_EQUAL(run_script("exit 7"), 7);
	CU_ASSERT_EQUAL(run_script("kill -9 $$"), 128 + SIGKILL);
	CU_ASSERT_EQUAL(run_script("kill -TERM $$"), 128 + SIGTERM);
}

static void test_command_missing(void)
{
	char program[] = GUEST_INIT, dashes[] = "--", missing[] = "/no/such/command";
	char *const argv[] = { program, dashes, missing, NULL };
	struct spawn spawn = { .namespaces = CLONE_NEWPID | CLONE_NEWNS, .cgroup_fd = -1 };
	struct guest guest;
	int ends[2];

	CU_ASSERT_EQUAL(pipe2(ends, O_CLOEXEC), 0);
	guest.pid = spawn_process(&spawn);
	if (guest.pid == 0)
		guest_side(argv, ends[1], false, "");
	guest.pidfd = spawn.pidfd;
	guest.out = ends[0];
	close(ends[1]);
	CU_ASSERT_TRUE(guest_says(&guest, "'/no/such/command': No such file or directory", 1));
	CU_ASSERT_EQUAL(guest_end(&guest), 127);
}

/* A process that is nobody's child any more becomes process 1's, and must not stay a zombie. */
static void test_orphans_reaped(void)
{
	CU_ASSERT_EQUAL(run_script("i=0; while [ $i -lt 40 ]; do (true & true); i=$((i+1)); done\n"
				   "n=0; while [ $n -lt 200 ]; do\n"
				   "  left=0; for s in /proc/[0-9]*/stat; do\n"
				   "    read -r line <$s && case $line in *') Z '*) left=1;; esac\n"
				   "  done; [ $left = 0 ] && exit 0; n=$((n+1)); sleep 0.05\n"
				   "done; exit 1"),
			0);
}

static void test_signal_forwarded(void)
{
	struct guest guest;

	guest_start(&guest, "trap 'exit 33' USR1; echo set; while :; do sleep 0.05; done", "");
	CU_ASSERT_TRUE(guest_says(&guest, "set", 1));
	kill(guest.pid, SIGUSR1);
	CU_ASSERT_EQUAL(guest_end(&guest), 33);
}

/* Every process is asked, and the namespace ends as reboot(2) says. */
static void test_halt(void)
{
	static const struct {
		int signal, code;
	} ends[] = {
		{ SIGTERM, 128 + SIGINT },
		{ SIGPWR, 128 + SIGINT },
		{ SIGINT, 128 + SIGHUP },
	};

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		struct guest guest;
		guest_start(
			&guest,
			"(trap 'echo asked; exit' TERM; echo set; while :; do sleep 0.05; done) &"
			"wait; sleep 1000",
			"");
		CU_ASSERT_TRUE(guest_says(&guest, "set", 1));
		kill(guest.pid, ends[i].signal);
		CU_ASSERT_TRUE(guest_says(&guest, "asked", 1));
		CU_ASSERT_EQUAL(guest_end(&guest), ends[i].code);
	}
}

/* A process that ignores SIGTERM is killed, and does not delay the halt for ever. */
static void test_halt_deaf(void)
{
	struct guest guest;

	guest_start(&guest, "trap '' TERM HUP; echo set; while :; do sleep 1; done", "");
	CU_ASSERT_TRUE(guest_says(&guest, "set", 1));
	kill(guest.pid, SIGTERM);
	CU_ASSERT_EQUAL(guest_end(&guest), 128 + SIGINT);
}

static void test_ready(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	scoped_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct guest guest;
	char said[64] = "";

	snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", folder);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	guest_start(&guest, "echo \"socket=$NOTIFY_SOCKET.\"; sleep 1000", "");
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	CU_ASSERT_EQUAL(poll(&ready, 1, PATIENCE_MS), 1);
	CU_ASSERT_EQUAL(recv(fd, said, sizeof said - 1, MSG_DONTWAIT), 7);
	CU_ASSERT_STRING_EQUAL(said, "READY=1");
	CU_ASSERT_TRUE(guest_says(&guest, "socket=.", 1));
	kill(guest.pid, SIGTERM);
	CU_ASSERT_EQUAL(guest_end(&guest), 128 + SIGINT);
	unsetenv("NOTIFY_SOCKET");
}

/* A shell with job control; its end starts the next; an interrupt typed there is the shell's. */
static void test_console(void)
{
	struct guest guest;

	guest_start(&guest, NULL, "root:!:1::::::\n");
	guest_type(&guest, "echo one-$((40 + 2)); tty >/dev/null && cat\n");
	CU_ASSERT_TRUE(guest_says(&guest, "one-42", 1));
	/* The typed text comes back from the terminal and from cat, so cat is running when the interrupt comes. */
	guest_type(&guest, "mew\n");
	CU_ASSERT_TRUE(guest_says(&guest, "mew", 2));
	guest_type(&guest, "\003");
	CU_ASSERT_TRUE(guest_says(&guest, "# ", 1));
	guest_type(&guest, "echo two-$((40 + 3)); exit\n");
	CU_ASSERT_TRUE(guest_says(&guest, "two-43", 1));
	guest_type(&guest, "echo three-$((40 + 4)), $0\n");
	CU_ASSERT_TRUE(guest_says(&guest, "three-44, -sh", 1));
	guest_type(&guest, "kill -USR2 1\n");
	CU_ASSERT_EQUAL(guest_end(&guest), 128 + SIGINT);
}

static void test_console_reboot(void)
{
	struct guest guest;

	guest_start(&guest, NULL, "");
	guest_type(&guest, "echo up-$((1 + 1))\n");
	CU_ASSERT_TRUE(guest_says(&guest, "up-2", 1));
	guest_type(&guest, "kill -TERM 1\n");
	CU_ASSERT_EQUAL(guest_end(&guest), 128 + SIGHUP);

	guest_start(&guest, NULL, "");
	guest_type(&guest, "echo up-$((1 + 1))\n");
	CU_ASSERT_TRUE(guest_says(&guest, "up-2", 1));
	kill(guest.pid, SIGTERM);
	CU_ASSERT_EQUAL(guest_end(&guest), 128 + SIGINT);
}

static void test_not_first(void)
{
	const char *const argv[] = { GUEST_INIT, "--", "/bin/true", NULL };
	scoped_text struct text errors = { 0 };
	struct child_io io = { .errors = &errors };
	struct err err = { 0 };

	CU_ASSERT_TRUE(child_run(argv, &io, &err) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text_str(&errors), "process 1"));
}

static CU_TestInfo tests[] = {
	{ "a command's code is the machine's", test_command_code },
	{ "a missing command is told", test_command_missing },
	{ "orphans are reaped", test_orphans_reaped },
	{ "signals are forwarded", test_signal_forwarded },
	{ "halt and reboot signals", test_halt },
	{ "halt kills the deaf", test_halt_deaf },
	{ "readiness is told", test_ready },
	{ "the console is a shell and comes back", test_console },
	{ "reboot from inside", test_console_reboot },
	{ "refuses to be anything but process 1", test_not_first },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ "guest-init", NULL, NULL, NULL, NULL, tests },
	CU_SUITE_INFO_NULL,
};

int main(void)
{
	if (geteuid() != 0) {
		puts("skipped: process namespaces need root");
		return 77;
	}
	snprintf(folder, sizeof folder, "/var/tmp/test-guest-init.%d", (int)getpid());
	if (mkdir(folder, 0755) < 0 || CU_initialize_registry() != CUE_SUCCESS ||
	    CU_register_suites(suites) != CUE_SUCCESS)
		return 1;
	CU_basic_run_tests();
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	remove_tree(AT_FDCWD, folder);
	return failures != 0;
}
