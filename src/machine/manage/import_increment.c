/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/import_increment.h"

#include "machine/life/control.h"
#include "machine/manage/import_volumes.h"
#include "machine/state/move.h"
#include "machine/state/private.h"

#include "base/scoped.h"

static int add(struct increment *inc, struct import_volumes *volumes,
	       const struct stream_head *head, struct stream_in *in, const struct import_spec *spec,
	       struct err *err)
{
	scoped_halfway struct halfway halfway = { 0 };
	struct arrival *arrival = &inc->arrival;
	const struct subject *subject = inc->subject;

	increment_begin(inc, spec->trust);
	arrival->others = &volumes->others;
	arrival->told = spec->told;
	arrival->told_context = spec->told_context;
	int r = spec->resumable
			? arrival_begin(arrival, &halfway, subject->dirs, subject->name, head, err)
			: 0;
	if (r == 0)
		r = increment_check_restored(inc, err);
	if (r == 0)
		r = arrival_read(arrival, in, err);
	if (r == 0)
		r = import_volumes_keep(volumes, err);
	if (r == 0)
		r = increment_keep(inc, err);
	if (r == 0)
		r = increment_replace(inc, err);
	arrival_settle(arrival);
	arrival_end(arrival);
	return r;
}

int import_increment(const struct dirs *dirs, const char *name, const struct stream_head *head,
		     struct stream_in *in, const struct import_spec *spec, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_pool struct pool pool = { 0 };
	bool running = false;

	if (machine_open(&machine, dirs, name, err) < 0 || machine_check(&machine, err) < 0)
		return -err->code;
	const struct subject subject = subject_machine(&machine);
	struct increment inc = { .subject = &subject,
				 .pool = &pool,
				 .force = spec->force || spec->arriving };
	scoped_import_volumes struct import_volumes volumes = { .list = NULL };
	import_volumes_begin(&volumes, &machine, NULL, spec);
	/* The locks of volumes come before those of machines. */
	if (increment_check_subject(&subject, head, err) < 0 ||
	    import_volumes_find(&volumes, head, err) < 0)
		return -err->code;
	scoped_fd int lock = control_lock_ended(&machine, &running, err);
	if (lock < 0 || (!spec->arriving && move_check(&machine, err) < 0) ||
	    pool_open(&pool, dirs, machine.config.pool, err) < 0 ||
	    restoring_clear(&machine, &pool, err) < 0)
		return -err->code;
	if (running)
		text_print(inc.user, sizeof inc.user, "%s", name);
	return add(&inc, &volumes, head, in, spec, err);
}
