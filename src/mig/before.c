/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "inventory/procfs.h"
#include "mig/state.h"

/*
 * What was there before a change, as lines:
 *
 *	nvbind-mig 1
 *	process 1234 567890		who makes the change: number and start time
 *	gpu 0000:07:00.0 on
 *	instance 9 0+4 0+3		profile, memory slices (first+how many), compute slices of each CI
 *	end
 *
 * The last line says that the file is whole.
 */
enum { FIELDS = 4 + NVB_MIG_INSTANCES, GPUS_MAX = 1024 };

void nvb_mig_before_release(struct nvb_mig_before *before)
{
	free(before->list);
	*before = (struct nvb_mig_before){0};
}

char *nvb_mig_before_format(const struct nvb_mig_before *before)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	nvb_sb_addf(&sb, "nvbind-mig 1\nprocess %d %" PRIu64 "\n", before->pid, before->started);
	for (size_t g = 0; g < before->count; g++) {
		const struct nvb_mig_former *former = &before->list[g];

		nvb_sb_addf(&sb, "gpu %s %s\n", former->pci, former->layout.enabled ? "on" : "off");
		for (uint32_t i = 0; i < former->layout.count; i++) {
			const struct nvb_mig_instance *instance = &former->layout.instances[i];

			nvb_sb_addf(&sb, "instance %u %u+%u", instance->profile_id, instance->place.start,
				instance->place.size);
			for (uint32_t c = 0; c < instance->compute_count; c++)
				nvb_sb_addf(&sb, " %u+%u", instance->computes[c].place.start,
					instance->computes[c].place.size);
			nvb_sb_addc(&sb, '\n');
		}
	}
	nvb_sb_add(&sb, "end\n");
	return nvb_sb_finish(&sb);
}

static bool parse_span(char *word, struct nvb_mig_span *span)
{
	char *plus = strchr(word, '+');

	if (!plus)
		return false;
	*plus = '\0';
	return nvb_parse_u32(word, &span->start) && nvb_parse_u32(plus + 1, &span->size) && span->size &&
	       span->start < NVB_MIG_SLICES && span->size <= NVB_MIG_SLICES - span->start;
}

/* 0, or a negated code: NVB_ERR_CORRUPT for what is no such line. */
static int parse_gpu(struct nvb_mig_before *before, char *const *words)
{
	struct nvb_mig_former *former;
	char pci[NVB_PCI_ADDRESS];

	if (nvb_strv_length(words) != 3 || !nvb_pci_normalise(words[1], pci) ||
		(!nvb_streq(words[2], "on") && !nvb_streq(words[2], "off")) || before->count == GPUS_MAX)
		return -NVB_ERR_CORRUPT;
	if (!NVB_GROW(before->list, before->count, before->capacity))
		return -NVB_ERR_NO_MEMORY;
	former = &before->list[before->count++];
	memset(former, 0, sizeof(*former));
	snprintf(former->pci, sizeof(former->pci), "%s", pci);
	former->layout.enabled = nvb_streq(words[2], "on");
	return 0;
}

static bool parse_instance(struct nvb_mig_before *before, char *const *words)
{
	struct nvb_mig_layout *layout = before->count ? &before->list[before->count - 1].layout : NULL;
	struct nvb_mig_instance *instance;
	size_t count = nvb_strv_length(words);

	if (!layout || !layout->enabled || layout->count == NVB_MIG_INSTANCES || count < 3 ||
		count - 3 > NVB_MIG_INSTANCES)
		return false;
	instance = &layout->instances[layout->count++];
	if (!nvb_parse_u32(words[1], &instance->profile_id) || !parse_span(words[2], &instance->place))
		return false;
	for (size_t i = 3; i < count; i++)
		if (!parse_span(words[i], &instance->computes[instance->compute_count++].place))
			return false;
	return true;
}

static bool parse_process(struct nvb_mig_before *before, char *const *words)
{
	uint32_t pid;

	if (nvb_strv_length(words) != 3 || !nvb_parse_u32(words[1], &pid) || pid > INT32_MAX ||
		!nvb_parse_u64(words[2], &before->started))
		return false;
	before->pid = (pid_t)pid;
	return true;
}

/* One line behind the first; *end is set by the last. As parse_gpu. */
static int parse_line(struct nvb_mig_before *before, const char *line, bool *end)
{
	_cleanup_strv_ char **words = nvb_strv_split(line, " ");
	bool fine;

	if (!words)
		return -NVB_ERR_NO_MEMORY;
	if (!words[0] || *end)
		return -NVB_ERR_CORRUPT;
	if (nvb_streq(words[0], "gpu"))
		return parse_gpu(before, words);
	if (nvb_streq(words[0], "process"))
		fine = parse_process(before, words);
	else if (nvb_streq(words[0], "instance"))
		fine = parse_instance(before, words);
	else
		fine = *end = nvb_streq(words[0], "end") && !words[1];
	return fine ? 0 : -NVB_ERR_CORRUPT;
}

int nvb_mig_before_parse(const char *text, struct nvb_mig_before *out, nvb_error **err)
{
	_cleanup_mig_before_ struct nvb_mig_before before = {0};
	_cleanup_strv_ char **lines = nvb_strv_split(text, "\n");
	bool end = false;

	if (!lines)
		return nvb_fail_oom(err);
	if (!lines[0] || !nvb_streq(lines[0], "nvbind-mig 1"))
		return nvb_fail(err, NVB_ERR_CORRUPT, "it is no record of MIG layouts");
	for (size_t i = 1; lines[i]; i++) {
		int rc = parse_line(&before, lines[i], &end);

		if (rc == -NVB_ERR_NO_MEMORY)
			return nvb_fail_oom(err);
		if (rc < 0)
			return nvb_fail(err, NVB_ERR_CORRUPT, "line %zu is damaged", i + 1);
	}
	if (!end)
		return nvb_fail(err, NVB_ERR_CORRUPT, "its end is missing");
	*out = before;
	before = (struct nvb_mig_before){0};
	return 0;
}
