/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits, rates of I/O, and the room that the host leaves for more. */
#include "base/file.h"
#include "base/scoped.h"
#include "machine/confine/kernel_limits.h"
#include "machine/confine/limits.h"
#include "suite.h"
#include "test_machine.h"

#include <sys/file.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>

/* A folder with the files of a group whose pids controller is bound elsewhere. */
void test_limits(void)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free char *usual = NULL;
	struct sysinfo host;
	struct err err = { 0 };
	char path[200];

	open_machine(&machine, "limited");
	snprintf(path, sizeof path, "%s/group", folder);
	CU_ASSERT_EQUAL(file_make_dirs(path, 0700, &err), 0);
	scoped_fd int group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, 0, &err), 0);
	put(group, "cpu.max", "");
	put(group, "cpu.weight", "");
	put(group, "memory.max", "");
	/* The default is nearly all memory of the host. */
	CU_ASSERT_EQUAL(sysinfo(&host), 0);
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, 0, &err), 0);
	CU_ASSERT_TRUE(file_read(group, "memory.max", 64, &usual) > 0);
	CU_ASSERT_TRUE(strtoull(usual, NULL, 10) < host.totalram * host.mem_unit);
	CU_ASSERT_TRUE(strtoull(usual, NULL, 10) >= host.totalram * host.mem_unit / 8 * 7);
	machine.config.memory = UINT64_MAX;
	put(group, "memory.max", "");
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, 0, &err), 0);
	expect(group, "memory.max", "max");
	put(group, "memory.max", "");
	machine.config.cpus = 150;
	machine.config.memory = 1 << 20;
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, 0, &err), 0);
	expect(group, "cpu.max", "150000 100000");
	expect(group, "memory.max", "1048576");
	expect(group, "cpu.weight", "100");
	machine.config.pids = 10;
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, 0, &err), 0);
	/* Without a user namespace nothing else enforces the limit. */
	machine.config.privileged = true;
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, 0, &err), -ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "limits.pids of machine 'limited'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no pids controller"));
}

static int count_shortage(void *context, const struct shortage *shortage)
{
	struct shortage *last = context;

	*last = *shortage;
	return 0;
}

/* A copy of /proc has the figures: some are counted for the whole host, and some for each user. */
void test_headroom(void)
{
	struct shortage last = { 0 };
	struct err err = { 0 };
	char proc[200], path[300];

	snprintf(proc, sizeof proc, "%s/proc", folder);
	snprintf(path, sizeof path, "%s/sys/kernel/pty", proc);
	CU_ASSERT_EQUAL(file_make_dirs(path, 0700, &err), 0);
	snprintf(path, sizeof path, "%s/sys/fs/inotify", proc);
	CU_ASSERT_EQUAL(file_make_dirs(path, 0700, &err), 0);
	scoped_fd int at = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* A missing figure is no shortage. */
	CU_ASSERT_EQUAL(kernel_limits_look(proc, count_shortage, &last), 0);
	CU_ASSERT_PTR_NULL(last.sysctl);
	put(at, "sys/kernel/pty/max", "4096\n");
	put(at, "sys/kernel/pty/reserve", "1024\n");
	put(at, "sys/kernel/pty/nr", "3000\n");
	put(at, "sys/fs/inotify/max_user_instances", "128\n");
	put(at, "loadavg", "0.10 0.20 0.30 4/1000 99999\n");
	put(at, "sys/kernel/threads-max", "100000\n");
	CU_ASSERT_EQUAL(kernel_limits_look(proc, count_shortage, &last), 0);
	CU_ASSERT_PTR_NULL(last.sysctl);
	put(at, "sys/kernel/pty/nr", "3070\n");
	CU_ASSERT_EQUAL(kernel_limits_look(proc, count_shortage, &last), 0);
	CU_ASSERT_STRING_EQUAL(last.sysctl, "kernel.pty.max");
	CU_ASSERT_EQUAL(last.left, 2);
	CU_ASSERT_EQUAL(last.better, 8192);
	put(at, "sys/kernel/pty/nr", "3\n");
	put(at, "sys/kernel/threads-max", "1100\n");
	CU_ASSERT_EQUAL(kernel_limits_look(proc, count_shortage, &last), 0);
	CU_ASSERT_STRING_EQUAL(last.sysctl, "kernel.threads-max");
	CU_ASSERT_EQUAL(last.left, 100);
	put(at, "sys/kernel/threads-max", "100000\n");
	put(at, "sys/fs/inotify/max_user_instances", "8\n");
	CU_ASSERT_EQUAL(kernel_limits_look(proc, count_shortage, &last), 0);
	CU_ASSERT_STRING_EQUAL(last.sysctl, "fs.inotify.max_user_instances");
	CU_ASSERT_EQUAL(last.left, 8);
	CU_ASSERT_EQUAL(last.better, 128);
}

/* Rates of I/O name the disk that the root lies on; without one there are none. */
void test_rates(void)
{
	scoped_machine struct machine machine = { 0 };
	const dev_t disk = makedev(253, 7);
	struct err err = { 0 };
	char path[200];

	open_machine(&machine, "rated");
	snprintf(path, sizeof path, "%s/rates", folder);
	CU_ASSERT_EQUAL(file_make_dirs(path, 0700, &err), 0);
	scoped_fd int group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(group, "io.max", "");
	/* Untouched: the kernel would count for a disk that nobody limits. */
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, disk, &err), 0);
	expect(group, "io.max", "");
	machine.config.io_write = 1 << 20;
	machine.config.io_read_iops = 7;
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, 0, &err), -ENODEV);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "limits.io.read.iops of machine 'rated'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no disk of its own"));
	err = (struct err){ 0 };
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, disk, &err), 0);
	expect(group, "io.max", "253:7 rbps=max riops=7 wbps=1048576 wiops=max");
	machine.config.io_write = machine.config.io_read_iops = 0;
	put(group, "io.max", "limited");
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, disk, &err), 0);
	expect(group, "io.max", "253:7 rbps=max riops=max wbps=max wiops=max");
	CU_ASSERT_EQUAL(unlinkat(group, "io.max", 0), 0);
	machine.config.io_read = 5;
	CU_ASSERT_EQUAL(limits_apply(&machine, &machine.config, group, disk, &err), -ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no io controller"));
}
