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

/* Gives the last volume of an arrival its number in the stream. */
static int number(struct arrival_stay *stay, struct arrival *arrival, struct err *err)
{
	struct arrival **order = reallocarray(stay->order, stay->count + 1, sizeof *order);

	if (!order)
		return err_set(err, ENOMEM, "out of memory");
	stay->order = order;
	arrival->list[arrival->count - 1].number = stay->count;
	order[stay->count++] = arrival;
	return 0;
}

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
	return arrival->stay ? number(arrival->stay, arrival, err) : 0;
}

void arrival_stay_free(struct arrival_stay *stay)
{
	free(stay->order);
	halfway_free(&stay->halfway);
	*stay = (struct arrival_stay){ .order = NULL };
}

/* ---- What is here from an earlier stream */

/* The arrival that a volume of the stream belongs to. */
static struct arrival *taker_of(const struct arrival_stay *stay, const struct stream_volume *volume)
{
	const struct arrival_others *others = stay->machine->others;

	if (!*volume->data)
		return stay->machine;
	return others ? others->of(others->context, volume->data_uuid) : NULL;
}

/* Finds the arrival of a volume that is here, and its description, which the caller frees. -ENOENT: it is gone. */
static int find_one(const struct arrival_stay *stay, uint64_t n, struct arrival **taker,
		    struct stream_volume *volume, struct err *err)
{
	char name[VOLUME_NAME_MAX + 1];
	struct volume_info info;

	if (halfway_get_volume(&stay->halfway, n, volume, err) < 0)
		return -err->code;
	halfway_volume(stay->halfway.name, n, name);
	*taker = taker_of(stay, volume);
	if (*taker && volume_info((*taker)->pool, name, &info, &(struct err){ 0 }) == 0)
		return 0;
	stream_volume_free(volume);
	return -ENOENT;
}

static int restore_one(struct arrival_stay *stay, uint64_t n, struct err *err)
{
	struct arrived one = { .partial = { .fd = -1 }, .held = true };
	struct arrival *taker;
	int r = find_one(stay, n, &taker, &one.volume, err);

	if (r < 0)
		return r;
	halfway_volume(stay->halfway.name, n, one.partial.name);
	taker->stay = stay;
	return arrival_add(taker, &one, err);
}

static int restore_all(struct arrival_stay *stay, struct err *err)
{
	const struct halfway_config *config = &stay->halfway.config;
	struct stream_volume next = { 0 };
	struct arrival *taker;
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < config->volumes; i++)
		r = restore_one(stay, i, err);
	if (r == 0 && stay->in_part)
		r = find_one(stay, config->volumes, &taker, &next, err);
	stream_volume_free(&next);
	return r;
}

/* A part that is not here any more would be missed by each stream that goes on. */
static int restore(struct arrival_stay *stay, struct err *err)
{
	const struct halfway *halfway = &stay->halfway;
	const struct halfway_config *config = &halfway->config;

	stay->in_part = *config->point != '\0';
	stay->bytes_before = config->bytes;
	stay->machine->attributes = config->attributes;
	int r = restore_all(stay, err);
	if (r == 0)
		return halfway_remove_behind(halfway, config->volumes + stay->in_part, err);
	if (err->code)
		return r;
	halfway_remove(halfway->dirs, halfway->name, &(struct err){ 0 });
	return err_set(err, ESTALE,
		       "a part of it that had come is not here any more: send it again");
}

static bool fits(const struct arrival_stay *stay, const struct stream_head *head)
{
	const struct halfway_config *config = &stay->halfway.config;

	return *config->sum && strcmp(config->sum, head->resumes) == 0 &&
	       strcmp(config->plan, head->plan) == 0 && strcmp(config->uuid, head->uuid) == 0 &&
	       strcmp(config->pool, stay->machine->pool->name) == 0 &&
	       config->increment == head->increment && !halfway_is_expired(&stay->halfway);
}

static int begin(const struct arrival_stay *stay, struct halfway *halfway,
		 const struct stream_head *head, struct err *err)
{
	struct halfway_config *config = &halfway->config;

	halfway_free(halfway);
	if (text_take(&config->uuid, strdup(head->uuid)) < 0 ||
	    text_take(&config->host, strdup(head->host)) < 0 ||
	    text_take(&config->plan, strdup(head->plan)) < 0 ||
	    text_take(&config->pool, strdup(stay->machine->pool->name)) < 0 ||
	    text_take(&config->pools, strdup("")) < 0 || text_take(&config->sum, strdup("")) < 0 ||
	    text_take(&config->point, strdup("")) < 0)
		return err_set(err, ENOMEM, "out of memory");
	config->increment = head->increment;
	config->began = (uint64_t)time(NULL);
	return 0;
}

int arrival_begin(struct arrival *arrival, struct arrival_stay *stay, const struct dirs *dirs,
		  const char *name, const struct stream_head *head, struct err *err)
{
	if (!*head->plan)
		return *head->resumes ? err_set(err, EBADMSG,
						"it goes on with a stream that it does not name")
				      : 0;
	int r = halfway_load(&stay->halfway, dirs, name, err);
	if (r < 0 && err->code)
		return r;
	stay->machine = arrival;
	arrival->stay = stay;
	if (r == 0 && *head->resumes && fits(stay, head))
		return restore(stay, err);
	if (*head->resumes)
		return err_set(err, ESTALE,
			       "it goes on behind a part that is not here any more: send it again");
	return halfway_remove(dirs, name, err) < 0 ? -err->code
						   : begin(stay, &stay->halfway, head, err);
}

