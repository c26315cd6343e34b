/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Named points at which a test may have the program killed, and named precautions that it may have
 * left out, to see that what they are for is noticed; nothing at all in an ordinary build.
 */
#ifndef BERTH_BASE_FAULT_H
#define BERTH_BASE_FAULT_H

#include <stdbool.h>

/*
 * With --enable-faults: BERTH_FAULT=NAME:N raises SIGKILL when the point NAME is passed for the Nth
 * time in this process, and BERTH_FAULT_TRACE=FILE adds the name of every point passed to a file, by
 * which a test learns which points an operation has.
 */
#ifdef BERTH_FAULTS
void fault_point(const char *name);
/* Called at every point that is passed; NULL: nobody wants to know. */
extern void (*fault_watch)(const char *name);
/* BERTH_CONTROL=NAME: the precaution is left out. */
bool fault_control(const char *name);
#else
static inline void fault_point(const char *name)
{
	(void)name;
}
static inline bool fault_control(const char *name)
{
	(void)name;
	return false;
}
#endif

#endif
