/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_SNAPSHOT_H
#define NVB_SNAPSHOT_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "snapshot/manifest.h"

/*
 * Snapshots on disk. The store knows trees of files and a manifest; what a capsule, CRIU or a GPU is, it does
 * not know.
 *
 *	/var/lib/bolt/snapshots/		nvb_snapshots_default_path(); 0700, files in it 0600
 *		key				what this host signs with, made at its first use
 *		<capsule>/<id>/			one snapshot: whole by itself
 *			manifest.json		snapshot/manifest.h; in it the hash of the index
 *			signature		of the manifest, by the key of the host that wrote it
 *			index			names, owners, times ... of all files, which chunks they are
 *of, and the hash of every pack's table <32 hex>.pack		chunks, compressed, behind them a table with
 *the hash of each <capsule>/.new-<random>/	one that is being written, flocked by its writer
 *		<capsule>/.gone-<random>/	one that is being removed
 *
 * Deduplication: a snapshot that needs chunks of an earlier one of the same capsule has its packs as hard
 * links. So nothing counts references, removing one never hurts another, the file system frees a pack with
 * its last link, and a copied directory is complete.
 *
 * Writing
 *
 *	nvb_snapshots_open(&store, path, err);
 *	nvb_snapshot_begin(&store, capsule_id, &options, &writer, err);
 *	nvb_snapshot_follow(writer, "processes", images_fd, err);	// before CRIU starts
 *	... CRIU dumps into images_fd ...
 *	nvb_snapshot_follow_end(writer, err);				// after it has ended
 *	nvb_snapshot_add_tree(writer, "upper", upper_fd, err);
 *	nvb_snapshot_commit(writer, &manifest, &id, err);
 *	nvb_snapshot_writer_free(writer);	// always; without a commit nothing is left of it
 *
 * Nobody sees a snapshot before it is committed: written beside, flushed, renamed. A crash at any moment
 * leaves it there whole or not at all, and the next nvb_snapshot_begin of that capsule sweeps what is left.
 *
 * Threads: a writer has threads of its own from nvb_snapshot_begin to commit or free, all signals blocked in
 * them. Its functions are called by one thread at a time. A child that is forked meanwhile must exec or
 * _exit.
 */

enum {
	NVB_SNAPSHOT_ID = 16,	   /* hex digits of a snapshot's id */
	NVB_SNAPSHOT_NAME_MAX = 64 /* of a tree and of a capsule's directory: letters, digits, "-", "_" */
};

typedef struct nvb_snapshot_id {
	char text[NVB_SNAPSHOT_ID + 1];
} nvb_snapshot_id;

/* The place. */
struct nvb_snapshots {
	char *path;
	int fd;
};

/* /var/lib/bolt/snapshots, for others than root below XDG_DATA_HOME; malloc'd, NULL without memory. `data` is
 * the data directory of the state (struct nvb_state), NULL: the default one. */
char *nvb_snapshots_default_path(const char *data);
/* Makes it where it is not there. */
int nvb_snapshots_open(struct nvb_snapshots *store, const char *path, nvb_error **err);
void nvb_snapshots_close(struct nvb_snapshots *store);
#define _cleanup_snapshots_ _cleanup_(nvb_snapshots_close)

/*
 * Called while something long runs, at most some ten times a second, by the thread that called the function:
 * bytes of the trees done and, where it is known, to be done (else 0). Another value than 0 breaks it off:
 * the function returns -NVB_ERR_CANCELLED.
 */
typedef int (*nvb_snapshot_progress)(void *data, uint64_t done, uint64_t total);

/* Zeroed: the defaults. */
struct nvb_snapshot_options {
	const char *key_file; /* 32 bytes or more, 0600 or stricter; NULL: not encrypted */
	unsigned threads;     /* 0: one for each processor that we may use, 16 at most */
	nvb_snapshot_progress progress;
	void *data;
	bool trust; /* reading: also one that this host did not sign */
	/* Asked about such a one, whole as its manifest is, before anything of it is used or kept: a negated
	 * code refuses it. NULL: whatever it is. */
	int (*judge)(void *data, const struct nvb_snapshot_manifest *manifest, nvb_error **err);
	void *judge_data;
};

/* Writing. */

typedef struct nvb_snapshot_writer nvb_snapshot_writer;

/*
 * Begins a snapshot of the capsule (its id; any name as above) and sweeps what killed writers left of others.
 * Errors: NVB_ERR_INVALID (a name, a key file whose content or mode is wrong), NVB_ERR_PERMISSION,
 * NVB_ERR_SYSTEM. The options' strings are needed during this call alone.
 */
