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
	NUMBERS_COLUMNS = 54, /* brackets, percentage, amount, rate and time left at their widest */
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

	/* Of what nobody can say how far it is: that it is under way, and for how long. */
	if (!p->total && !p->done) {
		if (seconds >= 1)
			nvb_sb_addf(line, "%.0f s", seconds);
		else
			nvb_sb_add(line, "");
		return;
	}
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

/* Only the label can hold wide characters. */
static void cut(struct nvb_strbuf *text, size_t columns)
{
	while (text->len && nvb_text_width(text->s) > columns) {
		while ((text->s[--text->len] & 0xc0) == 0x80)
			;
		text->s[text->len] = '\0';
	}
}

/* Label, bar where there is room for one, numbers: never wider than the terminal, since a line that wraps
 * cannot be wiped. */
static void draw(struct nvb_progress *p, uint64_t time)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0}, label = {0}, numbers = {0};
	size_t width = nvb_terminal_width(stderr) - 1, used;
	bool bar;

	nvb_sb_add_visible(&label, p->label);
	add_numbers(&numbers, p, time);
	if (!label.s || !numbers.s)
		return;
	cut(&label, LONGEST_LABEL);
	cut(&numbers, width);
	used = nvb_text_width(label.s) + NUMBERS_COLUMNS;
	bar = p->total && width >= used + NARROWEST_BAR;
	if (!bar)
		cut(&label, width > numbers.len + 2 ? width - numbers.len - 2 : 0);
	nvb_sb_addf(&line, "\r\x1b[K%s  ", label.s);
	if (bar)
		add_bar(&line, p, width - used < WIDEST_BAR ? width - used : WIDEST_BAR);
	nvb_sb_add(&line, numbers.s);
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
