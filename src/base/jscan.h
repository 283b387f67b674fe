/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_JSCAN_H
#define NVB_BASE_JSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * A strict pull scanner over JSON in memory. Values are spans of the caller's text: nothing is copied, and
 * nothing is allocated until a document has more than NVB_JSCAN_INLINE_KEYS keys in its open objects.
 *
 * Strict is RFC 8259 and what its section 8 leaves to "unpredictable" refused: a key that stands twice in one
 * object (compared decoded, in n log n), lone surrogates, \u0000, bytes that
 * are not UTF-8, a byte order mark, anything behind the value, more than NVB_JSCAN_DEPTH levels. What two
 * parsers could read differently is not read at all: what we edit is what the runtime behind us sees.
 *
 * Duplicates of an object are found when it is left, so what was pulled counts only after nvb_jscan_end.
 *
 *	struct nvb_jscan js;
 *	struct nvb_json key, value;
 *	int more;
 *
 *	nvb_jscan_begin(&js, text, size);
 *	rc = nvb_jscan_enter(&js, NVB_JSON_OBJECT, err);
 *	while (rc == 0 && (more = nvb_jscan_next(&js, &key, err)) != 0)
 *		rc = more < 0 ? more : nvb_jscan_value(&js, &value, err);
 *	if (rc == 0)
 *		rc = nvb_jscan_end(&js, err);
 *	nvb_jscan_release(&js);
 *
 * Errors are NVB_ERR_CORRUPT: "linux.devices[3].path: not UTF-8 (byte 1234)". After an error only
 * nvb_jscan_release may follow.
 */

enum {
	NVB_JSCAN_DEPTH = 128,
	NVB_JSCAN_INLINE_KEYS = 96,
};
#define NVB_JSCAN_MAX ((size_t)1 << 30) /* bytes of text; offsets are kept in 32 bits */

enum nvb_json_type {
	NVB_JSON_NULL,
	NVB_JSON_BOOL,
	NVB_JSON_NUMBER,
	NVB_JSON_STRING,
	NVB_JSON_ARRAY,
	NVB_JSON_OBJECT,
};

/* A value or key as it stands in the text: strings without their quotes, arrays and objects with brackets. */
struct nvb_json {
	enum nvb_json_type type;
	const char *text;
	size_t size;
	bool escaped; /* a string with at least one backslash */
};

struct nvb_jscan_key {
	uint32_t at, size; /* the raw key behind its quote */
	bool escaped;
};

struct nvb_jscan_level {
	uint32_t open;	    /* offset of the bracket */
	uint32_t first_key; /* of this object in the stack of keys; the last one is the current member */
	uint32_t count;	    /* members or elements begun */
	bool is_object;
};

/* Where an array or object that was left stood: for those who write into it. */
struct nvb_jscan_extent {
	size_t open;  /* offset of the opening bracket */
	size_t tail;  /* offset behind the last value; behind the opening bracket when there is none */
	size_t close; /* offset of the closing bracket */
	size_t count; /* members or elements */
};

struct nvb_jscan {
	const char *text;
	size_t size;
	size_t at;		      /* offset of the next byte to read */
	size_t tail;		      /* offset behind the last value read or the last bracket entered */
	struct nvb_jscan_extent left; /* the last array or object left by nvb_jscan_next */
	uint32_t depth;
	uint32_t key_count, key_capacity;
	struct nvb_jscan_key *keys; /* of all open objects; inline_keys until they do not fit */
	struct nvb_jscan_level levels[NVB_JSCAN_DEPTH];
	struct nvb_jscan_key inline_keys[NVB_JSCAN_INLINE_KEYS];
};

void nvb_jscan_begin(struct nvb_jscan *js, const char *text, size_t size);
void nvb_jscan_release(struct nvb_jscan *js);
#define _cleanup_jscan_ __attribute__((cleanup(nvb_jscan_release)))

/* Type of the value that comes next. */
int nvb_jscan_peek(struct nvb_jscan *js, enum nvb_json_type *type, nvb_error **err);

/* Enters the array or object that comes next; any other type is an error that names both. */
int nvb_jscan_enter(struct nvb_jscan *js, enum nvb_json_type type, nvb_error **err);

/*
 * Steps to the next member (its key in *key) or element (*key is untouched and may be NULL) of the array or
 * object entered last. 1, or 0 when it ended (it is left then), or a negated code. The value of a member or
 * element must have been read.
 */
int nvb_jscan_next(struct nvb_jscan *js, struct nvb_json *key, nvb_error **err);

/* Reads the next value whole, whatever it is, as strictly as if it had been walked through. */
int nvb_jscan_value(struct nvb_jscan *js, struct nvb_json *value, nvb_error **err);

/* The same; the value must be of that type. */
int nvb_jscan_expect(struct nvb_jscan *js, enum nvb_json_type type, struct nvb_json *value, nvb_error **err);

/* The document must end here. */
int nvb_jscan_end(struct nvb_jscan *js, nvb_error **err);

/* Sets an NVB_ERR_CORRUPT that says where: "<path>: <message> (byte N)". Returns the negated code. */
int nvb_jscan_fail(const struct nvb_jscan *js, size_t offset, nvb_error **err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5), cold));

/*
 * Finds `key` among `names` (ending with NULL): *which gets its number, or -1 when it is none of them. A key
 * that differs from one only in case is refused: Go's decoder takes "Devices", and even "device\u017f", for
 * "devices", other decoders do not.
 */
int nvb_jscan_match(const struct nvb_jscan *js, const struct nvb_json *key, const char *const *names,
	int *which, nvb_error **err);

const char *nvb_json_type_name(enum nvb_json_type type);

/* A string against bytes, decoded. */
bool nvb_json_equals(const struct nvb_json *string, const char *s, size_t size);
/* Two strings, decoded. */
bool nvb_json_same(const struct nvb_json *a, const struct nvb_json *b);
/* True when the decoded string starts with those bytes. */
bool nvb_json_starts(const struct nvb_json *string, const char *s, size_t size);
/* How many bytes at the start of `s` stand for themselves in a JSON string: ASCII that needs no escape. */
size_t nvb_json_plain(const char *s, size_t size);
/* A hash of the decoded string. */
uint32_t nvb_json_hash(const struct nvb_json *string);
/* The decoded string, NUL-terminated, malloc'd; NULL without memory. Its text holds no NUL. */
char *nvb_json_strdup(const struct nvb_json *string);
/* A number without fraction or exponent that fits; false otherwise, *out untouched. */
bool nvb_json_u64(const struct nvb_json *number, uint64_t *out);
bool nvb_json_i64(const struct nvb_json *number, int64_t *out);

#endif
