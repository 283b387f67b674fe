/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "cli/output.h"

enum {
	WIDEST_BAR = 40,
	NARROWEST_BAR = 8,
	LONGEST_LABEL = 40,
	NUMBERS_COLUMNS = 52, /* amount, rate and time left at their widest */
};
static const uint64_t second = 1000000000, redraw_after = 100000000;

/* True while a line of ours stands on the terminal: whoever prints something else wipes it first. */
static atomic_bool line_on_screen;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * second + (uint64_t)t.tv_nsec;
}

void nvb_progress_clear_line(void)
{
	static const char wipe[] = "\r\x1b[K";

	if (atomic_exchange(&line_on_screen, false))
		nvb_write_all(STDERR_FILENO, wipe, sizeof(wipe) - 1);
}

static void add_bar(struct nvb_strbuf *line, const struct nvb_progress *p, size_t columns)
{
	uint64_t done = p->done < p->total ? p->done : p->total;
	size_t filled = (size_t)((double)done / (double)p->total * (double)columns);

	nvb_sb_addc(line, '[');
	for (size_t i = 0; i < columns; i++)
		nvb_sb_addc(line, i < filled ? '=' : i == filled ? '>' : ' ');
	nvb_sb_addf(line, "] %3u%%  ", (unsigned)((double)done * 100.0 / (double)p->total));
}

static void add_time_left(struct nvb_strbuf *line, double seconds)
{
	unsigned long s = (unsigned long)(seconds + 0.5);

	if (seconds > 99 * 3600.0)
		return;
	if (s >= 3600)
		nvb_sb_addf(line, "  %lu:%02lu:%02lu left", s / 3600, s / 60 % 60, s % 60);
	else
		nvb_sb_addf(line, "  %02lu:%02lu left", s / 60, s % 60);
}

static void add_numbers(struct nvb_strbuf *line, const struct nvb_progress *p, uint64_t time)
{
	double seconds = (double)(time - p->started) / (double)second;
	double rate = seconds > 0 ? (double)p->done / seconds : 0;
	char buffer[16];

	nvb_sb_add(line, nvb_format_bytes(p->done, buffer, sizeof(buffer)));
	if (p->total)
		nvb_sb_addf(line, " / %s", nvb_format_bytes(p->total, buffer, sizeof(buffer)));
	/* A rate of the first moments says nothing. */
	if (seconds < 0.5 || rate < 1)
		return;
	nvb_sb_addf(line, "  %s/s", nvb_format_bytes((uint64_t)rate, buffer, sizeof(buffer)));
	if (p->total > p->done)
		add_time_left(line, (double)(p->total - p->done) / rate);
}

/* Cut to the terminal, since a line that wraps cannot be wiped. Only the label can hold wide characters. */
static void add_label(struct nvb_strbuf *line, const char *label, size_t columns)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	nvb_sb_add_visible(&text, label);
	if (!text.s)
		return;
	while (nvb_text_width(text.s) > columns) {
		while ((text.s[--text.len] & 0xc0) == 0x80)
			;
		text.s[text.len] = '\0';
	}
	nvb_sb_addf(line, "%s  ", text.s);
}

static void draw(struct nvb_progress *p, uint64_t time)
{
	size_t width = nvb_terminal_width(stderr);
	size_t room = width > NUMBERS_COLUMNS ? width - NUMBERS_COLUMNS : 0;
	size_t label = room / 2 < LONGEST_LABEL ? room / 2 : LONGEST_LABEL;
	size_t bar = room - label < WIDEST_BAR ? room - label : WIDEST_BAR;
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	nvb_sb_add(&line, "\r\x1b[K");
	add_label(&line, p->label, label);
	if (p->total && bar >= NARROWEST_BAR)
		add_bar(&line, p, bar);
	add_numbers(&line, p, time);
	if (line.failed)
		return;
	nvb_write_all(STDERR_FILENO, line.s, line.len);
	atomic_store(&line_on_screen, true);
	p->drawn = time;
}

void nvb_progress_begin(struct nvb_progress *p, const char *label, uint64_t total)
{
	const char *term = getenv("TERM");

	*p = (struct nvb_progress){.label = label, .total = total};
	p->active = isatty(STDERR_FILENO) && term && !nvb_streq(term, "dumb");
	if (p->active)
		p->started = now();
}

void nvb_progress_set(struct nvb_progress *p, uint64_t done)
{
	uint64_t time;

	p->done = done;
	if (!p->active)
		return;
	time = now();
	if (time - p->drawn >= redraw_after)
		draw(p, time);
}

void nvb_progress_set_total(struct nvb_progress *p, uint64_t total)
{
	p->total = total;
}

void nvb_progress_end(struct nvb_progress *p)
{
	if (p->active)
		nvb_progress_clear_line();
	p->active = false;
}
