/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/library.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "benchmark/config_json.h"
#include "nvbind/oci.h"
#include "nvbind/plan.h"
#include "nvbind/request.h"

enum { ROUNDS = 2000, WARM_UP = 200 };

struct times {
	double plan[ROUNDS], edit[ROUNDS], both[ROUNDS];
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int one_round(const nvb_inventory *inventory, const nvb_request *request, struct times *times,
	size_t round, nvb_error **err)
{
	_cleanup_free_ char *edited = NULL;
	double begin = now(), between, end;
	nvb_plan *plan = NULL;
	size_t size;
	int rc = nvb_plan_make(request, inventory, NULL, &plan, err);

	between = now();
	if (rc == 0)
		rc = nvb_oci_edit(
			nvb_benchmark_config, strlen(nvb_benchmark_config), plan, NULL, &edited, &size, err);
	nvb_plan_free(plan);
	end = now();
	times->plan[round] = between - begin;
	times->edit[round] = end - between;
	times->both[round] = end - begin;
	return rc;
}

int nvb_benchmark_library(struct nvb_benchmark *benchmark, const nvb_inventory *inventory, nvb_error **err)
{
	_cleanup_free_ struct times *times = calloc(1, sizeof(*times));
	struct nvb_record *record = benchmark->record;
	nvb_request *request = NULL;
	int rc;

	if (!times)
		return nvb_fail_oom(err);
	rc = nvb_request_new(&request, err);
	if (rc == 0)
		rc = nvb_request_add_gpus(request, "all", err);
	/* The first tenth is overwritten: it warms up. */
	for (size_t i = 0; rc == 0 && i < ROUNDS + WARM_UP; i++)
		rc = one_round(inventory, request, times, i % ROUNDS, err);
	nvb_request_free(request);
	if (rc == 0)
		rc = nvb_record_add_subject(
			record, "library", "libnvbind in this process, all GPUs", "", err);
	if (rc == 0)
		rc = nvb_record_add_series(record, "library", "plan", times->plan, ROUNDS, err);
	if (rc == 0)
		rc = nvb_record_add_series(record, "library", "edit", times->edit, ROUNDS, err);
	return rc == 0 ? nvb_record_add_series(record, "library", "passthrough", times->both, ROUNDS, err)
		       : rc;
}