int nvb_snapshot_begin(const struct nvb_snapshots *store, const char *capsule,
	const struct nvb_snapshot_options *options, nvb_snapshot_writer **writer, nvb_error **err);

/*
 * Takes all that is below a directory: files (holes stay holes), directories, links of both kinds, nodes
 * (whiteouts: character device 0:0), sockets and FIFOs as names, with owner, mode, times (ns) and all
 * extended attributes that the caller may see (trusted.* for root). Does not enter other file systems that
 * are mounted there. Nothing may change in it meanwhile: a file that does is NVB_ERR_STALE. `dirfd` stays the
 * caller's. The tree's name is new to this snapshot.
 */
int nvb_snapshot_add_tree(nvb_snapshot_writer *writer, const char *tree, int dirfd, nvb_error **err);

/*
 * Begins to take a directory of CRIU images while CRIU still writes it: what stands in its pages-*.img is
 * taken from the background as these files grow, and punched out of them right behind, so that memory is not
 * on the disk twice. They may only grow. Other files are taken by nvb_snapshot_follow_end.
 *
 * **The images are used up by it**: after a failed dump the directory holds nothing to go on from. `dirfd` is
 * duplicated. One at a time.
 */
int nvb_snapshot_follow(nvb_snapshot_writer *writer, const char *tree, int dirfd, nvb_error **err);
/* The program that wrote has ended: takes the rest and completes the tree. Reports what failed in the
 * background, too (a full disk: NVB_ERR_SYSTEM, ENOSPC). */
int nvb_snapshot_follow_end(nvb_snapshot_writer *writer, nvb_error **err);

/* Bytes taken so far; for a progress bar of one's own while CRIU runs. Any thread may ask. */
uint64_t nvb_snapshot_written(const nvb_snapshot_writer *writer);
/* Whether something in the background has failed already (the dump can be given up): 0 or the code. */
int nvb_snapshot_trouble(const nvb_snapshot_writer *writer);

/*
 * Completes the snapshot and makes it visible. Of the manifest what is marked "by the store" there is not
 * read but set. *id may be NULL.
 */
int nvb_snapshot_commit(nvb_snapshot_writer *writer, const struct nvb_snapshot_manifest *manifest,
	nvb_snapshot_id *id, nvb_error **err);

/* Removes what was not committed. NULL is allowed. */
void nvb_snapshot_writer_free(nvb_snapshot_writer *writer);
static inline void nvb_snapshot_writer_freep(nvb_snapshot_writer **writer)
{
	nvb_snapshot_writer_free(*writer);
}
#define _cleanup_snapshot_writer_ _cleanup_(nvb_snapshot_writer_freep)

/* Finding. */

/*
 * Which snapshot a user means: an id or the beginning of one (4 digits or more); CAPSULE@N, its Nth;
 * CAPSULE@latest or CAPSULE alone, its last. CAPSULE is a capsule's id, the beginning of it, or the name that
 * it had. "latest": the last of all. Errors: NVB_ERR_NOT_FOUND, NVB_ERR_CONFLICT (several).
 */
int nvb_snapshot_find(
	const struct nvb_snapshots *store, const char *name, nvb_snapshot_id *id, nvb_error **err);

/* One of a list. Who cannot be read is listed all the same, with the reason. */
struct nvb_snapshot_info {
	nvb_snapshot_id id;
	struct nvb_snapshot_manifest manifest;
	uint64_t alone; /* bytes on the disk that no other snapshot shares */
	bool is_signed; /* by this host */
	char *trouble;	/* why its manifest cannot be read, or NULL */
};

/* All, or those of one capsule (its id, or the name that it had; NULL: all), oldest first. */
int nvb_snapshots_list(const struct nvb_snapshots *store, const char *capsule,
	struct nvb_snapshot_info **list, size_t *count, nvb_error **err);
void nvb_snapshot_infos_free(struct nvb_snapshot_info *list, size_t count);

/* Reading: everything in a snapshot counts as hostile. */

typedef struct nvb_snapshot nvb_snapshot;

/*
 * Opens by a name as above. As long as it is open it cannot be removed. Errors: those of nvb_snapshot_find,
 * NVB_ERR_CORRUPT (which file, and what of it), NVB_ERR_PERMISSION (not signed by this host and not trusted;
 * encrypted and no key file, another key).
 *
 * Without a key file an encrypted one can be opened for its manifest, when `options` says so by
 * NVB_SNAPSHOT_NO_KEY as the key file; sealed fields are empty then, and nothing else works.
 */
#define NVB_SNAPSHOT_NO_KEY "-"
int nvb_snapshot_open(const struct nvb_snapshots *store, const char *name,
	const struct nvb_snapshot_options *options, nvb_snapshot **snapshot, nvb_error **err);
