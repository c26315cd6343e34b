/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BERTH_API_DESCRIPTION_H
#define BERTH_API_DESCRIPTION_H

#include "api/routes.h"

/* Answers with the description itself, without an envelope. 0 or -code. */
int description_show(struct exchange *exchange, struct err *err);

#endif
