/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of a template's settings: all of them or none. */
#include "image/template/template.h"

#include "base/scoped.h"

enum { LOCK_SECONDS = 10 };

int template_set(const struct dirs *dirs, const char *name, const struct config_change *changes,
		 size_t count, struct err *err)
{
	scoped_free char *path = dirs_state_path(dirs, "templates/%s/template.conf", name);
	scoped_text struct text text = { 0 };
	struct template_config config = { 0 };
	scoped_fd int lock = template_lock(dirs, name, LOCK_SECONDS, err);

	if (lock < 0)
		return lock;
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	/* Not a template that is gone or broken, except that a line without a meaning may be removed. */
	int r = template_open(dirs, name, &config, err);
	config_free(&template_schema, &config);
	if (r == -EINVAL)
		*err = (struct err){ 0 };
	else if (r < 0)
		return r;
	if (config_preview(&template_schema, path, changes, count, &text, &config, err) < 0)
		return -err->code;
	r = config_check_presets(&config, err);
	config_free(&template_schema, &config);
	if (r < 0)
		return r;
	r = config_write(path, &text, err);
	if (r == 0)
		pool_backup_mark_stale();
	return r;
}
