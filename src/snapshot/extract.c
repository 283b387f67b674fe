/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/root.h"
#include "base/units.h"
#include "snapshot/reader.h"

/* Makes a tree again: names first, then content in the order of the packs, then everything else. */

struct extracting {
	nvb_snapshot *snapshot;
	const struct nvb_tree_index *tree;
	struct nvb_pack_reader *packs;
	bool *used; /* packs that the tree needs */
	struct nvb_placements placements;
	struct nvb_root root;
	int *fds; /* of files with more than one chunk, by entry; -1: not open */
};

static void mark_used(const struct nvb_tree_index *tree, bool *used)
{
	for (size_t i = 0; i < tree->count; i++)
		for (size_t x = 0; x < tree->entries[i].extent_count; x++)
			if (tree->entries[i].extents[x].pack != NVB_NO_PACK)
				used[tree->entries[i].extents[x].pack] = true;
}

static int check_empty(int dirfd, const char *tree, nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return nvb_fail_errno(err, errno, "the directory to extract into");
	while ((entry = readdir(dir)))
		if (!nvb_streq(entry->d_name, ".") && !nvb_streq(entry->d_name, ".."))
			return nvb_fail(err, NVB_ERR_CONFLICT,
				"the directory to extract '%s' into is not empty", tree);
	return 0;
}

/* What of a file is not zeros: its chunks are held against that. */
static uint64_t content_of(const struct nvb_tree_entry *entry)
{
	uint64_t size = entry->size;

	for (size_t i = 0; i < entry->extent_count; i++)
		if (entry->extents[i].pack == NVB_NO_PACK)
			size -= entry->extents[i].count < size ? entry->extents[i].count : size;
	return size;
}

/* Before anything is read or written: what an index asks for may be more than any disk has, and more memory.
 */
static int check_room(const struct extracting *x, int dirfd, nvb_error **err)
{
	struct statvfs fs;
	uint64_t room, need = 0;

	for (size_t i = 0; i < x->tree->count; i++)
		need += content_of(&x->tree->entries[i]);
	if (fstatvfs(dirfd, &fs) < 0)
		return nvb_fail_errno(err, errno, "the directory to extract into");
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (need > room) {
		nvb_fail_errno(err, ENOSPC, "'%s' takes %llu MiB where it is extracted, %llu are free",
			x->tree->name, (unsigned long long)(need >> 20), (unsigned long long)(room >> 20));
		return -NVB_ERR_SYSTEM;
	}
	return 0;
}

static bool wants(void *data, uint32_t pack, uint32_t chunk)
{
	const struct extracting *x = data;

	return nvb_placements_find(&x->placements, pack, chunk) != NULL;
}

