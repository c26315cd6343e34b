/* Rules between keys: what each may be alone but not together. */
#include "config/config.h"

#include <errno.h>
#include <string.h>

int config_check_machine(const struct machine_config *config, struct err *err)
{
	if (*config->address && !*config->network)
		return err_set(
			err, EINVAL,
			"network.address is %s but there is no network; set network as well, or "
			"unset network.address",
			config->address);
	if (*config->init && config->init[strlen(config->init) - 1] == '/')
		return err_set(err, EINVAL, "init is '%.200s', which is a folder; name a program",
			       config->init);
	return 0;
}
