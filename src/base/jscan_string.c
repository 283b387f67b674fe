/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jscan_string.h"

#include <endian.h>

#include "base/str.h"

#define ONES  0x0101010101010101ull
#define HIGHS 0x8080808080808080ull

/* A word whose byte has its high bit set where `x` has a zero byte, and nowhere before it. */
static inline uint64_t zero_bytes(uint64_t x)
{
	return (x - ONES) & ~x & HIGHS;
}

/*
 * Marks the bytes of a word that end a run of plain ASCII: a quote, a backslash, a control, or beyond ASCII.
 * Only the lowest mark is exact; borrows may set some above it.
 */
static inline uint64_t marks(uint64_t w)
{
	uint64_t controls = (w - ONES * 0x20) & ~w; /* below 0x20 */

	return ((controls | w) & HIGHS) | zero_bytes(w ^ (ONES * '"')) | zero_bytes(w ^ (ONES * '\\'));
}

/* The first byte of [p, end) that does not stand for itself in a string, or end. */
static inline const char *plain_run(const char *p, const char *end)
{
	uint64_t word, marked;

	for (; end - p >= 8; p += 8) {
		memcpy(&word, p, 8);
		marked = marks(le64toh(word));
		if (marked)
			return p + (__builtin_ctzll(marked) >> 3);
	}
	for (; p < end; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
			break;
	}
	return p;
}

size_t nvb_json_plain(const char *s, size_t size)
{
	return (size_t)(plain_run(s, s + size) - s);
}

static int hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits of \uXXXX at `p`, or -1. */
static int32_t hex4(const char *p, const char *end)
{
	int32_t value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit((unsigned char)p[i]);

		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

static bool is_high_surrogate(int32_t c)
{
	return c >= 0xd800 && c <= 0xdbff;
}

static bool is_low_surrogate(int32_t c)
{
	return c >= 0xdc00 && c <= 0xdfff;
}

/* Checks the escape whose backslash is at `p`; its length, or 0 with the reason. */
static size_t scan_escape(const char *p, const char *end, const char **why)
{
	int32_t c, low;

	if (end - p < 2) {
		*why = "string without an end";
		return 0;
	}
	if (p[1] != 'u') {
		if (p[1] && strchr("\"\\/bfnrt", p[1]))
			return 2;
		*why = "unknown escape in a string";
		return 0;
	}
	c = hex4(p + 2, end);
	if (c < 0) {
		*why = "\\u without four hexadecimal digits";
		return 0;
	}
	if (c == 0) {
		*why = "NUL character in a string";
		return 0;
	}
	if (!is_high_surrogate(c) && !is_low_surrogate(c))
		return 6;
	low = is_high_surrogate(c) && end - p > 7 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8, end) : -1;
	if (low < 0 || !is_low_surrogate(low)) {
		*why = "lone surrogate in a string";
		return 0;
	}
	return 12;
}

const char *nvb_jstring_scan(const char *p, const char *end, bool *escaped, const char **why, const char **at)
{
	const char *start = p;
	bool beyond_ascii = false;

	*escaped = false;
	for (;;) {
		unsigned char c;

		p = plain_run(p, end);
		*at = p;
		if (p == end) {
			*why = "string without an end";
			return NULL;
		}
		c = (unsigned char)*p;
		if (c == '"')
			break;
		if (c == '\\') {
			size_t n = scan_escape(p, end, why);

			if (!n)
				return NULL;
			*escaped = true;
			p += n;
			continue;
		}
		if (c < 0x20) {
			*why = "control character in a string";
			return NULL;
		}
		beyond_ascii |= c >= 0x80;
		p++;
	}
	if (beyond_ascii && !nvb_utf8_valid(start, (size_t)(p - start))) {
		*at = start;
		*why = "not UTF-8";
		return NULL;
	}
	return p;
}

/* Walks a string that was scanned, byte for byte of its decoded form. */
struct decoder {
	const unsigned char *p, *end;
	unsigned char pending[4];
	unsigned pending_count, pending_at;
	bool escaped; /* else a backslash is one: texts of others are compared and hashed as they are */
};

static struct decoder decode(const struct nvb_json *string)
{
	const unsigned char *p = (const unsigned char *)string->text;

	return (struct decoder){.p = p, .end = p + string->size, .escaped = string->escaped};
}

