/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state of a run in its formats, and how runs end. */
#include "base/file.h"
#include "base/scoped.h"
#include "machine/life/life.h"
#include "machine/life/run_state.h"
#include "machine/state/ended.h"
#include "suite.h"
#include "test_machine.h"

#include <sys/file.h>
#include <sys/sysmacros.h>

void test_run_state(void)
{
	scoped_machine struct machine machine = { 0 };
	struct run_state state = { .init = 4711,
				   .keeper = 4710,
				   .started = 1795579808,
				   .map = { 1900544000, 65536 },
				   .disk = makedev(253, 7) };
	struct run_state read = { 0 };
	struct err err = { 0 };

	open_machine(&machine, "state");
	CU_ASSERT_EQUAL(run_read_state(&machine, &read), -ENOENT);
	make_run("state");
	CU_ASSERT_EQUAL(run_write_state(&machine, &state, &err), 0);
	CU_ASSERT_EQUAL(run_read_state(&machine, &read), 0);
	CU_ASSERT_EQUAL(read.init, state.init);
	CU_ASSERT_EQUAL(read.keeper, state.keeper);
	CU_ASSERT_EQUAL(read.started, state.started);
	CU_ASSERT_EQUAL(read.map.base, state.map.base);
	CU_ASSERT_EQUAL(read.disk, state.disk);
	CU_ASSERT_FALSE(run_alive(&machine));
}

static int read_line(struct machine *machine, const char *line, struct run_state *state)
{
	scoped_free char *path = text_format("%s/state", machine->run);
	struct err err = { 0 };

	CU_ASSERT_EQUAL(file_replace(path, line, strlen(line), 0600, &err), 0);
	return run_read_state(machine, state);
}

/* Older and newer versions of berth read each other's: the first five fields mean the same in all formats. */
void test_run_state_formats(void)
{
	scoped_machine struct machine machine = { 0 };
	struct run_state state = { .init = 12, .keeper = 11, .map = { 65536, 65536 } };
	scoped_free char *line = NULL;
	struct err err = { 0 };

	open_machine(&machine, "formats");
	make_run("formats");
	/* One file is from before it had networks and a disk, one from before it had a number. */
	CU_ASSERT_EQUAL(read_line(&machine, "12 11 1795579808 65536 65536\n", &state), 0);
	CU_ASSERT_EQUAL(state.map.base, 65536);
	CU_ASSERT_EQUAL(state.disk, 0);
	CU_ASSERT_EQUAL(read_line(&machine, "12 11 1795579808 65536 65536 8 1 lan\n", &state), 0);
	CU_ASSERT_STRING_EQUAL(state.network, "lan");
	CU_ASSERT_EQUAL(read_line(&machine, "12 11 1795579808 65536 65536 8 1 \n", &state), 0);
	CU_ASSERT_STRING_EQUAL(state.network, "");
	/* The file is from a later version. */
	CU_ASSERT_EQUAL(read_line(&machine, "12 11 1795579808 65536 65536 8 1 lan 1 new\n", &state),
			0);
	CU_ASSERT_STRING_EQUAL(state.network, "lan");
	CU_ASSERT_EQUAL(read_line(&machine, "12 11 1795579808 65536 65536 8 1 eth0=lan 2\n",
				  &state),
			0);
	CU_ASSERT_EQUAL(state.init, 12);
	CU_ASSERT_EQUAL(state.keeper, 11);
	CU_ASSERT_EQUAL(state.map.count, 65536);
	CU_ASSERT_EQUAL(state.disk, 0);
	CU_ASSERT_STRING_EQUAL(state.network, "");
	CU_ASSERT_EQUAL(read_line(&machine, "12 11\n", &state), -EINVAL);
	/* Ours, with and without a network; versions that know no number read what is before it. */
	state = (struct run_state){
		.init = 12, .keeper = 11, .map = { 65536, 65536 }, .disk = makedev(8, 1)
	};
	CU_ASSERT_EQUAL(run_write_state(&machine, &state, &err), 0);
	scoped_free char *path = text_format("%s/state", machine.run);
	CU_ASSERT_TRUE(file_read(AT_FDCWD, path, 4096, &line) > 0);
	CU_ASSERT_STRING_EQUAL(line, "12 11 0 65536 65536 8 1 - 1\n");
	CU_ASSERT_EQUAL(run_read_state(&machine, &state), 0);
	CU_ASSERT_STRING_EQUAL(state.network, "");
	CU_ASSERT_EQUAL(state.disk, makedev(8, 1));
}

