/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "screen.h"

/* The list of GPUs: a line each, and one for each MIG device. A column that has no room is left out. */

enum column {
	C_GPU,
	C_NAME,
	C_UTILIZATION,
	C_MEMORY,
	C_POWER,
	C_TEMPERATURE,
	C_CLOCK,
	C_PCIE,
	C_NVLINK,
	C_THROTTLE,
	C_USERS,
	C_COUNT
};

/* Widths, without the blank behind. The later in `order`, the sooner left out. */
static const struct {
	const char *head;
	int width;
	bool right;
} columns[C_COUNT] = {
	[C_GPU] = {"GPU", 4, false},
	[C_NAME] = {"NAME", 9, false},
	[C_UTILIZATION] = {"UTIL", 11, true},
	[C_MEMORY] = {"MEMORY", 17, true},
	[C_POWER] = {"POWER", 8, true},
	[C_TEMPERATURE] = {"TEMP", 4, true},
	[C_CLOCK] = {"CLOCK", 7, true},
	[C_PCIE] = {"PCIE RX/TX", 13, true},
	[C_NVLINK] = {"NVLINK RX/TX", 13, true},
	[C_THROTTLE] = {"THROTTLED", 18, false},
	[C_USERS] = {"USED BY", 16, false},
};
static const enum column order[] = {C_GPU, C_UTILIZATION, C_MEMORY, C_USERS, C_TEMPERATURE, C_POWER, C_NAME,
	C_CLOCK, C_THROTTLE, C_PCIE, C_NVLINK};

struct layout {
	int x[C_COUNT], width[C_COUNT]; /* width 0: left out */
};

static struct layout lay_out(int total)
{
	struct layout l = {{0}, {0}};
	int left = total - 1, x = 1;

	for (size_t i = 0; i < NVB_ELEMENTS(order); i++) {
		enum column c = order[i];

		if (columns[c].width + 1 > left)
			break;
		l.width[c] = columns[c].width;
		left -= columns[c].width + 1;
	}
	/* What is left goes to names, bars and users. */
	for (int more = 0; l.width[C_NAME] && more < 15 && left > 6; more++, left--)
		l.width[C_NAME]++;
	for (int more = 0; l.width[C_UTILIZATION] && more < 10 && left > 20; more++, left -= 2) {
		l.width[C_UTILIZATION]++;
		l.width[C_MEMORY]++;
	}
	l.width[C_USERS] += l.width[C_USERS] ? left : 0;
	for (int c = 0; c < C_COUNT; c++) {
		l.x[c] = x;
		x += l.width[c] ? l.width[c] + 1 : 0;
	}
	return l;
}

static void draw_head(const struct screen *s, const struct layout *l, int y)
{
	char place[64] = "";

	for (int c = 0; c < C_COUNT; c++) {
		const char *head = columns[c].head;

		(columns[c].right ? draw_right : draw_text)(s, y, l->x[c], l->width[c], STYLE_TITLE, head);
	}
	if (s->gpus.rows < s->line_count)
		snprintf(place, sizeof(place), " %zu-%zu of %zu", s->gpus.top + 1, s->gpus.top + s->gpus.rows,
			s->line_count);
	draw_right(s, y, COLS - 16, 15, STYLE_DIM, place);
}

static enum screen_style by_share(float share, float warn, float bad, enum screen_style normal)
{
	return isnan(share) ? STYLE_DIM : share >= bad ? STYLE_BAD : share >= warn ? STYLE_WARN : normal;
}

/* A bar, and the text at its right. */
static void draw_share(const struct screen *s, int y, int x, int width, int text_width,
	enum screen_style style, float share, const char *text)
{
	int bar = width - text_width - 1;

	if (bar >= 3)
		draw_bar(s, y, x, bar, style, share);
	draw_right(s, y, x + width - text_width, text_width, isnan(share) ? STYLE_DIM : STYLE_NORMAL, text);
}

static void memory_text(struct nvb_value used, struct nvb_value total, char *out, size_t size)
{
	char a[NVB_VIEW_CELL], b[NVB_VIEW_CELL];

	if (used.state == NVB_VALUE_KNOWN && total.state == NVB_VALUE_KNOWN)
		snprintf(out, size, "%s/%s", nvb_view_bytes(used.value, a), nvb_view_bytes(total.value, b));
	else
		snprintf(out, size, NVB_VIEW_NOTHING);
}

static float share_of(struct nvb_value part, struct nvb_value whole)
{
	return part.state == NVB_VALUE_KNOWN && whole.state == NVB_VALUE_KNOWN && whole.value > 0
		       ? (float)(part.value / whole.value)
		       : NAN;
}

