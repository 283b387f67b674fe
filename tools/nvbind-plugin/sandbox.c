/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "which architecture's system calls these are must be known"
#endif

#define ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* What loading a shared object takes, and reading /sys and settings. */
static const uint16_t allowed[] = {
	SYS_read,
	SYS_readv,
	SYS_pread64,
	SYS_write,
	SYS_writev,
	SYS_close,
	SYS_fstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_lseek,
	SYS_getdents64,
	SYS_readlinkat,
	SYS_faccessat,
	SYS_faccessat2,
	SYS_getcwd,
	SYS_fstatfs,
	SYS_statfs,
#ifdef SYS_readlink
	SYS_readlink,
	SYS_stat,
	SYS_lstat,
	SYS_access,
#endif
	SYS_mmap,
	SYS_mprotect,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	SYS_brk,
	SYS_futex,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_sigaltstack,
	SYS_restart_syscall,
	SYS_clock_gettime,
	SYS_clock_nanosleep,
	SYS_nanosleep,
	SYS_getrandom,
	SYS_getpid,
	SYS_gettid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_uname,
	SYS_sched_yield,
	SYS_sched_getaffinity,
	SYS_exit,
	SYS_exit_group,
};

/* Asked for by C libraries that go on without: an error, no end. abort(3) sends a signal to itself. */
static const uint16_t denied[] = {
	SYS_prlimit64, SYS_ioctl, SYS_fcntl, SYS_sysinfo, SYS_socket, SYS_fadvise64};

struct program {
	struct sock_filter code[2 * (ELEMENTS(allowed) + ELEMENTS(denied)) + 32];
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

/* When the number is that one: `action`, else on. */
static void rule(struct program *p, uint32_t number, uint32_t action)
{
	add(p, BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
	answer(p, action);
}

/* Files are opened to be read, by openat alone; what would make or change one fails. */
static void add_openat(struct program *p)
{
	add(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 4);
	load(p, offsetof(struct seccomp_data, args[2]));
	add(p, BPF_JMP | BPF_JSET | BPF_K, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, 0, 1);
	answer(p, SECCOMP_RET_ERRNO | EACCES);
	answer(p, SECCOMP_RET_ALLOW);
}

/* Signals to itself alone: what abort(3) does. The process is this one's, whose number cannot change any
 * more. */
static void add_tgkill(struct program *p, uint32_t pid)
{
	add(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 0, 4);
	load(p, offsetof(struct seccomp_data, args[0]));
	add(p, BPF_JMP | BPF_JEQ | BPF_K, pid, 0, 1);
	answer(p, SECCOMP_RET_ALLOW);
	answer(p, SECCOMP_RET_KILL_PROCESS);
}

int sandbox_enter(void)
{
	struct program p = {0};
	struct sock_fprog filter = {.filter = p.code};

	load(&p, offsetof(struct seccomp_data, arch));
	add(&p, BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
	answer(&p, SECCOMP_RET_KILL_PROCESS);
	load(&p, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < ELEMENTS(allowed); i++)
		rule(&p, allowed[i], SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < ELEMENTS(denied); i++)
		rule(&p, denied[i], SECCOMP_RET_ERRNO | EPERM);
	add_openat(&p);
	add_tgkill(&p, (uint32_t)syscall(SYS_getpid));
	answer(&p, SECCOMP_RET_KILL_PROCESS);
	filter.len = p.size;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0)
		return -errno;
	return 0;
}
