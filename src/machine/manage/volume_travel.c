/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A volume for data into a stream, and out of one. Every byte that comes is a stranger's. */
#include "machine/manage/exporting.h"
#include "machine/manage/increment.h"
#include "machine/manage/volume_arrival.h"

#include "machine/life/volume_use.h"

#include "base/scoped.h"

#include <string.h>

/* ---- Out of here */

static int begin(struct exporting *x, struct data_opened *opened, const struct dirs *dirs,
		 const char *name, const struct export_spec *spec, struct err *err)
{
	*opened = (struct data_opened){ .pool.use_fd = -1, .lock = -1 };
	*x = (struct exporting){ .spec = spec, .pool = &opened->pool, .lock = &opened->lock };
	if (data_open_locked(opened, dirs, name, err) < 0)
		return -err->code;
	x->subject = data_subject(opened, dirs);
	return exporting_begin(x, err);
}

int data_export_check(const struct dirs *dirs, const char *name, const struct export_spec *spec,
		      struct err *err)
{
	scoped_data_opened struct data_opened opened = { .pool.use_fd = -1, .lock = -1 };
	scoped_exporting struct exporting x = { .spec = NULL };

	return begin(&x, &opened, dirs, name, spec, err);
}

int data_export(const struct dirs *dirs, const char *name, const struct export_spec *spec,
		struct err *err)
{
	scoped_data_opened struct data_opened opened = { .pool.use_fd = -1, .lock = -1 };
	scoped_machine struct machine holder = { 0 };
	scoped_exporting struct exporting x = { .spec = NULL };
	int r = begin(&x, &opened, dirs, name, spec, err);

	if (r == 0)
		r = data_holder(dirs, name, &holder, err);
	x.holder = r > 0 ? &holder : NULL;
	if (r >= 0)
		r = exporting_write(&x, err);
	return r < 0 ? err_wrap(err, "export volume '%s'", name) : 0;
}

/* ---- Into here */

/* The description is a stranger's text, and all else is this host's. */
static int take_settings(struct volume_arrival *incoming, const struct text *settings,
			 struct err *err)
{
	struct volume_config config = { 0 };

	if (config_parse(&volume_schema, "its volume.conf", text_str(settings), settings->length,
			 &config, err) < 0)
		return -err->code;
	incoming->description = strdup(config.description);
	config_free(&volume_schema, &config);
	return incoming->description ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int import_new(const struct dirs *dirs, const char *name, const struct stream_head *head,
		      const struct text *settings, struct stream_in *in,
		      const struct import_spec *spec, struct text *notes, struct err *err)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	const struct data_spec made = { .origin = NULL };
	const char *fault = text_label_fault(name);
	const char *where = spec->pool;

	if (fault)
		return err_set(err, EINVAL, "volume name '%.80s' %s", name, fault);
	data_sweep(dirs);
	if ((spec->place && spec->place(spec->place_context, settings, &where, err) < 0) ||
	    pool_open(&pool, dirs, where, err) < 0)
		return -err->code;
	scoped_volume_arrival struct volume_arrival incoming = { .folder = NULL };
	if (volume_arrival_begin(&incoming, &pool, name, head->uuid, err) < 0 ||
	    volume_arrival_check(&incoming, err) < 0)
		return err->code == EEXIST
			       ? err_wrap(err, "its name is taken, and another one may be given "
					       "behind the file")
			       : -err->code;
	incoming.arrival.trusted = spec->trust;
	if (take_settings(&incoming, settings, err) < 0 ||
	    arrival_read(&incoming.arrival, in, err) < 0)
		return -err->code;
	return volume_arrival_make(&incoming, &made, spec->new_identity, notes, err);
}

static int import_added(const struct dirs *dirs, const char *name, const struct stream_head *head,
			struct stream_in *in, const struct import_spec *spec, struct err *err)
{
	scoped_data_opened struct data_opened opened = { .pool.use_fd = -1, .lock = -1 };
	struct subject subject;
	struct increment inc = { .subject = &subject, .pool = &opened.pool, .force = spec->force };

	if (data_open_locked(&opened, dirs, name, err) < 0)
		return -err->code;
	subject = data_subject(&opened, dirs);
	if (increment_check_subject(&subject, head, err) < 0)
		return -err->code;
	volume_use_find(dirs, name, NULL, false, inc.user);
	increment_begin(&inc, spec->trust);
	int r = arrival_read(&inc.arrival, in, err);
	if (r == 0)
		r = increment_keep(&inc, err);
	if (r == 0)
		r = increment_replace(&inc, err);
	arrival_end(&inc.arrival);
	return r;
}

int data_import(const struct dirs *dirs, const struct import_spec *spec, char made[64],
		struct text *notes, struct err *err)
{
	struct stream_in in = { .fd = spec->fd,
				.tick = spec->tick,
				.tick_context = spec->tick_context };
	scoped_text struct text settings = { 0 };
	struct stream_head head;

	if (stream_open(&in, &head, &settings, err) < 0)
		return -err->code;
	const char *name = spec->name ? spec->name : head.name;
	text_print(made, 64, "%s", name);
	int r = strcmp(head.kind, "volume") != 0
			? err_set(err, EINVAL,
				  "it has a machine, and no volume for data alone: "
				  "berth import makes a machine of it")
		: head.increment ? import_added(dirs, name, &head, &in, spec, err)
				 : import_new(dirs, name, &head, &settings, &in, spec, notes, err);
	stream_head_free(&head);
	return r;
}
