/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "boltfile/preload.h"
#include "cli/output.h"
#include "host.h"
#include "surge_file.h"
#include "surge_project.h"

/* What a Boltfile says of the host as a whole, before the first of its capsules starts. */

static bool wants_preload(const struct nvb_boltfile *file, const bool *wanted)
{
	for (size_t i = 0; i < file->service_count; i++) {
		const struct nvb_service *service = &file->services[i];
		enum nvb_said said = service->gpu.preload_libraries;

		if (said == NVB_SAID_NOTHING)
			said = file->runtime.preload_libraries;
		if (wanted[i] && service->gpu_asked && said == NVB_SAID_YES)
			return true;
	}
	return false;
}

static bool speaks_of_wsl2(const struct nvb_boltfile *file)
{
	bool any = file->runtime.wsl2.enabled || file->runtime.wsl2.low_latency ||
		   file->runtime.wsl2.gpu_acceleration;

	for (size_t i = 0; i < file->service_count; i++)
		any = any || file->services[i].gpu.wsl2_optimized;
	return any;
}

static int say_host_notes(const struct surge *surge, nvb_error **err)
{
	_cleanup_strv_ char **notes = NULL;
	int rc = nvb_boltfile_host_notes(&surge->file, &surge->project.define, &notes, err);

	if (rc == 0 && surge_file_is_strict() && notes[0])
		return nvb_hint(err, nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s", notes[0]),
			"without --strict it is a warning");
	nvb_strv_foreach (note, notes)
		nvb_report_warning("bolt", "%s", *note);
	return rc;
}

int surge_host_ready(struct surge *surge, const bool *wanted, nvb_error **err)
{
	bool preload = wants_preload(&surge->file, wanted);
	struct nvb_inventory_options options = *run_host()->inventory;
	nvb_inventory *inventory = NULL;
	int rc;

	if (!preload && !speaks_of_wsl2(&surge->file))
		return 0;
	options.no_cache = options.no_cache || surge->file.runtime.cache_driver_info == NVB_SAID_NO;
	rc = nvb_inventory_load(&options, &inventory, err);
	if (rc < 0)
		return rc;
	surge->project.define.wsl2 = inventory->platform == NVB_PLATFORM_WSL2;
	if (preload)
		nvb_preload_driver(inventory);
	nvb_inventory_free(inventory);
	return say_host_notes(surge, err);
}
