/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sampler/sample.h"
#include "screen.h"

/* The loop: samples and keys come, the screen is drawn. */

#define SECOND UINT64_C(1000000000)

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* A sample takes the place of the one that is shown. */
static int show(struct screen *s, nvb_sample *sample, nvb_error **err)
{
	nvb_sample_unref(s->sample);
	s->sample = sample;
	if (!nvb_history_add(&s->history, sample) || !screen_sort(s))
		return nvb_fail_oom(err);
	return 0;
}

int screen_step(struct screen *s, long by, nvb_error **err)
{
	long at = (long)s->watch->replay.at - 1 + by;
	nvb_sample *sample = NULL;
	int rc;

	if (at < 0 || at >= (long)s->watch->replay.count) {
		s->ended = at >= (long)s->watch->replay.count;
		return 0;
	}
	s->ended = false;
	nvb_replay_seek(&s->watch->replay, (size_t)at);
	rc = watch_next(s->watch, 0, &sample, err);
	return rc < 0 || !sample ? rc : show(s, sample, err);
}

/* At the pace at which it was measured. */
static int go_on_replaying(struct screen *s, nvb_error **err)
{
	uint64_t before = nvb_sample_time(s->sample), now = now_ns(), wait;
	int rc;

	if (s->paused || s->ended || now < s->due)
		return 0;
	rc = screen_step(s, 1, err);
	wait = nvb_sample_time(s->sample) > before ? nvb_sample_time(s->sample) - before
						   : nvb_sample_interval(s->sample);
	/* Nobody waits through a night in which nothing was measured. */
	wait = wait > 10 * SECOND ? 10 * SECOND : wait;
	s->due = now + (uint64_t)((double)wait / s->speed);
	return rc;
}

/* A log that cannot be written is said, and ends what is written; the screen goes on. */
static int take_sample(struct screen *s, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	nvb_sample *sample = NULL;
	int rc;

	if (!s->watch->sampler)
		return go_on_replaying(s, err);
	rc = watch_next(s->watch, 0, &sample, &why);
	if (rc == -NVB_ERR_CANCELLED)
		return 0;
	if (rc < 0 && s->watch->log) {
		snprintf(s->message, sizeof(s->message), "%s: the log ends here", nvb_error_message(why));
		nvb_fclosep(&s->watch->log);
		s->watch->log = NULL;
		return 0;
	}
	if (rc < 0) {
		if (err)
			*err = NVB_TAKE_PTR(why);
		return rc;
	}
	if (!sample)
		return 0;
	if (s->paused) {
		/* The past goes on behind the picture. */
		nvb_history_add(&s->history, sample);
		nvb_sample_unref(sample);
		return 0;
	}
	return show(s, sample, err);
}

/* Loading the library is dear; after a while it does not matter any more. */
static const char *share_of_core(const struct nvb_sample_cost *cost, char *out, size_t size)
{
	if (cost->elapsed_ns < 3 * SECOND)
		snprintf(out, size, "-");
	else
		snprintf(out, size, "%.1f%%", 100.0 * (double)cost->cpu_ns / (double)cost->elapsed_ns);
	return out;
}

static void title(const struct screen *s)
{
	struct nvb_sample_cost cost;
	const char *driver = nvb_sample_driver_version(s->sample);
	time_t seconds = (time_t)(nvb_sample_time(s->sample) / SECOND);
	char left[256], right[128], when[32] = "", every[NVB_VIEW_CELL];
	uint64_t interval = nvb_sample_interval(s->sample);
	struct tm tm = {0};

	localtime_r(&seconds, &tm);
	strftime(when, sizeof(when), "%T", &tm);
	if (interval % SECOND == 0)
		snprintf(every, sizeof(every), "%" PRIu64 "s", interval / SECOND);
	else
		snprintf(every, sizeof(every), "%" PRIu64 "ms", interval / 1000000);
	nvb_sample_cost(s->sample, &cost);
	snprintf(left, sizeof(left), "%s monitor  driver %s  %zu GPU%s  every %s",
		program_invocation_short_name, driver ? driver : NVB_VIEW_NOTHING,
		nvb_sample_gpu_count(s->sample), nvb_sample_gpu_count(s->sample) == 1 ? "" : "s", every);
	draw_text(s, 0, 1, COLS - 2, STYLE_TITLE, left);
	if (!s->watch->sampler)
		snprintf(right, sizeof(right), "%s%s %zu/%zu  %s",
			s->ended    ? "END "
			: s->paused ? "PAUSED "
				    : "",
			"REPLAY", s->watch->replay.at, s->watch->replay.count, when);
	else
		snprintf(right, sizeof(right), "%scost %s  %s", s->paused ? "PAUSED  " : "",
			share_of_core(&cost, every, sizeof(every)), when);
	draw_right(s, 0, COLS - 36, 35, s->paused || !s->watch->sampler ? STYLE_WARN : STYLE_DIM, right);
}

