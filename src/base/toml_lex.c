/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "base/toml_reader.h"

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

struct toml_place toml_place(struct toml_reader *r, const char *at)
{
	struct toml_place *mark = &r->mark;

	if (at < mark->at)
		*mark = (struct toml_place){.at = r->start, .line = 1, .column = 1};
	for (; mark->at < at; mark->at++) {
		if (*mark->at == '\n') {
			mark->line++;
			mark->column = 1;
		} else if (!is_continuation(*mark->at)) {
			mark->column++;
		}
	}
	return *mark;
}

int toml_fail_at(struct toml_reader *r, const char *at, const char *fmt, ...)
{
	struct toml_place place = toml_place(r, at);
	_cleanup_free_ char *what = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&what, fmt, ap);
	va_end(ap);
	if (n < 0) {
		what = NULL;
		return nvb_fail_oom(r->err);
	}
	return nvb_fail(
		r->err, NVB_ERR_INVALID, "%s:%u:%u: %s", r->doc->file, place.line, place.column, what);
}

const char *toml_describe(const struct toml_reader *r, const char *at, char buffer[16])
{
	int n = 1;

	if (at >= r->end)
		return "the end of the file";
	if (*at == '\n' || *at == '\r')
		return "the end of the line";
	while (at + n < r->end && is_continuation(at[n]))
		n++;
	snprintf(buffer, 16, "'%.*s'", n, at);
	return buffer;
}

int toml_check_text(struct toml_reader *r)
{
	for (const char *p = r->at; p < r->end; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '\r' && (p + 1 == r->end || p[1] != '\n'))
			return toml_fail_at(r, p, "a carriage return without a newline");
		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
			return toml_fail_at(
				r, p, "control character 0x%02x; write it as \\u%04x in a string", c, c);
	}
	if (nvb_utf8_valid(r->at, (size_t)(r->end - r->at)))
		return 0;
	/* Rare, so found line by line: which one it is. No sequence goes over a newline. */
	for (const char *line = r->at;;) {
		const char *newline = memchr(line, '\n', (size_t)(r->end - line));
		const char *stop = newline ? newline : r->end;

		if (!nvb_utf8_valid(line, (size_t)(stop - line)))
			return toml_fail_at(r, line, "this line is not UTF-8");
		line = stop + 1;
	}
}

void toml_skip_space(struct toml_reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t'))
		r->at++;
}

/* True when there was one. */
static bool skip_newline(struct toml_reader *r)
{
	if (toml_next_is(r, '\r'))
		r->at++; /* toml_check_text saw to it that LF follows */
	if (!toml_next_is(r, '\n'))
		return false;
	r->at++;
	return true;
}

static void skip_comment(struct toml_reader *r)
{
	if (toml_next_is(r, '#'))
		while (r->at < r->end && *r->at != '\n' && *r->at != '\r')
			r->at++;
}

void toml_skip_lines(struct toml_reader *r)
{
	do {
		toml_skip_space(r);
		skip_comment(r);
	} while (skip_newline(r));
}

int toml_end_of_line(struct toml_reader *r)
{
	char c[16];

	toml_skip_space(r);
	skip_comment(r);
	if (r->at == r->end || skip_newline(r))
		return 0;
	return toml_fail_at(r, r->at, "%s where the line should end", toml_describe(r, r->at, c));
}

