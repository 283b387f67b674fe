/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "boltfile/variables.h"

struct line {
	const char *at, *end;
	const char *file;
	unsigned number;
};

static void skip_blanks(struct line *l)
{
	while (l->at < l->end && isblank((unsigned char)*l->at))
		l->at++;
}

static int fail(const struct line *l, nvb_error **err, const char *what)
{
	return nvb_fail(err, NVB_ERR_INVALID, "%s:%u: %s", l->file, l->number, what);
}

/* '...' as it stands, "..." with the escapes that shells and compose know. */
static int quoted(struct line *l, struct nvb_strbuf *value, nvb_error **err)
{
	char quote = *l->at++;

	for (; l->at < l->end && *l->at != quote; l->at++) {
		char c = *l->at;

		if (quote == '"' && c == '\\' && l->at + 1 < l->end) {
			c = *++l->at;
			c = (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c);
		}
		nvb_sb_addc(value, c);
	}
	if (l->at == l->end)
		return fail(l, err, "the quote is not closed on its line");
	l->at++;
	skip_blanks(l);
	return l->at == l->end || *l->at == '#' ? 0 : fail(l, err, "something follows the closing quote");
}

/* Up to a comment, which blanks set apart, or the end; blanks at the end are cut off. */
static void bare(struct line *l, struct nvb_strbuf *value)
{
	const char *s = l->at, *end = l->end;

	for (const char *p = s; p < l->end; p++)
		if (*p == '#' && (p == s || isblank((unsigned char)p[-1]))) {
			end = p;
			break;
		}
	while (end > s && isblank((unsigned char)end[-1]))
		end--;
	nvb_sb_addn(value, s, (size_t)(end - s));
}

static int read_line(struct line *l, char ***list, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	const char *name;
	int rc = 0;

	skip_blanks(l);
	if (l->at == l->end || *l->at == '#')
		return 0;
	if (l->end - l->at > 7 && memcmp(l->at, "export", 6) == 0 && isblank((unsigned char)l->at[6])) {
		l->at += 6;
		skip_blanks(l);
	}
	for (name = l->at; l->at < l->end && (isalnum((unsigned char)*l->at) || *l->at == '_'); l->at++)
		;
	if (l->at == name || isdigit((unsigned char)*name))
		return fail(l, err, "no name of a variable, which letters, digits and '_' make up");
	nvb_sb_addn(&out, name, (size_t)(l->at - name));
	skip_blanks(l);
	if (l->at == l->end || *l->at != '=')
		return fail(l, err, "there is no '=' behind the name");
	l->at++;
	skip_blanks(l);
	nvb_sb_addc(&out, '=');
	if (l->at < l->end && (*l->at == '"' || *l->at == '\''))
		rc = quoted(l, &out, err);
	else
		bare(l, &out);
	if (rc < 0)
		return rc;
	return !out.failed && nvb_strv_add(list, out.s) ? 0 : nvb_fail_oom(err);
}

int nvb_dotenv_parse(const char *data, size_t size, const char *file, char ***list, nvb_error **err)
{
	_cleanup_strv_ char **found = calloc(1, sizeof(*found));
	struct line line = {.file = file};
	int rc = 0;

	if (!found)
		return nvb_fail_oom(err);
	if (memchr(data, '\0', size))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: holds a NUL character", file);
	for (const char *s = data, *end = data + size; rc == 0 && s < end;) {
		const char *newline = memchr(s, '\n', (size_t)(end - s));
		const char *stop = newline ? newline : end;

		line.at = s;
		line.end = stop > s && stop[-1] == '\r' ? stop - 1 : stop;
		line.number++;
		rc = read_line(&line, &found, err);
		s = newline ? newline + 1 : end;
	}
	if (rc < 0)
		return rc;
	*list = NVB_TAKE_PTR(found);
	return 0;
}
