/* SPDX-License-Identifier: Apache-2.0 */
#include "knob/dial.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "knob/nvml_child.h"

void nvb_knob_dial_release(struct nvb_knob_dial *dial)
{
	nvb_nvml_stop(&dial->nvml);
}

void nvb_knob_state_release(struct nvb_knob_state *state)
{
	free(state->now);
	*state = (struct nvb_knob_state){0};
}

bool nvb_knob_is_readable(enum nvb_knob knob)
{
	return knob != NVB_KNOB_GPU_CLOCKS && knob != NVB_KNOB_MEMORY_CLOCKS;
}

/* A governor is written to every policy as one word, and read policy by policy. */
bool nvb_knob_is_at(const char *now, const char *set)
{
	_cleanup_strv_ char **policies = NULL;

	if (nvb_streq(now, set))
		return true;
	policies = strchr(now, '=') && !strchr(set, '=') ? nvb_strv_split(now, ",") : NULL;
	nvb_strv_foreach (policy, policies) {
		const char *is = strchr(*policy, '=');

		if (!is || !nvb_streq(is + 1, set))
			return false;
	}
	return policies != NULL;
}

static int start(struct nvb_knob_dial *dial, nvb_error **err)
{
	_cleanup_free_ char *library = NULL;
	int rc;

	if (dial->nvml.pid)
		return 0;
	rc = nvb_nvml_library(dial->inventory, &library, err);
	return rc < 0 ? rc : nvb_nvml_start(&dial->nvml, nvb_knob_child, library, err);
}

static int ask(struct nvb_knob_dial *dial, struct nvb_knob_question *question, const char *device,
	struct nvb_knob_answer *answer, nvb_error **err)
{
	enum nvb_knob knob = (enum nvb_knob)question->knob;
	int rc = start(dial, err);

	snprintf(question->pci, sizeof(question->pci), "%s", device);
	if (rc == 0)
		rc = nvb_nvml_send(&dial->nvml, question, sizeof(*question), err);
	if (rc == 0)
		rc = nvb_nvml_receive(&dial->nvml, answer, sizeof(*answer), err);
	if (rc < 0 || (answer->result == 0 && answer->step == NVB_KNOB_CALLED))
		return rc;
	if (answer->step == NVB_KNOB_OPENING)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s cannot be loaded", dial->nvml.library);
	if (answer->step == NVB_KNOB_INITIALISING)
		return nvb_nvml_fail(err, answer->result, "%s", dial->nvml.library);
	return nvb_nvml_fail(err, answer->result, "%s of %s", nvb_knob_names[knob], device);
}

int nvb_knob_get(struct nvb_knob_dial *dial, enum nvb_knob knob, const char *device,
	struct nvb_knob_state *state, nvb_error **err)
{
	struct nvb_knob_question question = {.action = NVB_KNOB_GET, .knob = knob};
	struct nvb_knob_answer answer;
	struct nvb_knob_state got = {0};
	int rc;

	if (knob == NVB_KNOB_CPU_GOVERNOR)
		return nvb_governor_get(&dial->inventory->roots.sys, &state->now, err);
	rc = ask(dial, &question, device, &answer, err);
	if (rc < 0)
		return rc;
	got.least = answer.least;
	got.most = answer.most;
	got.normal = answer.normal;
	if (!nvb_knob_is_readable(knob))
		got.now = strdup(NVB_KNOB_UNLOCKED);
	else if (asprintf(&got.now, "%u", answer.value) < 0)
		got.now = NULL;
	if (!got.now)
		return nvb_fail_oom(err);
	*state = got;
	return 0;
}

/* "450000", "1200-1800" */
static bool read_range(const char *text, uint32_t *low, uint32_t *high)
{
	const char *dash = strchr(text, '-');
	char first[16];
	size_t n = dash ? (size_t)(dash - text) : 0;

	if (!dash)
		return nvb_parse_u32(text, low) && nvb_parse_u32(text, high);
	if (n >= sizeof(first))
		return false;
	memcpy(first, text, n);
	first[n] = '\0';
	return nvb_parse_u32(first, low) && nvb_parse_u32(dash + 1, high) && *low <= *high;
}

int nvb_knob_put(struct nvb_knob_dial *dial, enum nvb_knob knob, const char *device, const char *state,
	nvb_error **err)
{
	struct nvb_knob_question question = {.action = NVB_KNOB_SET, .knob = knob};
	struct nvb_knob_answer answer;

	if (knob == NVB_KNOB_CPU_GOVERNOR)
		return nvb_governor_put(&dial->inventory->roots.sys, state, err);
	if (nvb_streq(state, NVB_KNOB_UNLOCKED))
		question.action = NVB_KNOB_RESET;
	else if (!read_range(state, &question.low, &question.high))
		return nvb_fail(
			err, NVB_ERR_CORRUPT, "%s of %s cannot be '%s'", nvb_knob_names[knob], device, state);
	return ask(dial, &question, device, &answer, err);
}
