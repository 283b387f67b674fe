/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"
#include "base/units.h"
#include "request/request.h"

/* Isolation and limits, as they are asked for and as they were granted. */

const struct nvb_choice nvb_isolation_names[] = {
	{"shared", NVB_ISOLATION_SHARED},
	{"exclusive", NVB_ISOLATION_EXCLUSIVE},
	{"virtual", NVB_ISOLATION_VIRTUAL},
	{NULL},
};

const struct nvb_choice nvb_mig_match_names[] = {
	{"up", NVB_MIG_MATCH_UP},
	{"strict", NVB_MIG_MATCH_STRICT},
	{"down", NVB_MIG_MATCH_DOWN},
	{NULL},
};

int nvb_request_set_isolation(nvb_request *request, const char *mode, nvb_error **err)
{
	int value, rc = nvb_choice_parse(nvb_isolation_names, mode, "isolation", &value, err);

	if (rc == 0)
		request->isolation = (enum nvb_isolation)value;
	return rc;
}

int nvb_request_set_memory_limit(nvb_request *request, const char *size, nvb_error **err)
{
	return nvb_parse_memory_limit(size, "GPU memory limit", &request->memory_limit, err);
}

int nvb_request_set_compute_limit(nvb_request *request, const char *share, nvb_error **err)
{
	return nvb_parse_percent(share, "GPU compute limit", &request->compute_limit, err);
}

int nvb_request_set_mig_match(nvb_request *request, const char *match, nvb_error **err)
{
	int value, rc = nvb_choice_parse(nvb_mig_match_names, match, "MIG match", &value, err);

	if (rc == 0)
		request->mig_match = (enum nvb_mig_match)value;
	return rc;
}

int nvb_request_add_limit(struct nvb_request *request, const struct nvb_limit *limit, nvb_error **err)
{
	const char *const from[] = {limit->device, limit->by, limit->reason, limit->dmem};
	const char *to[NVB_ELEMENTS(from)] = {0};

	for (size_t i = 0; i < NVB_ELEMENTS(from); i++)
		if (from[i] && !(to[i] = nvb_arena_strdup(&request->arena, from[i])))
			return nvb_fail_oom(err);
	if (!NVB_GROW(request->limits, request->limit_count, request->limit_capacity))
		return nvb_fail_oom(err);
	request->limits[request->limit_count] = *limit;
	request->limits[request->limit_count].device = to[0];
	request->limits[request->limit_count].by = to[1];
	request->limits[request->limit_count].reason = to[2];
	request->limits[request->limit_count++].dmem = to[3];
	return 0;
}

/* Bytes in the largest unit of 1024 that leaves no rest worth a name; tenths of a percent. */
static void add_amount(struct nvb_strbuf *sb, enum nvb_limit_kind kind, uint64_t amount)
{
	static const char *const units[] = {"B", "KiB", "MiB"};
	size_t unit = 0;

	if (kind == NVB_LIMIT_COMPUTE) {
		nvb_sb_addf(sb, "%" PRIu64 ".%" PRIu64 "%%", amount / 10, amount % 10);
		return;
	}
	for (; unit + 1 < NVB_ELEMENTS(units) && amount >= 1024 * 10; unit++)
		amount /= 1024;
	nvb_sb_addf(sb, "%" PRIu64 " %s", amount, units[unit]);
}

const char *nvb_limit_describe(const struct nvb_limit *limit, char *buffer, size_t size)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	if (limit->asked) {
		nvb_sb_add(&sb, "asked ");
		add_amount(&sb, limit->kind, limit->asked);
		nvb_sb_add(&sb, ", ");
	}
	if (limit->granted) {
		nvb_sb_add(&sb, "granted ");
		add_amount(&sb, limit->kind, limit->granted);
	} else {
		nvb_sb_add(&sb, "nothing granted");
	}
	if (limit->by)
		nvb_sb_addf(&sb, " by %s", limit->by);
	snprintf(buffer, size, "%s", sb.failed || !sb.s ? "" : sb.s);
	return buffer;
}
