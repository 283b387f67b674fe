/* SPDX-License-Identifier: Apache-2.0 */
#include "mps/mps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"

/* A daemon's life: directories, limits, the end. */

enum { LARGEST_FILE = 1 << 16, END_TRIES = 250, END_PAUSE_NS = 20000000 };

static uint64_t mebibytes(uint64_t bytes)
{
	return bytes >> 20;
}

/* What a container can write to has a bound of its own: /run is the host's. A daemon's pipes are a handful of
 * sockets and files of a line. */
static const struct {
	const char *name, *mode;
	uint64_t size; /* bytes; 0: as asked */
	unsigned inodes;
} parts[] = {{"pipe", "0755", UINT64_C(1) << 20, 256}, {"log", "0755", UINT64_C(4) << 20, 64},
	{"shm", "1777", 0, 0}};

static int make_directories(const struct nvb_mps *mps, nvb_error **err)
{
	const uint64_t shm = mps->shm_size ? mps->shm_size : UINT64_C(64) << 20;
	_cleanup_close_ int directory = open(mps->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (directory < 0)
		return nvb_fail_errno(err, errno, "%s", mps->directory);
	for (size_t i = 0; i < NVB_ELEMENTS(parts); i++) {
		_cleanup_free_ char *path = NULL, *options = NULL;

		if (asprintf(&path, "%s/%s", mps->directory, parts[i].name) < 0 ||
			asprintf(&options, "mode=%s,size=%" PRIu64 ",nr_inodes=%u", parts[i].mode,
				parts[i].size ? parts[i].size : shm, parts[i].inodes) < 0)
			return nvb_fail_oom(err);
		if ((mkdirat(directory, parts[i].name, 0700) < 0 && errno != EEXIST) ||
			mount(parts[i].name, path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0)
			return nvb_fail_errno(err, errno, "%s", path);
	}
	return 0;
}

/* Commands that set the limits, or that ask for them; the answers come in the same order. */
static char *limit_commands(const struct nvb_mps *mps, bool set)
{
	struct nvb_strbuf sb = {0};
	const char *verb = set ? "set" : "get";

	if (set && mps->compute_limit)
		nvb_sb_addf(&sb, "set_default_active_thread_percentage %u\n", mps->compute_limit);
	else if (!set)
		nvb_sb_add(&sb, "get_default_active_thread_percentage\n");
	for (size_t i = 0; mps->memory_limit && mps->uuids[i]; i++) {
		nvb_sb_addf(&sb, "%s_default_device_pinned_mem_limit %s", verb, mps->uuids[i]);
		if (set)
			nvb_sb_addf(&sb, " %" PRIu64 "M", mebibytes(mps->memory_limit));
		nvb_sb_addc(&sb, '\n');
	}
	nvb_sb_add(&sb, "");
	return nvb_sb_finish(&sb);
}

bool nvb_mps_parse_limit(const char *text, uint64_t *bytes)
{
	size_t n = strspn(text, "0123456789");
	char number[24];
	uint64_t value;

	if (n == 0 || n >= sizeof(number) || !text[n] || text[n + 1] || !strchr("MmGg", text[n]))
		return false;
	memcpy(number, text, n);
	number[n] = '\0';
	if (!nvb_parse_u64(number, &value) || value > UINT64_MAX >> 30)
		return false;
	*bytes = value << (text[n] == 'M' || text[n] == 'm' ? 20 : 30);
	return true;
}

static int other_limits(const struct nvb_mps *mps, const char *said, nvb_error **err)
{
	return nvb_fail(err, NVB_ERR_CONFLICT,
		"the MPS daemon in %s/pipe keeps other limits than were set: '%.60s'", mps->directory, said);
}

/* The percentage ("80.0"), then a line for each GPU ("8192M"). */
static int compare_limits(const struct nvb_mps *mps, char *reply, nvb_error **err)
{
	char *save = NULL, *line = strtok_r(reply, "\n", &save);
	uint64_t bytes;
	uint32_t percent;

	if (!line || !nvb_parse_u32((line[strcspn(line, ".")] = '\0', line), &percent) ||
		(mps->compute_limit && percent != mps->compute_limit))
		return other_limits(mps, line ? line : "", err);
	for (size_t i = 0; mps->memory_limit && mps->uuids[i]; i++) {
		line = strtok_r(NULL, "\n", &save);
		if (!line || !nvb_mps_parse_limit(line, &bytes) ||
			mebibytes(bytes) != mebibytes(mps->memory_limit))
			return other_limits(mps, line ? line : "", err);
	}
	return 0;
}

int nvb_mps_check(const struct nvb_mps *mps, nvb_error **err)
{
	_cleanup_free_ char *commands = limit_commands(mps, false), *reply = NULL;
	int rc;

	if (!commands)
		return nvb_fail_oom(err);
	rc = nvb_mps_control(mps, commands, &reply, err);
	return rc < 0 ? rc : compare_limits(mps, reply, err);
}

/* Whether a process is a control daemon of that directory: a number alone may be another's by now. */
static bool is_daemon(pid_t pid, const char *directory)
{
	_cleanup_free_ char *environment = NULL, *name = NULL, *wanted = NULL;
	char path[48];
	size_t size = 0;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (asprintf(&wanted, "CUDA_MPS_PIPE_DIRECTORY=%s/pipe", directory) < 0 ||
		nvb_file_read(AT_FDCWD, path, 64, &name, NULL, NULL) < 0 ||
		!nvb_after(name, "nvidia-cuda-mps"))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	if (nvb_file_read(AT_FDCWD, path, LARGEST_FILE, &environment, &size, NULL) < 0)
		return false;
	for (size_t at = 0; at < size; at += strlen(environment + at) + 1)
		if (nvb_streq(environment + at, wanted))
			return true;
	return false;
}

/* The daemon of a directory by the file it wrote, if that process is one and uses this directory; else 0. */
static pid_t find_daemon(const char *directory)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	uint32_t pid;

	if (asprintf(&path, "%s/pipe/nvidia-cuda-mps-control.pid", directory) < 0 ||
		nvb_file_read(AT_FDCWD, path, 32, &text, NULL, NULL) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	if (!nvb_parse_u32(text, &pid) || pid < 2 || pid > INT32_MAX || !is_daemon((pid_t)pid, directory))
		return 0;
	return (pid_t)pid;
}

static size_t kill_all(const char *directory)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	const struct dirent *entry;
	size_t count = 0;
	uint32_t pid;

	while (dir && (entry = readdir(dir))) {
		_cleanup_close_ int pidfd = -1;

		if (!nvb_parse_u32(entry->d_name, &pid) || pid <= 1 || pid > INT32_MAX ||
			!is_daemon((pid_t)pid, directory))
			continue;
		count++;
		/* Looked at again: once the descriptor is open the number cannot be another's any more. */
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pidfd >= 0 && is_daemon((pid_t)pid, directory))
			syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	}
	return count;
}

