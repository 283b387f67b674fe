/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "base/mem.h"
#include "base/str.h"
#include "boltfile/project.h"
#include "profile/overrides.h"
#include "profile/profile.h"
#include "request/request.h"

/* Whether the services of a file can be what it says, before anything is done to one of them. */

#define FIELD(name) offsetof(struct nvb_service, name)

static void request_freep(struct nvb_request **request)
{
	nvb_request_free(*request);
}

/* That the profiles it names are here: the words of each are applied to a request that nobody uses. */
static int check_profiles(const struct nvb_boltfile *file, const struct nvb_service *service,
	const char *installed, nvb_error **err)
{
	const struct nvb_gaming_overrides game = {.profile = service->gpu.gaming.profile,
		.dlss_enabled = NVB_UNSAID,
		.rt_cores_enabled = NVB_UNSAID,
		.vrs_enabled = NVB_UNSAID,
		.wine_optimizations = NVB_UNSAID};
	const struct nvb_aiml_overrides aiml = {.profile = service->gpu.aiml.profile,
		.mig_enabled = NVB_UNSAID,
		.tensor_cores_enabled = NVB_UNSAID,
		.memory_pool_enabled = NVB_UNSAID};
	_cleanup_override_notes_ struct nvb_override_notes notes = {0};
	_cleanup_(request_freep) struct nvb_request *request = NULL;
	bool wants_mig = false;
	int rc = nvb_request_new(&request, err);

	if (rc == 0 && service->gpu.profiles)
		rc = nvb_service_error_at(file, service, FIELD(gpu.profiles),
			nvb_profiles_apply(service->gpu.profiles, installed, request, err), err);
	if (rc == 0 && game.profile)
		rc = nvb_service_error_at(file, service, FIELD(gpu.gaming.profile),
			nvb_gaming_overrides_apply(&game, installed, request, &notes, err), err);
	if (rc == 0 && aiml.profile)
		rc = nvb_service_error_at(file, service, FIELD(gpu.aiml.profile),
			nvb_aiml_overrides_apply(&aiml, installed, request, &wants_mig, &notes, err), err);
	return rc;
}

static bool names_profiles(const struct nvb_service *service)
{
	return service->gpu.profiles || service->gpu.gaming.profile || service->gpu.aiml.profile;
}

int nvb_boltfile_check_services(const struct nvb_boltfile *file, const struct nvb_define_host *host,
	const char *installed, const bool *wanted, nvb_error **err)
{
	for (size_t i = 0; i < file->service_count; i++) {
		const struct nvb_service *service = &file->services[i];
		_cleanup_definition_ struct nvb_capsule_definition definition;
		int rc;

		nvb_capsule_definition_init(&definition);
		if (wanted && !wanted[i])
			continue;
		rc = nvb_service_define(file, service, 1, host, &definition, err);
		if (rc == 0 && names_profiles(service))
			rc = check_profiles(file, service, installed, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
