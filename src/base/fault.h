/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fault points: named places where a test can kill the program, and named precautions that a test can switch off to
 * prove that their absence is noticed. Empty in an ordinary build.
 */
#ifndef BERTH_BASE_FAULT_H
#define BERTH_BASE_FAULT_H

#include <stdbool.h>

/*
 * With --enable-faults: BERTH_FAULT=NAME:N raises SIGKILL when the point NAME is passed for the Nth
 * time in this process, and BERTH_FAULT_TRACE=FILE adds the name of every point passed to a file, by
 * which a test learns which points an operation has. BERTH_FAULT_SIGNAL=NUMBER raises another signal.
 */
#ifdef BERTH_FAULTS
void fault_point(const char *name);
/* Called at every point passed, or NULL. */
extern void (*fault_watch)(const char *name);
/* Whether the precaution is switched off by BERTH_CONTROL=NAME. */
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
