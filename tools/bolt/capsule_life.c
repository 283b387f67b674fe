/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule.h"
#include "capsule/capsules.h"
#include "capsule/detach_keys.h"
#include "capsule/lifecycle.h"
#include "capsule/preflight.h"
#include "capsule/rootless.h"
#include "checkpoint/checkpoint.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "host.h"
#include "key_file.h"
#include "run_options.h"
#include "supervisor/supervisor.h"
#include "verbs.h"

/* bolt capsule create, start, stop, restart, kill, pause, unpause, rm, rename, update. */

int each_capsule(int argc, char **argv,
	int (*act)(const struct nvb_state *state, const char *id, nvb_error **err), nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	bool failed = false;
	int rc = nvb_state_open(&state, err);

	for (int i = 0; rc == 0 && i < argc; i++) {
		_cleanup_error_ nvb_error *why = NULL;
		char id[NVB_CAPSULE_ID + 1];
		int one = nvb_capsule_find(&state, argv[i], id, &why);

		if (one == 0)
			one = act(&state, id, &why);
		if (one == 0) {
			printf("%s\n", argv[i]);
			continue;
		}
		/* A single one's error is the command's. */
		if (argc == 1) {
			nvb_error_move(err, NVB_TAKE_PTR(why));
			return one;
		}
		nvb_report_error("bolt", why);
		failed = true;
	}
	if (rc == 0)
		rc = nvb_stdout_flush(err);
	return rc < 0 ? rc : failed;
}

int capsule_create(int argc, char **argv, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition definition = {0};
	_cleanup_state_ struct nvb_state state = {0};
	char id[NVB_CAPSULE_ID + 1];
	int rc;

	nvb_capsule_definition_init(&definition);
	rc = run_options_apply_create(argc, argv, &definition, err);
	if (rc == 0)
		rc = nvb_state_open(&state, err);
	if (rc == 0)
		rc = nvb_capsule_create(run_host(), &state, &definition, id, err);
	if (rc < 0)
		return rc;
	printf("%s\n", id);
	return nvb_stdout_flush(err);
}

/* starting */

static struct {
	bool restartable, gpu_snapshot, attach, interactive;
	const char *detach_keys, *key_file;
} start_opt = {.detach_keys = NVB_DETACH_KEYS_DEFAULT};

static const struct nvb_option start_options[] = {
	{"attach", 'a', NVB_OPTION_FLAG(&start_opt.attach),
		"show what it prints and hand signals on; the exit status is the capsule's"},
	{"interactive", 'i', NVB_OPTION_FLAG(&start_opt.interactive),
		"the same, and hand standard input on, where it was made with -i"},
	{"detach-keys", 0, NVB_OPTION_STRING("KEYS", &start_opt.detach_keys),
		"what leaves its terminal (ctrl-p,ctrl-q)"},
	{"gpu-snapshot", 0, NVB_OPTION_FLAG(&start_opt.gpu_snapshot),
		"go on from its last snapshot, where there is one, and keep one when it is stopped"},
	{"key-file", 0, NVB_OPTION_STRING("FILE", &start_opt.key_file),
		"the key of that snapshot, if it is encrypted; the one that is kept then is, too"},
	{"restartable", 0, NVB_OPTION_FLAG(&start_opt.restartable),
		"all whose policy is always or unless-stopped and that ran when the host went down"},
	{NULL},
};
const struct nvb_option_group capsule_start_groups[] = {{"Options", start_options}, {NULL}};

/* Asked for with GPUs whose state no snapshot could hold, it is refused before it begins. */
static int check_snapshots(const struct nvb_state *state, const char *id, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition definition = {0};
	int rc;

	nvb_capsule_definition_init(&definition);
	rc = nvb_capsule_definition_of(state, id, &definition, err);
	return rc < 0 ? rc : nvb_snapshot_preflight(run_host(), state, &definition, err);
}

static int begin_anew(const struct nvb_state *state, const char *id, const char *key_file, nvb_error **err)
{
	const struct nvb_supervisor_start how = {.attached = -1, .keeps = true, .keeps_key = key_file};
	struct nvb_capsule_start start;
	int status, rc = nvb_capsule_start_how(run_host(), state, id, &how, &start, err);

	return rc < 0 ? rc : nvb_capsule_start_finish(&start, &status, err);
}

