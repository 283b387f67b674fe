/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/bring.h"

#include <string.h>

#include "base/mem.h"
#include "capsule/directory_image.h"

static int open_stored(const struct nvb_run_host *host, const struct nvb_capsule_spec *spec,
	const struct nvb_store *store, struct nvb_image *image, nvb_error **err)
{
	nvb_error *why = NULL;
	int rc = -NVB_ERR_NOT_FOUND;

	if (spec->pull != NVB_PULL_ALWAYS)
		rc = nvb_image_open(store, spec->image, image, &why);
	if (rc == -NVB_ERR_NOT_FOUND && spec->pull != NVB_PULL_NEVER) {
		nvb_error_free(NVB_TAKE_PTR(why));
		rc = host->pull(spec->image, &why);
		if (rc == 0)
			rc = nvb_image_open(store, spec->image, image, &why);
	}
	if (rc < 0)
		nvb_error_move(err, why);
	return rc;
}

int nvb_image_bring(const struct nvb_run_host *host, const struct nvb_capsule_spec *spec,
	struct nvb_image *image, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	struct nvb_store store;
	int rc;

	if (nvb_image_is_directory(spec->image))
		return nvb_image_open_directory(spec->image, image, err);
	path = host->store ? strdup(host->store) : nvb_store_default_path();
	if (!path)
		return nvb_fail_oom(err);
	rc = nvb_store_open(&store, path, err);
	if (rc < 0)
		return rc;
	rc = open_stored(host, spec, &store, image, err);
	nvb_store_close(&store);
	return rc;
}
