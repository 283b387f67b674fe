/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

/* Text of foreign origin, made fit for a terminal. */

/* Decodes the sequence at s (well-formed UTF-8 of n bytes). */
static uint32_t code_point(const unsigned char *s, size_t n)
{
	static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c = s[0] & masks[n];

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (s[i] & 0x3f);
	return c;
}

/* Bytes of the well-formed sequence at s, 0 when there is none. */
static size_t sequence(const char *s)
{
	size_t n = (unsigned char)*s < 0x80   ? 1
		   : (unsigned char)*s < 0xe0 ? 2
		   : (unsigned char)*s < 0xf0 ? 3
					      : 4;

	return strnlen(s, n) == n && nvb_utf8_valid(s, n) ? n : 0;
}

/* Control characters (C0, DEL, C1), and what reorders or hides the text around it: marks and overrides of
 * direction, line and paragraph separators, zero-width characters (Unicode, "Trojan Source"). */
static bool is_hostile(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0x061c || c == 0xfeff;
}

static void add_escaped(struct nvb_strbuf *sb, uint32_t c)
{
	if (c == '\n')
		nvb_sb_add(sb, "\\n");
	else if (c == '\t')
		nvb_sb_add(sb, "\\t");
	else if (c < 0x80)
		nvb_sb_addf(sb, "\\x%02x", c);
	else
		nvb_sb_addf(sb, "\\u%04x", c);
}

void nvb_sb_add_visible(struct nvb_strbuf *sb, const char *s)
{
	while (*s) {
		size_t n = sequence(s);
		uint32_t c = n ? code_point((const unsigned char *)s, n) : 0;

		if (!n)
			nvb_sb_addf(sb, "\\x%02x", (unsigned char)*s);
		else if (is_hostile(c))
			add_escaped(sb, c);
		else
			nvb_sb_addn(sb, s, n);
		s += n ? n : 1;
	}
}

/* Blocks of East Asian Wide and Fullwidth characters (Unicode 15, EastAsianWidth.txt, merged where the gaps
 * are unassigned), and of combining marks. The C library's wcwidth would need the user's locale to be set. */
static const struct range {
	uint32_t first, last;
	unsigned char width;
} ranges[] = {
	{0x0300, 0x036f, 0},
	{0x1100, 0x115f, 2},
	{0x1ab0, 0x1aff, 0},
	{0x1dc0, 0x1dff, 0},
	{0x20d0, 0x20ff, 0},
	{0x2e80, 0x303e, 2},
	{0x3041, 0xa4cf, 2},
	{0xa960, 0xa97f, 2},
	{0xac00, 0xd7a3, 2},
	{0xf900, 0xfaff, 2},
	{0xfe00, 0xfe0f, 0},
	{0xfe20, 0xfe2f, 0},
	{0xfe30, 0xfe6f, 2},
	{0xff01, 0xff60, 2},
	{0xffe0, 0xffe6, 2},
	{0x1f300, 0x1f64f, 2},
	{0x1f900, 0x1f9ff, 2},
	{0x20000, 0x3fffd, 2},
};

static size_t width_of(uint32_t c)
{
	for (size_t i = 0; i < NVB_ELEMENTS(ranges) && ranges[i].first <= c; i++)
		if (c <= ranges[i].last)
			return ranges[i].width;
	return 1;
}

size_t nvb_text_width(const char *s)
{
	size_t width = 0;

	while (*s) {
		size_t n = sequence(s);

		width += n ? width_of(code_point((const unsigned char *)s, n)) : 1;
		s += n ? n : 1;
	}
	return width;
}
