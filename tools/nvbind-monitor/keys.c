/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "screen.h"

/* What keys do. */

enum { ESCAPE = 27, DELETE = 127, BACKSPACE = 8, ENTER = '\n', RETURN = '\r' };

size_t screen_gpu(const struct screen *s)
{
	return s->gpus.selected < s->line_count ? s->lines[s->gpus.selected].gpu : SIZE_MAX;
}

/* Only lines and rows of GPUs that were asked for. */
static void leave_out(struct screen *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->line_count; i++)
		if (watch_wants(s->watch, s->sample, s->lines[i].gpu))
			s->lines[kept++] = s->lines[i];
	s->line_count = kept;
	kept = 0;
	for (size_t i = 0; i < s->row_count; i++)
		if (watch_wants(s->watch, s->sample, s->rows[i].gpu))
			s->rows[kept++] = s->rows[i];
	s->row_count = kept;
}

/* The cursor stays at its process, wherever that is now. */
static void follow(struct screen *s, uint32_t pid, size_t gpu)
{
	for (size_t i = 0; pid && i < s->row_count; i++) {
		const struct nvb_sample_process *p =
			nvb_sample_process(s->sample, s->rows[i].gpu, s->rows[i].process);

		if (p->pid == pid && s->rows[i].gpu == gpu) {
			s->processes.selected = i;
			return;
		}
	}
}

bool screen_sort(struct screen *s)
{
	struct nvb_view_line *lines = NULL;
	struct nvb_view_row *rows = NULL;
	size_t line_count, row_count;

	if (!nvb_view_lines(s->sample, !s->hide_migs, &lines, &line_count))
		return false;
	free(s->lines);
	s->lines = lines;
	s->line_count = line_count;
	if (s->gpus.selected >= line_count)
		s->gpus.selected = line_count ? line_count - 1 : 0;
	s->choice.filter = *s->filter ? s->filter : NULL;
	s->choice.gpu = s->one_gpu ? screen_gpu(s) : SIZE_MAX;
	if (!nvb_view_processes(s->sample, &s->choice, &rows, &row_count))
		return false;
	free(s->rows);
	s->rows = rows;
	s->row_count = row_count;
	leave_out(s);
	if (s->gpus.selected >= s->line_count)
		s->gpus.selected = s->line_count ? s->line_count - 1 : 0;
	follow(s, s->pid, s->pid_gpu);
	return true;
}

/* Remembers what the cursor is at. */
static void mark(struct screen *s)
{
	s->pid = 0;
	if (s->processes.selected >= s->row_count)
		return;
	s->pid_gpu = s->rows[s->processes.selected].gpu;
	s->pid = nvb_sample_process(s->sample, s->pid_gpu, s->rows[s->processes.selected].process)->pid;
}

static void move_to(struct screen_list *list, size_t count, long by)
{
	long to = (long)list->selected + by;

	if (to >= (long)count)
		to = (long)count - 1;
	list->selected = to < 0 ? 0 : (size_t)to;
}

/* True: it was a movement. */
static bool move_key(struct screen *s, int key)
{
	struct screen_list *list = s->focus == FOCUS_GPUS ? &s->gpus : &s->processes;
	size_t count = s->focus == FOCUS_GPUS ? s->line_count : s->row_count;
	long page = list->rows > 1 ? (long)list->rows - 1 : 1;

	switch (key) {
	case KEY_UP:
		move_to(list, count, -1);
		break;
	case KEY_DOWN:
		move_to(list, count, 1);
		break;
	case KEY_PPAGE:
		move_to(list, count, -page);
		break;
	case KEY_NPAGE:
		move_to(list, count, page);
		break;
	case KEY_HOME:
		list->selected = 0;
		break;
	case KEY_END:
		move_to(list, count, (long)count);
		break;
	default:
		return false;
	}
	mark(s);
	return true;
}

static void filter_key(struct screen *s, int key)
{
	size_t n = strlen(s->filter);

	if (key == ESCAPE)
		*s->filter = '\0';
	if (key == ESCAPE || key == ENTER || key == RETURN || key == KEY_ENTER)
		s->mode = MODE_NORMAL;
	else if ((key == KEY_BACKSPACE || key == DELETE || key == BACKSPACE) && n)
		s->filter[n - 1] = '\0';
	else if (key >= ' ' && key < DELETE && n + 1 < sizeof(s->filter)) {
		s->filter[n] = (char)key;
		s->filter[n + 1] = '\0';
	}
}

