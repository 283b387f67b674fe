/* SPDX-License-Identifier: Apache-2.0 */
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "screen.h"

/* The table of processes. */

enum column {
	P_GPU,
	P_PID,
	P_USER,
	P_OWNER,
	P_KIND,
	P_MEMORY,
	P_SM,
	P_MEM,
	P_ENC,
	P_DEC,
	P_COMMAND,
	P_COUNT
};

static const struct {
	const char *head;
	int width, from; /* shown on screens of at least so many columns */
	bool right;
	enum nvb_view_sort sort; /* that sorts by it; COUNT: none */
} columns[P_COUNT] = {
	[P_GPU] = {"GPU", 5, 0, false, NVB_SORT_GPU},
	[P_PID] = {"PID", 7, 0, true, NVB_SORT_PID},
	[P_USER] = {"USER", 9, 110, false, NVB_SORT_COUNT},
	[P_OWNER] = {"CAPSULE", 19, 0, false, NVB_SORT_OWNER},
	[P_KIND] = {"KIND", 4, 70, false, NVB_SORT_COUNT},
	[P_MEMORY] = {"MEMORY", 6, 0, true, NVB_SORT_MEMORY},
	[P_SM] = {"UTIL", 4, 0, true, NVB_SORT_UTILIZATION},
	[P_MEM] = {"MEM%", 4, 100, true, NVB_SORT_COUNT},
	[P_ENC] = {"ENC%", 4, 120, true, NVB_SORT_COUNT},
	[P_DEC] = {"DEC%", 4, 120, true, NVB_SORT_COUNT},
	[P_COMMAND] = {"COMMAND", 0, 0, false, NVB_SORT_COMMAND},
};

static int width_of(int c, int x)
{
	if (COLS < columns[c].from)
		return 0;
	if (c == P_OWNER && COLS >= 120)
		return 32;
	return columns[c].width ? columns[c].width : COLS - x - 1;
}

static void draw_head(const struct screen *s, int y)
{
	char text[160];
	int x = 1;

	for (int c = 0; c < P_COUNT; c++) {
		int width = width_of(c, x);
		bool sorted = columns[c].sort == s->choice.sort;

		snprintf(text, sizeof(text), "%s", columns[c].head);
		(columns[c].right ? draw_right : draw_text)(
			s, y, x, width, sorted ? STYLE_WARN : STYLE_TITLE, text);
		x += width ? width + 1 : 0;
	}
	snprintf(text, sizeof(text), "%zu%s%s%s%s", s->row_count,
		s->row_count == 1 ? " process" : " processes", s->one_gpu ? " of this GPU" : "",
		*s->filter ? " with " : "", s->filter);
	draw_right(s, y, COLS - 36, 35, STYLE_DIM, text);
}

static void put(const struct screen *s, int c, int y, int *x, enum screen_style style, const char *text)
{
	int width = width_of(c, *x);

	(columns[c].right ? draw_right : draw_text)(s, y, *x, width, style, text);
	*x += width ? width + 1 : 0;
}

static void put_value(
	const struct screen *s, int c, int y, int *x, struct nvb_value value, enum nvb_metric as)
{
	char text[NVB_VIEW_CELL];

	put(s, c, y, x, value.state == NVB_VALUE_KNOWN ? STYLE_NORMAL : STYLE_DIM,
		nvb_view_value(value, as, text));
}

static const char *user_of(uint32_t uid, char *out, size_t size)
{
	const struct passwd *user = uid == UINT32_MAX ? NULL : getpwuid(uid);

	if (user)
		snprintf(out, size, "%s", user->pw_name);
	else if (uid == UINT32_MAX)
		snprintf(out, size, NVB_VIEW_NOTHING);
	else
		snprintf(out, size, "%u", uid);
	return out;
}

static void draw_process(const struct screen *s, int y, const struct nvb_view_row *row)
{
	const struct nvb_sample_process *p = nvb_sample_process(s->sample, row->gpu, row->process);
	const struct nvb_sample_mig *mig =
		p->mig == NVB_NO_MIG ? NULL : nvb_sample_mig(s->sample, row->gpu, p->mig);
	uint32_t index = nvb_sample_gpu(s->sample, row->gpu)->index;
	const char *command = p->command ? p->command : p->name;
	char text[NVB_VIEW_CELL];
	int x = 1;

	if (mig)
		snprintf(text, sizeof(text), "%3u:%u", index, mig->index);
	else
		snprintf(text, sizeof(text), "%3u", index);
	put(s, P_GPU, y, &x, STYLE_NORMAL, text);
	snprintf(text, sizeof(text), "%u", p->pid);
	put(s, P_PID, y, &x, STYLE_NORMAL, text);
	put(s, P_USER, y, &x, STYLE_NORMAL, user_of(p->uid, text, sizeof(text)));
	put(s, P_OWNER, y, &x, p->owner == NVB_OWNER_HOST ? STYLE_DIM : STYLE_OWNER, nvb_view_owner(p, text));
	snprintf(text, sizeof(text), "%s%s%s", p->kinds & NVB_USE_COMPUTE ? "C" : "",
		p->kinds & NVB_USE_GRAPHICS ? "G" : "", p->kinds & NVB_USE_MPS ? "M" : "");
	put(s, P_KIND, y, &x, STYLE_DIM, text);
	put_value(s, P_MEMORY, y, &x, p->memory, NVB_METRIC_MEMORY_USED);
	put_value(s, P_SM, y, &x, p->utilization, NVB_METRIC_UTILIZATION);
	put_value(s, P_MEM, y, &x, p->memory_utilization, NVB_METRIC_UTILIZATION);
	put_value(s, P_ENC, y, &x, p->encoder_utilization, NVB_METRIC_UTILIZATION);
	put_value(s, P_DEC, y, &x, p->decoder_utilization, NVB_METRIC_UTILIZATION);
	put(s, P_COMMAND, y, &x, command ? STYLE_NORMAL : STYLE_DIM, command ? command : NVB_VIEW_NOTHING);
}

void draw_processes(struct screen *s, int y, int rows)
{
	struct screen_list *list = &s->processes;

	list->rows = rows > 0 ? (size_t)rows : 0;
	if (list->rows > s->row_count)
		list->rows = s->row_count;
	if (list->selected >= s->row_count)
		list->selected = s->row_count ? s->row_count - 1 : 0;
	if (list->selected < list->top)
		list->top = list->selected;
	if (list->rows && list->selected >= list->top + list->rows)
		list->top = list->selected + 1 - list->rows;
	if (list->top + list->rows > s->row_count)
		list->top = s->row_count - list->rows;
	draw_head(s, y);
	if (!s->row_count)
		draw_text(s, y + 1, 2, COLS - 3, STYLE_DIM,
			!nvb_view_knows_processes(s->sample) ? "Who uses GPUs is not known."
			: *s->filter || s->one_gpu	     ? "No process that you chose uses a GPU."
							     : "No process uses a GPU.");
	for (size_t i = 0; i < list->rows; i++) {
		draw_process(s, y + 1 + (int)i, &s->rows[list->top + i]);
		if (s->focus == FOCUS_PROCESSES && list->top + i == list->selected)
			mvchgat(y + 1 + (int)i, 0, -1, A_REVERSE, 0, NULL);
	}
}
