/* SPDX-License-Identifier: Apache-2.0 */
#include <json-c/json.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "monitor/record.h"
#include "sampler/sample.h"

/* A line of a log becomes a sample again. Logs come from anywhere: nothing in them is believed. */

enum { DEPTH = 8, GPUS_MOST = 1024, MIGS_MOST = 64, PROCESSES_MOST = 4096 };

struct reading {
	nvb_sample *sample;
	nvb_error **err;
	int rc; /* sticky */
};

static void fail(struct reading *r, const char *what)
{
	if (r->rc == 0)
		r->rc = nvb_fail(r->err, NVB_ERR_CORRUPT, "%s", what);
}

static void fail_oom(struct reading *r)
{
	if (r->rc == 0)
		r->rc = nvb_fail_oom(r->err);
}

static json_object *member(json_object *o, const char *name)
{
	json_object *value = NULL;

	return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, name, &value) ? value
												      : NULL;
}

static const char *text(struct reading *r, json_object *o, const char *name)
{
	json_object *value = member(o, name);
	const char *copy;

	if (!value)
		return NULL;
	if (!json_object_is_type(value, json_type_string)) {
		fail(r, "a text is no text");
		return NULL;
	}
	copy = nvb_arena_strdup(&r->sample->arena, json_object_get_string(value));
	if (!copy)
		fail_oom(r);
	return copy;
}

static uint64_t number(struct reading *r, json_object *o, const char *name, uint64_t absent)
{
	json_object *value = member(o, name);

	if (!value)
		return absent;
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0) {
		fail(r, "a number is none");
		return absent;
	}
	return json_object_get_uint64(value);
}

static uint32_t small(struct reading *r, json_object *o, const char *name, uint32_t absent)
{
	uint64_t value = number(r, o, name, absent);

	if (value > UINT32_MAX)
		fail(r, "a number is too large");
	return (uint32_t)value;
}

static json_object *list(struct reading *r, json_object *o, const char *name, size_t most, size_t *count)
{
	json_object *value = member(o, name);

	*count = 0;
	if (!value)
		return NULL;
	if (!json_object_is_type(value, json_type_array) || json_object_array_length(value) > most) {
		fail(r, "a list is none, or has too many parts");
		return NULL;
	}
	*count = json_object_array_length(value);
	return value;
}

/* One of a list of words, by the function that names them; `absent` for one that is not known. */
#define WORD(out, o, key, name_of, last, absent)                                                     \
	do {                                                                                         \
		json_object *w_ = member((o), (key));                                                \
		const char *s_ =                                                                     \
			json_object_is_type(w_, json_type_string) ? json_object_get_string(w_) : ""; \
		(out) = (absent);                                                                    \
		for (int i_ = 0; i_ <= (int)(last); i_++)                                            \
			if (strcmp(name_of(i_), s_) == 0)                                            \
				(out) = i_;                                                          \
	} while (0)

static const char *state_word(int i)
{
	return nvb_sample_state_name((enum nvb_sample_state)i);
}

static const char *owner_word(int i)
{
	return nvb_owner_name((enum nvb_owner)i);
}

static struct nvb_value value_of(struct reading *r, json_object *o, const char *name)
{
	json_object *value = member(member(o, "values"), name), *why = member(member(o, "missing"), name);
	struct nvb_value v = {.state = NVB_VALUE_UNSUPPORTED};

	if (value) {
		if (!json_object_is_type(value, json_type_int) &&
			!json_object_is_type(value, json_type_double))
			fail(r, "a value is no number");
		v.value = json_object_get_double(value);
		if (!isfinite(v.value))
			fail(r, "a value is no number");
		v.age_ns = number(r, member(o, "ages_ns"), name, 0);
		v.state = NVB_VALUE_KNOWN;
	} else if (json_object_is_type(why, json_type_string)) {
		const char *s = json_object_get_string(why);

		v.state = strcmp(s, "pending") == 0  ? NVB_VALUE_PENDING
			  : strcmp(s, "failed") == 0 ? NVB_VALUE_FAILED
						     : NVB_VALUE_UNSUPPORTED;
	}
	return v;
}

static void read_mig(struct reading *r, json_object *o, struct nvb_sample_mig_part *mig)
{
	mig->mig = (struct nvb_sample_mig){.index = small(r, o, "index", 0),
		.gi = small(r, o, "gi", 0),
		.ci = small(r, o, "ci", 0),
		.uuid = text(r, o, "uuid"),
		.profile = text(r, o, "profile")};
	for (int m = NVB_MIG_FIRST; m <= NVB_MIG_LAST; m++)
		mig->values[m - NVB_MIG_FIRST] = value_of(r, o, nvb_metric_info((enum nvb_metric)m)->name);
}

static void read_process(struct reading *r, json_object *o, size_t migs, struct nvb_sample_process *p)
{
	json_object *kinds = member(o, "kinds");
	const char *letters =
		json_object_is_type(kinds, json_type_string) ? json_object_get_string(kinds) : "";
	int owner;

	p->pid = small(r, o, "pid", 0);
	p->inner_pid = small(r, o, "inner_pid", 0);
	p->uid = small(r, o, "uid", UINT32_MAX);
	p->mig = small(r, o, "mig", NVB_NO_MIG);
	if (p->mig != NVB_NO_MIG && p->mig >= migs)
		fail(r, "a process is on a MIG device that is not there");
	p->kinds = (strchr(letters, 'C') ? NVB_USE_COMPUTE : 0u) |
		   (strchr(letters, 'G') ? NVB_USE_GRAPHICS : 0u) | (strchr(letters, 'M') ? NVB_USE_MPS : 0u);
	p->started_ns = number(r, o, "started_ns", 0);
	p->name = text(r, o, "name");
	p->command = text(r, o, "command");
	WORD(owner, o, "owner", owner_word, NVB_OWNER_UNKNOWN, NVB_OWNER_UNKNOWN);
	p->owner = (enum nvb_owner)owner;
	p->owner_id = text(r, o, "owner_id");
	p->owner_name = text(r, o, "owner_name");
	p->pod = text(r, o, "pod");
	p->memory = value_of(r, o, "memory");
	p->utilization = value_of(r, o, "utilization");
	p->memory_utilization = value_of(r, o, "memory_utilization");
	p->encoder_utilization = value_of(r, o, "encoder_utilization");
	p->decoder_utilization = value_of(r, o, "decoder_utilization");
}

