/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/str.h"
#include "nvbind/inventory.h"
#include "nvbind/oci.h"
#include "nvbind/plan.h"

/*
 * bench-inject ROOT CONFIG.JSON SELECTOR [ROUNDS]: what a container's start costs in the library, with the
 * inventory already loaded: making a plan and editing a config.json, in this process. Prints one line of
 * numbers: p50 and p99 of both together in microseconds, p50 of each alone, allocations of one round, and the
 * bytes before and after.
 */

static size_t allocations;

/* Every allocation of the process, those in libc itself included: visible, so that libc finds them. */
#define COUNTED __attribute__((visibility("default")))
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

COUNTED void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

COUNTED void *calloc(size_t count, size_t size)
{
	allocations++;
	return __libc_calloc(count, size);
}

COUNTED void *realloc(void *old, size_t size)
{
	allocations++;
	return __libc_realloc(old, size);
}

static double microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double percentile(double *samples, size_t count, size_t percent)
{
	qsort(samples, count, sizeof(*samples), by_value);
	return samples[count * percent / 100];
}

struct subject {
	nvb_inventory *inventory;
	nvb_request *request;
	char *config;
	size_t size, edited_size, allocations;
};

static int prepare(
	struct subject *subject, const char *root, const char *config, const char *selector, nvb_error **err)
{
	const struct nvb_inventory_options options = {
		.size = sizeof(options), .root = root, .no_cache = true};
	int rc = nvb_inventory_load(&options, &subject->inventory, err);

	if (rc == 0)
		rc = nvb_request_new(&subject->request, err);
	if (rc == 0)
		rc = nvb_request_add_gpus(subject->request, selector, err);
	if (rc == 0)
		rc = nvb_file_read(AT_FDCWD, config, 64 << 20, &subject->config, &subject->size, err);
	return rc;
}

static int one_round(struct subject *subject, double *plan_time, double *edit_time, nvb_error **err)
{
	size_t before = allocations;
	double start = microseconds(), between;
	_cleanup_free_ char *edited = NULL;
	nvb_plan *plan = NULL;
	int rc = nvb_plan_make(subject->request, subject->inventory, NULL, &plan, err);

	between = microseconds();
	if (rc == 0)
		rc = nvb_oci_edit(
			subject->config, subject->size, plan, NULL, &edited, &subject->edited_size, err);
	nvb_plan_free(plan);
	*edit_time = microseconds() - between;
	*plan_time = between - start;
	subject->allocations = allocations - before;
	return rc;
}

static int measure(struct subject *subject, size_t rounds, nvb_error **err)
{
	_cleanup_free_ double *plan = calloc(rounds, sizeof(*plan));
	_cleanup_free_ double *edit = calloc(rounds, sizeof(*edit));
	_cleanup_free_ double *both = calloc(rounds, sizeof(*both));
	int rc = 0;

	if (!plan || !edit || !both)
		return nvb_fail_oom(err);
	for (size_t i = 0; rc == 0 && i < rounds; i++) {
		rc = one_round(subject, &plan[i], &edit[i], err);
		both[i] = plan[i] + edit[i];
	}
	if (rc < 0)
		return rc;
	printf("p50 %.1f p99 %.1f plan %.1f edit %.1f allocations %zu bytes %zu %zu\n",
		percentile(both, rounds, 50), percentile(both, rounds, 99), percentile(plan, rounds, 50),
		percentile(edit, rounds, 50), subject->allocations, subject->size, subject->edited_size);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_error_ nvb_error *error = NULL;
	struct subject subject = {0};
	uint32_t rounds = 5000;
	int rc;

	if (argc < 4 || argc > 5 || (argc == 5 && (!nvb_parse_u32(argv[4], &rounds) || !rounds))) {
		fprintf(stderr, "usage: bench-inject ROOT CONFIG.JSON SELECTOR [ROUNDS]\n");
		return 2;
	}
	rc = prepare(&subject, argv[1], argv[2], argv[3], &error);
	if (rc == 0)
		rc = measure(&subject, rounds, &error);
	if (rc < 0)
		fprintf(stderr, "bench-inject: %s\n", nvb_error_message(error));
	free(subject.config);
	nvb_request_free(subject.request);
	nvb_inventory_free(subject.inventory);
	return rc < 0;
}
