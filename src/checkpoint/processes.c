/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"

/* The number behind a key of /proc/PID/status, the last where there are several ("NSpid"); -1: none. */
static int status_number(pid_t pid, const char *key)
{
	_cleanup_free_ char *text = NULL;
	char path[64], *line;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (nvb_file_read(AT_FDCWD, path, 1 << 16, &text, NULL, NULL) < 0)
		return -1;
	line = strstr(text, key);
	if (!line)
		return -1;
	line += strlen(key);
	n = strcspn(line, "\n");
	line[n] = '\0';
	while (n && line[n - 1] != '\t' && line[n - 1] != ' ')
		n--;
	return (int)strtol(line + n, NULL, 10);
}

/* Source: proc(5), /proc/PID/statm: the second number are pages. */
uint64_t nvb_processes_memory(const int *pids, size_t count)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < count; i++) {
		_cleanup_free_ char *text = NULL;
		unsigned long long resident;
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/statm", pids[i]);
		if (nvb_file_read(AT_FDCWD, path, 256, &text, NULL, NULL) == 0 &&
			sscanf(text, "%*s %llu", &resident) == 1)
			pages += resident;
	}
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool is_in(int pid, const int *pids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

static bool descends(int pid, pid_t init, const int *pids, size_t count)
{
	/* Each step leads to another process of the list. */
	for (size_t i = 0; i <= count; i++) {
		if (pid == init)
			return true;
		pid = status_number(pid, "\nPPid:");
		if (pid <= 1 || !is_in(pid, pids, count))
			return pid == init;
	}
	return false;
}

void nvb_process_name(pid_t pid, char name[static 17])
{
	_cleanup_free_ char *text = NULL;
	char path[64];

	*name = '\0';
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (nvb_file_read(AT_FDCWD, path, 64, &text, NULL, NULL) == 0) {
		text[strcspn(text, "\n")] = '\0';
		snprintf(name, 17, "%s", text);
	}
}

int nvb_process_inner(pid_t pid)
{
	int inner = status_number(pid, "\nNSpid:");

	return inner > 0 ? inner : 0;
}

/* Whoever it is that lies between: a runtime that runs it in the capsule, say. */
static bool is_of(int pid, pid_t other)
{
	enum { DEEP = 64 };

	for (int i = 0; other > 1 && pid > 1 && i < DEEP; i++) {
		if (pid == other)
			return true;
		pid = status_number(pid, "\nPPid:");
	}
	return false;
}

pid_t nvb_processes_beside(pid_t init, pid_t other, const int *pids, size_t count, size_t *at)
{
	while (*at < count) {
		int pid = pids[(*at)++];

		if (!descends(pid, init, pids, count) && !is_of(pid, other) && nvb_proc_start_time(pid) != 0)
			return pid;
	}
	return 0;
}

int nvb_processes_check(pid_t init, const int *pids, size_t count, nvb_error **err)
{
	size_t at = 0;
	pid_t pid = nvb_processes_beside(init, 0, pids, count, &at);
	char name[17];

	if (!pid)
		return 0;
	nvb_process_name(pid, name);
	nvb_fail(err, NVB_ERR_BUSY,
		"process %d (%s) was started beside the capsule's own program and cannot be saved with it",
		pid, name);
	return nvb_hint(err, -NVB_ERR_BUSY, "let what 'bolt capsule exec' runs end first");
}

static bool is_corpse(pid_t pid, const char *name)
{
	_cleanup_free_ char *text = NULL;
	char path[64], own[17];
	const char *end;

	nvb_process_name(pid, own);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (!nvb_streq(own, name) || nvb_file_read(AT_FDCWD, path, 4096, &text, NULL, NULL) < 0)
		return false;
	end = strrchr(text, ')');
	return end && nvb_after(end, ") Z");
}

/* Source: proc(5), /proc/PID/task/TID/children: each thread has those that it made. */
bool nvb_process_has_corpse(pid_t pid, const char *name)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[NAME_MAX + 64];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		_cleanup_free_ char *children = NULL;

		snprintf(path, sizeof(path), "%s/children", entry->d_name);
		if (*entry->d_name == '.' ||
			nvb_file_read(dirfd(dir), path, 1 << 16, &children, NULL, NULL) < 0)
			continue;
		for (char *save = NULL, *word = strtok_r(children, " ", &save); word;
			word = strtok_r(NULL, " ", &save))
			if (is_corpse((pid_t)strtol(word, NULL, 10), name))
				return true;
	}
	return false;
}

enum { PAUSE_NS = 5 * 1000 * 1000 };

static bool ends_within(int process, int milliseconds)
{
	struct pollfd ended = {.fd = process, .events = POLLIN};

	while (poll(&ended, 1, milliseconds) < 0)
		if (errno != EINTR)
			return false;
	return ended.revents;
}

void nvb_processes_end(pid_t pid, uint64_t started)
{
	enum { A_MINUTE = 60000, A_SECOND = 1000 };
	_cleanup_close_ int process = (int)syscall(SYS_pidfd_open, pid, 0);

	/* Behind the descriptor: nobody who gets the number later is meant by it. */
	if (process < 0 || !nvb_proc_is_alive(pid, started))
		return;
	syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0);
	if (ends_within(process, A_MINUTE))
		return;
	syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
	ends_within(process, A_SECOND);
}

static int tracer_of(const int *pids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int tracer = status_number(pids[i], "\nTracerPid:");

		if (tracer > 1)
			return tracer;
	}
	return 0;
}

/* Nobody else's debugger, and nobody who has only got its number since. */
static void end_criu(int tracer, const int *pids, size_t count)
{
	_cleanup_close_ int process = (int)syscall(SYS_pidfd_open, tracer, 0);
	char name[17];

	nvb_process_name(tracer, name);
	if (process >= 0 && nvb_streq(name, "criu") && tracer_of(pids, count) == tracer)
		syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
}

void nvb_processes_untrace(const int *pids, size_t count)
{
	enum { TEN_SECONDS = 2000 };
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	int tracer = 0;

	for (int i = 0; i < TEN_SECONDS; i++) {
		tracer = tracer_of(pids, count);
		if (!tracer)
			return;
		nanosleep(&pause, NULL);
	}
	end_criu(tracer, pids, count);
}
