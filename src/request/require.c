/* SPDX-License-Identifier: Apache-2.0 */
#include "request/require.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

/* The language of requirements. Conditions are read as spans: values may come from an image and be of any
 * size. */

enum { VERSION_NUMBERS = 8 };

enum comparison { EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL };

/* Longer ones first. */
static const struct {
	const char *sign;
	enum comparison comparison;
} signs[] = {
	{"!=", NOT_EQUAL},
	{"<=", LESS_EQUAL},
	{">=", GREATER_EQUAL},
	{"=", EQUAL},
	{"<", LESS},
	{">", GREATER},
};

enum property { CUDA, DRIVER, ARCH, BRAND, PROPERTIES };

static const char *const properties[] = {"cuda", "driver", "arch", "brand"};

struct condition {
	enum property property;
	enum comparison comparison;
	const char *value;
	size_t size;
};

struct version {
	uint32_t numbers[VERSION_NUMBERS];
};

static bool read_version(const char *s, size_t size, struct version *version)
{
	size_t n = 0;

	*version = (struct version){0};
	for (size_t i = 0; i < size; n++) {
		uint32_t number = 0;
		size_t digits = 0;

		for (; i < size && isdigit((unsigned char)s[i]); i++, digits++)
			number = number * 10 + (uint32_t)(s[i] - '0');
		if (!digits || digits > 9 || n == VERSION_NUMBERS || (i < size && s[i] != '.'))
			return false;
		version->numbers[n] = number;
		/* A dot must be followed by a number. */
		if (i < size && ++i == size)
			return false;
	}
	return n > 0;
}

static int compare(const struct version *a, const struct version *b)
{
	for (size_t i = 0; i < VERSION_NUMBERS; i++)
		if (a->numbers[i] != b->numbers[i])
			return a->numbers[i] < b->numbers[i] ? -1 : 1;
	return 0;
}

static bool holds(int order, enum comparison comparison)
{
	switch (comparison) {
	case EQUAL:
		return order == 0;
	case NOT_EQUAL:
		return order != 0;
	case LESS:
		return order < 0;
	case LESS_EQUAL:
		return order <= 0;
	case GREATER:
		return order > 0;
	case GREATER_EQUAL:
		return order >= 0;
	}
	return false;
}

static int bad_condition(const char *s, size_t size, const char *why, nvb_error **err)
{
	int shown = size > 64 ? 64 : (int)size;

	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_INVALID, "'%.*s%s' is no condition: %s", shown, s,
			size > 64 ? "..." : "", why),
		"a condition is cuda, driver, arch or brand, a comparison and a value: cuda>=12.4");
}

static int read_condition(const char *s, size_t size, struct condition *condition, nvb_error **err)
{
	struct version version;
	size_t name = 0, sign = 0;

	while (name < size && !strchr("<>=!", s[name]))
		name++;
	for (condition->property = CUDA; condition->property < PROPERTIES; condition->property++)
		if (strlen(properties[condition->property]) == name &&
			strncasecmp(s, properties[condition->property], name) == 0)
			break;
	if (condition->property == PROPERTIES)
		return bad_condition(s, size, "unknown property", err);
	while (sign < NVB_ELEMENTS(signs) &&
		(size - name < strlen(signs[sign].sign) ||
			memcmp(s + name, signs[sign].sign, strlen(signs[sign].sign)) != 0))
		sign++;
	if (sign == NVB_ELEMENTS(signs))
		return bad_condition(s, size, "no comparison", err);
	condition->comparison = signs[sign].comparison;
	condition->value = s + name + strlen(signs[sign].sign);
	condition->size = size - name - strlen(signs[sign].sign);
	if (!condition->size || memchr("<>=!", *condition->value, 4))
		return bad_condition(s, size, "no value", err);
	if (condition->property == BRAND && condition->comparison > NOT_EQUAL)
		return bad_condition(s, size, "brands are equal or not", err);
	if (condition->property != BRAND && !read_version(condition->value, condition->size, &version))
		return bad_condition(s, size, "its value is no version", err);
	return 0;
}

static enum nvb_verdict verdict_of(bool met)
{
	return met ? NVB_MET : NVB_REFUSED;
}

