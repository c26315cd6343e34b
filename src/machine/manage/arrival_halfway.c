/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of a stream that stay if the rest does not come (halfway.h), and the arrival that goes on with them. */
#include "machine/manage/arrival.h"

#include "storage/driver.h"

#include "base/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Less than this is sent again, so that small volumes do not each wait for the disk. */
enum { HELD_LEAST = 16 << 20 };

int arrival_add(struct arrival *arrival, const struct arrived *one, struct err *err)
{
	struct arrived *list =
		reallocarray(arrival->list, arrival->count + 1, sizeof *arrival->list);

	if (!list) {
		struct stream_volume volume = one->volume;
		stream_volume_free(&volume);
		return err_set(err, ENOMEM, "out of memory");
	}
	arrival->list = list;
	list[arrival->count++] = *one;
	return 0;
}

/* ---- What is here from an earlier stream */

static int restore_one(struct arrival *arrival, uint64_t number, struct err *err)
{
	struct arrived one = { .partial = { .fd = -1 }, .held = true };
	struct volume_info info;

	halfway_volume(arrival->halfway->name, number, one.partial.name);
	if (arrival->pool->ops->info(arrival->pool, one.partial.name, &info, err) < 0 ||
	    halfway_get_volume(arrival->halfway, number, &one.volume, err) < 0)
		return -err->code;
	return arrival_add(arrival, &one, err);
}

