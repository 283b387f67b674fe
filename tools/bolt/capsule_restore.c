/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "capsule/state.h"
#include "checkpoint/checkpoint.h"
#include "cli/output.h"
#include "findings.h"
#include "host.h"
#include "key_file.h"
#include "steps.h"
#include "trust.h"
#include "verbs.h"

/* bolt capsule restore: a capsule goes on from a snapshot. */

static struct {
	const char *name, *key_file;
	char **gpus;
	bool trust, yes, keeps, check, format_given;
	int format;
} opt;

static const struct nvb_option options[] = {
	{"name", 0, NVB_OPTION_STRING("NAME", &opt.name), "into a new capsule of this name"},
	{"gpu", 0, NVB_OPTION_LIST("[OLD=]NEW", &opt.gpus),
		"another GPU of the same chip in the place of one that it had; for each"},
	{"key-file", 0, NVB_OPTION_STRING("FILE", &opt.key_file),
		"the key of an encrypted one; with --gpu-snapshot also of the one that is kept"},
	{"trust", 0, NVB_OPTION_FLAG(&opt.trust),
		"also one that this host did not write: it decides what runs, as whom and with which files"},
	{"yes", 'y', NVB_OPTION_FLAG(&opt.yes), "trust it without being asked at the terminal"},
	{"check", 0, NVB_OPTION_FLAG(&opt.check), "only say what would be against it; nothing is touched"},
	{"format", 0, NVB_KIND_CHOICE, "FORMAT", {.choice = &opt.format}, nvb_format_choices, NULL,
		&opt.format_given, "of --check: table or json (table)"},
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

static int check(const struct nvb_state *state, const struct nvb_restore *restore, nvb_error **err)
{
	_cleanup_preflight_ struct nvb_preflight_report report = {0};
	int rc = nvb_checkpoint_check_restore(run_host(), state, restore, &report, err);

	if (rc == 0)
		rc = findings_print(&report, opt.format, err);
	return rc < 0 ? rc : nvb_preflight_fails(&report);
}

int capsule_restore(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	struct restoring restoring = {.trust = {.yes = opt.yes, .in_place = !opt.name}};
	_cleanup_free_ char *key_file = NULL;
	struct nvb_restore restore = {
		.snapshot = argv[0],
		.name = opt.name,
		.gpu_map = opt.gpus,
		.trust = opt.trust,
		.keeps = opt.keeps,
		.judge = judge,
		.progress = tell,
		.data = &restoring,
	};
	char id[NVB_CAPSULE_ID + 1];
	int rc = nvb_state_open(&state, err);

	(void)argc;
	if (opt.format_given && !opt.check)
		return nvb_usage(err, "--format is of --check; a restore prints the capsule's id");
	if (rc == 0)
		rc = key_file_find(opt.key_file, &key_file, err);
	if (rc < 0)
		return rc;
	restore.key_file = key_file;
	if (opt.check)
		return check(&state, &restore, err);
	steps_catch();
	rc = nvb_checkpoint_restore(run_host(), &state, &restore, id, err);
	steps_end(&restoring.steps);
	if (rc < 0)
		return rc;
	printf("%s\n", id);
	return nvb_stdout_flush(err);
}
