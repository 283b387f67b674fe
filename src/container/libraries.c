/* SPDX-License-Identifier: Apache-2.0 */
#include "container/libraries.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/elf_file.h"
#include "base/guard.h"
#include "base/log.h"
#include "base/str.h"
#include "container/cache_merge.h"
#include "container/listed.h"

struct candidate {
	const char *name; /* in the arena */
	bool mounted;
};

struct search {
	const struct nvb_root *root;
	const char *directory; /* as it is to be written into the cache */
	int fd;
	uint64_t mount; /* id of the mount the directory is on, 0 where the kernel does not tell */
	struct candidate *candidates;
	size_t count, capacity;
	bool any_mounted;
	struct nvb_listed listed; /* what the image's cache has here; empty when any_mounted */
	struct nvb_libraries *found;
	size_t first; /* of the entries found in this directory */
	const struct nvb_log *log;
};

static void release(struct search *s)
{
	free(s->candidates);
	nvb_listed_release(&s->listed);
	nvb_closep(&s->fd);
}

/* What ldconfig takes for a library by its name. */
static bool is_library_name(const char *name)
{
	return nvb_after(name, "lib") && strstr(name, ".so");
}

/* A link among the libraries is the image's, or one of ours to a file that is listed itself. */
static bool follows_links(void)
{
	return !nvb_guard("library-links");
}

static uint64_t mount_of(int fd, const char *name, uint16_t *mode)
{
	struct statx stx;
	int flags = AT_STATX_DONT_SYNC | (*name ? 0 : AT_EMPTY_PATH) |
		    (follows_links() ? 0 : AT_SYMLINK_NOFOLLOW);

	*mode = 0;
	if (statx(fd, name, flags, STATX_TYPE | STATX_MNT_ID, &stx) < 0)
		return 0;
	*mode = stx.stx_mode;
	return stx.stx_mask & STATX_MNT_ID ? stx.stx_mnt_id : 0;
}

static int add_candidate(struct search *s, const char *name, nvb_error **err)
{
	struct candidate c = {.name = NULL};
	uint16_t mode;
	uint64_t mount = mount_of(s->fd, name, &mode);

	if (!S_ISREG(mode))
		return 0;
	c.mounted = mount && s->mount && mount != s->mount;
	c.name = nvb_arena_strdup(&s->found->arena, name);
	if (!c.name || !NVB_GROW(s->candidates, s->count, s->capacity))
		return nvb_fail_oom(err);
	s->any_mounted |= c.mounted;
	s->candidates[s->count++] = c;
	return 0;
}

static int list_directory(struct search *s, nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int copy = fcntl(s->fd, F_DUPFD_CLOEXEC, 3), rc = 0;
	const struct dirent *entry;

	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		nvb_closep(&copy);
		return nvb_fail_oom(err);
	}
	while (rc == 0 && (entry = readdir(dir))) {
		if ((entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN && !follows_links()) ||
			!is_library_name(entry->d_name))
			continue;
		if (s->count == NVB_LIBRARIES_MAX) {
			nvb_warning(s->log, "%s: more than %d libraries, the rest is left out", s->directory,
				NVB_LIBRARIES_MAX);
			break;
		}
		rc = add_candidate(s, entry->d_name, err);
	}
	return rc;
}

/* Keeps those which are ours: see the header. */
static int keep_ours(struct search *s, const struct nvb_ldcache *old, nvb_error **err)
{
	size_t kept = 0;
	int rc = s->any_mounted ? 0 : nvb_listed_read(&s->listed, s->root, old, s->fd, err);

	for (size_t i = 0; rc == 0 && i < s->count; i++) {
		const struct candidate *c = &s->candidates[i];

		if (s->any_mounted ? c->mounted : !nvb_listed_has(&s->listed, c->name))
			s->candidates[kept++] = *c;
	}
	s->count = kept;
	return rc;
}

/* True when `link` in the directory is a link to `name` beside it. */
static bool leads_to(const struct search *s, const char *link, const char *name)
{
	char target[NAME_MAX + 1];
	ssize_t n;

	if (nvb_streq(link, name))
		return false;
	n = readlinkat(s->fd, link, target, sizeof(target));
	return n > 0 && (size_t)n == strlen(name) && memcmp(target, name, (size_t)n) == 0;
}

/*
 * Adds an entry, or settles which of two files in one directory has the name: the one its link leads to, else
 * the one with the larger number, as ldconfig does.
 */
static int add_entry(struct search *s, const struct nvb_ldcache_entry *entry, bool linked, nvb_error **err)
{
	struct nvb_libraries *found = s->found;

	for (size_t i = s->first; i < found->count; i++) {
		struct nvb_ldcache_entry *other = &found->entries[i];
		struct nvb_ldcache_entry name = {.soname = entry->path}, other_name = {.soname = other->path};

		if (other->flags != entry->flags || !nvb_streq(other->soname, entry->soname))
			continue;
		if (linked || (!nvb_ends_with(other->path, other->soname) &&
				      nvb_cache_compare(&name, &other_name) < 0))
			*other = *entry;
		return 0;
	}
	if (!NVB_GROW(found->entries, found->count, found->capacity))
		return nvb_fail_oom(err);
	found->entries[found->count++] = *entry;
	return 0;
}

