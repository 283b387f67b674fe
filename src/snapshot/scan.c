/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <zstd.h>

#include "snapshot/codec.h"
#include "snapshot/hash.h"
#include "snapshot/reader.h"

/* Goes through packs from front to back, a stretch at a time for each thread. */

enum { STRETCH_MAX = 8 << 20, WINDOW = 1 << 20, THREADS_MAX = 16 };
static const long progress_every = 100000000; /* ns */

struct job {
	uint32_t pack, first, end; /* chunks */
};

struct crew {
	const struct nvb_scan *scan;
	struct job *jobs;
	size_t job_count, job_capacity;
	atomic_size_t next;
	atomic_uint_fast64_t done;
	atomic_bool stop;
	bool pairs;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	unsigned running;
	int rc;
	nvb_error *error;
};

/* Chunks that are hashed together, which takes less time than one by one. */
enum { TOGETHER = 8 };

struct hand {
	const struct nvb_scan *scan;
	bool pairs; /* the processor hashes two at a time */
	void *zstd;
	uint8_t *window, *room; /* as they are stored; decompressed, TOGETHER of them */
	struct nvb_piece pieces[TOGETHER];
	uint32_t chunks[TOGETHER];
	size_t count;
};

static int hand_init(struct hand *hand, const struct crew *crew, nvb_error **err)
{
	*hand = (struct hand){
		.scan = crew->scan,
		.pairs = crew->pairs,
		.zstd = ZSTD_createDCtx(),
		.window = malloc(WINDOW + nvb_compressed_max()),
		.room = malloc(TOGETHER * NVB_CHUNK_MAX),
	};
	return hand->zstd && hand->window && hand->room ? 0 : nvb_fail_oom(err);
}

static void hand_release(struct hand *hand)
{
	ZSTD_freeDCtx(hand->zstd);
	free(hand->window);
	free(hand->room);
}

/* Those that were opened: nothing of one leaves here before its hash was compared. */
static int hand_over(struct hand *hand, const struct job *job, nvb_error **err)
{
	const struct nvb_scan *scan = hand->scan;
	const struct nvb_pack_reader *pack = &scan->packs[job->pack];
	uint8_t hashes[TOGETHER][NVB_HASH];
	size_t count = hand->count;
	int rc = 0;

	hand->count = 0;
	nvb_keys_hash_several(&scan->snapshot->keys, hand->pieces, count, hand->pairs, hashes);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		const char *why = nvb_chunk_compare(pack, hand->chunks[i], hashes[i]);

		if (why)
			rc = scan->bad(scan->data, job->pack, hand->chunks[i], why, err);
		else if (scan->deliver)
			rc = scan->deliver(scan->data, job->pack, hand->chunks[i], hand->pieces[i].data,
				hand->pieces[i].size, err);
	}
	return rc;
}

static int one_chunk(
	struct hand *hand, const struct job *job, uint32_t chunk, uint8_t *stored, nvb_error **err)
{
	const struct nvb_scan *scan = hand->scan;
	const struct nvb_pack_reader *pack = &scan->packs[job->pack];
	struct nvb_piece *piece = &hand->pieces[hand->count];
	const char *why = nvb_chunk_check(pack, chunk, stored);

	if (!why && !scan->wants(scan->data, job->pack, chunk))
		return 0;
	if (!why)
		why = nvb_chunk_open(pack, chunk, stored, hand->zstd,
			hand->room + hand->count * NVB_CHUNK_MAX, &piece->data);
	if (why)
		return scan->bad(scan->data, job->pack, chunk, why, err);
	piece->size = pack->entries[chunk].raw;
	hand->chunks[hand->count++] = chunk;
	return hand->count == TOGETHER ? hand_over(hand, job, err) : 0;
}

/* As many chunks as the window holds. */
static uint32_t window_end(const struct nvb_pack_reader *pack, const struct job *job, uint32_t first)
{
	uint32_t end = first + 1;

	while (end < job->end &&
		pack->entries[end].offset + pack->entries[end].stored - pack->entries[first].offset <= WINDOW)
		end++;
	return end;
}

static int do_job(struct crew *crew, const struct job *job, struct hand *hand, nvb_error **err)
{
	const struct nvb_pack_reader *pack = &crew->scan->packs[job->pack];
	uint32_t first = job->first;
	int rc = 0;

	while (rc == 0 && first < job->end) {
		uint32_t end = window_end(pack, job, first);
		uint64_t from = pack->entries[first].offset;
		size_t size = (size_t)(pack->entries[end - 1].offset + pack->entries[end - 1].stored - from);

		rc = nvb_read_exactly(pack->fd, pack->name, hand->window, size, from, err);
		for (; rc == 0 && first < end && !atomic_load(&crew->stop); first++) {
			rc = one_chunk(
				hand, job, first, hand->window + (pack->entries[first].offset - from), err);
			atomic_fetch_add(&crew->done, pack->entries[first].stored);
		}
		if (atomic_load(&crew->stop))
			break;
		if (rc == 0)
			rc = hand_over(hand, job, err);
	}
	return rc;
}

