/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of volumes for data: disks of machines beside their roots, which outlive the machines. Their folder is
 * STATE/volumes/NAME with volume.conf, and the data are volume "data.NAME" of a pool. A section of machine.conf
 * attaches one to a machine, so that a machine that is deleted takes only its section along.
 */
#ifndef BERTH_MACHINE_DATA_DATA_H
#define BERTH_MACHINE_DATA_DATA_H

#include "base/unfinished.h"
#include "config/config.h"
#include "keeper/event.h"
#include "machine/state/private.h"
#include "machine/state/subject.h"
#include "storage/inventory.h"
#include "storage/object.h"

/* The folder of the state that has them, and their settings in it. */
#define DATA_KIND "volumes"
#define DATA_FILE "volume.conf"

/* Volumes for data among the objects that have settings and a volume of a pool. */
extern const struct object_kind data_kind;
extern const struct object_care data_care;

/*
 * Reads volumes/NAME/volume.conf, or the mark of a volume that data_load_unnamed finds. -ENOENT with a remedy; -ENODATA:
 * the settings are missing but other parts exist; the sentence has the remedies. Changes nothing. config_free releases
 * the config.
 */
int data_open(const struct dirs *dirs, const char *name, struct volume_config *config,
	      struct err *err);
/* Whether the data are in their pool, as inventory_volume tells it. */
int data_has_volume(struct inventory *inventory, const char *name,
		    const struct volume_config *config, struct err *err);
/* The sentence about a volume whose data are gone or out of reach, because of why. */
void data_lost(const char *name, const struct err *why, struct err *fault);
/*
 * Calls visit with each volume, sorted by name; if its settings cannot be read, config is NULL and fault says why.
 * Volumes that are half made or half removed are skipped. Stops at nonzero and returns it.
 */
int data_list(const struct dirs *dirs,
	      int (*visit)(void *, const char *name, const struct volume_config *config,
			   const struct err *fault),
	      void *context, struct err *err);

/* STATE/volumes/NAME, which the caller frees; NULL: out of memory. */
char *data_folder(const struct dirs *dirs, const char *name);

/* The name of the volume that has a uuid: 1; 0 and "": there is none; or -code. */
int data_with_uuid(const struct dirs *dirs, const char *uuid, char name[64], struct err *err);

/* The mark of a volume that is half made or half removed. */
struct unfinished data_mark(const struct dirs *dirs, const char *name);
/*
 * The lock of a name: for commands that make, attach, change or delete the volume. A descriptor, or -code. It is taken
 * before the lock of a machine, and a start does not take it. A volume that data_load_unnamed finds is made whole.
 */
int data_lock(const struct dirs *dirs, const char *name, unsigned seconds, struct err *err);
/* Removes the lock's file, under the lock, when the volume is gone. */
void data_lock_forget(const struct dirs *dirs, const char *name);

/* Adds an event of a volume, which may also name a snapshot, a pool or its old name. */
void data_tell(const struct dirs *dirs, const char *name, const struct event *event);

/*
 * Its snapshots, the oldest first, in a pool that is open; their names are without those of the volume. The caller
 * frees the list.
 */
int data_snapshots(struct pool *pool, const char *name, struct snapshot_entry **list, size_t *count,
		   struct err *err);

/* ---- make.c */

struct data_spec {
	const char *pool;        /* borrowed */
	uint64_t size;           /* bytes; 0: that of the pool, or no limit */
	const char *description; /* borrowed; NULL: none */
	const char *origin;      /* borrowed; NULL: it is empty */
	const char *uuid;        /* borrowed; NULL: one is drawn */
	/*
	 * Fills the new volume under a name that no command takes for a volume; NULL: it is made empty. 0 or -code; what it
	 * has made when it fails is removed.
	 */
	int (*fill)(void *context, struct pool *pool, const char *volume, struct err *err);
	void *context;
	/*
	 * Not NULL: the volume is made with this machine, which is in the making as well; it stays marked as half made,
	 * and *lock, which the caller owns, is the lock of its name. Once the machine is there, data_finish makes it
	 * whole, or the next command; if the machine never is, the next command removes it. An ephemeral machine takes
	 * it along at its end.
	 */
	const struct machine *maker;
	int *lock;
};
/* Refuses a name of which the pool has data: they may be all that is left of a volume. -EEXIST. */
int data_check_stray(struct pool *pool, const char *name, struct err *err);
/*
 * Refuses the name of a volume that is there, whole or in part, and data_check_stray. remedy: the end of the sentence
 * about a whole one. -EEXIST.
 */
