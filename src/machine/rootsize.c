#include "machine/rootsize.h"

#include <errno.h>

int rootsize_fit(struct pool *pool, const char *volume, uint64_t size, struct err *err)
{
	struct volume_info info;

	if (size == 0)
		return 0;
	if (volume_info(pool, volume, &info, err) < 0)
		return -err->code;
	/* The pool rounds up to its blocks. */
	return info.size == size ? 0 : volume_resize(pool, volume, size, err);
}

int rootsize_set(const struct site *site, const char *pool_name, const char *volume,
		 const struct key *key, const char *value, struct err *err)
{
	struct machine_config config = { 0 };
	scoped_pool struct pool pool = { 0 };

	int r = config_defaults(&machine_schema, &config, err);
	if (r == 0)
		r = config_set(&machine_schema, &config, key, value, err);
	uint64_t size = config.disk_size;
	config_free(&machine_schema, &config);
	if (r == 0 && size > 0)
		r = pool_open(&pool, site, pool_name, err);
	return r < 0 || size == 0 ? r : rootsize_fit(&pool, volume, size, err);
}
