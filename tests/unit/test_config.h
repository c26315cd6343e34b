/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Declarations for the two programs about settings. */
#ifndef BERTH_TESTS_TEST_CONFIG_H
#define BERTH_TESTS_TEST_CONFIG_H

#include "config/config.h"

static const struct schema *const schemas[] = { &machine_schema, &berth_schema, &pool_schema,
						&network_schema, &template_schema };
enum { SCHEMAS = sizeof schemas / sizeof schemas[0] };

/* Room for any schema's struct. */
union any {
	struct machine_config machine;
	struct berth_config berth;
	struct pool_config pool;
	struct network_config network;
	struct template_config template;
};

#endif
