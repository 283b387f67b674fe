/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "base/units.h"
#include "capsule/spec.h"

/* What a capsule's control group allows it, as docker's options say it. */

enum { LEAST_MEMORY = 6 << 20 }; /* as docker: below, no program starts */

int nvb_spec_set_memory(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	uint64_t value;
	int rc = nvb_parse_size(text, "memory", &value, err);

	if (rc < 0)
		return rc;
	if (value && value < LEAST_MEMORY)
		return nvb_fail(
			err, NVB_ERR_INVALID, "memory '%s': less than 6 MiB, in which nothing starts", text);
	spec->resources.memory = value;
	return 0;
}

int nvb_spec_set_memory_swap(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	if (nvb_streq(text, "-1")) {
		spec->resources.memory_swap = UINT64_MAX;
		return 0;
	}
	return nvb_parse_size(text, "memory and swap", &spec->resources.memory_swap, err);
}

/* Docker's own grain: a period of 100 ms and at least 1 ms of it. */
int nvb_spec_set_cpus(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	enum { LEAST = 10 * 1000 * 1000, MOST_CPUS = 8192 };
	const uint64_t unit = 1000000000;
	size_t whole = strspn(text, "0123456789"), decimals = 0;
	uint64_t value = 0, factor = unit;

	if (text[whole] == '.')
		decimals = strspn(text + whole + 1, "0123456789");
	if (whole + decimals == 0 || whole > 4 || decimals > 9 ||
		text[whole + (text[whole] == '.') + decimals])
		return nvb_fail(err, NVB_ERR_INVALID, "cpus '%s': not a number such as 2 or 1.5", text);
	for (size_t i = 0; i < whole; i++)
		value = value * 10 + (uint64_t)(text[i] - '0');
	value *= unit;
	for (size_t i = 0; i < decimals; i++)
		value += (factor /= 10) * (uint64_t)(text[whole + 1 + i] - '0');
	if (value && (value < LEAST || value > MOST_CPUS * unit))
		return nvb_fail(
			err, NVB_ERR_INVALID, "cpus '%s': at least 0.01, at most %d", text, MOST_CPUS);
	spec->resources.nano_cpus = value;
	return 0;
}

/* cpuset(7), list format: numbers and ranges joined by commas. */
static bool is_list(const char *s)
{
	for (;;) {
		size_t n = strspn(s, "0123456789");

		if (n == 0 || n > 5)
			return false;
		s += n;
		if (*s == '-') {
			n = strspn(++s, "0123456789");
			if (n == 0 || n > 5)
				return false;
			s += n;
		}
		if (!*s)
			return true;
		if (*s++ != ',')
			return false;
	}
}

static int set_list(
	struct nvb_capsule_spec *spec, const char *text, const char *what, const char **out, nvb_error **err)
{
	const char *copy;

	if (*text && !is_list(text))
		return nvb_fail(err, NVB_ERR_INVALID, "%s '%s': not a list such as 0-3,8", what, text);
	copy = *text ? nvb_arena_strdup(&spec->arena, text) : NULL;
	if (*text && !copy)
		return nvb_fail_oom(err);
	*out = copy;
	return 0;
}

int nvb_spec_set_cpuset_cpus(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	return set_list(spec, text, "cpuset", &spec->resources.cpuset_cpus, err);
}

int nvb_spec_set_cpuset_mems(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	return set_list(spec, text, "memory nodes", &spec->resources.cpuset_mems, err);
}

int nvb_spec_set_pids(struct nvb_capsule_spec *spec, const char *text, nvb_error **err)
{
	uint64_t value;

	if (nvb_streq(text, "-1") || nvb_streq(text, "unlimited"))
		value = UINT64_MAX;
	else if (!nvb_parse_u64(text, &value) || value > INT32_MAX)
		return nvb_fail(
			err, NVB_ERR_INVALID, "pids limit '%s': not a number of processes, or -1", text);
	spec->resources.pids = value;
	return 0;
}

bool nvb_resources_any(const struct nvb_resources *r)
{
	return r->memory || r->memory_swap || r->nano_cpus || r->cpu_shares || r->pids || r->cpuset_cpus ||
	       r->cpuset_mems;
}

int nvb_resources_check(const struct nvb_resources *r, nvb_error **err)
{
	if (r->memory_swap && !r->memory)
		return nvb_fail(
			err, NVB_ERR_INVALID, "a limit of memory and swap needs one of memory: --memory");
	if (r->memory_swap && r->memory_swap < r->memory)
		return nvb_fail(err, NVB_ERR_INVALID,
			"the limit of memory and swap together is below that of memory alone");
	return 0;
}
