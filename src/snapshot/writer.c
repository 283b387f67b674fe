/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>

#include "base/file.h"
#include "snapshot/reader.h"

static unsigned threads_for(const struct nvb_snapshot_options *o)
{
	cpu_set_t set;
	int n = o->threads				       ? (int)o->threads
		: sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set)
							       : 1;

	return n > NVB_WORKERS_MAX ? NVB_WORKERS_MAX : n < 1 ? 1 : (unsigned)n;
}

/* The capsule's directory, locked. It may be removed, being empty, between its making and its lock. */
int nvb_capsule_lock(int store, const char *capsule, nvb_error **err)
{
	for (;;) {
		_cleanup_close_ int fd = -1;
		struct stat here, there;
		int rc;

		if (mkdirat(store, capsule, 0700) < 0 && errno != EEXIST)
			return nvb_fail_errno(err, errno, "snapshots of %s", capsule);
		fd = nvb_open_directory(store, capsule);
		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return nvb_fail_errno(err, -fd, "snapshots of %s", capsule);
		rc = nvb_flock(fd, LOCK_EX);
		if (rc < 0)
			return nvb_fail_errno(err, -rc, "locking the snapshots of %s", capsule);
		if (fstat(fd, &here) == 0 && fstatat(store, capsule, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
			here.st_ino == there.st_ino)
			return NVB_TAKE_FD(fd);
	}
}

int nvb_temporary_make(int capsule_fd, char **name, nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *own = NULL;
	uint64_t token;

	if (getrandom(&token, sizeof(token), 0) != sizeof(token))
		return nvb_fail_errno(err, errno, "random numbers");
	if (asprintf(&own, "%s%016llx", NVB_TEMPORARY, (unsigned long long)token) < 0) {
		own = NULL;
		return nvb_fail_oom(err);
	}
	if (mkdirat(capsule_fd, own, 0700) < 0)
		return nvb_fail_errno(err, errno, "making the snapshot's directory");
	fd = nvb_open_directory(capsule_fd, own);
	if (fd < 0 || nvb_flock(fd, LOCK_EX | LOCK_NB) < 0)
		return nvb_fail_errno(err, errno, "making the snapshot's directory");
	*name = NVB_TAKE_PTR(own);
	return NVB_TAKE_FD(fd);
}

static int prepare(nvb_snapshot_writer *w, const struct nvb_snapshots *store, const char *capsule,
	const struct nvb_snapshot_options *o, nvb_error **err)
{
	int rc = nvb_keys_load(&w->keys, o->key_file, err);

	if (rc < 0)
		return rc;
	w->capsule = strdup(capsule);
	w->store = fcntl(store->fd, F_DUPFD_CLOEXEC, 3);
	if (!w->capsule)
		return nvb_fail_oom(err);
	if (w->store < 0)
		return nvb_fail_errno(err, errno, "snapshots");
	rc = nvb_signer_load(&w->signer, w->store, true, err);
	if (rc < 0)
		return rc;
	w->capsule_fd = nvb_capsule_lock(w->store, capsule, err);
	if (w->capsule_fd < 0)
		return w->capsule_fd;
	rc = nvb_snapshot_sweep(w->capsule_fd, err);
	if (rc == 0)
		w->fd = nvb_temporary_make(w->capsule_fd, &w->temporary, err);
	nvb_flock(w->capsule_fd, LOCK_UN);
	if (rc == 0)
		rc = w->fd < 0 ? w->fd : nvb_earlier_load(w, err);
	return rc < 0 ? rc : nvb_workers_start(w, threads_for(o), err);
}

static int init_lock(nvb_snapshot_writer *w, nvb_error **err)
{
	pthread_condattr_t attributes;
	int rc = pthread_condattr_init(&attributes);

	if (rc)
		return nvb_fail_errno(err, rc, "a lock");
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, &attributes);
	pthread_cond_init(&w->room, &attributes);
	pthread_condattr_destroy(&attributes);
	return 0;
}

