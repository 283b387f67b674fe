/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/read.h"

#include "base/file.h"
#include "base/str.h"
#include "cdi/validate.h"

enum nvb_cdi_format nvb_cdi_format_of(const char *file)
{
	return nvb_ends_with(file, ".json") ? NVB_CDI_JSON : NVB_CDI_YAML;
}

int nvb_cdi_check(struct nvb_cdi_spec *spec, const char *data, size_t size, enum nvb_cdi_format format,
	const char *file, struct nvb_cdi_report *report, nvb_error **err)
{
	_cleanup_cdi_spec_ struct nvb_cdi_spec read = {0};
	struct nvb_cdi_node *root = NULL;
	int rc;

	read.file = nvb_arena_strdup(&read.arena, file);
	if (!read.file)
		return nvb_fail_oom(err);
	if (format == NVB_CDI_JSON)
		rc = nvb_cdi_parse_json(&read.arena, data, size, file, &root, err);
	else
		rc = nvb_cdi_parse_yaml(&read.arena, data, size, file, &root, err);
	if (rc < 0)
		return rc;
	if (!nvb_cdi_decode(&read, root, report))
		return nvb_fail_oom(err);
	nvb_cdi_validate(&read, report);
	if (report->no_memory)
		return nvb_fail_oom(err);
	*spec = read;
	read = (struct nvb_cdi_spec){0};
	return 0;
}

int nvb_cdi_parse(struct nvb_cdi_spec *spec, const char *data, size_t size, enum nvb_cdi_format format,
	const char *file, nvb_error **err)
{
	_cleanup_cdi_report_ struct nvb_cdi_report report = {0};
	_cleanup_cdi_spec_ struct nvb_cdi_spec read = {0};
	int rc = nvb_cdi_check(&read, data, size, format, file, &report, err);

	if (rc == 0)
		rc = nvb_cdi_report_fail(&report, err);
	if (rc < 0)
		return rc;
	*spec = read;
	read = (struct nvb_cdi_spec){0};
	return 0;
}

int nvb_cdi_read_file(
	struct nvb_cdi_spec *spec, int dirfd, const char *path, const char *file, nvb_error **err)
{
	_cleanup_free_ char *data = NULL;
	size_t size;
	int rc = nvb_file_read(dirfd, path, NVB_CDI_SIZE_MAX, &data, &size, err);

	if (rc < 0)
		return rc;
	return nvb_cdi_parse(spec, data, size, nvb_cdi_format_of(path), file, err);
}
