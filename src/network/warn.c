/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sentences about the parts of a network that do not work, where the network works without them. */
#include "network/bridge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void network_warn(struct network *network, const char *form, ...)
{
	size_t length = strlen(network->warning);
	va_list ap;

	if (length && length + 1 < sizeof network->warning)
		network->warning[length++] = '\n';
	va_start(ap, form);
	vsnprintf(network->warning + length, sizeof network->warning - length, form, ap);
	va_end(ap);
}
