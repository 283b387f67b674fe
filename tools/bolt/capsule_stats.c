/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "capsule/capsules.h"
#include "capsule/locate.h"
#include "capsule/stats.h"
#include "cli/common.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "nvbind/sampler.h"
#include "verbs.h"

/* bolt capsule stats: what capsules use, again and again. */

#define CGROUPS "/sys/fs/cgroup"

static struct {
	bool once;
	int format;
	uint64_t interval;
} opt = {.interval = 1000000000};

static const struct nvb_option stats_options[] = {
	{"no-stream", 0, NVB_OPTION_FLAG(&opt.once), "print once"},
	{"interval", 0, NVB_OPTION_DURATION("TIME", &opt.interval), "how often to look (1s)"},
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &opt.format),
		"table, or json: an array a line"},
	{NULL},
};
const struct nvb_option_group capsule_stats_groups[] = {{"Options", stats_options}, {NULL}};

struct watched {
	struct nvb_located capsule;
	char *name;
	struct nvb_capsule_stats now;
	uint64_t cpu_before, seen_before; /* NVB_STAT_UNKNOWN: not yet */
	uint64_t seen;
	double cpu; /* of one processor, percent; -1 unknown */
	bool gpu_known;
	unsigned gpus;	     /* that its processes use */
	uint64_t gpu_memory; /* bytes; NVB_STAT_UNKNOWN */
	double gpu_share;    /* of the time of one GPU, percent; -1 unknown */
};

struct watching {
	struct watched *items;
	size_t count, capacity;
	struct nvb_inventory *inventory;
	nvb_sampler *gpu;   /* NULL: there is none */
	nvb_sample *sample; /* the newest; NULL: not yet */
};

static void release(struct watching *w)
{
	for (size_t i = 0; i < w->count; i++) {
		nvb_located_release(&w->items[i].capsule);
		free(w->items[i].name);
	}
	free(w->items);
	nvb_sample_unref(w->sample);
	nvb_sampler_close(w->gpu);
	nvb_inventory_free(w->inventory);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int add_one(
	struct watching *w, const struct nvb_state *state, const char *which, bool must, nvb_error **err)
{
	struct watched one = {.seen_before = NVB_STAT_UNKNOWN, .cpu = -1};
	int rc = nvb_locate(state, which, &one.capsule, err);

	if (rc == 0 && must)
		rc = nvb_located_running(&one.capsule, which, err);
	if (rc == 0 && !one.capsule.cgroup && must)
		rc = nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"capsule %s: without root a capsule has no control "
			"group that would count for it",
			which);
	if (rc == 0 && !NVB_GROW(w->items, w->count, w->capacity))
		rc = nvb_fail_oom(err);
	if (rc < 0 || !one.capsule.init || !one.capsule.cgroup) {
		nvb_located_release(&one.capsule);
		return rc;
	}
	w->items[w->count++] = one;
	return 0;
}

static const char *name_of(const struct nvb_capsule_info *list, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (nvb_streq(list[i].id, id))
			return list[i].name;
	return NULL;
}

static int choose(struct watching *w, char **names, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	struct nvb_capsule_info *list = NULL;
	size_t count = 0;
	int rc = nvb_state_open(&state, err);

	if (rc == 0)
		rc = nvb_capsules_list(&state, false, &list, &count, err);
	for (size_t i = 0; rc == 0 && !*names && i < count; i++)
		/* One that ends meanwhile is none of them. */
		if (add_one(w, &state, list[i].id, false, NULL) == -NVB_ERR_NO_MEMORY)
			rc = nvb_fail_oom(err);
	for (; rc == 0 && *names; names++)
		rc = add_one(w, &state, *names, true, err);
	for (size_t i = 0; i < w->count; i++) {
		const char *name = name_of(list, count, w->items[i].capsule.id);

		w->items[i].name = name ? strdup(name) : NULL;
	}
	nvb_capsules_free(list, count);
	return rc;
}

/* Only where there is a GPU. What cannot be asked is unknown, and no failure. */
static void start_gpu(struct watching *w)
{
	const uint64_t longest = UINT64_C(3600000000000);
	const uint64_t interval = opt.interval < longest ? opt.interval : longest;
	const struct nvb_sampler_options sampler = {.size = sizeof(sampler),
		.interval_ns = interval,
		.process_interval_ns = interval,
		.log = nvb_logging()};
	struct nvb_inventory_options options;

	nvb_common_inventory_options(&options);
	if (nvb_inventory_load(&options, &w->inventory, NULL) == 0 && w->inventory->gpu_count)
		nvb_sampler_open(w->inventory, &sampler, &w->gpu, NULL);
}

