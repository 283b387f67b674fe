/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "screen.h"

/* The selected GPU's past, and what of it has no column. */

static const struct {
	const char *title;
	enum screen_style style;
	enum nvb_metric metric;
	const char *top; /* what the upper edge means */
} graphs[NVB_HISTORY_COUNT] = {
	[NVB_HISTORY_UTILIZATION] = {"utilization", STYLE_UTILIZATION, NVB_METRIC_UTILIZATION, "100%"},
	[NVB_HISTORY_MEMORY] = {"memory", STYLE_MEMORY, NVB_METRIC_MEMORY_USED, NULL},
	[NVB_HISTORY_POWER] = {"power", STYLE_POWER, NVB_METRIC_POWER, NULL},
	[NVB_HISTORY_TEMPERATURE] = {"temperature", STYLE_TEMPERATURE, NVB_METRIC_TEMPERATURE, "100C"},
};

/* Eighths of a line from below; without UTF-8 what looks alike. */
static wchar_t level(const struct screen *s, int eighths)
{
	static const wchar_t blocks[] = L" \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588";
	static const wchar_t ascii[] = L" ..::||##";

	return (s->utf8 ? blocks : ascii)[eighths < 0 ? 0 : eighths > 8 ? 8 : eighths];
}

static void draw_curve(const struct screen *s, int y, int x, int width, int rows, size_t gpu, int kind)
{
	attron(draw_style(s, graphs[kind].style));
	for (int i = 0; i < width; i++) {
		float share = nvb_history_at(
			&s->history, gpu, (enum nvb_history_kind)kind, (size_t)(width - 1 - i));
		int eighths;

		if (isnan(share))
			continue;
		share = share < 0 ? 0 : share > 1 ? 1 : share;
		eighths = (int)lroundf(share * (float)(rows * 8));
		/* Nothing is something else than not known. */
		if (eighths == 0)
			eighths = 1;
		for (int r = 0; r < rows && eighths > r * 8; r++) {
			wchar_t c = level(s, eighths - r * 8);

			mvaddnwstr(y + rows - 1 - r, x + i, &c, 1);
		}
	}
	attroff(draw_style(s, graphs[kind].style));
}

static void draw_graph(const struct screen *s, int y, int x, int width, int rows, size_t gpu, int kind)
{
	struct nvb_value whole = nvb_sample_value(s->sample, gpu,
		kind == NVB_HISTORY_MEMORY ? NVB_METRIC_MEMORY_TOTAL : NVB_METRIC_POWER_LIMIT);
	char now[NVB_VIEW_CELL], top[NVB_VIEW_CELL], title[3 * NVB_VIEW_CELL];

	nvb_view_value(nvb_sample_value(s->sample, gpu, graphs[kind].metric), graphs[kind].metric, now);
	snprintf(title, sizeof(title), "%s %s", graphs[kind].title, now);
	draw_text(s, y, x, width, graphs[kind].style, title);
	if (!graphs[kind].top)
		nvb_view_value(whole,
			kind == NVB_HISTORY_MEMORY ? NVB_METRIC_MEMORY_TOTAL : NVB_METRIC_POWER_LIMIT, top);
	draw_right(s, y, x + width - 8, 8, STYLE_DIM, graphs[kind].top ? graphs[kind].top : top);
	draw_curve(s, y + 1, x, width, rows - 1, gpu, kind);
}

void draw_graphs(const struct screen *s, int y, int rows)
{
	size_t gpu = screen_gpu(s);
	int count = COLS >= 160 ? 4 : COLS >= 110 ? 3 : 2, width = (COLS - 2 - (count - 1) * 2) / count;

	if (gpu == SIZE_MAX || rows < 3 || width < 10)
		return;
	for (int i = 0; i < count; i++)
		draw_graph(s, y, 1 + i * (width + 2), width, rows, gpu, i);
}

/* Details: words and values, one after the other, as many lines as there are. */

struct flow {
	const struct screen *s;
	int y, x, left; /* lines */
};

static void flow_put(struct flow *f, const char *label, const char *text, enum screen_style style)
{
	int width = (int)(strlen(label) + 1 + strlen(text));

	if (f->x > 1 && f->x + width >= COLS) {
		f->y++;
		f->left--;
		f->x = 1;
	}
	if (f->left <= 0)
		return;
	draw_text(f->s, f->y, f->x, COLS - f->x - 1, STYLE_DIM, label);
	f->x += (int)strlen(label) + 1;
	draw_text(f->s, f->y, f->x, COLS - f->x - 1, style, text);
	f->x += (int)strlen(text) + 2;
}

static void flow_value(struct flow *f, size_t gpu, const char *label, enum nvb_metric metric)
{
	struct nvb_value value = nvb_sample_value(f->s->sample, gpu, metric);
	char text[NVB_VIEW_CELL];

	flow_put(f, label, nvb_view_value(value, metric, text),
		value.state == NVB_VALUE_KNOWN ? STYLE_NORMAL : STYLE_DIM);
}

