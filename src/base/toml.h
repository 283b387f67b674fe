/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_TOML_H
#define NVB_BASE_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/choice.h"
#include "base/error.h"
#include "base/mem.h"

/*
 * A strict TOML 1.0 reader (https://toml.io/en/v1.0.0): a document becomes a tree of values in an arena, each
 * with the place in the file where it stands, so that a later complaint about its meaning can name the line.
 * Every error, the reader's and that of the getters, is one line "<file>:<line>:<column>: <what>" of the code
 * NVB_ERR_INVALID. Input is hostile: nesting is limited to NVB_TOML_DEPTH, work is linear in the size.
 *
 *	_cleanup_toml_ struct nvb_toml doc = {0};
 *	const char *image = NULL;
 *
 *	rc = nvb_toml_read(&doc, AT_FDCWD, "Boltfile.toml", NVB_TOML_MAX, err);
 *	...
 *	service = nvb_toml_get(nvb_toml_get(&doc.root, "services"), "web");
 *	rc = nvb_toml_get_string(&doc, service, "capsule", &image, err);
 */
enum {
	NVB_TOML_DEPTH = 64,	   /* arrays, inline tables and parts of a key inside each other */
	NVB_TOML_MAX = 1024 * 1024 /* bytes: larger than any file people write */
};

enum nvb_toml_type {
	NVB_TOML_STRING,
	NVB_TOML_INTEGER,
	NVB_TOML_FLOAT,
	NVB_TOML_BOOLEAN,
	NVB_TOML_OFFSET_DATETIME,
	NVB_TOML_LOCAL_DATETIME,
	NVB_TOML_LOCAL_DATE,
	NVB_TOML_LOCAL_TIME,
	NVB_TOML_ARRAY, /* an array of tables, too */
	NVB_TOML_TABLE
};

/* The fields that the type has; the others are 0. A leap second (60) is kept as written. */
struct nvb_toml_datetime {
	uint16_t year;
	uint8_t month, day, hour, minute, second;
	uint32_t nanosecond; /* further digits are cut off */
	int16_t offset;	     /* minutes east of UTC */
};

struct nvb_toml_value {
	enum nvb_toml_type type;
	unsigned line, column; /* where the value begins, from 1; columns count characters */

	/* Set for what a table holds; NULL for an array's elements. UTF-8, NUL-terminated. A key can itself
	 * hold NUL ("\u0000"): strlen(key) < key_size tells. */
	const char *key;
	size_t key_size;
	unsigned key_line, key_column;

	struct nvb_toml_value *next; /* the table's or array's next, in the order of the file */
	union {
		struct {
			const char *s; /* NUL-terminated; may hold NUL as well */
			size_t size;
		} string;
		int64_t integer;
		double real;
		bool boolean;
		struct nvb_toml_datetime datetime;
		struct {
			struct nvb_toml_value *first, *last;
			size_t count;
		} items; /* of an array or a table */
	};
	uint8_t state; /* the reader's own */
};

struct nvb_toml {
	const char *file; /* its name for messages; lives in the arena */
	struct nvb_toml_value root;
	struct nvb_arena arena;
};

/* Parses size bytes; `file` is for messages. Nothing refers to `data` afterwards. *doc must be zeroed and is
 * empty after a failure. */
int nvb_toml_parse(struct nvb_toml *doc, const char *data, size_t size, const char *file, nvb_error **err);

/* Reads and parses a file of at most `max` bytes (see nvb_file_read). */
int nvb_toml_read(struct nvb_toml *doc, int dirfd, const char *path, size_t max, nvb_error **err);

void nvb_toml_release(struct nvb_toml *doc);
#define _cleanup_toml_ _cleanup_(nvb_toml_release)

/* "a string", "an array": for messages. */
const char *nvb_toml_type_name(enum nvb_toml_type type);

/* The value under a key. NULL when it is absent or `table` is NULL or no table, so look-ups can be nested. */
const struct nvb_toml_value *nvb_toml_get(const struct nvb_toml_value *table, const char *key);

/* Elements of an array or members of a table; nothing for NULL and for other types. */
#define nvb_toml_foreach(v, container) \
	for (const struct nvb_toml_value *v = nvb_toml_first(container); v; v = v->next)

static inline const struct nvb_toml_value *nvb_toml_first(const struct nvb_toml_value *container)
{
	if (!container || (container->type != NVB_TOML_ARRAY && container->type != NVB_TOML_TABLE))
		return NULL;
	return container->items.first;
}

/*
 * What a value is, as C. NVB_ERR_INVALID with the place for another type. Strings must not hold NUL. Lists
 * are arrays of strings; *out is a new vector (never NULL) that belongs to the caller. An integer is accepted
 * where a float is wanted.
 */
int nvb_toml_string(
	const struct nvb_toml *doc, const struct nvb_toml_value *v, const char **out, nvb_error **err);
int nvb_toml_bool(const struct nvb_toml *doc, const struct nvb_toml_value *v, bool *out, nvb_error **err);
int nvb_toml_int(const struct nvb_toml *doc, const struct nvb_toml_value *v, int64_t min, int64_t max,
	int64_t *out, nvb_error **err);
int nvb_toml_float(const struct nvb_toml *doc, const struct nvb_toml_value *v, double *out, nvb_error **err);
int nvb_toml_strv(const struct nvb_toml *doc, const struct nvb_toml_value *v, char ***out, nvb_error **err);
int nvb_toml_choice(const struct nvb_toml *doc, const struct nvb_toml_value *v,
	const struct nvb_choice *choices, int *out, nvb_error **err);

/* The same by key: an absent key (or table) is 0 and leaves *out untouched. A string lives as long as doc. A
 * list in *out is freed when another takes its place. */
int nvb_toml_get_string(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	const char **out, nvb_error **err);
int nvb_toml_get_bool(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	bool *out, nvb_error **err);
int nvb_toml_get_int(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	int64_t min, int64_t max, int64_t *out, nvb_error **err);
int nvb_toml_get_float(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	double *out, nvb_error **err);
int nvb_toml_get_strv(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	char ***out, nvb_error **err);
int nvb_toml_get_choice(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	const struct nvb_choice *choices, int *out, nvb_error **err);

/* The table or array under a key: *out is NULL when it is absent; another type is an error. */
int nvb_toml_get_table(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	const struct nvb_toml_value **out, nvb_error **err);
int nvb_toml_get_array(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	const struct nvb_toml_value **out, nvb_error **err);

/* Complains about the first member of `table` that is not among `known`, with the nearest known name as the
 * hint: what a format does that refuses keys it does not know. `where` names the table ("[roots]"). */
int nvb_toml_check_keys(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *where,
	const char *const *known, size_t count, nvb_error **err);

/* An error at the value (NVB_ERR_INVALID), or at its key. For what only the caller can judge. */
int nvb_toml_fail(const struct nvb_toml *doc, const struct nvb_toml_value *v, nvb_error **err,
	const char *fmt, ...) __attribute__((format(printf, 4, 5), cold));
int nvb_toml_fail_key(const struct nvb_toml *doc, const struct nvb_toml_value *v, nvb_error **err,
	const char *fmt, ...) __attribute__((format(printf, 4, 5), cold));

#endif
