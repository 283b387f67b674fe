/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "snapshot/writer.h"

/* What was taken of a file becomes the extents of its entry. */

struct nvb_taken *nvb_taken_new(int fd, const struct stat *st, const char *name)
{
	struct nvb_taken *file = calloc(1, sizeof(*file));

	if (file)
		file->name = strdup(name);
	if (!file || !file->name) {
		free(file);
		close(fd);
		return NULL;
	}
	file->fd = fd;
	file->st = *st;
	atomic_init(&file->holders, 1);
	return file;
}

void nvb_taken_free(struct nvb_taken *file)
{
	struct nvb_region *next;

	if (!file)
		return;
	for (struct nvb_region *region = file->first; region; region = next) {
		next = region->next;
		free(region->extents);
		free(region->buffer);
		free(region);
	}
	if (file->fd >= 0)
		close(file->fd);
	free(file->name);
	free(file);
}

static bool add_zeros(struct nvb_extent **extents, size_t *count, size_t *capacity, uint64_t bytes)
{
	return bytes == 0 || nvb_extent_add(extents, count, capacity,
				     (struct nvb_extent){.pack = NVB_NO_PACK, .count = bytes});
}

static int assemble(
	nvb_snapshot_writer *w, const struct nvb_taken *file, struct nvb_tree_entry *entry, nvb_error **err)
{
	_cleanup_free_ struct nvb_extent *extents = NULL;
	size_t count = 0, capacity = 0;
	uint64_t at = 0;
	bool ok = true;

	for (const struct nvb_region *region = file->first; region && ok; region = region->next) {
		ok = add_zeros(&extents, &count, &capacity, region->offset - at);
		for (size_t i = 0; i < region->count && ok; i++)
			ok = nvb_extent_add(&extents, &count, &capacity, region->extents[i]);
		at = region->offset + region->size;
	}
	ok = ok && add_zeros(&extents, &count, &capacity, entry->size - at);
	if (ok && count) {
		entry->extents = nvb_arena_memdup(&w->index.arena, extents, count * sizeof(*extents));
		entry->extent_count = count;
		ok = entry->extents != NULL;
	}
	return ok ? 0 : nvb_fail_oom(err);
}

int nvb_assemble(nvb_snapshot_writer *w, struct nvb_tree_index *tree, nvb_error **err)
{
	int rc = 0;

	while (w->taken) {
		struct nvb_taken *file = w->taken;

		w->taken = file->next;
		if (rc == 0)
			rc = assemble(w, file, &tree->entries[file->entry], err);
		nvb_taken_free(file);
	}
	return rc;
}
