/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "screen.h"

/* The page of keys. */
static const struct {
	const char *keys, *what;
} help[] = {
	{"up down", "move the cursor; Page Up, Page Down, Home, End as well"},
	{"Tab", "between GPUs and processes"},
	{"Enter", "only processes of the selected GPU, or all again"},
	{"s r", "sort processes by the next column; the other way round"},
	{"/", "only processes whose capsule, command or number has a text"},
	{"k", "end the selected process, after asking"},
	{"g m", "graphs, lines of MIG devices: on and off"},
	{"+ -", "measure more often, less often; the speed of a replay"},
	{"space", "stop the picture, go on"},
	{"left right", "back and forth in a replay"},
	{"Esc", "drop filters"},
	{"q", "leave"},
	{"", ""},
	{"UTIL", "share of the time in which a kernel ran; n/a under MIG"},
	{"USED BY", "whose processes use a GPU, and how much memory they have"},
	{"CAPSULE", "a capsule's name; docker:ID, pod:UID, slurm:JOB; host"},
	{"!", "this GPU answers too late: what you see is old"},
	{"cost", "what measuring takes of one processor core"},
	{"n/a", "the driver does not tell it of this GPU"},
};

void draw_help(const struct screen *s)
{
	int count = (int)NVB_ELEMENTS(help), width = COLS < 78 ? COLS : 78, top = (LINES - count - 4) / 2;
	int left = (COLS - width) / 2;

	top = top < 0 ? 0 : top;
	for (int i = 0; i < count + 4 && top + i < LINES; i++)
		mvhline(top + i, left, ' ', width);
	draw_text(s, top + 1, left + 3, width - 4, STYLE_TITLE,
		"Keys, and what the words mean (any key goes back)");
	for (int i = 0; i < count && top + i + 3 < LINES; i++) {
		draw_text(s, top + i + 3, left + 3, 11, STYLE_WARN, help[i].keys);
		draw_text(s, top + i + 3, left + 15, width - 17, STYLE_NORMAL, help[i].what);
	}
}
