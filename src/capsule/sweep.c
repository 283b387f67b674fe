/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "capsule/record.h"

/* What dead bolts left behind. */

/* The first process may still run: a killed bolt does not take its container along. */
static void kill_init(const struct nvb_entry *entry)
{
	_cleanup_close_ int pidfd = -1;
	uint64_t started;
	pid_t pid;

	if (!nvb_entry_init(entry, &pid, &started))
		return;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* The number may be another process's by now; once the descriptor is open it cannot change any more.
	 */
	if (pidfd >= 0 && nvb_proc_is_alive(pid, started))
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

/* Lets the runtime end the container its own way, hooks included; what it leaves we remove by hand. */
static void delete_by_runtime(const struct nvb_entry *entry, const struct nvb_log *log)
{
	_cleanup_free_ char *state =
		entry->runtime_root ? nvb_state_join(entry->runtime_root, entry->id) : NULL;
	pid_t pid;

	if (!state || access(state, F_OK) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
			_exit(125);
		execl(entry->runtime, entry->runtime, "--root", entry->runtime_root, "delete", "--force",
			entry->id, NULL);
		_exit(127);
	}
	if (pid > 0 && waitpid(pid, NULL, 0) == pid)
		nvb_debug(log, "deleted container %s by %s", entry->id, entry->runtime);
}

void nvb_entry_kill(const struct nvb_entry *entry, const struct nvb_log *log)
{
	kill_init(entry);
	delete_by_runtime(entry, log);
}

/* True when there is a record of a capsule that was complete: then the directory in /run is that of a start
 * that had not come to writing anything, or of a making that was as good as done. */
static bool was_made(const struct nvb_entry *entry)
{
	_cleanup_free_ char *path = nvb_state_join(entry->data, "record");

	return path && access(path, F_OK) == 0;
}

static void sweep_one(const struct nvb_state *state, const char *id, int lock, const struct nvb_log *log)
{
	struct nvb_entry entry = NVB_ENTRY_INIT;

	if (nvb_entry_open(state, id, lock, &entry, NULL) < 0) {
		close(lock);
		return;
	}
	/* It had no record yet when that was looked at. */
	if (entry.detached) {
		nvb_entry_release(&entry);
		return;
	}
	if ((!entry.recorded || entry.parked) && was_made(&entry)) {
		nvb_file_remove_tree(AT_FDCWD, entry.run, NULL);
		nvb_entry_release(&entry);
		return;
	}
	/* One that never came to run has nothing worth keeping. */
	entry.keep = entry.keep && nvb_entry_has_init(&entry);
	nvb_info(log, "removing what a killed bolt left of capsule %.12s", id);
	nvb_entry_kill(&entry, log);
	/* It ended by force. */
	nvb_entry_end(state, &entry, 128 + SIGKILL, log);
}

/* Whether the bolt that recorded this capsule is still there. */
static bool owner_lives(int directory)
{
	_cleanup_free_ char *record = NULL, *pid = NULL, *started = NULL;
	uint32_t number;

	if (nvb_file_read(directory, "record", NVB_RECORD_MOST, &record, NULL, NULL) < 0)
		return false;
	pid = nvb_record_value(record, "pid");
	started = nvb_record_value(record, "started");
	return pid && started && nvb_parse_u32(pid, &number) &&
	       nvb_proc_is_alive((pid_t)number, strtoull(started, NULL, 10));
}

/* The lock of a dead bolt is free, save for the moment in which a child of its own has not yet become the
 * runtime: that one ends with its parent. */
bool nvb_entry_take_over(int directory)
{
	enum { TRIES = 200, PAUSE_NS = 5 * 1000 * 1000 };
	const struct timespec pause = {.tv_nsec = PAUSE_NS};

	for (int i = 0; flock(directory, LOCK_EX | LOCK_NB) < 0; i++) {
		if (i == TRIES || owner_lives(directory))
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* Those under a supervisor are for another one to take over (supervisor.h). Where a thousand run, this is all
 * that is looked at. */
static bool is_detached(int directory)
{
	_cleanup_free_ char *record = NULL;

	return nvb_file_read(directory, "record", NVB_RECORD_MOST, &record, NULL, NULL) == 0 &&
	       nvb_record_flag(record, "detached");
}

void nvb_state_sweep(const struct nvb_state *state, const struct nvb_log *log)
{
	_cleanup_free_ char *path = nvb_state_join(state->run, "capsules");
	_cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;
	_cleanup_close_ int lock = -1;
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int fd;

		if (!nvb_record_is_id(entry->d_name))
			continue;
		/* Taken at the first capsule that is found: there mostly is none. */
		if (lock < 0)
			lock = nvb_state_lock(state, NULL);
		if (lock < 0)
			return;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!is_detached(fd) && nvb_entry_take_over(fd))
			sweep_one(state, entry->d_name, fd, log);
		else
			close(fd);
	}
}
