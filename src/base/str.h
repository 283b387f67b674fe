/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_STR_H
#define NVB_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

/*
 * String buffer. Failure is sticky: after an allocation failed every further call does nothing, and
 * nvb_sb_finish returns NULL, so callers check once. `s` is always NUL-terminated when not NULL.
 */
struct nvb_strbuf {
	char *s;
	size_t len, capacity;
	bool failed;
};

void nvb_sb_add(struct nvb_strbuf *sb, const char *s);
void nvb_sb_addn(struct nvb_strbuf *sb, const void *s, size_t n);
void nvb_sb_addc(struct nvb_strbuf *sb, char c);
void nvb_sb_addf(struct nvb_strbuf *sb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n bytes at the end, to be written there; NULL without memory. What was written ends at `end`. */
char *nvb_sb_room(struct nvb_strbuf *sb, size_t n);
void nvb_sb_took(struct nvb_strbuf *sb, const char *end);
/* Appends s as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void nvb_sb_add_json(struct nvb_strbuf *sb, const char *s);
/* Hands the string out (never NULL unless memory failed) and leaves the buffer empty. */
char *nvb_sb_finish(struct nvb_strbuf *sb);
void nvb_sb_release(struct nvb_strbuf *sb);
#define _cleanup_strbuf_ _cleanup_(nvb_sb_release)

/* NULL-terminated vectors of strings; NULL is the empty vector. */
void nvb_strv_free(char **v);
size_t nvb_strv_length(char *const *v);
bool nvb_strv_contains(char *const *v, const char *s);
/* Appends a copy; false without memory. */
bool nvb_strv_add(char ***v, const char *s);
bool nvb_strv_addf(char ***v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Cuts s at any character of `separators`, dropping empty parts. NULL without memory. */
char **nvb_strv_split(const char *s, const char *separators);
static inline void nvb_strv_freep(char ***v)
{
	nvb_strv_free(*v);
}
#define _cleanup_strv_		  _cleanup_(nvb_strv_freep)
#define nvb_strv_foreach(item, v) for (char *const *item = (v); item && *item; item++)

static inline bool nvb_streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static inline bool nvb_streq0(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* The part of s behind prefix, or NULL when s does not start with it. */
static inline const char *nvb_after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

bool nvb_ends_with(const char *s, const char *suffix);

/* Whole-string conversions: decimal (base 10) or, for _base, 2..36; no sign, no space; false and *out
 * untouched otherwise. */
bool nvb_parse_u64(const char *s, uint64_t *out);
bool nvb_parse_u64_base(const char *s, unsigned base, uint64_t *out);
bool nvb_parse_u32(const char *s, uint32_t *out);

/* The candidate nearest to `word` by edit distance, or NULL when none is near enough to be a typing mistake.
 */
const char *nvb_nearest(const char *word, const char *const *candidates, size_t count);

/* True when s is well-formed UTF-8 (RFC 3629: no overlong forms, surrogates, or values above U+10FFFF). */
bool nvb_utf8_valid(const char *s, size_t len);

#endif
