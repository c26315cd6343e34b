/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies of machines' and templates' settings in their pools. */
#ifndef BERTH_MACHINE_MANAGE_KEPT_H
#define BERTH_MACHINE_MANAGE_KEPT_H

#include "base/err.h"
#include "base/site.h"
#include "base/text.h"

/*
 * Brings the copy in an attached pool up to date; 1: it is not attached. What has its volume there, but no
 * settings here, stays as it is in the copy.
 */
int kept_write(const struct site *site, const char *pool, struct err *err);

/* The same of all pools, in a moment; at once when another process is about to. */
int kept_write_all(const struct site *site, struct err *err);

/*
 * Makes the machines and templates of such a copy known here, those whose volumes are in that pool. What is
 * here under the same name stays. A line for each that could not be taken.
 */
int kept_take(const struct site *site, const char *pool, const struct text *kept,
	      struct text *report, struct err *err);

#endif
