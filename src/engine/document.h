/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_DOCUMENT_H
#define NVB_ENGINE_DOCUMENT_H

#include "base/error.h"
#include "base/str.h"

/*
 * A configuration file as text that is edited in place: one value is set or taken away, every other byte
 * stays. One set of functions per format; values are text of that format ("true", "\"a\"", "[\"a\"]").
 *
 * A text has a NUL behind its `size` bytes. A path is the keys that lead to a value, NULL-terminated. `file`
 * is for messages. Functions give a new text in *out (to be released by the caller) and leave it untouched on
 * failure.
 */
struct document_format {
	const char *name;

	/* NVB_ERR_INVALID with "<file>:<line>:<column>: <what>" when the text is not of this format. */
	int (*check)(const char *text, size_t size, const char *file, nvb_error **err);

	/* The text of a value in *value (malloc'd), or NULL there when nothing stands at the path. A table
	 * that has no text of its own (TOML's headers) gives "". */
	int (*get)(const char *text, size_t size, const char *const *path, const char *file, char **value,
		nvb_error **err);

	/* 1 when something stands at the path that has a place of its own in the text, 0 when not: a table
	 * that only the headers of tables below it imply has none. */
	int (*stands)(
		const char *text, size_t size, const char *const *path, const char *file, nvb_error **err);

	/* Sets one value; the tables on the way are made when they are missing. */
	int (*set)(const char *text, size_t size, const char *const *path, const char *value,
		const char *file, struct nvb_strbuf *out, nvb_error **err);

	/* Takes a value away, or an empty table; what is not there is fine. A table that has members stays.
	 */
	int (*unset)(const char *text, size_t size, const char *const *path, const char *file,
		struct nvb_strbuf *out, nvb_error **err);

	/* 1 when the two texts are the same value, 0 when not. */
	int (*same)(const char *a, const char *b, nvb_error **err);

	/* Reads both documents anew: NVB_ERR_CONFLICT when they differ in more than the value at the path, or
	 * when the value there is not `value` (NULL: absent). */
	int (*verify)(const char *before, size_t before_size, const char *after, size_t after_size,
		const char *const *path, const char *value, const char *file, nvb_error **err);
};

extern const struct document_format document_json, document_toml;

/* set and unset with their result verified: what is written has been read again. */
int document_set(const struct document_format *format, const char *text, size_t size, const char *const *path,
	const char *value, const char *file, struct nvb_strbuf *out, nvb_error **err);
int document_unset(const struct document_format *format, const char *text, size_t size,
	const char *const *path, const char *file, struct nvb_strbuf *out, nvb_error **err);

/* "runtimes.nvbind.path", for messages; malloc'd, NULL without memory. */
char *document_path_text(const char *const *path);

size_t document_path_depth(const char *const *path);

/* A string and a list of strings as both formats write them: with the escapes they share. */
void document_add_string(struct nvb_strbuf *sb, const char *s);
char *document_string(const char *s);
char *document_strings(const char *const *strings);

/* What a text's lines end in: "\r\n" when its first one does. */
const char *document_line_end(const char *text, size_t size);

#endif
