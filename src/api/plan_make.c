/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "cdi/import.h"
#include "nvbind/plan.h"
#include "plan/plan.h"

/*
 * nvb_plan_make: the planner for the host's own GPUs, the CDI registry for devices named as CDI does. It
 * stands apart because neither of the two knows the other.
 *
 * "nvidia.com/gpu=0" needs no spec file here: where no spec of the host defines that kind, the name means
 * what our own spec would say, so that a command line written for podman works as it stands.
 */

#define OWN_KIND "nvidia.com/gpu="

static void request_freep(struct nvb_request **request)
{
	nvb_request_free(*request);
}

static void plan_freep(struct nvb_plan **plan)
{
	nvb_plan_free(*plan);
}

static bool kind_has_spec(const struct nvb_cdi_registry *registry, const char *kind)
{
	for (size_t i = 0; i < registry->entry_count; i++)
		if (nvb_after(registry->entries[i].name, kind))
			return true;
	return false;
}

/* The request without its CDI names, which go to `names`; those of our own kind become selectors where no
 * spec has it. */
static int divide(const struct nvb_request *request, const struct nvb_cdi_registry *registry,
	struct nvb_request *own, const char **names, size_t *count, nvb_error **err)
{
	bool builtin = !kind_has_spec(registry, OWN_KIND);
	int rc = nvb_request_take_rest(own, request, err);

	for (size_t i = 0; rc == 0 && i < request->selector_count; i++) {
		const struct nvb_selector *selector = &request->selectors[i];
		const char *bare = nvb_after(selector->text, OWN_KIND);

		if (selector->kind == NVB_SELECT_CDI && bare && builtin)
			rc = nvb_request_add_gpus(own, bare, err);
		else if (selector->kind == NVB_SELECT_CDI)
			names[(*count)++] = selector->text;
		else if (!NVB_GROW(own->selectors, own->selector_count, own->selector_capacity))
			rc = nvb_fail_oom(err);
		else
			own->selectors[own->selector_count++] = *selector; /* its text stays the request's */
		if (rc < 0)
			return nvb_wrap(err, rc, "%s", selector->text);
	}
	return rc;
}

static bool has_cdi_names(const struct nvb_request *request)
{
	for (size_t i = 0; i < request->selector_count; i++)
		if (request->selectors[i].kind == NVB_SELECT_CDI)
			return true;
	return false;
}

int nvb_plan_make(const nvb_request *request, const nvb_inventory *inventory,
	const struct nvb_plan_options *options, nvb_plan **out, nvb_error **err)
{
	_cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
	_cleanup_(request_freep) struct nvb_request *own = NULL;
	_cleanup_(plan_freep) struct nvb_plan *plan = NULL;
	_cleanup_free_ const char **names = NULL;
	size_t count = 0;
	int rc;

	if (options && options->size != sizeof(*options))
		return nvb_fail(err, NVB_ERR_INVALID, "nvb_plan_options.size is %zu, this library's is %zu",
			options->size, sizeof(*options));
	if (!has_cdi_names(request))
		return nvb_planner_make(request, inventory, options, out, err);
	names = calloc(request->selector_count + 1, sizeof(*names));
	if (!names)
		return nvb_fail_oom(err);
	rc = nvb_request_new(&own, err);
	if (rc == 0)
		rc = nvb_cdi_registry_load(&registry, options ? options->cdi_directories : NULL,
			options ? options->log : NULL, err);
	if (rc == 0)
		rc = divide(request, &registry, own, names, &count, err);
	if (rc == 0)
		rc = nvb_planner_make(own, inventory, options, &plan, err);
	if (rc == 0 && count)
		rc = nvb_cdi_import(plan, &registry, names, count, err);
	if (rc == 0)
		*out = NVB_TAKE_PTR(plan);
	return rc;
}
