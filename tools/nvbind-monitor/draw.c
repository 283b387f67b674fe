/* SPDX-License-Identifier: Apache-2.0 */
#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "cli/output.h"
#include "screen.h"

/* Pieces that the screen is made of. */

/* Of 8 colours, of 256, and what stands in for them. Pair n is style n. */
static const struct {
	short few, many;
	attr_t attributes; /* beside the colour */
	attr_t alone;	   /* without colours */
} styles[STYLE_COUNT] = {
	[STYLE_NORMAL] = {-1, -1, 0, 0},
	[STYLE_DIM] = {-1, 245, 0, A_DIM},
	[STYLE_TITLE] = {COLOR_CYAN, 75, A_BOLD, A_BOLD},
	[STYLE_CURSOR] = {-1, -1, A_REVERSE, A_REVERSE},
	[STYLE_GOOD] = {COLOR_GREEN, 77, 0, 0},
	[STYLE_WARN] = {COLOR_YELLOW, 220, 0, A_BOLD},
	[STYLE_BAD] = {COLOR_RED, 203, A_BOLD, A_BOLD},
	[STYLE_OWNER] = {COLOR_GREEN, 114, A_BOLD, A_BOLD},
	[STYLE_UTILIZATION] = {COLOR_GREEN, 77, 0, 0},
	[STYLE_MEMORY] = {COLOR_BLUE, 75, 0, 0},
	[STYLE_POWER] = {COLOR_YELLOW, 214, 0, 0},
	[STYLE_TEMPERATURE] = {COLOR_MAGENTA, 176, 0, 0},
};

void draw_begin(struct screen *s)
{
	const char *no_colour = getenv("NO_COLOR");

	s->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	s->colours = !(no_colour && *no_colour) && has_colors();
	if (!s->colours)
		return;
	start_color();
	use_default_colors();
	s->many_colours = COLORS >= 256;
	for (short i = 1; i < STYLE_COUNT; i++)
		init_pair(i, s->many_colours ? styles[i].many : styles[i].few, -1);
}

int draw_style(const struct screen *s, enum screen_style style)
{
	if (!s->colours)
		return (int)styles[style].alone;
	/* Of 8 colours none is grey. */
	if (style == STYLE_DIM && !s->many_colours)
		return (int)A_DIM;
	return (int)(styles[style].attributes | (attr_t)(style ? COLOR_PAIR(style) : 0));
}

/* As many characters as fit into `width` columns; what the terminal cannot show is '?'. */
static size_t cut(
	const struct screen *s, const char *text, int width, wchar_t *out, size_t size, int *columns)
{
	mbstate_t state = {0};
	size_t used = 0;

	*columns = 0;
	while (*text && used + 1 < size) {
		wchar_t c;
		size_t n = mbrtowc(&c, text, strlen(text), &state);
		int w;

		if (n == (size_t)-1 || n == (size_t)-2) {
			memset(&state, 0, sizeof(state));
			c = L'?';
			n = 1;
		}
		w = s->utf8 || c < 128 ? wcwidth(c) : -1;
		if (w < 0) {
			c = L'?';
			w = 1;
		}
		if (*columns + w > width)
			break;
		out[used++] = c;
		*columns += w;
		text += n;
	}
	out[used] = L'\0';
	return used;
}

static void put(const struct screen *s, int y, int x, int width, enum screen_style style, const char *text,
	bool right)
{
	_cleanup_strbuf_ struct nvb_strbuf visible = {0};
	wchar_t wide[1024];
	size_t count;
	int columns;

	if (width <= 0 || y < 0 || y >= LINES || x < 0 || x >= COLS || !text)
		return;
	nvb_sb_add_visible(&visible, text);
	if (width > COLS - x)
		width = COLS - x;
	count = cut(s, visible.s ? visible.s : "", width, wide, NVB_ELEMENTS(wide), &columns);
	attron(draw_style(s, style));
	mvaddnwstr(y, right ? x + width - columns : x, wide, (int)count);
	attroff(draw_style(s, style));
}

void draw_text(const struct screen *s, int y, int x, int width, enum screen_style style, const char *text)
{
	put(s, y, x, width, style, text, false);
}

void draw_right(const struct screen *s, int y, int x, int width, enum screen_style style, const char *text)
{
	put(s, y, x, width, style, text, true);
}

void draw_line(const struct screen *s, int y, enum screen_style style)
{
	attron(draw_style(s, style));
	mvhline(y, 0, ' ', COLS);
	attroff(draw_style(s, style));
}

void draw_bar(const struct screen *s, int y, int x, int width, enum screen_style style, float share)
{
	static const wchar_t full = L'\u2501', empty = L'\u2500';
	int filled = isnan(share) ? 0 : (int)lroundf(share * (float)width);

	/* What is there at all shows. */
	if (!isnan(share) && share > 0.005f && filled == 0)
		filled = 1;
	for (int i = 0; i < width && x + i < COLS; i++) {
		bool on = i < filled;
		wchar_t c = s->utf8 ? (on ? full : empty) : on ? L'=' : L'-';

		attron(draw_style(s, on ? style : STYLE_DIM));
		mvaddnwstr(y, x + i, &c, 1);
		attroff(draw_style(s, on ? style : STYLE_DIM));
	}
}
