/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempt [OPTION...] [NAME=VALUE...] COMMAND...: runs a program as a runtime would and tells what it did.
 *Its environment is the given one alone; its standard streams are ours. At the end one line goes to --facts
 *FILE:
 *
 *	status=N hangs=0|1 left=N mounts=N execs=N forks=N seccomp=N no_new_privs=N
 *
 * left: processes that outlived it. mounts: how many more there are in its mount namespace, which is one of
 *its own with --namespace. The last four only with --trace: programs executed, processes made, and what
 * /proc/PID/status said in its last moment.
 *
 *	--stdin FILE        what it reads
 *	--runs N            so often, as a race needs it; the facts are those of the worst run
 *	--no-openat2 ERRNO  openat2 fails: ENOSYS as before Linux 5.6, EPERM as below an old filter
 *	--seconds N         a watchdog: what runs longer is killed and counts as hanging
 *	--memory MIB        its address space
 */
#include "tools.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct {
	int blocked; /* what openat2 answers; 0: as it is */
	unsigned seconds, memory, runs;
	const char *facts, *input;
	bool trace, own_namespace;
	char **environment, **command;
} asked = {.seconds = 60, .runs = 1, .input = "/dev/null"};

static struct facts {
	int status, hangs, left, mounts, execs, forks, seccomp, no_new_privs;
} facts;

static void parse(int argc, char **argv)
{
	int i = 1;

	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (strcmp(argv[i], "--trace") == 0)
			asked.trace = true;
		else if (strcmp(argv[i], "--namespace") == 0)
			asked.own_namespace = true;
		else if (i + 1 == argc)
			die("%s needs a value", argv[i]);
		else if (strcmp(argv[i], "--no-openat2") == 0)
			asked.blocked = strcmp(argv[++i], "EPERM") == 0 ? EPERM : ENOSYS;
		else if (strcmp(argv[i], "--seconds") == 0)
			asked.seconds = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--memory") == 0)
			asked.memory = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--runs") == 0)
			asked.runs = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--stdin") == 0)
			asked.input = argv[++i];
		else if (strcmp(argv[i], "--facts") == 0)
			asked.facts = argv[++i];
		else
			die("%s: no such option", argv[i]);
	}
	asked.environment = argv + i;
	while (i < argc && strchr(argv[i], '='))
		i++;
	if (i == argc)
		die("no command");
	asked.command = argv + i;
}

static void block_openat2(int answer)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)answer),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	/* Without no_new_privs, which root need not set: whether the program sets it is one of the facts. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		die("seccomp");
}

static _Noreturn void become(int go)
{
	size_t count = (size_t)(asked.command - asked.environment);
	char **environment = calloc(count + 1, sizeof(*environment)), byte;
	const char *program = strrchr(asked.command[0], '/');
	int input = open(asked.input, O_RDONLY | O_CLOEXEC);

	if (!environment || setpgid(0, 0) < 0 || input < 0 || dup2(input, STDIN_FILENO) < 0)
		die("starting");
	memcpy(environment, asked.environment, count * sizeof(*environment));
	if (asked.memory) {
		struct rlimit most = {(rlim_t)asked.memory << 20, (rlim_t)asked.memory << 20};

		setrlimit(RLIMIT_AS, &most);
	}
	if (asked.blocked)
		block_openat2(asked.blocked);
	if (read(go, &byte, 1) != 1 || !program)
		_exit(99);
	execve(asked.command[0], asked.command, environment);
	die("%s", asked.command[0]);
}

static int count_mounts(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	int c, n = 0;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

static void last_moment(pid_t pid)
{
	char path[64], text[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(text, sizeof(text), f)) {
		sscanf(text, "Seccomp: %d", &facts.seccomp);
		sscanf(text, "NoNewPrivs: %d", &facts.no_new_privs);
	}
	if (f)
		fclose(f);
}

/* A stop of a traced process: notes what it is about and lets it go on. */
static void stopped(pid_t pid, int status)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	switch (event) {
	case PTRACE_EVENT_EXEC:
		facts.execs++;
		break;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		facts.forks++;
		break;
	case PTRACE_EVENT_EXIT:
		last_moment(pid);
		break;
	}
	ptrace(PTRACE_CONT, pid, NULL, event ? 0 : signal);
}

