/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/seccomp.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/personality.h>
#include <sched.h>
#include <sys/socket.h>

/*
 * Docker's documentation ("Seccomp security profiles for Docker") lists what its default profile keeps out
 * and why; the table says what is left, by purpose. Names that an architecture or an older libseccomp does
 * not know are skipped by the runtimes. Kept out with intent, besides what needs a capability below: the
 * kernel's keyrings (add_key, keyctl, request_key: not namespaced), io_uring_* (went around filters too
 * often), userfaultfd, kexec, swap, quotas, nfsservctl, and calls that have gone (sysfs, ustat, uselib,
 * vm86, create_module ...).
 */
static const char files[] =
	"access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat "
	"faccessat2 fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 "
	"fchownat fcntl fcntl64 fdatasync flock fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate "
	"ftruncate64 futimesat getcwd getdents getdents64 ioctl lchown lchown32 link linkat _llseek lseek "
	"lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 pread64 "
	"preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv rename renameat "
	"renameat2 rmdir sendfile sendfile64 splice stat stat64 statfs statfs64 statx symlink symlinkat sync "
	"sync_file_range syncfs tee truncate truncate64 umask unlink unlinkat utime utimensat "
	"utimensat_time64 utimes vmsplice write writev";

static const char extended_attributes[] =
	"fgetxattr flistxattr fremovexattr fsetxattr getxattr lgetxattr listxattr llistxattr lremovexattr "
	"lsetxattr removexattr setxattr";

static const char waiting[] =
	"epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait "
	"epoll_wait_old eventfd eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 "
	"inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup "
	"io_submit _newselect pause pipe pipe2 poll ppoll ppoll_time64 pselect6 pselect6_time64 select "
	"signalfd signalfd4";

static const char processes[] =
	"capget capset execve execveat exit exit_group fork getegid getegid32 geteuid geteuid32 getgid "
	"getgid32 getgroups getgroups32 getpgid getpgrp getpid getppid getpriority getresgid getresgid32 "
	"getresuid getresuid32 getrlimit getrusage getsid gettid getuid getuid32 get_thread_area ioprio_get "
	"ioprio_set landlock_add_rule landlock_create_ruleset landlock_restrict_self pidfd_open "
	"pidfd_send_signal prctl prlimit64 process_mrelease ptrace process_vm_readv process_vm_writev "
	"rseq seccomp setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setpgid "
	"setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 "
	"setrlimit setsid setuid setuid32 set_thread_area set_tid_address sysinfo times ugetrlimit uname "
	"vfork wait4 waitid waitpid";

static const char scheduling[] =
	"getcpu sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_get_priority_max "
	"sched_get_priority_min sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity "
	"sched_setattr sched_setparam sched_setscheduler sched_yield";

static const char signals[] =
	"kill restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn "
	"rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask "
	"sigreturn tgkill tkill";

static const char memory[] =
	"brk cachestat futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake get_robust_list "
	"madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap "
	"mmap2 mprotect mremap msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect "
	"remap_file_pages set_robust_list";

static const char clocks[] =
	"adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime "
	"clock_gettime64 clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer "
	"time timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 "
	"timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime "
	"timer_settime64";

static const char messages[] =
	"ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend "
	"mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop "
	"semtimedop_time64 shmat shmctl shmdt shmget";

static const char sockets[] =
	"accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg "
	"recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair";

static const char randomness[] = "getrandom";

