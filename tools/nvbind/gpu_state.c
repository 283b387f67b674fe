/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "gpu_state_verbs.h"
#include "nvbind.h"
#include "nvbind/gpu_state.h"

/* nvbind gpu-state: the steps by which the GPU half of a snapshot is taken and put back, one by one. */

static int format = NVB_FORMAT_TABLE;
static char **cgroups, **moves;
static uint64_t timeout; /* ns */

struct session {
	struct nvb_inventory *inventory;
	nvb_gpu_state *state;
	int *pids;
	size_t count;
};

static void session_release(struct session *s)
{
	nvb_gpu_state_close(s->state);
	nvb_inventory_free(s->inventory);
	free(s->pids);
}
#define _cleanup_session_ _cleanup_(session_release)

static int add_pids(struct session *s, const int *pids, size_t count, nvb_error **err)
{
	int *grown = realloc(s->pids, (s->count + count + 1) * sizeof(*grown));

	if (!grown)
		return nvb_fail_oom(err);
	s->pids = grown;
	for (size_t i = 0; i < count; i++) {
		bool known = false;

		for (size_t k = 0; k < s->count; k++)
			known |= s->pids[k] == pids[i];
		if (!known)
			s->pids[s->count++] = pids[i];
	}
	return 0;
}

static int collect_pids(struct session *s, int argc, char **argv, nvb_error **err)
{
	int rc = 0;

	if (!argc && !cgroups)
		return nvb_usage(err, "no process is named: give its PID, or --cgroup");
	for (int i = 0; rc == 0 && i < argc; i++) {
		uint32_t number;
		int pid;

		if (!nvb_parse_u32(argv[i], &number) || !number || number > INT_MAX)
			return nvb_usage(err, "'%s' is no process id", argv[i]);
		pid = (int)number;
		rc = add_pids(s, &pid, 1, err);
	}
	nvb_strv_foreach (directory, cgroups) {
		_cleanup_free_ int *pids = NULL;
		size_t count = 0;

		if (rc == 0)
			rc = nvb_gpu_state_cgroup(*directory, &pids, &count, err);
		if (rc == 0)
			rc = add_pids(s, pids, count, err);
	}
	return rc;
}

static int session_open(struct session *s, int argc, char **argv, bool driver, nvb_error **err)
{
	struct nvb_gpu_state_options options = {.size = sizeof(options)};
	int rc = collect_pids(s, argc, argv, err);

	if (timeout > (uint64_t)3600 * 1000000000)
		return nvb_usage(err, "--timeout is an hour at most");
	/* Half a millisecond would be none. */
	options.lock_timeout_ms = (unsigned)((timeout + 999999) / 1000000);
	if (rc == 0)
		rc = load_inventory(NULL, &s->inventory, err);
	if (rc == 0 && driver)
		rc = nvb_gpu_state_open(s->inventory, &options, &s->state, err);
	return rc;
}

static int print_states(const struct nvb_gpu_process *list, size_t count, nvb_error **err)
{
	static const struct nvb_column columns[] = {
		{"PID", .right = true}, {"STATE"}, {"RESTORE THREAD", .right = true}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};

	for (size_t i = 0; i < count; i++) {
		nvb_table_cellf(&table, "%d", list[i].pid);
		nvb_table_cell(&table, nvb_gpu_process_state_name(list[i].state));
		if (list[i].restore_thread)
			nvb_table_cellf(&table, "%d", list[i].restore_thread);
		else
			nvb_table_cell(&table, "-");
	}
	return nvb_table_print(&table, stdout, err);
}

static int print_json(const struct nvb_gpu_process *list, size_t count, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	nvb_sb_add(&text, "[");
	for (size_t i = 0; i < count; i++) {
		nvb_sb_addf(&text, "%s\n  {\"pid\": %d, \"state\": ", i ? "," : "", list[i].pid);
		nvb_sb_add_json(&text, list[i].state == NVB_GPU_PROCESS_NONE
					       ? "none"
					       : nvb_gpu_process_state_name(list[i].state));
		nvb_sb_addf(&text, ", \"restore_thread\": ");
		if (list[i].restore_thread)
			nvb_sb_addf(&text, "%d}", list[i].restore_thread);
		else
			nvb_sb_add(&text, "null}");
	}
	nvb_sb_add(&text, count ? "\n]\n" : "]\n");
	if (!text.s)
		return nvb_fail_oom(err);
	fputs(text.s, stdout);
	return nvb_stdout_flush(err);
}

