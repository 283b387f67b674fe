/* SPDX-License-Identifier: Apache-2.0 */
#include "steps.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

static volatile sig_atomic_t asked_to_end;

static void ask_to_end(int signal)
{
	(void)signal;
	asked_to_end = asked_to_end < 2 ? asked_to_end + 1 : 2;
}

void steps_catch(void)
{
	const struct sigaction action = {.sa_handler = ask_to_end};
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t i = 0; i < NVB_ELEMENTS(signals); i++)
		sigaction(signals[i], &action, NULL);
}

static const char *label_of(const char *step)
{
	static const struct {
		const char *step, *label;
	} labels[] = {
		{"look", "looking for what is against it"},
		{"gpu", "GPU memory into the processes"},
		{"begin", "beginning the snapshot"},
		{"freeze", "freezing the processes"},
		/* 17 columns at most leave room for a bar in 80. */
		{"processes", "saving processes"},
		{"files", "saving files"},
		{"commit", "completing the snapshot"},
		{"resume", "letting it run on"},
		{"unpack", "unpacking"},
		{"restore", "restoring processes"},
	};

	for (size_t i = 0; i < NVB_ELEMENTS(labels); i++)
		if (nvb_streq(labels[i].step, step))
			return labels[i].label;
	return NULL;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void steps_end(struct steps *steps)
{
	if (!steps->current)
		return;
	nvb_progress_end(&steps->progress);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "%-32s %.2f s\n", steps->current, (double)(now() - steps->began) / 1e9);
	steps->current = NULL;
}

int steps_tell(void *data, const char *step, uint64_t done, uint64_t total)
{
	struct steps *steps = data;

	if (step && !nvb_streq(step, steps->name)) {
		steps_end(steps);
		snprintf(steps->name, sizeof(steps->name), "%s", step);
		steps->current = label_of(step);
		steps->began = now();
		steps->progress = (struct nvb_progress){0};
		if (steps->current)
			nvb_progress_begin(&steps->progress, steps->current, total);
	} else if (step) {
		nvb_progress_set_total(&steps->progress, total);
		steps->progress.done = done;
	}
	/* Also where there is nothing new: what is under way stands there from its beginning on. */
	if (steps->current)
		nvb_progress_set(&steps->progress, steps->progress.done);
	return asked_to_end;
}