static int write_at(int fd, const uint8_t *content, size_t size, uint64_t offset)
{
	while (size) {
		ssize_t n = pwrite(fd, content, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		content += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int open_entry(const struct extracting *x, uint32_t entry, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_entry_path(x->tree, entry);
	int fd;

	if (!path)
		return nvb_fail_oom(err);
	fd = nvb_root_openat(&x->root, path, O_WRONLY | O_NOFOLLOW, 0);
	return fd < 0 ? nvb_fail_errno(err, -fd, "%s/%s", x->tree->name, path) : fd;
}

static int deliver(
	void *data, uint32_t pack, uint32_t chunk, const uint8_t *content, size_t size, nvb_error **err)
{
	const struct extracting *x = data;
	const struct nvb_placement *p = nvb_placements_find(&x->placements, pack, chunk);
	const struct nvb_placement *last = x->placements.list + x->placements.count;

	for (; p && p < last && p->pack == pack && p->chunk == chunk; p++) {
		_cleanup_close_ int own = -1;
		int fd = x->fds[p->entry], rc;

		if (fd < 0)
			fd = own = open_entry(x, p->entry, err);
		if (fd < 0)
			return fd;
		rc = write_at(fd, content, size, p->offset);
		if (rc < 0)
			return nvb_fail_errno(
				err, -rc, "writing %s/%s", x->tree->name, x->tree->entries[p->entry].name);
	}
	return 0;
}

static int bad(void *data, uint32_t pack, uint32_t chunk, const char *why, nvb_error **err)
{
	const struct extracting *x = data;

	return nvb_fail_chunk(x->snapshot, &x->packs[pack], chunk,
		nvb_placements_find(&x->placements, pack, chunk), why, err);
}

/* The largest files stay open while they are filled; of small ones each is opened for its chunk. */
static int open_large(struct extracting *x, nvb_error **err)
{
	enum { LARGE = 1 << 20, MOST = 64 };
	size_t opened = 0;

	x->fds = malloc(x->tree->count * sizeof(*x->fds));
	if (!x->fds)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < x->tree->count; i++)
		x->fds[i] = -1;
	for (uint32_t i = 0; i < x->tree->count && opened < MOST; i++) {
		if (x->tree->entries[i].type != NVB_ENTRY_FILE || x->tree->entries[i].size < LARGE)
			continue;
		x->fds[i] = open_entry(x, i, err);
		if (x->fds[i] < 0)
			return x->fds[i];
		opened++;
	}
	return 0;
}

static int fill(struct extracting *x, nvb_error **err)
{
	bool *skip = calloc(x->snapshot->index.pack_count + 1, sizeof(*skip));
	struct nvb_scan scan = {.snapshot = x->snapshot,
		.packs = x->packs,
		.skip = skip,
		.wants = wants,
		.deliver = deliver,
		.bad = bad,
		.data = x};
	int rc;

	if (!skip)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < x->snapshot->index.pack_count; i++) {
		skip[i] = !x->used[i];
		scan.total += x->used[i] ? x->packs[i].table_at : 0;
	}
	rc = open_large(x, err);
	if (rc == 0)
		rc = nvb_scan_packs(&scan, err);
	free(skip);
	return rc;
}

static int prepare(struct extracting *x, int dirfd, nvb_error **err)
{
	int fd, rc = check_empty(dirfd, x->tree->name, err);

	if (rc < 0)
		return rc;
	x->used = calloc(x->snapshot->index.pack_count + 1, sizeof(*x->used));
	if (!x->used)
		return nvb_fail_oom(err);
	mark_used(x->tree, x->used);
	rc = check_room(x, dirfd, err);
	if (rc == 0)
		rc = nvb_packs_open(x->snapshot, x->used, &x->packs, err);
	if (rc == 0)
		rc = nvb_placements_add(&x->placements, x->snapshot, x->packs,
			(uint32_t)(x->tree - x->snapshot->index.trees), err);
	if (rc < 0)
		return rc;
	nvb_placements_sort(&x->placements);
	fd = openat(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "the directory to extract into");
	return nvb_root_from_fd(&x->root, fd, x->tree->name, err);
}

static void release(struct extracting *x)
{
	for (size_t i = 0; x->fds && i < x->tree->count; i++)
		if (x->fds[i] >= 0)
			close(x->fds[i]);
	free(x->fds);
	free(x->used);
	nvb_placements_release(&x->placements);
	if (x->packs)
		nvb_packs_close(x->snapshot, x->packs);
	nvb_root_close(&x->root);
}

int nvb_snapshot_extract(nvb_snapshot *s, const char *tree, int dirfd, nvb_error **err)
{
	struct extracting x = {.snapshot = s, .root = NVB_ROOT_INIT};
	int rc = nvb_snapshot_need_content(s, err);

	if (rc < 0)
		return rc;
	x.tree = nvb_index_tree(&s->index, tree);
	if (!x.tree)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "snapshot %s has no '%s'", s->id.text, tree);
	rc = prepare(&x, dirfd, err);
	if (rc == 0)
		rc = nvb_create_tree(x.tree, dirfd, err);
	if (rc == 0)
		rc = fill(&x, err);
	if (rc == 0)
		rc = nvb_finish_tree(x.tree, dirfd, err);
	release(&x);
	return rc;
}
