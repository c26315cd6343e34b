/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of steps and files of machines: what is read is whole, and what is refused leaves nothing. */
#include "fuzz.h"

#include "base/text.h"
#include "config/apply_file.h"
#include "config/build_file.h"

#include <string.h>

static void read_steps(const char *data, size_t size)
{
	struct build_file file;
	struct err err = { 0 };

	if (build_file_parse("fuzz", data, size, &file, &err) < 0) {
		fuzz_check(err.code > 0 && *err.text && !file.steps && !file.presets);
		return;
	}
	fuzz_check(!err.code && *file.from && file.count <= BUILD_STEPS_MAX);
	for (size_t i = 0; i < file.count; i++) {
		const struct build_step *step = &file.steps[i];
		fuzz_check(step->line > 0 && (i == 0 || step->line > file.steps[i - 1].line));
		fuzz_check(step->kind != BUILD_RUN || *step->text);
	}
	build_file_free(&file);
}

static void read_group(const struct apply_group *group)
{
	char name[96];

	for (size_t i = 0; i < group->given_count; i++) {
		scoped_text struct text value = { 0 };
		struct err err = { 0 };
		fuzz_check(group->given[i].line > group->line);
		fuzz_check(apply_is_kept_apart(group->given[i].name) ||
			   config_get(&machine_schema, &group->settings.machine,
				      group->given[i].name, &value, &err) == 0);
	}
	for (size_t i = 0; i < group->section_count; i++)
		fuzz_check(group->sections[i].line > group->line &&
			   (i == 0 || group->sections[i].line > group->sections[i - 1].line));
	for (const struct section *at = group->settings.machine.nics; at; at = at->next)
		fuzz_check(apply_section_line(group, &nic_schema, at->name) > group->line);
	uint64_t count = apply_machine_count(group);
	if (count > 0) {
		apply_machine_name(group, count - 1, name);
		fuzz_check(!text_label_fault(name));
	}
	fuzz_check(*group->settings.machine.template);
}

static void read_machines(const char *data, size_t size)
{
	struct apply_file file;
	scoped_causes struct causes causes = { 0 };

	if (apply_file_parse("fuzz", data, size, &file, &causes) < 0) {
		fuzz_check(causes.code > 0 && *causes_next(&causes, NULL) && !file.groups &&
			   !file.networks);
		return;
	}
	fuzz_check(!causes.code);
	for (size_t i = 0; i < file.group_count; i++)
		read_group(&file.groups[i]);
	apply_file_free(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return -1;
	if (data[0] == 's')
		read_steps((const char *)data + 1, size - 1);
	else
		read_machines((const char *)data + 1, size - 1);
	return 0;
}
