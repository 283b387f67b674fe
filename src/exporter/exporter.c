/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/exporter.h"

#include <math.h>

#include "base/mem.h"
#include "config.h"
#include "exporter/devices.h"
#include "exporter/family.h"
#include "exporter/workload.h"

static void device_labels(const nvb_sample *sample, const struct nvb_export_device *device, const void *data,
	struct nvb_strbuf *labels)
{
	const struct nvb_sample_gpu *gpu = nvb_sample_gpu(sample, device->gpu);
	const struct nvb_sample_mig *mig =
		device->mig == NVB_NO_MIG ? NULL : nvb_sample_mig(sample, device->gpu, device->mig);

	(void)data;
	nvb_labels_addu(labels, "gpu", gpu->index);
	nvb_labels_add(labels, "uuid", mig ? mig->uuid : gpu->uuid);
	nvb_labels_add(labels, "pci", gpu->pci_address);
	nvb_labels_add(labels, "name", gpu->name);
	if (mig) {
		nvb_labels_addu(labels, "mig", mig->index);
		nvb_labels_add(labels, "profile", mig->profile);
	}
}

/* The labels of a device and one more. `scratch` is used again and again. */
static const struct nvb_strbuf *with(
	struct nvb_strbuf *scratch, const struct nvb_strbuf *labels, const char *name, const char *value)
{
	scratch->len = 0;
	nvb_sb_addn(scratch, labels->s, labels->len);
	nvb_labels_add(scratch, name, value);
	return scratch;
}

static void add_metric(struct nvb_exposition *e, const nvb_sample *sample,
	const struct nvb_export_devices *devices, const struct nvb_metric_family *row, bool mig)
{
	const struct nvb_metric_info *info = nvb_metric_info(row->metric);
	const struct nvb_family family = {mig ? row->mig : row->gpu, row->unit, info->help, row->type};

	nvb_exposition_family(e, &family);
	for (size_t i = 0; i < devices->count; i++)
		if ((devices->items[i].mig != NVB_NO_MIG) == mig)
			nvb_exposition_sample(e, &devices->items[i].labels,
				nvb_export_value(sample, &devices->items[i], row->metric));
}

static void add_info(
	struct nvb_exposition *e, const nvb_sample *sample, const struct nvb_export_devices *devices)
{
	static const struct nvb_family gpu_info = {
		"nvbind_gpu", NULL, "What a GPU is, and by which driver it is driven", NVB_FAMILY_INFO};
	static const struct nvb_family mig_info = {
		"nvbind_mig", NULL, "What a MIG device is", NVB_FAMILY_INFO};
	_cleanup_strbuf_ struct nvb_strbuf scratch = {0};

	nvb_exposition_family(e, &gpu_info);
	for (size_t i = 0; i < devices->count; i++)
		if (devices->items[i].mig == NVB_NO_MIG)
			nvb_exposition_sample(e,
				with(&scratch, &devices->items[i].labels, "driver_version",
					nvb_sample_driver_version(sample)),
				1);
	nvb_exposition_family(e, &mig_info);
	for (size_t i = 0; i < devices->count; i++)
		if (devices->items[i].mig != NVB_NO_MIG) {
			const struct nvb_sample_mig *mig =
				nvb_sample_mig(sample, devices->items[i].gpu, devices->items[i].mig);

			with(&scratch, &devices->items[i].labels, NULL, NULL);
			nvb_labels_addu(&scratch, "gpu_instance", mig->gi);
			nvb_labels_addu(&scratch, "compute_instance", mig->ci);
			nvb_exposition_sample(e, &scratch, 1);
		}
	e->out.failed |= scratch.failed;
}

static void add_states(
	struct nvb_exposition *e, const nvb_sample *sample, const struct nvb_export_devices *devices)
{
	static const struct nvb_family up = {"nvbind_gpu_up", NULL,
		"Whether the driver answers for the GPU: 0 when it is lost, gone, in error or late",
		NVB_FAMILY_GAUGE};
	static const struct nvb_family states = {
		"nvbind_gpu_state", NULL, "How the GPU fares: 1 for the present state", NVB_FAMILY_GAUGE};
	_cleanup_strbuf_ struct nvb_strbuf scratch = {0};

