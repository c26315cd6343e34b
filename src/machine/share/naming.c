/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of sections that are given none, made of a path. */
#include "machine/share/share.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "/srv/My data" is "srv-my-data". */
static void label_of(const char *path, char label[64])
{
	size_t n = 0;

	for (; *path && n < 58; path++) {
		char c = (char)tolower((unsigned char)*path);
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			label[n++] = c;
		else if (n > 0 && label[n - 1] != '-')
			label[n++] = '-';
	}
	while (n > 0 && label[n - 1] == '-')
		n--;
	if (n == 0)
		label[n++] = 'x';
	label[n] = '\0';
}

int share_make_up_name(struct section *section, const char *path, const struct section *a,
		       const struct section *b, struct err *err)
{
	char label[64], name[80];

	label_of(path, label);
	snprintf(name, sizeof name, "%s", label);
	for (unsigned i = 2; config_section(a, name) || config_section(b, name); i++)
		snprintf(name, sizeof name, "%s-%u", label, i);
	section->name = strdup(name);
	return section->name ? 0 : err_set(err, ENOMEM, "out of memory");
}