static void kill_key(struct screen *s, int key)
{
	s->mode = MODE_NORMAL;
	if (key == 'y' || key == 'Y')
		screen_kill(s, SIGTERM);
	else if (key == '9')
		screen_kill(s, SIGKILL);
	else
		snprintf(s->message, sizeof(s->message), "Nothing was sent.");
}

/* The steps of intervals, and of the speed of a replay. */
static void faster(struct screen *s, bool more)
{
	static const uint64_t ms[] = {10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000};
	_cleanup_error_ nvb_error *err = NULL;
	uint64_t now = s->watch->interval / 1000000, next = now;

	if (!s->watch->sampler) {
		s->speed *= more ? 2 : 0.5;
		s->speed = s->speed > 1024 ? 1024 : s->speed < 1.0 / 16 ? 1.0 / 16 : s->speed;
		snprintf(s->message, sizeof(s->message), "%gx speed", s->speed);
		return;
	}
	for (size_t i = 0; i < NVB_ELEMENTS(ms); i++) {
		if (!more && ms[i] > now) {
			next = ms[i];
			break;
		}
		if (more && ms[i] < now)
			next = ms[i];
	}
	if (nvb_sampler_set_interval(s->watch->sampler, next * 1000000, &err) < 0) {
		snprintf(s->message, sizeof(s->message), "%s", nvb_error_message(err));
		return;
	}
	s->watch->interval = next * 1000000;
	snprintf(s->message, sizeof(s->message), "Measuring every %llu ms", (unsigned long long)next);
}

static void step_key(struct screen *s, long by)
{
	_cleanup_error_ nvb_error *err = NULL;

	if (s->watch->sampler)
		return;
	s->paused = true;
	if (screen_step(s, by, &err) < 0)
		snprintf(s->message, sizeof(s->message), "%s", nvb_error_message(err));
}

static void normal_key(struct screen *s, int key)
{
	switch (key) {
	case '\t':
		s->focus = s->focus == FOCUS_GPUS ? FOCUS_PROCESSES : FOCUS_GPUS;
		mark(s);
		break;
	case 's':
		s->choice.sort = (enum nvb_view_sort)((s->choice.sort + 1) % NVB_SORT_COUNT);
		snprintf(s->message, sizeof(s->message), "Sorted by %s", nvb_view_sorts[s->choice.sort]);
		break;
	case 'r':
		s->choice.reverse = !s->choice.reverse;
		break;
	case '/':
		s->mode = MODE_FILTER;
		break;
	case ESCAPE:
		*s->filter = '\0';
		s->one_gpu = false;
		break;
	case ENTER:
	case RETURN:
	case KEY_ENTER:
		s->one_gpu = !s->one_gpu;
		break;
	case 'k':
		screen_ask_kill(s);
		break;
	case 'g':
		s->hide_graphs = !s->hide_graphs;
		break;
	case 'm':
		s->hide_migs = !s->hide_migs;
		break;
	case ' ':
		s->paused = !s->paused;
		break;
	case '+':
	case '=':
	case '-':
		faster(s, key != '-');
		break;
	case KEY_LEFT:
	case KEY_RIGHT:
		step_key(s, key == KEY_LEFT ? -1 : 1);
		break;
	case '?':
	case 'h':
	case KEY_F(1):
		s->mode = MODE_HELP;
		break;
	default:
		break;
	}
}

bool screen_key(struct screen *s, int key)
{
	*s->message = '\0';
	if (key == KEY_RESIZE)
		return true;
	if (s->mode == MODE_FILTER) {
		filter_key(s, key);
		return true;
	}
	if (s->mode == MODE_KILL) {
		kill_key(s, key);
		return true;
	}
	if (s->mode == MODE_HELP) {
		s->mode = MODE_NORMAL;
		return true;
	}
	if (key == 'q' || key == 'Q' || key == KEY_F(10))
		return false;
	if (!move_key(s, key))
		normal_key(s, key);
	return true;
}
