/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recovery from a command that died at work on a thin pool, and the proof that a change is durable. */
#include "base/fault.h"
#include "base/scoped.h"
#include "base/text.h"
#include "storage/driver.h"
#include "storage/thin/thin.h"

#include <errno.h>
#include <string.h>

static unsigned long long ull(uint64_t n)
{
	return n;
}

/* Freed blocks end the state "out of space", so a pool in that state takes changes. */
static bool writes(const struct dm_pool_status *status)
{
	return (status->mode == DM_POOL_WRITE || status->mode == DM_POOL_OUT_OF_DATA) &&
	       !status->needs_check;
}

static bool metadata_full(const struct dm_pool_status *status)
{
	return status->metadata_total - status->metadata_used <= status->metadata_total / 100;
}

int thin_check_status(const struct pool *pool, const struct dm_pool_status *status,
		      uint64_t transaction, struct err *err)
{
	if (status->mode == DM_POOL_FAIL || status->mode == DM_POOL_ERROR)
		return err_set(err, EIO,
			       "the kernel has stopped the pool after an error of the disk under "
			       "it; stop its machines, mend the disk (dmesg tells), then: "
			       "berth pool repair %s",
			       pool->name);
	if (status->needs_check)
		return err_set(
			err, EUCLEAN,
			"an error of the disk under it has stopped it, and its metadata must "
			"be checked; stop its machines, then: berth pool repair %s",
			pool->name);
	if (!writes(status) && metadata_full(status))
		return err_set(err, EROFS,
			       "its metadata is full, and until it has more it takes no changes: "
			       "berth pool grow --metadata SIZE %s",
			       pool->name);
	if (!writes(status))
		return err_set(err, EROFS,
			       "it is read-only, since its metadata could not be written (dmesg "
			       "tells more); stop its machines, then: berth pool repair %s",
			       pool->name);
	if (status->transaction != transaction)
		return err_set(err, ESTALE,
			       "its transaction number is %llu and should be %llu: metadata or "
			       "catalogue are of another time, or somebody else writes to it; "
			       "compare the two: berth pool check %s",
			       ull(status->transaction), ull(transaction), pool->name);
	return 0;
}

/* ---- A change, after its messages */

int thin_commit(struct pool *pool, struct thin_session *session, struct err *err)
{
	uint64_t to = session->head.intent.transaction;

	fault_point("thin-before-step");
	int r = thin_message(pool, "set_transaction_id %llu %llu", ull(to - 1), ull(to));
	fault_point("thin-after-step");
	if (fault_control("no-readback"))
		return catalog_finish(session->catalog, err);
	/* The status decides, because neither success nor failure of a message proves anything. */
	if (thin_status(pool, 0, &session->status, err) < 0 ||
	    thin_check_status(pool, &session->status, to, err) < 0)
		return r < 0 && err->code == ESTALE
			       ? err_wrap(err, "step its transaction number: %s", dm_why(r))
			       : -err->code;
	fault_point("thin-read-back");
	if (catalog_finish(session->catalog, err) < 0)
		return -err->code;
	fault_point("thin-finished");
	session->head.transaction = to;
	session->head.intent = (struct catalog_intent){ 0 };
	return 0;
}

/* ---- After a death */

/* A change without its step is undone as if it had not begun. */
static int undo_volume(struct pool *pool, struct thin_session *session, struct err *err)
{
	const struct catalog_intent *intent = &session->head.intent;

	int r = thin_deactivate(pool, intent->id, THIN_WAIT_MS);
	if (r == 0)
		r = thin_message(pool, "delete %llu", ull(intent->id));
	fault_point("thin-undo-deleted");
	if (r == -EOPNOTSUPP)
		return err_set(err, -r, "undo what a killed command began: %s", dm_why(r));
	/* A volume that cannot be removed now is kept for later, and stops nothing else. */
	bool keep = r < 0 && r != -ENODATA;
	if (thin_status(pool, 0, &session->status, err) < 0 ||
	    thin_check_status(pool, &session->status, intent->transaction - 1, err) < 0 ||
	    catalog_abandon(session->catalog, keep, err) < 0)
		return -err->code;
	fault_point("thin-undone");
	return 0;
}

static int redo_delete(struct pool *pool, struct thin_session *session, struct err *err)
{
	const struct catalog_intent *intent = &session->head.intent;

	int r = thin_deactivate(pool, intent->id, THIN_WAIT_MS);
	if (r == 0)
		r = thin_message(pool, "delete %llu", ull(intent->id));
	fault_point("thin-redo-deleted");
	if (r == 0 || r == -ENODATA)
		return thin_commit(pool, session, err);
	if (r == -EOPNOTSUPP)
		return err_set(err, -r, "finish a removal: %s", dm_why(r));
	/* Parts of the volume may be gone, so it is no volume any more. */
	return catalog_abandon(session->catalog, true, err);
}

static int settle(struct pool *pool, struct thin_session *session, struct err *err)
{
	const struct catalog_intent *intent = &session->head.intent;
	uint64_t now = session->status.transaction;

	if (now == intent->transaction)
		return catalog_finish(session->catalog, err);
	if (now + 1 == intent->transaction)
		return intent->op == CATALOG_DELETE ? redo_delete(pool, session, err)
						    : undo_volume(pool, session, err);
	return thin_check_status(pool, &session->status, session->head.transaction, err);
}

int thin_recover(struct pool *pool, struct thin_session *session, struct err *err)
{
	struct catalog_head *head = &session->head;

	if (catalog_read_head(session->catalog, head, err) < 0)
		return -err->code;
	/* First: while the origin is suspended, the machine on it stands still. */
	if (head->intent.suspended)
		thin_resume(pool, head->intent.origin);
	if (thin_status(pool, 0, &session->status, err) < 0)
		return -err->code;
	if (head->intent.op == CATALOG_NOTHING)
		return thin_check_status(pool, &session->status, head->transaction, err);
	fault_point("thin-recover");
	/* Whether the pool takes changes at all; the number is compared with the intent below. */
	if (thin_check_status(pool, &session->status, session->status.transaction, err) < 0 ||
	    settle(pool, session, err) < 0 || catalog_read_head(session->catalog, head, err) < 0 ||
	    thin_status(pool, 0, &session->status, err) < 0)
		return -err->code;
	return thin_check_status(pool, &session->status, head->transaction, err);
}