static int verb_status(int argc, char **argv, nvb_error **err)
{
	_cleanup_session_ struct session s = {0};
	_cleanup_free_ struct nvb_gpu_process *list = NULL;
	int rc = session_open(&s, argc, argv, true, err);

	if (rc < 0)
		return rc;
	list = calloc(s.count + 1, sizeof(*list));
	if (!list)
		return nvb_fail_oom(err);
	for (size_t i = 0; rc == 0 && i < s.count; i++) {
		list[i].size = sizeof(*list);
		rc = nvb_gpu_state_query(s.state, s.pids[i], &list[i], err);
	}
	if (rc < 0)
		return rc;
	return format == NVB_FORMAT_JSON ? print_json(list, s.count, err) : print_states(list, s.count, err);
}

/* Takes back what this command did, so that all have made the step or none. */
static void take_back(const struct session *s, enum nvb_gpu_step step, size_t done)
{
	static const enum nvb_gpu_step back[] = {[NVB_GPU_STEP_LOCK] = NVB_GPU_STEP_UNLOCK,
		[NVB_GPU_STEP_CHECKPOINT] = NVB_GPU_STEP_RESTORE,
		[NVB_GPU_STEP_UNLOCK] = NVB_GPU_STEP_LOCK};

	for (size_t i = 0; step != NVB_GPU_STEP_RESTORE && i < done; i++) {
		_cleanup_error_ nvb_error *error = NULL;

		if (nvb_gpu_state_step(s->state, back[step], s->pids[i], NULL, 0, &error) < 0)
			nvb_report_warning("nvbind", "not undone: %s", nvb_error_message(error));
	}
}

static int make_step(enum nvb_gpu_step step, int argc, char **argv, nvb_error **err)
{
	size_t pair_count = step == NVB_GPU_STEP_RESTORE ? nvb_strv_length(moves) : 0;
	_cleanup_free_ struct nvb_gpu_pair *pairs = calloc(pair_count + 1, sizeof(*pairs));
	_cleanup_session_ struct session s = {0};
	int rc;

	if (!pairs)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < pair_count; i++) {
		char *equals = strchr(moves[i], '=');

		if (!equals)
			return nvb_usage(
				err, "--gpu-map takes OLD=NEW, two UUIDs of GPUs, not '%s'", moves[i]);
		*equals = '\0';
		pairs[i] = (struct nvb_gpu_pair){.from = moves[i], .to = equals + 1};
	}
	rc = session_open(&s, argc, argv, true, err);
	for (size_t i = 0; rc == 0 && i < s.count; i++) {
		rc = nvb_gpu_state_step(s.state, step, s.pids[i], pairs, pair_count, err);
		if (rc < 0)
			take_back(&s, step, i);
	}
	return rc;
}

static int verb_lock(int argc, char **argv, nvb_error **err)
{
	return make_step(NVB_GPU_STEP_LOCK, argc, argv, err);
}

static int verb_checkpoint(int argc, char **argv, nvb_error **err)
{
	return make_step(NVB_GPU_STEP_CHECKPOINT, argc, argv, err);
}

static int verb_restore(int argc, char **argv, nvb_error **err)
{
	return make_step(NVB_GPU_STEP_RESTORE, argc, argv, err);
}

static int verb_unlock(int argc, char **argv, nvb_error **err)
{
	return make_step(NVB_GPU_STEP_UNLOCK, argc, argv, err);
}

static int print_findings(const struct nvb_gpu_state_finding *list, size_t count, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	nvb_sb_add(&text, "[");
	for (size_t i = 0; i < count; i++) {
		nvb_sb_addf(&text,
			"%s\n  {\"check\": \"%s\", \"pid\": %d, \"fatal\": %s, \"reason\": ", i ? "," : "",
			list[i].id, list[i].pid, list[i].fatal ? "true" : "false");
		nvb_sb_add_json(&text, list[i].reason);
		nvb_sb_add(&text, "}");
	}
	nvb_sb_add(&text, count ? "\n]\n" : "]\n");
	if (!text.s)
		return nvb_fail_oom(err);
	fputs(text.s, stdout);
	return nvb_stdout_flush(err);
}

