/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "prestart/parts.h"

/*
 * On cgroup v2 a container's devices are decided by the programs attached to its cgroup, all of which must
 * say yes: one of ours beside the runtime's could take away and never give. So each of them is replaced by
 * one that asks our rules first and is the old program otherwise; the kernel gives its instructions back.
 */
enum {
	PROGRAMS_MAX = 64, /* BPF_CGROUP_MAX_PROGS */
	INSTRUCTIONS_MAX = 1 << 16,
};

static int call_bpf(int command, union bpf_attr *attr)
{
	int rc = (int)syscall(SYS_bpf, command, attr, sizeof(*attr));

	return rc < 0 ? -errno : rc;
}

struct attached {
	uint32_t ids[PROGRAMS_MAX];
	uint32_t count, flags;
};

static int query(int cgroup, struct attached *attached, nvb_error **err)
{
	union bpf_attr attr;
	int rc;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroup;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uintptr_t)attached->ids;
	attr.query.prog_cnt = PROGRAMS_MAX;
	rc = call_bpf(BPF_PROG_QUERY, &attr);
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "reading its device programs");
	attached->count = attr.query.prog_cnt;
	attached->flags = attr.query.attach_flags;
	return 0;
}

static int open_program(uint32_t id, nvb_error **err)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	fd = call_bpf(BPF_PROG_GET_FD_BY_ID, &attr);
	return fd < 0 ? nvb_fail_errno(err, -fd, "opening device program %u", id) : fd;
}

static int get_info(int program, struct bpf_prog_info *info)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)program;
	attr.info.info_len = sizeof(*info);
	attr.info.info = (uintptr_t)info;
	return call_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

/* What stands alone: instructions that name a map or another function mean something only in their program.
 */
static bool stands_alone(const struct bpf_insn *code, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (code[i].code == (BPF_LD | BPF_IMM | BPF_DW) && code[i++].src_reg)
			return false;
		if (i < count && code[i].code == (BPF_JMP | BPF_CALL) && code[i].src_reg)
			return false;
	}
	return true;
}

/* The program's instructions behind `room` free ones; malloc'd. */
static int read_instructions(
	int program, size_t room, struct bpf_insn **out, size_t *out_count, nvb_error **err)
{
	_cleanup_free_ struct bpf_insn *code = NULL;
	struct bpf_prog_info info = {0};
	size_t count;
	int rc = get_info(program, &info);

	if (rc < 0)
		return nvb_fail_errno(err, -rc, "reading a device program");
	count = info.xlated_prog_len / sizeof(*code);
	if (!count || count > INSTRUCTIONS_MAX)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "the kernel does not show its device program");
	code = calloc(room + count, sizeof(*code));
	if (!code)
		return nvb_fail_oom(err);
	info = (struct bpf_prog_info){.xlated_prog_len = (uint32_t)(count * sizeof(*code)),
		.xlated_prog_insns = (uintptr_t)(code + room)};
	rc = get_info(program, &info);
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "reading a device program");
	/* The kernel clears the pointer where it may not be seen (bpf_jit_harden). */
	if (!info.xlated_prog_insns || info.xlated_prog_len != count * sizeof(*code) ||
		!stands_alone(code + room, count))
		return nvb_fail(
			err, NVB_ERR_UNSUPPORTED, "its device program cannot be taken over into another one");
	*out = NVB_TAKE_PTR(code);
	*out_count = count;
	return 0;
}

/* Kernels before 5.11 count a program against the limit on locked memory; a refusal comes from the load. */
static void raise_memlock(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	setrlimit(RLIMIT_MEMLOCK, &limit);
}

static int load(const struct bpf_insn *code, size_t count, nvb_error **err)
{
	static const char license[] = "Apache-2.0", name[] = "nvbind_devices";
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)code;
	attr.insn_cnt = (uint32_t)count;
	attr.license = (uintptr_t)license;
	memcpy(attr.prog_name, name, sizeof(name));
	fd = call_bpf(BPF_PROG_LOAD, &attr);
	if (fd == -EPERM) {
		raise_memlock();
		fd = call_bpf(BPF_PROG_LOAD, &attr);
	}
	return fd < 0 ? nvb_fail_errno(err, -fd, "loading a device program") : fd;
}

/* One step for the kernel: at no moment is the container without a program. */
static int replace(int cgroup, int old, int new, uint32_t flags, nvb_error **err)
{
	union bpf_attr attr;
	int rc;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup;
	attr.attach_bpf_fd = (uint32_t) new;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = flags & (BPF_F_ALLOW_OVERRIDE | BPF_F_ALLOW_MULTI);
	/* Where only one program may be attached, attaching is replacing. */
	if (flags & BPF_F_ALLOW_MULTI) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)old;
	}
	rc = call_bpf(BPF_PROG_ATTACH, &attr);
	return rc < 0 ? nvb_fail_errno(err, -rc, "replacing its device program") : 0;
}

static int extend(int cgroup, uint32_t id, uint32_t flags, const struct bpf_insn *prefix, size_t prefix_count,
	nvb_error **err)
{
	_cleanup_close_ int old = open_program(id, err), new = -1;
	_cleanup_free_ struct bpf_insn *code = NULL;
	size_t count = 0;
	int rc;

	if (old < 0)
		return old;
	rc = read_instructions(old, prefix_count, &code, &count, err);
	if (rc < 0)
		return rc;
	memcpy(code, prefix, prefix_count * sizeof(*code));
	new = load(code, prefix_count + count, err);
	return new < 0 ? new : replace(cgroup, old, new, flags, err);
}

int nvb_program_allow(int cgroup, const struct nvb_device_rule *rules, size_t count,
	const struct nvb_log *log, nvb_error **err)
{
	_cleanup_free_ struct bpf_insn *prefix = NULL;
	struct attached attached = {.count = 0};
	size_t prefix_count = 0;
	int rc = query(cgroup, &attached, err);

	if (rc == 0 && !attached.count)
		nvb_debug(log, "no program restricts the container's devices");
	if (rc == 0 && attached.count)
		rc = nvb_program_prefix(rules, count, &prefix, &prefix_count, err);
	for (uint32_t i = 0; rc == 0 && i < attached.count; i++)
		rc = extend(cgroup, attached.ids[i], attached.flags, prefix, prefix_count, err);
	return rc;
}
