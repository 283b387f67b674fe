/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/units.h"
#include "supervisor/log.h"

/* Moments as people write them. */

static struct timespec before(struct timespec now, uint64_t nanoseconds)
{
	struct timespec t = {.tv_sec = now.tv_sec - (time_t)(nanoseconds / 1000000000),
		.tv_nsec = now.tv_nsec - (long)(nanoseconds % 1000000000)};

	if (t.tv_nsec < 0) {
		t.tv_nsec += 1000000000;
		t.tv_sec--;
	}
	return t;
}

/* "[.fraction]" of a second; returns what follows it, NULL when it is none. */
static const char *parse_fraction(const char *s, long *nanoseconds)
{
	long unit = 100000000;
	size_t n;

	*nanoseconds = 0;
	if (*s != '.')
		return s;
	n = strspn(++s, "0123456789");
	if (n == 0 || n > 9)
		return NULL;
	for (size_t i = 0; i < n; i++, unit /= 10)
		*nanoseconds += (s[i] - '0') * unit;
	return s + n;
}

static bool parse_epoch(const char *s, struct timespec *out)
{
	size_t n = strspn(s, "0123456789");
	char digits[13];
	uint64_t seconds;
	const char *rest;
	long nanoseconds;

	if (n == 0 || n >= sizeof(digits))
		return false;
	memcpy(digits, s, n);
	digits[n] = '\0';
	rest = parse_fraction(s + n, &nanoseconds);
	if (!rest || *rest || !nvb_parse_u64(digits, &seconds))
		return false;
	*out = (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = nanoseconds};
	return true;
}

/* `count` digits of a number from `least` to `most`; NULL when there is none. */
static const char *number(const char *s, size_t count, int least, int most, int *out)
{
	int value = 0;

	for (size_t i = 0; i < count; i++) {
		if (s[i] < '0' || s[i] > '9')
			return NULL;
		value = value * 10 + (s[i] - '0');
	}
	if (value < least || value > most)
		return NULL;
	*out = value;
	return s + count;
}

/* "HH:MM[:SS[.fraction]]" */
static const char *parse_clock(const char *s, struct tm *tm, long *nanoseconds)
{
	s = number(s, 2, 0, 23, &tm->tm_hour);
	if (!s || *s != ':')
		return NULL;
	s = number(s + 1, 2, 0, 59, &tm->tm_min);
	if (!s || *s != ':')
		return s;
	s = number(s + 1, 2, 0, 60, &tm->tm_sec);
	return s ? parse_fraction(s, nanoseconds) : NULL;
}

/* "", "Z" or "+HH:MM": the moment of a broken-down time. */
static bool apply_zone(const char *s, struct tm *tm, time_t *out)
{
	int hours, minutes, sign = *s == '-' ? -1 : 1;

	if (!*s) {
		tm->tm_isdst = -1;
		*out = mktime(tm);
		return true;
	}
	*out = timegm(tm);
	if (nvb_streq(s, "Z") || nvb_streq(s, "z"))
		return true;
	if (*s != '+' && *s != '-')
		return false;
	s = number(s + 1, 2, 0, 23, &hours);
	if (!s || *s != ':')
		return false;
	s = number(s + 1, 2, 0, 59, &minutes);
	if (!s || *s)
		return false;
	*out -= sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool parse_date(const char *s, struct timespec *out)
{
	struct tm tm = {0};
	struct timespec parsed = {0};
	int year, month;

	s = number(s, 4, 1970, 9999, &year);
	if (!s || *s != '-')
		return false;
	s = number(s + 1, 2, 1, 12, &month);
	if (!s || *s != '-')
		return false;
	s = number(s + 1, 2, 1, 31, &tm.tm_mday);
	if (!s)
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	if (*s == 'T' || *s == 't' || *s == ' ') {
		s = parse_clock(s + 1, &tm, &parsed.tv_nsec);
		if (!s)
			return false;
	}
	if (!apply_zone(s, &tm, &parsed.tv_sec))
		return false;
	*out = parsed;
	return true;
}

int nvb_log_parse_time(
	const char *text, const char *what, struct timespec now, struct timespec *out, nvb_error **err)
{
	uint64_t ago;

	if (parse_epoch(text, out) || parse_date(text, out))
		return 0;
	if (nvb_parse_duration(text, what, &ago, NULL) == 0) {
		*out = before(now, ago);
		return 0;
	}
	nvb_fail(err, NVB_ERR_INVALID, "%s '%s': no moment", what, text);
	return nvb_hint(err, -NVB_ERR_INVALID, "such as 10m (ago), 2026-11-22T21:32:00 or 1763847123");
}
