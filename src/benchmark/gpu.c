/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/gpu.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "benchmark/metric.h"
#include "benchmark/subject.h"
#include "inventory/inventory.h"

enum { COMPUTE_RUNS = 10, ROUNDS_MAX = 100000 };
#define CONTEXT_ROUNDS "2000"
#define COMPUTE_ROUNDS "5"

struct numbers {
	double *list;
	size_t count, capacity;
};

/* "metric NAME NUMBER..." lines: the numbers of that one, behind those that are there. */
static int take_numbers(const char *output, const char *name, struct numbers *numbers, nvb_error **err)
{
	_cleanup_strv_ char **lines = nvb_strv_split(output, "\n");

	if (!lines)
		return nvb_fail_oom(err);
	nvb_strv_foreach (line, lines) {
		_cleanup_strv_ char **words = nvb_strv_split(*line, " ");

		if (!words)
			return nvb_fail_oom(err);
		if (!words[0] || !words[1] || !nvb_streq(words[0], "metric") || !nvb_streq(words[1], name))
			continue;
		for (size_t i = 2; words[i] && numbers->count < ROUNDS_MAX; i++) {
			char *end;
			double number = strtod(words[i], &end);

			if (*end || !(number >= 0 && number < 1e21))
				return nvb_fail(err, NVB_ERR_CORRUPT, "'%s' is no number", words[i]);
			if (!NVB_GROW(numbers->list, numbers->count, numbers->capacity))
				return nvb_fail_oom(err);
			numbers->list[numbers->count++] = number;
		}
	}
	return numbers->count ? 0 : nvb_fail(err, NVB_ERR_CORRUPT, "no numbers of %s", name);
}

static int add_series(struct nvb_record *record, const char *subject, const char *metric, const char *output,
	nvb_error **err)
{
	struct numbers numbers = {NULL, 0, 0};
	int rc = take_numbers(output, metric, &numbers, err);

	if (rc == 0)
		rc = nvb_record_add_series(record, subject, metric, numbers.list, numbers.count, err);
	free(numbers.list);
	return rc;
}

/* Where the driver's libcuda lies on the host; NULL without one. */
static char *find_library(const struct nvb_inventory *inventory)
{
	for (size_t i = 0; i < inventory->file_count; i++) {
		const struct nvb_file *file = &inventory->files[i];

		if (nvb_streq(file->rule, "lib.cuda") && file->elf_class == 8 * sizeof(void *))
			return nvb_root_host_path(&inventory->roots.driver, file->path);
	}
	return NULL;
}

static int measure_contexts(struct nvb_benchmark *benchmark, char *library, nvb_error **err)
{
	static const char *const metrics[] = {"bind", "bind-driver", "launch", "launch-and-wait"};
	const char *words[] = {benchmark->gpu_program, "context", library, CONTEXT_ROUNDS, NULL};
	_cleanup_command_result_ struct nvb_command_result result = {0};
	struct nvb_command command = nvb_benchmark_command(benchmark, words);
	_cleanup_free_ char *line = nvb_benchmark_quote(words);
	struct nvb_record *record = benchmark->record;
	int rc;

	if (!line)
		return nvb_fail_oom(err);
	rc = nvb_command_must(&command, &result, err);
	if (rc < 0)
		return rc;
	rc = nvb_record_add_subject(record, "process",
		record->simulated
			? "a process of the host and a SIMULATED libcuda: what the driver does is no GPU's"
			: "a process of the host and the driver's libcuda",
		line, err);
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(metrics); i++) {
		const struct nvb_metric *metric = nvb_metric_find(metrics[i]);

		/* What runs on the simulated GPU runs on the calling thread. */
		if (record->simulated && strncmp(metrics[i], "launch", strlen("launch")) == 0)
			rc = nvb_record_add_absent(record, metric->title, "the driver is simulated", err);
		else
			rc = add_series(record, "process", metrics[i], result.output, err);
	}
	return rc;
}

/* --- the same work on the host and in a capsule --- */

static bool capsule_words(const char ***words, const struct nvb_benchmark *benchmark, const char *name)
{
	bool added = nvb_words(words, benchmark->bolt, NULL);

	added = added && nvb_words_list(words, benchmark->common);
	added = added && nvb_words(words, "surge", "run", "--rm", "--name", name, "--network", "host",
				 "--gpu", "all", NULL);
	if (benchmark->runtime)
		added = added && nvb_words(words, "--runtime", benchmark->runtime, NULL);
	return added && nvb_words(words, benchmark->root, NVB_BENCHMARK_GPU, "compute", "libcuda.so.1",
				COMPUTE_ROUNDS, NULL);
}