static int read_library(struct search *s, const char *name, nvb_error **err)
{
	_cleanup_close_ int fd = openat(s->fd, name,
		O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (follows_links() ? 0 : O_NOFOLLOW));
	_cleanup_error_ nvb_error *why = NULL;
	struct nvb_ldcache_entry entry = {0};
	struct nvb_elf elf;
	bool linked;

	if (fd < 0) {
		nvb_debug(s->log, "%s/%s: %s", s->directory, name, strerrordesc_np(errno));
		return 0;
	}
	if (nvb_elf_read(fd, name, &elf, &why) < 0) {
		nvb_debug(s->log, "%s/%s", s->directory, nvb_error_message(why));
		return 0;
	}
	if (elf.type != ET_DYN || !nvb_cache_flags(elf.machine, elf.elf_class, &entry.flags))
		return 0;
	if (nvb_listed_has(&s->listed, elf.soname))
		return 0;
	/* ldconfig, too, takes the file's name where there is no SONAME. */
	entry.soname = *elf.soname ? nvb_arena_strdup(&s->found->arena, elf.soname) : name;
	if (!entry.soname)
		return nvb_fail_oom(err);
	/* The path of the link is what tools that parse `ldconfig -p` expect; without a link, on a read-only
	 * root for instance, the file itself is found under its SONAME all the same. */
	linked = leads_to(s, entry.soname, name);
	entry.path = nvb_arena_printf(&s->found->arena, "%s/%s", s->directory, linked ? entry.soname : name);
	if (!entry.path)
		return nvb_fail_oom(err);
	return add_entry(s, &entry, linked, err);
}

static int search_directory(struct search *s, const struct nvb_ldcache *old, nvb_error **err)
{
	uint16_t mode;
	int rc;

	s->mount = mount_of(s->fd, "", &mode);
	s->first = s->found->count;
	rc = list_directory(s, err);
	if (rc == 0)
		rc = keep_ours(s, old, err);
	for (size_t i = 0; rc == 0 && i < s->count; i++)
		rc = read_library(s, s->candidates[i].name, err);
	return rc;
}

int nvb_libraries_find(const struct nvb_root *root, const char *const *directories, size_t count,
	const struct nvb_ldcache *old, struct nvb_libraries *found, const struct nvb_log *log,
	nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		_cleanup_(release) struct search s = {.root = root, .fd = -1, .found = found, .log = log};
		const char *name = directories[i] + strspn(directories[i], "/");

		s.directory = nvb_arena_printf(&found->arena, "/%.*s",
			(int)(strlen(name) - (nvb_ends_with(name, "/") ? 1 : 0)), name);
		if (!s.directory)
			return nvb_fail_oom(err);
		s.fd = nvb_root_openat(root, directories[i], O_RDONLY | O_DIRECTORY, 0);
		if (s.fd < 0)
			nvb_info(log, "library directory %s: %s", directories[i], strerrordesc_np(-s.fd));
		else
			rc = search_directory(&s, old, err);
	}
	return rc;
}

/* Whether the cache names the library by a link that leads to the same file. */
static bool is_twin(const struct nvb_link *links, size_t count, const char *path, const char *target)
{
	for (size_t i = 0; i < count; i++)
		if (nvb_streq(links[i].path, path))
			return nvb_streq(links[i].target, target);
	return false;
}

/* The library that a link beside it leads to, directly or by its SONAME. */
static const struct nvb_ldcache_entry *library_of_link(const struct nvb_ldcache_entry *entries, size_t count,
	const struct nvb_link *links, size_t link_count, const struct nvb_link *link, size_t directory)
{
	for (size_t i = 0; i < count; i++) {
		const char *path = entries[i].path;

		if (strncmp(path, link->path, directory) == 0 && !strchr(path + directory, '/') &&
			(nvb_streq(path + directory, link->target) ||
				nvb_streq(entries[i].soname, link->target) ||
				is_twin(links, link_count, path, link->target)))
			return &entries[i];
	}
	return NULL;
}

int nvb_libraries_add_links(
	struct nvb_libraries *found, const struct nvb_link *links, size_t count, nvb_error **err)
{
	size_t known = found->count;

	for (size_t i = 0; i < count; i++) {
		const char *slash = strrchr(links[i].path, '/');
		const struct nvb_ldcache_entry *library;
		struct nvb_ldcache_entry entry;

		if (!slash || !is_library_name(slash + 1))
			continue;
		library = library_of_link(
			found->entries, known, links, count, &links[i], (size_t)(slash + 1 - links[i].path));
		if (!library || nvb_streq(library->soname, slash + 1))
			continue;
		entry = *library;
		entry.soname = nvb_arena_strdup(&found->arena, slash + 1);
		if (!entry.soname || !NVB_GROW(found->entries, found->count, found->capacity))
			return nvb_fail_oom(err);
		found->entries[found->count++] = entry;
	}
	return 0;
}

void nvb_libraries_release(struct nvb_libraries *libraries)
{
	free(libraries->entries);
	nvb_arena_release(&libraries->arena);
	*libraries = (struct nvb_libraries){0};
}
