/*
 * What a machine holds on networks: one lease, under a hardware address that nobody else on that network
 * has. Addresses are drawn as machines are made, of 24 bits; the network is where they are compared.
 */
#include "machine/private.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

enum { DRAWS = 16, MAC_ROOM = 18 };

struct leaving {
	const struct machine *machine;
	const char *except;
};

static int leave_network(void *context, const char *name)
{
	const struct leaving *leaving = context;
	scoped_network struct network network = { 0 };
	struct err ignored = { 0 };

	if (leaving->except && strcmp(name, leaving->except) == 0)
		return 0;
	if (network_open(&network, leaving->machine->site, name, &ignored) == 0 &&
	    lease_is_there(&network, leaving->machine->name))
		lease_release(&network, leaving->machine->name, &ignored);
	return 0;
}

void machine_leave_networks(const struct machine *machine, const char *except)
{
	struct leaving leaving = { .machine = machine, .except = except };

	network_list(machine->site, leave_network, &leaving, &(struct err){ 0 });
}

/* In machine.conf, where all else stays as it is: both are of one length. */
static int draw_mac(struct machine *machine, struct err *err)
{
	scoped_free char *path = machine_path(machine, "machine.conf");
	scoped_free char *data = NULL;
	scoped_text struct text text = { 0 };
	char *old = machine->config.mac;
	char drawn[MAC_ROOM];
	unsigned char bytes[3];

	if (!path || getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &data);
	char *found = n < 0 ? NULL : strstr(data, old);
	if (!found)
		return err_set(err, EINVAL, "%s: no network.mac is there to be drawn again", path);
	snprintf(drawn, sizeof drawn, "10:66:6a:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2]);
	memcpy(found, drawn, sizeof drawn - 1);
	if (text_add_bytes(&text, data, (size_t)n) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (config_write(path, &text, err) < 0)
		return -err->code;
	memcpy(old, drawn, sizeof drawn - 1);
	return 0;
}

int machine_lease(struct machine *machine, struct network *network, struct lease *lease,
		  struct err *err)
{
	const struct machine_config *config = &machine->config;
	const char *want = *config->address ? config->address : NULL;
	int r = -ENOTUNIQ;

	for (int i = 0; i < DRAWS && r == -ENOTUNIQ; i++) {
		*err = (struct err){ 0 };
		r = lease_get(network, machine->name, config->mac, want, lease, err);
		if (r == -ENOTUNIQ && draw_mac(machine, err) < 0)
			return -err->code;
	}
	/* It was on another before, or never on any. */
	if (r == 0 && lease->made)
		machine_leave_networks(machine, network->name);
	return r;
}
