/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "cli/options.h"
#include "nvbind.h"
#include "run.h"

/* The options of a container that docker, podman and bolt spell alike: handed on as they were given. */

static struct {
	bool remove, interactive, terminal, read_only;
	const char *name, *entrypoint, *workdir, *user, *hostname, *network, *shm_size, *pull;
	char **env, **env_files, **volumes, **tmpfs, **ulimits;
} opt;

const struct nvb_option run_common_options[] = {
	{"name", 0, NVB_OPTION_STRING("NAME", &opt.name), "name the container"},
	{"rm", 0, NVB_OPTION_FLAG(&opt.remove), "remove the container when it ends"},
	{"interactive", 'i', NVB_OPTION_FLAG(&opt.interactive), "hand standard input on"},
	{"tty", 't', NVB_OPTION_FLAG(&opt.terminal), "give the program a terminal"},
	{"env", 'e', NVB_OPTION_LIST("NAME[=VALUE]", &opt.env), "set a variable (repeatable)"},
	{"env-file", 0, NVB_OPTION_LIST("FILE", &opt.env_files),
		"set the variables a file lists (repeatable)"},
	{"volume", 'v', NVB_OPTION_LIST("HOST:INSIDE[:ro]", &opt.volumes),
		"mount a file or directory (repeatable)"},
	{"tmpfs", 0, NVB_OPTION_LIST("DIR[:OPTIONS]", &opt.tmpfs), "mount an empty tmpfs (repeatable)"},
	{"workdir", 'w', NVB_OPTION_STRING("DIR", &opt.workdir), "start in this directory"},
	{"user", 'u', NVB_OPTION_STRING("USER[:GROUP]", &opt.user), "run as this user"},
	{"hostname", 'h', NVB_OPTION_STRING("NAME", &opt.hostname), "what the container calls itself"},
	{"entrypoint", 0, NVB_OPTION_STRING("PROGRAM", &opt.entrypoint), "replace the image's entry point"},
	{"network", 0, NVB_OPTION_STRING("MODE", &opt.network), "the network, as the engine calls it"},
	{"shm-size", 0, NVB_OPTION_STRING("BYTES", &opt.shm_size), "size of /dev/shm"},
	{"ulimit", 0, NVB_OPTION_LIST("NAME=SOFT[:HARD]", &opt.ulimits), "set a limit (repeatable)"},
	{"read-only", 0, NVB_OPTION_FLAG(&opt.read_only), "make the root file system read-only"},
	{"pull", 0, NVB_OPTION_STRING("WHEN", &opt.pull), "when to pull the image, as the engine says it"},
	{NULL},
};

void run_add_common(struct run_command *command)
{
	for (const struct nvb_option *o = run_common_options; o->name; o++) {
		_cleanup_free_ char *option = NULL;

		if (asprintf(&option, "--%s", o->name) < 0) {
			option = NULL;
			command->failed = true;
			return;
		}
		if (o->kind == NVB_KIND_FLAG && *o->to.flag)
			run_add(command, option);
		else if (o->kind == NVB_KIND_STRING && *o->to.string)
			run_add_option(command, option, *o->to.string);
		else if (o->kind == NVB_KIND_LIST)
			nvb_strv_foreach (value, *o->to.list)
				run_add_option(command, option, *value);
	}
}

static bool is_set_by_user(const char *limit)
{
	nvb_strv_foreach (ulimit, opt.ulimits) {
		const char *rest = nvb_after(*ulimit, limit);

		if (rest && *rest == '=')
			return true;
	}
	return false;
}

static void add_limit(struct run_command *command, const struct nvb_edit *edit, bool own_limits)
{
	uint64_t value =
		own_limits ? allowed_limit(edit->rlimit.name, edit->rlimit.value) : edit->rlimit.value;

	run_add(command, "--ulimit");
	if (value == UINT64_MAX)
		run_addf(command, "%s=-1:-1", edit->rlimit.name);
	else
		run_addf(command, "%s=%" PRIu64 ":%" PRIu64, edit->rlimit.name, value, value);
}

void run_add_settings(struct run_command *command, const struct nvb_plan *plan, bool own_limits)
{
	for (size_t i = 0; i < plan->edit_count; i++) {
		const struct nvb_edit *edit = &plan->edits[i];

		if (!edit->rule || !nvb_after(edit->rule, "profile:"))
			continue;
		if (edit->kind == NVB_EDIT_ENV) {
			run_add(command, "--env");
			run_addf(command, "%s=%s", edit->env.name, edit->env.value);
		} else if (edit->kind == NVB_EDIT_SHM && !opt.shm_size) {
			run_add(command, "--shm-size");
			run_addf(command, "%" PRIu64, edit->shm);
		} else if (edit->kind == NVB_EDIT_RLIMIT && !is_set_by_user(edit->rlimit.name)) {
			add_limit(command, edit, own_limits);
		}
	}
}