static void add_process(struct watched *one, const struct nvb_sample_process *p)
{
	if (p->memory.state == NVB_VALUE_KNOWN)
		one->gpu_memory += (uint64_t)p->memory.value;
	if (p->utilization.state == NVB_VALUE_KNOWN)
		one->gpu_share = (one->gpu_share < 0 ? 0 : one->gpu_share) + 100 * p->utilization.value;
}

static void count_gpu(const nvb_sample *sample, struct watched *one)
{
	one->gpu_known = false;
	one->gpu_memory = 0;
	one->gpus = 0;
	one->gpu_share = -1;
	for (size_t g = 0; g < nvb_sample_gpu_count(sample); g++) {
		size_t count = nvb_sample_gpu(sample, g)->process_count;
		bool uses = false;

		one->gpu_known |= nvb_sample_process_age(sample, g) != UINT64_MAX;
		for (size_t i = 0; i < count; i++) {
			const struct nvb_sample_process *p = nvb_sample_process(sample, g, i);

			if (p->owner != NVB_OWNER_CAPSULE || !nvb_streq0(p->owner_id, one->capsule.id))
				continue;
			uses = true;
			add_process(one, p);
		}
		one->gpus += uses;
	}
}

static void look(struct watching *w)
{
	for (size_t i = 0; i < w->count; i++) {
		struct watched *one = &w->items[i];

		nvb_located_refresh(&one->capsule);
		one->cpu_before = one->now.cpu;
		one->seen_before = one->seen ? one->seen : NVB_STAT_UNKNOWN;
		nvb_stats_read(CGROUPS, one->capsule.cgroup, &one->now);
		one->seen = now_ns();
		if (one->seen_before != NVB_STAT_UNKNOWN && one->now.cpu != NVB_STAT_UNKNOWN &&
			one->now.cpu >= one->cpu_before && one->seen > one->seen_before)
			one->cpu = 100.0 * (double)(one->now.cpu - one->cpu_before) /
				   (double)(one->seen - one->seen_before);
		if (w->sample)
			count_gpu(w->sample, one);
	}
}

static void cell_bytes(struct nvb_table *table, uint64_t bytes)
{
	char text[32];

	nvb_table_cell(table, bytes == NVB_STAT_UNKNOWN ? NULL : nvb_format_bytes(bytes, text, sizeof(text)));
}

static void add_row(struct nvb_table *table, const struct watched *one, bool gpu)
{
	const struct nvb_capsule_stats *s = &one->now;

	nvb_table_cellf(table, "%.12s", one->capsule.id);
	nvb_table_cell(table, one->name);
	if (one->cpu < 0)
		nvb_table_cell(table, NULL);
	else
		nvb_table_cellf(table, "%.1f%%", one->cpu);
	cell_bytes(table, s->memory);
	cell_bytes(table, s->memory_limit);
	if (s->pids == NVB_STAT_UNKNOWN)
		nvb_table_cell(table, NULL);
	else
		nvb_table_cellf(table, "%llu", (unsigned long long)s->pids);
	cell_bytes(table, s->io_read);
	cell_bytes(table, s->io_written);
	if (!gpu)
		return;
	if (one->gpu_known)
		nvb_table_cellf(table, "%u", one->gpus);
	else
		nvb_table_cell(table, NULL);
	cell_bytes(table, one->gpu_known ? one->gpu_memory : NVB_STAT_UNKNOWN);
	if (one->gpu_known && one->gpu_share >= 0)
		nvb_table_cellf(table, "%.0f%%", one->gpu_share);
	else
		nvb_table_cell(table, NULL);
}

static int print_table(const struct watching *w, nvb_error **err)
{
	static const struct nvb_column with_gpu[] = {{"ID"}, {"NAME"}, {"CPU", true}, {"MEMORY", true},
		{"LIMIT", true}, {"PIDS", true}, {"READ", true}, {"WRITTEN", true}, {"GPUS", true},
		{"GPU-MEMORY", true}, {"GPU-UTIL", true}, {NULL}};
	static const struct nvb_column without[] = {{"ID"}, {"NAME"}, {"CPU", true}, {"MEMORY", true},
		{"LIMIT", true}, {"PIDS", true}, {"READ", true}, {"WRITTEN", true}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = w->gpu ? with_gpu : without};

	for (size_t i = 0; i < w->count; i++)
		if (w->items[i].capsule.init)
			add_row(&table, &w->items[i], w->gpu != NULL);
	return nvb_table_print(&table, stdout, err);
}

static void add_number(struct nvb_strbuf *out, const char *key, uint64_t value)
{
	nvb_sb_addf(out, ", \"%s\": ", key);
	if (value == NVB_STAT_UNKNOWN)
		nvb_sb_add(out, "null");
	else
		nvb_sb_addf(out, "%llu", (unsigned long long)value);
}

