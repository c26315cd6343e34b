/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lease files, which dnsmasq reads too and an administrator may edit. */
#include "fuzz.h"

#include "network/lease_file.h"

#include <arpa/inet.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path;
	int folder = fuzz_folder(&path);
	char kind[] = "bridge";
	struct network network = { .folder = (char *)(uintptr_t)path,
				   .prefix = 20,
				   .config.kind = kind };
	struct lease lease;
	struct in_addr address;

	inet_pton(AF_INET, "10.117.80.1", &network.gateway);
	inet_pton(AF_INET, "10.117.80.7", &address);
	mkdirat(folder, "names", 0755);
	mkdirat(folder, "hosts", 0755);
	fuzz_file(folder, "names/m", data, size);
	fuzz_file(folder, "hosts/10.117.80.7", data, size);
	fuzz_file(folder, "pending", data, size);
	lease_file_find(&network, "m", &lease);
	lease_file_holder(&network, address, &lease);
	lease_file_repair(&network);
	return 0;
}