static pid_t start(void)
{
	const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT |
			     PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
	int go[2];
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0)
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
		become(go[0]);
	if (asked.trace && ptrace(PTRACE_SEIZE, pid, NULL, options) < 0)
		die("ptrace");
	if (write(go[1], "", 1) != 1)
		die("pipe");
	close(go[0]);
	close(go[1]);
	return pid;
}

/* Waits for a child for so long. Its pid, or 0. */
static pid_t wait_until(time_t end, int *status)
{
	struct timespec pause = {.tv_nsec = 1000000};

	for (;;) {
		pid_t pid = waitpid(-1, status, WNOHANG | __WALL);

		if (pid > 0)
			return pid;
		if (pid < 0)
			return -1;
		if (time(NULL) > end)
			return 0;
		nanosleep(&pause, NULL);
	}
}

/* What it started and did not wait for has come to us. */
static void wait_for_rest(time_t end)
{
	int status;
	pid_t pid;

	while ((pid = wait_until(end, &status)) > 0)
		if (WIFSTOPPED(status))
			stopped(pid, status);
	if (pid < 0)
		return;
	facts.left = 1;
	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0)
		facts.left++;
}

static void watch(pid_t child)
{
	time_t end = time(NULL) + (time_t)asked.seconds;
	int status;
	pid_t pid;

	while (facts.status < 0) {
		pid = wait_until(end, &status);
		if (pid == 0) {
			facts.hangs = 1;
			kill(-child, SIGKILL);
			end = time(NULL) + 10;
			continue;
		}
		if (pid < 0)
			die("wait");
		if (WIFSTOPPED(status))
			stopped(pid, status);
		else if (pid == child)
			facts.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	wait_for_rest(end);
}

static struct facts once(void)
{
	facts = (struct facts){.status = -1, .seccomp = -1, .no_new_privs = -1, .mounts = -count_mounts()};
	watch(start());
	facts.mounts += count_mounts();
	return facts;
}

static int larger(int a, int b)
{
	return a > b ? a : b;
}

static int smaller(int a, int b)
{
	return a < b ? a : b;
}

static void worsen(struct facts *worst, const struct facts *other)
{
	worst->status = larger(worst->status, other->status);
	worst->hangs = larger(worst->hangs, other->hangs);
	worst->left = larger(worst->left, other->left);
	worst->mounts = larger(worst->mounts, other->mounts);
	worst->execs = larger(worst->execs, other->execs);
	worst->forks = larger(worst->forks, other->forks);
	worst->seccomp = smaller(worst->seccomp, other->seccomp);
	worst->no_new_privs = smaller(worst->no_new_privs, other->no_new_privs);
}

int tool_attempt(int argc, char **argv)
{
	struct facts worst, next;
	FILE *out;

	parse(argc, argv);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		die("subreaper");
	if (asked.own_namespace &&
		(unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
		die("mount namespace");
	worst = once();
	for (unsigned i = 1; i < asked.runs && !worst.hangs; i++) {
		next = once();
		worsen(&worst, &next);
	}
	out = asked.facts ? fopen(asked.facts, "we") : stdout;
	if (!out)
		die("%s", asked.facts);
	fprintf(out, "status=%d hangs=%d left=%d mounts=%d execs=%d forks=%d seccomp=%d no_new_privs=%d\n",
		worst.status, worst.hangs, worst.left, worst.mounts, worst.execs, worst.forks, worst.seccomp,
		worst.no_new_privs);
	return 0;
}
