/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

static bool reserve(struct nvb_strbuf *sb, size_t more)
{
	size_t wanted = sb->capacity ? sb->capacity : 128;
	char *grown;

	if (sb->failed)
		return false;
	if (sb->s && sb->capacity - sb->len > more)
		return true;
	if (more > SIZE_MAX / 4 || sb->len > SIZE_MAX / 4) {
		sb->failed = true;
		return false;
	}
	while (wanted - sb->len <= more)
		wanted *= 2;
	grown = realloc(sb->s, wanted);
	if (!grown) {
		sb->failed = true;
		return false;
	}
	sb->s = grown;
	sb->capacity = wanted;
	return true;
}

void nvb_sb_addn(struct nvb_strbuf *sb, const void *s, size_t n)
{
	if (!reserve(sb, n))
		return;
	if (n)
		memcpy(sb->s + sb->len, s, n);
	sb->len += n;
	sb->s[sb->len] = '\0';
}

char *nvb_sb_room(struct nvb_strbuf *sb, size_t n)
{
	return reserve(sb, n) ? sb->s + sb->len : NULL;
}

void nvb_sb_took(struct nvb_strbuf *sb, const char *end)
{
	sb->len = (size_t)(end - sb->s);
	sb->s[sb->len] = '\0';
}

void nvb_sb_add(struct nvb_strbuf *sb, const char *s)
{
	nvb_sb_addn(sb, s, strlen(s));
}

void nvb_sb_addc(struct nvb_strbuf *sb, char c)
{
	nvb_sb_addn(sb, &c, 1);
}

void nvb_sb_addf(struct nvb_strbuf *sb, const char *fmt, ...)
{
	enum { MOSTLY = 64 };
	va_list ap, again;
	size_t room;
	int len;

	if (!reserve(sb, MOSTLY))
		return;
	room = sb->capacity - sb->len;
	va_start(ap, fmt);
	va_copy(again, ap);
	/* Formatted once where it fits, as it mostly does. */
	len = vsnprintf(sb->s + sb->len, room, fmt, ap);
	if (len >= 0 && (size_t)len >= room && reserve(sb, (size_t)len))
		vsnprintf(sb->s + sb->len, (size_t)len + 1, fmt, again);
	if (len < 0)
		sb->failed = true;
	if (!sb->failed)
		sb->len += (size_t)len;
	else
		sb->s[sb->len] = '\0';
	va_end(again);
	va_end(ap);
}

char *nvb_sb_finish(struct nvb_strbuf *sb)
{
	char *s;

	if (!sb->s)
		nvb_sb_addn(sb, "", 0);
	if (sb->failed) {
		nvb_sb_release(sb);
		return NULL;
	}
	s = sb->s;
	*sb = (struct nvb_strbuf){0};
	return s;
}

void nvb_sb_release(struct nvb_strbuf *sb)
{
	free(sb->s);
	*sb = (struct nvb_strbuf){0};
}

