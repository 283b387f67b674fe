/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "isolation/grant.h"

/* Which way is taken, in the order of how well it holds: MIG, MPS, nobody. */

static void release_mig(struct nvb_grant *grant)
{
	if (grant->session)
		nvb_mig_close(grant->session);
	grant->session = NULL;
}

void nvb_grant_free(struct nvb_grant *grant)
{
	if (!grant)
		return;
	release_mig(grant);
	nvb_lease_free(grant->lease);
	nvb_request_free(grant->request);
	free(grant->directory);
	free(grant->program);
	free(grant->library_path);
	nvb_strv_free(grant->uuids);
	free(grant);
}

static void free_grant(struct nvb_grant **grant)
{
	nvb_grant_free(*grant);
}

const struct nvb_request *nvb_grant_request(const struct nvb_grant *grant, const struct nvb_request *request)
{
	return grant ? grant->request : request;
}

static bool wants_more_than_a_lease(const struct nvb_request *request)
{
	return !request->none && (request->isolation == NVB_ISOLATION_VIRTUAL || request->memory_limit ||
					 request->compute_limit);
}

/* The request again, to be changed; the strings of its selectors and settings stay the first one's. */
static int copy_request(const struct nvb_request *from, struct nvb_request **out, nvb_error **err)
{
	struct nvb_request *to = NULL;
	int rc = nvb_request_new(&to, err);

	if (rc == 0)
		rc = nvb_request_take_rest(to, from, err);
	for (size_t i = 0; rc == 0 && i < from->selector_count; i++) {
		if (!NVB_GROW(to->selectors, to->selector_count, to->selector_capacity))
			rc = nvb_fail_oom(err);
		else
			to->selectors[to->selector_count++] = from->selectors[i];
	}
	if (rc < 0) {
		nvb_request_free(to);
		return rc;
	}
	to->decided = true;
	*out = to;
	return 0;
}

static int make_grant(const struct nvb_request *request, const struct nvb_inventory *inventory, bool preview,
	struct nvb_grant **out, nvb_error **err)
{
	_cleanup_(free_grant) struct nvb_grant *grant = calloc(1, sizeof(*grant));
	int rc;

	if (!grant)
		return nvb_fail_oom(err);
	rc = copy_request(request, &grant->request, err);
	if (rc == 0)
		rc = nvb_lease_make_token(grant->token, err);
	/* A plan that is only shown is the same each time. */
	if (rc == 0 && preview)
		strcpy(grant->token, "TOKEN");
	if (rc < 0)
		return rc;
	grant->directory = nvb_grant_path(&inventory->roots.dev, grant->token);
	if (!grant->directory)
		return nvb_fail_oom(err);
	*out = NVB_TAKE_PTR(grant);
	return 0;
}

static int refuse(const struct nvb_decision *decision, const char *mig, const char *mps)
{
	const struct nvb_request *asked = decision->asked;
	const char *first = asked->selector_count ? asked->selectors[0].text : "?";
	int rc;

	if ((*decision->inventory)->platform == NVB_PLATFORM_WSL2)
		return nvb_hint(decision->err,
			nvb_fail(decision->err, NVB_ERR_UNSUPPORTED,
				"isolation virtual: WSL2 has neither MIG nor MPS: Windows' driver hands all "
				"of a "
				"GPU through /dev/dxg"),
			"use --isolation shared or exclusive");
	rc = nvb_fail(decision->err, NVB_ERR_UNSUPPORTED,
		"isolation virtual: no part of GPU %s%s can be had: %s; %s", first,
		asked->selector_count > 1 ? " and others" : "", mig ? mig : "no GPU is named",
		mps ? mps : "");

	return nvb_hint(decision->err, rc,
		"switch MIG on ('nvbind mig list' shows where that can be), give a limit for MPS to keep "
		"(--gpu-memory-limit 8GB), or use --isolation exclusive");
}

static int add_unenforced(struct nvb_decision *decision, const char *why)
{
	const struct nvb_request *asked = decision->asked;
	const struct nvb_limit limits[] = {
		{.kind = NVB_LIMIT_MEMORY, .asked = asked->memory_limit},
		{.kind = NVB_LIMIT_COMPUTE, .asked = UINT64_C(10) * asked->compute_limit},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(limits); i++) {
		struct nvb_limit limit = limits[i];

		limit.enforcement = NVB_ENFORCED_NOBODY;
		limit.reason = why;
		if (limit.asked)
			rc = nvb_request_add_limit(decision->grant->request, &limit, decision->err);
	}
	return rc;
}

static int decide(struct nvb_decision *decision)
{
	bool part = decision->asked->isolation == NVB_ISOLATION_VIRTUAL;
	_cleanup_free_ char *no_mig = NULL, *no_dmem = NULL, *no_mps = NULL;
	int rc = nvb_grant_by_mig(decision, &no_mig);

	if (rc == 0)
		rc = nvb_grant_by_dmem(decision, &no_dmem);
	if (rc == 0)
		rc = nvb_grant_by_mps(decision, &no_mps);
	if (rc)
		return rc < 0 ? rc : 0;
	return part ? refuse(decision, no_mig, no_mps) : add_unenforced(decision, no_mps);
}

int nvb_isolation_decide(const struct nvb_request *request, struct nvb_inventory **inventory,
	const struct nvb_isolation_options *options, struct nvb_grant **out, nvb_error **err)
{
	_cleanup_(free_grant) struct nvb_grant *grant = NULL;
	_cleanup_free_ struct nvb_device *devices = NULL;
	struct nvb_decision decision = {
		.asked = request, .inventory = inventory, .options = options, .err = err};
	int rc;

	*out = NULL;
	if (!wants_more_than_a_lease(request))
		return 0;
	for (size_t i = 0; request->isolation == NVB_ISOLATION_VIRTUAL && i < request->selector_count; i++)
		if (request->selectors[i].kind == NVB_SELECT_CDI)
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_UNSUPPORTED,
					"isolation virtual: what '%s' stands for is in a CDI spec, which "
					"knows no parts "
					"that are made on demand",
					request->selectors[i].text),
				"name GPUs with --gpu");
	rc = make_grant(request, *inventory, options->preview, &grant, err);
	if (rc == 0)
		rc = nvb_request_resolve(request, *inventory, &devices, &decision.count, err);
	if (rc < 0)
		return rc;
	decision.devices = devices;
	decision.grant = grant;
	rc = decide(&decision);
	if (rc < 0)
		nvb_isolation_end(grant, *inventory, NULL, options->log);
	else
		*out = NVB_TAKE_PTR(grant);
	return rc;
}
