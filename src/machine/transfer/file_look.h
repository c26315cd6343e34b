/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The look at one path of a machine: a file, opened to be read, or a folder with its entries. Nothing changes by it. */
#ifndef BERTH_MACHINE_TRANSFER_FILE_LOOK_H
#define BERTH_MACHINE_TRANSFER_FILE_LOOK_H

#include "machine/transfer/side.h"

/* Entries of a folder that are told; there may be more. */
enum { FILE_LOOK_ENTRIES = 20000 };

struct file_look {
	struct side side; /* keeps the root of a stopped machine, or of a snapshot, where it is */
	struct tree_entry self; /* its mode has the bits of its type */
	int file;               /* owned; of a file; -1: it is none */
	bool more;              /* the folder has more entries than were told */
};

/* Called for each entry of a folder, in no order, whose mode has the bits of its type; target is where a link leads. */
typedef int file_look_visit(void *context, const struct tree_entry *entry);

/*
 * Follows links of the path inside the machine. snapshot: as it was then; NULL: as it is. visit: NULL for the path alone.
 * 0 or -code; look_close after both.
 */
int file_look_open(struct file_look *look, struct machine *machine, const char *snapshot,
		   const char *path, file_look_visit *visit, void *context, struct err *err);
void file_look_close(struct file_look *look);
#define scoped_file_look __attribute__((cleanup(file_look_close)))

#endif
