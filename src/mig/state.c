/* SPDX-License-Identifier: Apache-2.0 */
#include "mig/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/str.h"

#define STATE  "/run/nvbind/mig"
#define BEFORE "before"
#define MADE   "made"

int nvb_mig_state_open(const struct nvb_root *root, bool make, int *out, nvb_error **err)
{
	_cleanup_close_ int fd = nvb_root_openat(root, STATE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	struct stat st;

	if (fd == -ENOENT && make) {
		_cleanup_close_ int parent = -1;
		const char *name;

		parent = nvb_root_open_parent(root, STATE, true, &name, err);
		if (parent < 0)
			return parent;
		if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
			return nvb_fail_errno(err, errno, "making " STATE);
		fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
		else if (fchmod(fd, 0755) < 0)
			return nvb_fail_errno(err, errno, STATE);
	}
	if (fd < 0 && make)
		return nvb_fail_errno(err, -fd, STATE);
	/* Layouts that a stranger wrote there would be put onto the GPUs. */
	if (fd >= 0 && (fstat(fd, &st) < 0 || (st.st_uid != 0 && st.st_uid != geteuid()) ||
			       st.st_mode & (S_IWGRP | S_IWOTH))) {
		int rc = nvb_fail(err, NVB_ERR_PERMISSION,
			STATE ": others than root may write there, so what it says cannot be believed");

		return nvb_hint(err, rc, "remove it; it is made anew");
	}
	*out = fd < 0 ? -1 : NVB_TAKE_FD(fd);
	return 0;
}

int nvb_mig_state_lock(int state, int *lock, nvb_error **err)
{
	enum {
		TRIES = 6000,
		PAUSE_NS = 10 * 1000 * 1000
	}; /* a minute: a driver may take seconds for a step */
	_cleanup_close_ int fd = openat(state, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return nvb_fail_errno(err, errno, STATE "/lock");
	for (int i = 0; i < TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			*lock = NVB_TAKE_FD(fd);
			return 0;
		}
		if (errno != EWOULDBLOCK && errno != EINTR)
			return nvb_fail_errno(err, errno, STATE "/lock");
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	}
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_BUSY, "another process has been changing MIG for over a minute"),
		"'fuser " STATE "/lock' names it");
}

int nvb_mig_before_write(int state, const struct nvb_mig_before *before, nvb_error **err)
{
	_cleanup_free_ char *text = nvb_mig_before_format(before);

	if (!text)
		return nvb_fail_oom(err);
	return nvb_file_write(state, BEFORE, text, strlen(text), 0644, err);
}

int nvb_mig_before_read(int state, struct nvb_mig_before *before, nvb_error **err)
{
	enum { MAX = 1 << 20 };
	_cleanup_free_ char *text = NULL;
	size_t size;
	int rc = nvb_file_read(state, BEFORE, MAX, &text, &size, err);

	if (rc == 0 && strlen(text) != size)
		rc = nvb_fail(err, NVB_ERR_CORRUPT, "it holds a NUL character");
	if (rc == 0)
		rc = nvb_mig_before_parse(text, before, err);
	return rc == -NVB_ERR_CORRUPT ? nvb_wrap(err, rc, STATE "/" BEFORE) : rc;
}

int nvb_mig_before_remove(int state, nvb_error **err)
{
	if (unlinkat(state, BEFORE, 0) < 0 && errno != ENOENT)
		return nvb_fail_errno(err, errno, "removing " STATE "/" BEFORE);
	return 0;
}

bool nvb_mig_before_exists(int state)
{
	return state >= 0 && faccessat(state, BEFORE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void mark_name(const char *pci, uint32_t start, char *name, size_t size)
{
	snprintf(name, size, MADE "/%.32s@%u", pci, start);
}

int nvb_mig_mark(int state, const char *pci, const struct nvb_mig_instance *instance, nvb_error **err)
{
	char name[64], text[32];
	int n = snprintf(text, sizeof(text), "%u\n", instance->profile_id);

	if (mkdirat(state, MADE, 0755) < 0 && errno != EEXIST)
		return nvb_fail_errno(err, errno, STATE "/" MADE);
	mark_name(pci, instance->place.start, name, sizeof(name));
	return nvb_file_write(state, name, text, (size_t)n, 0644, err);
}

bool nvb_mig_is_marked(int state, const char *pci, const struct nvb_mig_instance *instance)
{
	_cleanup_free_ char *text = NULL;
	char name[64], wanted[32];
	size_t size;

	mark_name(pci, instance->place.start, name, sizeof(name));
	snprintf(wanted, sizeof(wanted), "%u\n", instance->profile_id);
	return state >= 0 && nvb_file_read(state, name, sizeof(wanted), &text, &size, NULL) == 0 &&
	       nvb_streq(text, wanted);
}

void nvb_mig_unmark(int state, const char *pci, uint32_t start)
{
	char name[64];

	mark_name(pci, start, name, sizeof(name));
	unlinkat(state, name, 0);
}

static void mode_name(const char *pci, char *name, size_t size)
{
	snprintf(name, size, MADE "/%.32s@mode", pci);
}

int nvb_mig_mark_mode(int state, const char *pci, nvb_error **err)
{
	char name[64];

	if (mkdirat(state, MADE, 0755) < 0 && errno != EEXIST)
		return nvb_fail_errno(err, errno, STATE "/" MADE);
	mode_name(pci, name, sizeof(name));
	return nvb_file_write(state, name, "on\n", 3, 0644, err);
}

bool nvb_mig_mode_is_marked(int state, const char *pci)
{
	char name[64];

	mode_name(pci, name, sizeof(name));
	return state >= 0 && faccessat(state, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void nvb_mig_unmark_mode(int state, const char *pci)
{
	char name[64];

	mode_name(pci, name, sizeof(name));
	unlinkat(state, name, 0);
}
