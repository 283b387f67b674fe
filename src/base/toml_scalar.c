/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <math.h>

#include "base/toml_reader.h"

/* A number or a date, cut out of the file, with its underscores gone once their places are checked. */
enum { LONGEST_TOKEN = 512 };

struct token {
	const char *begin; /* in the file, for messages */
	char s[LONGEST_TOKEN];
	size_t size;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_token(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '+' ||
	       c == '-' || c == '.' || c == ':';
}

static int bad_token(struct toml_reader *r, const struct token *t)
{
	char c = t->s[0];

	if (is_digit(c) || c == '+' || c == '-' || c == '.')
		return toml_fail_at(r, t->begin, "'%s' is neither a number nor a date", t->s);
	return toml_fail_at(r, t->begin, "'%s' is no value; a string needs quotes", t->s);
}

/* Exactly `count` digits at *s as a number; moves *s behind them. */
static bool take_digits(const char **s, unsigned count, unsigned *out)
{
	unsigned value = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!is_digit((*s)[i]))
			return false;
		value = value * 10 + (unsigned)((*s)[i] - '0');
	}
	*s += count;
	*out = value;
	return true;
}

static bool take(const char **s, char c)
{
	if (**s != c)
		return false;
	++*s;
	return true;
}

static bool take_date(const char **s, struct nvb_toml_datetime *d)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned year, month, day, longest;

	if (!take_digits(s, 4, &year) || !take(s, '-') || !take_digits(s, 2, &month) || !take(s, '-') ||
		!take_digits(s, 2, &day) || month < 1 || month > 12)
		return false;
	longest = days[month - 1];
	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		longest = 29;
	if (day < 1 || day > longest)
		return false;
	d->year = (uint16_t)year;
	d->month = (uint8_t)month;
	d->day = (uint8_t)day;
	return true;
}

static bool take_time(const char **s, struct nvb_toml_datetime *d)
{
	unsigned hour, minute, second, scale = 100000000;

	/* 60 is a leap second (RFC 3339, 5.6). */
	if (!take_digits(s, 2, &hour) || !take(s, ':') || !take_digits(s, 2, &minute) || !take(s, ':') ||
		!take_digits(s, 2, &second) || hour > 23 || minute > 59 || second > 60)
		return false;
	d->hour = (uint8_t)hour;
	d->minute = (uint8_t)minute;
	d->second = (uint8_t)second;
	if (!take(s, '.'))
		return true;
	if (!is_digit(**s))
		return false;
	for (; is_digit(**s); ++*s, scale /= 10)
		d->nanosecond += (uint32_t)(**s - '0') * scale;
	return true;
}

static bool take_offset(const char **s, struct nvb_toml_datetime *d)
{
	bool east = **s == '+';
	unsigned hour, minute;

	if (take(s, 'Z') || take(s, 'z'))
		return true;
	if (!take(s, '+') && !take(s, '-'))
		return false;
	if (!take_digits(s, 2, &hour) || !take(s, ':') || !take_digits(s, 2, &minute) || hour > 23 ||
		minute > 59)
		return false;
	d->offset = (int16_t)(east ? (int)(hour * 60 + minute) : -(int)(hour * 60 + minute));
	return true;
}

static bool parse_datetime(const struct token *t, struct nvb_toml_value *v)
{
	struct nvb_toml_datetime *d = &v->datetime;
	const char *s = t->s;

	*d = (struct nvb_toml_datetime){0};
	if (s[2] == ':') {
		v->type = NVB_TOML_LOCAL_TIME;
		return take_time(&s, d) && !*s;
	}
	if (!take_date(&s, d))
		return false;
	v->type = NVB_TOML_LOCAL_DATE;
	if (!*s)
		return true;
	if ((!take(&s, 'T') && !take(&s, 't') && !take(&s, ' ')) || !take_time(&s, d))
		return false;
	v->type = NVB_TOML_LOCAL_DATETIME;
	if (!*s)
		return true;
	v->type = NVB_TOML_OFFSET_DATETIME;
	return take_offset(&s, d) && !*s;
}

static bool looks_like_date(const struct token *t)
{
	const char *s = t->s;
	unsigned ignored;

	return t->size >= 3 && is_digit(s[0]) && is_digit(s[1]) &&
	       (s[2] == ':' || (take_digits(&s, 4, &ignored) && *s == '-'));
}

static bool is_digit_of(char c, unsigned base)
{
	char s[2] = {c, '\0'};
	uint64_t value;

	return c && nvb_parse_u64_base(s, base, &value);
}

/* Removes underscores; false when one does not stand between two digits. */
static bool drop_underscores(struct token *t, unsigned base)
{
	size_t n = 0;

	for (size_t i = 0; i < t->size; i++) {
		if (t->s[i] != '_')
			t->s[n++] = t->s[i];
		else if (i == 0 || !is_digit_of(t->s[i - 1], base) || !is_digit_of(t->s[i + 1], base))
			return false;
	}
	t->s[n] = '\0';
	t->size = n;
	return true;
}