int data_check_absent(struct pool *pool, const char *name, const char *remedy, struct err *err);
/* The name of data until they are complete and on the disk, and of those that a restore has replaced. */
void data_incoming_volume(const char *name, char volume[VOLUME_NAME_MAX + 1]);
/* A new volume: whole, or not at all. -EEXIST. */
int data_create(const struct dirs *dirs, const char *name, const struct data_spec *spec,
		struct err *err);
/*
 * Deletes a volume with its snapshots. -EBUSY names the machine that it is attached to. force: also one whose settings
 * are missing or cannot be read, and one whose pool cannot be reached, where its data then stay; never an attached one.
 */
int data_delete(const struct dirs *dirs, const char *name, bool force, struct err *err);
/* Under the lock: marks it as half removed, durably, then removes everything of it. forget: as force of data_delete. */
int data_erase(const struct dirs *dirs, const char *name, bool forget, struct err *err);
/* Removes what killed commands have left half made or half removed. Quiet. */
void data_sweep(const struct dirs *dirs);
/*
 * Makes data of that name in a pool (NULL: in the only pool that has them) a volume again after its settings were lost.
 * -EEXIST: it has settings.
 */
int data_adopt(const struct dirs *dirs, const char *name, const char *pool, struct err *err);

/* ---- maker.c */

/*
 * Whether volumes that were made for the machine go at its end: it is ephemeral, or it is arriving from another host, or
 * it was moved to one together with its volumes.
 */
bool data_goes_with(const struct machine *machine);
/* Makes a volume with a maker whole; the caller has its lock. */
int data_finish(const struct dirs *dirs, const char *name, struct err *err);
/*
 * Reads the settings of a volume that a killed command has left with all its data, but still marked as half made: the
 * machine that it was made with is there, and names it. false: it is not one. config_free releases the config.
 */
bool data_load_unnamed(const struct dirs *dirs, const char *name, struct volume_config *config);

/* ---- ending.c */

/* Whether the volume is a copy that was made for this machine. */
bool data_is_made_for(const struct volume_config *config, const struct machine *machine);
/*
 * machine_erase; with the machine go volumes that were made for it alone, if data_goes_with, and all that are attached to
 * no other machine, if it was moved to another host with them.
 */
int data_erase_machine(struct machine *machine, bool forget, struct err *err);
/* Volumes that have arrived with the machine are like any others from now on. Quiet. */
void data_settle_arrived(const struct machine *machine);

/* ---- attached.c */

/* Calls visit for each machine that has the volume in its settings; stops at nonzero and returns it. */
int data_each_machine(const struct dirs *dirs, const char *name,
		      int (*visit)(void *, const char *machine,
				   const struct attached_config *attached),
		      void *context, struct err *err);
/*
 * Checks that a volume may be deleted. -EBUSY with the name of a machine that has it in its settings, or runs with it.
 */
int data_check_free(const struct dirs *dirs, const char *name, struct err *err);
/* Whether a machine that has the volume is about to lose it, and so is not in the way. */
struct data_leaving {
	bool (*leaves)(void *context, const char *machine, const char *volume);
	void *context;
};
/*
 * Checks that a machine may get the volume in its settings: no other machine may write to it if this one may, by its
 * settings or as it runs, except those that are leaving (NULL: none is). -EBUSY; -ENOENT: there is no such volume.
 */
int data_check_attach(const struct dirs *dirs, const char *machine,
		      const struct attached_config *attached, const struct data_leaving *leaving,
		      struct err *err);

#endif
