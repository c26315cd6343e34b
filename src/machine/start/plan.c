/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/start/plan.h"
#include "machine/state/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* Variables of the container interface, https://systemd.io/CONTAINER_INTERFACE; other inits ignore them. */
static int fill_env(struct plan *plan, const struct machine *machine, struct err *err)
{
	if (config_env(machine->config.env, &plan->user_env, err) < 0)
		return err_wrap(err, "key 'env' of machine '%s'", machine->name);
	text_print(plan->uuid, sizeof plan->uuid, "container_uuid=%s", machine->config.uuid);
	const char *ours[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"TERM=xterm-256color",
		"HOME=/root",
		"USER=root",
		"container=berth",
		"NOTIFY_SOCKET=/run/host/notify",
		plan->uuid,
	};
	size_t n = sizeof ours / sizeof *ours;
	memcpy(plan->env, ours, sizeof ours);
	for (char **word = plan->user_env; *word; word++) {
		if (n == PLAN_ENV_MAX)
			return err_set(err, E2BIG,
				       "key 'env' of machine '%s' has more than %d words",
				       machine->name, PLAN_ENV_MAX - 7);
		plan->env[n++] = *word;
	}
	plan->env[n] = NULL;
	return 0;
}

static int check_arch(const struct machine *machine, const struct root_facts *facts,
		      struct err *err)
{
	struct utsname host;

	if (uname(&host) < 0 || !facts->arch[0] || strcmp(facts->arch, host.machine) == 0)
		return 0;
	if (strcmp(host.machine, "x86_64") == 0 && strcmp(facts->arch, "i686") == 0)
		return 0;
	if (strcmp(host.machine, "aarch64") == 0 && text_starts(facts->arch, "arm"))
		return 0;
	return err_set(
		err, ENOEXEC,
		"the root of machine '%s' is for %s and this host is %s; launch a template for %s",
		machine->name, facts->arch, host.machine, host.machine);
}

/* systemd before 230 mounts cgroup v1 itself or stops, and a guest has no cgroup v1. */
static int check_systemd(const struct machine *machine, const struct root_facts *facts,
			 struct err *err)
{
	if (facts->init != INIT_SYSTEMD || !facts->systemd_version || facts->systemd_version >= 230)
		return 0;
	return err_set(err, ENOTSUP,
		       "machine '%s' has systemd %u, which cannot boot on cgroup v2; 230 or later "
		       "is needed",
		       machine->name, facts->systemd_version);
}

static enum restart_policy restart_of(const char *word)
{
	if (strcmp(word, "always") == 0)
		return RESTART_ALWAYS;
	return strcmp(word, "on-failure") == 0 ? RESTART_ON_FAILURE : RESTART_NO;
}

static void choose_init(struct plan *plan, const struct root_facts *facts)
{
	plan->guest_init = facts->init == INIT_NONE;
	plan->argv[0] = plan->guest_init ? "/run/host/guest-init" : facts->init_path;
	plan->argv[1] = NULL;
}

int plan_make(struct plan *plan, const struct machine *machine, const struct root_facts *facts,
	      struct err *err)
{
	const struct init_row *row = init_row(facts->init);
	const char *halt = *machine->config.stop_signal ? machine->config.stop_signal : row->halt;

	*plan = (struct plan){ .notifies = row->notifies, .screen = facts->wants_screen };
	if (check_arch(machine, facts, err) < 0 || check_systemd(machine, facts, err) < 0)
		return -err->code;
	plan->halt_signal = config_signal(halt);
	if (plan->halt_signal < 0)
		return err_set(err, EINVAL, "machine '%s': stop.signal '%s' is not a signal",
			       machine->name, halt);
	choose_init(plan, facts);
	plan->restart = restart_of(machine->config.restart);
	if (fill_env(plan, machine, err) < 0) {
		plan_free(plan);
		return -err->code;
	}
	return 0;
}

void plan_free(struct plan *plan)
{
	free(plan->user_env);
	*plan = (struct plan){ 0 };
}