static int print_json(const struct watching *w, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	bool first = true;

	nvb_sb_addc(&out, '[');
	for (size_t i = 0; i < w->count; i++) {
		const struct watched *one = &w->items[i];

		if (!one->capsule.init)
			continue;
		nvb_sb_addf(&out, "%s{\"id\": \"%s\", \"name\": ", first ? "" : ", ", one->capsule.id);
		one->name ? nvb_sb_add_json(&out, one->name) : nvb_sb_add(&out, "null");
		if (one->cpu < 0)
			nvb_sb_add(&out, ", \"cpu_percent\": null");
		else
			nvb_sb_addf(&out, ", \"cpu_percent\": %.3f", one->cpu);
		add_number(&out, "cpu_ns", one->now.cpu);
		add_number(&out, "memory_bytes", one->now.memory);
		add_number(&out, "memory_limit_bytes", one->now.memory_limit);
		add_number(&out, "pids", one->now.pids);
		add_number(&out, "pids_limit", one->now.pids_limit);
		add_number(&out, "read_bytes", one->now.io_read);
		add_number(&out, "written_bytes", one->now.io_written);
		add_number(&out, "gpus", one->gpu_known ? one->gpus : NVB_STAT_UNKNOWN);
		add_number(&out, "gpu_memory_bytes", one->gpu_known ? one->gpu_memory : NVB_STAT_UNKNOWN);
		if (one->gpu_known && one->gpu_share >= 0)
			nvb_sb_addf(&out, ", \"gpu_percent\": %.3f", one->gpu_share);
		else
			nvb_sb_add(&out, ", \"gpu_percent\": null");
		nvb_sb_addc(&out, '}');
		first = false;
	}
	nvb_sb_add(&out, "]\n");
	if (out.failed)
		return nvb_fail_oom(err);
	return nvb_stdout_write(out.s, out.len, err);
}

static int print(const struct watching *w, nvb_error **err)
{
	bool screen = !opt.once && isatty(STDOUT_FILENO);
	int rc;

	if (opt.format == NVB_FORMAT_JSON)
		return print_json(w, err);
	if (screen)
		fputs("\033[H\033[J", stdout);
	rc = print_table(w, err);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

/* Whether the driver has said who uses a GPU. */
static bool knows_gpu(const struct watching *w)
{
	for (size_t g = 0; w->sample && g < nvb_sample_gpu_count(w->sample); g++)
		if (nvb_sample_process_age(w->sample, g) != UINT64_MAX)
			return true;
	return false;
}

static void take_sample(struct watching *w)
{
	nvb_sample *sample = NULL;

	if (nvb_sampler_next(w->gpu, 0, &sample, NULL) < 0 || !sample)
		return;
	nvb_sample_unref(w->sample);
	w->sample = sample;
}

/* Until it is time to look again; samples of GPUs are taken when they come, never waited for longer. */
static void pass_time(struct watching *w, uint64_t nanoseconds, bool until_gpu)
{
	uint64_t end = now_ns() + nanoseconds, now;

	while ((now = now_ns()) < end && !(until_gpu && (!w->gpu || knows_gpu(w)))) {
		struct pollfd fd = {.fd = w->gpu ? nvb_sampler_fd(w->gpu) : -1, .events = POLLIN};

		if (poll(&fd, 1, (int)((end - now) / 1000000) + 1) > 0)
			take_sample(w);
	}
}

static bool any_runs(const struct watching *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->items[i].capsule.init)
			return true;
	return false;
}

static int watch(struct watching *w, nvb_error **err)
{
	/* A share of time takes two looks. */
	const uint64_t between = 500000000, gpu_patience = 5000000000;
	int rc = 0;

	look(w);
	pass_time(w, opt.once ? between : between / 2, false);
	if (opt.once)
		pass_time(w, gpu_patience, true);
	if (!opt.once && opt.format == NVB_FORMAT_TABLE && isatty(STDOUT_FILENO))
		fputs("\033[2J", stdout);
	for (;;) {
		look(w);
		rc = print(w, err);
		if (rc < 0 || opt.once || !any_runs(w))
			return rc;
		pass_time(w, opt.interval, false);
	}
}

int capsule_stats(int argc, char **argv, nvb_error **err)
{
	_cleanup_(release) struct watching w = {0};
	int rc = 0;

	(void)argc;
	if (opt.interval < 100000000)
		return nvb_fail(err, NVB_ERR_INVALID, "--interval: must be at least 100ms");
	rc = choose(&w, argv, err);
	if (rc < 0)
		return rc;
	if (w.count)
		start_gpu(&w);
	return w.count ? watch(&w, err) : print(&w, err);
}
