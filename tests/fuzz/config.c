/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of settings, of every schema: what is read, written and read again is the same. */
#include "fuzz.h"

#include "base/scoped.h"
#include "base/text.h"
#include "config/config.h"

#include <string.h>

static const struct schema *const schemas[] = {
	&machine_schema, &berth_schema, &pool_schema, &network_schema, &template_schema,
};

static void write_out(const struct schema *schema, const void *config, struct text *out)
{
	for (size_t i = 0; i < schema->count; i++) {
		scoped_text struct text value = { 0 };
		config_text(config, &schema->keys[i], &value);
		text_add(out, "%s = %s\n", schema->keys[i].name, text_str(&value));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	union {
		struct machine_config machine;
		struct berth_config berth;
		struct pool_config pool;
		struct network_config network;
		struct template_config template;
	} config, again;
	scoped_text struct text first = { 0 }, second = { 0 };
	struct err err = { 0 };

	if (size < 1)
		return -1;
	const struct schema *schema = schemas[data[0] % (sizeof schemas / sizeof *schemas)];
	if (config_parse(schema, "fuzz", (const char *)data + 1, size - 1, &config, &err) < 0) {
		fuzz_check(err.code > 0 && *err.text);
		return 0;
	}
	write_out(schema, &config, &first);
	if (config_parse(schema, "fuzz", text_str(&first), first.length, &again, &err) == 0) {
		write_out(schema, &again, &second);
		fuzz_check(strcmp(text_str(&first), text_str(&second)) == 0);
		config_free(schema, &again);
	} else {
		fuzz_check(false);
	}
	config_free(schema, &config);
	return 0;
}
