/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const char *nvb_view_bytes(double bytes, char out[static NVB_VIEW_CELL])
{
	static const char letters[] = "BKMGTPE";
	size_t i = 0;

	/* 1023.96K would be printed as 1024.0K. */
	while (bytes >= 1023.95 && i + 2 < sizeof(letters)) {
		bytes /= 1024;
		i++;
	}
	snprintf(out, NVB_VIEW_CELL, i == 0 || bytes >= 99.95 ? "%.0f%c" : "%.1f%c", bytes, letters[i]);
	return out;
}

const char *nvb_view_value(struct nvb_value value, enum nvb_metric metric, char out[static NVB_VIEW_CELL])
{
	const struct nvb_metric_info *info = nvb_metric_info(metric);
	char amount[NVB_VIEW_CELL];

	if (value.state != NVB_VALUE_KNOWN || !info) {
		snprintf(out, NVB_VIEW_CELL, NVB_VIEW_NOTHING);
		return out;
	}
	switch (info->unit) {
	case NVB_UNIT_RATIO:
		snprintf(out, NVB_VIEW_CELL, "%.0f%%", value.value * 100);
		break;
	case NVB_UNIT_BYTES:
		nvb_view_bytes(value.value, out);
		break;
	case NVB_UNIT_BYTES_PER_SECOND:
		/* A log may say any number. */
		snprintf(
			out, NVB_VIEW_CELL, "%.*s/s", NVB_VIEW_CELL - 3, nvb_view_bytes(value.value, amount));
		break;
	case NVB_UNIT_WATTS:
		snprintf(out, NVB_VIEW_CELL, "%.0fW", value.value);
		break;
	case NVB_UNIT_JOULES:
		snprintf(out, NVB_VIEW_CELL, value.value >= 3.6e6 ? "%.1fkWh" : "%.1fkJ",
			value.value >= 3.6e6 ? value.value / 3.6e6 : value.value / 1e3);
		break;
	case NVB_UNIT_CELSIUS:
		snprintf(out, NVB_VIEW_CELL, "%.0fC", value.value);
		break;
	case NVB_UNIT_HERTZ:
		snprintf(out, NVB_VIEW_CELL, "%.0fMHz", value.value / 1e6);
		break;
	default:
		snprintf(out, NVB_VIEW_CELL, "%.0f", value.value);
	}
	return out;
}

static void append(char *out, size_t size, const char *separator, const char *s)
{
	size_t used = strlen(out);

	snprintf(out + used, size - used, "%s%s", used ? separator : "", s);
}

void nvb_view_throttle(struct nvb_value reasons, char *out, size_t size)
{
	uint64_t bits;

	snprintf(out, size, "%s", reasons.state == NVB_VALUE_KNOWN ? "" : NVB_VIEW_NOTHING);
	if (reasons.state != NVB_VALUE_KNOWN || reasons.value < 0 || reasons.value > 1e15)
		return;
	bits = (uint64_t)reasons.value;
	/* Bit 0: nothing to do. */
	for (unsigned bit = 1; bit < 64; bit++) {
		const char *name = nvb_throttle_reason_name(bit);

		if (bits >> bit & 1)
			append(out, size, ", ", name ? name : "other");
	}
}

const char *nvb_view_owner(const struct nvb_sample_process *p, char out[static NVB_VIEW_CELL])
{
	enum { ID = 12 };
	const char *id = p->owner_id ? p->owner_id : "?";

	switch (p->owner) {
	case NVB_OWNER_CAPSULE:
		snprintf(out, NVB_VIEW_CELL, "%.*s", p->owner_name ? NVB_VIEW_CELL - 1 : ID,
			p->owner_name ? p->owner_name : id);
		break;
	case NVB_OWNER_POD:
		snprintf(out, NVB_VIEW_CELL, "pod:%.8s/%.8s", p->pod ? p->pod : "?", id);
		break;
	case NVB_OWNER_SLURM:
		snprintf(out, NVB_VIEW_CELL, "slurm:%.40s", id);
		break;
	case NVB_OWNER_HOST:
	case NVB_OWNER_UNKNOWN:
		snprintf(out, NVB_VIEW_CELL, "%s", p->owner == NVB_OWNER_HOST ? "host" : "?");
		break;
	default:
		snprintf(out, NVB_VIEW_CELL, "%s:%.*s", nvb_owner_name(p->owner), ID, id);
	}
	return out;
}