int arrival_go_on(struct arrival *arrival, struct arrived *one, struct err *err)
{
	struct arrival_stay *stay = arrival->stay;
	struct stream_volume was = { 0 };

	halfway_volume(stay->halfway.name, stay->count, one->partial.name);
	one->held = true;
	stay->in_part = false;
	if (halfway_get_volume(&stay->halfway, stay->count, &was, err) < 0)
		return -err->code;
	bool same = strcmp(was.content, one->volume.content) == 0 &&
		    strcmp(was.base, one->volume.base) == 0 &&
		    strcmp(was.snapshot, one->volume.snapshot) == 0 &&
		    strcmp(was.data_uuid, one->volume.data_uuid) == 0 &&
		    strcmp(was.form, one->volume.form) == 0;
	stream_volume_free(&was);
	return same ? 0 : err_set(err, EBADMSG, "it goes on with another volume than it began");
}

/* ---- What has come now */

static struct arrived *numbered(const struct arrival_stay *stay, size_t n)
{
	const struct arrival *arrival = stay->order[n];
	size_t i = arrival->count - 1;

	while (i > 0 && arrival->list[i].number > n)
		i--;
	return &arrival->list[i];
}

static int hold(struct arrival_stay *stay, size_t n, struct err *err)
{
	struct arrived *one = numbered(stay, n);
	struct pool *pool = stay->order[n]->pool;
	char name[VOLUME_NAME_MAX + 1];

	if (one->held)
		return 0;
	halfway_volume(stay->halfway.name, n, name);
	if (halfway_put_volume(&stay->halfway, n, &one->volume, err) < 0 ||
	    pool->ops->rename(pool, one->partial.name, name, err) < 0)
		return -err->code;
	partial_end(&one->partial);
	strcpy(one->partial.name, name);
	one->held = true;
	return 0;
}

static int say(struct arrival_stay *stay, const struct stream_in *in, struct err *err)
{
	struct halfway_config *config = &stay->halfway.config;
	const bool goes_on = *in->report.point != '\0';

	if (text_take(&config->sum, strdup(in->sum)) < 0 ||
	    text_take(&config->point, strdup(in->report.point)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	config->volumes = stay->count - goes_on;
	config->bytes = stay->bytes_before + in->bytes;
	config->attributes = stay->machine->attributes;
	config->changed = (uint64_t)time(NULL);
	stay->held_bytes = in->bytes;
	return halfway_save(&stay->halfway, err);
}

/* The mark comes before the first volume with such a name, in each pool. */
static int mark(struct arrival_stay *stay, struct err *err)
{
	struct halfway_config *config = &stay->halfway.config;
	bool more = false;

	for (size_t i = 0; i < stay->count; i++) {
		int r = halfway_add_pool(&stay->halfway, stay->order[i]->pool->name, err);
		if (r < 0)
			return r;
		more = more || r > 0;
	}
	if (!more && (*config->sum || stay->marked))
		return 0;
	config->changed = (uint64_t)time(NULL);
	return halfway_save(&stay->halfway, err);
}

int arrival_hold(const struct arrival *arrival, const struct stream_in *in, int flags_fd,
		 struct err *err)
{
	struct arrival_stay *stay = arrival->stay;

	if (mark(stay, err) < 0)
		return -err->code;
	stay->marked = true;
	fault_point("halfway-marked");
	for (size_t i = 0; i < stay->count; i++) {
		if (hold(stay, i, err) < 0)
			return -err->code;
	}
	fault_point("halfway-named");
	if ((flags_fd >= 0 &&
	     halfway_put_flags(&stay->halfway, stay->count - 1, flags_fd, err) < 0) ||
	    say(stay, in, err) < 0)
		return -err->code;
	fault_point("halfway-said");
	if (stay->told)
		stay->told(stay->told_context, stay->halfway.config.bytes);
	return 0;
}

int arrival_hold_volume(const struct arrival *arrival, const struct stream_in *in, struct err *err)
{
	return arrival->stay && in->bytes - arrival->stay->held_bytes >= HELD_LEAST
		       ? arrival_hold(arrival, in, -1, err)
		       : 0;
}

int arrival_close(const struct arrival *arrival, struct err *err)
{
	struct arrival_stay *stay = arrival->stay;

	if (!stay || stay->complete)
		return 0;
	stay->complete = true;
	if (!stay->marked && !*stay->halfway.config.sum)
		return 0;
	stay->marked = true;
	return text_take(&stay->halfway.config.sum, strdup("")) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : halfway_save(&stay->halfway, err);
}

void arrival_settle(const struct arrival *arrival)
{
	const struct arrival_stay *stay = arrival->stay;

	if (stay && stay->complete && stay->marked)
		halfway_remove(stay->halfway.dirs, stay->halfway.name, &(struct err){ 0 });
}
