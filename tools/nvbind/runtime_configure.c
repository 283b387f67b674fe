/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/output.h"
#include "engine/configure.h"
#include "engine/record.h"
#include "runtime_verbs.h"

enum { NONE = -1 };

static struct {
	int runtime;
	bool cdi, set_default, dry_run, undo;
	const char *config, *name, *path, *state;
} opt = {.runtime = NONE, .name = "nvbind"};

/* Those without help are nvidia-ctk's spellings, so that scripts that call it need only another name. */
const struct nvb_option nvbind_runtime_configure_options[] = {
	{"runtime", 0, NVB_OPTION_CHOICE("ENGINE", engine_choices, &opt.runtime), "which engine"},
	{"cdi", 0, NVB_OPTION_FLAG(&opt.cdi), "make the engine read CDI specs as well"},
	{"set-default", 0, NVB_OPTION_FLAG(&opt.set_default),
		"make it the runtime of containers that name none"},
	{"dry-run", 0, NVB_OPTION_FLAG(&opt.dry_run), "show the difference and change nothing"},
	{"undo", 0, NVB_OPTION_FLAG(&opt.undo), "take back what was changed"},
	{"config", 0, NVB_OPTION_STRING("FILE", &opt.config),
		"the engine's configuration, in place of its usual one"},
	{"name", 0, NVB_OPTION_STRING("NAME", &opt.name), "the runtime's name for the engine (nvbind)"},
	{"runtime-path", 0, NVB_OPTION_STRING("FILE", &opt.path),
		"nvbind-runtime as the engine calls it (the one beside this program)"},
	{"state-dir", 0, NVB_OPTION_STRING("DIR", &opt.state),
		"where backups are kept (/var/lib/nvbind/engine, or below ~/.local/state)"},
	{"cdi.enabled", 0, NVB_OPTION_FLAG(&opt.cdi), NULL},
	{"cdi.enable", 0, NVB_OPTION_FLAG(&opt.cdi), NULL},
	{"enable-cdi", 0, NVB_OPTION_FLAG(&opt.cdi), NULL},
	{"set-as-default", 0, NVB_OPTION_FLAG(&opt.set_default), NULL},
	{"nvidia-set-as-default", 0, NVB_OPTION_FLAG(&opt.set_default), NULL},
	{"nvidia-runtime-name", 0, NVB_OPTION_STRING("NAME", &opt.name), NULL},
	{"nvidia-runtime-path", 0, NVB_OPTION_STRING("FILE", &opt.path), NULL},
	{NULL},
};

static int check_name(nvb_error **err)
{
	static const char *const taken[] = {"runc", "crun", "kata", "youki", "runsc"};
	const char *p = opt.name;

	while (isalnum((unsigned char)*p) || (p > opt.name && *p && strchr("-_.", *p)))
		p++;
	if (*p || p == opt.name)
		return nvb_usage(err, "--name '%s': a name is letters and digits, then also '-', '_' and '.'",
			opt.name);
	for (size_t i = 0; i < NVB_ELEMENTS(taken); i++)
		if (nvb_streq(opt.name, taken[i]))
			return nvb_usage(err, "--name '%s' is another runtime's name", opt.name);
	return 0;
}

static int check_usage(nvb_error **err)
{
	if (opt.runtime == NONE)
		return nvb_usage(err, "--runtime is missing: docker, podman, containerd or crio");
	if (opt.undo && (opt.cdi || opt.set_default))
		return nvb_usage(err, "--undo takes everything back; leave out %s",
			opt.cdi ? "--cdi" : "--set-default");
	if (opt.path && *opt.path != '/')
		return nvb_usage(err, "--runtime-path '%s': the engine needs an absolute path", opt.path);
	if (opt.path && !nvb_utf8_valid(opt.path, strlen(opt.path)))
		return nvb_usage(err, "--runtime-path: not UTF-8, which the engines' files are");
	if (opt.state && *opt.state != '/')
		return nvb_usage(err, "--state-dir '%s': the path must be absolute", opt.state);
	return check_name(err);
}

