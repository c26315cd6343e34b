/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copies of a move: snapshots of the running machine, each as an increment of the one before, and at last its root.
 */
#include "cmd/travel/move.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/scoped.h"
#include "cmd/travel/outgoing.h"
#include "machine/data/data.h"
#include "machine/manage/manage.h"
#include "machine/state/content.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
	KEPT_SECONDS = 3600, /* until the other side has the copy on its disk */
	HAVE_SECONDS = 60,
};

static bool has_volume(void *context, const char *uuid)
{
	const struct moving *moving = context;

	return moving->copied || offer_has_volume(&moving->offer, uuid);
}

static bool has_content(void *context, const char *content)
{
	const struct moving *moving = context;

	return moving->copied || offer_has(&moving->offer, content);
}

static int send_copy(struct moving *moving, const struct export_spec *given, const char *kept,
		     struct err *err)
{
	const struct export_reader reader = { .has_volume = has_volume,
					      .has_content = has_content,
					      .context = moving,
					      .name = moving->far.host };
	struct export_spec spec = *given;
	scoped_text struct text line = { 0 };
	struct err failed = { 0 };
	int64_t began = clock_ms();

	spec.verb = "move";
	spec.press = moving->press;
	spec.snapshots = true;
	spec.since_is_older = true;
	spec.volumes = !moving->mark.volumes_stay;
	spec.volumes_read = spec.volumes_anew = spec.volumes_snapshots = true;
	spec.reader = &reader;
	spec.since = *moving->last ? moving->last : NULL;
	if (machine_export_check(moving->machine, &spec, err) < 0)
		return -err->code;
	text_add(&line, "take %s %s\n", moving->prefix, kept);
	if (line.failed)
		return err_set(err, ENOMEM, "out of memory");
	if (far_write(&moving->far, &line, err) < 0)
		return -err->code;
	if (outgoing_stream(&moving->far, moving->machine, &spec, moving->rate, true, &failed) < 0)
		return far_finish(&moving->far, false, &failed, err) == 0
			       ? err_set(err, EPROTO, "host '%s' answers before the end",
					 moving->far.host)
			       : -err->code;
	int r = far_answer(&moving->far, KEPT_SECONDS, err);
	moving->took = clock_ms() - began;
	return r == FAR_RETURNED
		       ? err_set(err, EPROTO, "host '%s': %s", moving->far.host, moving->far.said)
		       : r;
}

/* A name that sorts behind the earlier ones, because snapshots of the same second are sorted by their names. */
static int name_copy(struct moving *moving, char name[64], struct err *err)
{
	bool follows = text_starts(moving->last, moving->prefix);

	for (unsigned n = 1; n < 1000; n++) {
		struct err absent = { 0 };
		snprintf(name, 64, "%s%03u", moving->prefix, n);
		if ((!follows || strcmp(name, moving->last) > 0) &&
		    snapshot_exists(moving->machine, name, &absent) < 0)
			return 0;
	}
	return err_set(err, EEXIST, "there are too many snapshots '%s'", moving->prefix);
}

static uint64_t newest_of(const struct snapshot_entry *list, size_t count, const char *snapshot)
{
	uint64_t newest = 0;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].name, snapshot) == 0 && list[i].created > newest)
			newest = list[i].created;
	}
	return newest;
}

static int list_of_volume(const struct moving *moving, const char *name,
			  const struct volume_config *config, struct snapshot_entry **list,
			  size_t *count, struct err *err)
{
	scoped_pool struct pool pool = { 0 };

	if (pool_view(&pool, moving->machine->dirs, config->pool, err) < 0)
		return -err->code;
	return data_snapshots(&pool, name, list, count, err);
}

/* 0 also for a list that cannot be read, which the copy itself will tell. */
static uint64_t newest_of_volume(const struct moving *moving, const char *name)
{
	scoped_free struct snapshot_entry *list = NULL;
	struct volume_config config = { 0 };
	struct err ignored = { 0 };
	size_t count = 0;

	if (data_open(moving->machine->dirs, name, &config, &ignored) < 0)
		return 0;
	list_of_volume(moving, name, &config, &list, &count, &ignored);
	config_free(&volume_schema, &config);
	return newest_of(list, count, moving->last);
}

/*
 * A snapshot of the same second as that of an earlier send could sort before it, which both sides have. The volumes' ones
 * can be of a later second than the machine's. File systems and pools take their times from the coarse clock, which is
 * some milliseconds behind.
 */
