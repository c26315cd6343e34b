/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/shared/goarch.h"

#include <stddef.h>
#include <string.h>

const char *goarch_of(const char *machine)
{
	static const char *const names[][2] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" },
		{ "armv7l", "arm" },   { "armv6l", "arm" },
		{ "i686", "386" },     { "mips64", "mips64le" },
		{ "mips", "mipsle" },  { "loongarch64", "loong64" },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(machine, names[i][0]) == 0)
			return names[i][1];
	}
	return machine;
}