/* A server that its daemon left, or one that is just becoming a daemon: until there is none. */
static void kill_servers(const char *directory)
{
	static const struct timespec pause = {.tv_nsec = END_PAUSE_NS};

	for (int i = 0; i < END_TRIES && kill_all(directory); i++)
		nanosleep(&pause, NULL);
}

/* The container, which is gone, could write there: a link would lead what we say to another daemon. */
static bool is_own_socket(const char *directory)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	return asprintf(&path, "%s/pipe/control", directory) >= 0 && lstat(path, &st) == 0 &&
	       (S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode)) && st.st_uid == geteuid();
}

static void ask_to_quit(const char *program, const char *library_path, const char *directory,
	const struct nvb_mps_process *daemon)
{
	static const struct timespec pause = {.tv_nsec = END_PAUSE_NS};
	_cleanup_free_ char *seen = NULL, *reply = NULL;
	struct nvb_mps mps = {.program = program, .library_path = library_path};

	if (asprintf(&seen, "/proc/%d/root%s", daemon->pid, directory) < 0) {
		seen = NULL;
		return;
	}
	mps.directory = seen;
	if (!is_daemon(daemon->pid, directory) || !nvb_proc_is_alive(daemon->pid, daemon->started) ||
		!is_own_socket(seen) || nvb_mps_control(&mps, "quit\n", &reply, NULL) < 0)
		return;
	for (int i = 0; i < END_TRIES && nvb_proc_is_alive(daemon->pid, daemon->started); i++)
		nanosleep(&pause, NULL);
}