static void rates(
	const nvb_sample *sample, size_t g, enum nvb_metric rx, enum nvb_metric tx, char *out, size_t size)
{
	struct nvb_value a = nvb_sample_value(sample, g, rx), b = nvb_sample_value(sample, g, tx);
	char x[NVB_VIEW_CELL], y[NVB_VIEW_CELL];

	if (a.state == NVB_VALUE_KNOWN && b.state == NVB_VALUE_KNOWN)
		snprintf(out, size, "%s/%s", nvb_view_bytes(a.value, x), nvb_view_bytes(b.value, y));
	else
		snprintf(out, size, NVB_VIEW_NOTHING);
}

static void draw_value(const struct screen *s, const struct layout *l, enum column c, int y, size_t g,
	enum nvb_metric metric, enum screen_style style)
{
	struct nvb_value value = nvb_sample_value(s->sample, g, metric);
	char text[NVB_VIEW_CELL];

	draw_right(s, y, l->x[c], l->width[c], value.state == NVB_VALUE_KNOWN ? style : STYLE_DIM,
		nvb_view_value(value, metric, text));
}

static void draw_power(const struct screen *s, const struct layout *l, int y, size_t g)
{
	struct nvb_value power = nvb_sample_value(s->sample, g, NVB_METRIC_POWER);
	struct nvb_value limit = nvb_sample_value(s->sample, g, NVB_METRIC_POWER_LIMIT);
	char text[NVB_VIEW_CELL];

	if (power.state == NVB_VALUE_KNOWN && limit.state == NVB_VALUE_KNOWN)
		snprintf(text, sizeof(text), "%.0f/%.0fW", power.value, limit.value);
	else
		nvb_view_value(power, NVB_METRIC_POWER, text);
	draw_right(s, y, l->x[C_POWER], l->width[C_POWER],
		power.state == NVB_VALUE_KNOWN ? STYLE_NORMAL : STYLE_DIM, text);
}

static void draw_users(const struct screen *s, const struct layout *l, int y, size_t g, uint32_t mig)
{
	char text[1024];

	nvb_view_users(s->sample, g, mig, text, sizeof(text));
	if (*text)
		draw_text(s, y, l->x[C_USERS], l->width[C_USERS], STYLE_OWNER, text);
	else
		draw_text(s, y, l->x[C_USERS], l->width[C_USERS], STYLE_DIM, "-");
}

static void draw_values(const struct screen *s, const struct layout *l, int y, size_t g)
{
	struct nvb_value used = nvb_sample_value(s->sample, g, NVB_METRIC_MEMORY_USED);
	struct nvb_value total = nvb_sample_value(s->sample, g, NVB_METRIC_MEMORY_TOTAL);
	float utilization = nvb_history_share(s->sample, g, NVB_HISTORY_UTILIZATION);
	float heat = nvb_history_share(s->sample, g, NVB_HISTORY_TEMPERATURE);
	char text[256];

	nvb_view_value(nvb_sample_value(s->sample, g, NVB_METRIC_UTILIZATION), NVB_METRIC_UTILIZATION, text);
	draw_share(
		s, y, l->x[C_UTILIZATION], l->width[C_UTILIZATION], 4, STYLE_UTILIZATION, utilization, text);
	memory_text(used, total, text, sizeof(text));
	draw_share(s, y, l->x[C_MEMORY], l->width[C_MEMORY], 11,
		by_share(share_of(used, total), 0.9f, 0.98f, STYLE_MEMORY), share_of(used, total), text);
	draw_power(s, l, y, g);
	draw_value(
		s, l, C_TEMPERATURE, y, g, NVB_METRIC_TEMPERATURE, by_share(heat, 0.8f, 0.9f, STYLE_NORMAL));
	draw_value(s, l, C_CLOCK, y, g, NVB_METRIC_SM_CLOCK, STYLE_NORMAL);
	rates(s->sample, g, NVB_METRIC_PCIE_RX_RATE, NVB_METRIC_PCIE_TX_RATE, text, sizeof(text));
	draw_right(s, y, l->x[C_PCIE], l->width[C_PCIE], STYLE_NORMAL, text);
	rates(s->sample, g, NVB_METRIC_NVLINK_RX_RATE, NVB_METRIC_NVLINK_TX_RATE, text, sizeof(text));
	draw_right(s, y, l->x[C_NVLINK], l->width[C_NVLINK], STYLE_NORMAL, text);
	nvb_view_throttle(nvb_sample_value(s->sample, g, NVB_METRIC_THROTTLE_REASONS), text, sizeof(text));
	draw_text(s, y, l->x[C_THROTTLE], l->width[C_THROTTLE], *text ? STYLE_WARN : STYLE_DIM,
		*text ? text : "no");
	draw_users(s, l, y, g, NVB_NO_MIG);
}

