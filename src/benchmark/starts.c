/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/starts.h"

#include <math.h>
#include <poll.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "benchmark/metric.h"

/* What the kernel still does for a container after its command has ended would fall on whichever comes next.
 */
enum { SETTLE = 50 /* ms */ };

struct quantity {
	const char *metric;
	double (*of)(const struct nvb_start_times *times);
};

static double whole(const struct nvb_start_times *times)
{
	return (double)(times->ended - times->spawned);
}

static double first(const struct nvb_start_times *times)
{
	return (double)(times->first - times->spawned);
}

static double gpu_ready(const struct nvb_start_times *times)
{
	return times->gpu_end ? (double)(times->gpu_end - times->spawned) : NAN;
}

static double engine(const struct nvb_start_times *times)
{
	uint64_t until = times->phases.runtime;

	/* bolt's own writing of the bundle lies before the runtime as well. */
	return until && until >= times->spawned + times->planned
		       ? (double)(until - times->spawned - times->planned)
		       : NAN;
}

static double planned(const struct nvb_start_times *times)
{
	uint64_t time = times->planned + times->phases.shim;

	return time ? (double)time : NAN;
}

static double hooks(const struct nvb_start_times *times)
{
	return times->phases.runtime ? (double)times->phases.hooks : NAN;
}

static double runtime(const struct nvb_start_times *times)
{
	uint64_t begin = times->phases.runtime + times->phases.hooks + times->phases.shim;

	return times->phases.runtime && begin <= times->first ? (double)(times->first - begin) : NAN;
}

static double load(const struct nvb_start_times *times)
{
	return times->gpu_begin ? (double)(times->gpu_begin - times->first) : NAN;
}

static double gpu_call(const struct nvb_start_times *times)
{
	return times->gpu_end ? (double)(times->gpu_end - times->gpu_begin) : NAN;
}

static double end(const struct nvb_start_times *times)
{
	return (double)(times->ended - (times->gpu_end ? times->gpu_end : times->first));
}

static const struct quantity quantities[] = {
	{"total", whole},
	{"first-process", first},
	{"gpu-ready", gpu_ready},
	{"engine", engine},
	{"plan-and-edit", planned},
	{"hooks", hooks},
	{"runtime", runtime},
	{"load", load},
	{"first-gpu-call", gpu_call},
	{"end", end},
};

struct rounds {
	struct nvb_benchmark *benchmark;
	struct nvb_subject *subjects;
	size_t count;
	struct nvb_start_times *times; /* of each subject one after the other */
	uint32_t *order;	       /* as in the record */
};

/* False when it was cancelled meanwhile. */
static bool settle(const struct nvb_benchmark *benchmark)
{
	struct pollfd cancelled = {.fd = benchmark->cancel_fd, .events = POLLIN};

	return poll(&cancelled, 1, SETTLE) != 1;
}

static int one_round(struct rounds *rounds, uint32_t round, const uint32_t *order, nvb_error **err)
{
	struct nvb_benchmark *benchmark = rounds->benchmark;

	for (size_t i = 0; i < rounds->count; i++) {
		struct nvb_subject *subject = &rounds->subjects[order[i]];
		struct nvb_start_times times;
		int rc;

		if (!settle(benchmark))
			return nvb_fail(err, NVB_ERR_CANCELLED, "interrupted");
		rc = nvb_subject_start(subject, benchmark, &times, err);
		if (rc < 0)
			return nvb_wrap(err, rc, "%s, round %u", subject->name, round + 1);
		/* Who sees fewer GPUs did less. */
		if (subject->gpu && !times.gpus)
			return nvb_fail(
				err, NVB_ERR_UNSUPPORTED, "%s: its container sees no GPU", subject->name);
		if (round >= benchmark->warm_up)
			rounds->times[order[i] * benchmark->runs + round - benchmark->warm_up] = times;
	}
	return 0;
}

static int all_rounds(struct rounds *rounds, nvb_error **err)
{
	struct nvb_benchmark *benchmark = rounds->benchmark;
	uint32_t order[NVB_RECORD_SUBJECTS], all = benchmark->warm_up + benchmark->runs;
	struct nvb_random random;
	int rc = 0;

	nvb_random_seed(&random, benchmark->seed);
	for (uint32_t i = 0; i < rounds->count; i++)
		order[i] = i;
	for (uint32_t round = 0; rc == 0 && round < all; round++) {
		nvb_random_shuffle(&random, order, rounds->count);
		if (benchmark->progress)
			benchmark->progress(benchmark->progress_data, "measuring starts", round, all);
		rc = one_round(rounds, round, order, err);
		if (rc == 0 && round >= benchmark->warm_up)
			memcpy(&rounds->order[(round - benchmark->warm_up) * rounds->count], order,
				rounds->count * sizeof(*order));
	}
	return rc;
}

