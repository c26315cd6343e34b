/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config_files.h"

#include "base/file.h"
#include "base/remove.h"
#include "config/config.h"
#include "suite.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static char folder[] = "/tmp/berth-test-config-file-XXXXXX";

char *path_to(const char *name)
{
	return text_format("%s/%s", folder, name);
}

void write_file(const char *path, const char *text)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(file_replace(path, text, strlen(text), 0600, &err), 0);
}

const char *machine_sentence(const char *text)
{
	static struct err err;
	struct machine_config config;

	err = (struct err){ 0 };
	if (config_parse(&machine_schema, "m", text, strlen(text), &config, &err) == 0)
		config_free(&machine_schema, &config);
	return err.text;
}

char *config_files_folder(void)
{
	return folder;
}

int config_files_begin(void)
{
	return mkdtemp(folder) ? 0 : -1;
}

int config_files_end(void)
{
	return remove_tree(AT_FDCWD, folder);
}
