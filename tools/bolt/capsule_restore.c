/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "capsule/state.h"
#include "checkpoint/checkpoint.h"
#include "cli/output.h"
#include "host.h"
#include "steps.h"
#include "trust.h"
#include "verbs.h"

/* bolt capsule restore: a capsule goes on from a snapshot. */

static struct {
	const char *name, *key_file;
	char **gpus;
	bool trust, yes, keeps;
} opt;

static const struct nvb_option options[] = {
	{"name", 0, NVB_OPTION_STRING("NAME", &opt.name), "into a new capsule of this name"},
	{"gpu", 0, NVB_OPTION_LIST("[OLD=]NEW", &opt.gpus),
		"another GPU of the same chip in the place of one that it had; for each"},
	{"key-file", 0, NVB_OPTION_STRING("FILE", &opt.key_file), "the key of an encrypted one"},
	{"trust", 0, NVB_OPTION_FLAG(&opt.trust),
		"also one that this host did not write: it decides what runs, as whom and with which files"},
	{"yes", 'y', NVB_OPTION_FLAG(&opt.yes), "trust it without being asked at the terminal"},
	{"gpu-snapshot", 0, NVB_OPTION_FLAG(&opt.keeps), "keep a snapshot again when it is stopped"},
	{NULL},
};
const struct nvb_option_group capsule_restore_groups[] = {{"Options", options}, {NULL}};

/* What the library hands to us of its steps and its question is one thing. */
struct restoring {
	struct steps steps;
	struct trust trust;
};

static int tell(void *data, const char *step, uint64_t done, uint64_t total)
{
	struct restoring *r = data;

	return steps_tell(&r->steps, step, done, total);
}

static int judge(void *data, const struct nvb_snapshot_manifest *manifest, nvb_error **err)
{
	const struct restoring *r = data;

	return trust_ask(&r->trust, manifest, err);
}

int capsule_restore(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	struct restoring restoring = {.trust = {.yes = opt.yes, .in_place = !opt.name}};
	const struct nvb_restore restore = {
		.snapshot = argv[0],
		.name = opt.name,
		.gpu_map = opt.gpus,
		.key_file = opt.key_file,
		.trust = opt.trust,
		.keeps = opt.keeps,
		.judge = judge,
		.progress = tell,
		.data = &restoring,
	};
	char id[NVB_CAPSULE_ID + 1];
	int rc = nvb_state_open(&state, err);

	(void)argc;
	if (rc < 0)
		return rc;
	steps_catch();
	rc = nvb_checkpoint_restore(run_host(), &state, &restore, id, err);
	steps_end(&restoring.steps);
	if (rc < 0)
		return rc;
	printf("%s\n", id);
	return nvb_stdout_flush(err);
}
