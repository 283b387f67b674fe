/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "privileges.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

#define ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* What src/container and the C library below it call once the root is open. */
static const uint16_t allowed[] = {
	SYS_read,
	SYS_pread64,
	SYS_write,
	SYS_writev,
	SYS_openat2,
	SYS_openat,
	SYS_close,
	SYS_fstat,
	SYS_fstatfs,
	SYS_newfstatat,
	SYS_statx,
	SYS_lseek,
	SYS_getdents64,
	SYS_fcntl,
	SYS_readlinkat,
#ifdef SYS_readlink
	SYS_readlink,
#endif
	SYS_symlinkat,
	SYS_mkdirat,
	SYS_renameat2,
#ifdef SYS_rename
	SYS_rename,
#endif
#ifdef SYS_renameat
	SYS_renameat,
#endif
	SYS_unlinkat,
	SYS_fchmod,
	SYS_fchmodat,
	SYS_fchown,
	SYS_fchownat,
	SYS_getrandom,
	SYS_brk,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	SYS_futex,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_restart_syscall,
	SYS_exit,
	SYS_exit_group,
};

/* For nvb_mount_file and src/prestart. */
static const uint16_t mounting[] = {
	SYS_fsopen,
	SYS_fsconfig,
	SYS_fsmount,
	SYS_open_tree,
	SYS_mount_setattr,
	SYS_move_mount,
	SYS_umount2,
};

static const uint16_t nodes[] = {
	SYS_mknodat,
};

enum {
	NUMBERS_MAX = ELEMENTS(allowed) + ELEMENTS(mounting) + ELEMENTS(nodes) + 1,
	PROGRAM_MAX = 8 * NUMBERS_MAX,
};

struct program {
	struct sock_filter code[PROGRAM_MAX];
	unsigned short size;
};

static void add(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	p->code[p->size++] = (struct sock_filter){.code = code, .jt = yes, .jf = no, .k = k};
}

static void load(struct program *p, size_t offset)
{
	add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void answer(struct program *p, uint32_t action)
{
	add(p, BPF_RET | BPF_K, action, 0, 0);
}

/* mmap is for memory and files, never for code. Its prot is an int: the lower half, little-endian. */
static void judge_mmap(struct program *p)
{
	load(p, offsetof(struct seccomp_data, args[2]));
	add(p, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0);
	answer(p, SECCOMP_RET_ALLOW);
	answer(p, SECCOMP_RET_ERRNO | EPERM);
}

/*
 * Finds the number among the sorted ones by halving. The kernel tries a filter with every system call it has
 * when the filter is set, so a list to be walked would cost a tenth of a millisecond.
 */
static void search(struct program *p, const uint16_t *numbers, size_t count)
{
	size_t middle = count / 2;
	unsigned short at = p->size;

	if (count > 1) {
		add(p, BPF_JMP | BPF_JGE | BPF_K, numbers[middle], 0, 0);
		search(p, numbers, middle);
		p->code[at].jt = (uint8_t)(p->size - at - 1);
		search(p, numbers + middle, count - middle);
		return;
	}
	add(p, BPF_JMP | BPF_JEQ | BPF_K, numbers[0], 1, 0);
	answer(p, SECCOMP_RET_ERRNO | EPERM);
	if (numbers[0] == SYS_mmap)
		judge_mmap(p);
	else
		answer(p, SECCOMP_RET_ALLOW);
}

static int by_number(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static void build(struct program *p, unsigned work)
{
	uint16_t numbers[NUMBERS_MAX] = {SYS_mmap};
	size_t count = 1;

	memcpy(numbers + count, allowed, sizeof(allowed));
	count += ELEMENTS(allowed);
	if (work & WORK_MOUNT) {
		memcpy(numbers + count, mounting, sizeof(mounting));
		count += ELEMENTS(mounting);
	}
	if (work & WORK_NODES) {
		memcpy(numbers + count, nodes, sizeof(nodes));
		count += ELEMENTS(nodes);
	}
	qsort(numbers, count, sizeof(*numbers), by_number);
#ifdef NATIVE_ARCH
	/* The numbers mean something else under another ABI of the same machine. */
	load(p, offsetof(struct seccomp_data, arch));
	add(p, BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
	answer(p, SECCOMP_RET_KILL_PROCESS);
#endif
	load(p, offsetof(struct seccomp_data, nr));
	search(p, numbers, count);
}

int sandbox_enter(unsigned work)
{
	struct program program = {.size = 0};
	struct sock_fprog fprog;

	build(&program, work);
	fprog = (struct sock_fprog){.len = program.size, .filter = program.code};
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &fprog) < 0)
		return -errno;
	return 0;
}
