/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "snapshot/cut.h"
#include "snapshot/pipes.h"
#include "snapshot/writer.h"

/*
 * Takes the memory out of CRIU's images while CRIU writes them. It comes through pipes (pipes.h); images
 * beyond those are files. These pages-*.img have no header and only grow, so what stands in one is final: a
 * region that is full is queued, and punched out when it was taken. Looking for files every few milliseconds
 * costs less than an event for every write.
 */

struct nvb_followed {
	nvb_snapshot_writer *writer;
	int dirfd;
	char *tree;
	pthread_t thread;
	bool running;
	atomic_bool ends; /* nothing grows any more: take the rest */
	struct nvb_pipes pipes;
	struct nvb_taken *files;
	int rc;
	nvb_error *error;
};

static struct nvb_taken *find_inode(struct nvb_taken *files, const struct stat *st)
{
	while (files && files->st.st_ino != st->st_ino)
		files = files->next;
	return files;
}

static int open_file(struct nvb_followed *f, const char *name, nvb_error **err)
{
	int fd = openat(f->dirfd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct nvb_taken *file;
	struct stat st;

	/* ELOOP: one that is a pipe. */
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP ? 0 : nvb_fail_errno(err, errno, "%s", name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || find_inode(f->files, &st)) {
		close(fd);
		return 0;
	}
	file = nvb_taken_new(fd, &st, name);
	if (!file)
		return nvb_fail_oom(err);
	file->grows = true;
	file->next = f->files;
	f->files = file;
	return 0;
}

/* Files that have come. */
static int look(struct nvb_followed *f, nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(f->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	const struct dirent *entry;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return nvb_fail_errno(err, errno, "the directory of the images");
	while (rc == 0 && (entry = readdir(dir)))
		if (fnmatch("pages-*.img", entry->d_name, 0) == 0)
			rc = open_file(f, entry->d_name, err);
	return rc;
}

static int follow_file(struct nvb_followed *f, struct nvb_taken *file, bool rest, nvb_error **err)
{
	struct stat st;
	int rc = 0;

	if (fstat(file->fd, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", file->name);
	while (rc == 0 && (uint64_t)st.st_size > file->queued) {
		uint64_t left = (uint64_t)st.st_size - file->queued;
		size_t size = left < NVB_REGION ? (size_t)left : NVB_REGION;

		if (size < NVB_REGION && !rest)
			break;
		rc = nvb_workers_queue_quietly(f->writer, file, file->queued, size, err);
		if (rc == 0)
			file->queued += size;
	}
	return rc;
}

static void *follow(void *argument)
{
	struct nvb_followed *f = argument;
	bool rest = false;
	int rc = 0;

	while (rc == 0 && !rest) {
		/* Asked first: what was written before it was set is seen below. */
		rest = atomic_load(&f->ends);
		rc = rest ? nvb_pipes_rest(&f->pipes, f->writer, &f->error)
			  : nvb_pipes_follow(&f->pipes, f->writer, &f->error);
		if (rc == 0)
			rc = look(f, &f->error);
		for (struct nvb_taken *file = f->files; file && rc == 0; file = file->next)
			rc = follow_file(f, file, rest, &f->error);
	}
	f->rc = rc;
	while (rc < 0 && !atomic_load(&f->ends))
		nvb_pipes_discard(&f->pipes);
	return NULL;
}

int nvb_snapshot_follow(nvb_snapshot_writer *w, const char *tree, int dirfd, nvb_error **err)
{
	struct nvb_followed *f;
	sigset_t all, before;
	int rc;

	if (w->followed)
		return nvb_fail(err, NVB_ERR_INVALID, "a directory is being followed already");
	if (!nvb_is_snapshot_name(tree) || nvb_index_tree(&w->index, tree))
		return nvb_fail(err, NVB_ERR_INVALID, "not a new tree's name: '%s'", tree);
	f = w->followed = calloc(1, sizeof(*f));
	if (!f)
		return nvb_fail_oom(err);
	f->writer = w;
	w->tree_from = atomic_load(&w->bytes);
	f->tree = strdup(tree);
	f->dirfd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!f->tree)
		return nvb_fail_oom(err);
	if (f->dirfd < 0)
		return nvb_fail_errno(err, errno, "the directory of the images");
	rc = nvb_pipes_make(&f->pipes, f->dirfd, err);
	if (rc < 0)
		return rc;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	rc = pthread_create(&f->thread, NULL, follow, f);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		return nvb_fail_errno(err, rc, "starting a thread");
	f->running = true;
	return 0;
}

/* Waits for the thread and lets the caller show how far it is. */
static int join(nvb_snapshot_writer *w, struct nvb_followed *f, nvb_error **err)
{
	int rc = 0;

	atomic_store(&f->ends, true);
	while (f->running) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += (until.tv_nsec += 100000000) / 1000000000;
		until.tv_nsec %= 1000000000;
		if (pthread_timedjoin_np(f->thread, NULL, &until) == 0)
			f->running = false;
		else if (rc == 0)
			rc = nvb_writer_progress(w, err);
	}
	if (rc == 0 && f->rc < 0)
		nvb_error_move(err, NVB_TAKE_PTR(f->error));
	return rc < 0 ? rc : f->rc;
}

int nvb_snapshot_follow_end(nvb_snapshot_writer *w, nvb_error **err)
{
	struct nvb_followed *f = w->followed;
	int rc;

	if (!f || !f->running)
		return nvb_fail(err, NVB_ERR_INVALID, "no directory is being followed");
	rc = join(w, f, err);
	if (rc == 0)
		rc = nvb_pipes_settle(&f->pipes, f->dirfd, &f->files, err);
	if (rc == 0)
		rc = nvb_snapshot_add_tree(w, f->tree, f->dirfd, err);
	nvb_followed_free(w);
	return rc;
}

struct nvb_taken *nvb_followed_take(nvb_snapshot_writer *w, const struct stat *st)
{
	for (struct nvb_taken **file = w->followed ? &w->followed->files : NULL; file && *file;
		file = &(*file)->next) {
		struct nvb_taken *found = *file;

		if (found->st.st_ino != st->st_ino || found->st.st_dev != st->st_dev)
			continue;
		*file = found->next;
		found->next = NULL;
		return found;
	}
	return NULL;
}

void nvb_followed_free(nvb_snapshot_writer *w)
{
	struct nvb_followed *f = w->followed;

	if (!f)
		return;
	if (f->running)
		join(w, f, NULL);
	/* A file that was removed again is left over, and somebody may still work at it. */
	nvb_workers_rest(w);
	nvb_pipes_release(&f->pipes, w);
	while (f->files) {
		struct nvb_taken *file = f->files;

		f->files = file->next;
		nvb_taken_free(file);
	}
	nvb_error_free(f->error);
	if (f->dirfd >= 0)
		close(f->dirfd);
	free(f->tree);
	free(f);
	w->followed = NULL;
}