static int show_findings(const struct nvb_gpu_state_finding *list, size_t count, nvb_error **err)
{
	static const struct nvb_column columns[] = {
		{"CHECK"}, {"PID", .right = true}, {"FAILS"}, {"WHY"}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};

	if (format == NVB_FORMAT_JSON)
		return print_findings(list, count, err);
	for (size_t i = 0; i < count; i++) {
		nvb_table_cell(&table, list[i].id);
		if (list[i].pid)
			nvb_table_cellf(&table, "%d", list[i].pid);
		else
			nvb_table_cell(&table, "host");
		nvb_table_cell(&table, list[i].fatal ? "yes" : "maybe");
		nvb_table_cell(&table, list[i].reason);
	}
	return count ? nvb_table_print(&table, stdout, err) : 0;
}

static int verb_check(int argc, char **argv, nvb_error **err)
{
	_cleanup_session_ struct session s = {0};
	struct nvb_gpu_state_finding *list = NULL;
	size_t count = 0;
	bool fatal = false;
	int rc = session_open(&s, argc, argv, false, err);

	if (rc == 0)
		rc = nvb_gpu_state_preflight(s.inventory, s.pids, s.count, &list, &count, err);
	if (rc == 0)
		rc = show_findings(list, count, err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		fatal |= list[i].fatal;
	nvb_gpu_state_findings_free(list, count);
	return rc < 0 ? rc : fatal;
}

static const struct nvb_option which[] = {
	{"cgroup", 0, NVB_OPTION_LIST("DIRECTORY", &cgroups),
		"all processes of a cgroup, as a directory below /sys/fs/cgroup (repeatable)"},
	{NULL},
};

static const struct nvb_option lock_options[] = {
	{"timeout", 0, NVB_OPTION_DURATION("TIME", &timeout),
		"how long a process may take to finish what it has on the GPU (10s)"},
	{NULL},
};

static const struct nvb_option restore_options[] = {
	{"gpu-map", 0, NVB_OPTION_LIST("OLD=NEW", &moves),
		"go on on another GPU of the same chip, by UUID (repeatable; driver 580 or later)"},
	{NULL},
};

static const struct nvb_option print_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "table or json"},
	{NULL},
};

const struct nvb_verb nvbind_gpu_state_verbs[] = {
	{.name = "status",
		.summary = "show what the driver says of processes: running, locked, checkpointed, failed",
		.synopsis = "PID...",
		.examples = "  nvbind gpu-state status 4711\n",
		.groups = NVB_GROUPS({"Processes", which}, {"Options", print_options}),
		.run = verb_status,
		.max_args = NVB_ARGS_ANY},
	{.name = "check",
		.summary = "say what is against taking the GPU state of processes, without touching them",
		.synopsis = "PID...",
		.description =
			"Exits with 1 where it would fail. Managed memory and memory that processes share "
			"only the driver knows for sure, when it is tried; where they may be is said.",
		.examples = "  nvbind gpu-state check 4711\n",
		.groups = NVB_GROUPS({"Processes", which}, {"Options", print_options}),
		.run = verb_check,
		.max_args = NVB_ARGS_ANY},
	{.name = "lock",
		.summary = "let processes finish what they have on the GPU, and keep further calls waiting",
		.synopsis = "PID...",
		.description = "All of them are locked, or none.",
		.groups = NVB_GROUPS({"Processes", which}, {"Options", lock_options}),
		.run = verb_lock,
		.max_args = NVB_ARGS_ANY},
	{.name = "checkpoint",
		.summary = "move the GPU memory of locked processes into the processes; the GPU is free then",
		.synopsis = "PID...",
		.description = "All of them, or none.",
		.groups = NVB_GROUPS({"Processes", which}),
		.run = verb_checkpoint,
		.max_args = NVB_ARGS_ANY},
	{.name = "restore",
		.summary = "move it back; the processes are locked then",
		.synopsis = "PID...",
		.description =
			"In the order given. At the first that fails it stops; those before it have theirs.",
		.examples = "  nvbind gpu-state restore 4711 && nvbind gpu-state unlock 4711\n",
		.groups = NVB_GROUPS({"Processes", which}, {"Options", restore_options}),
		.run = verb_restore,
		.max_args = NVB_ARGS_ANY},
	{.name = "unlock",
		.summary = "let locked processes go on",
		.synopsis = "PID...",
		.groups = NVB_GROUPS({"Processes", which}),
		.run = verb_unlock,
		.max_args = NVB_ARGS_ANY},
	{NULL},
};
