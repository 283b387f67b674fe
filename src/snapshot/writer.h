/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SNAPSHOT_WRITER_H
#define NVB_SNAPSHOT_WRITER_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "snapshot/codec.h"
#include "snapshot/index.h"
#include "snapshot/keys.h"
#include "snapshot/known.h"
#include "snapshot/pack.h"
#include "snapshot/snapshot.h"

/*
 * The inside of a writer. One thread (the caller's, or the one that follows CRIU) finds files and queues
 * regions of them; workers read a region, cut it, look each chunk up, and put those that are new into packs
 * of their own. A tree's files get their extents when the queue is empty.
 */

/* A file whose content is being taken. */
struct nvb_taken {
	int fd;
	char *name;	 /* for messages */
	struct stat st;	 /* as it was when it was opened */
	bool grows;	 /* it is followed: punched out behind, not held against `st` */
	bool piped;	 /* its content comes with the regions */
	uint64_t queued; /* of one that is followed: how much of it */
	atomic_uint holders;
	struct nvb_region *first, *last;
	size_t entry; /* of the tree */
	struct nvb_taken *next;
};

struct nvb_region {
	struct nvb_taken *file;
	uint64_t offset;
	size_t size;
	uint8_t *buffer;	    /* NVB_REGION bytes that it lies in; NULL: it is to be read */
	struct nvb_extent *extents; /* what became of it */
	size_t count, capacity;
	struct nvb_region *next;   /* of the file */
	struct nvb_region *queued; /* behind it */
};

struct nvb_worker {
	nvb_snapshot_writer *writer;
	pthread_t thread;
	bool started;
	struct nvb_compressor compressor;
	struct nvb_pack_writer out;
	uint32_t out_number; /* of that pack in the list */
	uint8_t *buffer;     /* NVB_REGION bytes */
	bool pairs;	     /* the processor hashes two at a time */
};

/* A pack of an earlier snapshot: linked into the new one at the start, so that nobody can take it away, and
 * unlinked at the end where it is not needed. */
struct nvb_earlier {
	uint32_t *stored; /* of each chunk; NULL: the pack is ours */
	uint8_t *used;	  /* 1 for each chunk that the new snapshot needs */
	uint64_t used_bytes;
};

enum { NVB_WORKERS_MAX = 16, NVB_QUEUE_MAX = 64, NVB_BUFFERS_MAX = NVB_WORKERS_MAX + 2 };

struct nvb_snapshot_writer {
	/* Of the store: duplicated. */
	int store, capsule_fd, fd; /* fd: the directory being written */
	char *capsule, *temporary; /* its name */
	struct nvb_keys keys;
	struct nvb_signer signer;
	nvb_snapshot_progress progress;
	void *progress_data;
	uint64_t progress_at;

	struct nvb_worker workers[NVB_WORKERS_MAX];
	unsigned worker_count;
	struct nvb_flusher flusher;

	/* Under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t work, room; /* there is some */
	struct nvb_region *queue_first, *queue_last;
	size_t queued, busy;
	bool ends;
	uint8_t *spare[NVB_BUFFERS_MAX]; /* for regions that are read before they are queued */
	size_t spare_count, lent;
	nvb_error *error; /* the first that failed in the background */
	struct nvb_known known;
	struct nvb_index index; /* packs; the trees belong to the caller's thread */
	struct nvb_earlier *earlier;
	size_t earlier_capacity;
	uint64_t chunks;

	atomic_int failed; /* the code of `error` */
	atomic_uint_fast64_t bytes, zero_bytes, done;
	uint64_t total; /* for the progress, 0: not known */

	/* The tree at hand. */
	struct nvb_taken *taken;
	struct nvb_followed *followed;
	uint64_t tree_from; /* `bytes` when it began */
	char parent[NVB_SNAPSHOT_ID + 1];
	struct nvb_snapshot_tree trees[NVB_TREES_MAX];
};

/* Workers (workers.c). */
int nvb_workers_start(nvb_snapshot_writer *writer, unsigned count, nvb_error **err);
void nvb_workers_stop(nvb_snapshot_writer *writer);
/* Queues a part of a file; waits while many are queued. The region belongs to the file. */
int nvb_workers_queue(
	nvb_snapshot_writer *writer, struct nvb_taken *file, uint64_t offset, size_t size, nvb_error **err);
