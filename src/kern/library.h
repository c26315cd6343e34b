/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Libraries that are loaded when they are first needed, since each that is linked costs every command a tenth of a
 * millisecond, whatever it does. A list of functions is a macro that calls another with each name:
 *
 *	#define SOME_CALLS(CALL) CALL(one) CALL(other)
 *	static struct { SOME_CALLS(LIBRARY_CALL) } calls;
 *	static const char *const names[] = { SOME_CALLS(LIBRARY_NAME) };
 *	static struct library some = { "libsome.so.1", names, sizeof names / sizeof *names, &calls, false };
 */
#ifndef BERTH_KERN_LIBRARY_H
#define BERTH_KERN_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#define LIBRARY_CALL(name) __typeof__(name) *name;
#define LIBRARY_NAME(name) #name,

struct library {
	const char *file;         /* its soname */
	const char *const *names; /* of the functions */
	size_t count;
	void *calls; /* a struct of LIBRARY_CALL, which gets the functions in the order of names */
	bool loaded; /* private */
};

/*
 * Loads the library and finds its functions, the first time; later calls cost nothing. The library stays loaded until
 * the process ends. 0, or -ELIBACC if the library or a function is missing: library_why() says which.
 */
int library_load(struct library *library);

/* Forbids further loads: for a process that has entered a guest, where the libraries are not the host's. */
void library_seal(void);

/* The library or function that could not be loaded last, for a sentence. Never NULL. */
const char *library_why(void);

#endif