static int work_through(struct crew *crew, nvb_error **err)
{
	struct hand hand;
	int rc = hand_init(&hand, crew, err);

	while (rc == 0 && !atomic_load(&crew->stop)) {
		size_t next = atomic_fetch_add(&crew->next, 1);

		if (next >= crew->job_count)
			break;
		rc = do_job(crew, &crew->jobs[next], &hand, err);
	}
	hand_release(&hand);
	return rc;
}

static void *work(void *argument)
{
	struct crew *crew = argument;
	nvb_error *why = NULL;
	int rc = work_through(crew, &why);

	pthread_mutex_lock(&crew->lock);
	if (rc < 0) {
		atomic_store(&crew->stop, true);
		if (crew->rc == 0) {
			crew->rc = rc;
			crew->error = why;
		} else {
			nvb_error_free(why);
		}
	}
	crew->running--;
	pthread_cond_signal(&crew->ended);
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

/* Long, so that a disk reads much at a time; but of what is small each thread has some. */
static uint64_t stretch(const struct nvb_scan *scan)
{
	enum { TURNS = 4 };
	uint64_t size = scan->total / TURNS / (scan->snapshot->threads ? scan->snapshot->threads : 1);

	return size < WINDOW / 2 ? WINDOW / 2 : size > STRETCH_MAX ? STRETCH_MAX : size;
}

static bool add_jobs(struct crew *crew, uint32_t number, uint64_t most)
{
	const struct nvb_pack_reader *pack = &crew->scan->packs[number];
	uint32_t first = 0;

	while (first < pack->count) {
		uint32_t end = first + 1;

		while (end < pack->count && pack->entries[end].offset - pack->entries[first].offset < most)
			end++;
		if (!NVB_GROW(crew->jobs, crew->job_count, crew->job_capacity))
			return false;
		crew->jobs[crew->job_count++] = (struct job){number, first, end};
		first = end;
	}
	return true;
}

/* The caller's thread shows how far it is. */
static void watch(struct crew *crew)
{
	nvb_snapshot *s = crew->scan->snapshot;
	struct timespec until;

	pthread_mutex_lock(&crew->lock);
	while (crew->running) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += (until.tv_nsec += progress_every) / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&crew->ended, &crew->lock, &until);
		if (!s->progress || atomic_load(&crew->stop))
			continue;
		pthread_mutex_unlock(&crew->lock);
		if (s->progress(s->progress_data, atomic_load(&crew->done), crew->scan->total))
			atomic_store(&crew->stop, true);
		pthread_mutex_lock(&crew->lock);
	}
	pthread_mutex_unlock(&crew->lock);
}

static int run(struct crew *crew, nvb_error **err)
{
	pthread_t hands[THREADS_MAX];
	unsigned count = crew->scan->snapshot->threads, started = 0;
	sigset_t all, before;
	int failed = 0;

	if (count > crew->job_count)
		count = (unsigned)crew->job_count;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	while (started < count && started < THREADS_MAX && !failed) {
		pthread_mutex_lock(&crew->lock);
		failed = pthread_create(&hands[started], NULL, work, crew);
		if (!failed) {
			crew->running++;
			started++;
		}
		pthread_mutex_unlock(&crew->lock);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	watch(crew);
	for (unsigned i = 0; i < started; i++)
		pthread_join(hands[i], NULL);
	if (failed && !started)
		return nvb_fail_errno(err, failed, "starting a thread");
	if (crew->rc < 0) {
		nvb_error_move(err, NVB_TAKE_PTR(crew->error));
		return crew->rc;
	}
	return atomic_load(&crew->stop) ? nvb_fail(err, NVB_ERR_CANCELLED, "broken off") : 0;
}

int nvb_scan_packs(const struct nvb_scan *scan, nvb_error **err)
{
	struct crew crew = {.scan = scan, .pairs = nvb_sha256_can_pair(), .lock = PTHREAD_MUTEX_INITIALIZER};
	uint64_t most = stretch(scan);
	pthread_condattr_t attributes;
	bool ok = true;
	int rc;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&crew.ended, &attributes);
	pthread_condattr_destroy(&attributes);
	for (uint32_t i = 0; ok && i < scan->snapshot->index.pack_count; i++)
		if (!scan->skip || !scan->skip[i])
			ok = add_jobs(&crew, i, most);
	rc = !ok ? nvb_fail_oom(err) : crew.job_count ? run(&crew, err) : 0;
	pthread_cond_destroy(&crew.ended);
	free(crew.jobs);
	return rc;
}
