/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_READER_H
#define NVB_SNAPSHOT_READER_H

#include "snapshot/index.h"
#include "snapshot/keys.h"
#include "snapshot/pack.h"
#include "snapshot/snapshot.h"

/* The inside of one that is open. */
struct nvb_snapshot {
	int fd; /* its directory, flocked shared */
	nvb_snapshot_id id;
	struct nvb_keys keys;
	bool locked_up; /* encrypted, and the key is not known */
	bool is_signed; /* by this host */
	struct nvb_snapshot_manifest manifest;
	struct nvb_index index;
	unsigned threads;
	nvb_snapshot_progress progress;
	void *progress_data;
};

#define NVB_MANIFEST_FILE  "manifest.json"
#define NVB_SIGNATURE_FILE "signature"
#define NVB_INDEX_FILE	   "index"

/*
 * Opens one by its directory, which may be one that is being written: `id` NULL is that, without a lock.
 * `keys` and `signer` are copied.
 */
struct nvb_snapshot_source {
	int dirfd;	     /* the directory that it is in */
	const char *name;    /* there */
	const char *capsule; /* what its manifest must say, NULL: whatever */
	const char *id;	     /* the same */
	const struct nvb_keys *keys;
	bool no_key; /* the manifest is enough */
	const struct nvb_signer *signer;
	bool trust;
};
int nvb_snapshot_load(const struct nvb_snapshot_source *source, nvb_snapshot **snapshot, nvb_error **err);

/* A snapshot's manifest alone, and whether this host signed it. */
int nvb_snapshot_load_manifest(int fd, const struct nvb_signer *signer,
	struct nvb_snapshot_manifest *manifest, bool *is_signed, nvb_error **err);

/* The directory of the capsule that a snapshot is of, opened; its name, too, where `capsule` (that many bytes
 * and one) is not NULL. */
int nvb_snapshot_locate(const struct nvb_snapshots *store, const nvb_snapshot_id *id, int *capsule_fd,
	char *capsule, nvb_error **err);

/* A list without `alone`; of one capsule's directory, or of all (NULL). */
int nvb_snapshots_list_lean(const struct nvb_snapshots *store, const char *directory,
	struct nvb_snapshot_info **infos, size_t *count, nvb_error **err);

bool nvb_is_snapshot_id(const char *text);

/* Opens a directory below another one that is ours; -errno. */
int nvb_open_directory(int dirfd, const char *name);
/* flock(2) that goes on after signals; 0 or -errno. */
int nvb_flock(int fd, int operation);

/* Refuses what needs the key and the content. */
int nvb_snapshot_need_content(const nvb_snapshot *snapshot, nvb_error **err);

/*
 * Goes through packs, several at once. For each chunk that `wants` says yes to, what was decoded is given to
 * `deliver`, by several threads at a time; each other one is only held against its checksum. `bad` (may be
 * NULL) is told of one that is wrong and answers whether to go on (0) or to fail.
 */
struct nvb_scan {
	nvb_snapshot *snapshot;
	const struct nvb_pack_reader *packs; /* all of the index, open */
	const bool *skip;		     /* packs that are left out; NULL: none */
	bool (*wants)(void *data, uint32_t pack, uint32_t chunk);
	int (*deliver)(void *data, uint32_t pack, uint32_t chunk, const uint8_t *content, size_t size,
		nvb_error **err);
	int (*bad)(void *data, uint32_t pack, uint32_t chunk, const char *why, nvb_error **err);
	void *data;
	uint64_t total; /* stored bytes, for the progress and for how threads share them */
};
int nvb_scan_packs(const struct nvb_scan *scan, nvb_error **err);

/* Opens all packs, or those of one tree (`used`: one flag for each pack; NULL: all). Release with
 * nvb_packs_close. */
int nvb_packs_open(nvb_snapshot *snapshot, const bool *used, struct nvb_pack_reader **packs, nvb_error **err);
void nvb_packs_close(const nvb_snapshot *snapshot, struct nvb_pack_reader *packs);

/* Where chunks belong: a tree's files, sorted by pack and chunk. */
struct nvb_placement {
	uint32_t pack, chunk;
	uint32_t tree, entry;
	uint64_t offset; /* in the file */
};
struct nvb_placements {
	struct nvb_placement *list;
	size_t count, capacity;
	uint64_t followed; /* chunks of files, of which some may be one */
	uint8_t **named;   /* of each pack a bit for each chunk that has a place; NULL: all of its places are
			      kept */
	size_t packs;
};
/* Of each chunk one place will do, to name it by: so there are no more of them than chunks, whatever an index
 * says. */
bool nvb_placements_name(struct nvb_placements *placements, const nvb_snapshot *snapshot);
void nvb_placements_release(struct nvb_placements *placements);

/* Calls `visit` with each chunk of a file, in its order; false: no memory. NVB_ERR_CORRUPT where extents and
 * size differ, or there are too many. *count of all files together. */
struct nvb_chunk_visit {
	bool (*visit)(void *data, const struct nvb_placement *at); /* or NULL */
	void *data;
	uint64_t *count;
};
int nvb_file_chunks(const nvb_snapshot *snapshot, const struct nvb_pack_reader *packs, uint32_t tree,
	uint32_t entry, const struct nvb_chunk_visit *visit, nvb_error **err);

/* Adds those of a tree; the packs must be open. NVB_ERR_CORRUPT where extents and size of a file differ. */
int nvb_placements_add(struct nvb_placements *placements, const nvb_snapshot *snapshot,
	const struct nvb_pack_reader *packs, uint32_t tree, nvb_error **err);
/* Those of one file. */
int nvb_placements_add_file(struct nvb_placements *placements, const nvb_snapshot *snapshot,
	const struct nvb_pack_reader *packs, uint32_t tree, uint32_t entry, nvb_error **err);
void nvb_placements_sort(struct nvb_placements *placements);
/* The first for a chunk, or NULL; further ones stand behind it. */
const struct nvb_placement *nvb_placements_find(
	const struct nvb_placements *placements, uint32_t pack, uint32_t chunk);

/* "<pack>: chunk 17 (processes/pages-1.img at 1048576): <why>". */
int nvb_fail_chunk(const nvb_snapshot *snapshot, const struct nvb_pack_reader *pack, uint32_t chunk,
	const struct nvb_placement *placement, const char *why, nvb_error **err);

/* Making files again (create.c), filling them (extract.c). */
int nvb_create_tree(const struct nvb_tree_index *tree, int dirfd, nvb_error **err);
int nvb_finish_tree(const struct nvb_tree_index *tree, int dirfd, nvb_error **err);

#endif
