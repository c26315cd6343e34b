/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The description of this API in the form of OpenAPI: doc/openapi.json, as it was installed. */
#include "api/description.h"

#include "base/file.h"
#include "base/install.h"
#include "base/scoped.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

enum { DESCRIPTION_MAX = 1 << 20 };

int description_show(struct exchange *exchange, struct err *err)
{
	char path[PATH_MAX];
	scoped_free char *text = NULL;

	if (install_description(path, sizeof path) < 0)
		return err_set(err, ENAMETOOLONG, "the path of the API's description is too long");
	ssize_t n = file_read(AT_FDCWD, path, DESCRIPTION_MAX, &text);
	if (n < 0)
		return err_set(err, (int)-n, "read '%s': %s; install berth again", path,
			       file_why((int)n));
	json_t *value = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	if (!value)
		return err_set(err, EIO, "'%s' is no JSON; install berth again", path);
	response_succeed(exchange->response, value);
	response_set_etag(exchange->response, value);
	exchange->response->etag_whole = true;
	exchange->response->bare = true;
	return 0;
}
