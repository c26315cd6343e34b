#include "machine/walls.h"

#include "kern/caps.h"

#include <string.h>

/*
 * In a user namespace none of these reaches the host. They go all the same: distributions read from
 * their absence that clock, modules, raw devices and kernel log are not theirs (systemd's units for
 * debugfs and tracefs ask for CAP_SYS_RAWIO), and a kernel fault behind one of them is out of reach.
 */
static const cap_value_t dropped[] = {
	CAP_AUDIT_READ, CAP_BLOCK_SUSPEND, CAP_MAC_ADMIN, CAP_MAC_OVERRIDE, CAP_SYSLOG,
	CAP_SYS_MODULE, CAP_SYS_PACCT,     CAP_SYS_RAWIO, CAP_SYS_TIME,     CAP_WAKE_ALARM,
};

int walls_raise(struct err *err)
{
	int r = caps_drop(dropped, sizeof dropped / sizeof *dropped);

	return r < 0 ? err_set(err, -r, "drop capabilities: %s", strerror(-r)) : 0;
}
