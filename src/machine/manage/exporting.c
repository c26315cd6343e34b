/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/exporting.h"

#include "machine/manage/moment.h"

#include "base/scoped.h"

#include <string.h>

static bool has_volumes(const struct exporting *x)
{
	const struct machine *machine = x->subject.machine;

	for (const struct section *at = machine ? machine->config.volumes : NULL; at;
	     at = at->next) {
		if (x->spec->volumes_read || !((const struct attached_config *)at)->readonly)
			return true;
	}
	return false;
}

/* The reader counts the volumes in the order of the stream: the machine's, then those for data. */
static int pass_over(struct exporting *x, struct err *err)
{
	const struct export_point *behind = x->spec->behind;
	uint64_t volumes = export_chain_pass(&x->chain, behind ? behind->volumes : 0);

	return export_volumes_pass(&x->volumes, volumes) == 0
		       ? 0
		       : err_set(err, ESTALE, "the reader has more volumes than there are");
}

int exporting_begin(struct exporting *x, struct err *err)
{
	const struct export_spec *spec = x->spec;
	const struct export_point *behind = spec->behind;

	x->out = (struct stream_out){ .fd = spec->fd,
				      .press = spec->press,
				      .tick = spec->tick,
				      .tick_context = spec->tick_context,
				      .limit = spec->limit,
				      .point = behind && *behind->point ? behind->point : NULL };
	x->chain = (struct export_chain){
		.subject = &x->subject, .spec = spec, .pool = x->pool, .out = &x->out
	};
	if (spec->blocks && !x->pool->ops->blocks)
		return err_set(err, EOPNOTSUPP,
			       "%s '%s' is in pool '%s' of driver %s, which has no blocks; leave "
			       "out --blocks",
			       subject_word(&x->subject), x->subject.name, x->pool->name,
			       x->pool->ops->name);
	if (spec->volumes && spec->since && !spec->snapshot && !spec->root && !spec->still &&
	    has_volumes(x))
		return err_set(err, EINVAL,
			       "an increment with volumes is of a snapshot: name it, as %s@SNAP",
			       x->subject.name);
	if (export_chain_open(&x->chain, err) < 0 ||
	    (spec->volumes && (spec->snapshot || spec->root) &&
	     export_volumes_open(&x->volumes, &x->chain, err) < 0))
		return -err->code;
	return pass_over(x, err);
}

void exporting_end(struct exporting *x)
{
	export_volumes_close(&x->volumes);
	export_chain_close(&x->chain);
}

/* The header is written when all is held that has a name: from then on nothing of it gets another. */
static int write_stream(struct exporting *x, const char *now, bool in_place, struct err *err)
{
	if (export_chain_hold(&x->chain, err) < 0 || export_volumes_hold(&x->volumes, err) < 0 ||
	    export_start(&x->chain, text_str(&x->volumes.head), err) < 0)
		return -err->code;
	if (x->lock && !in_place)
		scoped_close_fd(x->lock);
	if (export_chain_write(&x->chain, now, err) < 0 ||
	    export_volumes_write(&x->volumes, err) < 0)
		return -err->code;
	return stream_end(&x->out, err);
}

/* Copies of the root and the volumes, of one moment, whatever the pools can do. */
static int write_with_volumes(struct exporting *x, struct err *err)
{
	struct joint_taking taking = { .machine = x->holder,
				       .read = x->spec->volumes_read,
				       .pool.use_fd = -1 };

	int r = joint_take_moment(&taking, x->spec->quiet, err);
	for (size_t i = 0; i < taking.count; i++)
		scoped_close_fd(&taking.volumes[i].from.lock);
	if (r == 0)
		r = export_volumes_taken(&x->volumes, &taking, &x->chain, err);
	if (r == 0)
		r = write_stream(x, taking.root.partial.name, false, err);
	export_volumes_close(&x->volumes);
	joint_take_end(&taking);
	return r;
}

int exporting_write(struct exporting *x, struct err *err)
{
	const struct export_spec *spec = x->spec;
	struct moment moment;

	if (spec->snapshot || spec->root)
		return write_stream(x, NULL, false, err);
	if (spec->volumes && has_volumes(x) && !spec->still)
		return write_with_volumes(x, err);
	/* The locks of volumes come before that of the machine. */
	if (spec->volumes && spec->still && export_volumes_still(&x->volumes, &x->chain, err) < 0)
		return -err->code;
	if (moment_begin(&moment, &x->subject, x->holder, x->pool, spec->quiet, err) < 0)
		return -err->code;
	int r = write_stream(x, moment.volume, !moment.is_snapshot, err);
	struct err moved = { 0 };
	if (moment_end(&moment, &moved) < 0 && r == 0) {
		*err = moved;
		r = -err->code;
	}
	return r;
}
