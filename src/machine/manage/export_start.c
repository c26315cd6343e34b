/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first section of a stream: what it has, and its settings. */
#include "machine/manage/export_chain.h"
#include "machine/state/private.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int fill_head(const struct export_chain *chain, const char *volumes,
		     struct stream_head *head, struct err *err)
{
	const struct subject *subject = chain->subject;
	const struct export_spec *spec = chain->spec;
	const struct machine *machine = subject->machine;
	char host[256] = "";

	if (gethostname(host, sizeof host - 1) < 0)
		host[0] = '\0';
	head->epoch = (uint64_t)time(NULL);
	head->increment = spec->since != NULL;
	if (text_take(&head->arch, strdup(machine ? machine->config.arch : "")) < 0 ||
	    text_take(&head->berth, strdup(BERTH_VERSION)) < 0 ||
	    text_take(&head->driver, strdup(chain->pool->ops->name)) < 0 ||
	    text_take(&head->host, strdup(host)) < 0 ||
	    text_take(&head->kind, strdup(subject_word(subject))) < 0 ||
	    text_take(&head->name, strdup(subject->name)) < 0 ||
	    text_take(&head->plan, strdup(spec->plan ? spec->plan : "")) < 0 ||
	    text_take(&head->resumes, strdup(spec->behind ? spec->behind->sum : "")) < 0 ||
	    text_take(&head->uuid, strdup(subject->uuid)) < 0 ||
	    text_take(&head->volumes, strdup(volumes)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

int export_start(const struct export_chain *chain, const char *volumes, struct err *err)
{
	const struct subject *subject = chain->subject;
	scoped_free char *path = text_format("%s/%s.conf", subject->folder, subject_word(subject));
	scoped_free char *bytes = NULL;
	struct stream_head head = { 0 };

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &bytes);
	if (n == -ENOENT && subject->machine)
		return machine_gone(subject->machine, err);
	if (n < 0)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	const struct text settings = { .data = bytes, .length = (size_t)n };
	int r = fill_head(chain, volumes, &head, err);
	if (r == 0)
		r = stream_begin(chain->out, &head, &settings, err);
	stream_head_free(&head);
	return r;
}
