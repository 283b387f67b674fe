/* SPDX-License-Identifier: Apache-2.0 */
#include "container/listed.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* A real cache names a dozen directories; looking at more would be work for a hostile one. */
enum { DIRECTORIES_MAX = 48 };

struct directory {
	const char *path; /* not terminated: it lies within an entry's path */
	size_t size;
	bool same;
};

struct directories {
	struct directory seen[DIRECTORIES_MAX];
	size_t count;
};

static bool is_same(const struct nvb_root *root, const char *path, size_t size, const struct stat *wanted)
{
	char copy[PATH_MAX];
	struct stat st;

	if (size >= sizeof(copy))
		return false;
	memcpy(copy, path, size);
	copy[size] = '\0';
	return nvb_root_stat(root, copy, true, &st) == 0 && st.st_dev == wanted->st_dev &&
	       st.st_ino == wanted->st_ino;
}

static bool names_directory(struct directories *known, const struct nvb_root *root, const char *path,
	size_t size, const struct stat *wanted)
{
	struct directory *d;

	for (size_t i = known->count; i > 0; i--) {
		d = &known->seen[i - 1];
		if (d->size == size && memcmp(d->path, path, size) == 0)
			return d->same;
	}
	if (known->count == DIRECTORIES_MAX)
		return false;
	d = &known->seen[known->count++];
	*d = (struct directory){path, size, is_same(root, path, size, wanted)};
	return d->same;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add(struct nvb_listed *listed, const char *name, nvb_error **err)
{
	if (!name || !NVB_GROW(listed->names, listed->count, listed->capacity))
		return nvb_fail_oom(err);
	listed->names[listed->count++] = name;
	return 0;
}

/* The cache lists links as a rule; the files they lead to are known by it just as well. */
static int add_targets(struct nvb_listed *listed, int fd, nvb_error **err)
{
	size_t links = listed->count;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < links; i++) {
		char target[NAME_MAX + 1];
		ssize_t n = readlinkat(fd, listed->names[i], target, sizeof(target));

		if (n > 0 && n <= NAME_MAX && !memchr(target, '/', (size_t)n))
			rc = add(listed, nvb_arena_strndup(&listed->arena, target, (size_t)n), err);
	}
	return rc;
}

int nvb_listed_read(struct nvb_listed *listed, const struct nvb_root *root, const struct nvb_ldcache *cache,
	int fd, nvb_error **err)
{
	struct directories known = {.count = 0};
	struct stat directory;
	int rc = 0;

	if (fstat(fd, &directory) < 0)
		return nvb_fail_errno(err, errno, "a library directory");
	for (size_t i = 0; rc == 0 && cache && i < cache->count; i++) {
		const char *path = cache->entries[i].path;
		const char *slash = strrchr(path, '/');

		if (slash && slash[1] &&
			names_directory(&known, root, path, (size_t)(slash - path), &directory))
			rc = add(listed, slash + 1, err);
	}
	if (rc == 0)
		rc = add_targets(listed, fd, err);
	if (rc == 0 && listed->count)
		qsort(listed->names, listed->count, sizeof(*listed->names), by_name);
	return rc;
}

bool nvb_listed_has(const struct nvb_listed *listed, const char *name)
{
	return listed->count && bsearch(&name, listed->names, listed->count, sizeof(*listed->names), by_name);
}

void nvb_listed_release(struct nvb_listed *listed)
{
	free(listed->names);
	nvb_arena_release(&listed->arena);
	*listed = (struct nvb_listed){0};
}