static void decode_unicode(struct decoder *d)
{
	uint32_t c = (uint32_t)hex4((const char *)d->p + 2, (const char *)d->end);
	unsigned char *u = d->pending;

	d->p += 6;
	if (is_high_surrogate((int32_t)c)) {
		uint32_t low = (uint32_t)hex4((const char *)d->p + 2, (const char *)d->end);

		d->p += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	d->pending_at = 0;
	if (c < 0x80) {
		u[0] = (unsigned char)c;
		d->pending_count = 1;
		return;
	}
	d->pending_count = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (unsigned i = d->pending_count - 1; i > 0; i--, c >>= 6)
		u[i] = (unsigned char)(0x80 | (c & 0x3f));
	u[0] = (unsigned char)(c | (d->pending_count == 2 ? 0xc0 : d->pending_count == 3 ? 0xe0 : 0xf0));
}

/* The next byte, or -1 behind the last. */
static int decode_next(struct decoder *d)
{
	static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
	const char *letter;

	if (d->pending_at < d->pending_count)
		return d->pending[d->pending_at++];
	if (d->p >= d->end)
		return -1;
	if (*d->p != '\\' || !d->escaped)
		return *d->p++;
	if (d->p[1] == 'u') {
		decode_unicode(d);
		return d->pending[d->pending_at++];
	}
	letter = strchr(letters, d->p[1]);
	d->p += 2;
	return letter ? meanings[letter - letters] : d->p[-1];
}

static uint64_t hash_word(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

uint32_t nvb_json_hash(const struct nvb_json *string)
{
	struct decoder d = decode(string);
	uint64_t hash = 0, word = 0;
	unsigned shift = 0;
	int c;

	if (!string->escaped) {
		for (; d.end - d.p >= 8; d.p += 8) {
			memcpy(&word, d.p, 8);
			hash = hash_word(hash, le64toh(word));
		}
		word = 0;
		for (; d.p < d.end; shift += 8)
			word |= (uint64_t)*d.p++ << shift;
	}
	while ((c = decode_next(&d)) >= 0) {
		word |= (uint64_t)c << shift;
		shift += 8;
		if (shift == 64) {
			hash = hash_word(hash, word);
			word = 0;
			shift = 0;
		}
	}
	hash = hash_word(hash, word | (uint64_t)shift << 56);
	return (uint32_t)(hash >> 32);
}

int nvb_jstring_compare(const struct nvb_json *a, const struct nvb_json *b)
{
	struct decoder da = decode(a), db = decode(b);
	int ca, cb;

	if (!a->escaped && !b->escaped) {
		size_t both = a->size < b->size ? a->size : b->size;
		int order = both ? memcmp(a->text, b->text, both) : 0;

		return order ? order : (a->size > b->size) - (a->size < b->size);
	}
	do {
		ca = decode_next(&da);
		cb = decode_next(&db);
	} while (ca == cb && ca >= 0);
	return ca - cb;
}

bool nvb_jstring_folds_to(const struct nvb_json *string, const char *name)
{
	struct decoder d = decode(string);
	int c;

	while ((c = decode_next(&d)) >= 0) {
		unsigned char n = (unsigned char)*name++;

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (n >= 'A' && n <= 'Z')
			n |= 0x20;
		if (c == 0xc5 && n == 's') { /* U+017F, the long s */
			if (decode_next(&d) != 0xbf)
				return false;
		} else if (c == 0xe2 && n == 'k') { /* U+212A, the Kelvin sign */
			if (decode_next(&d) != 0x84 || decode_next(&d) != 0xaa)
				return false;
		} else if (c != n) {
			return false;
		}
	}
	return !*name;
}

bool nvb_json_starts(const struct nvb_json *string, const char *s, size_t size)
{
	struct decoder d = decode(string);

	if (!string->escaped)
		return string->size >= size && (!size || memcmp(string->text, s, size) == 0);
	for (size_t i = 0; i < size; i++)
		if (decode_next(&d) != (unsigned char)s[i])
			return false;
	return true;
}

bool nvb_json_equals(const struct nvb_json *string, const char *s, size_t size)
{
	struct decoder d = decode(string);

	if (!string->escaped)
		return string->size == size && (!size || memcmp(string->text, s, size) == 0);
	for (size_t i = 0; i < size; i++)
		if (decode_next(&d) != (unsigned char)s[i])
			return false;
	return decode_next(&d) < 0;
}

bool nvb_json_same(const struct nvb_json *a, const struct nvb_json *b)
{
	return nvb_jstring_compare(a, b) == 0;
}

char *nvb_json_strdup(const struct nvb_json *string)
{
	struct decoder d = decode(string);
	char *copy = malloc(string->size + 1), *p = copy; /* decoding never lengthens */
	int c;

	if (!copy)
		return NULL;
	while ((c = decode_next(&d)) >= 0)
		*p++ = (char)c;
	*p = '\0';
	return copy;
}

bool nvb_json_u64(const struct nvb_json *number, uint64_t *out)
{
	uint64_t value = 0;

	if (number->type != NVB_JSON_NUMBER || !number->size)
		return false;
	for (size_t i = 0; i < number->size; i++) {
		unsigned char digit = (unsigned char)(number->text[i] - '0');

		if (digit > 9 || __builtin_mul_overflow(value, (uint64_t)10, &value) ||
			__builtin_add_overflow(value, (uint64_t)digit, &value))
			return false;
	}
	*out = value;
	return true;
}

bool nvb_json_i64(const struct nvb_json *number, int64_t *out)
{
	struct nvb_json digits = *number;
	uint64_t value;
	bool negative = number->type == NVB_JSON_NUMBER && number->size && number->text[0] == '-';

	if (negative) {
		digits.text++;
		digits.size--;
	}
	if (!nvb_json_u64(&digits, &value) || value > (uint64_t)INT64_MAX + negative)
		return false;
	*out = negative ? (int64_t)-value : (int64_t)value;
	return true;
}
