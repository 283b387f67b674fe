/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "snapshot/cut.h"
#include "snapshot/writer.h"

/* Threads that take regions from one queue. */

static const uint64_t progress_every = 100000000;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int nvb_writer_error(nvb_snapshot_writer *w, nvb_error **err)
{
	int rc = atomic_load(&w->failed);

	if (rc == 0)
		return 0;
	pthread_mutex_lock(&w->lock);
	nvb_fail(err, (enum nvb_error_code) - rc, "%s", nvb_error_message(w->error));
	if (nvb_error_hint(w->error))
		nvb_hint(err, rc, "%s", nvb_error_hint(w->error));
	pthread_mutex_unlock(&w->lock);
	return rc;
}

/* The first failure counts; takes it over. */
static void set_error(nvb_snapshot_writer *w, int rc, nvb_error *error)
{
	if (w->error)
		nvb_error_free(error);
	else
		w->error = error;
	if (!atomic_load(&w->failed))
		atomic_store(&w->failed, rc);
}

int nvb_writer_progress(nvb_snapshot_writer *w, nvb_error **err)
{
	uint64_t time;

	if (!w->progress)
		return 0;
	time = now();
	if (time - w->progress_at < progress_every)
		return 0;
	w->progress_at = time;
	return w->progress(w->progress_data, atomic_load(&w->done), w->total)
		       ? nvb_fail(err, NVB_ERR_CANCELLED, "the snapshot was broken off")
		       : 0;
}

static void *work(void *argument)
{
	struct nvb_worker *worker = argument;
	nvb_snapshot_writer *w = worker->writer;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct nvb_region *region = w->queue_first;
		nvb_error *why = NULL;
		int rc = 0;

		if (!region && w->ends)
			break;
		if (!region) {
			pthread_cond_wait(&w->work, &w->lock);
			continue;
		}
		w->queue_first = region->queued;
		w->queued--;
		w->busy++;
		pthread_mutex_unlock(&w->lock);
		if (!atomic_load(&w->failed))
			rc = nvb_worker_take(worker, region, &why);
		pthread_mutex_lock(&w->lock);
		if (rc < 0)
			set_error(w, rc, why);
		if (region->buffer)
			w->spare[w->spare_count++] = NVB_TAKE_PTR(region->buffer);
		w->busy--;
		pthread_cond_broadcast(&w->room);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static int start_one(nvb_snapshot_writer *w, struct nvb_worker *worker, nvb_error **err)
{
	sigset_t all, before;
	int rc;

	worker->writer = w;
	worker->out = (struct nvb_pack_writer)NVB_PACK_WRITER_INIT;
	worker->out.flusher = &w->flusher;
	worker->pairs = nvb_sha256_can_pair();
	w->worker_count++;
	worker->buffer = malloc(NVB_REGION);
	if (!worker->buffer)
		return nvb_fail_oom(err);
	rc = nvb_compressor_init(&worker->compressor, err);
	if (rc < 0)
		return rc;
	/* Signals are for the program's own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	rc = pthread_create(&worker->thread, NULL, work, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		return nvb_fail_errno(err, rc, "starting a thread");
	worker->started = true;
	return 0;
}

int nvb_workers_start(nvb_snapshot_writer *w, unsigned count, nvb_error **err)
{
	int rc = nvb_flusher_start(&w->flusher, count, nvb_pack_block(), err);

	for (unsigned i = 0; rc == 0 && i < count; i++)
		rc = start_one(w, &w->workers[i], err);
	return rc;
}

void nvb_workers_stop(nvb_snapshot_writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->ends = true;
	/* Whoever stops with work left has given up. */
	w->queue_first = NULL;
	w->queued = 0;
	pthread_cond_broadcast(&w->work);
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->worker_count; i++) {
		struct nvb_worker *worker = &w->workers[i];

		if (worker->started)
			pthread_join(worker->thread, NULL);
		nvb_compressor_release(&worker->compressor);
		nvb_pack_writer_release(&worker->out);
		free(worker->buffer);
	}
	w->worker_count = 0;
	while (w->spare_count)
		free(w->spare[--w->spare_count]);
	nvb_flusher_stop(&w->flusher);
}

