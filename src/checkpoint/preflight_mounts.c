/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/mountinfo.h"
#include "checkpoint/preflight_private.h"

/* Mounts whose file or directory is gone, and those behind which nobody answers: whoever looked at a file of
 * theirs would wait for ever, CRIU among them, with the capsule frozen. */

enum { PATIENCE_MS = 3000 };

/* File systems that another program or machine answers for. */
static bool is_remote(const char *type)
{
	static const char *const types[] = {
		"nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "afs", "lustre", "fuse", "fuseblk"};

	for (size_t i = 0; i < NVB_ELEMENTS(types); i++)
		if (nvb_streq(type, types[i]))
			return true;
	return nvb_after(type, "fuse.") != NULL;
}

/* A child asks, which is left behind where it waits: it has nothing open then, so that no lock of ours waits
 * with it, nor anybody for the end of what we say. An error is an answer. */
static bool answers(const char *path)
{
	struct pollfd ended = {.events = POLLIN};
	pid_t pid = fork();
	bool watched, in_time;

	if (pid == 0) {
		struct stat st;

		close_range(0, ~0U, 0);
		_exit(stat(path, &st) < 0);
	}
	if (pid < 0)
		return true;
	ended.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* One that cannot be watched is not waited for either, and counts as an answer. */
	watched = ended.fd >= 0;
	in_time = watched && poll(&ended, 1, PATIENCE_MS) != 0;
	if (watched)
		close(ended.fd);
	if (!in_time)
		kill(pid, SIGKILL);
	waitpid(pid, NULL, in_time ? 0 : WNOHANG);
	return in_time || !watched;
}

bool nvb_preflight_is_silent(const char *path)
{
	_cleanup_free_ char *text = NULL;
	struct nvb_mountinfo mount;
	size_t longest = 0;
	bool remote = false;
	char *rest;

	if (nvb_file_read(AT_FDCWD, "/proc/self/mountinfo", NVB_MOUNTINFO_MAX, &text, NULL, NULL) < 0)
		return false;
	rest = text;
	while (nvb_mountinfo_next(&rest, &mount)) {
		const char *below = nvb_after(path, mount.point);
		size_t n = strlen(mount.point);

		/* The last of those that are mounted at one point is the one that is seen. */
		if (below && (!*below || *below == '/' || n == 1) && n >= longest) {
			longest = n;
			remote = is_remote(mount.type);
		}
	}
	return remote && !answers(path);
}

static void see_silent(int pid, const struct nvb_mountinfo *mount, struct nvb_preflight_report *report)
{
	char path[PATH_MAX + 64];

	if (!is_remote(mount->type))
		return;
	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, mount->point);
	if (!answers(path))
		nvb_preflight_find(report, "mount-silent", 0, true, "%s (%s) does not answer", mount->point,
			mount->type);
}

void nvb_preflight_mounts(int pid, const char *mountinfo, struct nvb_preflight_report *report)
{
	_cleanup_free_ char *text = strdup(mountinfo);
	struct nvb_mountinfo mount;
	char *rest = text;

	report->failed |= !text;
	while (text && nvb_mountinfo_next(&rest, &mount)) {
		if (nvb_ends_with(mount.root, "//deleted"))
			nvb_preflight_find(report, "mount-gone", 0, true,
				"what is mounted at %s was removed from the host", mount.point);
		see_silent(pid, &mount, report);
	}
}
