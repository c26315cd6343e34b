/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A folder for the files of the programs about settings. */
#ifndef BERTH_TESTS_CONFIG_FILES_H
#define BERTH_TESTS_CONFIG_FILES_H

/* For suite_run: make the folder, and remove it. */
int config_files_begin(void);
int config_files_end(void);

/* Valid until config_files_end. */
char *config_files_folder(void);

/* Owned. */
char *path_to(const char *name);

void write_file(const char *path, const char *text);

/* Parses text as a machine.conf; the sentence, or "" when it is good. Valid until the next call. */
const char *machine_sentence(const char *text);

#endif