static int wait_for_later(const struct moving *moving, struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	struct timespec now;
	size_t count = 0;

	if (!*moving->last || text_starts(moving->last, moving->prefix))
		return 0;
	if (snapshot_list(moving->machine, &list, &count, err) < 0)
		return -err->code;
	uint64_t newest = newest_of(list, count, moving->last);
	for (const struct section *at = moving->machine->config.volumes; at; at = at->next) {
		uint64_t one = newest_of_volume(moving, at->name);
		if (one > newest)
			newest = one;
	}
	for (clock_gettime(CLOCK_REALTIME_COARSE, &now); newest == (uint64_t)now.tv_sec;
	     clock_gettime(CLOCK_REALTIME_COARSE, &now))
		nanosleep(&(const struct timespec){ .tv_nsec = 1000000000 - now.tv_nsec }, NULL);
	return 0;
}

static int copy_once(void *context, struct err *err)
{
	struct moving *moving = context;
	char name[64];
	const struct export_spec spec = { .snapshot = name };

	if (wait_for_later(moving, err) < 0 || name_copy(moving, name, err) < 0 ||
	    snapshot_take(moving->machine, name,
			  moving->mark.volumes_stay ? 0 : SNAPSHOT_VOLUMES | SNAPSHOT_READ,
			  err) < 0)
		return -err->code;
	fault_point("move-snapshot");
	if (send_copy(moving, &spec, name, err) < 0) {
		/* After a break of the connection the other side may have it, and the next command builds on it. */
		if (err->code != ECONNRESET && err->code != ETIMEDOUT)
			snapshot_delete(moving->machine, name, &(struct err){ 0 });
		return -err->code;
	}
	fault_point("move-copied");
	if (text_starts(moving->last, moving->prefix))
		snapshot_delete(moving->machine, moving->last, &(struct err){ 0 });
	strcpy(moving->last, name);
	moving->copied = true;
	return 0;
}

int move_copy(struct moving *moving, struct err *err)
{
	return moving_copy_rounds(copy_once, moving, &moving->took, err);
}

/* what: for sentences, "" or a volume. */
static int check_list(const struct moving *moving, const char *folder,
		      const struct snapshot_entry *list, size_t count, const char *what,
		      struct err *err)
{
	struct content content;

	for (size_t i = 0; i < count; i++) {
		if (content_find(folder, list[i].name, list[i].volume_made, &content,
				 &(struct err){ 0 }) < 0 ||
		    !offer_has(&moving->offer, content.files))
			return err_set(
				err, ENODATA,
				"host '%s' lacks snapshot '%s'%s, which is older than what both "
				"have: delete the machine there, so that it is sent as a whole, "
				"or delete the snapshot",
				moving->far.host, list[i].name, what);
	}
	return 0;
}

static int check_volume(const struct moving *moving, const char *name, struct err *err)
{
	const struct dirs *dirs = moving->machine->dirs;
	scoped_free char *folder = data_folder(dirs, name);
	scoped_free char *what = text_format(" of volume '%s'", name);
	scoped_free struct snapshot_entry *list = NULL;
	struct volume_config config = { 0 };
	size_t count = 0;

	if (!folder || !what)
		return err_set(err, ENOMEM, "out of memory");
	if (data_open(dirs, name, &config, err) < 0)
		return -err->code;
	if (!offer_has_volume(&moving->offer, config.uuid))
		err_set(err, ENODATA, "host '%s' lacks volume '%s'", moving->far.host, name);
	else if (list_of_volume(moving, name, &config, &list, &count, err) == 0)
		check_list(moving, folder, list, count, what, err);
	config_free(&volume_schema, &config);
	return -err->code;
}

/* Nothing of the machine is removed here that the other side has not got. */
static int check_all_there(struct moving *moving, struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	scoped_text struct text line = { 0 };
	const struct machine *machine = moving->machine;
	size_t count = 0;

	text_add(&line, "have\n");
	if (line.failed)
		return err_set(err, ENOMEM, "out of memory");
	moving->far.wire.seconds = HAVE_SECONDS;
	moving->far.wire.lines = 0;
	if (far_write(&moving->far, &line, err) < 0 ||
	    offer_read(&moving->far, &moving->offer, err) < 0 ||
	    snapshot_list(moving->machine, &list, &count, err) < 0)
		return -err->code;
	if (check_list(moving, machine->folder, list, count, "", err) < 0)
		return -err->code;
	for (const struct section *at = machine->config.volumes; at && !moving->mark.volumes_stay;
	     at = at->next) {
		if (check_volume(moving, at->name, err) < 0)
			return -err->code;
	}
	return 0;
}

int move_copy_last(struct moving *moving, struct err *err)
{
	const struct export_spec spec = { .still = true };

	return send_copy(moving, &spec, "", err) < 0 ? -err->code : check_all_there(moving, err);
}

void move_forget_copies(struct moving *moving, const char *kept)
{
	scoped_free struct snapshot_entry *list = NULL;
	size_t count = 0;

	if (snapshot_list(moving->machine, &list, &count, &(struct err){ 0 }) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		if (text_starts(list[i].name, moving->prefix) && strcmp(list[i].name, kept) != 0)
			snapshot_delete(moving->machine, list[i].name, &(struct err){ 0 });
	}
}