static int print(const struct engine_outcome *outcome, nvb_error **err)
{
	const char *would = opt.dry_run ? "would be " : "";
	int rc = nvb_stdout_write(outcome->diff.s ? outcome->diff.s : "", outcome->diff.len, err);

	if (rc < 0)
		return rc;
	nvb_strv_foreach (note, outcome->notes)
		nvb_report_warning("nvbind", "%s", *note);
	if (!outcome->changed) {
		fprintf(stderr, "nvbind: %s: nothing to change\n", outcome->file);
		return 0;
	}
	if (outcome->removed)
		fprintf(stderr, "nvbind: %s %sremoved\n", outcome->file, would);
	else if (opt.undo)
		fprintf(stderr, "nvbind: %s %srestored\n", outcome->file, would);
	else if (outcome->backup && !opt.dry_run)
		fprintf(stderr, "nvbind: %s %schanged; as it was: %s\n", outcome->file, would,
			outcome->backup);
	else
		fprintf(stderr, "nvbind: %s %swritten\n", outcome->file, would);
	if (!opt.dry_run && outcome->reload)
		fprintf(stderr, "nvbind: it takes effect with: %s\n", outcome->reload);
	return 0;
}

static int undo_file(const struct engine *engine, const char *file, const char *state, nvb_error **err)
{
	_cleanup_engine_outcome_ struct engine_outcome outcome = {0};
	int rc = engine_undo(engine, file, state, opt.dry_run, &outcome, err);

	return rc < 0 ? rc : print(&outcome, err);
}

static int undo(const struct engine *engine, const char *state, nvb_error **err)
{
	_cleanup_strv_ char **files = NULL;
	int rc;

	if (opt.config)
		return undo_file(engine, opt.config, state, err);
	rc = engine_record_files(state, engine->name, &files, err);
	if (rc == 0 && !files)
		rc = nvb_fail(err, NVB_ERR_NOT_FOUND,
			"nothing to undo: no record below %s of a change for %s", state, engine->name);
	nvb_strv_foreach (file, files)
		if (rc == 0)
			rc = undo_file(engine, *file, state, err);
	return rc;
}

static int configure(const struct engine *engine, const char *state, nvb_error **err)
{
	_cleanup_engine_outcome_ struct engine_outcome outcome = {0};
	_cleanup_free_ char *program = opt.path ? strdup(opt.path) : nvbind_runtime_program();
	const struct engine_request request = {
		.file = opt.config,
		.name = opt.name,
		.runtime_path = program,
		.cdi = opt.cdi,
		.set_default = opt.set_default,
		.spec_directories = nvbind_runtime_spec_directories(),
		.state_directory = state,
	};
	int rc;

	if (!program)
		return nvb_fail_oom(err);
	rc = engine_configure(engine, &request, opt.dry_run, &outcome, err);
	if (rc == 0)
		rc = print(&outcome, err);
	if (rc < 0)
		return rc;
	if (access(program, X_OK) < 0)
		nvb_report_warning("nvbind", "%s: %s; no container starts with it until it is there", program,
			strerrordesc_np(errno));
	if (opt.cdi && engine->cdi_note && !request.spec_directories)
		fprintf(stderr, "nvbind: %s\n", engine->cdi_note);
	return 0;
}

int nvbind_runtime_configure(int argc, char **argv, nvb_error **err)
{
	_cleanup_free_ char *state = NULL;
	int rc = check_usage(err);

	(void)argc;
	(void)argv;
	if (rc < 0)
		return rc;
	if (opt.state)
		state = strdup(opt.state);
	else
		rc = engine_state_directory(&state, err);
	if (rc < 0)
		return rc;
	if (!state)
		return nvb_fail_oom(err);
	return opt.undo ? undo(engine_get((enum engine_id)opt.runtime), state, err)
			: configure(engine_get((enum engine_id)opt.runtime), state, err);
}
