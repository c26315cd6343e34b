/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/devices.h"

#include "base/scoped.h"

#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>

#define PROGRAM_NAME "berth_devices"

/* Instructions of a row, and those around the rows. */
enum { ROW = 6, AROUND = 6 };

struct program {
	struct bpf_insn code[AROUND + ROW * DEVICES_MAX];
	size_t length;
};

static void add(struct program *program, uint8_t code, uint8_t to, uint8_t from, int16_t offset,
		uint32_t value)
{
	program->code[program->length++] = (struct bpf_insn){
		.code = code,
		.dst_reg = to & 0xf,
		.src_reg = from & 0xf,
		.off = offset,
		.imm = (int32_t)value,
	};
}

static void add_return(struct program *program, uint32_t value)
{
	add(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
	add(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/*
 * Loads the fields of struct bpf_cgroup_dev_ctx: the kind is in the lower half of its first word, then major and minor.
 */
static void write_program(struct program *program, const struct device *rows, size_t count)
{
	const uint8_t load = BPF_LDX | BPF_MEM | BPF_W;

	add(program, load, BPF_REG_2, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, access_type),
	    0);
	add(program, load, BPF_REG_3, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	add(program, load, BPF_REG_4, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
	add(program, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	for (size_t i = 0; i < count; i++) {
		add(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 5,
		    rows[i].block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
		/* 32-bit jumps, so that no minor number counts as negative. */
		add(program, BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_3, 0, 4, rows[i].major);
		add(program, BPF_JMP32 | BPF_JLT | BPF_K, BPF_REG_4, 0, 3, rows[i].first);
		add(program, BPF_JMP32 | BPF_JGT | BPF_K, BPF_REG_4, 0, 2, rows[i].last);
		add_return(program, 1);
	}
	add_return(program, 0);
}

static int load(const struct program *program)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insns = (uint64_t)(uintptr_t)program->code,
		.insn_cnt = (uint32_t)program->length,
		.license = (uint64_t)(uintptr_t) "GPL",
		.prog_name = PROGRAM_NAME,
	};
	long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);

	return fd < 0 ? -errno : (int)fd;
}

/* The program that an earlier call attached to this cgroup; -ENOENT: none. */
static int find_attached(int cgroup_fd)
{
	uint32_t ids[64] = { 0 };
	union bpf_attr attr = {
		.query = { .target_fd = (uint32_t)cgroup_fd,
			   .attach_type = BPF_CGROUP_DEVICE,
			   .prog_ids = (uint64_t)(uintptr_t)ids,
			   .prog_cnt = sizeof ids / sizeof *ids },
	};

	if (syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof attr) < 0)
		return -errno;
	for (uint32_t i = 0; i < attr.query.prog_cnt; i++) {
		struct bpf_prog_info info = { 0 };
		union bpf_attr get = { .prog_id = ids[i] };
		scoped_fd int fd = (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &get, sizeof get);
		union bpf_attr look = {
			.info = { .bpf_fd = (uint32_t)fd,
				  .info_len = sizeof info,
				  .info = (uint64_t)(uintptr_t)&info },
		};
		if (fd >= 0 && syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &look, sizeof look) == 0 &&
		    strcmp(info.name, PROGRAM_NAME) == 0)
			return take_fd(&fd);
	}
	return -ENOENT;
}

int devices_confine(int cgroup_fd, const struct device *rows, size_t count)
{
	struct program program = { .length = 0 };

	if (count > DEVICES_MAX)
		return -E2BIG;
	write_program(&program, rows, count);
	scoped_fd int fd = load(&program);
	if (fd < 0)
		return fd;
	scoped_fd int old = find_attached(cgroup_fd);
	union bpf_attr attr = {
		.target_fd = (uint32_t)cgroup_fd,
		.attach_bpf_fd = (uint32_t)fd,
		.attach_type = BPF_CGROUP_DEVICE,
		.attach_flags = BPF_F_ALLOW_MULTI | (old < 0 ? 0 : BPF_F_REPLACE),
		.replace_bpf_fd = old < 0 ? 0 : (uint32_t)old,
	};
	return syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof attr) < 0 ? -errno : 0;
}
