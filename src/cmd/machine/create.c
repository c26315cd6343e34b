/* SPDX-License-Identifier: GPL-2.0-or-later */
/* launch, create: new machines of templates. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/backup/backup.h"
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/cli/rights.h"
#include "cmd/machine/cloud_init.h"
#include "cmd/machine/create.h"
#include "cmd/machine/many.h"
#include "cmd/machine/provision.h"
#include "cmd/machine/provision_options.h"
#include "image/template/template.h"
#include "machine/manage/manage.h"
#include "machine/state/machine.h"
#include "machine/state/owner.h"

#include <string.h>
#include <sys/random.h>

static const struct flag *const launch_flags[] = {
	&flag_cloud_init, &flag_console, &flag_count,    &flag_init_env, &flag_ephemeral,
	&flag_escape,     &flag_file,    &flag_json,     &flag_keymap,   &flag_load_credential,
	&flag_locale,     &flag_network, &flag_password, &flag_pool,     &flag_run,
	&flag_set,        &flag_ssh_key, &flag_start_at, &flag_timezone, &flag_provision_user,
	&flag_wait,       NULL
};
static const struct flag *const create_flags[] = {
	&flag_count,   &flag_init_env, &flag_ephemeral, &flag_json,     &flag_load_credential,
	&flag_network, &flag_pool,     &flag_set,       &flag_start_at, NULL
};
int name_from_template(const char *template, char name[64], struct err *err)
{
	static const char letters[] = "bcdfghjkmnpqrstvwxz23456789";
	unsigned char random[4];
	char tail[5] = "";

	if (getrandom(random, sizeof random, 0) != sizeof random)
		return err_set(err, errno, "make up a name: %s", strerror(errno));
	for (size_t i = 0; i < sizeof random; i++)
		tail[i] = letters[random[i] % (sizeof letters - 1)];
	snprintf(name, 64, "%.58s-%s", template, tail);
	return 0;
}

/* Whether berth.conf decides the new machine's network. */
static bool network_is_default(const struct words *words)
{
	for (size_t i = 0; i < words->count; i++) {
		if (text_starts(words->list[i], "network="))
			return false;
	}
	return true;
}

/* The template is checked before a pool and a network are created for the machine. *networked: it has a network. */
static int check_template(const struct call *call, const char *template, bool *networked,
			  struct err *err)
{
	struct template_config config;
	int r = template_open(&call->dirs, template, &config, err);

	if (r == 0) {
		*networked = config_label(config.presets, "network") != NULL;
		config_free(&template_schema, &config);
	}
	return r;
}

/* Shows progress, because a pool that copies files takes as long as a copy. */
static int create_shown(const struct call *call, const char *name, const struct machine_spec *spec,
			struct err *err)
{
	scoped_progress struct progress progress = { 0 };

	progress_begin(&progress, "creating machine '%s'", name);
	return machine_create(&call->dirs, name, spec, err);
}

/* Checks the settings of new machines, and makes the pool and the network that they need, before a machine is made. */
static int prepare(const struct call *call, bool ephemeral, struct words *words, char **pool,
		   struct err *err)
{
	bool networked = false;
	int r = settings_given(call, ephemeral, words, err);

	if (r == 0)
		r = settings_check(words, err);
	if (r == 0)
		r = check_template(call, call->words[0], &networked, err);
	if (r == 0 && !networked && network_is_default(words))
		r = network_wanted(call, err);
	return r != 0 ? r : pool_wanted(call, pool, err);
}

static void note_right(void *context, const char *sentence)
{
	(void)context;
	print_note("%s", sentence);
}

void create_tell_rights(const struct call *call, const char *name, const struct words *words)
{
	scoped_machine struct machine machine = { 0 };
	size_t i = 0;

	while (i < words->count && !text_starts(words->list[i], "access.users="))
		i++;
	if (i == words->count || machine_look(&machine, &call->dirs, name, &(struct err){ 0 }) < 0)
		return;
	rights_absent(&machine, note_right, NULL);
	rights_wide(&machine, note_right, NULL);
}

