/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/flusher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* Some file systems take O_DIRECT and then want other alignments: those get it through the page cache. */
static int write_block(const struct nvb_flush *f)
{
	size_t done = 0;
	int flags;

	while (done < f->size) {
		ssize_t n = pwrite(f->fd, f->block + done, f->size - done, f->at + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		flags = n < 0 && errno == EINVAL ? fcntl(f->fd, F_GETFL) : -1;
		if (flags >= 0 && flags & O_DIRECT && fcntl(f->fd, F_SETFL, flags & ~O_DIRECT) == 0)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		done += (size_t)n;
	}
	flags = fcntl(f->fd, F_GETFL);
	/* Not every file system can; then the flush at the end takes longer. */
	if (flags >= 0 && !(flags & O_DIRECT))
		(void)!sync_file_range(f->fd, f->at, (off_t)f->size, SYNC_FILE_RANGE_WRITE);
	return 0;
}

static void *flush(void *argument)
{
	struct nvb_flusher *f = argument;

	pthread_mutex_lock(&f->lock);
	while (!f->ends) {
		struct nvb_flush next;
		int failed;

		if (!f->count) {
			pthread_cond_wait(&f->work, &f->lock);
			continue;
		}
		next = f->queue[f->first];
		f->first = (f->first + 1) % NVB_FLUSH_QUEUE;
		f->count--;
		pthread_mutex_unlock(&f->lock);
		failed = write_block(&next);
		pthread_mutex_lock(&f->lock);
		if (failed && !f->error)
			f->error = failed;
		if (f->spare_count < NVB_FLUSH_QUEUE)
			f->spare[f->spare_count++] = next.block;
		else
			free(next.block);
		--*next.pending;
		pthread_cond_broadcast(&f->done);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

int nvb_flusher_start(struct nvb_flusher *f, unsigned threads, size_t room, nvb_error **err)
{
	sigset_t all, before;
	int rc = 0;

	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->work, NULL);
	pthread_cond_init(&f->done, NULL);
	f->made = true;
	f->room = (room + NVB_FLUSH_ALIGN - 1) / NVB_FLUSH_ALIGN * NVB_FLUSH_ALIGN;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	while (!rc && f->thread_count < threads && f->thread_count < NVB_FLUSH_THREADS) {
		rc = pthread_create(&f->threads[f->thread_count], NULL, flush, f);
		if (!rc)
			f->thread_count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc ? nvb_fail_errno(err, rc, "starting a thread") : 0;
}

uint8_t *nvb_flusher_block(struct nvb_flusher *f)
{
	uint8_t *block = NULL;

	pthread_mutex_lock(&f->lock);
	if (f->spare_count)
		block = f->spare[--f->spare_count];
	pthread_mutex_unlock(&f->lock);
	return block ? block : aligned_alloc(NVB_FLUSH_ALIGN, f->room);
}

int nvb_flusher_write(struct nvb_flusher *f, int fd, off_t at, uint8_t *block, size_t size, unsigned *pending)
{
	int failed;

	pthread_mutex_lock(&f->lock);
	while (f->count == NVB_FLUSH_QUEUE)
		pthread_cond_wait(&f->done, &f->lock);
	f->queue[(f->first + f->count++) % NVB_FLUSH_QUEUE] =
		(struct nvb_flush){fd, at, size, block, pending};
	++*pending;
	failed = f->error;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
	return -failed;
}

int nvb_flusher_wait(struct nvb_flusher *f, const unsigned *pending)
{
	int failed;

	pthread_mutex_lock(&f->lock);
	while (*pending)
		pthread_cond_wait(&f->done, &f->lock);
	failed = f->error;
	pthread_mutex_unlock(&f->lock);
	return -failed;
}

void nvb_flusher_stop(struct nvb_flusher *f)
{
	if (!f->made)
		return;
	pthread_mutex_lock(&f->lock);
	f->ends = true;
	pthread_cond_broadcast(&f->work);
	pthread_mutex_unlock(&f->lock);
	for (unsigned i = 0; i < f->thread_count; i++)
		pthread_join(f->threads[i], NULL);
	for (; f->count; f->count--) {
		free(f->queue[f->first].block);
		f->first = (f->first + 1) % NVB_FLUSH_QUEUE;
	}
	while (f->spare_count)
		free(f->spare[--f->spare_count]);
	f->thread_count = 0;
	f->made = false;
}
