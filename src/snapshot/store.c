/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/file.h"
#include "snapshot/reader.h"
#include "snapshot/writer.h"

/* The place of all snapshots. */

char *nvb_snapshots_default_path(const char *data)
{
	const char *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	char *path;
	int n;

	if (data)
		n = asprintf(&path, "%s/snapshots", data);
	else if (geteuid() == 0)
		n = asprintf(&path, "/var/lib/bolt/snapshots");
	else if (xdg && *xdg == '/')
		n = asprintf(&path, "%s/bolt/snapshots", xdg);
	else
		n = asprintf(&path, "%s/.local/share/bolt/snapshots", home ? home : "");
	return n < 0 ? NULL : path;
}

int nvb_snapshots_open(struct nvb_snapshots *store, const char *path, nvb_error **err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *copy = strdup(path);
	int rc;

	if (!copy)
		return nvb_fail_oom(err);
	if (fd < 0 && errno == ENOENT) {
		rc = nvb_file_mkdirs(AT_FDCWD, path, 0700, err);
		if (rc < 0)
			return nvb_wrap(err, rc, "snapshots");
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return nvb_fail_errno(err, errno, "snapshots %s", path);
	*store = (struct nvb_snapshots){.path = NVB_TAKE_PTR(copy), .fd = NVB_TAKE_FD(fd)};
	return 0;
}

void nvb_snapshots_close(struct nvb_snapshots *store)
{
	if (store->path)
		close(store->fd);
	free(store->path);
	*store = (struct nvb_snapshots){.fd = -1};
}

bool nvb_is_snapshot_id(const char *text)
{
	return strspn(text, "0123456789abcdef") == NVB_SNAPSHOT_ID && !text[NVB_SNAPSHOT_ID];
}

int nvb_open_directory(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

int nvb_flock(int fd, int operation)
{
	while (flock(fd, operation) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int nvb_snapshot_sweep(int capsule_fd, nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	int fd = openat(capsule_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return nvb_fail_errno(err, errno, "the capsule's snapshots");
	while ((entry = readdir(dir))) {
		_cleanup_close_ int left = -1;

		if (!nvb_after(entry->d_name, NVB_TEMPORARY) && !nvb_after(entry->d_name, NVB_REMOVED))
			continue;
		left = nvb_open_directory(capsule_fd, entry->d_name);
		/* Somebody is at work there, or has just ended. */
		if (left < 0 || nvb_flock(left, LOCK_EX | LOCK_NB) < 0)
			continue;
		/* What cannot be removed now is so the next time. */
		nvb_file_remove_tree(capsule_fd, entry->d_name, NULL);
	}
	return 0;
}

static void sweep_capsule(const struct nvb_snapshots *store, const char *capsule)
{
	_cleanup_close_ int fd = nvb_open_directory(store->fd, capsule);

	/* Somebody begins one there, and sweeps himself. */
	if (fd < 0 || nvb_flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	nvb_snapshot_sweep(fd, NULL);
	(void)!unlinkat(store->fd, capsule, AT_REMOVEDIR);
}

int nvb_snapshots_sweep(const struct nvb_snapshots *store, const char *capsule, nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return nvb_fail_errno(err, errno, "snapshots %s", store->path);
	while ((entry = readdir(dir)))
		if (nvb_is_snapshot_name(entry->d_name) && !nvb_streq(entry->d_name, "key") &&
			(!capsule || nvb_streq(entry->d_name, capsule)))
			sweep_capsule(store, entry->d_name);
	return 0;
}

/* Looking through all capsules. */

struct visit {
	const struct nvb_snapshots *store;
	/* For each snapshot; the directory is open. 0: go on. */
	int (*each)(void *data, int capsule_fd, const char *capsule, const char *id, nvb_error **err);
	void *data;
};

static int visit_capsule(const struct visit *v, const char *capsule, nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = nvb_open_directory(v->store->fd, capsule), rc = 0;
	const struct dirent *entry;

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return 0;
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return nvb_fail_errno(err, fd < 0 ? -fd : errno, "snapshots %s/%s", v->store->path, capsule);
	while (rc == 0 && (entry = readdir(dir)))
		if (nvb_is_snapshot_id(entry->d_name))
			rc = v->each(v->data, dirfd(dir), capsule, entry->d_name, err);
	return rc;
}

static int visit_all(const struct visit *v, nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(v->store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	const struct dirent *entry;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return nvb_fail_errno(err, errno, "snapshots %s", v->store->path);
	while (rc == 0 && (entry = readdir(dir)))
		if (nvb_is_snapshot_name(entry->d_name) && !nvb_streq(entry->d_name, "key"))
			rc = visit_capsule(v, entry->d_name, err);
	return rc;
}

/* Listing. */

struct listing {
	struct nvb_snapshot_info *list;
	size_t count, capacity;
	const char *capsule;
	bool lean; /* without what only lists show */
	struct nvb_signer signer;
};

/* Bytes that go when it is removed. */
static uint64_t bytes_alone(int fd)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;
	uint64_t bytes = 0;

	dir = own < 0 ? NULL : fdopendir(own);
	while (dir && (entry = readdir(dir))) {
		struct stat st;

		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
			st.st_nlink == 1)
			bytes += (uint64_t)st.st_blocks * 512;
	}
	return bytes;
}

static int list_one(void *data, int capsule_fd, const char *capsule, const char *id, nvb_error **err)
{
	struct listing *l = data;
	_cleanup_close_ int fd = nvb_open_directory(capsule_fd, id);
	_cleanup_error_ nvb_error *why = NULL;
	struct nvb_snapshot_info *info;
	int rc;

	/* Removed a moment ago. */
	if (fd < 0)
		return 0;
	if (!NVB_GROW(l->list, l->count, l->capacity))
		return nvb_fail_oom(err);
	info = &l->list[l->count];
	*info = (struct nvb_snapshot_info){.alone = l->lean ? 0 : bytes_alone(fd)};
	memcpy(info->id.text, id, NVB_SNAPSHOT_ID + 1);
	rc = nvb_snapshot_load_manifest(fd, &l->signer, &info->manifest, &info->is_signed, &why);
	if (rc == 0 && (!nvb_streq0(info->manifest.id, id) || !nvb_streq0(info->manifest.capsule, capsule)))
		rc = nvb_fail(&why, NVB_ERR_CORRUPT, "%s: of another snapshot", NVB_MANIFEST_FILE);
	if (rc < 0) {
		nvb_snapshot_manifest_release(&info->manifest);
		info->manifest.capsule = nvb_arena_strdup(&info->manifest.arena, capsule);
		info->trouble = strdup(nvb_error_message(why));
	}
	if (l->capsule && !nvb_streq(l->capsule, capsule) && !nvb_streq0(l->capsule, info->manifest.name)) {
		nvb_snapshot_manifest_release(&info->manifest);
		free(info->trouble);
		return 0;
	}
	l->count++;
	return 0;
}

static int compare_infos(const void *a, const void *b)
{
	const struct nvb_snapshot_info *x = a, *y = b;

	if (x->manifest.created != y->manifest.created)
		return x->manifest.created < y->manifest.created ? -1 : 1;
	return strcmp(x->id.text, y->id.text);
}

static int list(struct listing *l, const struct nvb_snapshots *store, const char *directory,
	struct nvb_snapshot_info **infos, size_t *count, nvb_error **err)
{
	struct visit v = {store, list_one, l};
	int rc = nvb_signer_load(&l->signer, store->fd, false, err);

	if (rc == 0)
		rc = directory ? visit_capsule(&v, directory, err) : visit_all(&v, err);
	nvb_signer_release(&l->signer);
	if (rc < 0) {
		nvb_snapshot_infos_free(l->list, l->count);
		return rc;
	}
	if (l->count)
		qsort(l->list, l->count, sizeof(*l->list), compare_infos);
	*infos = l->list;
	*count = l->count;
	return 0;
}

int nvb_snapshots_list(const struct nvb_snapshots *store, const char *capsule,
	struct nvb_snapshot_info **infos, size_t *count, nvb_error **err)
{
	struct listing l = {.capsule = capsule};

	return list(&l, store, NULL, infos, count, err);
}

int nvb_snapshots_list_lean(const struct nvb_snapshots *store, const char *directory,
	struct nvb_snapshot_info **infos, size_t *count, nvb_error **err)
{
	struct listing l = {.lean = true};

	return list(&l, store, directory, infos, count, err);
}

void nvb_snapshot_infos_free(struct nvb_snapshot_info *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		nvb_snapshot_manifest_release(&list[i].manifest);
		free(list[i].trouble);
	}
	free(list);
}

/* Where an id is. */

struct locating {
	const char *id;
	int capsule_fd;
	char capsule[NVB_SNAPSHOT_NAME_MAX + 1];
};

static int locate_one(void *data, int capsule_fd, const char *capsule, const char *id, nvb_error **err)
{
	struct locating *l = data;

	if (!nvb_streq(id, l->id))
		return 0;
	memcpy(l->capsule, capsule, strlen(capsule) + 1);
	l->capsule_fd = fcntl(capsule_fd, F_DUPFD_CLOEXEC, 3);
	return l->capsule_fd < 0 ? nvb_fail_errno(err, errno, "snapshot %s", id) : 1;
}

int nvb_snapshot_locate(const struct nvb_snapshots *store, const nvb_snapshot_id *id, int *capsule_fd,
	char *capsule, nvb_error **err)
{
	struct locating l = {.id = id->text, .capsule_fd = -1};
	struct visit v = {store, locate_one, &l};
	int rc = visit_all(&v, err);

	if (rc == 0)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_NOT_FOUND, "no such snapshot: %s", id->text),
			"'bolt snapshot ls' lists what is here");
	if (rc < 0)
		return rc;
	*capsule_fd = l.capsule_fd;
	if (capsule)
		memcpy(capsule, l.capsule, sizeof(l.capsule));
	return 0;
}

/* Removing. */

int nvb_snapshot_remove(const struct nvb_snapshots *store, const nvb_snapshot_id *id, nvb_error **err)
{
	_cleanup_close_ int capsule_fd = -1, fd = -1;
	char name[64], capsule[NVB_SNAPSHOT_NAME_MAX + 1];
	uint64_t token;
	int rc = nvb_snapshot_locate(store, id, &capsule_fd, capsule, err);

	if (rc < 0)
		return rc;
	fd = nvb_open_directory(capsule_fd, id->text);
	if (fd < 0)
		return nvb_fail_errno(err, -fd, "snapshot %s", id->text);
	if (nvb_flock(fd, LOCK_EX | LOCK_NB) < 0)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_BUSY, "snapshot %s is in use", id->text),
			"it is being restored, exported or verified; try again when that is done");
	if (getrandom(&token, sizeof(token), 0) != sizeof(token))
		return nvb_fail_errno(err, errno, "random numbers");
	snprintf(name, sizeof(name), "%s%016llx", NVB_REMOVED, (unsigned long long)token);
	/* From here on nobody finds it; what a crash leaves of it is swept. */
	if (renameat(capsule_fd, id->text, capsule_fd, name) < 0 || fsync(capsule_fd) < 0)
		return nvb_fail_errno(err, errno, "snapshot %s", id->text);
	rc = nvb_file_remove_tree(capsule_fd, name, err);
	/* When it was the last one; else it stays. */
	if (rc == 0)
		(void)!unlinkat(store->fd, capsule, AT_REMOVEDIR);
	return rc;
}
