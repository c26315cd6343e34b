/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The beginning of a session with the receiving side: the machine, its host, and the phase of its move. */
#include "cmd/travel/move.h"

#include "base/scoped.h"
#include "cmd/travel/outgoing.h"
#include "cmd/travel/there.h"

#include <string.h>
#include <unistd.h>

static int greet(struct moving *moving, const char *phase, bool dry, struct err *err)
{
	const struct export_spec spec = { .volumes = !moving->mark.volumes_stay,
					  .volumes_read = true };
	scoped_text struct text more = { 0 }, volumes = { 0 };
	char host[256] = "";

	gethostname(host, sizeof host - 1);
	text_add(&more, "move %s\nhost %s\nphase %s\n", moving->mark.token, *host ? host : "?",
		 phase);
	if (strcmp(phase, "copying") == 0) {
		if (machine_export_volumes(moving->machine, &spec, &volumes, err) < 0)
			return -err->code;
		offer_add_volumes(&volumes, &more);
		text_add(&more, "size %llu\n",
			 (unsigned long long)outgoing_size(moving->machine, spec.volumes));
	}
	if (moving->mark.volumes_stay)
		text_add(&more, "detached yes\n");
	if (dry)
		text_add(&more, "dry yes\n");
	if (more.failed)
		return err_set(err, ENOMEM, "out of memory");
	const char *name = moving->target.name ? moving->target.name : NULL;
	return offer_ask(&moving->far, moving->machine, name, text_str(&more), err);
}

int move_connect(struct moving *moving, const char *phase, bool dry, struct err *err)
{
	const struct call *call = moving->call;
	scoped_text struct text words = { 0 };
	int r = there_words(call, &words, err);
	const struct far_spec spec = {
		.ssh = *moving->mark.ssh ? moving->mark.ssh : NULL,
		.berth = *moving->mark.berth ? moving->mark.berth : NULL,
		.words = text_str(&words),
		.shielded = true,
	};

	if (r != 0)
		return r;
	if (moving_settings(moving->machine, &moving->settings, err) < 0 ||
	    far_open(&moving->far, moving->target.host, &spec, err) < 0 ||
	    greet(moving, phase, dry, err) < 0)
		return -err->code;
	return offer_read(&moving->far, &moving->offer, err);
}
