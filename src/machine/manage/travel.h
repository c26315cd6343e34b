/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines that travel: written into a stream (berth-stream(5)), and made of one. */
#ifndef BERTH_MACHINE_MANAGE_TRAVEL_H
#define BERTH_MACHINE_MANAGE_TRAVEL_H

#include "machine/manage/manage.h"
#include "machine/state/move.h"
#include "stream/stream.h"

/* How far a reader has come in a stream that was cut. All borrowed. */
struct export_point {
	const char *sum;   /* of the last part that it has */
	uint64_t volumes;  /* complete ones */
	const char *point; /* behind that part; "": between volumes */
	uint64_t bytes;    /* in all parts that it has */
};

/* The volumes for data that a reader has, so that it gets increments of them. */
struct export_reader {
	bool (*has_volume)(void *context, const char *uuid);
	bool (*has_content)(void *context, const char *content);
	void *context;
	const char *name; /* borrowed; "host 'NAME'" */
};

struct export_spec {
	int fd;               /* takes the stream */
	const char *verb;     /* for sentences: "send"; NULL: "export" */
	const char *snapshot; /* NULL: as its root is now */
	const char *
		since; /* a snapshot that the reader has: only what differs is written; NULL: everything */
	const char *keep; /* with this snapshot, also without the others; NULL: none */
	bool snapshots;   /* with all snapshots, or those between since and snapshot */
	bool blocks;      /* blocks of a pool that has them, and not trees */
	/*
	 * With the volumes that it may write to, of the same moment: as they are now, or as they were taken with the
	 * snapshot that is written.
	 */
	bool volumes;
	bool volumes_anew;      /* a volume that was not taken with since is written as a whole */
	bool volumes_read;      /* also those that it only reads */
	bool volumes_snapshots; /* with their own snapshots */
	const struct export_reader *reader; /* of volumes; or NULL: it has those of since */
	bool still; /* the caller keeps the machine from running: its volumes are read as they are */
	bool quiet; /* a running machine's file system is quieted for the moment */
	const char *
		root; /* the root is what this snapshot keeps, which is no part of the stream itself; NULL: as it is now */
	uint64_t
		limit; /* the reader keeps parts of trees: bytes of the first one; 0: it does not */
	const struct export_point
		*behind;  /* the reader has all before it; NULL: from the beginning */
	const char *plan; /* of machine_export_plan; NULL: it is not told */
	bool since_is_older; /* the caller knows it, also where a clock that was put back says otherwise */
	struct stream_press press;
	stream_tick *tick; /* or NULL */
	void *tick_context;
};

/* Finds all that would refuse the export, before a byte is written. */
int machine_export_check(struct machine *machine, const struct export_spec *spec, struct err *err);
/*
 * The sum of all that identifies what the export writes: two streams of the same plan are the same, unless a root
 * changed that no snapshot keeps, which the stream itself finds (-ESTALE). 0 or -code.
 */
int machine_export_plan(struct machine *machine, const struct export_spec *spec,
			char plan[SHA256_HEX + 1], struct err *err);
/*
 * The volumes that the export has, as in struct stream_head: those that the snapshot was taken with, or those that are
 * attached. Looks only. 0 or -code.
 */
int machine_export_volumes(const struct machine *machine, const struct export_spec *spec,
			   struct text *volumes, struct err *err);
/* moment.c: whether an export of the root copies it first, into a snapshot. 1, 0, or -code. */
int machine_export_copies(struct machine *machine, struct err *err);
/* 0 or -code; after a failure the stream has no end, which every reader notices. */
int machine_export(struct machine *machine, const struct export_spec *spec, struct err *err);

/* Calls visit with each name and uuid of a list as in struct stream_head; it stops at -code. -EBADMSG. */
int travel_each_volume(const char *list,
		       int (*visit)(void *context, const char *name, const char *uuid,
				    struct err *err),
		       void *context, struct err *err);

struct import_spec {
	int fd; /* has the stream */
	/*
	 * Streams that follow it, each an increment of one snapshot that builds on the one before; together they make one
	 * machine, whose root is what the last one has. chain_next: a descriptor of the i-th, which is used until the
	 * next call; or -code. NULL: none.
	 */
	int (*chain_next)(void *context, size_t i, struct err *err);
	void *chain_context;
	size_t chain_count;
	const char *const
		*chain_names; /* for sentences: of fd and of those of the chain; NULL: none */
	const char *name;     /* NULL: as in the stream */
	const char *pool;     /* of a new machine; or place finds it */
	/*
	 * Finds the pool of a new machine with these settings, and makes what it needs, after the head of the stream was
	 * read. Or NULL.
	 */
	int (*place)(void *context, const struct text *settings, const char **pool,
		     struct err *err);
	void *place_context;
	bool new_identity;          /* also if no machine here has the uuid */
	const char *trusted_target; /* a folder that backup.target may name; NULL: none */
	bool trust;                 /* settings that open the machine to the host are kept */
	bool no_volumes;            /* the volumes of the stream are left out */
	bool detached;              /* all sections of volumes are left out */
	/* Borrowed: volumes that will come, as in struct stream_head, for checks before there is a stream; NULL: none. */
	const char *coming;
	const char *
		volumes_as; /* their names begin so, as those of a clone do; NULL: as in the stream */
	bool force;         /* an increment may replace the root of its machine */
	/* Borrowed: the machine has this mark from its first moment on, or has it already. NULL: it becomes this host's. */
	const struct move_mark *arriving;
	/*
	 * The part that has come stays if the stream is cut, and a stream may go on with it: halfway.h. told: as there,
	 * or NULL.
	 */
	bool resumable;
	void (*told)(void *context, uint64_t bytes);
	void *told_context;
	struct settings settings;
	stream_tick *tick; /* or NULL */
	void *tick_context;
};

/*
 * Makes a machine of a stream, or adds what an increment has to the machine that it belongs to. It checks everything
 * before anything becomes visible. made: the name. Remarks for the user go to notes, a line each.
 */
int machine_import(const struct dirs *dirs, const struct import_spec *spec, char made[64],
		   struct text *notes, struct err *err);

/*
 * Whether a new machine of that head and these settings could be made as spec says (its fd is not used), as far as that
 * is known before its volumes come. Makes nothing. spec->pool is given.
 */
int machine_import_check(const struct dirs *dirs, const struct import_spec *spec,
			 const struct stream_head *head, const struct text *settings,
			 struct err *err);

/* ---- volume_travel.c: the same for a volume for data. */
int data_export_check(const struct dirs *dirs, const char *name, const struct export_spec *spec,
		      struct err *err);
int data_export(const struct dirs *dirs, const char *name, const struct export_spec *spec,
		struct err *err);
/* Uses of the spec: fd, name, pool or place, new_identity, trust, force and tick. */
int data_import(const struct dirs *dirs, const struct import_spec *spec, char made[64],
		struct text *notes, struct err *err);

/*
 * distrust.c: takes the settings out that open a machine to its host: its folders, devices and ports,
 * and what weakens its walls. target: a folder that backup.target may name, or NULL; without its target a schedule of
 * backups goes too.
 * dropped: gets their names, separated by commas.
 */
int distrust_settings(struct machine_config *config, const char *target, struct text *dropped,
		      struct err *err);

#endif
