/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BASE_TOML_READER_H
#define NVB_BASE_TOML_READER_H

#include "base/str.h"
#include "base/toml.h"

/* What the files of the TOML reader share; nobody else includes this. */

/* Where something stands in the file. */
struct toml_place {
	const char *at;
	unsigned line, column;
};

struct toml_reader {
	struct nvb_toml *doc;
	const char *at, *end;
	const char *start;
	struct toml_place mark; /* the last place that was counted; those asked for rarely lie before it */

	/* Which table has which key: keeps the check for duplicates linear in tables of any size. */
	struct toml_slot {
		const struct nvb_toml_value *table;
		struct nvb_toml_value *member;
	} * slots;
	size_t slot_count, slot_capacity;
	uint64_t seed;

	struct nvb_strbuf scratch; /* the string being decoded */
	nvb_error **err;
};

struct toml_key_part {
	const char *s; /* in the arena */
	size_t size;
	struct toml_place place;
};

struct toml_key {
	struct toml_key_part parts[NVB_TOML_DEPTH];
	size_t count;
};

/* toml_lex.c: characters, strings, keys. Functions that fail set the error and return its negated code. */
struct toml_place toml_place(struct toml_reader *r, const char *at);
int toml_fail_at(struct toml_reader *r, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));
/* Checks what holds everywhere: UTF-8, no control characters, CR only before LF. */
int toml_check_text(struct toml_reader *r);
void toml_skip_space(struct toml_reader *r);
/* Blanks, newlines, comments. */
void toml_skip_lines(struct toml_reader *r);
/* Blanks and a comment, then a newline or the end of the file. */
int toml_end_of_line(struct toml_reader *r);
bool toml_accept(struct toml_reader *r, const char *word);
static inline bool toml_next_is(const struct toml_reader *r, char c)
{
	return r->at < r->end && *r->at == c;
}
/* A string of any kind from its opening quote; the result is in the arena. */
int toml_read_string(struct toml_reader *r, bool multiline_too, const char **s, size_t *size);
/* A key with its dots; `room` is how many parts it may have. */
int toml_read_key(struct toml_reader *r, size_t room, struct toml_key *key);
/* The character at a place, for messages: itself, or "the end of the file", "the end of the line". */
const char *toml_describe(const struct toml_reader *r, const char *at, char buffer[16]);

/* toml_scalar.c: numbers, booleans, dates and times. */
int toml_read_scalar(struct toml_reader *r, struct nvb_toml_value *v);

/* toml_index.c */
struct nvb_toml_value *toml_index_find(
	const struct toml_reader *r, const struct nvb_toml_value *table, const char *key, size_t size);
bool toml_index_add(struct toml_reader *r, const struct nvb_toml_value *table, struct nvb_toml_value *member);

#endif