#if defined(__x86_64__) || defined(__i386__)
static const char machine[] = "arch_prctl modify_ldt";
static const char *const architectures[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", NULL};
#elif defined(__aarch64__)
static const char machine[] =
	"arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2";
static const char *const architectures[] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", NULL};
#elif defined(__riscv)
static const char machine[] = "riscv_flush_icache riscv_hwprobe";
static const char *const architectures[] = {"SCMP_ARCH_RISCV64", NULL};
#elif defined(__powerpc64__)
static const char machine[] = "swapcontext sync_file_range2";
static const char *const architectures[] = {"SCMP_ARCH_PPC64LE", NULL};
#else
#error "bolt does not know this architecture's seccomp name"
#endif

static const char *const always[] = {files, extended_attributes, waiting, processes, scheduling, signals,
	memory, clocks, messages, sockets, randomness, machine};

/* What a capability opens. */
static const struct {
	int capability;
	const char *calls;
} with_capability[] = {
	{CAP_DAC_READ_SEARCH, "open_by_handle_at"},
	{CAP_SYS_ADMIN,
		"bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount "
		"mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname "
		"sethostname setns syslog umount umount2 unshare"},
	{CAP_SYS_BOOT, "reboot"},
	{CAP_SYS_CHROOT, "chroot"},
	{CAP_SYS_MODULE, "delete_module finit_module init_module"},
	{CAP_SYS_NICE, "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
	{CAP_SYS_PACCT, "acct"},
	{CAP_SYS_PTRACE, "kcmp pidfd_getfd process_madvise"},
	{CAP_SYS_RAWIO, "ioperm iopl"},
	{CAP_SYS_TIME, "clock_settime clock_settime64 settimeofday stime"},
	{CAP_SYS_TTY_CONFIG, "vhangup"},
	{CAP_SYSLOG, "syslog"},
	{CAP_BPF, "bpf"},
	{CAP_PERFMON, "perf_event_open"},
};

/* clone(2) may make no namespace without CAP_SYS_ADMIN: none of these flags. CLONE_NEWTIME shares its bit
 * with the exit signal and cannot be asked of clone(2). */
static const unsigned long namespace_flags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
					     CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

/* Personalities that programs use and that weaken nothing; ADDR_NO_RANDOMIZE is not among them. The last asks
 * for the present one. */
static const unsigned long personalities[] = {
	PER_LINUX, PER_LINUX32, UNAME26, UNAME26 | PER_LINUX32, 0xffffffff};

static void begin_rule(struct nvb_strbuf *out, const char *first)
{
	nvb_sb_addf(out, ",{\"names\":[\"%s\"", first);
}

static void add_names(struct nvb_strbuf *out, const char *calls, bool *first)
{
	while (*(calls += strspn(calls, " "))) {
		size_t n = strcspn(calls, " ");

		if (!*first)
			nvb_sb_addc(out, ',');
		*first = false;
		nvb_sb_addc(out, '"');
		nvb_sb_addn(out, calls, n);
		nvb_sb_addc(out, '"');
		calls += n;
	}
}

static bool may(uint64_t capabilities, int capability)
{
	return capabilities >> capability & 1;
}

void nvb_seccomp_default(struct nvb_strbuf *out, uint64_t capabilities)
{
	bool first = true;

	nvb_sb_addf(out, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":%d,\"architectures\":[",
		EPERM);
	for (size_t i = 0; architectures[i]; i++)
		nvb_sb_addf(out, "%s\"%s\"", i ? "," : "", architectures[i]);
	nvb_sb_add(out, "],\"syscalls\":[{\"names\":[");
	for (size_t i = 0; i < NVB_ELEMENTS(always); i++)
		add_names(out, always[i], &first);
	for (size_t i = 0; i < NVB_ELEMENTS(with_capability); i++)
		if (may(capabilities, with_capability[i].capability))
			add_names(out, with_capability[i].calls, &first);
	nvb_sb_add(out, "],\"action\":\"SCMP_ACT_ALLOW\"}");

	/* Sockets to the hypervisor reach services that trust the whole guest. */
	begin_rule(out, "socket");
	nvb_sb_addf(out,
		"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":%d,\"op\":"
		"\"SCMP_CMP_NE\"}]}",
		AF_VSOCK);
	for (size_t i = 0; i < NVB_ELEMENTS(personalities); i++) {
		begin_rule(out, "personality");
		nvb_sb_addf(out,
			"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":%lu,\"op\":"
			"\"SCMP_CMP_EQ\"}]}",
			personalities[i]);
	}
	if (!may(capabilities, CAP_SYS_ADMIN)) {
		begin_rule(out, "clone");
		nvb_sb_addf(out,
			"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":%lu,"
			"\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}",
			namespace_flags);
		begin_rule(out, "clone3");
		nvb_sb_addf(out, "],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":%d}", ENOSYS);
	}
	nvb_sb_add(out, "]}");
}

const char *nvb_seccomp_native(void)
{
	return architectures[0];
}