static int out_of_range(struct toml_reader *r, const struct token *t)
{
	return toml_fail_at(r, t->begin, "%s does not fit into 64 bits", t->s);
}

static int parse_based(struct toml_reader *r, struct token *t, unsigned base, struct nvb_toml_value *v)
{
	uint64_t value;

	if (t->size < 3 || t->s[2] == '_' || !drop_underscores(t, base))
		return bad_token(r, t);
	for (size_t i = 2; i < t->size; i++)
		if (!is_digit_of(t->s[i], base))
			return bad_token(r, t);
	if (!nvb_parse_u64_base(t->s + 2, base, &value) || value > INT64_MAX)
		return out_of_range(r, t);
	v->type = NVB_TOML_INTEGER;
	v->integer = (int64_t)value;
	return 0;
}

static int parse_decimal(struct toml_reader *r, const struct token *t, struct nvb_toml_value *v)
{
	const char *digits = t->s + (t->s[0] == '+' || t->s[0] == '-');
	bool negative = t->s[0] == '-';
	uint64_t value;

	if (!nvb_parse_u64(digits, &value) || value > (uint64_t)INT64_MAX + negative)
		return out_of_range(r, t);
	v->type = NVB_TOML_INTEGER;
	v->integer = negative ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}

/* strtod reads the locale's decimal point; a library does not know which locale its process has set. */
static int parse_float(struct toml_reader *r, const struct token *t, struct nvb_toml_value *v)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	double value;

	if (!c)
		return nvb_fail_oom(r->err);
	value = strtod_l(t->s, NULL, c);
	freelocale(c);
	if (isinf(value))
		return out_of_range(r, t);
	v->type = NVB_TOML_FLOAT;
	v->real = value;
	return 0;
}

/* dec-int [ "." digits ] [ ("e" | "E") [sign] digits ] without underscores. */
static bool is_number(const char *s, bool *is_float)
{
	size_t n;

	s += *s == '+' || *s == '-';
	n = strspn(s, "0123456789");
	if (n == 0 || (n > 1 && *s == '0'))
		return false;
	s += n;
	*is_float = *s != '\0';
	if (*s == '.') {
		n = strspn(++s, "0123456789");
		if (n == 0)
			return false;
		s += n;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '+' || *s == '-';
		n = strspn(s, "0123456789");
		if (n == 0)
			return false;
		s += n;
	}
	return !*s;
}

static int parse_number(struct toml_reader *r, struct token *t, struct nvb_toml_value *v)
{
	const char *unsigned_part = t->s + (t->s[0] == '+' || t->s[0] == '-');
	bool is_float;

	if (nvb_streq(unsigned_part, "inf") || nvb_streq(unsigned_part, "nan")) {
		double magnitude = *unsigned_part == 'i' ? (double)INFINITY : (double)NAN;

		v->type = NVB_TOML_FLOAT;
		v->real = t->s[0] == '-' ? -magnitude : magnitude;
		return 0;
	}
	if (nvb_after(t->s, "0x"))
		return parse_based(r, t, 16, v);
	if (nvb_after(t->s, "0o"))
		return parse_based(r, t, 8, v);
	if (nvb_after(t->s, "0b"))
		return parse_based(r, t, 2, v);
	if (!drop_underscores(t, 10) || !is_number(t->s, &is_float))
		return bad_token(r, t);
	return is_float ? parse_float(r, t, v) : parse_decimal(r, t, v);
}

/* A date may be parted from its time by one space: then the token goes on behind it. */
static bool date_goes_on(const struct toml_reader *r, const char *begin)
{
	return r->at - begin == 10 && begin[4] == '-' && r->end - r->at >= 2 && *r->at == ' ' &&
	       is_digit(r->at[1]);
}

static int read_token(struct toml_reader *r, struct token *t)
{
	char c[16];

	t->begin = r->at;
	while (r->at < r->end && (is_token(*r->at) || date_goes_on(r, t->begin)))
		r->at++;
	t->size = (size_t)(r->at - t->begin);
	if (t->size == 0)
		return toml_fail_at(r, r->at, "%s where a value should stand", toml_describe(r, r->at, c));
	if (t->size >= sizeof(t->s))
		return toml_fail_at(
			r, t->begin, "a number or date of more than %d characters", LONGEST_TOKEN - 1);
	memcpy(t->s, t->begin, t->size);
	t->s[t->size] = '\0';
	return 0;
}

int toml_read_scalar(struct toml_reader *r, struct nvb_toml_value *v)
{
	struct token t;
	int rc = read_token(r, &t);

	if (rc < 0)
		return rc;
	if (nvb_streq(t.s, "true") || nvb_streq(t.s, "false")) {
		v->type = NVB_TOML_BOOLEAN;
		v->boolean = t.s[0] == 't';
		return 0;
	}
	if (!looks_like_date(&t))
		return parse_number(r, &t, v);
	if (!parse_datetime(&t, v))
		return toml_fail_at(r, t.begin, "'%s' is no date or time", t.s);
	return 0;
}
