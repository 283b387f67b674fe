/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/workload.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int compare_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int compare(const void *left, const void *right)
{
	const struct nvb_workload *a = left, *b = right;
	int order;

	if (a->gpu != b->gpu)
		return a->gpu < b->gpu ? -1 : 1;
	/* What uses the GPU as a whole comes before its MIG devices. */
	if (a->mig != b->mig)
		return a->mig + 1 < b->mig + 1 ? -1 : 1;
	if (a->owner != b->owner)
		return a->owner < b->owner ? -1 : 1;
	order = compare_text(a->pod, b->pod);
	return order ? order : compare_text(a->id, b->id);
}

static double known(struct nvb_value v)
{
	return v.state == NVB_VALUE_KNOWN ? v.value : NAN;
}

/* The unknown adds nothing. */
static double sum(double a, double b)
{
	if (isnan(a))
		return b;
	return isnan(b) ? a : a + b;
}

/* Sorted ones that are the same become one. */
static size_t join(struct nvb_workload *items, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct nvb_workload *last = kept ? &items[kept - 1] : NULL;

		if (!last || compare(last, &items[i]) != 0) {
			items[kept++] = items[i];
			continue;
		}
		last->processes++;
		last->memory = sum(last->memory, items[i].memory);
		last->utilization = sum(last->utilization, items[i].utilization);
		if (!last->name)
			last->name = items[i].name;
	}
	return kept;
}

int nvb_workloads_collect(const nvb_sample *sample, struct nvb_workloads *list, nvb_error **err)
{
	size_t gpus = nvb_sample_gpu_count(sample), count = 0, n = 0;
	struct nvb_workload *items;

	for (size_t g = 0; g < gpus; g++)
		count += nvb_sample_gpu(sample, g)->process_count;
	items = calloc(count ? count : 1, sizeof(*items));
	if (!items)
		return nvb_fail_oom(err);
	for (size_t g = 0; g < gpus; g++)
		for (size_t i = 0; i < nvb_sample_gpu(sample, g)->process_count; i++) {
			const struct nvb_sample_process *p = nvb_sample_process(sample, g, i);

			items[n++] = (struct nvb_workload){
				.gpu = g,
				.mig = p->mig,
				.owner = p->owner,
				.id = p->owner_id,
				.name = p->owner_name,
				.pod = p->pod,
				.processes = 1,
				.memory = known(p->memory),
				.utilization = known(p->utilization),
			};
		}
	qsort(items, n, sizeof(*items), compare);
	list->items = items;
	list->count = join(items, n);
	return 0;
}

void nvb_workloads_release(struct nvb_workloads *list)
{
	free(list->items);
	*list = (struct nvb_workloads){0};
}
