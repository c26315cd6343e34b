/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations of tests on pools and volumes; failures are shown. */
#ifndef BERTH_TESTS_VOLUMES_H
#define BERTH_TESTS_VOLUMES_H

#include "storage/storage.h"

extern struct dirs dirs;  /* whose pools are meant */
extern const char *place; /* said in front of a failure */

void show(const struct err *err);

/* A readable descriptor of the volume's top, through a mount of its own. */
int open_volume(struct pool *pool, const char *volume, uint64_t attributes);

/* Writes a file / compares one. */
bool put(struct pool *pool, const char *volume, const char *name, const char *data);
bool holds(struct pool *pool, const char *volume, const char *name, const char *data);

/* FILES files in ten folders: to tell a whole volume from a half one. */
enum { FILES = 300 };
bool fill_volume(struct pool *pool, const char *volume);
int count_files(struct pool *pool, const char *volume);

/* Fills the pool to the last block. */
void fill_up(struct pool *pool, const char *volume);

bool open_named(struct pool *pool, const char *name);
bool has(struct pool *pool, const char *volume);
bool create(struct pool *pool, const char *volume);
bool snapshot(struct pool *pool, const char *origin, const char *volume);
bool destroy(struct pool *pool, const char *volume);

/* How many volumes have that prefix; with "partial.", those in the making. */
int count(struct pool *pool, const char *prefix);

#endif
