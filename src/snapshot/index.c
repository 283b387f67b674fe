/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/index.h"

#include <stdlib.h>
#include <string.h>

#include "snapshot/snapshot.h"

void nvb_pack_name(const uint8_t id[static NVB_PACK_ID], char name[static NVB_PACK_NAME + 1])
{
	nvb_put_hex(name, id, NVB_PACK_ID);
	memcpy(name + 2 * NVB_PACK_ID, ".pack", 6);
}

bool nvb_is_snapshot_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t n = strspn(name, allowed);

	return n > 0 && n <= NVB_SNAPSHOT_NAME_MAX && !name[n];
}

bool nvb_is_file_name(const char *name)
{
	return *name && strlen(name) <= 255 && !strchr(name, '/') && !nvb_streq(name, ".") &&
	       !nvb_streq(name, "..");
}

void nvb_index_release(struct nvb_index *index)
{
	for (size_t i = 0; i < index->tree_count; i++)
		free(index->trees[i].entries);
	free(index->packs);
	nvb_arena_release(&index->arena);
	*index = (struct nvb_index){0};
}

const struct nvb_tree_index *nvb_index_tree(const struct nvb_index *index, const char *name)
{
	for (size_t i = 0; i < index->tree_count; i++)
		if (nvb_streq(index->trees[i].name, name))
			return &index->trees[i];
	return NULL;
}

char *nvb_entry_path(const struct nvb_tree_index *tree, size_t entry)
{
	size_t size = 0;
	char *path, *at;

	if (entry == 0)
		return strdup(".");
	for (size_t i = entry; i; i = tree->entries[i].parent)
		size += strlen(tree->entries[i].name) + 1;
	path = malloc(size);
	if (!path)
		return NULL;
	at = path + size;
	for (size_t i = entry; i; i = tree->entries[i].parent) {
		size_t n = strlen(tree->entries[i].name);

		*--at = i == entry ? '\0' : '/';
		at -= n;
		memcpy(at, tree->entries[i].name, n);
	}
	return path;
}
