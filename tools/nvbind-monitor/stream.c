/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "cli/output.h"
#include "sampler/sample.h"
#include "watch.h"

/* Samples one after the other on standard output. */

static bool wants(const void *data, const nvb_sample *sample, size_t gpu)
{
	return watch_wants(data, sample, gpu);
}

static void add_csv(struct nvb_strbuf *text, const struct watch *w, const nvb_sample *sample, bool *head)
{
	enum nvb_csv_rows rows =
		monitor_settings.rows < 0 ? NVB_CSV_GPUS : (enum nvb_csv_rows)monitor_settings.rows;
	const struct nvb_csv_choice choice = {
		.rows = rows, .filter = monitor_settings.capsule, .wants = wants, .data = w};

	if (*head)
		nvb_record_csv_head(text, rows);
	*head = false;
	nvb_record_csv(text, sample, &choice);
}

static int print(const struct watch *w, const nvb_sample *sample, bool *head, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	if (monitor_settings.format == MONITOR_TABLE)
		return plain_print(w, sample, err);
	if (monitor_settings.format == MONITOR_CSV)
		add_csv(&text, w, sample, head);
	else
		nvb_record_json(&text, sample);
	if (text.failed)
		return nvb_fail_oom(err);
	return nvb_stdout_write(text.s, text.len, err);
}

/* Once: what was measured last, when there are rates; of a log, its end. */
static int last_one(struct watch *w, nvb_error **err)
{
	_cleanup_sample_ nvb_sample *sample = NULL;
	bool head = true;
	int rc = 0;

	if (!w->sampler)
		nvb_replay_seek(&w->replay, w->replay.count - 1);
	for (int i = 0; rc == 0 && i < (w->sampler ? 2 : 1); i++) {
		nvb_sample_unref(sample);
		sample = NULL;
		rc = watch_next(w, -1, &sample, err);
		/* Of a host that cannot be measured nothing more comes. */
		if (rc == 0 && sample && nvb_sample_notice(sample))
			break;
	}
	return rc < 0 || !sample ? rc : print(w, sample, &head, err);
}

int stream_run(struct watch *w, nvb_error **err)
{
	bool head = true;

	if (monitor_settings.once)
		return last_one(w, err);
	for (uint32_t i = 0; !watch_stopped && (!monitor_settings.count || i < monitor_settings.count);) {
		_cleanup_sample_ nvb_sample *sample = NULL;
		int rc = watch_next(w, -1, &sample, err);

		if (rc == -NVB_ERR_CANCELLED) { /* a signal: ours, or a terminal's new size */
			nvb_error_free(*err);
			*err = NULL;
			continue;
		}
		if (rc == 0 && !sample)
			return 0;
		if (rc == 0)
			rc = print(w, sample, &head, err);
		/* Whoever read it has seen enough. */
		if (rc < 0 && err && nvb_error_errno(*err) == EPIPE) {
			nvb_error_free(*err);
			*err = NULL;
			return 0;
		}
		if (rc < 0)
			return rc;
		i++;
	}
	/* As who is ended by that signal, unless it was ^C at a stream. */
	return watch_stopped && watch_stopped != SIGINT ? 128 + watch_stopped : 0;
}
