/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/probe.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/bundle.h"
#include "capsule/runtime.h"
#include "capsule/sandbox.h"
#include "capsule/seccomp.h"

/* exit_group(0), as machine code: a program that needs no library and no file of the host. */
#if defined(__x86_64__)
static const unsigned char code[] = {
	0x31, 0xff,		      /* xor edi, edi */
	0xb8, 0xe7, 0x00, 0x00, 0x00, /* mov eax, 231 */
	0x0f, 0x05,		      /* syscall */
};
enum { MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
static const unsigned char code[] = {
	0x00, 0x00, 0x80, 0xd2, /* mov x0, #0 */
	0xc8, 0x0b, 0x80, 0xd2, /* mov x8, #94 */
	0x01, 0x00, 0x00, 0xd4, /* svc #0 */
};
enum { MACHINE = EM_AARCH64 };
#else
#error "the probe has no program for this architecture"
#endif

enum { BASE = 0x400000 };

static int write_program(const char *path, nvb_error **err)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr segment;
		unsigned char text[sizeof(code)];
	} file = {
		.header =
			{
				.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
					EV_CURRENT},
				.e_type = ET_EXEC,
				.e_machine = MACHINE,
				.e_version = EV_CURRENT,
				.e_entry = BASE + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
				.e_phoff = sizeof(Elf64_Ehdr),
				.e_ehsize = sizeof(Elf64_Ehdr),
				.e_phentsize = sizeof(Elf64_Phdr),
				.e_phnum = 1,
			},
		.segment =
			{
				.p_type = PT_LOAD,
				.p_flags = PF_R | PF_X,
				.p_vaddr = BASE,
				.p_paddr = BASE,
				.p_filesz = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + sizeof(code),
				.p_memsz = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + sizeof(code),
				.p_align = 0x1000,
			},
	};
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	int rc;

	memcpy(file.text, code, sizeof(code));
	rc = fd < 0 ? -errno : nvb_write_all(fd, &file, sizeof(file));
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

/* The same config.json as a capsule's, without GPU, user's wishes and files of /etc. */
static int write_config(const char *bundle_path, const struct nvb_entry *entry, nvb_error **err)
{
	char *args[] = {(char *)"/probe", NULL};
	struct nvb_process process = {.args = args, .working_directory = "/"};
	_cleanup_spec_ struct nvb_capsule_spec spec = {0};
	_cleanup_strbuf_ struct nvb_strbuf seccomp = {0}, config = {0};
	_cleanup_free_ char *path = NULL;
	struct nvb_bundle bundle = {
		.spec = &spec,
		.process = &process,
		.hostname = "probe",
		.cgroup = entry->cgroup,
		.rootless = !entry->cgroup,
	};
	_cleanup_close_ int fd = -1;
	int rc;

	nvb_capsule_spec_init(&spec);
	rc = nvb_sandbox_capabilities(&spec, nvb_own_capabilities(), &bundle.capabilities, err);
	if (rc < 0)
		return rc;
	nvb_seccomp_default(&seccomp, bundle.capabilities);
	bundle.seccomp = seccomp.s;
	rc = nvb_bundle_write(&bundle, &config, err);
	if (rc < 0)
		return rc;
	if (seccomp.failed || asprintf(&path, "%s/config.json", bundle_path) < 0)
		return nvb_fail_oom(err);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	rc = fd < 0 ? -errno : nvb_write_all(fd, config.s, config.len);
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

/* Waits for a child. The requests to end that the caller has blocked, and will read, end it. */
static int wait_for(pid_t pid, int *status, const char *runtime, nvb_error **err)
{
	_cleanup_close_ int process = (int)syscall(SYS_pidfd_open, pid, 0), requests = -1;
	struct pollfd fds[2] = {{.events = POLLIN}, {.events = POLLIN}};
	enum { TRIES = 2000, PAUSE_NS = 1000 * 1000 };
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	bool cancelled = false;
	sigset_t set;

	sigemptyset(&set);
	for (const int *s = (const int[]){SIGINT, SIGTERM, SIGHUP, SIGQUIT, 0}; *s; s++)
		sigaddset(&set, *s);
	fds[0].fd = process;
	fds[1].fd = requests = signalfd(-1, &set, SFD_CLOEXEC);
	if (process < 0 || requests < 0)
		return nvb_fail_errno(err, errno, "waiting for %s", runtime);
	while (!(fds[0].revents & POLLIN) && !cancelled)
		cancelled = poll(fds, 2, -1) > 0 && fds[1].revents & POLLIN;
	if (cancelled)
		kill(pid, SIGKILL);
	for (int i = 0; waitpid(pid, status, 0) < 0; i++) {
		/* The container's process becomes our child when its parent, a child of crun's that may live
		 * longer than crun, ends. */
		if (errno == ECHILD && i < TRIES)
			nanosleep(&pause, NULL);
		else if (errno != EINTR)
			return nvb_fail_errno(err, errno, "waiting for %s", runtime);
	}
	return cancelled ? nvb_fail(err, NVB_ERR_CANCELLED, "interrupted while trying %s", runtime) : 0;
}

static int run_probe(const char *bundle_path, const struct nvb_entry *entry, nvb_error **err)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct nvb_launch launch = {.entry = entry, .bundle = bundle_path, .stdio = {null, null, null}};
	pid_t init;
	int pid, status, rc;

	if (null < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return nvb_fail_errno(err, errno, "/dev/null");
	pid = nvb_launch_begin(&launch, err);
	if (pid < 0)
		return pid;
	rc = wait_for(pid, &status, entry->runtime, err);
	if (rc < 0)
		return rc;
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		nvb_launch_failure(&launch, status, "/probe", "", err);
		return -NVB_ERR_UNSUPPORTED;
	}
	rc = nvb_launch_init(&launch, &init, err);
	if (rc == 0)
		rc = nvb_entry_started(entry, init, err);
	if (rc < 0)
		return rc;
	rc = wait_for(init, &status, entry->runtime, err);
	if (rc < 0)
		return rc;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"%s: a program that ends at once ended with status %d", entry->runtime, status);
	return 0;
}

int nvb_runtime_probe(
	const struct nvb_state *state, const char *runtime, const struct nvb_log *log, nvb_error **err)
{
	const struct nvb_entry_options options = {
		.runtime = runtime, .image = "probe", .cgroup = !state->rootless};
	_cleanup_free_ char *bundle = NULL, *rootfs = NULL, *program = NULL;
	struct nvb_entry entry = NVB_ENTRY_INIT;
	int rc;

	if (asprintf(&bundle, "%s/probe", state->workspace) < 0 ||
		asprintf(&rootfs, "%s/rootfs", bundle) < 0 || asprintf(&program, "%s/probe", rootfs) < 0)
		return nvb_fail_oom(err);
	nvb_file_remove_tree(AT_FDCWD, bundle, NULL);
	rc = nvb_file_mkdirs(AT_FDCWD, rootfs, 0755, err);
	if (rc == 0)
		rc = write_program(program, err);
	if (rc == 0)
		rc = nvb_entry_begin(state, &options, &entry, err);
	if (rc == 0)
		rc = write_config(bundle, &entry, err);
	if (rc == 0)
		rc = run_probe(bundle, &entry, err);
	nvb_entry_end(state, &entry, 0, log);
	return rc;
}
