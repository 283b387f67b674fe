/* SPDX-License-Identifier: Apache-2.0 */
#include "boltfile/variables.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"

enum { DEEPEST_DEFAULT = 8, LONGEST = 1 << 20 };

struct expansion {
	const struct nvb_boltfile_variables *variables;
	struct nvb_arena *arena;
	struct nvb_strbuf out;
	const char *missing;
	nvb_error **err;
};

static const char *look_up(char *const *list, const char *name, size_t n)
{
	const char *found = NULL;

	nvb_strv_foreach (item, list)
		if (strncmp(*item, name, n) == 0 && (*item)[n] == '=')
			found = *item + n + 1; /* the last line of a file counts */
	return found;
}

static const char *value_of(const struct nvb_boltfile_variables *variables, const char *name, size_t n)
{
	const char *value = variables ? look_up(variables->environment, name, n) : NULL;

	return value || !variables ? value : look_up(variables->file, name, n);
}

static size_t name_length(const char *s)
{
	size_t n = 0;

	if (!isalpha((unsigned char)*s) && *s != '_')
		return 0;
	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n;
}

/* The '}' that closes what begins at s; NULL when there is none. */
static const char *closing(const char *s, const char *end)
{
	unsigned depth = 0;

	for (; s < end; s++) {
		if (s[0] == '$' && s + 1 < end && s[1] == '{')
			depth++;
		if (*s == '}' && depth-- == 0)
			return s;
	}
	return NULL;
}

static int expand(struct expansion *e, const char *s, const char *end, unsigned depth);

/* What stands behind the name, up to the brace: an operator and a word, or nothing. */
static int apply(
	struct expansion *e, const char *name, size_t n, const char *rest, const char *close, unsigned depth)
{
	const char *value = value_of(e->variables, name, n);
	bool empty_counts = *rest == ':';
	bool given = value && (!empty_counts || *value);
	const char *word;

	if (rest == close) {
		if (!value && !e->missing && !(e->missing = nvb_arena_strndup(e->arena, name, n)))
			return nvb_fail_oom(e->err);
		if (value)
			nvb_sb_add(&e->out, value);
		return 0;
	}
	rest += empty_counts;
	word = rest + 1;
	if (rest == close || !strchr("-?+", *rest))
		return nvb_hint(e->err,
			nvb_fail(e->err, NVB_ERR_INVALID, "'${%.*s' is no variable", (int)(close - name + 1),
				name),
			"${NAME}, ${NAME:-default}, ${NAME:?message}, ${NAME:+other}; $$ is a plain $");
	if (*rest == '?' && !given)
		return nvb_fail(e->err, NVB_ERR_INVALID, "the variable %.*s is not set%s%.*s", (int)n, name,
			word < close ? ": " : "", (int)(close - word), word);
	if (*rest == '+')
		return given ? expand(e, word, close, depth + 1) : 0;
	if (!given)
		return expand(e, word, close, depth + 1);
	nvb_sb_add(&e->out, value);
	return 0;
}

static int braces(struct expansion *e, const char **at, const char *end, unsigned depth)
{
	const char *name = *at + 2, *close = closing(name, end);
	size_t n = name_length(name);

	if (!close)
		return nvb_hint(e->err, nvb_fail(e->err, NVB_ERR_INVALID, "'${' is not closed by '}'"),
			"$$ is a plain $");
	if (n == 0 || name + n > close)
		return nvb_hint(e->err,
			nvb_fail(e->err, NVB_ERR_INVALID, "'${%.*s' names no variable",
				(int)(close - name + 1), name),
			"$$ is a plain $");
	*at = close + 1;
	return apply(e, name, n, name + n, close, depth);
}

static int expand(struct expansion *e, const char *s, const char *end, unsigned depth)
{
	int rc = 0;

	if (depth > DEEPEST_DEFAULT)
		return nvb_fail(e->err, NVB_ERR_INVALID, "defaults of variables are nested too deep");
	while (rc == 0 && s < end) {
		const char *dollar = memchr(s, '$', (size_t)(end - s));
		size_t n = (size_t)((dollar ? dollar : end) - s);

		nvb_sb_addn(&e->out, s, n);
		s += n;
		if (s + 1 < end && s[1] == '{') {
			rc = braces(e, &s, end, depth);
		} else if (s < end) {
			nvb_sb_addc(&e->out, '$');
			s += s + 1 < end && s[1] == '$' ? 2 : 1;
		}
		if (e->out.len > LONGEST)
			return nvb_fail(e->err, NVB_ERR_INVALID, "the string is too long with its variables");
	}
	return rc;
}

int nvb_variables_expand(const struct nvb_boltfile_variables *variables, struct nvb_arena *arena,
	const char *text, const char **out, const char **missing, nvb_error **err)
{
	struct expansion e = {.variables = variables, .arena = arena, .err = err};
	const char *copy = text;
	int rc = 0;

	if (strchr(text, '$')) {
		rc = expand(&e, text, text + strlen(text), 0);
		copy = rc == 0 && !e.out.failed ? nvb_arena_strdup(arena, e.out.s ? e.out.s : "") : NULL;
		nvb_sb_release(&e.out);
		if (rc == 0 && !copy)
			rc = nvb_fail_oom(err);
	}
	if (rc < 0)
		return rc;
	*out = copy;
	*missing = e.missing;
	return 0;
}