const char *nvb_view_state(const nvb_sample *sample, size_t gpu)
{
	const struct nvb_sample_gpu *g = nvb_sample_gpu(sample, gpu);

	return g->reason && !nvb_streq0(g->reason, nvb_sample_notice(sample))
		       ? g->reason
		       : nvb_sample_state_name(g->state);
}

bool nvb_view_knows_processes(const nvb_sample *sample)
{
	for (size_t g = 0; g < nvb_sample_gpu_count(sample); g++)
		if (nvb_sample_process_age(sample, g) != UINT64_MAX)
			return true;
	return false;
}

/* Users of a GPU, summed up. */

struct user {
	char name[NVB_VIEW_CELL];
	double memory;
	bool known;
};

static int by_memory(const void *a, const void *b)
{
	const struct user *x = a, *y = b;

	if (x->memory != y->memory)
		return x->memory > y->memory ? -1 : 1;
	return strcmp(x->name, y->name);
}

void nvb_view_users(const nvb_sample *sample, size_t gpu, uint32_t mig, char *out, size_t size)
{
	enum { USERS = 32 };
	size_t count = 0, processes = nvb_sample_gpu(sample, gpu)->process_count;
	struct user users[USERS];

	snprintf(out, size, "%s", nvb_sample_process_age(sample, gpu) == UINT64_MAX ? NVB_VIEW_NOTHING : "");
	for (size_t i = 0; i < processes; i++) {
		const struct nvb_sample_process *p = nvb_sample_process(sample, gpu, i);
		char name[NVB_VIEW_CELL];
		size_t u = 0;

		if (mig != NVB_NO_MIG && p->mig != mig)
			continue;
		nvb_view_owner(p, name);
		while (u < count && !nvb_streq(users[u].name, name))
			u++;
		if (u == USERS)
			continue;
		if (u == count) {
			count++;
			users[u] = (struct user){.memory = 0};
			memcpy(users[u].name, name, sizeof(name));
		}
		users[u].known |= p->memory.state == NVB_VALUE_KNOWN;
		users[u].memory += p->memory.state == NVB_VALUE_KNOWN ? p->memory.value : 0;
	}
	qsort(users, count, sizeof(users[0]), by_memory);
	for (size_t u = 0; u < count; u++) {
		char bytes[NVB_VIEW_CELL], one[2 * NVB_VIEW_CELL];

		snprintf(one, sizeof(one), "%.63s %.63s", users[u].name,
			users[u].known ? nvb_view_bytes(users[u].memory, bytes) : NVB_VIEW_NOTHING);
		append(out, size, ", ", one);
	}
}

/* Which processes, in which order. */

const char *const nvb_view_sorts[NVB_SORT_COUNT] = {
	[NVB_SORT_GPU] = "gpu",
	[NVB_SORT_MEMORY] = "memory",
	[NVB_SORT_UTILIZATION] = "utilization",
	[NVB_SORT_OWNER] = "capsule",
	[NVB_SORT_PID] = "pid",
	[NVB_SORT_COMMAND] = "command",
};

bool nvb_view_wants(const struct nvb_sample_process *p, const char *filter)
{
	char owner[NVB_VIEW_CELL], numbers[64];

	if (!filter || !*filter)
		return true;
	snprintf(numbers, sizeof(numbers), "%u", p->pid);
	return strcasestr(nvb_view_owner(p, owner), filter) || nvb_streq(numbers, filter) ||
	       (p->command && strcasestr(p->command, filter)) || (p->name && strcasestr(p->name, filter)) ||
	       (p->owner_id && strcasestr(p->owner_id, filter)) || (p->pod && strcasestr(p->pod, filter));
}

