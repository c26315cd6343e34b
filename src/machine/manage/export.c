/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine into a stream: its settings, and volumes that build on each other, the oldest first. */
#include "machine/manage/export_chain.h"
#include "machine/manage/moment.h"
#include "machine/state/private.h"

#include "base/scoped.h"

/* An export under way. */
struct exporting {
	struct machine *machine;        /* borrowed */
	const struct export_spec *spec; /* borrowed */
	struct pool pool;               /* owned */
	struct subject subject;
	struct stream_out out;
	struct export_chain chain; /* owned */
};

static void exporting_close(struct exporting *x)
{
	export_chain_close(&x->chain);
	pool_close(&x->pool);
}
#define scoped_exporting __attribute__((cleanup(exporting_close)))

static int begin(struct exporting *x, struct machine *machine, const struct export_spec *spec,
		 struct err *err)
{
	const struct export_point *behind = spec->behind;

	*x = (struct exporting){
		.machine = machine,
		.spec = spec,
		.subject = subject_machine(machine),
		.out = { .fd = spec->fd,
			 .codec = spec->codec,
			 .tick = spec->tick,
			 .tick_context = spec->tick_context,
			 .limit = spec->limit,
			 .point = behind && *behind->point ? behind->point : NULL },
		.pool = { .use_fd = -1 },
	};
	x->chain = (struct export_chain){
		.subject = &x->subject, .spec = spec, .pool = &x->pool, .out = &x->out
	};
	if (machine_check(machine, err) < 0 ||
	    pool_open(&x->pool, machine->dirs, machine->config.pool, err) < 0)
		return -err->code;
	if (spec->blocks && !x->pool.ops->blocks)
		return err_set(
			err, EOPNOTSUPP,
			"machine '%s' is in pool '%s' of driver %s, which has no blocks; leave "
			"out --blocks",
			machine->name, x->pool.name, x->pool.ops->name);
	return export_chain_open(&x->chain, err);
}

/* The header is written last of what names the machine: from then on nothing of it gets another name. */
static int write_stream(struct exporting *x, const char *now, struct err *err)
{
	if (export_chain_hold(&x->chain, err) < 0 || export_start(&x->chain, "", err) < 0 ||
	    export_chain_write(&x->chain, now, err) < 0)
		return -err->code;
	return stream_end(&x->out, err);
}

static int export(struct exporting *x, struct err *err)
{
	const struct export_spec *spec = x->spec;
	struct moment moment;

	if (spec->snapshot || spec->root)
		return write_stream(x, NULL, err);
	if (moment_begin(&moment, &x->subject, x->machine, &x->pool, spec->quiet, err) < 0)
		return -err->code;
	int r = write_stream(x, moment.volume, err);
	struct err moved = { 0 };
	if (moment_end(&moment, &moved) < 0 && r == 0) {
		*err = moved;
		r = -err->code;
	}
	return r;
}

int machine_export_check(struct machine *machine, const struct export_spec *spec, struct err *err)
{
	scoped_exporting struct exporting x = { .machine = NULL };

	return begin(&x, machine, spec, err);
}

int machine_export_plan(struct machine *machine, const struct export_spec *spec,
			char plan[SHA256_HEX + 1], struct err *err)
{
	scoped_exporting struct exporting x = { .machine = NULL };
	scoped_text struct text text = { 0 };
	struct sha256 sum;

	if (begin(&x, machine, spec, err) < 0 || export_chain_plan(&x.chain, &text, err) < 0 ||
	    sha256_begin(&sum, err) < 0)
		return -err->code;
	sha256_add(&sum, text_str(&text), text.length);
	sha256_end(&sum, plan);
	return 0;
}

int machine_export(struct machine *machine, const struct export_spec *spec, struct err *err)
{
	scoped_exporting struct exporting x = { .machine = NULL };

	if (begin(&x, machine, spec, err) < 0)
		return -err->code;
	return export(&x, err) < 0 ? err_wrap(err, "%s machine '%s'",
					      spec->verb ? spec->verb : "export", machine->name)
				   : 0;
}
