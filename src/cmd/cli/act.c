/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A verb runs on each name that it is given: on one after the other, or on each in a process of its own. */
#include "base/causes.h"
#include "base/child.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/names.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "machine/manage/manage.h"
#include "machine/state/machine.h"

#include <string.h>
#include <sys/wait.h>

char *name_split(const char *word, char **after, struct err *err)
{
	char *name = strdup(word);

	*after = name ? strchr(name, '@') : NULL;
	if (*after)
		*(*after)++ = '\0';
	if (!name)
		err_set(err, ENOMEM, "out of memory");
	return name;
}

int open_named(struct machine *machine, const struct call *call, const char *name, struct err *err)
{
	int r = name_check(name, err);

	if (r != 0)
		return r;
	return call->command->traits & COMMAND_LOOKS
		       ? machine_look(machine, &call->dirs, name, err)
		       : machine_open(machine, &call->dirs, name, err);
}

static int act_on(struct call *call, const char *name, act_fn *act, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	int r = open_named(&machine, call, name, err);

	if (r == -ESTALE && call->command->traits & COMMAND_ENDS) {
		print_note("%s", err->text);
		*err = (struct err){ 0 };
		return 0;
	}
	/* A machine that nobody has named, and that was deleted meanwhile, is no error. */
	if (r == -ENOENT && call->command->traits & COMMAND_ALL && call->count == 0) {
		*err = (struct err){ 0 };
		return 0;
	}
	return r != 0 ? r : act(call, &machine, err);
}

/* Reports a failure, and turns a result into an exit code. */
static int tell(int r, struct err *err)
{
	if (err->code)
		print_error(err);
	*err = (struct err){ 0 };
	return r < 0 ? EXIT_FAILED : r;
}

void exit_apart(const struct call *call, int r, struct err *err)
{
	if (r >= 0 && err->code == 0 && output_end(err) < 0)
		r = -err->code;
	int status = tell(r, err);

	start_background_work(call);
	_exit(status);
}

void act_and_exit(struct call *call, const char *name, act_fn *act)
{
	struct err err = { 0 };

	progress_off();
	exit_apart(call, act_on(call, name, act, &err), &err);
}

static pid_t act_apart(struct call *call, const char *name, act_fn *act)
{
	output_flush();
	pid_t pid = fork();
	if (pid == 0)
		act_and_exit(call, name, act);
	return pid;
}

static int all_apart(struct call *call, const struct names *names, act_fn *act, struct err *err)
{
	scoped_free pid_t *pids = calloc(names->count, sizeof *pids);
	int worst = 0;

	if (!pids)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < names->count; i++)
		pids[i] = act_apart(call, names->list[i], act);
	for (size_t i = 0; i < names->count; i++) {
		int status = pids[i] < 0 ? -EAGAIN : child_wait(pids[i]);
		int code = status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
		if (pids[i] < 0)
			print_note("machine '%s': fork failed", names->list[i]);
		if (code > worst)
			worst = code;
	}
	return worst;
}

int for_each_machine(struct call *call, act_fn *act, bool apart, struct err *err)
{
	scoped_names struct names names = { 0 };
	int worst = 0;

	int r = names_given(call, &names, err);
	if (r != 0)
		return r;
	if (names.count == 1 && !names.unmatched)
		return act_on(call, names.list[0], act, err);
	if (names.unmatched)
		worst = EXIT_FAILED;
	if (apart && names.count > 0) {
		int code = all_apart(call, &names, act, err);
		return code > worst ? code : worst;
	}
	for (size_t i = 0; i < names.count; i++) {
		struct err one = { 0 };
		int code = tell(act_on(call, names.list[i], act, &one), &one);
		if (code > worst)
			worst = code;
	}
	return worst;
}

/* Whether an earlier word is the same, and so the act is done already. */
static bool is_repeated(const struct call *call, int at)
{
	for (int i = 0; i < at; i++) {
		if (strcmp(call->words[i], call->words[at]) == 0)
			return true;
	}
	return false;
}

int check_each_name(struct call *call, int (*check)(struct call *, const char *name, struct err *),
		    struct err *err)
{
	scoped_causes struct causes causes = { 0 };
	int worst = 0;

	for (int i = 0; i < call->count; i++) {
		struct err one = { 0 };
		int r = name_check(call->words[i], &one);
		if (r == 0)
			r = check(call, call->words[i], &one);
		if (r > worst)
			worst = r;
		causes_add(&causes, &one);
	}
	int r = causes_tell(&causes, err);
	return worst ? worst : r;
}

int for_each_name(struct call *call, int (*act)(struct call *, const char *name, struct err *),
		  struct err *err)
{
	int worst = 0;

	for (int i = 0; i < call->count; i++) {
		if (name_check(call->words[i], err) != 0)
			return EXIT_USAGE;
	}
	for (int i = 0; i < call->count; i++) {
		struct err one = { 0 };
		if (is_repeated(call, i))
			continue;
		int r = act(call, call->words[i], &one);
		if (call->count == 1) {
			*err = one;
			return r;
		}
		int code = tell(r, &one);
		if (code > worst)
			worst = code;
	}
	return worst;
}

void tell_left_volumes(const struct machine *machine, const char *what, bool has_written)
{
	for (const struct section *at = machine->config.volumes; at; at = at->next) {
		if (has_written && !((const struct attached_config *)at)->readonly)
			continue;
		print_note("volume '%s' of machine '%s' is not in %s; a stream of it is written "
			   "by: berth "
			   "volume export %s FILE",
			   at->name, machine->name, what, at->name);
	}
}
