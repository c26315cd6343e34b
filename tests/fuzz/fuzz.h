/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions for all targets. A target takes any bytes, and libFuzzer drives it.
 */
#ifndef BERTH_TESTS_FUZZ_H
#define BERTH_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0: to be kept in the corpus if it reaches something new. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A folder in memory, the same for the whole run, removed at its end; descriptor and path. */
int fuzz_folder(const char **path);

/*
 * From here on the process sees a host of its own, which is read-only except for /dev/shm, so that an escape harms
 * nobody. Call it once; it needs root.
 */
void fuzz_enclose(void);

/* The folder of fuzz_folder, made and enclosed at the first call; *home: the working folder before. Both stay open. */
int fuzz_enter(int *home);

/*
 * Makes an empty folder "root" the root of the process, as in berth-unpack, until fuzz_root_leave; the folder's
 * descriptor, and in *above that of the folder that has it and an empty folder "outside". Both stay open.
 */
int fuzz_root_enter(int *above);
void fuzz_root_leave(void);

/* Whether a folder contains one entry, the root that is filled, and nothing beside it. */
bool fuzz_has_only_root(int folder);

/* Puts the bytes there as a file, made anew. */
void fuzz_file(int folder, const char *name, const uint8_t *data, size_t size);

/* A file without a name that holds the bytes, its place at the beginning. The caller owns it. */
int fuzz_memory(const uint8_t *data, size_t size);

/* Cuts off what stands before the next NUL, as a string that the caller owns. */
char *fuzz_word(const uint8_t **data, size_t *size);

/*
 * Filters the bytes in pieces of that size, each on its own in memory, so that a read or a write beyond it is seen, with
 * room for `added` more bytes. The number of bytes in out; or what the filter said, if that is negative.
 */
typedef long fuzz_filter(void *context, const unsigned char *bytes, size_t n, unsigned char *out);
long fuzz_in_pieces(fuzz_filter *filter, void *context, size_t added, const uint8_t *data,
		    size_t size, size_t piece, unsigned char *out);

/* Ends the run as a crash does: something that must hold does not. */
#define fuzz_check(what)                  \
	do {                              \
		if (!(what))              \
			__builtin_trap(); \
	} while (0)

#endif
