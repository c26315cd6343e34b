/*
 * How a machine's last run ended, kept beside machine.conf: what tells a machine that failed from one that
 * was stopped, also after a reboot of the host.
 */
#ifndef BERTH_MACHINE_STATE_ENDED_H
#define BERTH_MACHINE_STATE_ENDED_H

#include "machine/state/machine.h"

/* outcome as in events: "clean", "killed" or "failed". A full disk must not keep a machine from ending. */
void ended_write(const struct machine *machine, const char *outcome, const char *how);

/* One open(2), for who looks at many. */
bool ended_failed(const struct machine *machine);

/* Somebody knows of the failure by now, so that it is none any more; how it ended stays. Whether it was one. */
bool ended_acknowledge(const struct machine *machine);

#endif
