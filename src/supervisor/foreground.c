/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/foreground.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "capsule/definition.h"
#include "capsule/record.h"
#include "capsule/runtime_call.h"

enum { MOMENT_NS = 5 * 1000 * 1000 };

static int open_capsule(const struct nvb_state *state, const char *id)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/capsules/%s", state->run, id) >= sizeof(path))
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Who has it holds the lock of its directory. */
static bool is_held(int directory)
{
	if (flock(directory, LOCK_SH | LOCK_NB) < 0)
		return errno == EWOULDBLOCK;
	flock(directory, LOCK_UN);
	return false;
}

static char *read_record(int directory)
{
	char *text;

	return nvb_file_read(directory, "record", NVB_RECORD_MOST, &text, NULL, NULL) < 0 ? NULL : text;
}

bool nvb_foreground_has(const struct nvb_state *state, const char *id, pid_t *keeper)
{
	_cleanup_close_ int directory = open_capsule(state, id);
	_cleanup_free_ char *record = directory < 0 ? NULL : read_record(directory);

	/* "parked": it is being made, and not to run. */
	if (!record || nvb_record_flag(record, "detached") || nvb_record_flag(record, "parked") ||
		!is_held(directory))
		return false;
	*keeper = (pid_t)nvb_record_number(record, "pid", 0);
	return true;
}

int nvb_foreground_refuse(const char *id, pid_t keeper, const char *what, nvb_error **err)
{
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_UNSUPPORTED, "capsule %.12s runs in the foreground of process %d: %s",
			id, keeper, what),
		"bolt surge run -d runs one in the background");
}

/* A pidfd of a process that is still the one that was recorded, or -1. */
static int open_process(pid_t pid, uint64_t started)
{
	int fd = pid > 1 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

	if (fd >= 0 && !nvb_proc_is_alive(pid, started)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_init(const struct nvb_entry *entry)
{
	uint64_t started;
	pid_t pid;

	return nvb_entry_init(entry, &pid, &started) ? open_process(pid, started) : -1;
}

/* It has ended once its keeper has given back what it had, which takes a moment, and is never where somebody
 * has stopped the keeper (^Z). */
static int wait_for_keeper(const char *id, int directory, pid_t keeper, nvb_error **err)
{
	enum { TRIES = 2000 };
	const struct timespec moment = {.tv_nsec = MOMENT_NS};

	for (int i = 0; i < TRIES; i++) {
		if (!is_held(directory))
			return 0;
		nanosleep(&moment, NULL);
	}
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_BUSY,
			"the program of capsule %.12s has ended, and process %d, which has it in the "
			"foreground, "
			"gives nothing back",
			id, keeper),
		"is that process stopped? Let it go on (fg), or kill it");
}

static bool has_ended_within(int process, long long seconds)
{
	struct timespec now;
	long long end;

	clock_gettime(CLOCK_MONOTONIC, &now);
	end = (now.tv_sec + seconds) * 1000 + now.tv_nsec / 1000000;
	for (;;) {
		struct pollfd fd = {.fd = process, .events = POLLIN};
		long long left = end - ((long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
		int rc = poll(&fd, 1, left < 0 ? 0 : left > 1000 * 1000 ? 1000 * 1000 : (int)left);

		if (rc > 0 || left <= 0)
			return rc > 0;
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
}

static int freeze(struct nvb_entry *entry, bool frozen, nvb_error **err)
{
	int rc;

	if (!nvb_entry_has_init(entry))
		return nvb_fail(err, NVB_ERR_CONFLICT, "the capsule's program does not run now");
	if (nvb_entry_is(entry, "paused") == frozen)
		return nvb_fail(err, NVB_ERR_CONFLICT,
			frozen ? "the capsule is paused already" : "the capsule is not paused");
	if (!entry->cgroup)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"only a capsule with a control group can be paused, which one run without root has "
			"not");
	rc = nvb_runtime_call(entry, frozen ? "pause" : "resume", NULL, err);
	if (rc < 0)
		return rc;
	return nvb_entry_note(
		entry, (const char *const[]){"state", frozen ? "paused" : "running", NULL}, err);
}

/* One that has not come to its program yet is broken off by its keeper. */
static int stop(
	struct nvb_entry *entry, int directory, pid_t keeper, int signal, long long seconds, nvb_error **err)
{
	_cleanup_free_ char *record = read_record(directory);
	_cleanup_close_ int init = open_init(entry), process = -1;

	if (signal == 0)
		signal = record ? (int)nvb_record_number(record, "stop-signal", SIGTERM) : SIGTERM;
	if (init < 0) {
		process =
			open_process(keeper, record ? (uint64_t)nvb_record_number(record, "started", 0) : 0);
		if (process >= 0)
			syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0);
		return wait_for_keeper(entry->id, directory, keeper, err);
	}
	/* Frozen processes take no signal. */
	if (nvb_entry_is(entry, "paused"))
		freeze(entry, false, NULL);
	if (syscall(SYS_pidfd_send_signal, init, signal, NULL, 0) < 0 && errno != ESRCH)
		return nvb_fail_errno(err, errno, "ending capsule %.12s", entry->id);
	if (signal != SIGKILL && !has_ended_within(init, seconds))
		syscall(SYS_pidfd_send_signal, init, SIGKILL, NULL, 0);
	return wait_for_keeper(entry->id, directory, keeper, err);
}

static int send_signal(struct nvb_entry *entry, int signal, nvb_error **err)
{
	_cleanup_close_ int init = open_init(entry);

	if (init < 0)
		return nvb_fail(err, NVB_ERR_CONFLICT, "the capsule's program does not run now");
	if (signal == SIGKILL && nvb_entry_is(entry, "paused"))
		freeze(entry, false, NULL);
	if (syscall(SYS_pidfd_send_signal, init, signal, NULL, 0) < 0)
		return nvb_fail_errno(err, errno, "a signal for capsule %.12s", entry->id);
	return 0;
}

static int update(const struct nvb_entry *entry, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition definition = {0};
	int rc;

	nvb_capsule_definition_init(&definition);
	rc = nvb_definition_load(&definition, entry->data, err);
	if (rc == 0 && nvb_entry_has_init(entry))
		rc = nvb_runtime_update(entry, &definition.spec.resources, err);
	return rc;
}

static int serve(struct nvb_entry *entry, int directory, pid_t keeper, const char *request, nvb_error **err)
{
	long long seconds;
	int signal;

	if (sscanf(request, "stop %d %lld", &signal, &seconds) == 2)
		return stop(entry, directory, keeper, signal, seconds, err);
	if (sscanf(request, "kill %d", &signal) == 1 && signal > 0)
		return send_signal(entry, signal, err);
	if (nvb_streq(request, "pause") || nvb_streq(request, "unpause"))
		return freeze(entry, *request == 'p', err);
	if (nvb_streq(request, "alive"))
		return 0;
	if (nvb_streq(request, "update"))
		return update(entry, err);
	return nvb_foreground_refuse(entry->id, keeper, "it has no supervisor that could do that", err);
}

int nvb_foreground_ask(const struct nvb_state *state, const char *id, const char *request, nvb_error **err)
{
	struct nvb_entry entry = NVB_ENTRY_INIT;
	_cleanup_close_ int directory = open_capsule(state, id);
	pid_t keeper;
	int rc;

	if (directory < 0 || !nvb_foreground_has(state, id, &keeper))
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "capsule %.12s does not run", id);
	rc = nvb_entry_open(state, id, -1, &entry, err);
	if (rc < 0)
		return rc;
	rc = serve(&entry, directory, keeper, request, err);
	nvb_entry_release(&entry);
	return rc;
}
