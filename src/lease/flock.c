/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/file.h"
#include "base/str.h"
#include "lease/conflict.h"

/* Flocks of devices: how those hold a GPU who may not write records. */

/* Whoever writes a record flocks for some microseconds; that is nobody in the way. */
enum { FLOCK_TRIES = 20, FLOCK_PAUSE_NS = 2000000, LARGEST_LOCKS = 1 << 22 };

void nvb_lease_flocks_release(struct nvb_lease_flocks *flocks)
{
	for (size_t i = 0; i < flocks->count; i++)
		close(flocks->fds[i]);
	free(flocks->fds);
	*flocks = (struct nvb_lease_flocks){0};
}

struct nvb_flock_holder *nvb_flock_holders(size_t *count)
{
	_cleanup_free_ struct nvb_flock_holder *holders = NULL;
	_cleanup_free_ char *text = NULL;
	size_t n = 0, capacity = 0;

	*count = 0;
	if (nvb_file_read(AT_FDCWD, "/proc/locks", LARGEST_LOCKS, &text, NULL, NULL) < 0)
		return NULL;
	/* "1: FLOCK  ADVISORY  WRITE 1234 00:1b:5678 0 EOF"; who waits for one has "->" behind the number. */
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		struct nvb_flock_holder holder = {0};
		char access[8];

		if (sscanf(line, "%*u: FLOCK ADVISORY %7s %d %x:%x:%llu", access, &holder.pid, &holder.major,
			    &holder.minor, &holder.inode) != 5)
			continue;
		holder.exclusive = nvb_streq(access, "WRITE");
		if (!NVB_GROW(holders, n, capacity))
			return NULL;
		holders[n++] = holder;
	}
	*count = n;
	return NVB_TAKE_PTR(holders);
}

static pid_t who_flocks(int fd)
{
	_cleanup_free_ struct nvb_flock_holder *holders = NULL;
	struct stat st;
	size_t count;

	if (fstat(fd, &st) < 0)
		return 0;
	holders = nvb_flock_holders(&count);
	for (size_t i = 0; i < count; i++)
		if (holders[i].inode == st.st_ino && holders[i].major == major(st.st_dev) &&
			holders[i].minor == minor(st.st_dev))
			return holders[i].pid;
	return 0;
}

/* A process that took one and ended may have left it to another, whom nobody can name. */
static void describe_process(pid_t pid, char *text, size_t size)
{
	_cleanup_free_ char *name = NULL;
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (!pid || stat(path, &st) < 0) {
		if (pid)
			snprintf(text, size, "a process that has it from process %d", pid);
		else
			snprintf(text, size, "another process");
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	nvb_file_read(AT_FDCWD, path, 32, &name, NULL, NULL);
	snprintf(text, size, "process %d (%.*s) of user %u", pid, name ? (int)strcspn(name, "\n") : 1,
		name ? name : "?", st.st_uid);
}

static int refuse(const struct nvb_lease_device *device, int fd, enum nvb_lease_mode mode, nvb_error **err)
{
	char who[128];
	int rc;

	describe_process(who_flocks(fd), who, sizeof(who));
	rc = nvb_fail(err, NVB_ERR_BUSY, "%s %s (%s) is held by %s", device->parent ? "MIG device" : "GPU",
		device->name ? device->name : device->key, device->uuid ? device->uuid : device->key, who);
	return nvb_hint(err, rc,
		"end it or ask for another GPU%s; 'nvbind info --leases' shows who holds what",
		mode == NVB_LEASE_EXCLUSIVE ? ", or for a shared one" : "");
}

static int flock_patiently(int fd, int operation)
{
	const struct timespec pause = {.tv_nsec = FLOCK_PAUSE_NS};

	for (int i = 0;; i++) {
		if (flock(fd, operation | LOCK_NB) == 0)
			return 0;
		if ((errno != EWOULDBLOCK && errno != EINTR) || i == FLOCK_TRIES)
			return -errno;
		nanosleep(&pause, NULL);
	}
}

/* Whoever may open the GPU may hold it, nobody else. A failure leaves the file to those who have it now. */
static void follow_node(int fd, const char *node)
{
	struct stat of_node, of_file;
	mode_t mode;

	if (!node || stat(node, &of_node) < 0 || fstat(fd, &of_file) < 0)
		return;
	mode = S_IRUSR | (of_node.st_mode & (S_IRGRP | S_IROTH));
	if (of_file.st_gid != of_node.st_gid && fchown(fd, (uid_t)-1, of_node.st_gid) < 0)
		return;
	if ((of_file.st_mode & 07777) != mode)
		fchmod(fd, mode);
}

/* Made for root alone, whatever umask the engine has that runs us. */
static int open_device(const struct nvb_lease_place *place, const char *key, const char *node)
{
	int fd = openat(place->devices, key, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && place->writable) {
		fd = openat(place->devices, key, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0400);
		if (fd >= 0 && !node)
			fchmod(fd, 0444);
	}
	if (fd >= 0 && place->writable)
		follow_node(fd, node);
	return fd;
}

static int flock_one(const struct nvb_lease_place *place, const struct nvb_lease_device *device,
	const char *key, enum nvb_lease_mode mode, struct nvb_lease_flocks *flocks, nvb_error **err)
{
	_cleanup_close_ int fd = open_device(place, key, device->node);
	int rc;

	if (fd < 0 && errno == ENOENT && mode == NVB_LEASE_SHARED)
		return 0;
	/* Whoever may not open the GPU's node either: the container will say so. */
	if (fd < 0 && errno == EACCES && mode == NVB_LEASE_SHARED)
		return 0;
	if (fd < 0 && errno == EACCES)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_PERMISSION,
				"GPU %s cannot be had exclusively: this user may not open its device node",
				device->name ? device->name : key),
			"ask for another GPU, or for membership of the group that owns the node");
	if (fd < 0 && errno == ENOENT)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_PERMISSION,
				"GPU %s cannot be had exclusively: %s/devices/%s is not there yet",
				device->name ? device->name : key, place->path, key),
			"root makes it with the first container that gets this GPU");
	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s/devices/%s", place->path, key);
	rc = flock_patiently(fd, mode == NVB_LEASE_EXCLUSIVE ? LOCK_EX : LOCK_SH);
	if (rc == -EWOULDBLOCK)
		return refuse(device, fd, mode, err);
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "%s/devices/%s", place->path, key);
	if (!NVB_GROW(flocks->fds, flocks->count, flocks->capacity))
		return nvb_fail_oom(err);
	flocks->fds[flocks->count++] = NVB_TAKE_FD(fd);
	return 0;
}

int nvb_lease_flock(const struct nvb_lease_place *place, const struct nvb_lease_devices *devices,
	enum nvb_lease_mode mode, struct nvb_lease_flocks *flocks, nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < devices->count; i++) {
		const struct nvb_lease_device *device = &devices->list[i];

		/* MIG devices of one GPU follow each other. */
		if (device->parent && !(i && nvb_streq0(device->parent, device[-1].parent)))
			rc = flock_one(place, device, device->parent, NVB_LEASE_SHARED, flocks, err);
		if (rc == 0)
			rc = flock_one(place, device, device->key, mode, flocks, err);
	}
	if (rc < 0)
		nvb_lease_flocks_release(flocks);
	return rc;
}