/* How many GPUs a container sees must be the same for all that have any: what is compared is the same work.
 */
static int check_gpus(const struct rounds *rounds, nvb_error **err)
{
	const struct nvb_start_times *times = rounds->times;
	size_t first = SIZE_MAX;

	for (size_t i = 0; i < rounds->count * rounds->benchmark->runs; i++) {
		const struct nvb_subject *subject = &rounds->subjects[i / rounds->benchmark->runs];

		if (!subject->gpu)
			continue;
		first = first == SIZE_MAX ? i : first;
		if (times[i].gpus != times[first].gpus)
			return nvb_fail(err, NVB_ERR_CONFLICT, "a container of %s sees %u GPUs, one of %s %u",
				rounds->subjects[first / rounds->benchmark->runs].name, times[first].gpus,
				subject->name, times[i].gpus);
	}
	return 0;
}

static int add_series(const struct rounds *rounds, size_t subject, nvb_error **err)
{
	const struct nvb_start_times *times = &rounds->times[subject * rounds->benchmark->runs];
	uint32_t runs = rounds->benchmark->runs;
	_cleanup_free_ double *values = calloc(runs, sizeof(*values));
	int rc = 0;

	if (!values)
		return nvb_fail_oom(err);
	for (size_t q = 0; rc == 0 && q < NVB_ELEMENTS(quantities); q++) {
		bool any = false;

		for (uint32_t i = 0; i < runs; i++) {
			values[i] = quantities[q].of(&times[i]);
			any |= !isnan(values[i]);
		}
		if (any)
			rc = nvb_record_add_series(rounds->benchmark->record, rounds->subjects[subject].name,
				quantities[q].metric, values, runs, err);
	}
	return rc;
}

static int record(const struct rounds *rounds, nvb_error **err)
{
	struct nvb_record *record = rounds->benchmark->record;
	size_t order_size = rounds->count * rounds->benchmark->runs * sizeof(*rounds->order);
	int rc = check_gpus(rounds, err);

	for (size_t i = 0; rc == 0 && i < rounds->count; i++) {
		const struct nvb_subject *subject = &rounds->subjects[i];
		_cleanup_free_ char *command = nvb_benchmark_quote(subject->argv);

		if (!command)
			return nvb_fail_oom(err);
		rc = nvb_record_add_subject(record, subject->name, subject->what, command, err);
		if (rc == 0)
			rc = add_series(rounds, i, err);
	}
	if (rc < 0)
		return rc;
	record->order = nvb_arena_memdup(&record->arena, rounds->order, order_size);
	record->order_count = rounds->count * rounds->benchmark->runs;
	return record->order ? 0 : nvb_fail_oom(err);
}

int nvb_benchmark_starts(struct nvb_benchmark *benchmark, const struct nvb_subject_kind *const *kinds,
	size_t count, nvb_error **err)
{
	struct nvb_subject subjects[NVB_RECORD_SUBJECTS] = {0};
	size_t variants = benchmark->gpu && benchmark->plain ? 2 : 1;
	struct rounds rounds = {.benchmark = benchmark, .subjects = subjects, .count = count * variants};
	int rc = 0, cancel_fd = benchmark->cancel_fd;

	count = rounds.count;
	rounds.times = calloc(count * benchmark->runs, sizeof(*rounds.times));
	rounds.order = calloc(count * benchmark->runs, sizeof(*rounds.order));
	if (!rounds.times || !rounds.order)
		rc = nvb_fail_oom(err);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (benchmark->progress)
			benchmark->progress(benchmark->progress_data, kinds[i / variants]->name, 0, 0);
		rc = nvb_subject_open(&subjects[i], kinds[i / variants], benchmark->gpu && i % variants == 0,
			benchmark, err);
	}
	if (rc == 0)
		rc = all_rounds(&rounds, err);
	if (rc == 0)
		rc = record(&rounds, err);
	for (size_t i = count; i-- > 0;)
		nvb_subject_close(&subjects[i], benchmark);
	benchmark->cancel_fd = cancel_fd;
	free(rounds.times);
	free(rounds.order);
	return rc;
}
