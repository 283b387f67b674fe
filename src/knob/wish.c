/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "knob/dial.h"

/* From what users want to what a card is set to. */

/* Of two users' governors the faster wins; one that the table does not know is the weakest. */
static const char *const governors[] = {"powersave", "conservative", "ondemand", "schedutil", "performance"};

static int is_none(nvb_error **err, const char *what)
{
	return nvb_fail(err, NVB_ERR_UNSUPPORTED, "the card does not tell its %s", what);
}

static int resolve_power(
	const struct nvb_knob_value *value, const struct nvb_knob_state *state, uint32_t *mw, nvb_error **err)
{
	uint64_t wanted = value->low;

	switch (value->unit) {
	case NVB_KNOB_MAXIMUM:
		wanted = state->most;
		break;
	case NVB_KNOB_MINIMUM:
		wanted = state->least;
		break;
	case NVB_KNOB_DEFAULT:
	case NVB_KNOB_PERCENT:
		wanted = state->normal;
		if (value->unit == NVB_KNOB_PERCENT)
			wanted = wanted * value->low / 100;
		/* A part of the default is no number that somebody chose: the nearest that is allowed serves.
		 */
		if (wanted && state->least && wanted < state->least)
			wanted = state->least;
		if (state->most && wanted > state->most)
			wanted = state->most;
		break;
	default:
		if (state->most && (wanted < state->least || wanted > state->most))
			return nvb_fail(err, NVB_ERR_UNSUPPORTED,
				"a power limit of %" PRIu64 " W is not possible: the card takes %u to %u W",
				wanted / 1000, state->least / 1000, state->most / 1000);
		break;
	}
	if (!wanted)
		return is_none(err, "power limits");
	*mw = (uint32_t)wanted;
	return 0;
}

static int resolve_clocks(const struct nvb_knob_value *value, const struct nvb_knob_state *state,
	char **target, uint64_t *strength, nvb_error **err)
{
	uint32_t low = value->low, high = value->high;

	if (value->unit == NVB_KNOB_DEFAULT) {
		*strength = 0;
		*target = strdup(NVB_KNOB_UNLOCKED);
		return *target ? 0 : nvb_fail_oom(err);
	}
	if (!state->most)
		return is_none(err, "clocks");
	if (value->unit == NVB_KNOB_MAXIMUM)
		low = high = state->most;
	if (low > state->most)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"clocks of %u MHz are not possible: the card reaches %u MHz", low, state->most);
	if (high > state->most)
		high = state->most;
	*strength = (uint64_t)high << 32 | low;
	if (asprintf(target, "%u-%u", low, high) < 0)
		return nvb_fail_oom(err);
	return 0;
}

static uint64_t governor_strength(const char *governor)
{
	for (size_t i = 0; i < NVB_ELEMENTS(governors); i++)
		if (nvb_streq(governors[i], governor))
			return i + 1;
	return 0;
}

int nvb_knob_resolve(enum nvb_knob knob, const char *wish, const struct nvb_knob_state *state, char **target,
	uint64_t *strength, nvb_error **err)
{
	struct nvb_knob_value value;
	int rc = nvb_knob_parse(knob, wish, &value, err);
	uint32_t number;

	if (rc < 0)
		return rc;
	if (knob == NVB_KNOB_GPU_CLOCKS || knob == NVB_KNOB_MEMORY_CLOCKS)
		return resolve_clocks(&value, state, target, strength, err);
	if (knob == NVB_KNOB_CPU_GOVERNOR) {
		*strength = governor_strength(wish);
		*target = strdup(wish);
		return *target ? 0 : nvb_fail_oom(err);
	}
	number = value.low;
	if (knob == NVB_KNOB_POWER_LIMIT)
		rc = resolve_power(&value, state, &number, err);
	if (rc < 0)
		return rc;
	*strength = number;
	if (asprintf(target, "%u", number) < 0)
		return nvb_fail_oom(err);
	return 0;
}

const char *nvb_knob_describe(enum nvb_knob knob, const char *state, char buffer[static NVB_KNOB_TEXT])
{
	uint32_t number = 0;
	bool plain = nvb_parse_u32(state, &number);

	switch (knob) {
	case NVB_KNOB_POWER_LIMIT:
		if (!plain)
			break;
		snprintf(buffer, NVB_KNOB_TEXT, "%u W", (number + 500) / 1000);
		return buffer;
	case NVB_KNOB_GPU_CLOCKS:
	case NVB_KNOB_MEMORY_CLOCKS:
		if (nvb_streq(state, NVB_KNOB_UNLOCKED))
			break;
		snprintf(buffer, NVB_KNOB_TEXT, "%.40s MHz", state);
		return buffer;
	case NVB_KNOB_PERSISTENCE:
		return plain ? number ? "on" : "off" : state;
	case NVB_KNOB_COMPUTE_MODE:
		return !plain	     ? state
		       : number == 0 ? "default"
		       : number == 3 ? "exclusive-process"
				     : "prohibited";
	default:
		break;
	}
	return state;
}
