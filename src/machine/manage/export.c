/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine into a stream: its settings, and volumes that build on each other, the oldest first. */
#include "machine/manage/exporting.h"

#include "base/scoped.h"

static int begin(struct exporting *x, struct machine *machine, struct pool *pool,
		 const struct export_spec *spec, struct err *err)
{
	*x = (struct exporting){
		.subject = subject_machine(machine), .spec = spec, .pool = pool, .holder = machine
	};
	return machine_check(machine, err) < 0 ||
			       pool_open(pool, machine->dirs, machine->config.pool, err) < 0
		       ? -err->code
		       : exporting_begin(x, err);
}

int machine_export_check(struct machine *machine, const struct export_spec *spec, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	scoped_exporting struct exporting x = { .spec = NULL };

	return begin(&x, machine, &pool, spec, err);
}

int machine_export_plan(struct machine *machine, const struct export_spec *spec,
			char plan[SHA256_HEX + 1], struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	scoped_exporting struct exporting x = { .spec = NULL };
	scoped_text struct text text = { 0 };
	struct sha256 sum;

	if (begin(&x, machine, &pool, spec, err) < 0 ||
	    export_chain_plan(&x.chain, &text, err) < 0 ||
	    export_volumes_plan(&x.volumes, &text, err) < 0 || sha256_begin(&sum, err) < 0)
		return -err->code;
	sha256_add(&sum, text_str(&text), text.length);
	sha256_end(&sum, plan);
	return 0;
}

int machine_export(struct machine *machine, const struct export_spec *spec, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	scoped_exporting struct exporting x = { .spec = NULL };

	if (begin(&x, machine, &pool, spec, err) < 0)
		return -err->code;
	return exporting_write(&x, err) < 0
		       ? err_wrap(err, "%s machine '%s'", spec->verb ? spec->verb : "export",
				  machine->name)
		       : 0;
}
