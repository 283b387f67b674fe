/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/elf_file.h"
#include "base/log.h"
#include "base/str.h"
#include "container/cache_merge.h"
#include "container/libraries.h"

/* Libraries that the container will have, read where they lie on the host. */

static bool in_directory(const char *path, const char *directory)
{
	const char *rest = nvb_after(path, directory);

	return rest && *rest == '/' && !strchr(rest + 1, '/');
}

static bool is_searched(const struct nvb_container_work *work, const char *path)
{
	for (size_t i = 0; i < work->directory_count; i++)
		if (in_directory(path, work->directories[i]))
			return true;
	return false;
}

/* The link beside the library that bears its SONAME, which is the path that `ldconfig -p` would show. */
static const char *find_link(const struct nvb_container_work *work, const char *path, const char *soname)
{
	const char *name = strrchr(path, '/') + 1;
	size_t n = (size_t)(name - path);

	for (size_t i = 0; i < work->link_count; i++)
		if (strncmp(work->links[i].path, path, n) == 0 &&
			nvb_streq(work->links[i].path + n, soname) && nvb_streq(work->links[i].target, name))
			return work->links[i].path;
	return NULL;
}

static int add(
	struct nvb_libraries *found, const struct nvb_ldcache_entry *entry, bool linked, nvb_error **err)
{
	for (size_t i = 0; i < found->count; i++) {
		struct nvb_ldcache_entry *other = &found->entries[i];

		if (other->flags != entry->flags || !nvb_streq(other->soname, entry->soname))
			continue;
		if (linked && !nvb_ends_with(other->path, other->soname))
			*other = *entry;
		return 0;
	}
	if (!NVB_GROW(found->entries, found->count, found->capacity))
		return nvb_fail_oom(err);
	found->entries[found->count++] = *entry;
	return 0;
}

static int add_library(const struct nvb_container_work *work, const struct nvb_container_library *library,
	struct nvb_libraries *found, const struct nvb_log *log, nvb_error **err)
{
	_cleanup_close_ int fd = open(library->host, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	_cleanup_error_ nvb_error *why = NULL;
	struct nvb_ldcache_entry entry = {0};
	struct nvb_elf elf;
	const char *link;

	if (fd < 0 || nvb_elf_read(fd, library->host, &elf, &why) < 0) {
		nvb_debug(log, "%s: %s", library->host,
			fd < 0 ? strerrordesc_np(errno) : nvb_error_message(why));
		return 0;
	}
	if (elf.type != ET_DYN || !nvb_cache_flags(elf.machine, elf.elf_class, &entry.flags))
		return 0;
	entry.soname =
		nvb_arena_strdup(&found->arena, *elf.soname ? elf.soname : strrchr(library->path, '/') + 1);
	if (!entry.soname)
		return nvb_fail_oom(err);
	link = find_link(work, library->path, entry.soname);
	entry.path = nvb_arena_strdup(&found->arena, link ? link : library->path);
	return entry.path ? add(found, &entry, link != NULL, err) : nvb_fail_oom(err);
}

int nvb_libraries_known(const struct nvb_container_work *work, struct nvb_libraries *found,
	const struct nvb_log *log, nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < work->library_count; i++)
		if (is_searched(work, work->libraries[i].path))
			rc = add_library(work, &work->libraries[i], found, log, err);
	return rc;
}