static void bottom(const struct screen *s)
{
	char text[512];
	enum screen_style style = STYLE_DIM;

	if (s->mode == MODE_FILTER) {
		snprintf(text, sizeof(text), "Only processes with: %s_   (Enter keeps it, Esc drops it)",
			s->filter);
		style = STYLE_WARN;
	} else if (s->mode == MODE_KILL) {
		snprintf(text, sizeof(text), "End process %s?  y SIGTERM  9 SIGKILL  any other key: no",
			s->victim.what);
		style = STYLE_BAD;
	} else if (*s->message) {
		snprintf(text, sizeof(text), "%s", s->message);
		style = STYLE_WARN;
	} else {
		snprintf(text, sizeof(text),
			"q quit  ? help  Tab %s  s sort:%s  / filter  Enter one GPU  k kill  g graphs  "
			"space pause",
			s->focus == FOCUS_GPUS ? "processes" : "GPUs", nvb_view_sorts[s->choice.sort]);
	}
	draw_text(s, LINES - 1, 1, COLS - 2, style, text);
}

/* How the lines are divided. */
struct division {
	int gpus, details, graphs, processes;
};

static int at_most(int a, int b)
{
	return a < b ? a : b;
}

static struct division divide(const struct screen *s, int lines)
{
	struct division d = {0};
	int gpus = (int)s->line_count, processes = s->row_count ? (int)s->row_count : 1, rest;

	/* Title, two heads, the last line. */
	lines -= 4;
	d.details = LINES >= 40 ? 2 : LINES >= 20 ? 3 : 0;
	if (!s->hide_graphs && LINES >= 22)
		d.graphs = LINES >= 40 ? 11 : 6;
	rest = lines - d.details - d.graphs;
	/* With many GPUs on few lines, lines are worth more than a picture of one. */
	if (LINES < 40 && gpus + at_most(processes, 3) > rest) {
		d.graphs = 0;
		rest = lines - d.details;
	}
	d.gpus = at_most(gpus, rest - at_most(processes, rest * 2 / 5));
	d.processes = rest - d.gpus;
	/* What nobody needs makes the picture finer. */
	if (d.graphs && d.processes > processes + 4) {
		int more = at_most(d.processes - processes - 4, d.graphs);

		d.graphs += more;
		d.processes -= more;
	}
	return d;
}

void draw_all(struct screen *s)
{
	const char *notice = nvb_sample_notice(s->sample);
	struct division d = divide(s, LINES - (notice ? 1 : 0));
	int y = 1;

	erase();
	title(s);
	if (notice)
		draw_text(s, y++, 1, COLS - 2, STYLE_BAD, notice);
	draw_gpus(s, y, d.gpus);
	y += 1 + d.gpus;
	draw_details(s, y, d.details);
	y += d.details;
	draw_graphs(s, y, d.graphs);
	y += d.graphs;
	draw_processes(s, y, d.processes);
	bottom(s);
	if (s->mode == MODE_HELP)
		draw_help(s);
	refresh();
}

/* Until something comes. A signal that changes the window's size is let in here alone. */
static void wait_for(const struct screen *s, const sigset_t *open)
{
	struct pollfd p[] = {{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = s->watch->sampler ? nvb_sampler_fd(s->watch->sampler) : -1, .events = POLLIN}};
	uint64_t now = now_ns(), left = s->due > now ? s->due - now : 0;
	struct timespec limit = {.tv_sec = (time_t)(left / SECOND), .tv_nsec = (long)(left % SECOND)};
	bool plays = !s->watch->sampler && !s->paused && !s->ended;

	ppoll(p, NVB_ELEMENTS(p), plays ? &limit : NULL, open);
	/* The terminal is gone. */
	if (p[0].revents & (POLLHUP | POLLERR | POLLNVAL))
		watch_stopped = SIGHUP;
}

static int loop(struct screen *s, const sigset_t *open, nvb_error **err)
{
	int rc = 0;

	while (rc == 0 && !watch_stopped) {
		bool changed = false;
		int key;

		while ((key = getch()) != ERR) {
			if (!screen_key(s, key))
				return 0;
			changed = true;
		}
		rc = take_sample(s, err);
		if (rc == 0 && changed && !screen_sort(s))
			rc = nvb_fail_oom(err);
		if (rc < 0)
			break;
		draw_all(s);
		wait_for(s, open);
	}
	return rc;
}

/* Before the screen is taken: what goes wrong is said on the terminal as it was. */
static int first_sample(struct screen *s, nvb_error **err)
{
	nvb_sample *sample = NULL;
	int rc = watch_next(s->watch, -1, &sample, err);

	s->due = now_ns();
	return rc < 0 || !sample ? rc : show(s, sample, err);
}

int screen_run(struct watch *watch, nvb_error **err)
{
	struct screen s = {.watch = watch, .speed = 1};
	sigset_t resize, open;
	SCREEN *terminal;
	int rc;

	if (monitor_settings.capsule)
		snprintf(s.filter, sizeof(s.filter), "%s", monitor_settings.capsule);
	rc = first_sample(&s, err);
	if (rc < 0 || !s.sample)
		return rc;
	sigemptyset(&resize);
	sigaddset(&resize, SIGWINCH);
	sigprocmask(SIG_BLOCK, &resize, &open);
	set_escdelay(25);
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "this terminal cannot show a screen");
	/* Ours again: curses' own would leave without our cleaning up. */
	watch_catch_signals();
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	draw_begin(&s);
	rc = loop(&s, &open, err);
	endwin();
	delscreen(terminal);
	nvb_sample_unref(s.sample);
	nvb_history_release(&s.history);
	free(s.lines);
	free(s.rows);
	return rc < 0 ? rc : watch_stopped && watch_stopped != SIGINT ? 128 + watch_stopped : 0;
}
