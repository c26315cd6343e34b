/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An increment in the stream of a machine that is here. */
#ifndef BERTH_MACHINE_MANAGE_IMPORT_INCREMENT_H
#define BERTH_MACHINE_MANAGE_IMPORT_INCREMENT_H

#include "machine/manage/travel.h"

/* Adds what the stream has to the machine of that name. All of it, or nothing. */
int import_increment(const struct dirs *dirs, const char *name, const struct stream_head *head,
		     struct stream_in *in, const struct import_spec *spec, struct err *err);

#endif