int create_wanted(struct call *call, const char *wanted, bool ephemeral, int *owner, char name[64],
		  struct err *err)
{
	const char *template = call->words[0];
	bool made_up = !wanted;
	scoped_settings struct words words = { 0 };
	scoped_free char *pool = NULL;

	snprintf(name, 64, "%s", made_up ? "" : wanted);
	int r = name_check(template, err);
	if (r == 0 && !made_up)
		r = name_check(wanted, err);
	if (r != 0)
		return r;
	r = prepare(call, ephemeral, &words, &pool, err);
	for (int tries = 0; r == 0 && tries < 10; tries++) {
		struct machine_spec spec = {
			.template = template,
			.pool = pool,
			.settings = settings_of(&words),
			.owner = owner,
		};
		if (made_up)
			r = name_from_template(template, name, err);
		if (r == 0)
			r = create_shown(call, name, &spec, err);
		if (r != -EEXIST || !made_up)
			break;
		*err = (struct err){ 0 };
		r = 0;
	}
	for (size_t i = 0; r == 0 && i < words.count; i++) {
		if (text_starts(words.list[i], "backup.schedule="))
			backup_remark_made(&call->dirs, name);
	}
	if (r == 0)
		create_tell_rights(call, name, &words);
	return r;
}

void create_tell_name(const struct call *call, bool made_up, const char *name)
{
	if (made_up && !call_has(call, &flag_json))
		output_print_made("machine", name);
	else
		output_made("machine", name);
}

/* Creates the machine that the words describe; owner as in machine_spec. A name that was made up is printed. */
static int create_machine(struct call *call, int *owner, char name[64], struct err *err)
{
	bool made_up = call->count < 2;
	int r = create_wanted(call, made_up ? NULL : call->words[1],
			      call_has(call, &flag_ephemeral), owner, name, err);

	if (r == 0)
		create_tell_name(call, made_up, name);
	return r;
}

int create_show(struct call *call, const char *name, struct err *err)
{
	scoped_machine struct machine machine = { 0 };

	if (!call_has(call, &flag_json))
		return 0;
	return machine_open(&machine, &call->dirs, name, err) < 0 ? -err->code
								  : print_machine(&machine, err);
}

/* This runs once, so that machines that are created at the same time do not each create a pool and a network. */
static int prepare_many(const struct call *call, struct err *err)
{
	scoped_settings struct words words = { 0 };
	scoped_free char *pool = NULL;

	return prepare(call, call_has(call, &flag_ephemeral), &words, &pool, err);
}

static int create_one(struct call *call, const char *name, struct err *err)
{
	char made[64];

	return create_wanted(call, name, call_has(call, &flag_ephemeral), NULL, made, err);
}

int create_check_count(const struct call *call, struct err *err)
{
	static const char *const addresses[] = { "network.address=", "network.address6=" };
	bool many = call_has(call, &flag_count);

	if (call_has(call, &flag_start_at) && !many)
		err_set(err, EINVAL, "--start-at needs --count");
	for (size_t i = 0; many && i < call->given_count; i++) {
		const char *value = call->given[i].value;
		for (size_t k = 0; k < 2 && call->given[i].flag == &flag_set; k++) {
			if (text_starts(value, addresses[k]) && value[strlen(addresses[k])])
				err_set(err, EINVAL,
					"--set %.*s belongs to one machine, and --count makes "
					"several; leave it out for free addresses",
					(int)strlen(addresses[k]) - 1, addresses[k]);
		}
	}
	return err->code ? EXIT_USAGE : many_check(call, err);
}

/* The names begin with the template's name if no name is given. */
static int new_many(struct call *call, make_fn *make, struct err *err)
{
	const char *base = call->words[call->count - 1];
	int r = name_check(base, err);

	if (r == 0)
		r = name_check(call->words[0], err);
	if (r == 0)
		r = prepare_many(call, err);
	return r != 0 ? r : make_many(call, base, make, err);
}

