/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comparison of catalogue and pool, id by id, without tools and while volumes are in use. */
#include "base/scoped.h"
#include "base/text.h"
#include "storage/driver.h"
#include "storage/thin/thin_disks.h"
#include "storage/thin/thin_metadata.h"

#include <errno.h>
#include <string.h>

enum {
	BEYOND = 16,   /* ids that are not drawn yet, but that a stranger may have used */
	LOOKED = 1024, /* the ids drawn last, checked one by one */
};

struct check {
	struct pool *pool;
	struct thin_session *session;
	struct text *report;
	struct err *err;
	bool *present; /* owned; by id: the pool has it */
	bool *known;   /* owned; by id: the catalogue has it */
	uint64_t end;  /* ids are below that */
	unsigned findings;
	bool partly; /* not every id ever drawn was checked */
};

static unsigned long long ull(uint64_t n)
{
	return n;
}

/* The kernel gives no list of ids, but refuses to activate a device whose id does not exist. */
int thin_has(struct pool *pool, uint64_t id, struct err *err)
{
	const struct catalog_volume volume = { .id = id, .size = 1 << 20 };
	struct err why = { 0 };
	struct dm_info info;
	dev_t dev;

	if (thin_active(pool, id, &info))
		return 1;
	int r = thin_activate(pool, &volume, &dev, &why);
	if (r == -ENODATA)
		return 0;
	if (r < 0)
		return err_set(err, why.code, "%s", why.text);
	r = thin_deactivate(pool, id, THIN_WAIT_MS);
	return r < 0 ? err_set(err, -r, "release id %llu: %s", ull(id), dm_why(r)) : 1;
}

static int note_id(void *context, uint64_t id)
{
	struct text *ids = context;

	return text_add_bytes(ids, &id, sizeof id);
}

/* The end of the drawn ids, plus `more`. */
static uint64_t drawn_end(const struct check *check, unsigned more)
{
	uint64_t end = check->session->head.next_id + more;

	return end <= CATALOG_ID_MAX ? end : CATALOG_ID_MAX + 1;
}

static int make_room(struct check *check, uint64_t end)
{
	check->end = end;
	check->present = calloc(end, sizeof *check->present);
	check->known = calloc(end, sizeof *check->known);
	return check->present && check->known ? 0 : err_set(check->err, ENOMEM, "out of memory");
}

static int look_at_list(struct check *check, const struct text *ids)
{
	uint64_t end = drawn_end(check, 0), id;

	for (size_t at = 0; at < ids->length; at += sizeof id) {
		memcpy(&id, ids->data + at, sizeof id);
		end = id >= end ? id + 1 : end;
	}
	if (make_room(check, end) < 0)
		return -check->err->code;
	for (size_t at = 0; at < ids->length; at += sizeof id) {
		memcpy(&id, ids->data + at, sizeof id);
		check->present[id] = true;
	}
	return 0;
}

static int look_at_row(void *context, const struct catalog_volume *volume)
{
	struct check *check = context;

	if (volume->id < check->end)
		check->known[volume->id] = true;
	return 0;
}

/* Looks at ids one by one: those of the catalogue, and the last ones drawn, which a crash may have left. */
static int look_at_some(struct check *check)
{
	uint64_t drawn = check->session->head.next_id;

	if (make_room(check, drawn_end(check, BEYOND)) < 0 ||
	    catalog_list_all(check->session->catalog, look_at_row, check, check->err) < 0)
		return -check->err->code;
	for (uint64_t id = 0; id < check->end; id++) {
		/* Number of draws since then: ids wrap around. */
		uint64_t ago =
			(drawn + BEYOND + CATALOG_ID_MAX - id % CATALOG_ID_MAX) % CATALOG_ID_MAX;
		if (ago > LOOKED + BEYOND && !check->known[id])
			continue;
		int r = thin_has(check->pool, id, check->err);
		if (r < 0)
			return r;
		check->present[id] = r;
	}
	check->partly = drawn > LOOKED;
	return 0;
}

/* Looks at the ids that thin_ls lists, or without thin_ls at each one by one. */
static int look_at_pool(struct check *check)
{
	scoped_text struct text ids = { 0 };
	struct err none = { 0 };

	if (thin_ids(check->pool, note_id, &ids, &none) == 0 && !ids.failed)
		return look_at_list(check, &ids);
	return look_at_some(check);
}