/* Length of the well-formed UTF-8 sequence at s, 0 when there is none (RFC 3629, section 4). */
static size_t utf8_sequence(const unsigned char *s, size_t left)
{
	size_t n;
	unsigned char low = 0x80, high = 0xbf;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		n = 2;
	} else if (s[0] >= 0xe0 && s[0] <= 0xef) {
		n = 3;
		low = s[0] == 0xe0 ? 0xa0 : 0x80;
		high = s[0] == 0xed ? 0x9f : 0xbf;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		n = 4;
		low = s[0] == 0xf0 ? 0x90 : 0x80;
		high = s[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (left < n || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool nvb_utf8_valid(const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_sequence(u + i, len - i);

		if (!n)
			return false;
		i += n;
	}
	return true;
}

void nvb_sb_add_json(struct nvb_strbuf *sb, const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t left = strlen(s), n;

	nvb_sb_addc(sb, '"');
	for (; left; u += n, left -= n) {
		n = utf8_sequence(u, left);
		if (!n) {
			nvb_sb_add(sb, "\\ufffd");
			n = 1;
		} else if (*u == '"' || *u == '\\') {
			nvb_sb_addc(sb, '\\');
			nvb_sb_addc(sb, (char)*u);
		} else if (*u == '\n') {
			nvb_sb_add(sb, "\\n");
		} else if (*u == '\t') {
			nvb_sb_add(sb, "\\t");
		} else if (*u < 0x20 || *u == 0x7f) {
			nvb_sb_addf(sb, "\\u%04x", *u);
		} else if (*u == 0xc2 && u[1] < 0xa0) {
			/* The other control characters, which terminals obey as well. */
			nvb_sb_addf(sb, "\\u%04x", u[1]);
		} else {
			nvb_sb_addn(sb, u, n);
		}
	}
	nvb_sb_addc(sb, '"');
}

void nvb_strv_free(char **v)
{
	nvb_strv_foreach (item, v)
		free(*item);
	free(v);
}

size_t nvb_strv_length(char *const *v)
{
	size_t n = 0;

	nvb_strv_foreach (item, v)
		n++;
	return n;
}

bool nvb_strv_contains(char *const *v, const char *s)
{
	nvb_strv_foreach (item, v)
		if (nvb_streq(*item, s))
			return true;
	return false;
}

static bool strv_take(char ***v, char *s)
{
	size_t n = nvb_strv_length(*v);
	char **grown = s ? reallocarray(*v, n + 2, sizeof(*grown)) : NULL;

	if (!grown) {
		free(s);
		return false;
	}
	grown[n] = s;
	grown[n + 1] = NULL;
	*v = grown;
	return true;
}

bool nvb_strv_add(char ***v, const char *s)
{
	return strv_take(v, strdup(s));
}

bool nvb_strv_addf(char ***v, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return strv_take(v, n < 0 ? NULL : s);
}

char **nvb_strv_split(const char *s, const char *separators)
{
	_cleanup_strv_ char **v = NULL;
	size_t count = 0;

	/* Counted first: an image may write a list of a hundred thousand words. */
	for (const char *p = s; *(p += strspn(p, separators)); p += strcspn(p, separators))
		count++;
	v = calloc(count + 1, sizeof(*v));
	if (!v)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t n = strcspn(s += strspn(s, separators), separators);

		v[i] = strndup(s, n);
		if (!v[i])
			return NULL;
		s += n;
	}
	return NVB_TAKE_PTR(v);
}

bool nvb_ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A') + 10;
	return UINT_MAX;
}

bool nvb_parse_u64_base(const char *s, unsigned base, uint64_t *out)
{
	uint64_t value = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		unsigned digit = digit_value(*s);

		if (digit >= base || __builtin_mul_overflow(value, (uint64_t)base, &value) ||
			__builtin_add_overflow(value, (uint64_t)digit, &value))
			return false;
	}
	*out = value;
	return true;
}

bool nvb_parse_u64(const char *s, uint64_t *out)
{
	return nvb_parse_u64_base(s, 10, out);
}

bool nvb_parse_u32(const char *s, uint32_t *out)
{
	uint64_t value;

	if (!nvb_parse_u64(s, &value) || value > UINT32_MAX)
		return false;
	*out = (uint32_t)value;
	return true;
}

enum { NEAREST_LONGEST = 63 };

/* Optimal string alignment distance: insertions, deletions, substitutions and swapped neighbours cost one
 * each. */
static size_t edit_distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t rows[3][NEAREST_LONGEST + 1];
	size_t *before = rows[0], *previous = rows[1], *current = rows[2];

	for (size_t j = 0; j <= m; j++)
		previous[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *recycled = before;

		current[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = previous[j - 1] + (a[i - 1] != b[j - 1]);

			if (previous[j] + 1 < best)
				best = previous[j] + 1;
			if (current[j - 1] + 1 < best)
				best = current[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			current[j] = best;
		}
		before = previous;
		previous = current;
		current = recycled;
	}
	return previous[m];
}

const char *nvb_nearest(const char *word, const char *const *candidates, size_t count)
{
	size_t n = strlen(word), best = SIZE_MAX;
	const char *nearest = NULL;

	if (n > NEAREST_LONGEST)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t m = strlen(candidates[i]), distance;

		if (m > NEAREST_LONGEST)
			continue;
		distance = edit_distance(word, n, candidates[i], m);
		if (distance < best) {
			best = distance;
			nearest = candidates[i];
		}
	}
	/* A third of the word wrong is a typing mistake; more is another word, and so is all of a short one.
	 */
	return best < n && best <= (n < 3 ? 1 : n / 3 + (n > 3)) ? nearest : NULL;
}
