/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_MONITOR_SCREEN_H
#define NVBIND_MONITOR_SCREEN_H

#define NCURSES_WIDECHAR 1
#include <curses.h>

#include "monitor/history.h"
#include "watch.h"

/*
 * The screen. Everything is drawn anew for each sample and key, into curses' own copy: it sends what differs
 * from what the terminal shows, so nothing flickers and little goes over a slow line.
 */
enum screen_focus { FOCUS_GPUS, FOCUS_PROCESSES };
enum screen_mode { MODE_NORMAL, MODE_FILTER, MODE_KILL, MODE_HELP };

/* A list that is longer than its place on the screen. */
struct screen_list {
	size_t selected, top, rows; /* rows: that were drawn */
};

/* The process that is to be ended: a number alone may be another's when the answer comes. */
struct screen_victim {
	uint32_t pid;
	uint64_t started_ns;
	char what[256]; /* in words */
};

struct screen {
	struct watch *watch;
	nvb_sample *sample;
	struct nvb_history history;
	enum screen_focus focus;
	enum screen_mode mode;
	struct screen_list gpus, processes;
	struct nvb_view_line *lines; /* malloc'd, of this sample */
	struct nvb_view_row *rows;   /* the same */
	size_t line_count, row_count;
	struct nvb_view_choice choice;
	char filter[64];
	bool paused, hide_migs, hide_graphs, ended, one_gpu;
	uint32_t pid; /* that the cursor is at, and on which GPU; 0: none was chosen */
	size_t pid_gpu;
	struct screen_victim victim;
	char message[256]; /* until the next key */
	double speed;	   /* of a replay */
	uint64_t due;	   /* when the next line of a replay is shown; CLOCK_MONOTONIC */
	bool colours, many_colours, utf8;
};

/* Colours by meaning; without any, by attributes. */
enum screen_style {
	STYLE_NORMAL,
	STYLE_DIM,
	STYLE_TITLE,  /* heads of lists, the first and the last line */
	STYLE_CURSOR, /* the line that is selected */
	STYLE_GOOD,
	STYLE_WARN,
	STYLE_BAD,
	STYLE_OWNER, /* capsules */
	STYLE_UTILIZATION,
	STYLE_MEMORY,
	STYLE_POWER,
	STYLE_TEMPERATURE,
	STYLE_COUNT
};

/* draw.c: pieces. Text of foreign origin is made visible, and cut to `width` columns. */
void draw_begin(struct screen *s);
int draw_style(const struct screen *s, enum screen_style style);
void draw_text(const struct screen *s, int y, int x, int width, enum screen_style style, const char *text);
void draw_right(const struct screen *s, int y, int x, int width, enum screen_style style, const char *text);
/* A bar of `width` columns for a share from 0 to 1; NaN: not available. */
void draw_bar(const struct screen *s, int y, int x, int width, enum screen_style style, float share);
/* The whole line in the style of the cursor, or of a title, before its text. */
void draw_line(const struct screen *s, int y, enum screen_style style);

/* The parts, a file each: from line y on, `rows` of them. */
void draw_gpus(struct screen *s, int y, int rows);
void draw_processes(struct screen *s, int y, int rows);
void draw_graphs(const struct screen *s, int y, int rows);
void draw_details(const struct screen *s, int y, int rows);
void draw_help(const struct screen *s);
void draw_all(struct screen *s);

/* The GPU of the selected line; SIZE_MAX where there is none. */
size_t screen_gpu(const struct screen *s);

/* keys.c: what a key does; false: to leave. */
bool screen_key(struct screen *s, int key);
/* Lists follow a change of sample, filter or order: false without memory. */
bool screen_sort(struct screen *s);
/* Another step of a replay, or back. */
int screen_step(struct screen *s, long by, nvb_error **err);

/* kill.c */
void screen_ask_kill(struct screen *s);
void screen_kill(struct screen *s, int signal);

#endif