static void flow_link(struct flow *f, size_t gpu)
{
	struct nvb_value generation = nvb_sample_value(f->s->sample, gpu, NVB_METRIC_PCIE_GENERATION);
	struct nvb_value width = nvb_sample_value(f->s->sample, gpu, NVB_METRIC_PCIE_WIDTH);
	const struct nvb_sample_gpu *info = nvb_sample_gpu(f->s->sample, gpu);
	char text[NVB_VIEW_CELL] = NVB_VIEW_NOTHING;
	bool less = false;

	if (generation.state == NVB_VALUE_KNOWN && width.state == NVB_VALUE_KNOWN) {
		snprintf(text, sizeof(text), "gen%.0f x%.0f", generation.value, width.value);
		/* Generations change with the load; lanes do not. */
		less = info->pcie_width_max && width.value < info->pcie_width_max;
	}
	flow_put(f, "PCIe", text, less ? STYLE_WARN : STYLE_NORMAL);
}

static void flow_rates(struct flow *f, size_t gpu, const char *label, enum nvb_metric rx, enum nvb_metric tx)
{
	char a[NVB_VIEW_CELL], b[NVB_VIEW_CELL], text[3 * NVB_VIEW_CELL];

	snprintf(text, sizeof(text), "%s %s", nvb_view_value(nvb_sample_value(f->s->sample, gpu, rx), rx, a),
		nvb_view_value(nvb_sample_value(f->s->sample, gpu, tx), tx, b));
	flow_put(f, label, text, STYLE_NORMAL);
}

static void flow_errors(struct flow *f, size_t gpu)
{
	static const struct {
		const char *label;
		enum nvb_metric metric;
	} errors[] = {{"ECC errors", NVB_METRIC_ECC_UNCORRECTED}, {"corrected", NVB_METRIC_ECC_CORRECTED},
		{"Xids", NVB_METRIC_XID_ERRORS}, {"last Xid", NVB_METRIC_LAST_XID}};

	for (size_t i = 0; i < NVB_ELEMENTS(errors); i++) {
		struct nvb_value value = nvb_sample_value(f->s->sample, gpu, errors[i].metric);
		char text[NVB_VIEW_CELL];

		if (value.state == NVB_VALUE_KNOWN)
			flow_put(f, errors[i].label, nvb_view_value(value, errors[i].metric, text),
				value.value > 0 ? STYLE_BAD : STYLE_NORMAL);
	}
}

/* The driver has news of utilisation a few times a second: how old what is shown is. */
static void flow_age(struct flow *f, size_t gpu)
{
	struct nvb_value value = nvb_sample_value(f->s->sample, gpu, NVB_METRIC_UTILIZATION);
	char text[NVB_VIEW_CELL];

	if (value.state != NVB_VALUE_KNOWN)
		return;
	snprintf(text, sizeof(text), "%llums", (unsigned long long)(value.age_ns / 1000000));
	flow_put(f, "util age", text, value.age_ns > UINT64_C(2000000000) ? STYLE_WARN : STYLE_NORMAL);
}

void draw_details(const struct screen *s, int y, int rows)
{
	size_t gpu = screen_gpu(s);
	struct flow f = {s, y, 1, rows};
	const struct nvb_sample_gpu *info = gpu == SIZE_MAX ? NULL : nvb_sample_gpu(s->sample, gpu);
	char text[256], name[160];

	if (!info)
		return;
	snprintf(name, sizeof(name), "GPU %u", info->index);
	flow_put(&f, name, info->name ? info->name : NVB_VIEW_NOTHING, STYLE_TITLE);
	flow_put(&f, "at", info->pci_address ? info->pci_address : NVB_VIEW_NOTHING, STYLE_NORMAL);
	if (info->state == NVB_SAMPLE_SLOW) {
		snprintf(text, sizeof(text), "%s for %.1fs", info->reason ? info->reason : "slow",
			(double)info->since_ns / 1e9);
		flow_put(&f, "SLOW", text, STYLE_BAD);
	}
	nvb_view_throttle(nvb_sample_value(s->sample, gpu, NVB_METRIC_THROTTLE_REASONS), text, sizeof(text));
	flow_put(&f, "throttled", *text ? text : "no", *text && *text != 'n' ? STYLE_WARN : STYLE_NORMAL);
	flow_value(&f, gpu, "SM", NVB_METRIC_SM_CLOCK);
	flow_value(&f, gpu, "memory", NVB_METRIC_MEMORY_CLOCK);
	flow_link(&f, gpu);
	flow_rates(&f, gpu, "rx tx", NVB_METRIC_PCIE_RX_RATE, NVB_METRIC_PCIE_TX_RATE);
	flow_rates(&f, gpu, "NVLink rx tx", NVB_METRIC_NVLINK_RX_RATE, NVB_METRIC_NVLINK_TX_RATE);
	flow_value(&f, gpu, "P", NVB_METRIC_PERFORMANCE_STATE);
	flow_value(&f, gpu, "mem temp", NVB_METRIC_MEMORY_TEMPERATURE);
	flow_value(&f, gpu, "fan", NVB_METRIC_FAN_SPEED);
	flow_value(&f, gpu, "mem util", NVB_METRIC_MEMORY_UTILIZATION);
	flow_value(&f, gpu, "enc", NVB_METRIC_ENCODER_UTILIZATION);
	flow_value(&f, gpu, "dec", NVB_METRIC_DECODER_UTILIZATION);
	flow_errors(&f, gpu);
	flow_age(&f, gpu);
	flow_value(&f, gpu, "energy", NVB_METRIC_ENERGY);
	flow_put(&f, "", info->uuid ? info->uuid : "", STYLE_DIM);
}