int nvb_snapshot_begin(const struct nvb_snapshots *store, const char *capsule,
	const struct nvb_snapshot_options *options, nvb_snapshot_writer **writer, nvb_error **err)
{
	static const struct nvb_snapshot_options defaults;
	const struct nvb_snapshot_options *o = options ?: &defaults;
	nvb_snapshot_writer *w;
	int rc;

	if (!nvb_is_snapshot_name(capsule))
		return nvb_fail(err, NVB_ERR_INVALID, "not a capsule's id: '%s'", capsule);
	w = calloc(1, sizeof(*w));
	if (!w)
		return nvb_fail_oom(err);
	w->store = w->capsule_fd = w->fd = -1;
	w->progress = o->progress;
	w->progress_data = o->data;
	rc = init_lock(w, err);
	if (rc < 0) {
		free(w);
		return rc;
	}
	rc = prepare(w, store, capsule, o, err);
	if (rc < 0) {
		nvb_snapshot_writer_free(w);
		return nvb_wrap(err, rc, "snapshot");
	}
	*writer = w;
	return 0;
}

int nvb_snapshot_add_tree(nvb_snapshot_writer *w, const char *tree, int dirfd, nvb_error **err)
{
	struct nvb_tree_index *added;
	int rc;

	if (!nvb_is_snapshot_name(tree) || nvb_index_tree(&w->index, tree))
		return nvb_fail(err, NVB_ERR_INVALID, "not a new tree's name: '%s'", tree);
	if (w->index.tree_count == NVB_TREES_MAX)
		return nvb_fail(err, NVB_ERR_INVALID, "more than %d trees", NVB_TREES_MAX);
	added = &w->index.trees[w->index.tree_count];
	if (!w->followed)
		w->tree_from = atomic_load(&w->bytes);
	rc = nvb_walk_tree(w, tree, dirfd, err);
	if (rc == 0)
		rc = nvb_workers_drain(w, err);
	if (rc == 0)
		rc = nvb_assemble(w, added, err);
	if (rc < 0)
		return rc;
	w->trees[w->index.tree_count - 1] = (struct nvb_snapshot_tree){
		.name = added->name, .files = added->count, .bytes = atomic_load(&w->bytes) - w->tree_from};
	return 0;
}

uint64_t nvb_snapshot_written(const nvb_snapshot_writer *w)
{
	return atomic_load(&w->done);
}

int nvb_snapshot_trouble(const nvb_snapshot_writer *w)
{
	return atomic_load(&w->failed);
}

void nvb_snapshot_writer_free(nvb_snapshot_writer *w)
{
	if (!w)
		return;
	nvb_followed_free(w);
	nvb_workers_stop(w);
	while (w->taken) {
		struct nvb_taken *file = w->taken;

		w->taken = file->next;
		nvb_taken_free(file);
	}
	if (w->fd >= 0 && w->temporary)
		nvb_file_remove_tree(w->capsule_fd, w->temporary, NULL);
	/* Where it was to be the first one; one with something in it stays. */
	if (w->capsule_fd >= 0)
		(void)!unlinkat(w->store, w->capsule, AT_REMOVEDIR);
	for (size_t i = 0; w->earlier && i < w->index.pack_count; i++) {
		free(w->earlier[i].stored);
		free(w->earlier[i].used);
	}
	free(w->earlier);
	nvb_known_release(&w->known);
	nvb_index_release(&w->index);
	nvb_keys_release(&w->keys);
	nvb_signer_release(&w->signer);
	nvb_error_free(w->error);
	if (w->fd >= 0)
		close(w->fd);
	if (w->capsule_fd >= 0)
		close(w->capsule_fd);
	if (w->store >= 0)
		close(w->store);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->work);
	pthread_cond_destroy(&w->room);
	free(w->capsule);
	free(w->temporary);
	free(w);
}
