/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_EXPORTER_DEVICES_H
#define NVB_EXPORTER_DEVICES_H

#include "base/error.h"
#include "exporter/text.h"
#include "nvbind/sampler.h"

/* The GPUs and MIG devices of a sample with their labels, which are written once and stand in every one of
 * their lines. */
struct nvb_export_device {
	size_t gpu;   /* its place in the sample */
	uint32_t mig; /* the MIG device's there; NVB_NO_MIG: the GPU itself */
	bool answers; /* the driver talks of it: its values count */
	struct nvb_strbuf labels;
};

struct nvb_export_devices {
	struct nvb_export_device *items; /* a GPU, then its MIG devices */
	size_t count;
};

/* Writes the labels of one device. */
typedef void nvb_export_labels(const nvb_sample *sample, const struct nvb_export_device *device,
	const void *data, struct nvb_strbuf *labels);

int nvb_export_devices_make(const nvb_sample *sample, nvb_export_labels *write, const void *data,
	struct nvb_export_devices *devices, nvb_error **err);
void nvb_export_devices_release(struct nvb_export_devices *devices);
#define _cleanup_devices_ __attribute__((cleanup(nvb_export_devices_release)))

/* The device's value where it counts: known, and not older than is right for this interval; else NAN. */
double nvb_export_value(
	const nvb_sample *sample, const struct nvb_export_device *device, enum nvb_metric metric);

/* Whether a state is one in which what the driver says of a GPU is worth something. */
bool nvb_export_answers(enum nvb_sample_state state);

#endif
