/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/import_increment.h"

#include "machine/life/control.h"
#include "machine/manage/import_volumes.h"
#include "machine/state/half.h"
#include "machine/state/move.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/scoped.h"

#include <stdlib.h>
#include <string.h>

struct addition {
	struct machine *machine;
	struct subject subject; /* the machine */
	struct increment inc;
	struct import_volumes volumes; /* owned */
	struct section
		*sections; /* owned: of volumes that the machine has not got in its settings */
	const struct import_spec *spec;
};

/* ---- Sections of volumes that the machine gets */

static int check_target(const struct machine *machine, const struct attached_config *wanted,
			struct err *err)
{
	for (const struct section *at = machine->config.volumes; at; at = at->next) {
		if (strcmp(((const struct attached_config *)at)->target, wanted->target) == 0)
			return err_set(err, EEXIST,
				       "it has volume '%s' at '%s', where machine '%s' here has "
				       "volume '%s': detach that, or leave the volumes out: "
				       "--no-volumes",
				       wanted->section.name, wanted->target, machine->name,
				       at->name);
	}
	return 0;
}

/* Keeps those of the list that are new here, by the names that the volumes have here. */
static int take_sections(struct addition *addition, struct section *list, struct err *err)
{
	struct section **last = &addition->sections;
	const struct machine_config *config = &addition->machine->config;

	*last = list;
	while (*last) {
		struct section *at = *last;
		const struct coming_volume *one =
			import_volumes_named(&addition->volumes, at->name);
		if (one && text_take(&at->name, strdup(coming_volume_name(one))) < 0)
			return err_set(err, ENOMEM, "out of memory");
		if (one && !config_section(config->volumes, at->name)) {
			if (check_target(addition->machine, (struct attached_config *)at, err) < 0)
				return -err->code;
			last = &at->next;
			continue;
		}
		struct machine_config gone = { .volumes = at };
		*last = at->next;
		at->next = NULL;
		config_drop_sections(&attached_schema, &gone);
	}
	return 0;
}

static int find_sections(struct addition *addition, const struct text *settings, struct err *err)
{
	struct machine_config sent = { 0 };

	if (addition->spec->no_volumes || !addition->volumes.count)
		return 0;
	if (config_parse(&machine_schema, "its machine.conf", text_str(settings), settings->length,
			 &sent, err) < 0)
		return -err->code;
	struct section *list = import_volumes_take_sections(&addition->volumes, &sent);
	config_free(&machine_schema, &sent);
	return take_sections(addition, list, err);
}

static int attach(struct addition *addition, struct err *err)
{
	const struct machine *machine = addition->machine;
	scoped_free char *path = machine_path(machine, "machine.conf");

	if (!addition->sections)
		return 0;
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	for (const struct section *at = addition->sections; at; at = at->next) {
		if (config_add_section(&machine_schema, path, &attached_schema, at, err) < 0)
			return -err->code;
	}
	pool_backup_mark_stale();
	fault_point("travel-attached");
	return 0;
}

/* ---- The roots */

/*
 * The newest snapshot that has come, or the one here that the increment builds on: all of one moment can be restored to
 * it.
 */
static const char *moment_of(const struct addition *addition)
{
	const struct arrival *arrival = &addition->inc.arrival;
	size_t snapshots = arrival->count - (arrival_root(arrival) ? 1 : 0);
	char prefix[VOLUME_NAME_MAX + 1];

	subject_prefix(&addition->subject, prefix);
	return snapshots ? arrival->list[snapshots - 1].volume.snapshot
			 : addition->inc.base + strlen(prefix);
}

/* A machine that is arriving is not started before all has come; another one must not be after a kill in between. */
static int replace(struct addition *addition, struct err *err)
{
	const bool marked =
		import_volumes_replace_any(&addition->volumes) && !addition->spec->arriving;

	if (marked && half_begin(addition->machine, moment_of(addition), err) < 0)
		return -err->code;
	int r = import_volumes_replace(&addition->volumes, err);
	if (r == 0)
		r = increment_replace(&addition->inc, err);
	if (marked && r == 0)
		half_end(addition->machine);
	return r;
}