static void draw_gpu(const struct screen *s, const struct layout *l, int y, size_t g)
{
	const struct nvb_sample_gpu *gpu = nvb_sample_gpu(s->sample, g);
	const char *name = gpu->name ? gpu->name : NVB_VIEW_NOTHING;
	char text[512];

	/* All are NVIDIA's, and room is short. */
	name = nvb_after(name, "NVIDIA ") ? nvb_after(name, "NVIDIA ") : name;
	name = nvb_after(name, "GeForce ") ? nvb_after(name, "GeForce ") : name;
	snprintf(text, sizeof(text), "%3u", gpu->index);
	draw_text(s, y, l->x[C_GPU], l->width[C_GPU], STYLE_NORMAL, text);
	draw_text(s, y, l->x[C_NAME], l->width[C_NAME], STYLE_NORMAL, name);
	if (gpu->state == NVB_SAMPLE_FINE || gpu->state == NVB_SAMPLE_SLOW) {
		draw_values(s, l, y, g);
	} else {
		const char *state = nvb_sample_state_name(gpu->state), *why = nvb_view_state(s->sample, g);
		int x = l->x[C_UTILIZATION];

		snprintf(text, sizeof(text), "%s%s%s", state, why == state ? "" : ": ",
			why == state ? "" : why);
		draw_text(s, y, x, COLS - x - 1, gpu->state == NVB_SAMPLE_WAITING ? STYLE_WARN : STYLE_BAD,
			text);
	}
	if (gpu->state == NVB_SAMPLE_SLOW)
		draw_text(s, y, l->x[C_GPU] + 3, 1, STYLE_BAD, "!");
}

static void draw_mig(const struct screen *s, const struct layout *l, int y, size_t g, uint32_t m)
{
	const struct nvb_sample_mig *mig = nvb_sample_mig(s->sample, g, m);
	struct nvb_value used = nvb_sample_mig_value(s->sample, g, m, NVB_METRIC_MEMORY_USED);
	struct nvb_value total = nvb_sample_mig_value(s->sample, g, m, NVB_METRIC_MEMORY_TOTAL);
	char text[128];

	snprintf(text, sizeof(text), "%2u:%u", nvb_sample_gpu(s->sample, g)->index, mig->index);
	draw_text(s, y, l->x[C_GPU], l->width[C_GPU], STYLE_DIM, text);
	snprintf(text, sizeof(text), " %s%s", l->width[C_NAME] >= 14 ? "MIG " : "",
		mig->profile ? mig->profile : "MIG");
	draw_text(s, y, l->x[C_NAME], l->width[C_NAME], STYLE_NORMAL, text);
	/* The driver has no utilisation of a part. */
	draw_right(s, y, l->x[C_UTILIZATION], l->width[C_UTILIZATION], STYLE_DIM, NVB_VIEW_NOTHING);
	memory_text(used, total, text, sizeof(text));
	draw_share(s, y, l->x[C_MEMORY], l->width[C_MEMORY], 11, STYLE_MEMORY, share_of(used, total), text);
	draw_users(s, l, y, g, m);
}

void draw_gpus(struct screen *s, int y, int rows)
{
	struct layout l = lay_out(COLS);

	s->gpus.rows = rows > 0 ? (size_t)rows : 0;
	if (s->gpus.rows > s->line_count)
		s->gpus.rows = s->line_count;
	if (s->gpus.selected < s->gpus.top)
		s->gpus.top = s->gpus.selected;
	if (s->gpus.selected >= s->gpus.top + s->gpus.rows)
		s->gpus.top = s->gpus.selected + 1 - s->gpus.rows;
	if (s->gpus.top + s->gpus.rows > s->line_count)
		s->gpus.top = s->line_count - s->gpus.rows;
	draw_head(s, &l, y);
	for (size_t i = 0; i < s->gpus.rows; i++) {
		const struct nvb_view_line *line = &s->lines[s->gpus.top + i];
		int at = y + 1 + (int)i;

		if (line->mig == NVB_NO_MIG)
			draw_gpu(s, &l, at, line->gpu);
		else
			draw_mig(s, &l, at, line->gpu, line->mig);
		if (s->gpus.top + i == s->gpus.selected)
			mvchgat(at, 0, s->focus == FOCUS_GPUS ? -1 : 5, A_REVERSE, 0, NULL);
	}
}