struct ordering {
	const nvb_sample *sample;
	const struct nvb_view_choice *choice;
};

static int compare_numbers(struct nvb_value a, struct nvb_value b)
{
	double x = a.state == NVB_VALUE_KNOWN ? a.value : -1, y = b.state == NVB_VALUE_KNOWN ? b.value : -1;

	return x > y ? -1 : x < y;
}

static int compare_by(
	enum nvb_view_sort sort, const struct nvb_sample_process *p, const struct nvb_sample_process *q)
{
	char a[NVB_VIEW_CELL], b[NVB_VIEW_CELL];

	switch (sort) {
	case NVB_SORT_MEMORY:
		return compare_numbers(p->memory, q->memory);
	case NVB_SORT_UTILIZATION:
		return compare_numbers(p->utilization, q->utilization);
	case NVB_SORT_OWNER:
		return strcmp(nvb_view_owner(p, a), nvb_view_owner(q, b));
	case NVB_SORT_COMMAND:
		return strcmp(p->command ? p->command : "", q->command ? q->command : "");
	case NVB_SORT_PID:
		return p->pid < q->pid ? -1 : p->pid > q->pid;
	default:
		return 0;
	}
}

static int compare_rows(const void *x, const void *y, void *data)
{
	const struct ordering *o = data;
	const struct nvb_view_row *a = x, *b = y;
	const struct nvb_sample_process *p = nvb_sample_process(o->sample, a->gpu, a->process);
	const struct nvb_sample_process *q = nvb_sample_process(o->sample, b->gpu, b->process);
	int order = compare_by(o->choice->sort, p, q);

	if (order == 0)
		order = a->gpu < b->gpu ? -1 : a->gpu > b->gpu;
	if (order == 0)
		order = compare_numbers(p->memory, q->memory);
	if (order == 0)
		order = p->pid < q->pid ? -1 : p->pid > q->pid;
	return o->choice->reverse ? -order : order;
}

bool nvb_view_processes(const nvb_sample *sample, const struct nvb_view_choice *choice,
	struct nvb_view_row **rows, size_t *count)
{
	struct ordering ordering = {sample, choice};
	struct nvb_view_row *list = NULL;
	size_t used = 0, capacity = 0;

	for (size_t g = 0; g < nvb_sample_gpu_count(sample); g++)
		for (size_t i = 0; i < nvb_sample_gpu(sample, g)->process_count; i++) {
			if ((choice->gpu != SIZE_MAX && choice->gpu != g) ||
				!nvb_view_wants(nvb_sample_process(sample, g, i), choice->filter))
				continue;
			if (!NVB_GROW(list, used, capacity)) {
				free(list);
				return false;
			}
			list[used++] = (struct nvb_view_row){g, i};
		}
	if (used)
		qsort_r(list, used, sizeof(*list), compare_rows, &ordering);
	*rows = list;
	*count = used;
	return true;
}

bool nvb_view_lines(const nvb_sample *sample, bool migs, struct nvb_view_line **lines, size_t *count)
{
	struct nvb_view_line *list = NULL;
	size_t used = 0, capacity = 0;

	for (size_t g = 0; g < nvb_sample_gpu_count(sample); g++) {
		size_t parts = migs ? nvb_sample_gpu(sample, g)->mig_count : 0;

		for (size_t m = 0; m <= parts; m++) {
			if (!NVB_GROW(list, used, capacity)) {
				free(list);
				return false;
			}
			list[used++] = (struct nvb_view_line){g, m == 0 ? NVB_NO_MIG : (uint32_t)(m - 1)};
		}
	}
	*lines = list;
	*count = used;
	return true;
}
