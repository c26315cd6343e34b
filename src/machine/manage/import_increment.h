/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An increment in the stream of a machine that is here. */
#ifndef BERTH_MACHINE_MANAGE_IMPORT_INCREMENT_H
#define BERTH_MACHINE_MANAGE_IMPORT_INCREMENT_H

#include "machine/manage/travel.h"

/*
 * Adds what the stream has to the machine of that name. All of it, or nothing. settings: those of the stream, of which
 * only the sections of volumes count that the machine has not got yet.
 */
int import_increment(const struct dirs *dirs, const char *name, const struct stream_head *head,
		     const struct text *settings, struct stream_in *in,
		     const struct import_spec *spec, struct text *notes, struct err *err);

#endif