/* Of one that runs it is true already, or cannot become so. */
static int runs_already(const struct nvb_state *state, const char *id, nvb_error **err)
{
	struct nvb_entry entry = NVB_ENTRY_INIT;
	bool keeps = nvb_entry_open(state, id, -1, &entry, NULL) == 0 && nvb_entry_has(&entry, "keeps");

	nvb_entry_release(&entry);
	if (keeps)
		return 0;
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_CONFLICT, "capsule %.12s runs already, without --gpu-snapshot", id),
		"'bolt capsule snapshot' saves and stops it; then start it so");
}

/* From the last snapshot, or, without one, from the beginning. */
static int go_on(const struct nvb_state *state, const char *id, nvb_error **err)
{
	_cleanup_snapshots_ struct nvb_snapshots store = {.fd = -1};
	_cleanup_free_ char *path = nvb_snapshots_default_path(state->data), *last = NULL, *key_file = NULL;
	_cleanup_error_ nvb_error *none = NULL;
	struct nvb_restore restore = {.keeps = true};
	char same[NVB_CAPSULE_ID + 1];
	nvb_snapshot_id snapshot;
	int rc;

	if (nvb_supervisor_ensure(run_host(), state, id, NULL) == 0)
		return runs_already(state, id, err);
	rc = key_file_find(start_opt.key_file, &key_file, err);
	if (rc == 0)
		rc = check_snapshots(state, id, err);
	if (rc < 0)
		return rc;
	if (!path || asprintf(&last, "%s@latest", id) < 0)
		return nvb_fail_oom(err);
	rc = nvb_snapshots_open(&store, path, err);
	if (rc < 0)
		return rc;
	rc = nvb_snapshot_find(&store, last, &snapshot, &none);
	if (rc == -NVB_ERR_NOT_FOUND)
		return begin_anew(state, id, key_file, err);
	if (rc < 0) {
		nvb_error_move(err, NVB_TAKE_PTR(none));
		return rc;
	}
	restore.snapshot = snapshot.text;
	restore.key_file = key_file;
	return nvb_checkpoint_restore(run_host(), state, &restore, same, err);
}

/* Those that a start of the host finds ended: `always` also what somebody stopped, as docker. */
static bool shall_run(const struct nvb_state *state, const struct nvb_capsule_info *info)
{
	_cleanup_definition_ struct nvb_capsule_definition definition = {0};

	if (info->state != NVB_CAPSULE_EXITED || !info->began)
		return false;
	nvb_capsule_definition_init(&definition);
	if (nvb_capsule_definition_of(state, info->id, &definition, NULL) < 0)
		return false;
	return definition.restart == NVB_RESTART_ALWAYS ||
	       (definition.restart == NVB_RESTART_UNLESS_STOPPED && !info->stopped);
}

static bool finish(struct nvb_capsule_start *start, const char *name)
{
	_cleanup_error_ nvb_error *why = NULL;
	int status;

	if (nvb_capsule_start_finish(start, &status, &why) == 0) {
		printf("%s\n", name);
		return true;
	}
	nvb_wrap(&why, 0, "capsule %s", name);
	nvb_report_error("bolt", why);
	return false;
}

/* All at once: none waits for another one's program. */
static int start_restartable(const struct nvb_state *state, nvb_error **err)
{
	struct nvb_capsule_info *list = NULL;
	struct nvb_capsule_start *starts;
	bool failed = false;
	size_t count = 0;
	int rc;

	nvb_supervisor_adopt_all(run_host(), state);
	rc = nvb_capsules_list(state, true, &list, &count, err);
	starts = rc == 0 ? calloc(count + 1, sizeof(*starts)) : NULL;
	if (rc == 0 && !starts)
		rc = nvb_fail_oom(err);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		starts[i].report = -1;
		if (shall_run(state, &list[i]) &&
			nvb_capsule_start_begin(run_host(), state, list[i].id, &starts[i], NULL) < 0)
			failed = true;
	}
	for (size_t i = 0; rc == 0 && i < count; i++)
		if (starts[i].report >= 0 && !finish(&starts[i], list[i].name ? list[i].name : list[i].id))
			failed = true;
	free(starts);
	nvb_capsules_free(list, count);
	if (rc == 0)
		rc = nvb_stdout_flush(err);
	return rc < 0 ? rc : failed;
}

/* Its end of the input is the end of the program's: nobody else is there to go on. */
static int start_and_attach(const struct nvb_state *state, const char *which, nvb_error **err)
{
	const struct attach_choices choices = {
		.input = start_opt.interactive,
		.end_input = true,
		.signals = true,
		.detach_keys = start_opt.detach_keys,
	};
	_cleanup_error_ nvb_error *why = NULL;
	char id[NVB_CAPSULE_ID + 1];
	int status = 125, rc = nvb_capsule_find(state, which, id, err);

	if (rc < 0)
		return rc;
	rc = start_attached(state, id, &choices, &status, &why);
	if (rc < 0 && why)
		nvb_report_error("bolt", why);
	return status;
}

