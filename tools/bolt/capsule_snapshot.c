/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "capsule/lifecycle.h"
#include "capsule/locate.h"
#include "capsule/record.h"
#include "capsule/state.h"
#include "checkpoint/checkpoint.h"
#include "cli/output.h"
#include "findings.h"
#include "host.h"
#include "key_file.h"
#include "steps.h"
#include "supervisor/snapshot.h"
#include "supervisor/supervisor.h"
#include "verbs.h"

/* bolt capsule snapshot: takes one, or says what is against it. */

static struct {
	bool leave_running, tcp, check, format_given;
	const char *key_file, *comment;
	int format;
} opt;

static const struct nvb_option options[] = {
	{"leave-running", 0, NVB_OPTION_FLAG(&opt.leave_running),
		"let it run on behind it; else it is stopped"},
	{"tcp", 0, NVB_OPTION_FLAG(&opt.tcp), "keep established TCP connections, instead of refusing them"},
	{"check", 0, NVB_OPTION_FLAG(&opt.check),
		"only say what would be against it; the capsule is not touched"},
	{"key-file", 0, NVB_OPTION_STRING("FILE", &opt.key_file), "encrypt it with the key in this file"},
	{"comment", 0, NVB_OPTION_STRING("TEXT", &opt.comment), "a remark that lists show"},
	{"format", 0, NVB_KIND_CHOICE, "FORMAT", {.choice = &opt.format}, nvb_format_choices, NULL,
		&opt.format_given, "of --check: table or json (table)"},
	{NULL},
};
const struct nvb_option_group capsule_snapshot_groups[] = {{"Options", options}, {NULL}};

static int check(const struct nvb_state *state, const struct nvb_located *located, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition definition = {0};
	_cleanup_preflight_ struct nvb_preflight_report report = {0};
	struct nvb_entry entry = NVB_ENTRY_INIT;
	struct nvb_checkpoint checkpoint = {.host = run_host(),
		.state = state,
		.definition = &definition,
		.entry = &entry,
		.init = located->init,
		.tcp = opt.tcp};
	int rc;

	nvb_capsule_definition_init(&definition);
	rc = nvb_capsule_definition_of(state, located->id, &definition, err);
	if (rc == 0)
		rc = nvb_entry_open(state, located->id, -1, &entry, err);
	if (rc == 0)
		rc = nvb_checkpoint_check(&checkpoint, &report, err);
	nvb_entry_release(&entry);
	if (rc == 0)
		rc = findings_print(&report, opt.format, err);
	return rc < 0 ? rc : nvb_preflight_fails(&report);
}

int capsule_snapshot(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	_cleanup_located_ struct nvb_located located = {0};
	_cleanup_free_ char *key_file = NULL;
	struct steps steps = {0};
	struct nvb_snapshot_wish wish = {
		.leave_running = opt.leave_running,
		.tcp = opt.tcp,
		.comment = opt.comment,
		.progress = steps_tell,
		.data = &steps,
	};
	char snapshot[65];
	int rc = nvb_state_open(&state, err);

	(void)argc;
	if (opt.format_given && !opt.check)
		return nvb_usage(err, "--format is of --check; a snapshot prints its id");
	if (rc == 0)
		rc = key_file_find(opt.key_file, &key_file, err);
	if (rc == 0)
		rc = nvb_locate(&state, argv[0], &located, err);
	if (rc == 0)
		rc = nvb_located_running(&located, argv[0], err);
	if (rc == 0 && opt.check)
		return check(&state, &located, err);
	if (rc == 0 && opt.comment && strchr(opt.comment, '\n'))
		rc = nvb_fail(err, NVB_ERR_INVALID, "--comment: one line");
	if (rc < 0)
		return rc;
	wish.key_file = key_file;
	steps_catch();
	rc = nvb_supervisor_snapshot(run_host(), &state, located.id, &wish, snapshot, err);
	steps_end(&steps);
	if (rc < 0)
		return rc;
	printf("%s\n", snapshot);
	return nvb_stdout_flush(err);
}