/* Hints that tell a person which volume it was. */
static void describe(struct check *check, uint64_t id, struct text *out)
{
	struct thin_fs fs = { 0 };
	char size[32];

	if (thin_describe(check->pool, id, &fs, &(struct err){ 0 }) < 0 || !fs.type)
		return;
	text_human_size(fs.size, size, sizeof size);
	text_add(out, " (%s, %s", fs.type, size);
	scoped_free char *host = thin_host_name(check->pool, id, &fs);
	if (host)
		text_add(out, ", of host '%.64s'", host);
	text_add(out, ")");
}

static void tell_quarantined(struct check *check, uint64_t id)
{
	scoped_text struct text what = { 0 };
	const char *pool = check->pool->name;

	describe(check, id, &what);
	text_add(check->report,
		 "id %llu%s has no owner, and is kept; give it a name: berth pool adopt %s %llu "
		 "machine.NAME; or its space back: berth pool check --reclaim %s\n",
		 ull(id), text_str(&what), pool, ull(id), pool);
}

static int reclaim(struct check *check, uint64_t id)
{
	struct thin_session *session = check->session;

	if (catalog_intend_delete(session->catalog, id, check->err) < 0 ||
	    thin_recover(check->pool, session, check->err) < 0)
		return -check->err->code;
	text_add(check->report, "id %llu is deleted\n", ull(id));
	return 0;
}

static int compare_row(struct check *check, const struct catalog_volume *volume)
{
	struct catalog *catalog = check->session->catalog;
	bool there = volume->id < check->end && check->present[volume->id];

	if (!there && pool_is_reserve(volume->name)) {
		check->findings++;
		text_add(check->report, "the pool's reserve is gone; another is made when there is "
					"room for it\n");
		return reclaim(check, volume->id);
	}
	if (volume->state == CATALOG_READY && !there) {
		check->findings++;
		text_add(check->report,
			 "volume '%s' is lost: the pool no longer has its id %llu; restore it from "
			 "a "
			 "backup, or delete it\n",
			 volume->name, ull(volume->id));
		return catalog_set_state(catalog, volume->id, CATALOG_LOST, check->err);
	}
	if (volume->state == CATALOG_LOST && there) {
		text_add(check->report, "volume '%s' is there again\n", volume->name);
		return catalog_set_state(catalog, volume->id, CATALOG_READY, check->err);
	}
	if (volume->state == CATALOG_QUARANTINED) {
		check->findings++;
		tell_quarantined(check, volume->id);
	}
	return 0;
}

static int adopt_strays(struct check *check)
{
	for (uint64_t id = 0; id < check->end; id++) {
		if (!check->present[id] || check->known[id])
			continue;
		check->findings++;
		text_add(check->report,
			 "id %llu is in the pool, and in no catalogue: put into quarantine\n",
			 ull(id));
		if (catalog_quarantine(check->session->catalog, id, check->err) < 0)
			return -check->err->code;
	}
	return 0;
}

struct rows {
	struct catalog_volume *list; /* owned */
	size_t count;
};

static int keep_row(void *context, const struct catalog_volume *volume)
{
	struct rows *rows = context;
	struct catalog_volume *list = reallocarray(rows->list, rows->count + 1, sizeof *rows->list);

	if (!list)
		return -ENOMEM;
	rows->list = list;
	rows->list[rows->count++] = *volume;
	return 0;
}

/* Drops an intent whose number fits neither pool nor catalogue; its volume is kept without a name. */
static int drop_intent(struct check *check)
{
	struct catalog_head *head = &check->session->head;

	if (head->intent.op == CATALOG_NOTHING)
		return 0;
	check->findings++;
	text_add(check->report, "a change that was begun on id %llu is dropped\n",
		 ull(head->intent.id));
	return catalog_abandon(check->session->catalog, true, check->err);
}