void test_run_nics(void)
{
	scoped_machine struct machine machine = { 0 };
	struct run_state state = { .init = 12, .keeper = 11, .network = "lan" }, read;
	scoped_text struct text line = { 0 };
	struct err err = { 0 };

	open_machine(&machine, "nics");
	make_run("nics");
	CU_ASSERT_EQUAL(run_add_nic(&state, "eth1", "far"), 0);
	CU_ASSERT_EQUAL(run_add_nic(&state, "eth2", "near"), 0);
	CU_ASSERT_EQUAL(run_add_nic(&state, "eth1", "farther"), 0);
	CU_ASSERT_EQUAL(run_write_state(&machine, &state, &err), 0);
	CU_ASSERT_EQUAL(run_read_state(&machine, &read), 0);
	CU_ASSERT_EQUAL(read.nic_count, 2);
	CU_ASSERT_STRING_EQUAL(run_nic_on(&read, "farther"), "eth1");
	CU_ASSERT_STRING_EQUAL(run_nic_on(&read, "lan"), "eth0");
	CU_ASSERT_PTR_NULL(run_nic_on(&read, "far"));
	CU_ASSERT_STRING_EQUAL(run_network_of(&read, "eth2"), "near");
	CU_ASSERT_STRING_EQUAL(run_network_of(&read, "eth0"), "lan");
	CU_ASSERT_PTR_NULL(run_network_of(&read, "eth3"));
	run_drop_nic(&read, "eth2");
	run_drop_nic(&read, "eth3");
	CU_ASSERT_EQUAL(read.nic_count, 1);
	/* Words that are none, and more than there can be, are not read. */
	CU_ASSERT_EQUAL(read_line(&machine, "12 11 1 0 0 8 1 - 1 eth1=a b =c\n", &read), 0);
	CU_ASSERT_EQUAL(read.nic_count, 1);
	text_add(&line, "12 11 1 0 0 8 1 - 1");
	for (int i = 0; i < NICS_MAX + 5; i++)
		text_add(&line, " n%d=l%d", i, i);
	CU_ASSERT_EQUAL(read_line(&machine, text_str(&line), &read), 0);
	CU_ASSERT_EQUAL(read.nic_count, NICS_MAX);
	CU_ASSERT_EQUAL(run_add_nic(&read, "more", "more"), -E2BIG);
}

static void expect_end(struct machine *machine, enum machine_state state, const char *how)
{
	struct machine_status status;
	char words[1024] = "";

	machine_status(machine, NULL, &status);
	CU_ASSERT_EQUAL(status.state, state);
	CU_ASSERT_TRUE(machine_is_down(status.state));
	machine_last_end(machine, words, sizeof words);
	CU_ASSERT_STRING_EQUAL(words, how);
}

void test_ended(void)
{
	scoped_machine struct machine machine = { 0 };
	char lines[600] = "failed\nline";
	struct err err = { 0 };

	open_machine(&machine, "ended");
	CU_ASSERT_EQUAL(file_make_dirs(machine.folder, 0700, &err), 0);
	expect_end(&machine, MACHINE_STOPPED, "");
	CU_ASSERT_FALSE(ended_acknowledge(&machine));
	ended_write(&machine, "clean", "powered off");
	expect_end(&machine, MACHINE_STOPPED, "powered off");
	ended_write(&machine, "failed", "its init died");
	expect_end(&machine, MACHINE_FAILED, "its init died");
	CU_ASSERT_TRUE(ended_acknowledge(&machine));
	CU_ASSERT_FALSE(ended_acknowledge(&machine));
	expect_end(&machine, MACHINE_STOPPED, "its init died");
	/* However many lines a cause has, and whatever it begins with. */
	ended_write(&machine, "failed", lines);
	expect_end(&machine, MACHINE_FAILED, "failed line");
	CU_ASSERT_TRUE(ended_acknowledge(&machine));
	expect_end(&machine, MACHINE_STOPPED, "failed line");
	memset(lines, 'x', sizeof lines - 1);
	ended_write(&machine, "failed", lines);
	expect_end(&machine, MACHINE_FAILED, lines);
	/* A killed keeper has left it, until somebody cleans up. */
	ended_write(&machine, "clean", "powered off");
	make_run("ended");
	expect_end(&machine, MACHINE_FAILED, "its start was killed");
}

/* Of two pools without room, the one that holds a machine ends the hold. Without a cgroup only the mark is made. */
void test_held_for_a_pool(void)
{
	scoped_machine struct machine machine = { 0 };
	struct err err = { 0 };
	char why[64] = "";

	open_machine(&machine, "held");
	CU_ASSERT_EQUAL_FATAL(file_make_dirs(machine.run, 0700, &err), 0);
	scoped_free char *alive = text_format("%s/keeper.lock", machine.run);
	scoped_free char *mark = text_format("%s/held", machine.run);
	CU_ASSERT_EQUAL(machine_hold(&machine, "p", "why"), -ESRCH);
	scoped_fd int lock = open(alive, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_EQUAL_FATAL(flock(lock, LOCK_EX | LOCK_NB), 0);
	machine_hold(&machine, "p", "p is full");
	CU_ASSERT_TRUE(machine_held(&machine, why, sizeof why));
	CU_ASSERT_STRING_EQUAL(why, "p is full");
	CU_ASSERT_EQUAL(machine_hold(&machine, "q", NULL), -EBUSY);
	CU_ASSERT_EQUAL(machine_hold(&machine, "", NULL), -EBUSY);
	CU_ASSERT_TRUE(machine_held(&machine, NULL, 0));
	machine_hold(&machine, "p", NULL);
	CU_ASSERT_FALSE(machine_held(&machine, NULL, 0));
	/* That of an earlier version names no pool. */
	CU_ASSERT_EQUAL(file_replace(mark, "full", 4, 0600, &err), 0);
	CU_ASSERT_TRUE(machine_held(&machine, why, sizeof why));
	CU_ASSERT_STRING_EQUAL(why, "full");
	machine_hold(&machine, "q", NULL);
	CU_ASSERT_FALSE(machine_held(&machine, NULL, 0));
}
