/* SPDX-License-Identifier: Apache-2.0 */
#include "web/feed.h"

#include <math.h>

#include "config.h"
#include "exporter/workload.h"

/* A table of processes longer than this is read by nobody. */
#define PROCESSES_SHOWN 500

static void add_text(struct nvb_strbuf *out, const char *key, const char *text)
{
	nvb_sb_addf(out, "\"%s\":", key);
	if (text)
		nvb_sb_add_json(out, text);
	else
		nvb_sb_add(out, "null");
}

static void add_number(struct nvb_strbuf *out, const char *key, struct nvb_value v)
{
	if (v.state == NVB_VALUE_KNOWN && isfinite(v.value))
		nvb_sb_addf(out, ",\"%s\":%.12g", key, v.value);
	else
		nvb_sb_addf(out, ",\"%s\":null", key);
}

struct shown {
	enum nvb_metric metric;
	const char *key;
};

static const struct shown gpu_values[] = {
	{NVB_METRIC_UTILIZATION, "utilization"},
	{NVB_METRIC_MEMORY_USED, "memoryUsed"},
	{NVB_METRIC_MEMORY_TOTAL, "memoryTotal"},
	{NVB_METRIC_POWER, "power"},
	{NVB_METRIC_POWER_LIMIT, "powerLimit"},
	{NVB_METRIC_TEMPERATURE, "temperature"},
	{NVB_METRIC_FAN_SPEED, "fan"},
	{NVB_METRIC_SM_CLOCK, "smClock"},
	{NVB_METRIC_MEMORY_CLOCK, "memoryClock"},
	{NVB_METRIC_ENCODER_UTILIZATION, "encoder"},
	{NVB_METRIC_DECODER_UTILIZATION, "decoder"},
	{NVB_METRIC_PCIE_TX_RATE, "pcieTx"},
	{NVB_METRIC_PCIE_RX_RATE, "pcieRx"},
	{NVB_METRIC_LAST_XID, "lastXid"},
};

static const struct shown mig_values[] = {
	{NVB_METRIC_MEMORY_USED, "memoryUsed"},
	{NVB_METRIC_MEMORY_TOTAL, "memoryTotal"},
};

static void add_throttling(struct nvb_strbuf *out, struct nvb_value reasons)
{
	bool first = true;

	nvb_sb_add(out, ",\"throttle\":[");
	/* Bit 0 says that the GPU idles, which is no throttling. */
	for (unsigned bit = 1; reasons.state == NVB_VALUE_KNOWN && bit < 32; bit++)
		if (((uint64_t)reasons.value >> bit & 1) && nvb_throttle_reason_name(bit)) {
			if (!first)
				nvb_sb_addc(out, ',');
			nvb_sb_add_json(out, nvb_throttle_reason_name(bit));
			first = false;
		}
	nvb_sb_addc(out, ']');
}

static void add_mig(struct nvb_strbuf *out, const nvb_sample *sample, size_t g)
{
	nvb_sb_add(out, ",\"mig\":[");
	for (size_t m = 0; m < nvb_sample_gpu(sample, g)->mig_count; m++) {
		const struct nvb_sample_mig *mig = nvb_sample_mig(sample, g, m);

		nvb_sb_addf(out, "%s{\"index\":%u,", m ? "," : "", mig->index);
		add_text(out, "profile", mig->profile);
		for (size_t i = 0; i < NVB_ELEMENTS(mig_values); i++)
			add_number(out, mig_values[i].key,
				nvb_sample_mig_value(sample, g, m, mig_values[i].metric));
		nvb_sb_addc(out, '}');
	}
	nvb_sb_addc(out, ']');
}

