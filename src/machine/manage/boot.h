/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order in which machines are started and stopped together. Pure but for boot_read: the caller (cmd/machine/boot.c)
 * asks which machine may begin, and notes how it went.
 */
#ifndef BERTH_MACHINE_MANAGE_BOOT_H
#define BERTH_MACHINE_MANAGE_BOOT_H

#include "base/dirs.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum boot_phase {
	BOOT_WAITS,
	BOOT_BEGUN, /* its start, or its stop, is under way */
	BOOT_UP,    /* it runs; machines with a later number may begin when its delay is over */
	BOOT_OVER,  /* it has booted, or is stopped, or was given up: nothing waits for it */
};

struct boot_item {
	char *name;        /* owned */
	uint64_t order;    /* boot.order */
	uint64_t delay;    /* boot.delay, milliseconds */
	char *after_names; /* owned; boot.after */
	size_t *after;     /* owned; those of them that exist, by index */
	size_t after_count;
	char *absent;     /* owned; the first of them that does not exist, or NULL */
	struct err fault; /* why it must not be started */
	uint64_t rank;    /* by boot_arrange: order, but no lower than that of any in after */
	enum boot_phase phase;
	uint64_t ready_at; /* milliseconds: when it was up, plus its delay */
};

struct boot {
	struct boot_item *items; /* owned */
	size_t count;
};

enum boot_which {
	BOOT_AUTOSTART, /* those with boot.autostart */
	BOOT_ALL,
	BOOT_RUNNING, /* machines that run, or of which a run has left something */
};
/* Machines whose settings cannot be read have a fault, and count as of boot.order 0. */
int boot_read(struct boot *boot, const struct dirs *dirs, enum boot_which which, struct err *err);

/*
 * Checks a new boot.after; -ELOOP with an error text if the machine would end up waiting for itself. Two machines
 * that are set at the same time may still make a circle, which boot_arrange finds.
 */
int boot_check_after(const struct dirs *dirs, const char *name, const char *after, struct err *err);

/* Adds a machine by its settings; -ENOMEM. boot_arrange is called when all are added. */
int boot_add(struct boot *boot, const char *name, uint64_t order, uint64_t delay_seconds,
	     const char *after);

/*
 * Links and ranks the machines. Machines that wait for each other in a circle get a fault that names it, and the
 * others do not wait for them.
 */
int boot_arrange(struct boot *boot);
void boot_free(struct boot *boot);
#define scoped_boot __attribute__((cleanup(boot_free)))

/* How long from now (milliseconds) until item may be started; BOOT_NEVER: not before another has gone on. */
#define BOOT_NEVER UINT64_MAX
uint64_t boot_start_in(const struct boot *boot, size_t item, uint64_t now);

/* Whether another machine waits until it has booted, not only until it has started. */
bool boot_is_awaited(const struct boot *boot, size_t item);

/* Whether it may be stopped: all machines that were started after it are stopped. */
bool boot_may_stop(const struct boot *boot, size_t item);

#endif
