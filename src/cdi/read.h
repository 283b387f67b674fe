/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CDI_READ_H
#define NVB_CDI_READ_H

#include "cdi/model.h"
#include "cdi/report.h"
#include "nvbind/cdi.h"

/* JSON when the name ends in ".json", else YAML (which JSON nearly is). */
enum nvb_cdi_format nvb_cdi_format_of(const char *file);

/*
 * Reads a spec and checks it whole. What is wrong with a document that can be parsed goes into *report;
 * a spec is given out (*spec, to be zeroed by the caller) also then, and may be used only when report->errors
 * is 0. Fails with NVB_ERR_CORRUPT, *spec left empty, when the text is no YAML or JSON at all.
 */
int nvb_cdi_check(struct nvb_cdi_spec *spec, const char *data, size_t size, enum nvb_cdi_format format,
	const char *file, struct nvb_cdi_report *report, nvb_error **err);

/* The same for who only wants a good spec: the first problem is the error. */
int nvb_cdi_parse(struct nvb_cdi_spec *spec, const char *data, size_t size, enum nvb_cdi_format format,
	const char *file, nvb_error **err);

/* Reads a file of the host; NVB_ERR_NOT_FOUND when it is not there. */
int nvb_cdi_read_file(
	struct nvb_cdi_spec *spec, int dirfd, const char *path, const char *file, nvb_error **err);

/* Fills the spec from a document: types, required and unknown fields, ranges. False without memory. */
bool nvb_cdi_decode(
	struct nvb_cdi_spec *spec, const struct nvb_cdi_node *root, struct nvb_cdi_report *report);

#endif