static void add_gpu(struct nvb_strbuf *out, const nvb_sample *sample, size_t g)
{
	const struct nvb_sample_gpu *gpu = nvb_sample_gpu(sample, g);

	nvb_sb_addf(out, "%s{\"index\":%u,", g ? "," : "", gpu->index);
	add_text(out, "state", nvb_sample_state_name(gpu->state));
	nvb_sb_addc(out, ',');
	add_text(out, "reason", gpu->reason);
	nvb_sb_addf(out, ",\"since\":%.1f,", (double)gpu->since_ns / 1e9);
	add_text(out, "uuid", gpu->uuid);
	nvb_sb_addc(out, ',');
	add_text(out, "name", gpu->name);
	nvb_sb_addc(out, ',');
	add_text(out, "pci", gpu->pci_address);
	for (size_t i = 0; i < NVB_ELEMENTS(gpu_values); i++)
		add_number(out, gpu_values[i].key, nvb_sample_value(sample, g, gpu_values[i].metric));
	add_throttling(out, nvb_sample_value(sample, g, NVB_METRIC_THROTTLE_REASONS));
	nvb_sb_addf(out, ",\"migMode\":%s", gpu->mig_mode == 1 ? "true" : "false");
	add_mig(out, sample, g);
	nvb_sb_addc(out, '}');
}

static void add_mig_index(struct nvb_strbuf *out, const nvb_sample *sample, size_t gpu, uint32_t mig)
{
	const struct nvb_sample_mig *device = mig == NVB_NO_MIG ? NULL : nvb_sample_mig(sample, gpu, mig);

	if (device)
		nvb_sb_addf(out, "%u", device->index);
	else
		nvb_sb_add(out, "null");
}

static void add_owner(
	struct nvb_strbuf *out, enum nvb_owner owner, const char *id, const char *name, const char *pod)
{
	add_text(out, "owner", nvb_owner_name(owner));
	nvb_sb_addc(out, ',');
	add_text(out, "id", id);
	nvb_sb_addc(out, ',');
	add_text(out, "ownerName", name);
	nvb_sb_addc(out, ',');
	add_text(out, "pod", pod);
}

static void add_process(
	struct nvb_strbuf *out, const nvb_sample *sample, size_t gpu, const struct nvb_sample_process *p)
{
	nvb_sb_addf(out, "{\"gpu\":%u,\"mig\":", nvb_sample_gpu(sample, gpu)->index);
	add_mig_index(out, sample, gpu, p->mig);
	nvb_sb_addf(out, ",\"pid\":%u,", p->pid);
	add_text(out, "name", p->name);
	nvb_sb_addc(out, ',');
	add_owner(out, p->owner, p->owner_id, p->owner_name, p->pod);
	add_number(out, "memory", p->memory);
	add_number(out, "utilization", p->utilization);
	nvb_sb_addc(out, '}');
}

static void add_processes(struct nvb_strbuf *out, const nvb_sample *sample)
{
	size_t all = 0;

	nvb_sb_add(out, ",\"processes\":[");
	for (size_t g = 0; g < nvb_sample_gpu_count(sample); g++)
		for (size_t i = 0; i < nvb_sample_gpu(sample, g)->process_count; i++) {
			if (all++ >= PROCESSES_SHOWN)
				continue;
			if (all > 1)
				nvb_sb_addc(out, ',');
			add_process(out, sample, g, nvb_sample_process(sample, g, i));
		}
	nvb_sb_addf(out, "],\"processCount\":%zu", all);
}

static void add_ratio(struct nvb_strbuf *out, const char *key, double value)
{
	add_number(out, key, (struct nvb_value){.value = value, .state = NVB_VALUE_KNOWN});
}

