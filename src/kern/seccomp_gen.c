/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generator of the filters that kern/seccomp.c loads, as C code. The build runs it: libseccomp takes a millisecond to
 * make a filter, which would slow down a start, and nothing in a filter depends on the host.
 */
#include "kern/seccomp.h"
#include "kern/seccomp_allow.h"
#include "kern/seccomp_deny.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what, int code)
{
	fprintf(stderr, "seccomp_gen: %s: %s\n", what, strerror(-code));
	exit(EXIT_FAILURE);
}

/* -EDOM: one of our architectures does not have it. */
static void check(const char *what, int code)
{
	if (code < 0 && code != -EDOM)
		die(what, code);
}

static void add_calls(scmp_filter_ctx filter, unsigned variant)
{
	for (size_t i = 0; i < seccomp_deny_count; i++) {
		const struct denied_syscall *call = &seccomp_deny[i];
		int number = seccomp_syscall_resolve_name(call->name);
		if (number == __NR_SCMP_ERROR)
			die(call->name, -ENOENT);
		if ((call->flags & DENY_UNLESS_NESTING && variant & SECCOMP_NESTING) ||
		    (call->flags & DENY_UNLESS_COMPAT && variant & SECCOMP_COMPAT))
			continue;
		check(call->name,
		      seccomp_rule_add(filter, SCMP_ACT_ERRNO((unsigned)call->error), number, 0));
	}
}

static bool is_family(int family)
{
	for (size_t i = 0; i < socket_families_count; i++) {
		if (socket_families[i] == family)
			return true;
	}
	return false;
}

static void refuse_family(scmp_filter_ctx filter, enum scmp_compare how, int family)
{
	const int makers[] = { SCMP_SYS(socket), SCMP_SYS(socketpair) };
	const struct scmp_arg_cmp rule = { .op = how, .datum_a = (scmp_datum_t)family };

	for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
		check("socket", seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT),
						       makers[i], 1, &rule));
}

/*
 * The comparison has 64 bits, the kernel's has 32: a value above the last family is refused, so that no upper half
 * hides a family.
 */
static void add_families(scmp_filter_ctx filter)
{
	const int last = socket_families[socket_families_count - 1];

	refuse_family(filter, SCMP_CMP_GT, last);
	for (int family = 1; family < last; family++) {
		if (!is_family(family))
			refuse_family(filter, SCMP_CMP_EQ, family);
	}
}

/* The second architecture whose programs this kernel runs, or 0. */
static uint32_t compat_arch(void)
{
	switch (seccomp_arch_native()) {
	case SCMP_ARCH_X86_64:
		return SCMP_ARCH_X86;
	case SCMP_ARCH_AARCH64:
		return SCMP_ARCH_ARM;
	default:
		return 0;
	}
}

/*
 * i386 has one call for all socket operations, with arguments in memory, where no filter can look: libseccomp turns a
 * rule for one family into a rule for all. C libraries there know no other way.
 */
static void add_arch(scmp_filter_ctx filter, uint32_t arch)
{
	scmp_filter_ctx own = seccomp_init(SCMP_ACT_ALLOW);

	if (!own)
		die("seccomp_init", -ENOMEM);
	check("bad architecture",
	      seccomp_attr_set(own, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)));
	check("optimize", seccomp_attr_set(own, SCMP_FLTATR_CTL_OPTIMIZE, 2));
	check("architecture", seccomp_arch_add(own, arch));
	check("native architecture", seccomp_arch_remove(own, SCMP_ARCH_NATIVE));
	if (arch != SCMP_ARCH_X86)
		add_families(own);
	check("merge", seccomp_merge(filter, own));
}

static void print_filter(scmp_filter_ctx filter, const char *name)
{
	struct sock_filter code;
	FILE *file = tmpfile();

	if (!file)
		die("tmpfile", -errno);
	check("export", seccomp_export_bpf(filter, fileno(file)));
	rewind(file);
	printf("static const struct sock_filter filter_%s[] = {\n", name);
	while (fread(&code, sizeof code, 1, file) == 1)
		printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", code.code, code.jt, code.jf, code.k);
	printf("};\n");
	fclose(file);
}

/* Calls that an intentionally granted capability opens again, only through the kernel's own entry. */
static void print_openings(void)
{
	printf("enum { NATIVE_ARCH = (int)0x%08" PRIx32 " };\n", seccomp_arch_native());
	printf("static const struct opening openings[] = {\n");
	for (size_t i = 0; i < seccomp_deny_count; i++) {
		const struct denied_syscall *call = &seccomp_deny[i];
		int number = seccomp_syscall_resolve_name(call->name);
		cap_value_t cap;
		char name[32];
		if (!call->cap || number < 0)
			continue;
		snprintf(name, sizeof name, "cap_%s", call->cap);
		if (cap_from_name(name, &cap) < 0)
			die(call->cap, -errno);
		printf("\t{ %d, %d },\n", cap, number);
	}
	printf("};\n");
}

/*
 * Numbers from here on are the same on every architecture. Newer C libraries try these calls, and do without them if
 * the kernel has none.
 */
enum { YOUNG = 424, YOUNG_END = 512 };

static bool is_allowed(const struct allowed_syscall *list, size_t count, int number)
{
	for (size_t i = 0; i < count; i++) {
		if (seccomp_syscall_resolve_name(list[i].name) == number)
			return true;
	}
	return false;
}

/* Any other call kills the process, also through other entry points. */
static void print_allow_list(const struct allowed_syscall *list, size_t count, const char *name)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);

	if (!filter)
		die("seccomp_init", -ENOMEM);
	check("bad architecture",
	      seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
	check("optimize", seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2));
	for (size_t i = 0; i < count; i++) {
		const struct allowed_syscall *call = &list[i];
		int number = seccomp_syscall_resolve_name(call->name);
		/* A library as old as this libseccomp does not make calls that libseccomp does not know. */
		if (number == __NR_SCMP_ERROR)
			continue;
		check(call->name,
		      seccomp_rule_add(filter,
				       call->error ? SCMP_ACT_ERRNO((unsigned)call->error)
						   : SCMP_ACT_ALLOW,
				       number, 0));
	}
	for (int number = YOUNG; number < YOUNG_END; number++) {
		if (!is_allowed(list, count, number))
			check("young", seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0));
	}
	print_filter(filter, name);
	seccomp_release(filter);
}

int main(void)
{
	for (unsigned variant = 0; variant < SECCOMP_VARIANTS; variant++) {
		scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
		uint32_t other = compat_arch();
		char name[16];
		if (!filter)
			die("seccomp_init", -ENOMEM);
		/* Calls through other entry points (i386, x32) fail as on a kernel without them. */
		check("bad architecture",
		      seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)));
		check("optimize", seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2));
		add_families(filter);
		/* The rules that were added before do not apply to it. */
		if (variant & SECCOMP_COMPAT && other)
			add_arch(filter, other);
		add_calls(filter, variant);
		snprintf(name, sizeof name, "%u", variant);
		print_filter(filter, name);
		seccomp_release(filter);
	}
	print_allow_list(seccomp_allow, seccomp_allow_count, "files_only");
	print_allow_list(seccomp_allow_sockets, seccomp_allow_sockets_count, "sockets_only");
	print_openings();
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