static void read_lists(struct reading *r, json_object *o, struct nvb_sample_gpu_part *part)
{
	size_t migs, processes;
	json_object *mig_list = list(r, o, "migs", MIGS_MOST, &migs);
	json_object *process_list = list(r, o, "processes", PROCESSES_MOST, &processes);

	part->migs = nvb_arena_alloc(&r->sample->arena, (migs + 1) * sizeof(*part->migs));
	part->processes = nvb_arena_alloc(&r->sample->arena, (processes + 1) * sizeof(*part->processes));
	if (!part->migs || !part->processes) {
		fail_oom(r);
		return;
	}
	for (size_t i = 0; r->rc == 0 && i < migs; i++)
		read_mig(r, json_object_array_get_idx(mig_list, i), &part->migs[i]);
	for (size_t i = 0; r->rc == 0 && i < processes; i++)
		read_process(r, json_object_array_get_idx(process_list, i), migs, &part->processes[i]);
	part->gpu.mig_count = migs;
	part->gpu.process_count = processes;
	part->process_age = process_list ? number(r, o, "processes_age_ns", 0) : UINT64_MAX;
}

static void read_gpu(struct reading *r, json_object *o, struct nvb_sample_gpu_part *part)
{
	json_object *mode = member(o, "mig_mode");
	struct nvb_sample_gpu *gpu = &part->gpu;
	int state;

	if (!json_object_is_type(o, json_type_object))
		fail(r, "a GPU is no object");
	gpu->index = small(r, o, "index", 0);
	WORD(state, o, "state", state_word, NVB_SAMPLE_GONE, NVB_SAMPLE_ERROR);
	gpu->state = (enum nvb_sample_state)state;
	gpu->reason = text(r, o, "reason");
	gpu->since_ns = number(r, o, "since_ns", 0);
	gpu->uuid = text(r, o, "uuid");
	gpu->name = text(r, o, "name");
	gpu->pci_address = text(r, o, "pci_address");
	gpu->minor = small(r, o, "minor", UINT32_MAX);
	gpu->pcie_generation_max = small(r, o, "pcie_generation_max", 0);
	gpu->pcie_width_max = small(r, o, "pcie_width_max", 0);
	gpu->mig_mode = json_object_is_type(mode, json_type_boolean) ? json_object_get_boolean(mode) : -1;
	for (int m = 0; m < NVB_METRIC_COUNT; m++)
		part->values[m] = value_of(r, o, nvb_metric_info((enum nvb_metric)m)->name);
	if (r->rc == 0)
		read_lists(r, o, part);
}

static void read_sample(struct reading *r, json_object *o)
{
	json_object *cost = member(o, "cost"), *gpus;
	size_t count;

	r->sample->time = number(r, o, "time_ns", 0);
	r->sample->sequence = number(r, o, "sequence", 0);
	r->sample->interval = number(r, o, "interval_ns", 0);
	r->sample->driver = text(r, o, "driver");
	r->sample->notice = text(r, o, "notice");
	r->sample->cost = (struct nvb_sample_cost){.cpu_ns = number(r, cost, "cpu_ns", 0),
		.elapsed_ns = number(r, cost, "elapsed_ns", 0),
		.collect_ns = number(r, cost, "collect_ns", 0),
		.child_rss_bytes = number(r, cost, "child_rss_bytes", 0),
		.missed = number(r, cost, "missed", 0)};
	gpus = list(r, o, "gpus", GPUS_MOST, &count);
	for (size_t i = 0; r->rc == 0 && i < count; i++)
		read_gpu(r, json_object_array_get_idx(gpus, i), &r->sample->gpus[i]);
}

static json_object *parse(const char *line, size_t size, const char **why)
{
	json_tokener *tokener = size < INT32_MAX ? json_tokener_new_ex(DEPTH) : NULL;
	json_object *o = NULL;

	if (!tokener)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	o = json_tokener_parse_ex(tokener, line, (int)size);
	*why = json_tokener_error_desc(json_tokener_get_error(tokener));
	json_tokener_free(tokener);
	return o;
}

int nvb_record_read(const char *line, size_t size, nvb_sample **sample, nvb_error **err)
{
	struct reading r = {.err = err};
	const char *why = "it is too long";
	json_object *o = parse(line, size, &why), *gpus;

	gpus = member(o, "gpus");
	if (!json_object_is_type(gpus, json_type_array) || !member(o, "time_ns")) {
		json_object_put(o);
		return nvb_fail(err, NVB_ERR_CORRUPT, "it is no sample of a monitor's log (%s)",
			o ? "it lacks \"time_ns\" or \"gpus\"" : why);
	}
	if (json_object_array_length(gpus) <= GPUS_MOST)
		r.sample = nvb_sample_new(json_object_array_length(gpus));
	if (r.sample)
		read_sample(&r, o);
	else if (json_object_array_length(gpus) > GPUS_MOST)
		fail(&r, "it has more GPUs than there can be");
	else
		fail_oom(&r);
	json_object_put(o);
	if (r.rc < 0)
		nvb_sample_unref(r.sample);
	else
		*sample = r.sample;
	return r.rc;
}
