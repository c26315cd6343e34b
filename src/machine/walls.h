/* What a guest's root may not do, whatever it may inside. */
#ifndef BERTH_MACHINE_WALLS_H
#define BERTH_MACHINE_WALLS_H

#include "base/err.h"

/* Last before exec, for init and for every command that enters. */
int walls_raise(struct err *err);

#endif