	nvb_exposition_family(e, &up);
	for (size_t i = 0; i < devices->count; i++)
		if (devices->items[i].mig == NVB_NO_MIG)
			nvb_exposition_sample(e, &devices->items[i].labels,
				nvb_sample_gpu(sample, devices->items[i].gpu)->state == NVB_SAMPLE_FINE);
	nvb_exposition_family(e, &states);
	for (size_t i = 0; i < devices->count; i++)
		for (int state = NVB_SAMPLE_FINE;
			devices->items[i].mig == NVB_NO_MIG && state <= NVB_SAMPLE_GONE; state++)
			nvb_exposition_sample(e,
				with(&scratch, &devices->items[i].labels, "state",
					nvb_sample_state_name((enum nvb_sample_state)state)),
				nvb_sample_gpu(sample, devices->items[i].gpu)->state ==
					(enum nvb_sample_state)state);
	e->out.failed |= scratch.failed;
}

static void add_throttling(
	struct nvb_exposition *e, const nvb_sample *sample, const struct nvb_export_devices *devices)
{
	static const struct nvb_family family = {"nvbind_gpu_throttle_reason", NULL,
		"Why the clocks are lower than they could be: 1 where the reason holds", NVB_FAMILY_GAUGE};
	_cleanup_strbuf_ struct nvb_strbuf scratch = {0};

	nvb_exposition_family(e, &family);
	for (size_t i = 0; i < devices->count; i++) {
		double bits =
			devices->items[i].mig == NVB_NO_MIG
				? nvb_export_value(sample, &devices->items[i], NVB_METRIC_THROTTLE_REASONS)
				: NAN;

		for (unsigned bit = 0; !isnan(bits) && bit < 32; bit++)
			if (nvb_throttle_reason_name(bit))
				nvb_exposition_sample(e,
					with(&scratch, &devices->items[i].labels, "reason",
						nvb_throttle_reason_name(bit)),
					(double)((uint64_t)bits >> bit & 1));
	}
	e->out.failed |= scratch.failed;
}

/* Whose the use of a device is. A capsule that nobody could name goes by its id. */
static void owner_labels(const struct nvb_workload *w, struct nvb_strbuf *labels)
{
	nvb_labels_add(labels, "owner", nvb_owner_name(w->owner));
	if (w->owner == NVB_OWNER_CAPSULE)
		nvb_labels_add(labels, "capsule", w->name ? w->name : w->id);
	nvb_labels_add(labels, w->owner == NVB_OWNER_SLURM ? "job" : "container", w->id);
	nvb_labels_add(labels, "pod", w->pod);
}

/* Both lists are in the same order, so what was found is never behind the next. */
static const struct nvb_strbuf *labels_from(
	const struct nvb_export_devices *devices, const struct nvb_workload *w, size_t *place)
{
	for (; *place < devices->count; (*place)++)
		if (devices->items[*place].gpu == w->gpu && devices->items[*place].mig == w->mig)
			return &devices->items[*place].labels;
	return NULL;
}

enum workload_figure { WORKLOAD_PROCESSES, WORKLOAD_MEMORY, WORKLOAD_UTILIZATION };

