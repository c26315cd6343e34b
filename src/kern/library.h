/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Libraries that are loaded when they are first needed, since each that is linked costs every command a tenth of a
 * millisecond, whatever it does. A list of functions is a macro that calls another with each name:
 *
 *	#define SOME_CALLS(CALL) CALL(one) CALL(other)
 *	static struct { SOME_CALLS(LIBRARY_CALL) } calls;
 *	static const char *const names[] = { SOME_CALLS(LIBRARY_NAME) };
 */
#ifndef BERTH_KERN_LIBRARY_H
#define BERTH_KERN_LIBRARY_H

#include <stddef.h>

#define LIBRARY_CALL(name) __typeof__(name) *name;
#define LIBRARY_NAME(name) #name,

/*
 * Finds each of the functions, and puts them one behind the other to calls, as a struct of LIBRARY_CALL has them. The
 * library stays for as long as the process. -ELIBACC when it, or a function, is not there: library_why() says which.
 */
int library_load(const char *file, const char *const *names, size_t count, void *calls);

/* For a process that must not load anything any more, since it sees other libraries than the host's. */
void library_seal(void);

/* The library or function that could not be loaded last, for a sentence. Never NULL. */
const char *library_why(void);

#endif
