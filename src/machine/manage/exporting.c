/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/exporting.h"

#include "machine/manage/moment.h"

#include "base/scoped.h"

#include <string.h>

int exporting_begin(struct exporting *x, struct err *err)
{
	const struct export_spec *spec = x->spec;
	const struct export_point *behind = spec->behind;

	x->out = (struct stream_out){ .fd = spec->fd,
				      .codec = spec->codec,
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
	return export_chain_open(&x->chain, err);
}

void exporting_end(struct exporting *x)
{
	export_chain_close(&x->chain);
}

/* The header is written when all is held that has a name: from then on nothing of it gets another. */
static int write_stream(struct exporting *x, const char *now, bool in_place, struct err *err)
{
	if (export_chain_hold(&x->chain, err) < 0 || export_start(&x->chain, "", err) < 0)
		return -err->code;
	if (x->lock && !in_place)
		scoped_close_fd(x->lock);
	return export_chain_write(&x->chain, now, err) < 0 ? -err->code : stream_end(&x->out, err);
}

int exporting_write(struct exporting *x, struct err *err)
{
	const struct export_spec *spec = x->spec;
	struct moment moment;

	if (spec->snapshot || spec->root)
		return write_stream(x, NULL, false, err);
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