void nvb_mps_stop(const char *program, const char *library_path, const char *directory,
	const struct nvb_mps_process *daemon)
{
	if (program && daemon->pid)
		ask_to_quit(program, library_path, directory, daemon);
	kill_servers(directory);
	for (size_t i = 0; i < NVB_ELEMENTS(parts); i++) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/%s", directory, parts[i].name) >= 0)
			umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	}
}

int nvb_mps_start(const struct nvb_mps *mps, struct nvb_mps_process *daemon, nvb_error **err)
{
	_cleanup_free_ char *commands = limit_commands(mps, true), *reply = NULL;
	struct nvb_mps_process found;
	int rc;

	if (!commands)
		return nvb_fail_oom(err);
	if (mps->memory_limit && !mebibytes(mps->memory_limit))
		return nvb_fail(err, NVB_ERR_INVALID,
			"MPS limits memory in whole MiB: %" PRIu64 " bytes are none", mps->memory_limit);
	rc = make_directories(mps, err);
	if (rc == 0)
		rc = nvb_mps_run_daemon(mps, err);
	if (rc == 0)
		rc = nvb_mps_control(mps, commands, &reply, err);
	if (rc == 0)
		rc = nvb_mps_check(mps, err);
	found.pid = find_daemon(mps->directory);
	found.started = found.pid ? nvb_proc_start_time(found.pid) : 0;
	if (rc == 0 && !found.started)
		rc = nvb_fail(
			err, NVB_ERR_UNSUPPORTED, "%s: it does not say which process it is", mps->program);
	if (rc < 0) {
		nvb_mps_stop(mps->program, mps->library_path, mps->directory, &found);
		return rc;
	}
	*daemon = found;
	return 0;
}

static const char *value_of(const char *variable, const char *name)
{
	const char *rest = nvb_after(variable, name);

	return rest && *rest == '=' ? rest + 1 : NULL;
}

static bool has_mps(const struct nvb_plan *plan)
{
	for (size_t i = 0; plan && i < plan->edit_count; i++)
		if (plan->edits[i].kind == NVB_EDIT_MOUNT &&
			nvb_streq(plan->edits[i].mount.container, NVB_MPS_PIPES))
			return true;
	return false;
}

int nvb_mps_check_environment(const struct nvb_plan *plan, char *const *environment, nvb_error **err)
{
	if (!has_mps(plan))
		return 0;
	nvb_strv_foreach (variable, environment) {
		const char *pipes = value_of(*variable, "CUDA_MPS_PIPE_DIRECTORY");

		if (pipes && !nvb_streq(pipes, NVB_MPS_PIPES))
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_CONFLICT,
					"CUDA_MPS_PIPE_DIRECTORY=%s: no MPS daemon is there in the "
					"container, its "
					"programs would run without the limits",
					pipes),
				"leave the variable out; the daemon is in " NVB_MPS_PIPES);
		if (value_of(*variable, "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"))
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_CONFLICT,
					"%s: naming one GPU that the container does not have, it drops every "
					"limit",
					*variable),
				"leave the variable out, or run without limits");
	}
	return 0;
}
