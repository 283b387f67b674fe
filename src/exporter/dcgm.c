/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "exporter/devices.h"
#include "exporter/exporter.h"

/*
 * What dashboards and alerts for dcgm-exporter read. Names, kinds, help and units are those of its default
 * list of counters (dcgm-exporter 4.5, etc/default-counters.csv) and of dcgm_fields.h; labels are those of
 * its answer. Fields that need DCGM's profiling module, and its counter of NVLink, of which it is not said
 * what it counts, are not here: what is not measured has no line.
 */

struct dcgm_field {
	const char *name;
	enum nvb_metric metric;
	double factor; /* from our base unit to DCGM's */
	bool counter, mig;
	const char *help; /* dashboards do not read it; a full stop is added */
};

#define MIB (1.0 / (1 << 20))

static const struct dcgm_field fields[] = {
	{"DCGM_FI_DEV_SM_CLOCK", NVB_METRIC_SM_CLOCK, 1e-6, .help = "SM clock frequency (in MHz)"},
	{"DCGM_FI_DEV_MEM_CLOCK", NVB_METRIC_MEMORY_CLOCK, 1e-6, .help = "Memory clock frequency (in MHz)"},
	{"DCGM_FI_DEV_MEMORY_TEMP", NVB_METRIC_MEMORY_TEMPERATURE, 1, .help = "Memory temperature (in C)"},
	{"DCGM_FI_DEV_GPU_TEMP", NVB_METRIC_TEMPERATURE, 1, .help = "GPU temperature (in C)"},
	{"DCGM_FI_DEV_POWER_USAGE", NVB_METRIC_POWER, 1, .help = "Power draw (in W)"},
	{"DCGM_FI_DEV_POWER_MGMT_LIMIT", NVB_METRIC_POWER_LIMIT, 1, .help = "Power limit in force (in W)"},
	{"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", NVB_METRIC_ENERGY, 1e3, .counter = true,
		.help = "Energy consumed since the driver was loaded (in mJ)"},
	{"DCGM_FI_PROF_PCIE_TX_BYTES", NVB_METRIC_PCIE_TX_RATE, 1,
		.help = "Rate of data sent over PCIe (in bytes per second)"},
	{"DCGM_FI_PROF_PCIE_RX_BYTES", NVB_METRIC_PCIE_RX_RATE, 1,
		.help = "Rate of data received over PCIe (in bytes per second)"},
	{"DCGM_FI_DEV_PCIE_REPLAY_COUNTER", NVB_METRIC_PCIE_REPLAYS, 1, .counter = true,
		.help = "PCIe retries"},
	{"DCGM_FI_DEV_PCIE_LINK_GEN", NVB_METRIC_PCIE_GENERATION, 1, .help = "PCIe generation of the link"},
	{"DCGM_FI_DEV_PCIE_LINK_WIDTH", NVB_METRIC_PCIE_WIDTH, 1, .help = "PCIe lanes of the link"},
	{"DCGM_FI_DEV_GPU_UTIL", NVB_METRIC_UTILIZATION, 100, .help = "GPU utilization (in %)"},
	{"DCGM_FI_DEV_MEM_COPY_UTIL", NVB_METRIC_MEMORY_UTILIZATION, 100,
		.help = "Memory utilization (in %)"},
	{"DCGM_FI_DEV_ENC_UTIL", NVB_METRIC_ENCODER_UTILIZATION, 100, .help = "Encoder utilization (in %)"},
	{"DCGM_FI_DEV_DEC_UTIL", NVB_METRIC_DECODER_UTILIZATION, 100, .help = "Decoder utilization (in %)"},
	{"DCGM_FI_DEV_FAN_SPEED", NVB_METRIC_FAN_SPEED, 100, .help = "Fan speed (in %)"},
	{"DCGM_FI_DEV_PSTATE", NVB_METRIC_PERFORMANCE_STATE, 1,
		.help = "Performance state, 0 is the fastest"},
	{"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", NVB_METRIC_THROTTLE_REASONS, 1,
		.help = "Why the clocks are lower than they could be (bits)"},
	{"DCGM_FI_DEV_XID_ERRORS", NVB_METRIC_LAST_XID, 1, .help = "Last XID error, 0 for none so far"},
	{"DCGM_FI_DEV_FB_FREE", NVB_METRIC_MEMORY_FREE, MIB, .mig = true,
		.help = "Framebuffer memory free (in MiB)"},
	{"DCGM_FI_DEV_FB_USED", NVB_METRIC_MEMORY_USED, MIB, .mig = true,
		.help = "Framebuffer memory used (in MiB)"},
	{"DCGM_FI_DEV_FB_RESERVED", NVB_METRIC_MEMORY_RESERVED, MIB, .mig = true,
		.help = "Framebuffer memory reserved (in MiB)"},
	{"DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", NVB_METRIC_ECC_CORRECTED, 1, .counter = true,
		.help = "Single-bit volatile ECC errors"},
	{"DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", NVB_METRIC_ECC_UNCORRECTED, 1, .counter = true,
		.help = "Double-bit volatile ECC errors"},
	{"DCGM_FI_DEV_ROW_REMAP_FAILURE", NVB_METRIC_ROW_REMAP_FAILED, 1,
		.help = "Whether remapping of rows has failed"},
};

