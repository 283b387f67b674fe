/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

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

/* For nvb_mount_file. */
static const uint16_t mounting[] = {
	SYS_fsopen,
	SYS_fsconfig,
	SYS_fsmount,
	SYS_open_tree,
	SYS_mount_setattr,
	SYS_move_mount,
	SYS_umount2,
};

enum { PROGRAM_MAX = 2 * (ELEMENTS(allowed) + ELEMENTS(mounting)) + 16 };

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

static void allow(struct program *p, uint16_t number)
{
	add(p, BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
	answer(p, SECCOMP_RET_ALLOW);
}

/* mmap is for memory and files, never for code. Its prot is an int: the lower half, little-endian. */
static void allow_data_mmap(struct program *p)
{
	add(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 4);
	load(p, offsetof(struct seccomp_data, args[2]));
	add(p, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
	answer(p, SECCOMP_RET_ERRNO | EPERM);
	answer(p, SECCOMP_RET_ALLOW);
}

static void build(struct program *p, bool mounts)
{
#ifdef NATIVE_ARCH
	/* The numbers below mean something else under another ABI of the same machine. */
	load(p, offsetof(struct seccomp_data, arch));
	add(p, BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
	answer(p, SECCOMP_RET_KILL_PROCESS);
#endif
	load(p, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < ELEMENTS(allowed); i++)
		allow(p, allowed[i]);
	for (size_t i = 0; mounts && i < ELEMENTS(mounting); i++)
		allow(p, mounting[i]);
	allow_data_mmap(p);
	answer(p, SECCOMP_RET_ERRNO | EPERM);
}

int sandbox_enter(bool mounts)
{
	struct program program = {.size = 0};
	struct sock_fprog fprog;

	build(&program, mounts);
	fprog = (struct sock_fprog){.len = program.size, .filter = program.code};
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &fprog) < 0)
		return -errno;
	return 0;
}
