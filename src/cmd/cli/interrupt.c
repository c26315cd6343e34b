/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cli/interrupt.h"

#include "base/scoped.h"
#include "cmd/cli/print.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1000 };

/* Written before the handlers are set, so that these need nothing but calls that a handler may make. */
static char line[LINE_MAX_BYTES];
static volatile sig_atomic_t length; /* 0: nothing is to be said */
static pid_t owner;
/* The child of interrupt_pass, and the signal that was for it. */
static volatile pid_t child;
static volatile sig_atomic_t passed;

static const int ending[] = { SIGINT, SIGTERM, SIGHUP };
static sigset_t unheld; /* the mask outside of interrupt_hold and interrupt_release */

static void say(const char *bytes, size_t n)
{
	ssize_t ignored = write(STDERR_FILENO, bytes, n);

	(void)ignored;
}

static void tell_and_end(int number)
{
	struct termios modes;

	if (length && getpid() == owner) {
		/* A terminal shows ^C at the cursor. */
		if (tcgetattr(STDERR_FILENO, &modes) == 0)
			say("\n", 1);
		say(line, (size_t)length);
	}
	/* SA_RESETHAND has put back the default, and the signal is delivered when this handler returns. */
	raise(number);
}

static void pass_on(int number, siginfo_t *info, void *context)
{
	(void)context;
	passed = number;
	/* A terminal sends its signals to all processes of the group. */
	if (info->si_code != SI_KERNEL)
		kill(child, number);
}

static void set_handlers(struct sigaction action)
{
	struct sigaction old;

	action.sa_flags |= SA_RESETHAND;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
		if (sigaction(ending[i], &action, &old) == 0 && old.sa_handler == SIG_IGN)
			signal(ending[i], SIG_IGN);
	}
}

void interrupt_note(const char *fmt, ...)
{
	scoped_free char *sentence = NULL;
	scoped_text struct text printed = { 0 };
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&sentence, fmt, ap);
	va_end(ap);
	if (n < 0) {
		sentence = NULL;
		return;
	}
	print_note_line(sentence, &printed);
	interrupt_quiet();
	owner = getpid();
	n = snprintf(line, sizeof line, "%s", text_str(&printed));
	length = n < (int)sizeof line ? n : (int)sizeof line - 1;
	set_handlers((struct sigaction){ .sa_handler = tell_and_end });
}

void interrupt_whole(const char *what, const char *name, const char *see, const char *of)
{
	interrupt_note(
		"interrupted; %s '%s' is whole if 'berth %s %s' shows it, else the next command "
		"removes what was made of it",
		what, name, see, of);
}

void interrupt_quiet(void)
{
	length = 0;
}

void interrupt_pass(pid_t to)
{
	passed = 0;
	child = to;
	set_handlers((struct sigaction){ .sa_sigaction = pass_on, .sa_flags = SA_SIGINFO });
}

int interrupt_passed(void)
{
	interrupt_quiet();
	set_handlers((struct sigaction){ .sa_handler = tell_and_end });
	return passed;
}

void interrupt_hold(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
		sigaddset(&set, ending[i]);
	sigprocmask(SIG_BLOCK, &set, &unheld);
}

void interrupt_release(void)
{
	sigprocmask(SIG_SETMASK, &unheld, NULL);
}

int interrupt_descriptor(int more, struct err *err)
{
	struct sigaction now;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
		if (sigaction(ending[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(&set, ending[i]);
	}
	if (more)
		sigaddset(&set, more);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_set(err, errno, "wait for signals: %s", strerror(errno)) : fd;
}
