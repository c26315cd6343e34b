/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Setting an error twice, or wrapping an empty one, is a bug in berth. The build for tests stops there. In other builds
 * a keeper, or a clean-up, goes on with the later cause.
 */
static void expect(bool holds)
{
#ifdef BERTH_CHECK_ERR
	if (!holds)
		abort();
#else
	(void)holds;
#endif
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (code <= 0)
		code = EIO;
	if (!err)
		return -code;

	expect(err->code == 0);
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	return -code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char cause[sizeof err->text];
	va_list ap;

	if (!err)
		return -EIO;

	expect(err->code != 0);
	if (err->code == 0)
		err->code = EIO;
	memcpy(cause, err->text, sizeof cause);
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);

	size_t used = strlen(err->text);
	size_t left = sizeof err->text - used;
	if (left > 3) {
		memcpy(err->text + used, ": ", 2);
		size_t n = strnlen(cause, left - 3);
		memcpy(err->text + used + 2, cause, n);
		err->text[used + 2 + n] = '\0';
	}
	return -err->code;
}

#ifdef BERTH_CHECK_ERR
void err_check_return(const struct err *err, long returned, int kind)
{
	bool success = kind == ERR_RETURNS_POINTER ? returned != 0
		       : kind == ERR_RETURNS_CODE  ? returned == 0
						   : returned >= 0;

	if (err && success)
		expect(err->code == 0);
}
#endif