int capsule_start(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	int rc, status = 0, worst = 0;

	if (start_opt.restartable ? argc > 0 : argc == 0)
		return nvb_usage(err, start_opt.restartable ? "--restartable takes no capsules"
							    : "which capsule? Name one, or --restartable");
	if (start_opt.key_file && !start_opt.gpu_snapshot)
		return nvb_usage(err, "--key-file is the key of snapshots, for --gpu-snapshot");
	if (start_opt.restartable && start_opt.gpu_snapshot)
		return nvb_usage(err, "--restartable takes no --gpu-snapshot");
	rc = nvb_state_open(&state, err);
	if (rc < 0)
		return rc;
	if (start_opt.restartable)
		return start_restartable(&state, err);
	if ((start_opt.attach || start_opt.interactive) && start_opt.gpu_snapshot)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED,
				"--gpu-snapshot: nobody is attached from the start to what goes on"),
			"start it, then 'bolt capsule attach'");
	if (start_opt.attach || start_opt.interactive)
		return argc == 1 ? start_and_attach(&state, argv[0], err)
				 : nvb_usage(err, "only one capsule can be attached to");
	for (int i = 0; i < argc; i++) {
		_cleanup_error_ nvb_error *why = NULL;
		char id[NVB_CAPSULE_ID + 1];

		status = 125;
		rc = nvb_capsule_find(&state, argv[i], id, &why);
		if (rc == 0)
			rc = start_opt.gpu_snapshot
				     ? go_on(&state, id, &why)
				     : nvb_capsule_start(run_host(), &state, id, &status, &why);
		/* As docker: what was asked for is so already. Going on from a snapshot has other conflicts.
		 */
		if (rc == -NVB_ERR_CONFLICT && !start_opt.gpu_snapshot)
			rc = 0;
		if (rc == 0)
			printf("%s\n", argv[i]);
		else if (why)
			nvb_report_error("bolt", why);
		worst = rc < 0 && status > worst ? status : worst;
	}
	rc = nvb_stdout_flush(err);
	return rc < 0 ? rc : worst;
}

/* stopping */

static struct {
	uint32_t seconds;
	bool seconds_given, no_snapshot;
	const char *signal;
} stop_opt;

static const struct nvb_option stop_options[] = {
	{"time", 't', NVB_KIND_U32, "SECONDS", {.u32 = &stop_opt.seconds}, NULL, NULL,
		&stop_opt.seconds_given,
		"how long it may take to end, before it is killed (what it was made "
		"with, 10)"},
	{"signal", 's', NVB_OPTION_STRING("SIGNAL", &stop_opt.signal),
		"what asks the program to end (what it was made with, SIGTERM)"},
	{"no-snapshot", 0, NVB_OPTION_FLAG(&stop_opt.no_snapshot),
		"keep none, of one that was started with --gpu-snapshot"},
	{NULL},
};
const struct nvb_option_group capsule_stop_groups[] = {{"Options", stop_options}, {NULL}};

static int read_stop(struct nvb_capsule_stop *stop, nvb_error **err)
{
	*stop = (struct nvb_capsule_stop){
		.timeout = stop_opt.seconds_given ? (int64_t)stop_opt.seconds : -1,
		.discard = stop_opt.no_snapshot,
	};
	if (stop->timeout > NVB_STOP_TIMEOUT_MOST)
		return nvb_fail(err, NVB_ERR_INVALID, "--time %u: too long, a year (%d seconds) is the most",
			stop_opt.seconds, NVB_STOP_TIMEOUT_MOST);
	if (stop_opt.signal && !nvb_parse_signal(stop_opt.signal, &stop->signal))
		return nvb_fail(
			err, NVB_ERR_INVALID, "signal '%s': there is no such signal", stop_opt.signal);
	return 0;
}

static int stop_one(const struct nvb_state *state, const char *id, nvb_error **err)
{
	struct nvb_capsule_stop stop;
	int rc = read_stop(&stop, err);

	return rc < 0 ? rc : nvb_capsule_stop(run_host(), state, id, &stop, err);
}

int capsule_stop(int argc, char **argv, nvb_error **err)
{
	return each_capsule(argc, argv, stop_one, err);
}

