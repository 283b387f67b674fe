/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_INDEX_H
#define NVB_SNAPSHOT_INDEX_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "snapshot/format.h"
#include "snapshot/keys.h"

/*
 * The index in memory: which packs a snapshot has, and of each tree its files in an order in which a
 * directory comes before what is in it and a file before further links to it. An entry names its parent by
 * number and itself by one part of a path: so there is no path in it that could lead out, and no cycle.
 */
struct nvb_pack {
	uint8_t id[NVB_PACK_ID];
	uint64_t size; /* of the file */
	uint32_t count;
	uint8_t table_hash[NVB_HASH];
};

/* "<32 hex>.pack" */
void nvb_pack_name(const uint8_t id[static NVB_PACK_ID], char name[static NVB_PACK_NAME + 1]);

#define NVB_NO_PACK UINT32_MAX

/* Chunks that follow each other in a pack, or zeros. */
struct nvb_extent {
	uint32_t pack;	/* its number in the list, NVB_NO_PACK: zeros */
	uint32_t first; /* chunk */
	uint64_t count; /* chunks, or bytes that are zero */
};

enum nvb_entry_type {
	NVB_ENTRY_DIRECTORY = 1,
	NVB_ENTRY_FILE,
	NVB_ENTRY_SYMLINK,
	NVB_ENTRY_HARDLINK, /* a further name of an earlier entry */
	NVB_ENTRY_CHARACTER,
	NVB_ENTRY_BLOCK,
	NVB_ENTRY_FIFO,
	NVB_ENTRY_SOCKET,
	NVB_ENTRY_TYPES,
};

struct nvb_xattr {
	const char *name;
	const uint8_t *value;
	size_t size;
};

struct nvb_tree_entry {
	enum nvb_entry_type type;
	uint32_t parent; /* entry 0 is the tree's own directory, its own parent, without a name */
	uint32_t link;	 /* of HARDLINK: which entry */
	const char *name, *target;
	mode_t mode; /* permissions alone */
	uid_t uid;
	gid_t gid;
	uint32_t major, minor;
	struct timespec atime, mtime;
	uint64_t size;
	struct nvb_xattr *xattrs;
	size_t xattr_count;
	struct nvb_extent *extents; /* of a file: together exactly `size` bytes */
	size_t extent_count;
	uint16_t depth, length; /* of one that was read: directories above it, bytes of its path */
};

struct nvb_tree_index {
	const char *name;
	struct nvb_tree_entry *entries; /* malloc'd */
	size_t count, capacity;
};

struct nvb_index {
	struct nvb_arena arena;
	struct nvb_pack *packs; /* malloc'd */
	size_t pack_count, pack_capacity;
	struct nvb_tree_index trees[NVB_TREES_MAX];
	size_t tree_count;
	const char *sealed; /* the manifest's other part, or NULL */
};

void nvb_index_release(struct nvb_index *index);
#define _cleanup_index_ _cleanup_(nvb_index_release)

const struct nvb_tree_index *nvb_index_tree(const struct nvb_index *index, const char *name);

/* "a/b/c" of an entry; malloc'd, NULL without memory. */
char *nvb_entry_path(const struct nvb_tree_index *tree, size_t entry);

/* A name that may be a tree's or a capsule's. */
bool nvb_is_snapshot_name(const char *name);
/* One part of a path. */
bool nvb_is_file_name(const char *name);

/* The whole file; malloc'd. */
int nvb_index_write(const struct nvb_index *index, const struct nvb_keys *keys, uint8_t **file, size_t *size,
	nvb_error **err);

/*
 * The reverse, into a zeroed one, with everything checked that can be without the packs. Changes `file`.
 * NVB_ERR_CORRUPT. After a failure release it all the same.
 */
int nvb_index_read(
	struct nvb_index *index, const struct nvb_keys *keys, uint8_t *file, size_t size, nvb_error **err);
/* The body alone, decompressed; NVB_ERR_CORRUPT, too, where it would take more than so many bytes of memory.
 */
int nvb_index_parse(
	struct nvb_index *index, const uint8_t *body, size_t size, uint64_t memory, nvb_error **err);

#endif