static struct timespec soon(void)
{
	uint64_t time = now() + progress_every;

	return (struct timespec){(time_t)(time / 1000000000), (long)(time % 1000000000)};
}

/* Waits until at most `most` are queued (0: and none is being done). */
static int wait_for_room(nvb_snapshot_writer *w, size_t most, bool quietly, nvb_error **err)
{
	int rc = 0;

	pthread_mutex_lock(&w->lock);
	while (rc == 0 && (w->queued > most || (most == 0 && w->busy))) {
		struct timespec until = soon();

		pthread_cond_timedwait(&w->room, &w->lock, &until);
		if (quietly)
			continue;
		pthread_mutex_unlock(&w->lock);
		rc = nvb_writer_progress(w, err);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return rc;
}

static int queue(nvb_snapshot_writer *w, struct nvb_taken *file, uint64_t offset, size_t size,
	uint8_t **buffer, bool quietly, nvb_error **err)
{
	struct nvb_region *region;
	int rc = nvb_writer_error(w, err);

	if (rc == 0)
		rc = wait_for_room(w, NVB_QUEUE_MAX, quietly, err);
	if (rc < 0)
		return rc;
	region = calloc(1, sizeof(*region));
	if (!region)
		return nvb_fail_oom(err);
	*region = (struct nvb_region){.file = file, .offset = offset, .size = size};
	if (buffer)
		region->buffer = NVB_TAKE_PTR(*buffer);
	if (file->last)
		file->last->next = region;
	else
		file->first = region;
	file->last = region;
	atomic_fetch_add(&file->holders, 1);
	pthread_mutex_lock(&w->lock);
	if (w->queue_first)
		w->queue_last->queued = region;
	else
		w->queue_first = region;
	w->queue_last = region;
	w->queued++;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

int nvb_workers_queue(
	nvb_snapshot_writer *w, struct nvb_taken *file, uint64_t offset, size_t size, nvb_error **err)
{
	int rc = queue(w, file, offset, size, NULL, false, err);

	return rc < 0 ? rc : nvb_writer_progress(w, err);
}

int nvb_workers_queue_quietly(
	nvb_snapshot_writer *w, struct nvb_taken *file, uint64_t offset, size_t size, nvb_error **err)
{
	return queue(w, file, offset, size, NULL, true, err);
}

int nvb_workers_queue_buffer(nvb_snapshot_writer *w, struct nvb_taken *file, uint64_t offset, size_t size,
	uint8_t **buffer, nvb_error **err)
{
	return queue(w, file, offset, size, buffer, true, err);
}

unsigned nvb_workers_buffers(const nvb_snapshot_writer *w)
{
	return w->worker_count + 2;
}

int nvb_workers_lend(nvb_snapshot_writer *w, uint8_t **buffer, nvb_error **err)
{
	uint8_t *found = NULL;
	bool wanted;

	pthread_mutex_lock(&w->lock);
	while (!w->spare_count && w->lent == nvb_workers_buffers(w))
		pthread_cond_wait(&w->room, &w->lock);
	wanted = !w->spare_count;
	if (wanted)
		w->lent++;
	else
		found = w->spare[--w->spare_count];
	pthread_mutex_unlock(&w->lock);
	if (wanted)
		found = malloc(NVB_REGION);
	if (found) {
		*buffer = found;
		return 0;
	}
	pthread_mutex_lock(&w->lock);
	w->lent--;
	pthread_mutex_unlock(&w->lock);
	return nvb_fail_oom(err);
}

void nvb_workers_give_back(nvb_snapshot_writer *w, uint8_t *buffer)
{
	pthread_mutex_lock(&w->lock);
	w->spare[w->spare_count++] = buffer;
	pthread_cond_broadcast(&w->room);
	pthread_mutex_unlock(&w->lock);
}

void nvb_workers_rest(nvb_snapshot_writer *w)
{
	wait_for_room(w, 0, true, NULL);
}

int nvb_workers_drain(nvb_snapshot_writer *w, nvb_error **err)
{
	int rc = wait_for_room(w, 0, false, err);

	return rc < 0 ? rc : nvb_writer_error(w, err);
}
