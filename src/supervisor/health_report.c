/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "supervisor/health.h"
#include "supervisor/log.h"

/* What follows from the results of checks, apart from how they are run. */

#define SECOND UINT64_C(1000000000)

static bool has_test(const struct nvb_health_check *check)
{
	return check->shell || (check->command && *check->command);
}

static uint64_t first_of(uint64_t a, uint64_t b, uint64_t otherwise)
{
	return a ? a : b ? b : otherwise;
}

bool nvb_health_resolve(const struct nvb_health_check *asked, const struct nvb_health_check *image,
	struct nvb_health_check *out)
{
	static const struct nvb_health_check none;
	const struct nvb_health_check *test = has_test(asked) ? asked : image;

	if (!image)
		image = &none;
	if (!test)
		test = &none;
	if (asked->disabled || (test == image && image->disabled) || !has_test(test))
		return false;
	*out = (struct nvb_health_check){
		.shell = test->shell,
		.command = test->command,
		.interval = first_of(asked->interval, image->interval, 30 * SECOND),
		.timeout = first_of(asked->timeout, image->timeout, 30 * SECOND),
		.start_period = first_of(asked->start_period, image->start_period, 0),
		.start_interval = first_of(asked->start_interval, image->start_interval, 5 * SECOND),
		.retries = (uint32_t)first_of(asked->retries, image->retries, 3),
	};
	return true;
}

const char *nvb_health_state_name(enum nvb_health_state state)
{
	static const char *const names[] = {"none", "starting", "healthy", "unhealthy"};

	return names[state];
}

void nvb_health_add(struct nvb_health_report *r, const struct nvb_health_check *check,
	struct nvb_health_result result, bool starting)
{
	if (r->count == NVB_HEALTH_RESULTS) {
		free(r->results[0].output);
		memmove(r->results, r->results + 1, (NVB_HEALTH_RESULTS - 1) * sizeof(*r->results));
		r->count--;
	}
	r->results[r->count++] = result;
	if (result.status == 0) {
		r->failures = 0;
		r->state = NVB_HEALTH_HEALTHY;
		return;
	}
	/* A program that is still starting has not failed. Once it was healthy it has started. */
	if (starting && r->state == NVB_HEALTH_STARTING)
		return;
	if (++r->failures >= check->retries)
		r->state = NVB_HEALTH_UNHEALTHY;
}

void nvb_health_report_release(struct nvb_health_report *r)
{
	for (uint32_t i = 0; i < r->count; i++)
		free(r->results[i].output);
	*r = (struct nvb_health_report){0};
}

void nvb_health_json(const struct nvb_health_report *r, struct nvb_strbuf *out)
{
	nvb_sb_addf(out, "{\"Status\": \"%s\", \"FailingStreak\": %u, \"Log\": [",
		nvb_health_state_name(r->state), r->failures);
	for (uint32_t i = 0; i < r->count; i++) {
		const struct nvb_health_result *result = &r->results[i];
		char start[NVB_LOG_TIME], end[NVB_LOG_TIME];

		nvb_log_format_time(result->start, start);
		nvb_log_format_time(result->end, end);
		nvb_sb_addf(out, "%s{\"Start\": \"%s\", \"End\": \"%s\", \"ExitCode\": %d, \"Output\": ",
			i ? ", " : "", start, end, result->status);
		nvb_sb_add_json(out, result->output ? result->output : "");
		nvb_sb_addc(out, '}');
	}
	nvb_sb_add(out, "]}");
}