/* One that is gone when it has ended must not end over this. */
static int check_stays(const struct nvb_state *state, const char *id, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition definition = {0};
	int rc;

	nvb_capsule_definition_init(&definition);
	rc = nvb_capsule_definition_of(state, id, &definition, err);
	if (rc == 0 && definition.spec.remove)
		rc = nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"capsule %.12s is removed when it ends (--rm): there would be nothing to start again",
			id);
	return rc;
}

static int restart_one(const struct nvb_state *state, const char *id, nvb_error **err)
{
	int status, rc = check_stays(state, id, err);

	if (rc == 0)
		rc = stop_one(state, id, err);
	return rc < 0 ? rc : nvb_capsule_start(run_host(), state, id, &status, err);
}

int capsule_restart(int argc, char **argv, nvb_error **err)
{
	return each_capsule(argc, argv, restart_one, err);
}

static const char *kill_signal;
static const struct nvb_option kill_options[] = {
	{"signal", 's', NVB_OPTION_STRING("SIGNAL", &kill_signal), "the signal to send (SIGKILL)"},
	{NULL},
};
const struct nvb_option_group capsule_kill_groups[] = {{"Options", kill_options}, {NULL}};

static int kill_one(const struct nvb_state *state, const char *id, nvb_error **err)
{
	int signal = SIGKILL;

	if (kill_signal && !nvb_parse_signal(kill_signal, &signal))
		return nvb_fail(err, NVB_ERR_INVALID, "signal '%s': there is no such signal", kill_signal);
	return nvb_capsule_kill(run_host(), state, id, signal, err);
}

int capsule_kill(int argc, char **argv, nvb_error **err)
{
	return each_capsule(argc, argv, kill_one, err);
}

static int pause_one(const struct nvb_state *state, const char *id, nvb_error **err)
{
	return nvb_capsule_pause(run_host(), state, id, err);
}

int capsule_pause(int argc, char **argv, nvb_error **err)
{
	return each_capsule(argc, argv, pause_one, err);
}

static int unpause_one(const struct nvb_state *state, const char *id, nvb_error **err)
{
	return nvb_capsule_unpause(run_host(), state, id, err);
}

int capsule_unpause(int argc, char **argv, nvb_error **err)
{
	return each_capsule(argc, argv, unpause_one, err);
}

/* removing and changing */

static bool remove_force;
static const struct nvb_option rm_options[] = {
	{"force", 'f', NVB_OPTION_FLAG(&remove_force), "also one that runs, which is killed"},
	{NULL},
};
const struct nvb_option_group capsule_rm_groups[] = {{"Options", rm_options}, {NULL}};

/* Files of other ids than the user's own can only be removed in his user namespace, running capsules only be
 * stopped outside of it. */
static int remove_one(const struct nvb_state *state, const char *id, nvb_error **err)
{
	const struct nvb_capsule_stop stop = {.signal = SIGKILL};
	_cleanup_free_ char *narrow = NULL;
	static bool entered;
	int rc = 0;

	if (state->rootless && remove_force && !entered)
		rc = nvb_capsule_stop(run_host(), state, id, &stop, err);
	if (rc == 0 && state->rootless && !entered)
		rc = nvb_rootless_enter(state, &narrow, nvb_logging(), err);
	entered = entered || rc == 0;
	return rc < 0 ? rc : nvb_capsule_remove(run_host(), state, id, remove_force, err);
}

int capsule_rm(int argc, char **argv, nvb_error **err)
{
	return each_capsule(argc, argv, remove_one, err);
}

int capsule_rename(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	char id[NVB_CAPSULE_ID + 1];
	int rc = nvb_state_open(&state, err);

	(void)argc;
	if (rc == 0)
		rc = nvb_capsule_find(&state, argv[0], id, err);
	return rc < 0 ? rc : nvb_capsule_rename(run_host(), &state, id, argv[1], err);
}

static int update_one(const struct nvb_state *state, const char *id, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition definition = {0};
	bool any = false;
	int rc;

	nvb_capsule_definition_init(&definition);
	rc = nvb_capsule_definition_of(state, id, &definition, err);
	if (rc == 0)
		rc = run_options_update(&definition, &any, err);
	if (rc == 0 && !any)
		return nvb_fail(err, NVB_ERR_INVALID, "update: nothing to change was named");
	return rc < 0 ? rc : nvb_capsule_update(run_host(), state, id, &definition, err);
}

int capsule_update(int argc, char **argv, nvb_error **err)
{
	return each_capsule(argc, argv, update_one, err);
}