static enum nvb_verdict judge_version(const struct version *here, const struct condition *condition)
{
	struct version wanted;

	read_version(condition->value, condition->size, &wanted);
	return verdict_of(holds(compare(here, &wanted), condition->comparison));
}

static enum nvb_verdict judge_two(const struct nvb_two_numbers *here, const struct condition *condition)
{
	return judge_version(&(struct version){{here->major, here->minor}}, condition);
}

/* Of a driver newer than we are: what holds for this CUDA and would for every newer one, holds. */
static enum nvb_verdict judge_cuda(const struct nvb_facts *facts, const struct condition *condition)
{
	enum nvb_verdict now = judge_two(&facts->cuda, condition);
	enum nvb_verdict newest = judge_two(&(struct nvb_two_numbers){UINT32_MAX, 0}, condition);

	if (!facts->cuda_at_least)
		return now;
	return now == newest && condition->comparison > NOT_EQUAL ? now : NVB_UNKNOWN;
}

static enum nvb_verdict judge_driver(const struct nvb_facts *facts, const struct condition *condition)
{
	struct version here;

	if (!facts->driver || !read_version(facts->driver, strlen(facts->driver), &here))
		return NVB_UNKNOWN;
	return judge_version(&here, condition);
}

static enum nvb_verdict judge(
	const struct condition *condition, const struct nvb_facts *facts, const char *brand)
{
	switch (condition->property) {
	case CUDA:
		return facts->has_cuda ? judge_cuda(facts, condition) : NVB_UNKNOWN;
	case DRIVER:
		return judge_driver(facts, condition);
	case ARCH:
		return facts->has_arch ? judge_two(&facts->arch, condition) : NVB_UNKNOWN;
	case BRAND:
	case PROPERTIES:
		break;
	}
	if (!brand)
		return NVB_UNKNOWN;
	return verdict_of(
		(strlen(brand) == condition->size && strncasecmp(brand, condition->value, condition->size) ==
							     0) == (condition->comparison == EQUAL));
}

/* All that a comma joins; `s` is `size` bytes without a space. */
static int judge_term(const char *s, size_t size, const struct nvb_facts *facts, const char *brand,
	enum nvb_verdict *verdict, nvb_error **err)
{
	*verdict = NVB_MET;
	while (size) {
		const char *comma = memchr(s, ',', size);
		size_t n = comma ? (size_t)(comma - s) : size;
		struct condition condition;

		if (n) {
			enum nvb_verdict one;
			int rc = read_condition(s, n, &condition, err);

			if (rc < 0)
				return rc;
			one = judge(&condition, facts, brand);
			*verdict = one < *verdict ? one : *verdict;
		}
		n += comma != NULL;
		s += n;
		size -= n;
	}
	return 0;
}

/* For a GPU of that brand. */
static int judge_alternatives(const char *expression, const struct nvb_facts *facts, const char *brand,
	enum nvb_verdict *verdict, nvb_error **err)
{
	enum nvb_verdict best = NVB_REFUSED;
	bool any = false;

	while (*expression) {
		size_t n = strcspn(expression, " ");
		enum nvb_verdict one;
		int rc;

		/* Every term is read, so that a mistake is found on every host. */
		if (strspn(expression, ",") < n) {
			rc = judge_term(expression, n, facts, brand, &one, err);
			if (rc < 0)
				return rc;
			best = one > best ? one : best;
			any = true;
		}
		expression += n;
		expression += strspn(expression, " ");
	}
	*verdict = any ? best : NVB_MET;
	return 0;
}

int nvb_require_judge(
	const char *expression, const struct nvb_facts *facts, enum nvb_verdict *verdict, nvb_error **err)
{
	static const char *const unknown[] = {NULL};
	const char *const *brands = facts->brands ? facts->brands : unknown;
	enum nvb_verdict all;
	int rc = judge_alternatives(expression, facts, *brands, &all, err);

	/* What holds whichever brand it is, holds. */
	for (size_t i = 1; rc == 0 && *brands && brands[i]; i++) {
		enum nvb_verdict one;

		rc = judge_alternatives(expression, facts, brands[i], &one, err);
		if (rc == 0 && one != all)
			all = NVB_UNKNOWN;
	}
	if (rc == 0)
		*verdict = all;
	return rc;
}