/* The whole of it, however many processes there are. */
static int add_workloads(struct nvb_strbuf *out, const nvb_sample *sample, nvb_error **err)
{
	_cleanup_workloads_ struct nvb_workloads list = {0};
	int rc = nvb_workloads_collect(sample, &list, err);

	nvb_sb_add(out, ",\"workloads\":[");
	for (size_t i = 0; i < list.count; i++) {
		const struct nvb_workload *w = &list.items[i];

		nvb_sb_addf(
			out, "%s{\"gpu\":%u,\"mig\":", i ? "," : "", nvb_sample_gpu(sample, w->gpu)->index);
		add_mig_index(out, sample, w->gpu, w->mig);
		nvb_sb_addf(out, ",\"processes\":%u,", w->processes);
		add_owner(out, w->owner, w->id, w->name, w->pod);
		add_ratio(out, "memory", w->memory);
		add_ratio(out, "utilization", w->utilization);
		nvb_sb_addc(out, '}');
	}
	nvb_sb_addc(out, ']');
	return rc;
}

int nvb_feed_sample(const nvb_sample *sample, struct nvb_strbuf *out, nvb_error **err)
{
	struct nvb_sample_cost cost;
	int rc;

	nvb_sample_cost(sample, &cost);
	nvb_sb_addf(out, "event: sample\ndata: {\"time\":%llu,\"sequence\":%llu,\"interval\":%llu,",
		(unsigned long long)(nvb_sample_time(sample) / 1000000),
		(unsigned long long)nvb_sample_sequence(sample),
		(unsigned long long)(nvb_sample_interval(sample) / 1000000));
	add_text(out, "notice", nvb_sample_notice(sample));
	nvb_sb_addc(out, ',');
	add_text(out, "driver", nvb_sample_driver_version(sample));
	nvb_sb_addf(out, ",\"cost\":%.6f,\"gpus\":[",
		cost.elapsed_ns ? (double)cost.cpu_ns / (double)cost.elapsed_ns : 0.0);
	for (size_t g = 0; g < nvb_sample_gpu_count(sample); g++)
		add_gpu(out, sample, g);
	nvb_sb_addc(out, ']');
	rc = add_workloads(out, sample, err);
	add_processes(out, sample);
	nvb_sb_add(out, "}\n\n");
	return rc == 0 && out->failed ? nvb_fail_oom(err) : rc;
}

static void add_series(
	struct nvb_strbuf *out, const struct nvb_history *history, size_t gpu, enum nvb_history_series series)
{
	static const char *const names[] = {
		[NVB_HISTORY_UTILIZATION] = "utilization",
		[NVB_HISTORY_MEMORY] = "memory",
		[NVB_HISTORY_POWER] = "power",
		[NVB_HISTORY_TEMPERATURE] = "temperature",
	};

	nvb_sb_addf(out, "%s\"%s\":[", series ? "," : "", names[series]);
	for (size_t i = 0; i < history->count; i++) {
		uint16_t point = nvb_history_point(history, gpu, series, i);

		if (i)
			nvb_sb_addc(out, ',');
		if (point == NVB_HISTORY_UNKNOWN)
			nvb_sb_add(out, "null");
		else
			nvb_sb_addf(out, "%u", point);
	}
	nvb_sb_addc(out, ']');
}

int nvb_feed_hello(
	const char *host, const struct nvb_history *history, struct nvb_strbuf *out, nvb_error **err)
{
	/* A browser that was cut off asks again after two seconds. */
	nvb_sb_add(out, "retry: 2000\nevent: hello\ndata: {\"version\":\"" NVB_VERSION "\",");
	add_text(out, "host", host);
	nvb_sb_add(out, ",\"times\":[");
	for (size_t i = 0; i < history->count; i++)
		nvb_sb_addf(out, "%s%llu", i ? "," : "", (unsigned long long)nvb_history_time(history, i));
	nvb_sb_add(out, "],\"gpus\":[");
	for (size_t g = 0; g < history->gpu_count; g++) {
		nvb_sb_add(out, g ? ",{" : "{");
		for (int s = 0; s < NVB_HISTORY_SERIES; s++)
			add_series(out, history, g, (enum nvb_history_series)s);
		nvb_sb_addc(out, '}');
	}
	nvb_sb_add(out, "]}\n\n");
	return out->failed ? nvb_fail_oom(err) : 0;
}