void nvb_snapshot_close(nvb_snapshot *snapshot);
static inline void nvb_snapshot_closep(nvb_snapshot **snapshot)
{
	nvb_snapshot_close(*snapshot);
}
#define _cleanup_snapshot_ _cleanup_(nvb_snapshot_closep)

/* Valid until the snapshot is closed. */
const nvb_snapshot_id *nvb_snapshot_get_id(const nvb_snapshot *snapshot);
const struct nvb_snapshot_manifest *nvb_snapshot_manifest(const nvb_snapshot *snapshot);
bool nvb_snapshot_has_tree(const nvb_snapshot *snapshot, const char *tree);
/* Leaves a processor to others, where it has several: what follows takes a thread less. */
void nvb_snapshot_spare_processor(nvb_snapshot *snapshot);

/*
 * Puts a tree into an empty directory as it was taken, every chunk checked against its hash. Not flushed to
 * the disk. Before it begins it compares what the tree needs with the room there. After a failure the
 * directory holds a part of it. Errors: NVB_ERR_NOT_FOUND (no such tree), NVB_ERR_CONFLICT (not empty),
 * NVB_ERR_CORRUPT (names pack, chunk and file), NVB_ERR_SYSTEM, NVB_ERR_CANCELLED.
 */
int nvb_snapshot_extract(nvb_snapshot *snapshot, const char *tree, int dirfd, nvb_error **err);

/* Reads one file of a tree ("inventory.img") of at most `max` bytes without extracting; see nvb_file_read. */
int nvb_snapshot_read(nvb_snapshot *snapshot, const char *tree, const char *path, size_t max, char **data,
	size_t *size, nvb_error **err);

/*
 * Reads every byte of every file of the snapshot and checks it. `report` (may be NULL) is told of each thing
 * that is wrong, in one line; the error returned is the first of them. NVB_ERR_CORRUPT or 0.
 */
typedef void (*nvb_snapshot_report)(void *data, const char *line);
int nvb_snapshot_verify(nvb_snapshot *snapshot, nvb_snapshot_report report, void *data, nvb_error **err);

/* Keeping house. */

/* NVB_ERR_BUSY while somebody has it open. */
int nvb_snapshot_remove(const struct nvb_snapshots *store, const nvb_snapshot_id *id, nvb_error **err);

/*
 * Removes what was left of snapshots by who was killed while he took or removed them: of one capsule, by its
 * id, or of all (NULL), also of those that are not there any more and whose next snapshot will never come.
 */
int nvb_snapshots_sweep(const struct nvb_snapshots *store, const char *capsule, nvb_error **err);

/* What differs between two snapshots, file by file. */
enum nvb_snapshot_change {
	NVB_SNAPSHOT_ADDED,
	NVB_SNAPSHOT_REMOVED,
	NVB_SNAPSHOT_CHANGED,	 /* content, or what it is */
	NVB_SNAPSHOT_ATTRIBUTES, /* owner, mode, extended attributes alone; times do not count */
};
struct nvb_snapshot_difference {
	enum nvb_snapshot_change change;
	const char *tree, *path;
	uint64_t before, after; /* bytes */
	uint64_t changed;	/* bytes of the later one that the earlier one's file does not have */
};
typedef int (*nvb_snapshot_differs)(
	void *data, const struct nvb_snapshot_difference *difference, nvb_error **err);
/* Tells `each` of every difference, tree by tree, sorted by path; goes on while it returns 0. Compares by the
 * hashes of chunks: nothing of the content is read. */
int nvb_snapshot_diff(
	nvb_snapshot *before, nvb_snapshot *after, nvb_snapshot_differs each, void *data, nvb_error **err);

/*
 * As one file: a tar archive (ustar) of the snapshot's files. Everything is held against its checksums on the
 * way. `fd` may be a pipe.
 */
int nvb_snapshot_export(nvb_snapshot *snapshot, int fd, nvb_error **err);

/*
 * Takes such a file in, which counts as hostile: it must be byte for byte what an export writes, is accepted
 * when this host has signed it or options->trust says so, and is verified whole before it appears; then this
 * host signs it. An encrypted one needs its key file. Nothing is left of one that is refused. Errors:
 * NVB_ERR_CORRUPT, NVB_ERR_PERMISSION (not signed here; the key), NVB_ERR_CONFLICT (it is here already).
 */
int nvb_snapshot_import(const struct nvb_snapshots *store, int fd, const struct nvb_snapshot_options *options,
	nvb_snapshot_id *id, nvb_error **err);

#endif
