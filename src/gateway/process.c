/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start, signal and end of a child process. */
#include "gateway/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child. It owns nothing that the gateway has but the three descriptors. */
static __attribute__((noreturn)) void become(const struct process_spec *spec)
{
	sigset_t none;

	setsid();
	for (int i = 0; i < 3; i++)
		if (spec->fds[i] >= 0 && dup2(spec->fds[i], i) < 0)
			_exit(126);
	if (spec->terminal && ioctl(0, TIOCSCTTY, 0) < 0)
		_exit(126);
	/* An ignored signal stays ignored over an exec; a shell's background command ignores SIGINT. */
	for (int i = 1; i < SIGRTMIN; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* All are closed by the exec anyway; a kernel without the call loses nothing. */
	close_range(3, ~0U, 0);
	execve(spec->argv[0], (char *const *)(const void *)spec->argv, spec->env);
	_exit(127);
}

int process_start(struct processes *all, struct process *process, const struct process_spec *spec)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		become(spec);
	process->pid = pid;
	process->next = all->first;
	all->first = process;
	return 0;
}

void process_signal(const struct process *process, int signal)
{
	if (process->pid <= 0)
		return;
	/* It may not have made its session yet. */
	if (kill(-process->pid, signal) < 0)
		kill(process->pid, signal);
}

/* Takes one that has ended out of the list. NULL: none has. */
static struct process *take_ended(struct processes *all)
{
	for (struct process **at = &all->first; *at; at = &(*at)->next) {
		struct process *process = *at;
		int status = 0;
		pid_t r = waitpid(process->pid, &status, WNOHANG);
		if (r == 0 || (r < 0 && errno == EINTR))
			continue;
		*at = process->next;
		process->pid = 0;
		process->status = r > 0 ? status : 0;
		return process;
	}
	return NULL;
}

void process_reap(struct processes *all)
{
	struct process *process;

	while ((process = take_ended(all)))
		process->ended(process);
}
