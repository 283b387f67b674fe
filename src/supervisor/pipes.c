/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/pipes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "capsule/record.h"

void nvb_pipes_close_given(struct nvb_pipes *pipes)
{
	for (size_t i = 0; i < NVB_ELEMENTS(pipes->given); i++) {
		nvb_closep(&pipes->given[i]);
		pipes->given[i] = -1;
	}
}

void nvb_pipes_close(struct nvb_pipes *pipes)
{
	nvb_pipes_close_given(pipes);
	nvb_closep(&pipes->input);
	nvb_closep(&pipes->output);
	nvb_closep(&pipes->error);
	*pipes = (struct nvb_pipes)NVB_PIPES_INIT;
}

/* What the program writes: our end does not wait, its end is open for both. */
static int open_output(int *ours, int *theirs, nvb_error **err)
{
	char path[64];
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[1]);
	*theirs = open(path, O_RDWR | O_CLOEXEC);
	close(fds[1]);
	*ours = fds[0];
	if (*theirs < 0 || fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	return 0;
}

static int open_input(struct nvb_pipes *pipes, nvb_error **err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	pipes->given[0] = fds[0];
	pipes->input = fds[1];
	if (fcntl(fds[1], F_SETFL, O_NONBLOCK) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	return 0;
}

int nvb_pipes_open(struct nvb_pipes *pipes, bool interactive, nvb_error **err)
{
	int rc = 0;

	*pipes = (struct nvb_pipes)NVB_PIPES_INIT;
	if (interactive) {
		rc = open_input(pipes, err);
	} else {
		pipes->given[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (pipes->given[0] < 0)
			rc = nvb_fail_errno(err, errno, "/dev/null");
	}
	if (rc == 0)
		rc = open_output(&pipes->output, &pipes->given[1], err);
	if (rc == 0)
		rc = open_output(&pipes->error, &pipes->given[2], err);
	if (rc < 0)
		nvb_pipes_close(pipes);
	return rc;
}

static void describe(int fd, char text[static 32])
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		*text = '\0';
	else
		snprintf(text, 32, "%llu", (unsigned long long)st.st_ino);
}

int nvb_pipes_record(const struct nvb_pipes *pipes, const struct nvb_entry *entry, nvb_error **err)
{
	char input[32], output[32], error[32];

	describe(pipes->input, input);
	describe(pipes->output, output);
	describe(pipes->error, error);
	return nvb_entry_note(
		entry, (const char *const[]){"stdin", input, "stdout", output, "stderr", error, NULL}, err);
}

/* One that its process put another file in the place of, meanwhile, is not what was looked for. */
static int checked(int fd, const char *number)
{
	char found[32];
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode)) {
		snprintf(found, sizeof(found), "%llu", (unsigned long long)st.st_ino);
		if (nvb_streq(found, number))
			return fd;
	}
	close(fd);
	return -1;
}

/* The pipe of that number among the descriptors of a process, opened anew. */
static int find_in_process(pid_t pid, const char *number)
{
	char path[NAME_MAX + 64], target[64], wanted[64];
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	snprintf(wanted, sizeof(wanted), "pipe:[%s]", number);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (n <= 0)
			continue;
		target[n] = '\0';
		if (nvb_streq(target, wanted))
			return checked(openat(dirfd(dir), entry->d_name,
					       O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC),
				number);
	}
	return -1;
}

/* Its first process may have turned its own elsewhere: then one of its children has the pipe, or nobody. */
static int find_below(pid_t pid, const char *number, unsigned depth)
{
	char path[64];
	_cleanup_free_ char *children = NULL;
	int fd = find_in_process(pid, number);

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if (fd >= 0 || !depth || nvb_file_read(AT_FDCWD, path, 1 << 20, &children, NULL, NULL) < 0)
		return fd;
	for (char *save, *word = strtok_r(children, " ", &save); fd < 0 && word;
		word = strtok_r(NULL, " ", &save))
		fd = find_below((pid_t)strtol(word, NULL, 10), number, depth - 1);
	return fd;
}

void nvb_pipes_find(struct nvb_pipes *pipes, const struct nvb_entry *entry, pid_t init)
{
	enum { DEPTH = 32 };
	_cleanup_free_ char *path = nvb_state_join(entry->run, "record"), *record = NULL, *output = NULL,
			    *error = NULL;

	*pipes = (struct nvb_pipes)NVB_PIPES_INIT;
	if (!path || nvb_file_read(AT_FDCWD, path, NVB_RECORD_MOST, &record, NULL, NULL) < 0)
		return;
	output = nvb_record_value(record, "stdout");
	error = nvb_record_value(record, "stderr");
	if (output && *output)
		pipes->output = find_below(init, output, DEPTH);
	if (error && *error)
		pipes->error = find_below(init, error, DEPTH);
}

int nvb_relay_open(int relay[2], nvb_error **err)
{
	return pipe2(relay, O_CLOEXEC | O_NONBLOCK) < 0 ? nvb_fail_errno(err, errno, "pipe") : 0;
}
