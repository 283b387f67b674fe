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
#include "host.h"
#include "steps.h"
#include "supervisor/snapshot.h"
#include "supervisor/supervisor.h"
#include "verbs.h"

/* bolt capsule snapshot: takes one, or says what is against it. */

static struct {
	bool leave_running, tcp, check;
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
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &opt.format),
		"of --check: table or json (table)"},
	{NULL},
};
const struct nvb_option_group capsule_snapshot_groups[] = {{"Options", options}, {NULL}};

static int print_json(const struct nvb_preflight_report *report, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};

	nvb_preflight_json(report, &out);
	return out.failed ? nvb_fail_oom(err) : nvb_stdout_write(out.s, out.len, err);
}

static int show_findings(const struct nvb_preflight_report *report, nvb_error **err)
{
	static const struct nvb_column columns[] = {{"FATAL"}, {"CHECK"}, {"PID", true}, {"REASON"}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};

	if (opt.format == NVB_FORMAT_JSON)
		return print_json(report, err);
	for (size_t i = 0; i < report->count; i++) {
		const struct nvb_preflight_finding *f = &report->list[i];

		nvb_table_cell(&table, f->fatal ? "yes" : "no");
		nvb_table_cell(&table, f->id);
		f->pid ? nvb_table_cellf(&table, "%d", f->pid) : nvb_table_cell(&table, "-");
		nvb_table_cell(&table, f->reason);
	}
	return report->count ? nvb_table_print(&table, stdout, err) : 0;
}

static int check(const struct nvb_state *state, const char *which, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition definition = {0};
	_cleanup_preflight_ struct nvb_preflight_report report = {0};
	_cleanup_located_ struct nvb_located located = {0};
	struct nvb_entry entry = NVB_ENTRY_INIT;
	struct nvb_checkpoint checkpoint = {.host = run_host(),
		.state = state,
		.definition = &definition,
		.entry = &entry,
		.tcp = opt.tcp};
	int rc = nvb_locate(state, which, &located, err);

	nvb_capsule_definition_init(&definition);
	if (rc == 0)
		rc = nvb_located_running(&located, which, err);
	if (rc == 0)
		rc = nvb_capsule_definition_of(state, located.id, &definition, err);
	if (rc == 0)
		rc = nvb_entry_open(state, located.id, -1, &entry, err);
	checkpoint.init = located.init;
	if (rc == 0)
		rc = nvb_checkpoint_check(&checkpoint, &report, err);
	nvb_entry_release(&entry);
	if (rc == 0)
		rc = show_findings(&report, err);
	return rc < 0 ? rc : nvb_preflight_fails(&report);
}

static int absolute(const char *path, char **out, nvb_error **err)
{
	if (!path)
		return 0;
	*out = realpath(path, NULL);
	return *out ? 0 : nvb_fail(err, NVB_ERR_NOT_FOUND, "--key-file %s: %s", path, strerror(errno));
}

int capsule_snapshot(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	_cleanup_free_ char *key_file = NULL;
	struct steps steps = {0};
	struct nvb_snapshot_wish wish = {
		.leave_running = opt.leave_running,
		.tcp = opt.tcp,
		.comment = opt.comment,
		.progress = steps_tell,
		.data = &steps,
	};
	char id[NVB_CAPSULE_ID + 1], snapshot[65];
	int rc = nvb_state_open(&state, err);

	(void)argc;
	if (rc == 0 && opt.check)
		return check(&state, argv[0], err);
	if (rc == 0)
		rc = nvb_capsule_find(&state, argv[0], id, err);
	if (rc == 0 && opt.comment && strchr(opt.comment, '\n'))
		rc = nvb_fail(err, NVB_ERR_INVALID, "--comment: one line");
	if (rc == 0)
		rc = absolute(opt.key_file, &key_file, err);
	if (rc < 0)
		return rc;
	wish.key_file = key_file;
	steps_catch();
	rc = nvb_supervisor_snapshot(run_host(), &state, id, &wish, snapshot, err);
	steps_end(&steps);
	if (rc < 0)
		return rc;
	printf("%s\n", snapshot);
	return nvb_stdout_flush(err);
}
