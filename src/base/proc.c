/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { FIELD_STATE = 3, FIELD_START_TIME = 22 };

/* 0 and the time, which is 0 for a corpse; or a negated errno. */
static int read_start_time(pid_t pid, uint64_t *started)
{
	_cleanup_close_ int fd = -1;
	char path[64], text[1024], *p;
	ssize_t n;

	*started = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	text[n] = '\0';
	/* The name in parentheses may hold anything, parentheses included. */
	p = strrchr(text, ')');
	if (!p || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X')
		return 0;
	p += 2;
	for (int field = FIELD_STATE; p && field < FIELD_START_TIME; field++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	*started = p ? strtoull(p, NULL, 10) : 0;
	return 0;
}

uint64_t nvb_proc_start_time(pid_t pid)
{
	uint64_t started;
	int rc = read_start_time(pid, &started);

	errno = -rc;
	return started;
}

/* Of another user, where /proc is mounted with hidepid. */
static bool is_hidden(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return kill(pid, 0) < 0 && errno == EPERM && access(path, R_OK) < 0;
}

bool nvb_proc_is_alive(pid_t pid, uint64_t start_time)
{
	uint64_t started;
	int rc;

	if (pid <= 0 || !start_time)
		return false;
	rc = read_start_time(pid, &started);
	/* No descriptor or memory is left here: that says nothing of it, and what it holds must not be taken
	 * from it. The number alone counts then. */
	if (rc < 0 && rc != -ENOENT && rc != -ESRCH && rc != -EACCES && rc != -EPERM)
		return kill(pid, 0) == 0 || errno == EPERM;
	return (rc == 0 && started == start_time) || is_hidden(pid);
}
