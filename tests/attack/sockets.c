/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Socket families that are not of a network namespace, or are rarely used code. */
#include "attack.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static enum verdict make(uint64_t family, int type, int protocol)
{
	long fd = syscall(SYS_socket, family, type, protocol);
	enum verdict verdict = judge(fd, 0);

	if (fd >= 0)
		close((int)fd);
	return verdict;
}

static enum verdict alg(void)
{
	return make(AF_ALG, SOCK_SEQPACKET, 0);
}

static enum verdict alg_high_bits(void)
{
	return make(AF_ALG | (uint64_t)1 << 32, SOCK_SEQPACKET, 0);
}

static enum verdict vsock(void)
{
	return make(AF_VSOCK, SOCK_STREAM, 0);
}

static enum verdict key(void)
{
	return make(AF_KEY, SOCK_RAW, 2);
}

static enum verdict xdp(void)
{
	return make(AF_XDP, SOCK_RAW, 0);
}

static enum verdict can(void)
{
	return make(AF_CAN, SOCK_RAW, 1);
}

static enum verdict tipc(void)
{
	return make(AF_TIPC, SOCK_RDM, 0);
}

#ifdef __x86_64__
/* socketcall(2): the family stands in memory, where no filter looks. */
static enum verdict alg_by_socketcall(void)
{
	uint32_t *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long r;

	if (args == MAP_FAILED)
		return ABSENT;
	args[0] = AF_ALG;
	args[1] = SOCK_SEQPACKET;
	args[2] = 0;
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(102), "b"(1), "c"(args)
			 : "memory", "r8", "r9", "r10", "r11");
	if ((int)r < 0) {
		errno = -(int)r;
		r = -1;
	}
	return judge(r, 0);
}
#endif

const struct attack attacks_sockets[] = {
	{ "af-alg", "CVE-2026-31431, CVE-2011-4081", "seccomp", alg },
	{ "af-alg-high-bits", "a filter of 64 bits before a kernel of 32", "seccomp",
	  alg_high_bits },
#ifdef __x86_64__
	{ "af-alg-socketcall", "the way round a filter of socket(2)", "seccomp",
	  alg_by_socketcall },
#endif
	{ "af-vsock", "CVE-2021-26708; the hypervisor's door", "seccomp", vsock },
	{ "af-key", "CVE-2022-1353; CVE-2026-43284", "seccomp", key },
	{ "af-xdp", "xdp sockets", "seccomp", xdp },
	{ "af-can", "CVE-2010-2959", "seccomp", can },
	{ "af-tipc", "CVE-2021-43267", "seccomp", tipc },
	{ 0 },
};
