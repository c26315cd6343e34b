/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A session: one change of a thin pool at a time, which begins with the recovery from a killed command. */
#include "base/scoped.h"
#include "storage/thin/thin.h"

enum { LOCK_SECONDS = 120 };

int thin_enter(struct pool *pool, struct thin_session *session, struct err *err)
{
	*session = (struct thin_session){ .lock = -1 };
	session->lock = thin_lock(pool, LOCK_SECONDS, err);
	if (session->lock < 0)
		return session->lock;
	if (thin_catalog(pool, &session->catalog, err) < 0 || thin_recover(pool, session, err) < 0)
		return -err->code;
	return 0;
}

void thin_leave(struct thin_session *session)
{
	/* A zeroed session is closed too: no lock is descriptor 0. */
	if (session->lock > 0)
		scoped_close_fd(&session->lock);
	session->lock = -1;
}
