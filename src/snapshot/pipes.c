/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "snapshot/cut.h"

enum {
	NAME = 32,
	PIPE_ROOM = 1 << 20,
	WAIT_MS = 4,
};

static void image_name(int number, char name[static NAME])
{
	snprintf(name, NAME, "pages-%d.img", number + 1);
}

/* A FIFO's end to read from, without its name. Unlike a pipe it tells whether somebody has ever written. */
static int open_fifo(int dirfd)
{
	static const char name[] = ".pages";
	int fd;

	if (mkfifoat(dirfd, name, 0600) < 0)
		return -1;
	fd = openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	unlinkat(dirfd, name, 0);
	return fd;
}

int nvb_pipes_make(struct nvb_pipes *p, int dirfd, nvb_error **err)
{
	for (int i = 0; i < NVB_PIPES; i++) {
		char name[NAME], target[64];
		int fd = open_fifo(dirfd);

		if (fd < 0)
			return 0;
		image_name(i, name);
		p->pipe[i].file = nvb_taken_new(fd, &(struct stat){0}, name);
		if (!p->pipe[i].file)
			return nvb_fail_oom(err);
		p->pipe[i].file->grows = true;
		p->pipe[i].file->piped = true;
		snprintf(target, sizeof(target), "/proc/%d/fd/%d", getpid(), fd);
		if (symlinkat(target, dirfd, name) < 0) {
			nvb_taken_free(NVB_TAKE_PTR(p->pipe[i].file));
			return 0;
		}
	}
	return 0;
}

static int queue_buffer(struct nvb_pipe *pipe, nvb_snapshot_writer *w, nvb_error **err)
{
	struct nvb_taken *file = pipe->file;
	size_t size = pipe->filled;
	int rc = nvb_workers_queue_buffer(w, file, file->queued, size, &pipe->buffer, err);

	if (rc < 0)
		return rc;
	file->queued += size;
	pipe->filled = 0;
	return 0;
}

/* There are fewer buffers than pipes: nothing is kept that nothing is in. */
static void spare(struct nvb_pipe *pipe, nvb_snapshot_writer *w)
{
	if (pipe->buffer && !pipe->filled)
		nvb_workers_give_back(w, NVB_TAKE_PTR(pipe->buffer));
}

static int take_all(struct nvb_pipe *pipe, nvb_snapshot_writer *w, nvb_error **err)
{
	for (;;) {
		ssize_t n;
		int rc;

		if (!pipe->buffer) {
			rc = nvb_workers_lend(w, &pipe->buffer, err);
			if (rc < 0)
				return rc;
		}
		n = read(pipe->file->fd, pipe->buffer + pipe->filled, NVB_REGION - pipe->filled);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return nvb_fail_errno(err, errno, "reading %s", pipe->file->name);
		if (n == 0) {
			pipe->ended = true;
			return pipe->filled ? queue_buffer(pipe, w, err) : 0;
		}
		pipe->filled += (size_t)n;
		rc = pipe->filled == NVB_REGION ? queue_buffer(pipe, w, err) : 0;
		if (rc < 0)
			return rc;
	}
}

/* All that is there now. */
static int take(struct nvb_pipe *pipe, nvb_snapshot_writer *w, nvb_error **err)
{
	int rc = take_all(pipe, w, err);

	spare(pipe, w);
	return rc;
}

static void drop(struct nvb_pipe *pipe)
{
	char scratch[65536];
	ssize_t n;

	while ((n = read(pipe->file->fd, scratch, sizeof(scratch))) > 0 || (n < 0 && errno == EINTR))
		;
	if (n == 0)
		pipe->ended = true;
}

