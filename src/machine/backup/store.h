/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where backups are: a folder of this host, or one of another host, which a berth there serves over ssh
 * (store_serve.c). The files are the same in both. Paths are those of files and folders in it.
 */
#ifndef BERTH_MACHINE_BACKUP_STORE_H
#define BERTH_MACHINE_BACKUP_STORE_H

#include "base/err.h"
#include "base/outfile.h"
#include "base/uuid.h"
#include "machine/wire/far.h"

#include <stdbool.h>
#include <stdint.h>

enum { STORE_NAME = 128, STORE_TEXT_MAX = 4 << 20, STORE_SUM = 65 };

struct store_spec {
	const char *target; /* a folder, or ssh:[USER@]HOST:/FOLDER */
	const char *ssh;    /* the command that reaches the host; NULL: ssh */
	const char *berth;  /* the command there; NULL: berth */
	const char *what;   /* for sentences: "back up to" */
};

struct store_ops;
struct store {
	char *target; /* owned: as the user names it */
	char *folder; /* owned: its path, here or there */
	char *host;   /* owned; NULL: it is here */
	const struct store_ops *ops;
	struct far far; /* of another host */
	int64_t asked;  /* when the other side got its last request, of clock_ms */
	size_t answers; /* lines that it has sent since */
	int lock;       /* owned; -1: none */
	bool locked;
	/* Runs long work of a server in a way that shows the other side that it goes on; NULL: as it is. */
	int (*work)(int (*work)(void *context, struct err *err), void *context, struct err *err);
};
/* Opens it. store_close after both. 0 or -code. */
int store_open(struct store *store, const struct store_spec *spec, struct err *err);
void store_close(struct store *store);
#define scoped_store __attribute__((cleanup(store_close)))

struct store_file {
	char name[STORE_NAME];
	bool folder;
	uint64_t size;
	uint64_t changed; /* nanoseconds since the epoch: its ctime */
};
typedef int store_visit(void *context, const struct store_file *file);

/*
 * Calls visit for each file and folder, sorted, but for names that begin with a dot; stops at nonzero, and returns it.
 */
int store_each(struct store *store, const char *path, store_visit *visit, void *context,
	       struct err *err);

/*
 * The text of a small file, NUL-terminated, which the caller frees: its length; -ENOENT without a sentence, or -code.
 */
ssize_t store_read(struct store *store, const char *path, char **text, struct err *err);
/* Replaces a small file durably. */
int store_replace(struct store *store, const char *path, const char *text, size_t n,
		  struct err *err);
/* Removes a file durably; fine if it is gone. */
int store_remove(struct store *store, const char *path, struct err *err);

/*
 * Locks a folder, which is made if it is missing, until store_unlock, and removes what a killed command has left in it.
 * -EBUSY: another command has it after so many seconds.
 */
int store_lock(struct store *store, const char *path, unsigned seconds, struct err *err);
void store_unlock(struct store *store);

/* The contents of the last snapshot in a stream, from its beginning. */
int store_content(struct store *store, const char *path, char content[UUID_TEXT], struct err *err);
/*
 * Reads a whole file where it is. sum: the SHA-256 that it must have; NULL: it is a stream, with sums of its own. file
 * (set also for a damaged one): its size and change. -EBADMSG or -EINVAL: it is damaged.
 */
int store_check(struct store *store, const char *path, const char *sum, struct store_file *file,
		struct err *err);

/* Opens a file for reading from its beginning; pump_end afterwards. One at a time. */
int store_fetch(struct store *store, const char *path, struct pump *pump, struct err *err);

/* A file that is being written; nothing has its name before store_keep. One at a time. */
struct store_writing {
	int fd;     /* to be written to */
	char *path; /* owned */
	struct outfile out;
	struct pump pump;
};
int store_begin(struct store *store, const char *path, struct store_writing *writing,
		struct err *err);
/* The file is whole on the other side: what follows can be asked for. 0 or -code. */
int store_end(struct store *store, struct store_writing *writing, struct err *err);
/* After store_end: reads it again, as store_check does, and gives it its name durably. */
int store_keep(struct store *store, struct store_writing *writing, const char *sum,
	       struct store_file *file, struct err *err);
/* After each of these: what was not kept is gone. failed: replaced by the cause that the other side tells. */
void store_drop(struct store *store, struct store_writing *writing, struct err *failed);

/*
 * Serves a folder of this host to the other side of standard input and output, until that ends the connection. 0 or
 * -code.
 */
int store_serve(const char *folder, struct err *err);

#endif
