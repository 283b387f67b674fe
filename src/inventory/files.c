/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "inventory/collect.h"

/* The list of files while it grows: no path twice, names that lead to them, sorted at the end. */

static bool same_path(const struct nvb_file *file, const char *path)
{
	return nvb_streq(file->path, path);
}

int nvb_files_add(struct nvb_collect *collect, const struct nvb_file *file, size_t *index, nvb_error **err)
{
	size_t i = 0;

	/* Some hundred files at most: a search through all costs less than keeping them sorted. */
	while (i < collect->file_count && !same_path(&collect->files[i], file->path))
		i++;
	if (i == collect->file_count) {
		if (!NVB_GROW(collect->files, collect->file_count, collect->file_capacity))
			return nvb_fail_oom(err);
		collect->files[collect->file_count++] = *file;
	} else {
		collect->files[i].capabilities |= file->capabilities;
		collect->files[i].features |= file->features;
	}
	if (index)
		*index = i;
	return 0;
}

/* The target to write into a link at `path` so that it means `file`: relative, so that it holds wherever the
 * tree is mounted. Both are absolute and free of "." and "..". */
static char *relative_target(struct nvb_arena *arena, const char *path, const char *file)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	size_t common = 0;

	for (size_t i = 0; path[i] && path[i] == file[i]; i++)
		if (path[i] == '/')
			common = i + 1;
	for (const char *p = path + common; *p; p++)
		if (*p == '/')
			nvb_sb_add(&sb, "../");
	nvb_sb_add(&sb, file + common);
	return sb.failed ? NULL : nvb_arena_strdup(arena, sb.s);
}

int nvb_files_link(struct nvb_collect *collect, size_t file, const char *path, nvb_error **err)
{
	struct nvb_arena *arena = &collect->inventory->arena;
	struct nvb_pending_link pending = {.file = file};

	for (size_t i = 0; i < collect->file_count; i++)
		if (same_path(&collect->files[i], path))
			return 0;
	for (size_t i = 0; i < collect->link_count; i++)
		if (nvb_streq(collect->links[i].link.path, path))
			return 0;
	pending.link.path = nvb_arena_strdup(arena, path);
	if (!pending.link.path || !NVB_GROW(collect->links, collect->link_count, collect->link_capacity))
		return nvb_fail_oom(err);
	collect->links[collect->link_count++] = pending;
	return 0;
}

static int link_order(const void *a, const void *b)
{
	const struct nvb_pending_link *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return strcmp(x->link.path, y->link.path);
}

static int file_order(const void *a, const void *b)
{
	return strcmp(((const struct nvb_file *)a)->path, ((const struct nvb_file *)b)->path);
}

/* A name can be linked before the file of that name is found. */
static bool is_a_file(const struct nvb_collect *collect, const char *path)
{
	for (size_t i = 0; i < collect->file_count; i++)
		if (same_path(&collect->files[i], path))
			return true;
	return false;
}

int nvb_files_finish(struct nvb_collect *collect, nvb_error **err)
{
	struct nvb_inventory *inventory = collect->inventory;
	struct nvb_link *links;
	size_t used = 0;

	if (collect->file_count == 0)
		return 0;
	links = nvb_arena_alloc(&inventory->arena, (collect->link_count + 1) * sizeof(*links));
	if (!links)
		return nvb_fail_oom(err);
	if (collect->link_count)
		qsort(collect->links, collect->link_count, sizeof(*collect->links), link_order);
	for (size_t i = 0; i < collect->link_count; i++) {
		struct nvb_file *file = &collect->files[collect->links[i].file];

		if (is_a_file(collect, collect->links[i].link.path))
			continue;
		/* Only now: a file may have been replaced by another of its name meanwhile. */
		collect->links[i].link.target =
			relative_target(&inventory->arena, collect->links[i].link.path, file->path);
		if (!collect->links[i].link.target)
			return nvb_fail_oom(err);
		if (!file->links)
			file->links = links + used;
		links[used++] = collect->links[i].link;
		file->link_count++;
	}
	qsort(collect->files, collect->file_count, sizeof(*collect->files), file_order);
	inventory->files = nvb_arena_memdup(
		&inventory->arena, collect->files, collect->file_count * sizeof(*collect->files));
	if (!inventory->files)
		return nvb_fail_oom(err);
	inventory->file_count = collect->file_count;
	return 0;
}

void nvb_collect_release(struct nvb_collect *collect)
{
	free(collect->files);
	free(collect->links);
	*collect = (struct nvb_collect){0};
}
