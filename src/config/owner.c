/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mapping of owners in a shared folder: "HOST:GUEST". */
#include "config/values.h"

#include <errno.h>
#include <string.h>

static const char *fault(const char *name, size_t length)
{
	if (length >= sizeof((struct config_owner *)NULL)->host)
		return "has a name that is too long";
	for (size_t i = 0; i < length; i++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$-",
			    name[i]))
			return "has a name with other characters than letters, digits, '_', '.', "
			       "'-' and '$'";
	}
	return NULL;
}

int config_owner(const char *value, struct config_owner *owner, struct err *err)
{
	const char *colon = strchr(value, ':');
	const char *guest = colon ? colon + 1 : "";
	size_t n = colon ? (size_t)(colon - value) : strlen(value);
	const char *wrong = fault(value, n);

	*owner = (struct config_owner){ .all = strcmp(value, "all") == 0 };
	if (owner->all)
		return 0;
	if (!wrong)
		wrong = fault(guest, strlen(guest));
	if (wrong)
		return err_set(err, EINVAL,
			       "owner '%.100s' %s; write HOST:GUEST, users by name or number, or "
			       "all",
			       value, wrong);
	memcpy(owner->host, value, n);
	strcpy(owner->guest, guest);
	return 0;
}
