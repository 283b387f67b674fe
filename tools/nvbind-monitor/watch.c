/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "cli/common.h"
#include "cli/logging.h"

#define SECOND	  UINT64_C(1000000000)
#define REAL_TIME (SECOND / 10)

volatile sig_atomic_t watch_stopped;

static void stop(int number)
{
	watch_stopped = number;
}

void watch_catch_signals(void)
{
	/* No SA_RESTART: whoever waits is to look. */
	const struct sigaction action = {.sa_handler = stop};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static int open_log(struct watch *w, nvb_error **err)
{
	int fd;

	if (!monitor_settings.log)
		return 0;
	/* Lines are appended whole; what others use the host for is not everybody's concern. */
	fd = open(monitor_settings.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "opening %s", monitor_settings.log);
	w->log = fdopen(fd, "a");
	if (!w->log) {
		close(fd);
		return nvb_fail_oom(err);
	}
	return 0;
}

static int open_sampler(struct watch *w, nvb_error **err)
{
	struct nvb_inventory_options options;
	struct nvb_sampler_options sampler = {.size = sizeof(sampler),
		.interval_ns = w->interval,
		.capsule_name = names_of_capsule,
		.capsule_of = names_of_process,
		.log = nvb_logging()};
	int rc;

	nvb_common_inventory_options(&options);
	rc = nvb_inventory_load(&options, &w->inventory, err);
	if (rc < 0)
		return rc;
	if (w->inventory->gpu_count == 0 && w->inventory->platform != NVB_PLATFORM_WSL2) {
		rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "this host has no NVIDIA GPU");
		return nvb_hint(err, rc, "'nvbind doctor' says what it looked at");
	}
	w->names = names_open();
	sampler.data = w->names;
	return nvb_sampler_open(w->inventory, &sampler, &w->sampler, err);
}

/* By number or UUID (or the beginning of one), as nvidia-smi names them. */
static int choose_gpus(struct watch *w, int argc, char **argv, nvb_error **err)
{
	w->gpus = calloc((size_t)argc + 1, sizeof(*w->gpus));
	if (!w->gpus)
		return nvb_fail_oom(err);
	for (int i = 0; i < argc; i++) {
		const struct nvb_gpu *gpu = NULL;
		uint32_t index;

		if (nvb_parse_u32(argv[i], &index))
			gpu = w->inventory ? nvb_inventory_gpu_by_index(w->inventory, index) : NULL;
		else if (w->inventory)
			gpu = nvb_inventory_gpu_by_uuid(w->inventory, argv[i]);
		else
			return nvb_usage(err, "'%s': of a log, GPUs are named by their number", argv[i]);
		if (w->inventory && !gpu) {
			int rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "there is no GPU '%s'", argv[i]);

			return nvb_hint(err, rc,
				"'nvbind info' lists them; this host has %zu, numbered from 0",
				w->inventory->gpu_count);
		}
		w->gpus[w->gpu_count++] = gpu ? gpu->index : index;
	}
	return 0;
}

int watch_open(struct watch *w, int argc, char **argv, nvb_error **err)
{
	const struct monitor_settings *s = &monitor_settings;
	int rc;

	w->interval = s->interval ? s->interval : s->real_time ? REAL_TIME : SECOND;
	/* Once: the first sample has no rates yet, and nobody wants to wait a second for the other. */
	if (s->once && !s->interval)
		w->interval = 2 * REAL_TIME;
	rc = s->replay ? nvb_replay_open(&w->replay, s->replay, err) : open_sampler(w, err);
	if (rc == 0)
		rc = choose_gpus(w, argc, argv, err);
	return rc < 0 ? rc : open_log(w, err);
}

void watch_close(struct watch *w)
{
	nvb_sampler_close(w->sampler);
	names_close(w->names);
	nvb_inventory_free(w->inventory);
	nvb_replay_release(&w->replay);
	nvb_fclosep(&w->log);
	free(w->gpus);
}

bool watch_wants(const struct watch *w, const nvb_sample *sample, size_t gpu)
{
	for (size_t i = 0; i < w->gpu_count; i++)
		if (w->gpus[i] == nvb_sample_gpu(sample, gpu)->index)
			return true;
	return w->gpu_count == 0;
}

static int write_log(struct watch *w, const nvb_sample *sample, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	if (!w->log)
		return 0;
	nvb_record_json(&line, sample);
	if (line.failed)
		return nvb_fail_oom(err);
	if (fwrite(line.s, 1, line.len, w->log) != line.len || fflush(w->log) != 0)
		return nvb_fail_errno(err, errno, "writing %s", monitor_settings.log);
	return 0;
}

int watch_next(struct watch *w, int timeout_ms, nvb_sample **sample, nvb_error **err)
{
	nvb_sample *got = NULL;
	int rc = w->sampler ? nvb_sampler_next(w->sampler, timeout_ms, &got, err)
			    : nvb_replay_next(&w->replay, &got, err);

	if (rc == 0 && got)
		rc = write_log(w, got, err);
	if (rc < 0) {
		nvb_sample_unref(got);
		return rc;
	}
	*sample = got;
	return 0;
}
