/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "snapshot/index.h"

/* A snapshot's index: every name is one part of a path, every number leads to something that is there; what
 * was read is written and read again as the same. */

static void check_entry(const struct nvb_index *index, const struct nvb_tree_index *tree, size_t i)
{
	const struct nvb_tree_entry *e = &tree->entries[i];
	_cleanup_free_ char *path = NULL;

	FUZZ_CHECK(e->type > 0 && e->type < NVB_ENTRY_TYPES);
	FUZZ_CHECK(i == 0 ? e->type == NVB_ENTRY_DIRECTORY : e->parent < i && nvb_is_file_name(e->name));
	FUZZ_CHECK(e->type != NVB_ENTRY_HARDLINK || e->link < i);
	for (size_t x = 0; x < e->extent_count; x++) {
		const struct nvb_extent *extent = &e->extents[x];

		FUZZ_CHECK(extent->count > 0);
		if (extent->pack == NVB_NO_PACK)
			continue;
		FUZZ_CHECK(extent->pack < index->pack_count);
		FUZZ_CHECK(extent->first + extent->count <= index->packs[extent->pack].count);
	}
	if (i > 200)
		return;
	path = nvb_entry_path(tree, i);
	FUZZ_CHECK(path && *path != '/' && !strstr(path, "../") && strcmp(path, "..") != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct nvb_keys none;
	_cleanup_index_ struct nvb_index index = {0}, again = {0};
	_cleanup_free_ uint8_t *file = NULL;
	size_t n = 0;

	if (nvb_index_parse(&index, data, size, UINT64_C(1) << 30, NULL) < 0)
		return 0;
	for (size_t t = 0; t < index.tree_count; t++) {
		FUZZ_CHECK(nvb_is_snapshot_name(index.trees[t].name));
		for (size_t i = 0; i < index.trees[t].count; i++)
			check_entry(&index, &index.trees[t], i);
	}
	FUZZ_CHECK(nvb_index_write(&index, &none, &file, &n, NULL) == 0);
	FUZZ_CHECK(nvb_index_read(&again, &none, file, n, NULL) == 0);
	FUZZ_CHECK(again.pack_count == index.pack_count && again.tree_count == index.tree_count);
	for (size_t t = 0; t < index.tree_count; t++)
		FUZZ_CHECK(again.trees[t].count == index.trees[t].count);
	return 0;
}