bool toml_accept(struct toml_reader *r, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

static void add_code_point(struct nvb_strbuf *sb, uint32_t c)
{
	if (c < 0x80) {
		nvb_sb_addc(sb, (char)c);
		return;
	}
	if (c < 0x800) {
		nvb_sb_addc(sb, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			nvb_sb_addc(sb, (char)(0xe0 | c >> 12));
		} else {
			nvb_sb_addc(sb, (char)(0xf0 | c >> 18));
			nvb_sb_addc(sb, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		nvb_sb_addc(sb, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	nvb_sb_addc(sb, (char)(0x80 | (c & 0x3f)));
}

/* \uXXXX and \UXXXXXXXX, r->at behind the letter. */
static int read_code_point(struct toml_reader *r, const char *escape, size_t digits)
{
	char hex[9] = "";
	uint64_t c;

	if ((size_t)(r->end - r->at) >= digits)
		memcpy(hex, r->at, digits);
	if (strlen(hex) != digits || !nvb_parse_u64_base(hex, 16, &c))
		return toml_fail_at(r, escape, "\\%c wants %zu hexadecimal digits", escape[1], digits);
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return toml_fail_at(r, escape, "\\%c%s is no Unicode character", escape[1], hex);
	r->at += digits;
	add_code_point(&r->scratch, (uint32_t)c);
	return 0;
}

/* What follows a backslash. */
static int read_escape(struct toml_reader *r)
{
	static const char letters[] = "btnfr\"\\", meanings[] = "\b\t\n\f\r\"\\";
	const char *escape = r->at++, *known;
	char c[16];

	if (r->at == r->end)
		return toml_fail_at(r, escape, "the string has no end");
	if (*r->at == 'u' || *r->at == 'U') {
		r->at++;
		return read_code_point(r, escape, r->at[-1] == 'u' ? 4 : 8);
	}
	known = memchr(letters, *r->at, sizeof(letters) - 1);
	if (!known)
		return toml_fail_at(r, escape,
			"no escape is written as a backslash and %s; a literal string "
			"('...') takes backslashes as they are",
			toml_describe(r, r->at, c));
	nvb_sb_addc(&r->scratch, meanings[known - letters]);
	r->at++;
	return 0;
}

/* A backslash at the end of a line: all blanks and newlines up to the next text are dropped. */
static bool skip_line_ending_backslash(struct toml_reader *r)
{
	const char *backslash = r->at++;

	toml_skip_space(r);
	if (!skip_newline(r)) {
		r->at = backslash;
		return false;
	}
	do {
		toml_skip_space(r);
	} while (skip_newline(r));
	return true;
}

/* Three quotes close the string; one or two more before them belong to it. */
static bool close_multiline(struct toml_reader *r, char quote)
{
	size_t n = 0;

	while (r->at + n < r->end && r->at[n] == quote && n < 5)
		n++;
	r->at += n;
	for (size_t i = n >= 3 ? 3 : 0; i < n; i++)
		nvb_sb_addc(&r->scratch, quote);
	return n >= 3;
}

static int read_multiline(struct toml_reader *r, char quote)
{
	const char *opening = r->at;
	int rc;

	r->at += 3;
	skip_newline(r);
	while (r->at < r->end) {
		if (*r->at == quote) {
			if (close_multiline(r, quote))
				return 0;
		} else if (*r->at == '\\' && quote == '"') {
			if (!skip_line_ending_backslash(r)) {
				rc = read_escape(r);
				if (rc < 0)
					return rc;
			}
		} else if (skip_newline(r)) {
			nvb_sb_addc(&r->scratch, '\n'); /* whatever the file's line ends are */
		} else {
			nvb_sb_addc(&r->scratch, *r->at++);
		}
	}
	return toml_fail_at(r, opening, "the string that begins here has no end");
}

static int read_line(struct toml_reader *r, char quote)
{
	const char *opening = r->at++;
	int rc;

	while (r->at < r->end && *r->at != '\n' && *r->at != '\r') {
		if (*r->at == quote) {
			r->at++;
			return 0;
		}
		if (*r->at == '\\' && quote == '"') {
			rc = read_escape(r);
			if (rc < 0)
				return rc;
		} else {
			nvb_sb_addc(&r->scratch, *r->at++);
		}
	}
	return toml_fail_at(r, opening, "the string that begins here has no end on its line");
}

int toml_read_string(struct toml_reader *r, bool multiline_too, const char **s, size_t *size)
{
	char quote = *r->at;
	bool multiline = r->end - r->at >= 3 && r->at[1] == quote && r->at[2] == quote;
	char *copy;
	int rc;

	r->scratch.len = 0;
	if (multiline && !multiline_too)
		return toml_fail_at(r, r->at, "a key cannot be a string of several lines");
	rc = multiline ? read_multiline(r, quote) : read_line(r, quote);
	if (rc < 0)
		return rc;
	if (r->scratch.failed)
		return nvb_fail_oom(r->err);
	copy = nvb_arena_alloc(&r->doc->arena, r->scratch.len + 1);
	if (!copy)
		return nvb_fail_oom(r->err);
	if (r->scratch.len)
		memcpy(copy, r->scratch.s, r->scratch.len);
	*s = copy;
	*size = r->scratch.len;
	return 0;
}

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '-';
}

static int read_key_part(struct toml_reader *r, struct toml_key_part *part)
{
	const char *begin = r->at;
	char c[16];

	part->place = toml_place(r, begin);
	if (toml_next_is(r, '"') || toml_next_is(r, '\''))
		return toml_read_string(r, false, &part->s, &part->size);
	while (r->at < r->end && is_bare(*r->at))
		r->at++;
	if (r->at == begin)
		return toml_fail_at(r, begin, "%s where a key should stand", toml_describe(r, begin, c));
	part->size = (size_t)(r->at - begin);
	part->s = nvb_arena_strndup(&r->doc->arena, begin, part->size);
	return part->s ? 0 : nvb_fail_oom(r->err);
}

int toml_read_key(struct toml_reader *r, size_t room, struct toml_key *key)
{
	int rc;

	for (key->count = 0;;) {
		if (key->count == room)
			return toml_fail_at(r, r->at, "nested more than %d deep", NVB_TOML_DEPTH);
		rc = read_key_part(r, &key->parts[key->count]);
		if (rc < 0)
			return rc;
		key->count++;
		toml_skip_space(r);
		if (!toml_accept(r, "."))
			return 0;
		toml_skip_space(r);
	}
}
