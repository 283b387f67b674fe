/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/flusher.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static void *flush(void *argument)
{
	struct nvb_flusher *f = argument;

	pthread_mutex_lock(&f->lock);
	while (!f->ends) {
		struct nvb_flush next;

		if (!f->count) {
			pthread_cond_wait(&f->work, &f->lock);
			continue;
		}
		next = f->queue[f->first];
		f->first = (f->first + 1) % NVB_FLUSHER_QUEUE;
		f->count--;
		pthread_mutex_unlock(&f->lock);
		/* Not every file system can; then the flush at the end takes longer. */
		(void)!sync_file_range(next.fd, next.from, next.size, SYNC_FILE_RANGE_WRITE);
		close(next.fd);
		pthread_mutex_lock(&f->lock);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

int nvb_flusher_start(struct nvb_flusher *f, nvb_error **err)
{
	sigset_t all, before;
	int rc;

	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->work, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	rc = pthread_create(&f->thread, NULL, flush, f);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		return nvb_fail_errno(err, rc, "starting a thread");
	f->running = true;
	return 0;
}

void nvb_flusher_push(struct nvb_flusher *f, int fd, off_t from, off_t size)
{
	int own;

	pthread_mutex_lock(&f->lock);
	own = f->count < NVB_FLUSHER_QUEUE ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
	if (own >= 0) {
		f->queue[(f->first + f->count++) % NVB_FLUSHER_QUEUE] = (struct nvb_flush){own, from, size};
		pthread_cond_signal(&f->work);
	}
	pthread_mutex_unlock(&f->lock);
}

void nvb_flusher_stop(struct nvb_flusher *f)
{
	if (!f->running)
		return;
	pthread_mutex_lock(&f->lock);
	f->ends = true;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	for (; f->count; f->count--) {
		close(f->queue[f->first].fd);
		f->first = (f->first + 1) % NVB_FLUSHER_QUEUE;
	}
	f->running = false;
}
