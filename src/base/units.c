/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"

#include <strings.h>

#include "base/str.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{"", 1},
	{"b", 1},
	{"k", 1ULL << 10},
	{"m", 1ULL << 20},
	{"g", 1ULL << 30},
	{"t", 1ULL << 40},
	{"p", 1ULL << 50},
	{NULL},
};

static const struct unit memory_units[] = {
	{"b", 1},
	{"kb", 1000},
	{"mb", 1000000},
	{"gb", 1000000000},
	{"tb", 1000000000000},
	{"kib", 1ULL << 10},
	{"mib", 1ULL << 20},
	{"gib", 1ULL << 30},
	{"tib", 1ULL << 40},
	{NULL},
};

static const struct unit duration_units[] = {
	{"ns", 1},
	{"us", 1000},
	{"ms", 1000000},
	{"s", 1000000000},
	{"m", 60ULL * 1000000000},
	{"h", 3600ULL * 1000000000},
	{"d", 86400ULL * 1000000000},
	{NULL},
};

enum { MOST_DIGITS = 20 };

/* digits [ "." digits ], then the unit's name in *unit. The fraction is in thousandths. */
static bool split_amount(const char *s, uint64_t *whole, uint64_t *thousandths, const char **unit)
{
	size_t n = strspn(s, "0123456789"), decimals;
	char digits[MOST_DIGITS + 1];

	if (n == 0 || n > MOST_DIGITS)
		return false;
	memcpy(digits, s, n);
	digits[n] = '\0';
	if (!nvb_parse_u64(digits, whole))
		return false;
	*thousandths = 0;
	s += n;
	if (*s == '.') {
		decimals = strspn(++s, "0123456789");
		if (decimals == 0 || decimals > 3)
			return false;
		memcpy(digits, "000", 4);
		memcpy(digits, s, decimals);
		nvb_parse_u64(digits, thousandths);
		s += decimals;
	}
	*unit = s;
	return true;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
	for (; units->name; units++)
		if (strcasecmp(units->name, name) == 0)
			return units;
	return NULL;
}

/* "GB" and "GiB" are "G". */
static const struct unit *find_size_unit(const char *name)
{
	char letter[2] = {*name, '\0'};

	if (*name && (strcasecmp(name + 1, "b") == 0 || strcasecmp(name + 1, "ib") == 0) &&
		strcasecmp(letter, "b") != 0)
		return find_unit(size_units, letter);
	return find_unit(size_units, name);
}

static bool multiply(uint64_t whole, uint64_t thousandths, uint64_t factor, uint64_t *out)
{
	uint64_t value;

	/* The largest factor times 999 fits; what is smaller than one unit is cut off. */
	if (__builtin_mul_overflow(whole, factor, &value) ||
		__builtin_add_overflow(value, factor * thousandths / 1000, &value))
		return false;
	*out = value;
	return true;
}

int nvb_parse_size(const char *s, const char *what, uint64_t *out, nvb_error **err)
{
	uint64_t whole, thousandths;
	const struct unit *unit;
	const char *name;

	if (!split_amount(s, &whole, &thousandths, &name) || !(unit = find_size_unit(name)))
		return nvb_fail(
			err, NVB_ERR_INVALID, "%s: '%s' is no size; write it as 512, 64k, 8G", what, s);
	if (!multiply(whole, thousandths, unit->factor, out))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: %s is too large", what, s);
	return 0;
}

int nvb_parse_memory_limit(const char *s, const char *what, uint64_t *out, nvb_error **err)
{
	uint64_t whole, thousandths, value;
	const struct unit *unit;
	const char *name;
	int length;

	if (!split_amount(s, &whole, &thousandths, &name))
		return nvb_fail(err, NVB_ERR_INVALID,
			"%s: '%s' is no amount of memory; write it as 8GB or 8GiB", what, s);
	length = (int)(name - s);
	if (!*name)
		return nvb_fail(err, NVB_ERR_INVALID, "%s: '%s' lacks its unit; write it as %sGB or %sMiB",
			what, s, s, s);
	unit = find_unit(memory_units, name);
	if (!unit && name[1] == '\0' && strchr("kKmMgGtT", *name))
		return nvb_fail(err, NVB_ERR_INVALID,
			"%s: '%s' can be read in two ways; write %.*s%cB (powers of 1000) or %.*s%ciB "
			"(powers of 1024)",
			what, s, length, s, *name & ~0x20, length, s, *name & ~0x20);
	if (!unit)
		return nvb_fail(err, NVB_ERR_INVALID,
			"%s: '%s' is no amount of memory; write it as 8GB or 8GiB", what, s);
	if (!multiply(whole, thousandths, unit->factor, &value))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: %s is too large", what, s);
	if (!value)
		return nvb_fail(err, NVB_ERR_INVALID, "%s: a limit of %s leaves nothing to use", what, s);
	*out = value;
	return 0;
}

int nvb_parse_percent(const char *s, const char *what, uint32_t *out, nvb_error **err)
{
	enum { NUMBER = 16 };
	size_t n = strspn(s, "0123456789.");
	char number[NUMBER];
	uint32_t value;

	if (n == 0 || n >= NUMBER || (s[n] && !(s[n] == '%' && !s[n + 1])))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: '%s' is no share; write it as 80%%", what, s);
	if (!s[n])
		return nvb_fail(
			err, NVB_ERR_INVALID, "%s: '%s' lacks its unit; write a share as 80%%", what, s);
	memcpy(number, s, n);
	number[n] = '\0';
	if (!nvb_parse_u32(number, &value) || value < 1 || value > 100)
		return nvb_fail(err, NVB_ERR_INVALID,
			"%s: '%s' is not between 1%% and 100%%, in whole percents", what, s);
	*out = value;
	return 0;
}

int nvb_parse_duration(const char *s, const char *what, uint64_t *out, nvb_error **err)
{
	uint64_t whole, thousandths;
	const struct unit *unit;
	const char *name;

	if (!split_amount(s, &whole, &thousandths, &name))
		return nvb_fail(
			err, NVB_ERR_INVALID, "%s: '%s' is no duration; write it as 100ms, 2s, 5m", what, s);
	if (!*name)
		return nvb_fail(err, NVB_ERR_INVALID, "%s: '%s' lacks its unit; write it as %sms or %ss",
			what, s, s, s);
	unit = find_unit(duration_units, name);
	if (!unit)
		return nvb_fail(
			err, NVB_ERR_INVALID, "%s: '%s' is no duration; write it as 100ms, 2s, 5m", what, s);
	if (!multiply(whole, thousandths, unit->factor, out))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: %s is too long", what, s);
	return 0;
}