struct side {
	const char *name, *what;
	const char **words;
	struct numbers numbers;
};

static int compute_in_turn(struct nvb_benchmark *benchmark, struct side *sides, nvb_error **err)
{
	struct nvb_random random;
	int rc = 0;

	nvb_random_seed(&random, benchmark->seed);
	for (uint32_t run = 0; rc == 0 && run < COMPUTE_RUNS; run++) {
		uint32_t order[] = {0, 1};

		nvb_random_shuffle(&random, order, 2);
		if (benchmark->progress)
			benchmark->progress(benchmark->progress_data, "computing", run, COMPUTE_RUNS);
		for (size_t i = 0; rc == 0 && i < 2; i++) {
			_cleanup_command_result_ struct nvb_command_result result = {0};
			struct nvb_command command = nvb_benchmark_command(benchmark, sides[order[i]].words);

			rc = nvb_command_must(&command, &result, err);
			if (rc == 0)
				rc = take_numbers(result.output, "compute", &sides[order[i]].numbers, err);
		}
	}
	return rc;
}

static int measure_compute(struct nvb_benchmark *benchmark, char *library, nvb_error **err)
{
	_cleanup_free_ char *name = NULL;
	struct side sides[] = {
		{"native", "the driver's libcuda, on the host", NULL, {NULL, 0, 0}},
		{"capsule", "the same program in a capsule of bolt's", NULL, {NULL, 0, 0}},
	};
	int rc = 0;

	if (asprintf(&name, "%s-compute", benchmark->name) < 0) {
		name = NULL;
		return nvb_fail_oom(err);
	}
	if (!nvb_words(&sides[0].words, benchmark->gpu_program, "compute", library, COMPUTE_ROUNDS, NULL) ||
		!capsule_words(&sides[1].words, benchmark, name))
		rc = nvb_fail_oom(err);
	if (rc == 0)
		rc = compute_in_turn(benchmark, sides, err);
	for (size_t i = 0; i < 2; i++) {
		_cleanup_free_ char *line = nvb_benchmark_quote(sides[i].words);

		if (rc == 0 && !line)
			rc = nvb_fail_oom(err);
		if (rc == 0)
			rc = nvb_record_add_subject(
				benchmark->record, sides[i].name, sides[i].what, line, err);
		if (rc == 0)
			rc = nvb_record_add_series(benchmark->record, sides[i].name, "compute",
				sides[i].numbers.list, sides[i].numbers.count, err);
		nvb_words_free(sides[i].words);
		free(sides[i].numbers.list);
	}
	return rc;
}

/* What failed for want of something on this host is not measured; the rest of the benchmark goes on. */
static int or_absent(
	struct nvb_benchmark *benchmark, const char *what, int rc, nvb_error *why, nvb_error **err)
{
	_cleanup_error_ nvb_error *owned = why;

	if (rc == 0)
		return 0;
	if (rc == -NVB_ERR_CANCELLED || rc == -NVB_ERR_NO_MEMORY) {
		nvb_error_move(err, NVB_TAKE_PTR(owned));
		return rc;
	}
	return nvb_record_add_absent(benchmark->record, what, nvb_error_message(why), err);
}

int nvb_benchmark_gpu(struct nvb_benchmark *benchmark, const nvb_inventory *inventory, nvb_error **err)
{
	_cleanup_free_ char *library = find_library(inventory);
	struct nvb_record *record = benchmark->record;
	nvb_error *why = NULL;
	int rc;

	rc = nvb_record_add_absent(
		record, "headless Vulkan", "there is no program of ours that draws with it", err);
	if (rc < 0)
		return rc;
	if (!library)
		return nvb_record_add_absent(
			record, "CUDA contexts, compute", "the driver's libcuda is not installed", err);
	rc = measure_contexts(benchmark, library, &why);
	rc = or_absent(benchmark, nvb_metric_groups[NVB_GROUP_CONTEXT], rc, why, err);
	if (rc < 0)
		return rc;
	if (record->simulated)
		return nvb_record_add_absent(record, nvb_metric_groups[NVB_GROUP_NATIVE],
			"the driver is simulated: it computes nothing of a GPU's", err);
	why = NULL;
	rc = measure_compute(benchmark, library, &why);
	return or_absent(benchmark, nvb_metric_groups[NVB_GROUP_NATIVE], rc, why, err);
}
