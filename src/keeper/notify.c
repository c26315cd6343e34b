#include "keeper/notify.h"

#include <string.h>

bool notify_says_ready(const char *message, size_t length)
{
	static const char ready[] = "READY=1";
	const char *end = message + length;

	while (message < end) {
		const char *newline = memchr(message, '\n', (size_t)(end - message));
		size_t n = (size_t)((newline ? newline : end) - message);
		if (n == sizeof ready - 1 && memcmp(message, ready, n) == 0)
			return true;
		message += newline ? n + 1 : n;
	}
	return false;
}