/* "00000000:3B:00.0", as NVML's long form has it. */
static void add_bus_id(struct nvb_strbuf *labels, const char *address)
{
	char id[32];
	int n;

	if (!address)
		return;
	n = snprintf(id, sizeof(id), "0000%s", address);
	for (int i = 0; i < n && i < (int)sizeof(id); i++)
		id[i] = (char)toupper((unsigned char)id[i]);
	nvb_labels_add(labels, "pci_bus_id", id);
}

static void dcgm_labels(const nvb_sample *sample, const struct nvb_export_device *device, const void *data,
	struct nvb_strbuf *labels)
{
	const struct nvb_sample_gpu *gpu = nvb_sample_gpu(sample, device->gpu);
	char node[32];

	nvb_labels_addu(labels, "gpu", gpu->index);
	nvb_labels_add(labels, "UUID", gpu->uuid);
	add_bus_id(labels, gpu->pci_address);
	snprintf(node, sizeof(node), "nvidia%u", gpu->minor);
	nvb_labels_add(labels, "device", gpu->minor == UINT32_MAX ? NULL : node);
	nvb_labels_add(labels, "modelName", gpu->name);
	if (device->mig != NVB_NO_MIG) {
		const struct nvb_sample_mig *mig = nvb_sample_mig(sample, device->gpu, device->mig);

		nvb_labels_add(labels, "GPU_I_PROFILE", mig->profile);
		nvb_labels_addu(labels, "GPU_I_ID", mig->gi);
	}
	nvb_labels_add(labels, "Hostname", data);
	nvb_labels_add(labels, "DCGM_FI_DRIVER_VERSION", nvb_sample_driver_version(sample));
}

static double field_value(
	const nvb_sample *sample, const struct nvb_export_device *device, const struct dcgm_field *field)
{
	double value = nvb_export_value(sample, device, field->metric) * field->factor;

	/* DCGM says 0 until there was one. */
	if (field->metric == NVB_METRIC_LAST_XID && isnan(value) &&
		nvb_export_value(sample, device, NVB_METRIC_XID_ERRORS) == 0)
		return 0;
	/* Its numbers are whole, but for watts. */
	return field->metric == NVB_METRIC_POWER ? value : round(value);
}

/* With MIG on, dcgm-exporter shows what its instances have in the place of the GPU's. */
static bool has_field(
	const nvb_sample *sample, const struct nvb_export_device *d, const struct dcgm_field *field)
{
	if (!field->mig || nvb_sample_gpu(sample, d->gpu)->mig_count == 0)
		return d->mig == NVB_NO_MIG;
	return d->mig != NVB_NO_MIG;
}

static void add_field(struct nvb_strbuf *out, const nvb_sample *sample,
	const struct nvb_export_devices *devices, const struct dcgm_field *field)
{
	const struct nvb_family family = {
		field->name, NULL, field->help, field->counter ? NVB_FAMILY_BARE_COUNTER : NVB_FAMILY_GAUGE};
	struct nvb_exposition e = {.dialect = NVB_DIALECT_PROMETHEUS, .out = *out};

	nvb_exposition_family(&e, &family);
	for (size_t i = 0; i < devices->count; i++) {
		const struct nvb_export_device *d = &devices->items[i];

		if (has_field(sample, d, field))
			nvb_exposition_sample(&e, &d->labels, field_value(sample, d, field));
	}
	*out = e.out;
}

int nvb_exporter_render_dcgm(
	const nvb_sample *sample, const char *host, struct nvb_strbuf *out, nvb_error **err)
{
	_cleanup_devices_ struct nvb_export_devices devices = {0};
	int rc = nvb_export_devices_make(sample, dcgm_labels, host, &devices, err);

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(fields); i++)
		add_field(out, sample, &devices, &fields[i]);
	return rc == 0 && out->failed ? nvb_fail_oom(err) : rc;
}
