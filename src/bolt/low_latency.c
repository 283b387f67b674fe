/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "bolt/latency.h"

int nvb_latency_note(struct nvb_low_latency *latency, bool done, nvb_error **err, const char *name,
	const char *format, ...)
{
	struct nvb_latency_step step = {.name = strdup(name), .done = done};
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&step.text, format, ap) < 0)
		step.text = NULL;
	va_end(ap);
	if (!step.name || !step.text ||
		!NVB_GROW(latency->steps, latency->step_count, latency->step_capacity)) {
		free(step.name);
		free(step.text);
		return nvb_fail_oom(err);
	}
	latency->steps[latency->step_count++] = step;
	return 0;
}

static int check(const struct nvb_low_latency_options *options, nvb_error **err)
{
	int rc = nvb_check_size("nvb_low_latency_options", options->size, sizeof(*options), err);

	if (rc == 0 && (options->priority < 0 || options->priority > 99))
		rc = nvb_fail(err, NVB_ERR_INVALID, "nvb_low_latency_options.priority: %d is not 1 to 99",
			options->priority);
	return rc;
}

static int take(
	struct nvb_low_latency *latency, const struct nvb_low_latency_options *options, nvb_error **err)
{
	struct nvb_inventory *inventory;
	int rc = nvb_manager_host(latency->manager, &inventory, err);

	/* Knobs first: they alone can fail as a whole, and then nothing has to be put back. */
	if (rc == 0 && !options->keep_knobs)
		rc = nvb_latency_turn_knobs(latency, inventory, options->mode, options->gpus, err);
	if (rc == 0 && !options->keep_scheduling)
		rc = nvb_latency_wakeup(latency, inventory, err);
	if (rc == 0 && !options->keep_scheduling)
		rc = nvb_latency_thread(latency, options->priority ? options->priority : 1, err);
	if (rc == 0 && !options->keep_input)
		rc = nvb_latency_input(latency, inventory, err);
	return rc;
}

int nvb_manager_low_latency(nvb_manager *manager, const struct nvb_low_latency_options *options,
	nvb_low_latency **out, nvb_error **err)
{
	static const struct nvb_low_latency_options defaults = {.size = sizeof(defaults)};
	struct nvb_low_latency *latency;
	int rc;

	if (!options)
		options = &defaults;
	rc = check(options, err);
	if (rc < 0)
		return rc;
	latency = calloc(1, sizeof(*latency));
	if (!latency)
		return nvb_fail_oom(err);
	latency->manager = manager;
	latency->cpu_wakeup = -1;
	rc = take(latency, options, err);
	if (rc < 0)
		nvb_low_latency_release(latency);
	else
		*out = latency;
	return rc;
}

size_t nvb_low_latency_count(const nvb_low_latency *latency)
{
	return latency->step_count;
}

int nvb_low_latency_step(
	const nvb_low_latency *latency, size_t i, struct nvb_low_latency_step *step, nvb_error **err)
{
	int rc = nvb_check_size("nvb_low_latency_step", step->size, sizeof(*step), err);

	if (rc < 0)
		return rc;
	if (i >= latency->step_count)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "step %zu: there are %zu", i, latency->step_count);
	*step = (struct nvb_low_latency_step){.size = sizeof(*step),
		.name = latency->steps[i].name,
		.done = latency->steps[i].done,
		.text = latency->steps[i].text};
	return 0;
}

void nvb_low_latency_release(nvb_low_latency *latency)
{
	if (!latency)
		return;
	nvb_latency_thread_back(&latency->thread);
	if (latency->cpu_wakeup >= 0)
		close(latency->cpu_wakeup);
	nvb_latency_knobs_back(latency);
	for (size_t i = 0; i < latency->step_count; i++) {
		free(latency->steps[i].name);
		free(latency->steps[i].text);
	}
	free(latency->steps);
	free(latency);
}