static int add_workloads(struct nvb_exposition *e, const nvb_sample *sample,
	const struct nvb_export_devices *devices, nvb_error **err)
{
	static const struct nvb_family families[] = {
		[WORKLOAD_PROCESSES] = {"nvbind_workload_processes", NULL,
			"Processes that use the device, by what they belong to", NVB_FAMILY_GAUGE},
		[WORKLOAD_MEMORY] = {"nvbind_workload_memory_bytes", "bytes",
			"Memory on the device that they have", NVB_FAMILY_GAUGE},
		[WORKLOAD_UTILIZATION] = {"nvbind_workload_utilization_ratio", "ratio",
			"Share of the time in which a kernel of theirs ran", NVB_FAMILY_GAUGE},
	};
	_cleanup_workloads_ struct nvb_workloads list = {0};
	_cleanup_strbuf_ struct nvb_strbuf scratch = {0};
	int rc = nvb_workloads_collect(sample, &list, err);

	for (size_t f = 0; rc == 0 && f < NVB_ELEMENTS(families); f++) {
		size_t place = 0;

		nvb_exposition_family(e, &families[f]);
		for (size_t i = 0; i < list.count; i++) {
			const struct nvb_workload *w = &list.items[i];
			const struct nvb_strbuf *device = labels_from(devices, w, &place);

			if (!device || !nvb_export_answers(nvb_sample_gpu(sample, w->gpu)->state))
				continue;
			with(&scratch, device, NULL, NULL);
			owner_labels(w, &scratch);
			nvb_exposition_sample(e, &scratch,
				f == WORKLOAD_PROCESSES ? w->processes
				: f == WORKLOAD_MEMORY	? w->memory
							: w->utilization);
		}
	}
	return scratch.failed ? nvb_fail_oom(err) : rc;
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static double known_or_nan(uint64_t bytes)
{
	return bytes ? (double)bytes : NAN;
}

static struct nvb_sample_cost cost_of(const nvb_sample *sample)
{
	struct nvb_sample_cost cost;

	nvb_sample_cost(sample, &cost);
	return cost;
}

static void add_self(struct nvb_exposition *e, const nvb_sample *sample, const struct nvb_exporter_self *self)
{
	const struct nvb_sample_cost cost = cost_of(sample);
	const struct {
		struct nvb_family family;
		double value;
	} figures[] = {
		{{"nvbind_sampler_interval_seconds", "seconds", "Time between two samples", NVB_FAMILY_GAUGE},
			seconds(nvb_sample_interval(sample))},
		{{"nvbind_sampler_sample_timestamp_seconds", "seconds",
			 "When the sample was taken, since 1970", NVB_FAMILY_GAUGE},
			seconds(nvb_sample_time(sample))},
		{{"nvbind_sampler_samples", NULL, "Deadlines since the start", NVB_FAMILY_COUNTER},
			(double)nvb_sample_sequence(sample)},
		{{"nvbind_sampler_missed_samples", NULL, "Deadlines without a sample", NVB_FAMILY_COUNTER},
			(double)cost.missed},
		{{"nvbind_sampler_cpu_seconds", "seconds", "Processor time that measuring took",
			 NVB_FAMILY_COUNTER},
			seconds(cost.cpu_ns)},
		{{"nvbind_sampler_collect_seconds", "seconds", "From the deadline to the last sample",
			 NVB_FAMILY_GAUGE},
			seconds(cost.collect_ns)},
		{{"nvbind_sampler_child_memory_bytes", "bytes",
			 "Resident memory of the process that asks the driver", NVB_FAMILY_GAUGE},
			known_or_nan(cost.child_rss_bytes)},
		{{"nvbind_exporter_scrapes", NULL, "Scrapes that were answered, before this one",
			 NVB_FAMILY_COUNTER},
			(double)self->scrapes},
		{{"nvbind_exporter_refused_requests", NULL, "Requests that were refused", NVB_FAMILY_COUNTER},
			(double)self->refused},
		{{"nvbind_exporter_connections", NULL, "Connections that are open", NVB_FAMILY_GAUGE},
			(double)self->connections},
		{{"nvbind_exporter_cpu_seconds", "seconds", "Processor time of the exporter itself",
			 NVB_FAMILY_COUNTER},
			seconds(self->cpu_ns)},
		{{"nvbind_exporter_memory_bytes", "bytes", "Resident memory of the exporter itself",
			 NVB_FAMILY_GAUGE},
			known_or_nan(self->resident_bytes)},
	};

	for (size_t i = 0; i < NVB_ELEMENTS(figures); i++) {
		nvb_exposition_family(e, &figures[i].family);
		nvb_exposition_sample(e, NULL, figures[i].value);
	}
}

static void add_build(struct nvb_exposition *e)
{
	static const struct nvb_family build = {
		"nvbind_build", NULL, "The version of nvbind", NVB_FAMILY_INFO};
	_cleanup_strbuf_ struct nvb_strbuf labels = {0};

	nvb_labels_add(&labels, "version", NVB_VERSION);
	nvb_exposition_family(e, &build);
	nvb_exposition_sample(e, &labels, 1);
	e->out.failed |= labels.failed;
}

int nvb_exporter_render(const nvb_sample *sample, const struct nvb_exporter_self *self,
	enum nvb_dialect dialect, struct nvb_strbuf *out, nvb_error **err)
{
	_cleanup_devices_ struct nvb_export_devices devices = {0};
	struct nvb_exposition e = {.dialect = dialect, .out = *out};
	int rc = nvb_export_devices_make(sample, device_labels, NULL, &devices, err);

	if (rc < 0)
		return rc;
	add_build(&e);
	add_info(&e, sample, &devices);
	add_states(&e, sample, &devices);
	for (size_t i = 0; i < nvb_metric_family_count; i++)
		add_metric(&e, sample, &devices, &nvb_metric_families[i], false);
	add_throttling(&e, sample, &devices);
	for (size_t i = 0; i < nvb_metric_family_count; i++)
		if (nvb_metric_families[i].mig)
			add_metric(&e, sample, &devices, &nvb_metric_families[i], true);
	rc = add_workloads(&e, sample, &devices, err);
	add_self(&e, sample, self);
	nvb_exposition_end(&e);
	*out = e.out;
	return rc == 0 && out->failed ? nvb_fail_oom(err) : rc;
}
