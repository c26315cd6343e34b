#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (code <= 0)
		code = EIO;
	if (!err)
		return -code;

	assert(err->code == 0);
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

	assert(err->code != 0);
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
