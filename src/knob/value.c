/* SPDX-License-Identifier: Apache-2.0 */
#include "knob/value.h"

#include <string.h>

#include "base/str.h"

const char *const nvb_knob_names[NVB_KNOB_COUNT] = {
	[NVB_KNOB_POWER_LIMIT] = "power-limit",
	[NVB_KNOB_GPU_CLOCKS] = "gpu-clocks",
	[NVB_KNOB_MEMORY_CLOCKS] = "memory-clocks",
	[NVB_KNOB_PERSISTENCE] = "persistence",
	[NVB_KNOB_COMPUTE_MODE] = "compute-mode",
	[NVB_KNOB_CPU_GOVERNOR] = "cpu-governor",
};

enum {
	MOST_WATTS = 100 * 1000, /* of one card; no card of today takes more than two thousand */
	MOST_MHZ = 100 * 1000,
	MOST_PERCENT = 1000,
	LONGEST_GOVERNOR = 15, /* CPUFREQ_NAME_LEN less its NUL */
	NVML_DEFAULT_MODE = 0, /* nvmlComputeMode_t */
	NVML_EXCLUSIVE_PROCESS_MODE = 3,
};

static const struct word {
	unsigned knobs; /* bits of those that take it */
	const char *word;
	struct nvb_knob_value value;
} words[] = {
#define BIT(knob) (1u << NVB_KNOB_##knob)
#define CLOCKS	  (BIT(GPU_CLOCKS) | BIT(MEMORY_CLOCKS))
	{~0u, "keep", {NVB_KNOB_KEEP, 0, 0}},
	{BIT(POWER_LIMIT) | CLOCKS, "default", {NVB_KNOB_DEFAULT, 0, 0}},
	{BIT(POWER_LIMIT) | CLOCKS, "maximum", {NVB_KNOB_MAXIMUM, 0, 0}},
	{BIT(POWER_LIMIT), "minimum", {NVB_KNOB_MINIMUM, 0, 0}},
	{BIT(PERSISTENCE), "on", {NVB_KNOB_NUMBER, 1, 1}},
	{BIT(PERSISTENCE), "off", {NVB_KNOB_NUMBER, 0, 0}},
	{BIT(COMPUTE_MODE), "default", {NVB_KNOB_NUMBER, NVML_DEFAULT_MODE, NVML_DEFAULT_MODE}},
	{BIT(COMPUTE_MODE), "exclusive-process",
		{NVB_KNOB_NUMBER, NVML_EXCLUSIVE_PROCESS_MODE, NVML_EXCLUSIVE_PROCESS_MODE}},
};

/* What a knob takes, for messages. */
static const char *const takes[NVB_KNOB_COUNT] = {
	[NVB_KNOB_POWER_LIMIT] = "maximum, minimum, default, keep, watts (\"300W\") or a share (\"80%\")",
	[NVB_KNOB_GPU_CLOCKS] = "maximum, default, keep, \"1500MHz\" or \"1200-1800MHz\"",
	[NVB_KNOB_MEMORY_CLOCKS] = "maximum, default, keep, \"5000MHz\" or \"5000-7000MHz\"",
	[NVB_KNOB_PERSISTENCE] = "on, off or keep",
	[NVB_KNOB_COMPUTE_MODE] = "default, exclusive-process or keep",
	[NVB_KNOB_CPU_GOVERNOR] = "a governor of scaling_available_governors, such as performance, or keep",
};

enum nvb_knob nvb_knob_find(const char *name)
{
	enum nvb_knob knob = 0;

	while (knob < NVB_KNOB_COUNT && !nvb_streq(nvb_knob_names[knob], name))
		knob++;
	return knob;
}

/* The number before `unit`, which ends the text. */
static bool number_with(const char *text, const char *unit, uint32_t most, uint32_t *out)
{
	char digits[16];
	size_t n = strspn(text, "0123456789");
	uint32_t number;

	if (!n || n >= sizeof(digits) || !nvb_streq(text + n, unit))
		return false;
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (!nvb_parse_u32(digits, &number) || !number || number > most)
		return false;
	*out = number;
	return true;
}

static bool read_power(const char *text, struct nvb_knob_value *value)
{
	uint32_t number;

	if (number_with(text, "W", MOST_WATTS, &number))
		*value = (struct nvb_knob_value){NVB_KNOB_NUMBER, number * 1000, number * 1000};
	else if (number_with(text, "%", MOST_PERCENT, &number))
		*value = (struct nvb_knob_value){NVB_KNOB_PERCENT, number, number};
	else
		return false;
	return true;
}

/* "1500MHz", "1200-1800MHz" */
static bool read_clocks(const char *text, struct nvb_knob_value *value)
{
	const char *dash = strchr(text, '-');
	char first[16];
	uint32_t low, high;

	if (!number_with(dash ? dash + 1 : text, "MHz", MOST_MHZ, &high))
		return false;
	low = high;
	if (dash) {
		size_t n = (size_t)(dash - text);

		if (n >= sizeof(first))
			return false;
		memcpy(first, text, n);
		first[n] = '\0';
		if (!number_with(first, "", MOST_MHZ, &low))
			return false;
	}
	if (low > high)
		return false;
	*value = (struct nvb_knob_value){NVB_KNOB_RANGE, low, high};
	return true;
}

static bool is_governor(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && n <= LONGEST_GOVERNOR && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

int nvb_knob_parse(enum nvb_knob knob, const char *text, struct nvb_knob_value *value, nvb_error **err)
{
	for (size_t i = 0; i < NVB_ELEMENTS(words); i++)
		if (words[i].knobs & 1u << knob && nvb_streq(words[i].word, text)) {
			*value = words[i].value;
			return 0;
		}
	switch (knob) {
	case NVB_KNOB_POWER_LIMIT:
		if (read_power(text, value))
			return 0;
		break;
	case NVB_KNOB_GPU_CLOCKS:
	case NVB_KNOB_MEMORY_CLOCKS:
		if (read_clocks(text, value))
			return 0;
		break;
	case NVB_KNOB_CPU_GOVERNOR:
		if (is_governor(text)) {
			*value = (struct nvb_knob_value){.unit = NVB_KNOB_WORD};
			return 0;
		}
		break;
	default:
		break;
	}
	return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "%s cannot be '%s'", nvb_knob_names[knob], text),
		"it takes %s", takes[knob]);
}