static int take_number(struct check *check)
{
	struct thin_session *session = check->session;
	uint64_t is = session->status.transaction;

	if (is == session->head.transaction)
		return 0;
	check->findings++;
	text_add(check->report,
		 "the pool's transaction number is %llu, the catalogue had %llu: %s\n", ull(is),
		 ull(session->head.transaction),
		 is < session->head.transaction
			 ? "the pool is of an earlier time, and so may be what its volumes hold"
			 : "the catalogue is of an earlier time, or somebody else wrote to the "
			   "pool");
	return catalog_set_transaction(session->catalog, is, check->err);
}

static int compare(struct check *check, struct rows *rows, unsigned flags)
{
	if (catalog_list_all(check->session->catalog, look_at_row, check, check->err) < 0 ||
	    adopt_strays(check) < 0)
		return -check->err->code;
	int r = catalog_list_all(check->session->catalog, keep_row, rows, check->err);
	if (r == -ENOMEM)
		return err_set(check->err, ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < rows->count; i++) {
		const struct catalog_volume *row = &rows->list[i];
		if (flags & POOL_CHECK_RECLAIM && row->state == CATALOG_QUARANTINED)
			r = reclaim(check, row->id);
		else
			r = compare_row(check, row);
	}
	return r;
}

static int wake(void *context, const struct dm_info *info)
{
	struct check *check = context;

	if (!info->suspended)
		return 0;
	check->findings++;
	text_add(check->report, "device '%s' was suspended: resumed\n", info->name);
	dm_resume(&thin_of(check->pool)->dm, info->name);
	return 0;
}

static int reconcile(struct check *check, unsigned flags)
{
	struct rows rows = { 0 };
	char prefix[DM_UUID_MAX];

	snprintf(prefix, sizeof prefix, DM_UUID_PREFIX "%s-", check->pool->config.uuid);
	int r = dm_list(&thin_of(check->pool)->dm, prefix, wake, check);
	if (r < 0)
		return err_set(check->err, -r, "list its devices: %s", dm_why(r));
	if (drop_intent(check) < 0 || take_number(check) < 0 || look_at_pool(check) < 0)
		return -check->err->code;
	r = compare(check, &rows, flags);
	free(rows.list);
	return r;
}

/* Disks of grow.devices that could not be taken now, which is no fault of the pool. */
static int look_at_named(const struct check *check)
{
	scoped_free char *names = strdup(check->pool->config.grow_devices);
	char *rest = names;

	for (char *name; names && (name = strsep(&rest, " "));) {
		struct err why = { 0 };
		if (*name && thin_can_join(check->pool, name, &why) < 0)
			text_add(check->report, "grow.devices: %s\n", why.text);
	}
	return names ? 0 : err_set(check->err, ENOMEM, "out of memory");
}

/* Findings here cannot be corrected while the pool is in use. */
static void look_at_metadata(struct check *check)
{
	struct err why = { 0 }, failed = { 0 };
	bool sound = true;

	if (thin_check_metadata(check->pool, &sound, &why, &failed) < 0) {
		if (failed.code)
			text_add(check->report, "its metadata could not be checked: %s\n",
				 failed.text);
		return;
	}
	if (sound)
		return;
	check->findings++;
	text_add(check->report,
		 "its metadata is damaged: %s; stop its machines, then: berth pool repair %s\n",
		 why.text, check->pool->name);
}

int thin_check(struct pool *pool, unsigned flags, struct text *report, struct err *err)
{
	scoped_session struct thin_session session = { .lock = -1 };
	struct check check = { .pool = pool, .session = &session, .report = report, .err = err };
	struct err failed = { 0 };

	/* This check corrects a transaction number that does not fit, and no other failure. */
	if (thin_enter(pool, &session, &failed) < 0 && failed.code != ESTALE)
		return err_set(err, failed.code, "%s", failed.text);
	if (session.lock < 0 || !session.catalog || !session.catalog->db)
		return err_set(err, failed.code, "%s", failed.text);
	look_at_metadata(&check);
	int r = reconcile(&check, flags);
	free(check.present);
	free(check.known);
	if (r == 0 && check.findings == 0)
		text_add(report, "catalogue and pool agree\n");
	if (r == 0 && check.partly)
		text_add(report,
			 "looked at are volumes and the %d ids drawn last; for all others install "
			 "thin_ls (package thin-provisioning-tools)\n",
			 LOOKED);
	return r < 0 ? r : look_at_named(&check);
}
