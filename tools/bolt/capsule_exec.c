/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "capsule/exec.h"
#include "capsule/locate.h"
#include "capsule/spec.h"
#include "cli/output.h"
#include "verbs.h"

/* bolt capsule exec: a further program in a capsule. */

static struct {
	bool interactive, terminal, detach, privileged;
	const char *user, *workdir;
	char **env, **env_files;
} opt;

static const struct nvb_option exec_options[] = {
	{"interactive", 'i', NVB_OPTION_FLAG(&opt.interactive), "hand standard input on"},
	{"tty", 't', NVB_OPTION_FLAG(&opt.terminal), "give the program a terminal"},
	{"detach", 'd', NVB_OPTION_FLAG(&opt.detach), "leave it running by itself; its output is lost"},
	{"env", 'e', NVB_OPTION_LIST("NAME[=VALUE]", &opt.env),
		"set a variable, without a value to the caller's own (repeatable)"},
	{"env-file", 0, NVB_OPTION_LIST("FILE", &opt.env_files),
		"set the variables a file lists (repeatable)"},
	{"workdir", 'w', NVB_OPTION_STRING("DIR", &opt.workdir), "start in this directory"},
	{"user", 'u', NVB_OPTION_STRING("USER[:GROUP]", &opt.user), "run as this user, by name or number"},
	{"privileged", 0, NVB_OPTION_FLAG(&opt.privileged),
		"with all capabilities; the system call filter and the devices stay the capsule's"},
	{NULL},
};
const struct nvb_option_group capsule_exec_groups[] = {{"Options", exec_options}, {NULL}};

static int check(nvb_error **err)
{
	if (opt.detach && (opt.interactive || opt.terminal))
		return nvb_usage(err, "--detach leaves no streams for -i or -t");
	if (opt.terminal && opt.interactive && !isatty(STDIN_FILENO))
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "-it: standard input is no terminal"),
			"use -i alone to hand input on");
	if (opt.workdir && *opt.workdir != '/')
		return nvb_fail(err, NVB_ERR_INVALID, "--workdir '%s': not an absolute path", opt.workdir);
	return 0;
}

/* The variables are read as `surge run` reads them, files first. */
static int read_environment(struct nvb_capsule_spec *spec, nvb_error **err)
{
	int rc = 0;

	nvb_strv_foreach (file, opt.env_files)
		if (rc == 0)
			rc = nvb_spec_add_env_file(spec, *file, err);
	nvb_strv_foreach (entry, opt.env)
		if (rc == 0)
			rc = nvb_spec_add_env(spec, *entry, err);
	return rc;
}

int capsule_exec(int argc, char **argv, nvb_error **err)
{
	_cleanup_spec_ struct nvb_capsule_spec spec = {0};
	_cleanup_state_ struct nvb_state state = {0};
	_cleanup_located_ struct nvb_located capsule = {0};
	_cleanup_error_ nvb_error *why = NULL;
	struct nvb_exec_target target;
	struct nvb_exec exec = {
		.args = argv + 1,
		.user = opt.user,
		.working_directory = opt.workdir,
		.privileged = opt.privileged,
		.interactive = opt.interactive,
		.terminal = opt.terminal,
		.detach = opt.detach,
	};
	int status, rc = check(err);

	(void)argc;
	if (rc == 0)
		rc = read_environment(&spec, err);
	exec.env = spec.env;
	if (rc == 0)
		rc = nvb_state_open(&state, err);
	if (rc == 0)
		rc = nvb_locate(&state, argv[0], &capsule, err);
	if (rc == 0)
		rc = nvb_located_running(&capsule, argv[0], err);
	/* It would wait, frozen as all others there. */
	if (rc == 0 && capsule.paused)
		rc = nvb_hint(err, nvb_fail(err, NVB_ERR_CONFLICT, "capsule %s is paused", argv[0]),
			"bolt capsule unpause %s", argv[0]);
	if (rc < 0)
		return rc;
	target = nvb_located_target(&capsule);
	rc = nvb_exec_run(&target, &exec, &status, &why);
	if (rc < 0 && why)
		nvb_report_error("bolt", why);
	return status;
}
