/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <time.h>

#include "base/mem.h"
#include "monitor/record.h"

/* A sample as a line of JSON. */

static const char *const value_states[] = {
	[NVB_VALUE_UNSUPPORTED] = "unsupported",
	[NVB_VALUE_PENDING] = "pending",
	[NVB_VALUE_FAILED] = "failed",
};

void nvb_record_time(char out[static NVB_RECORD_TIME], uint64_t time_ns)
{
	time_t seconds = (time_t)(time_ns / 1000000000);
	struct tm tm = {0};

	gmtime_r(&seconds, &tm);
	snprintf(out, NVB_RECORD_TIME, "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		(unsigned)(time_ns % 1000000000 / 1000));
}

/* Whole numbers without a point, others as short as they read back. */
static void add_number(struct nvb_strbuf *sb, double value)
{
	if (fabs(value) < 9e15 && value == floor(value))
		nvb_sb_addf(sb, "%.0f", value);
	else
		nvb_sb_addf(sb, "%.12g", value);
}

static void add_text(struct nvb_strbuf *sb, const char *name, const char *text)
{
	nvb_sb_addf(sb, "\"%s\":", name);
	if (text)
		nvb_sb_add_json(sb, text);
	else
		nvb_sb_add(sb, "null");
	nvb_sb_addc(sb, ',');
}

static void add_u64(struct nvb_strbuf *sb, const char *name, uint64_t value)
{
	nvb_sb_addf(sb, "\"%s\":%" PRIu64 ",", name, value);
}

/* The comma that is one too many. */
static void cut(struct nvb_strbuf *sb)
{
	if (!sb->failed && sb->len && sb->s[sb->len - 1] == ',')
		sb->s[--sb->len] = '\0';
}

struct named_value {
	const char *name;
	struct nvb_value value;
};

/* Three objects, so that a value is found where one looks for it: .values.power */
static void add_values(struct nvb_strbuf *sb, const struct named_value *values, size_t count)
{
	nvb_sb_add(sb, "\"values\":{");
	for (size_t i = 0; i < count; i++) {
		nvb_sb_addf(sb, "\"%s\":", values[i].name);
		if (values[i].value.state == NVB_VALUE_KNOWN)
			add_number(sb, values[i].value.value);
		else
			nvb_sb_add(sb, "null");
		nvb_sb_addc(sb, ',');
	}
	cut(sb);
	nvb_sb_add(sb, "},\"missing\":{");
	for (size_t i = 0; i < count; i++)
		if (values[i].value.state != NVB_VALUE_KNOWN)
			nvb_sb_addf(
				sb, "\"%s\":\"%s\",", values[i].name, value_states[values[i].value.state]);
	cut(sb);
	nvb_sb_add(sb, "},\"ages_ns\":{");
	for (size_t i = 0; i < count; i++)
		if (values[i].value.state == NVB_VALUE_KNOWN)
			nvb_sb_addf(sb, "\"%s\":%" PRIu64 ",", values[i].name, values[i].value.age_ns);
	cut(sb);
	nvb_sb_add(sb, "},");
}

static void add_mig(struct nvb_strbuf *sb, const nvb_sample *sample, size_t gpu, size_t m)
{
	const struct nvb_sample_mig *mig = nvb_sample_mig(sample, gpu, m);
	struct named_value values[NVB_METRIC_COUNT];
	size_t count = 0;

	nvb_sb_addc(sb, '{');
	add_u64(sb, "index", mig->index);
	add_u64(sb, "gi", mig->gi);
	add_u64(sb, "ci", mig->ci);
	add_text(sb, "uuid", mig->uuid);
	add_text(sb, "profile", mig->profile);
	for (int i = 0; i < NVB_METRIC_COUNT; i++)
		if (nvb_metric_info((enum nvb_metric)i)->of_mig)
			values[count++] = (struct named_value){nvb_metric_info((enum nvb_metric)i)->name,
				nvb_sample_mig_value(sample, gpu, m, (enum nvb_metric)i)};
	add_values(sb, values, count);
	cut(sb);
	nvb_sb_add(sb, "},");
}

static void add_process(struct nvb_strbuf *sb, const struct nvb_sample_process *p)
{
	const struct named_value values[] = {{"memory", p->memory}, {"utilization", p->utilization},
		{"memory_utilization", p->memory_utilization},
		{"encoder_utilization", p->encoder_utilization},
		{"decoder_utilization", p->decoder_utilization}};

	nvb_sb_addc(sb, '{');
	add_u64(sb, "pid", p->pid);
	if (p->inner_pid)
		add_u64(sb, "inner_pid", p->inner_pid);
	if (p->uid != UINT32_MAX)
		add_u64(sb, "uid", p->uid);
	if (p->mig != NVB_NO_MIG)
		add_u64(sb, "mig", p->mig);
	nvb_sb_addf(sb, "\"kinds\":\"%s%s%s\",", p->kinds & NVB_USE_COMPUTE ? "C" : "",
		p->kinds & NVB_USE_GRAPHICS ? "G" : "", p->kinds & NVB_USE_MPS ? "M" : "");
	if (p->started_ns)
		add_u64(sb, "started_ns", p->started_ns);
	add_text(sb, "name", p->name);
	add_text(sb, "command", p->command);
	add_text(sb, "owner", nvb_owner_name(p->owner));
	add_text(sb, "owner_id", p->owner_id);
	add_text(sb, "owner_name", p->owner_name);
	if (p->pod)
		add_text(sb, "pod", p->pod);
	add_values(sb, values, NVB_ELEMENTS(values));
	cut(sb);
	nvb_sb_add(sb, "},");
}

static void add_gpu(struct nvb_strbuf *sb, const nvb_sample *sample, size_t g)
{
	const struct nvb_sample_gpu *gpu = nvb_sample_gpu(sample, g);
	struct named_value values[NVB_METRIC_COUNT];

	nvb_sb_addc(sb, '{');
	add_u64(sb, "index", gpu->index);
	add_text(sb, "state", nvb_sample_state_name(gpu->state));
	add_text(sb, "reason", gpu->reason);
	add_u64(sb, "since_ns", gpu->since_ns);
	add_text(sb, "uuid", gpu->uuid);
	add_text(sb, "name", gpu->name);
	add_text(sb, "pci_address", gpu->pci_address);
	if (gpu->minor != UINT32_MAX)
		add_u64(sb, "minor", gpu->minor);
	if (gpu->pcie_generation_max)
		add_u64(sb, "pcie_generation_max", gpu->pcie_generation_max);
	if (gpu->pcie_width_max)
		add_u64(sb, "pcie_width_max", gpu->pcie_width_max);
	nvb_sb_addf(sb, "\"mig_mode\":%s,", gpu->mig_mode < 0 ? "null" : gpu->mig_mode ? "true" : "false");
	for (int i = 0; i < NVB_METRIC_COUNT; i++)
		values[i] = (struct named_value){nvb_metric_info((enum nvb_metric)i)->name,
			nvb_sample_value(sample, g, (enum nvb_metric)i)};
	add_values(sb, values, NVB_METRIC_COUNT);
	nvb_sb_add(sb, "\"migs\":[");
	for (size_t i = 0; i < gpu->mig_count; i++)
		add_mig(sb, sample, g, i);
	cut(sb);
	nvb_sb_add(sb, "],\"processes\":");
	if (nvb_sample_process_age(sample, g) == UINT64_MAX) {
		nvb_sb_add(sb, "null},");
		return;
	}
	nvb_sb_addc(sb, '[');
	for (size_t i = 0; i < gpu->process_count; i++)
		add_process(sb, nvb_sample_process(sample, g, i));
	cut(sb);
	nvb_sb_addf(sb, "],\"processes_age_ns\":%" PRIu64 "},", nvb_sample_process_age(sample, g));
}

void nvb_record_json(struct nvb_strbuf *sb, const nvb_sample *sample)
{
	struct nvb_sample_cost cost;
	char time[NVB_RECORD_TIME];

	nvb_record_time(time, nvb_sample_time(sample));
	nvb_sample_cost(sample, &cost);
	nvb_sb_addc(sb, '{');
	add_text(sb, "time", time);
	add_u64(sb, "time_ns", nvb_sample_time(sample));
	add_u64(sb, "sequence", nvb_sample_sequence(sample));
	add_u64(sb, "interval_ns", nvb_sample_interval(sample));
	add_text(sb, "driver", nvb_sample_driver_version(sample));
	add_text(sb, "notice", nvb_sample_notice(sample));
	nvb_sb_addf(sb,
		"\"cost\":{\"cpu_ns\":%" PRIu64 ",\"elapsed_ns\":%" PRIu64 ",\"collect_ns\":%" PRIu64
		",\"child_rss_bytes\":%" PRIu64 ",\"missed\":%" PRIu64 "},\"gpus\":[",
		cost.cpu_ns, cost.elapsed_ns, cost.collect_ns, cost.child_rss_bytes, cost.missed);
	for (size_t g = 0; g < nvb_sample_gpu_count(sample); g++)
		add_gpu(sb, sample, g);
	cut(sb);
	nvb_sb_add(sb, "]}\n");
}