/* ---- The stream */

static int keep(struct addition *addition, struct text *notes, struct err *err)
{
	struct import_volumes *volumes = &addition->volumes;
	int r = import_volumes_make(volumes, false, notes, err);

	if (r == 0)
		r = import_volumes_keep(volumes, err);
	if (r == 0)
		r = increment_keep(&addition->inc, err);
	if (r == 0)
		r = attach(addition, err);
	if (r < 0) {
		import_volumes_end(volumes, false, &(struct err){ 0 });
		return r;
	}
	r = import_volumes_end(volumes, true, err);
	return r == 0 ? replace(addition, err) : r;
}

static int add(struct addition *addition, const struct stream_head *head, struct stream_in *in,
	       struct text *notes, struct err *err)
{
	const struct import_spec *spec = addition->spec;
	scoped_arrival_stay struct arrival_stay stay = { .told = spec->told,
							 .told_context = spec->told_context };
	struct increment *inc = &addition->inc;
	struct arrival *arrival = &inc->arrival;
	const struct subject *subject = inc->subject;

	increment_begin(inc, spec->trust);
	arrival->others = &addition->volumes.others;
	int r = spec->resumable
			? arrival_begin(arrival, &stay, subject->dirs, subject->name, head, err)
			: 0;
	if (r == 0)
		r = increment_check_restored(inc, err);
	if (r == 0)
		r = import_volumes_check_restored(&addition->volumes, err);
	if (r == 0)
		r = arrival_read(arrival, in, err);
	if (r == 0)
		r = keep(addition, notes, err);
	arrival_settle(arrival);
	arrival_end(arrival);
	return r;
}

/* Under the machine's lock. */
static int prepare(struct addition *addition, const struct text *settings, struct pool *pool,
		   struct err *err)
{
	struct machine *machine = addition->machine;

	if ((!addition->spec->arriving && move_check(machine, err) < 0) ||
	    pool_open(pool, machine->dirs, machine->config.pool, err) < 0 ||
	    restoring_clear(machine, pool, err) < 0 ||
	    import_volumes_expect_new(&addition->volumes, err) < 0)
		return -err->code;
	config_free(&machine_schema, &machine->config);
	if (machine_load(machine, err) < 0)
		return -err->code;
	addition->subject = subject_machine(machine);
	return find_sections(addition, settings, err);
}

int import_increment(const struct dirs *dirs, const char *name, const struct stream_head *head,
		     const struct text *settings, struct stream_in *in,
		     const struct import_spec *spec, struct text *notes, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_pool struct pool pool = { 0 };
	bool running = false;

	if (machine_open(&machine, dirs, name, err) < 0 || machine_check(&machine, err) < 0)
		return -err->code;
	struct addition addition = { .machine = &machine,
				     .subject = subject_machine(&machine),
				     .spec = spec };
	addition.inc = (struct increment){ .subject = &addition.subject,
					   .pool = &pool,
					   .force = spec->force || spec->arriving };
	import_volumes_begin(&addition.volumes, &machine, &pool, spec, true);
	/* The locks of volumes come before those of machines. */
	int r = increment_check_subject(&addition.subject, head, err);
	if (r == 0)
		r = import_volumes_find(&addition.volumes, head, err);
	scoped_fd int lock = r == 0 ? control_lock_ended(&machine, &running, err) : -1;
	if (r == 0)
		r = lock < 0 ? lock : prepare(&addition, settings, &pool, err);
	if (running)
		text_print(addition.inc.user, sizeof addition.inc.user, "%s", name);
	if (r == 0)
		r = add(&addition, head, in, notes, err);
	import_volumes_close(&addition.volumes);
	struct machine_config gone = { .volumes = addition.sections };
	config_drop_sections(&attached_schema, &gone);
	return r;
}
