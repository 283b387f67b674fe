/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/diff.h"

/*
 * E. Myers, "An O(ND) Difference Algorithm" (1986), the greedy form: cheap while the texts differ in few
 * lines, which is what edits of ours do. Past MOST_CHANGES lines one block replaces the other.
 */
enum { CONTEXT = 3, MOST_CHANGES = 1000 };

struct line {
	const char *s;
	size_t size; /* its newline included */
};

struct text {
	struct line *lines;
	size_t count, capacity;
};

/* One line of the result: ' ', '-' or '+'. */
struct step {
	char kind;
	struct line line;
};

struct script {
	struct step *steps;
	size_t count, capacity;
};

static bool cut(struct text *text, const char *s, size_t size)
{
	while (size) {
		const char *newline = memchr(s, '\n', size);
		size_t n = newline ? (size_t)(newline - s) + 1 : size;

		if (!NVB_GROW(text->lines, text->count, text->capacity))
			return false;
		text->lines[text->count++] = (struct line){s, n};
		s += n;
		size -= n;
	}
	return true;
}

static bool same(const struct line *a, const struct line *b)
{
	return a->size == b->size && memcmp(a->s, b->s, a->size) == 0;
}

static bool add(struct script *script, char kind, const struct line *line)
{
	if (!NVB_GROW(script->steps, script->count, script->capacity))
		return false;
	script->steps[script->count++] = (struct step){kind, *line};
	return true;
}

/*
 * Furthest reaching paths: after d changes, ends[d][k + d] is how far into the old text diagonal k gets. Row
 * d has 2d + 1 entries; *changes gets the d that reaches both ends, or -1 when that takes too many.
 */
static bool search(const struct text *old, const struct text *new, long **ends, long *changes)
{
	long n = (long)old->count, m = (long)new->count;

	*changes = -1;
	for (long d = 0; d <= MOST_CHANGES; d++) {
		ends[d] = calloc((size_t)(2 * d + 1), sizeof(long));
		if (!ends[d])
			return false;
		for (long k = -d; k <= d; k += 2) {
			const long *last = d ? ends[d - 1] + (d - 1) : NULL;
			long x = 0;

			if (d)
				x = k == -d || (k != d && last[k - 1] < last[k + 1]) ? last[k + 1]
										     : last[k - 1] + 1;
			while (x < n && x - k < m && same(&old->lines[x], &new->lines[x - k]))
				x++;
			ends[d][k + d] = x;
			if (k == n - m && x >= n) {
				*changes = d;
				return true;
			}
		}
	}
	return true;
}

/* The way back from both ends, as steps in reverse order. */
static bool trace(
	struct script *back, const struct text *old, const struct text *new, long **ends, long changes)
{
	long x = (long)old->count, y = (long)new->count;

	for (long d = changes; d > 0; d--) {
		const long *last = ends[d - 1] + (d - 1);
		long k = x - y;
		bool down = k == -d || (k != d && last[k - 1] < last[k + 1]);
		long from_x = down ? last[k + 1] : last[k - 1], from_y = from_x - (down ? k + 1 : k - 1);

		while (x > from_x + !down && y > from_y + down) {
			x--;
			y--;
			if (!add(back, ' ', &old->lines[x]))
				return false;
		}
		if (!(down ? add(back, '+', &new->lines[--y]) : add(back, '-', &old->lines[--x])))
			return false;
	}
	while (x > 0)
		if (!add(back, ' ', &old->lines[--x]))
			return false;
	return true;
}

static bool replace_all(struct script *back, const struct text *old, const struct text *new)
{
	for (size_t i = new->count; i-- > 0;)
		if (!add(back, '+', &new->lines[i]))
			return false;
	for (size_t i = old->count; i-- > 0;)
		if (!add(back, '-', &old->lines[i]))
			return false;
	return true;
}

static bool compare(struct script *script, const struct text *old, const struct text *new)
{
	long **ends = calloc(MOST_CHANGES + 1, sizeof(*ends)), changes = -1;
	bool fine = ends && search(old, new, ends, &changes);

	if (fine)
		fine = changes >= 0 ? trace(script, old, new, ends, changes) : replace_all(script, old, new);
	for (size_t i = 0; ends && i <= MOST_CHANGES; i++)
		free(ends[i]);
	free(ends);
	for (size_t i = 0; i < script->count / 2; i++) {
		struct step step = script->steps[i];

		script->steps[i] = script->steps[script->count - 1 - i];
		script->steps[script->count - 1 - i] = step;
	}
	return fine;
}

/* From the first change at or behind `from`, with context, to the last one before a longer quiet stretch. */
static bool next_hunk(const struct script *script, size_t from, size_t *begin, size_t *end)
{
	size_t first = from, last;

	while (first < script->count && script->steps[first].kind == ' ')
		first++;
	if (first == script->count)
		return false;
	last = first;
	for (size_t i = first; i < script->count && i <= last + 2 * CONTEXT; i++)
		if (script->steps[i].kind != ' ')
			last = i;
	*begin = first - from > CONTEXT ? first - CONTEXT : from;
	*end = last + 1 + CONTEXT < script->count ? last + 1 + CONTEXT : script->count;
	return true;
}

static void add_range(struct nvb_strbuf *out, size_t line, size_t count)
{
	/* An empty range is named by the line before it. */
	nvb_sb_addf(out, count == 1 ? "%zu" : "%zu,%zu", count ? line + 1 : line, count);
}

static void print_hunk(
	struct nvb_strbuf *out, const struct script *script, size_t begin, size_t end, const size_t lines[2])
{
	size_t old = 0, new = 0;

	for (size_t i = begin; i < end; i++) {
		old += script->steps[i].kind != '+';
		new += script->steps[i].kind != '-';
	}
	nvb_sb_add(out, "@@ -");
	add_range(out, lines[0], old);
	nvb_sb_add(out, " +");
	add_range(out, lines[1], new);
	nvb_sb_add(out, " @@\n");
	for (size_t i = begin; i < end; i++) {
		const struct line *line = &script->steps[i].line;

		nvb_sb_addc(out, script->steps[i].kind);
		nvb_sb_addn(out, line->s, line->size);
		if (line->s[line->size - 1] != '\n')
			nvb_sb_add(out, "\n\\ No newline at end of file\n");
	}
}

static void print_script(struct nvb_strbuf *out, const struct script *script)
{
	size_t at = 0, begin, end, lines[2] = {0, 0};

	while (next_hunk(script, at, &begin, &end)) {
		for (; at < end; at++) {
			if (at == begin)
				print_hunk(out, script, begin, end, lines);
			lines[0] += script->steps[at].kind != '+';
			lines[1] += script->steps[at].kind != '-';
		}
	}
}

bool nvb_diff_unified(struct nvb_strbuf *out, const char *path, const char *old, size_t old_size,
	const char *new, size_t new_size)
{
	struct text left = {0}, right = {0};
	struct script script = {0};
	bool fine = cut(&left, old ? old : "", old ? old_size : 0) &&
		    cut(&right, new ? new : "", new ? new_size : 0) && compare(&script, &left, &right);

	if (fine && (script.count || !old != !new)) {
		bool differs = !old != !new;

		for (size_t i = 0; i < script.count; i++)
			differs = differs || script.steps[i].kind != ' ';
		if (differs)
			nvb_sb_addf(
				out, "--- %s\n+++ %s\n", old ? path : "/dev/null", new ? path : "/dev/null");
		print_script(out, &script);
	}
	free(left.lines);
	free(right.lines);
	free(script.steps);
	return fine && !out->failed;
}