/* Volumes behind what the mark says were made by a command that was killed before it said so. */
static int remove_unsaid(struct arrival *arrival, uint64_t number, struct err *err)
{
	char name[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	for (;; number++) {
		halfway_volume(arrival->halfway->name, number, name);
		if (volume_info(arrival->pool, name, &info, &(struct err){ 0 }) < 0)
			return 0;
		if (volume_destroy(arrival->pool, name, err) < 0)
			return -err->code;
	}
}

static int restore(struct arrival *arrival, struct err *err)
{
	const struct halfway_config *config = &arrival->halfway->config;

	arrival->in_part = *config->point != '\0';
	arrival->bytes_before = config->bytes;
	arrival->attributes = config->attributes;
	for (uint64_t i = 0; i < config->volumes; i++) {
		if (restore_one(arrival, i, err) < 0)
			return -err->code;
	}
	return remove_unsaid(arrival, config->volumes + arrival->in_part, err);
}

static bool fits(const struct arrival *arrival, const struct stream_head *head)
{
	const struct halfway_config *config = &arrival->halfway->config;

	return *config->sum && strcmp(config->sum, head->resumes) == 0 &&
	       strcmp(config->plan, head->plan) == 0 && strcmp(config->uuid, head->uuid) == 0 &&
	       strcmp(config->pool, arrival->pool->name) == 0 &&
	       config->increment == head->increment && !halfway_is_expired(arrival->halfway);
}

static int begin(struct halfway *halfway, const struct arrival *arrival,
		 const struct stream_head *head, struct err *err)
{
	struct halfway_config *config = &halfway->config;

	halfway_free(halfway);
	if (text_take(&config->uuid, strdup(head->uuid)) < 0 ||
	    text_take(&config->host, strdup(head->host)) < 0 ||
	    text_take(&config->plan, strdup(head->plan)) < 0 ||
	    text_take(&config->pool, strdup(arrival->pool->name)) < 0 ||
	    text_take(&config->sum, strdup("")) < 0 || text_take(&config->point, strdup("")) < 0)
		return err_set(err, ENOMEM, "out of memory");
	config->increment = head->increment;
	config->began = (uint64_t)time(NULL);
	return 0;
}

int arrival_begin(struct arrival *arrival, struct halfway *halfway, const struct dirs *dirs,
		  const char *name, const struct stream_head *head, struct err *err)
{
	if (!*head->plan)
		return *head->resumes ? err_set(err, EBADMSG,
						"it goes on with a stream that it does not name")
				      : 0;
	int r = halfway_load(halfway, dirs, name, err);
	if (r < 0 && err->code)
		return r;
	arrival->halfway = halfway;
	if (r == 0 && *head->resumes && fits(arrival, head))
		return restore(arrival, err);
	if (*head->resumes)
		return err_set(err, ESTALE,
			       "it goes on behind a part that is not here any more: send it again");
	return halfway_remove(dirs, name, err) < 0 ? -err->code
						   : begin(halfway, arrival, head, err);
}

int arrival_go_on(struct arrival *arrival, struct arrived *one, struct err *err)
{
	struct stream_volume was = { 0 };

	halfway_volume(arrival->halfway->name, arrival->count, one->partial.name);
	one->held = true;
	arrival->in_part = false;
	if (halfway_get_volume(arrival->halfway, arrival->count, &was, err) < 0)
		return -err->code;
	bool same = strcmp(was.content, one->volume.content) == 0 &&
		    strcmp(was.base, one->volume.base) == 0 &&
		    strcmp(was.snapshot, one->volume.snapshot) == 0 &&
		    strcmp(was.form, one->volume.form) == 0;
	stream_volume_free(&was);
	return same ? 0 : err_set(err, EBADMSG, "it goes on with another volume than it began");
}

/* ---- What has come now */

static int hold(struct arrival *arrival, size_t number, struct err *err)
{
	struct arrived *one = &arrival->list[number];
	char name[VOLUME_NAME_MAX + 1];

	if (one->held)
		return 0;
	halfway_volume(arrival->halfway->name, number, name);
	if (halfway_put_volume(arrival->halfway, number, &one->volume, err) < 0 ||
	    arrival->pool->ops->rename(arrival->pool, one->partial.name, name, err) < 0)
		return -err->code;
	partial_end(&one->partial);
	strcpy(one->partial.name, name);
	one->held = true;
	return 0;
}

static int say(struct arrival *arrival, const struct stream_in *in, struct err *err)
{
	struct halfway_config *config = &arrival->halfway->config;
	const bool goes_on = *in->report.point != '\0';

	if (text_take(&config->sum, strdup(in->sum)) < 0 ||
	    text_take(&config->point, strdup(in->report.point)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	config->volumes = arrival->count - goes_on;
	config->bytes = arrival->bytes_before + in->bytes;
	config->attributes = arrival->attributes;
	config->changed = (uint64_t)time(NULL);
	arrival->held_bytes = in->bytes;
	return halfway_save(arrival->halfway, err);
}

int arrival_hold(struct arrival *arrival, const struct stream_in *in, int flags_fd, struct err *err)
{
	struct halfway *halfway = arrival->halfway;

	/* The mark comes before the first volume with such a name. */
	if (!*halfway->config.sum && !arrival->marked) {
		halfway->config.changed = (uint64_t)time(NULL);
		if (halfway_save(halfway, err) < 0)
			return -err->code;
	}
	arrival->marked = true;
	fault_point("halfway-marked");
	for (size_t i = 0; i < arrival->count; i++) {
		if (hold(arrival, i, err) < 0)
			return -err->code;
	}
	fault_point("halfway-named");
	if ((flags_fd >= 0 && halfway_put_flags(halfway, arrival->count - 1, flags_fd, err) < 0) ||
	    say(arrival, in, err) < 0)
		return -err->code;
	fault_point("halfway-said");
	if (arrival->told)
		arrival->told(arrival->told_context, halfway->config.bytes);
	return 0;
}

int arrival_hold_volume(struct arrival *arrival, const struct stream_in *in, struct err *err)
{
	return arrival->halfway && in->bytes - arrival->held_bytes >= HELD_LEAST
		       ? arrival_hold(arrival, in, -1, err)
		       : 0;
}

int arrival_close(struct arrival *arrival, struct err *err)
{
	struct halfway *halfway = arrival->halfway;

	arrival->complete = true;
	if (!halfway || (!arrival->marked && !*halfway->config.sum))
		return 0;
	arrival->marked = true;
	return text_take(&halfway->config.sum, strdup("")) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : halfway_save(halfway, err);
}

void arrival_settle(const struct arrival *arrival)
{
	const struct halfway *halfway = arrival->halfway;

	if (halfway && arrival->complete && arrival->marked)
		halfway_remove(halfway->dirs, halfway->name, &(struct err){ 0 });
}