/* The same from a thread that reports no progress. */
int nvb_workers_queue_quietly(
	nvb_snapshot_writer *writer, struct nvb_taken *file, uint64_t offset, size_t size, nvb_error **err);
/* A buffer for a region that the caller reads: waits until one is free. It is queued or given back. */
unsigned nvb_workers_buffers(const nvb_snapshot_writer *writer); /* how many there are */
int nvb_workers_lend(nvb_snapshot_writer *writer, uint8_t **buffer, nvb_error **err);
void nvb_workers_give_back(nvb_snapshot_writer *writer, uint8_t *buffer);
/* Queues such a region, and takes over *buffer. */
int nvb_workers_queue_buffer(nvb_snapshot_writer *writer, struct nvb_taken *file, uint64_t offset,
	size_t size, uint8_t **buffer, nvb_error **err);
/* Waits until all is done; reports what failed. */
int nvb_workers_drain(nvb_snapshot_writer *writer, nvb_error **err);
/* Waits for the same whatever becomes of it: nobody works at anything then. */
void nvb_workers_rest(nvb_snapshot_writer *writer);
/* What a worker does with a region (take.c). */
int nvb_worker_take(struct nvb_worker *worker, struct nvb_region *region, nvb_error **err);
/* Closes the packs that are open. */
int nvb_workers_end_packs(nvb_snapshot_writer *writer, nvb_error **err);
/* Puts a chunk, stored as it is in worker->out's room, into the pack; *place is where. */
int nvb_worker_open_pack(struct nvb_worker *worker, nvb_error **err);
int nvb_worker_close_pack(struct nvb_worker *worker, nvb_error **err);

/* The writer's own error, copied into *err. Returns its code, 0 where there is none. */
int nvb_writer_error(nvb_snapshot_writer *writer, nvb_error **err);
/* Calls the caller's progress; -NVB_ERR_CANCELLED when it says so. */
int nvb_writer_progress(nvb_snapshot_writer *writer, nvb_error **err);

/* An extent behind others, joined with the last where it continues it. */
bool nvb_extent_add(struct nvb_extent **extents, size_t *count, size_t *capacity, struct nvb_extent extent);

/* Files (assemble.c). Takes over fd, also without memory (NULL); has one holder. */
struct nvb_taken *nvb_taken_new(int fd, const struct stat *st, const char *name);
void nvb_taken_free(struct nvb_taken *file);
/* Who queues regions of a file holds it as each region does; the last one to leave looks whether it has
 * changed and closes it. */
int nvb_taken_leave(struct nvb_taken *file, nvb_error **err);
/* The files' content becomes their entries' extents, once nothing is queued; frees them. */
int nvb_assemble(nvb_snapshot_writer *writer, struct nvb_tree_index *tree, nvb_error **err);
/* Walks a directory into a new tree (walk.c). `followed` files are those with content taken already. */
int nvb_walk_tree(nvb_snapshot_writer *writer, const char *name, int dirfd, nvb_error **err);
/* A followed file, out of the list, or NULL (follow.c). */
struct nvb_taken *nvb_followed_take(nvb_snapshot_writer *writer, const struct stat *st);
/* Ends the thread, and frees what nobody took. */
void nvb_followed_free(nvb_snapshot_writer *writer);

/* Links the packs of earlier snapshots into the new one and learns their chunks (earlier.c). */
int nvb_earlier_load(nvb_snapshot_writer *writer, nvb_error **err);
/* Of little used ones the chunks are copied; takes away what is not needed (repack.c). */
int nvb_earlier_settle(nvb_snapshot_writer *writer, nvb_error **err);

/* Names in a capsule's directory. */
#define NVB_TEMPORARY ".new-"
#define NVB_REMOVED   ".gone-"

/* The capsule's directory, made where it is not there, and locked: fd. */
int nvb_capsule_lock(int store, const char *capsule, nvb_error **err);
/* A directory to write a snapshot in, flocked: its fd, its name malloc'd. */
int nvb_temporary_make(int capsule_fd, char **name, nvb_error **err);

/* Removes what killed ones left. The caller holds the directory's lock. */
int nvb_snapshot_sweep(int capsule_fd, nvb_error **err);

#endif
