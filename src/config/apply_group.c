/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptions of machines in files of apply: the machines that they stand for, and the lines of their keys. */
#include "config/apply_file.h"

#include <stdio.h>
#include <string.h>

bool apply_is_kept_apart(const char *name)
{
	static const char *const names[] = { "count", "pool", "state", "template" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return text_starts(name, "provision.");
}

bool apply_is_own_label(const char *key)
{
	return strcmp(key, "label.applied") == 0 || strcmp(key, "label.provisioned") == 0;
}

unsigned apply_line_of(const struct apply_given *given, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(given[i].name, name) == 0)
			return given[i].line;
	}
	return 0;
}

static unsigned find_section(const struct apply_given *sections, size_t count,
			     const struct schema *kind, const char *name)
{
	char whole[128];

	snprintf(whole, sizeof whole, "%s.%.80s", kind->what, name);
	return apply_line_of(sections, count, whole);
}

unsigned apply_section_line(const struct apply_group *group, const struct schema *kind,
			    const char *name)
{
	unsigned line = find_section(group->sections, group->section_count, kind, name);

	return line ? line : group->line;
}

unsigned apply_network_line(const struct apply_network *network, const char *rule)
{
	unsigned line =
		find_section(network->sections, network->section_count, &network_rule_schema, rule);

	return line ? line : network->line;
}

uint64_t apply_machine_count(const struct apply_group *group)
{
	return group->counted ? group->settings.count : 1;
}

void apply_machine_name(const struct apply_group *group, uint64_t index, char name[96])
{
	if (group->counted)
		snprintf(name, 96, "%.63s-%llu", group->name, (unsigned long long)index + 1);
	else
		snprintf(name, 96, "%.63s", group->name);
}
