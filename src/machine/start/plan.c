/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/start/plan.h"
#include "config/values.h"
#include "machine/start/rootfs.h"
#include "machine/state/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

const char *plan_init(const struct machine_config *config)
{
	return *config->app_command ? GUEST_INIT_PATH : config->init;
}

/* Whether one of the words sets the variable that `word` sets. */
static bool is_set(char **words, const char *word)
{
	size_t n = strcspn(word, "=") + 1;

	for (; *words; words++) {
		if (strncmp(*words, word, n) == 0)
			return true;
	}
	return false;
}

/* Variables of the container interface, https://systemd.io/CONTAINER_INTERFACE; other inits ignore them. */
static int fill_env(struct plan *plan, const struct machine *machine, struct err *err)
{
	if (config_env(machine->config.env, &plan->user_env, err) < 0)
		return err_wrap(err, "key 'env' of machine '%s'", machine->name);
	text_print(plan->uuid, sizeof plan->uuid, "container_uuid=%s", machine->config.uuid);
	const char *ours[] = {
		"CREDENTIALS_DIRECTORY=/" CREDENTIALS_FOLDER, /* only with credentials */
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"TERM=xterm-256color",
		"container=berth",
		"NOTIFY_SOCKET=/run/host/notify",
		plan->uuid,
		/* guest-init sets these two for the user of app.command. */
		"HOME=/root",
		"USER=root",
	};
	size_t all = sizeof ours / sizeof *ours, n = 0;
	for (size_t i = !machine->config.credentials; i < all - (plan->app ? 2 : 0); i++) {
		if (!is_set(plan->user_env, ours[i]))
			plan->env[n++] = ours[i];
	}
	for (char **word = plan->user_env; *word; word++) {
		if (n == PLAN_ENV_MAX)
			return err_set(err, E2BIG,
				       "key 'env' of machine '%s' has more than %zu words",
				       machine->name, PLAN_ENV_MAX - all);
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

/* guest-init with the options of berth-guest-init(8), or the root's init. */
static int choose_init(struct plan *plan, const struct machine *machine,
		       const struct root_facts *facts, struct err *err)
{
	enum { OPTIONS = 8 };
	const struct machine_config *config = &machine->config;
	size_t words = 0, n = 0;

	plan->guest_init = facts->init == INIT_NONE;
	if (*config->app_command && config_words(config->app_command, &plan->app, err) < 0)
		return err_wrap(err, "key 'app.command' of machine '%s'", machine->name);
	while (plan->app && plan->app[words])
		words++;
	plan->argv = calloc(words + OPTIONS + 2, sizeof *plan->argv);
	if (!plan->argv)
		return err_set(err, ENOMEM, "out of memory");
	plan->argv[n++] = plan->guest_init ? GUEST_INIT_PATH : facts->init_path;
	if (words == 0)
		return 0;
	snprintf(plan->signal, sizeof plan->signal, "%d",
		 config_signal(*config->app_signal ? config->app_signal : "SIGTERM"));
	const char *options[][2] = { { "--signal", plan->signal },
				     { "--directory", config->app_directory },
				     { "--user", config->app_user } };
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		if (!*options[i][1])
			continue;
		plan->argv[n++] = options[i][0];
		plan->argv[n++] = options[i][1];
	}
	plan->argv[n++] = "--";
	for (size_t i = 0; i < words; i++)
		plan->argv[n++] = plan->app[i];
	return 0;
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
	plan->restart = restart_of(machine->config.restart);
	plan->idle_after = strcmp(machine->config.desktop_idle, "never") == 0
				   ? 0
				   : (unsigned)machine->config.desktop_idle_after;
	if (choose_init(plan, machine, facts, err) < 0 || fill_env(plan, machine, err) < 0) {
		plan_free(plan);
		return -err->code;
	}
	return 0;
}

void plan_free(struct plan *plan)
{
	free(plan->argv);
	free(plan->app);
	free(plan->user_env);
	*plan = (struct plan){ 0 };
}