static int run_create(struct call *call, struct err *err)
{
	scoped_free char *pulled = NULL;
	char name[64];

	if (create_check_count(call, err) != 0)
		return EXIT_USAGE;
	int got = template_wanted(call, &pulled, err);
	if (got != 0)
		return got;
	if (call_has(call, &flag_count))
		return new_many(call, create_one, err);

	int r = create_machine(call, NULL, name, err);
	return r != 0 ? r : create_show(call, name, err);
}

void create_undo(struct machine *machine)
{
	struct err ignored = { 0 };

	if (machine_delete(machine, true, &ignored) < 0)
		print_note("%s", ignored.text);
}

/* A machine that cannot start is deleted, because launch promises a machine that runs. */
int start_or_delete(struct machine *machine, struct err *err)
{
	long mark = console_mark(machine);

	if (start_machine(machine, NULL, err) == 0)
		return 0;
	console_show(machine, mark);
	create_undo(machine);
	return -err->code;
}

/*
 * Creates a machine, starts it, and waits for its boot if --wait is given. *mark: the end of console.log at its start.
 */
static int launch(struct call *call, const char *wanted, struct machine *machine, long *mark,
		  struct err *err)
{
	scoped_fd int owner = -1;
	char name[64];
	int r = create_wanted(call, wanted, call_has(call, &flag_ephemeral), &owner, name, err);

	if (r != 0)
		return r;
	create_tell_name(call, !wanted, name);
	if (machine_open(machine, &call->dirs, name, err) < 0)
		return -err->code;
	if (provision_files(call, machine, err) != 0) {
		create_undo(machine);
		return -err->code;
	}
	if (start_or_delete(machine, err) < 0)
		return -err->code;
	/* Before this line, an ephemeral machine is deleted if this command is killed. */
	owner_release(machine, &owner);
	*mark = console_mark(machine);
	if (call_has(call, &flag_console))
		return 0;
	r = wait_booted(call, machine, err);
	if (r == 0)
		r = provision_run(call, machine, err);
	if (r == -ECANCELED)
		console_show(machine, *mark);
	return r;
}

static int launch_one(struct call *call, const char *name, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	long mark;

	return launch(call, name, &machine, &mark, err);
}

static int check_launch(const struct call *call, struct err *err)
{
	uint64_t unused;
	int r = call_seconds(call, &flag_wait, 60, &unused, err);

	if (r == 0)
		r = create_check_count(call, err);
	if (r == 0)
		r = provision_check(call, err);
	return r != 0 ? r : check_console(call, call_has(call, &flag_count) ? 2 : 1, err);
}

static int run_launch(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free char *pulled = NULL;
	long mark;
	int r = check_launch(call, err);

	if (r == 0)
		r = template_wanted(call, &pulled, err);
	if (r == 0 && call_has(call, &flag_count))
		return new_many(call, launch_one, err);
	if (r == 0)
		r = launch(call, call->count < 2 ? NULL : call->words[1], &machine, &mark, err);
	if (r == 0 && call_has(call, &flag_console))
		return attach_started(call, &machine, mark, err);
	return r != 0 ? r : create_show(call, machine.name, err);
}

const struct command command_launch = {
	.name = "launch",
	.args = "TEMPLATE [NAME]",
	.help = "Create a machine from a template and start it",
	.flags = launch_flags,
	.min = 1,
	.max = 2,
	.first = WORD_TEMPLATE,
	.run = run_launch,
};

const struct command command_create = {
	.name = "create",
	.aliases = "init",
	.args = "TEMPLATE [NAME]",
	.help = "Create a machine from a template, without starting it",
	.flags = create_flags,
	.min = 1,
	.max = 2,
	.first = WORD_TEMPLATE,
	.run = run_create,
};