/* Waits for those that are written to, and marks them. */
static void wait_for_some(struct nvb_pipes *p, int timeout, bool ready[static NVB_PIPES])
{
	struct pollfd fds[NVB_PIPES];

	for (int i = 0; i < NVB_PIPES; i++)
		fds[i] =
			(struct pollfd){.fd = p->pipe[i].file && !p->pipe[i].ended ? p->pipe[i].file->fd : -1,
				.events = POLLIN};
	if (poll(fds, NVB_PIPES, timeout) <= 0)
		return;
	for (int i = 0; i < NVB_PIPES; i++) {
		ready[i] = fds[i].revents;
		if (!ready[i] || p->pipe[i].opened)
			continue;
		/* A larger one, now that it is used; without it takes more turns. */
		p->pipe[i].opened = true;
		fcntl(p->pipe[i].file->fd, F_SETPIPE_SZ, PIPE_ROOM);
	}
}

/* Where all buffers are half full, in as many pipes, none would ever come free: one of them goes as it is.
 * CRIU writes one image behind the other, so this is for others who might write. */
static int relieve(struct nvb_pipes *p, nvb_snapshot_writer *w, nvb_error **err)
{
	struct nvb_pipe *some = NULL;
	unsigned held = 0;

	for (int i = 0; i < NVB_PIPES; i++)
		if (p->pipe[i].buffer) {
			some = &p->pipe[i];
			held++;
		}
	return held >= nvb_workers_buffers(w) ? queue_buffer(some, w, err) : 0;
}

int nvb_pipes_follow(struct nvb_pipes *p, nvb_snapshot_writer *w, nvb_error **err)
{
	bool ready[NVB_PIPES] = {0};
	int rc = 0;

	wait_for_some(p, WAIT_MS, ready);
	for (int i = 0; i < NVB_PIPES && rc == 0; i++) {
		if (ready[i] && !p->pipe[i].buffer)
			rc = relieve(p, w, err);
		if (ready[i] && rc == 0)
			rc = take(&p->pipe[i], w, err);
	}
	return rc;
}

int nvb_pipes_rest(struct nvb_pipes *p, nvb_snapshot_writer *w, nvb_error **err)
{
	bool ready[NVB_PIPES] = {0};
	int rc = 0;

	wait_for_some(p, 0, ready);
	for (int i = 0; i < NVB_PIPES && rc == 0; i++) {
		if (ready[i] && !p->pipe[i].buffer)
			rc = relieve(p, w, err);
		if (ready[i] && rc == 0)
			rc = take(&p->pipe[i], w, err);
		if (rc == 0 && p->pipe[i].filled)
			rc = queue_buffer(&p->pipe[i], w, err);
	}
	return rc;
}

void nvb_pipes_discard(struct nvb_pipes *p)
{
	bool ready[NVB_PIPES] = {0};

	wait_for_some(p, WAIT_MS, ready);
	for (int i = 0; i < NVB_PIPES; i++)
		if (ready[i])
			drop(&p->pipe[i]);
}

static int make_file(struct nvb_taken *file, int dirfd, nvb_error **err)
{
	_cleanup_close_ int fd =
		openat(dirfd, file->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)file->queued) < 0 || fstat(fd, &file->st) < 0)
		return nvb_fail_errno(err, errno, "%s", file->name);
	return 0;
}

int nvb_pipes_settle(struct nvb_pipes *p, int dirfd, struct nvb_taken **files, nvb_error **err)
{
	int rc = 0;

	for (int i = 0; i < NVB_PIPES && rc == 0; i++) {
		struct nvb_taken *file = p->pipe[i].file;

		if (!file)
			continue;
		if (unlinkat(dirfd, file->name, 0) < 0 && errno != ENOENT)
			rc = nvb_fail_errno(err, errno, "%s", file->name);
		if (rc < 0 || !p->pipe[i].opened)
			continue;
		rc = make_file(file, dirfd, err);
		if (rc < 0)
			break;
		file->next = *files;
		*files = NVB_TAKE_PTR(p->pipe[i].file);
	}
	return rc;
}

void nvb_pipes_release(struct nvb_pipes *p, nvb_snapshot_writer *w)
{
	for (int i = 0; i < NVB_PIPES; i++) {
		nvb_taken_free(p->pipe[i].file);
		if (p->pipe[i].buffer)
			nvb_workers_give_back(w, p->pipe[i].buffer);
	}
	*p = (struct nvb_pipes){0};
}
