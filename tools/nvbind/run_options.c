/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/cpulist.h"
#include "base/file.h"
#include "cli/options.h"
#include "cli/output.h"
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

/* A directory that is nobody else's, in one that everybody may pass. */
static int make_own(const char *path, nvb_error **err)
{
	_cleanup_free_ char *parent = strndup(path, (size_t)(strrchr(path, '/') - path));
	int rc = parent ? nvb_file_mkdirs(AT_FDCWD, parent, 0755, err) : nvb_fail_oom(err);

	if (rc == 0 && mkdir(path, 0700) < 0 && errno != EEXIST)
		rc = nvb_fail_errno(err, errno, "%s", path);
	return rc;
}

/* A profile's directory for caches is made here: an engine would make it root's, or refuse. */
static void add_mount(struct run_command *command, const struct run *run, const struct nvb_edit *m)
{
	bool read_only = m->mount.options && nvb_streq(m->mount.options[0], "ro");
	_cleanup_error_ nvb_error *why = NULL;

	if (m->mount.make && !run->dry_run && make_own(m->mount.host, &why) < 0) {
		nvb_report_warning("nvbind", "left out: %s", nvb_error_message(why));
		return;
	}
	run_add(command, "--volume");
	run_addf(command, "%s:%s%s", m->mount.host, m->mount.container, read_only ? ":ro" : "");
}

/* Engines refuse CPUs that are not there, as where a limit is on this process, too. */
static void run_add_cpus(struct run_command *command, const struct nvb_edit *edit)
{
	_cleanup_cpulist_ struct nvb_cpulist near = {0};
	_cleanup_free_ char *cpus = NULL;

	if (!nvb_cpulist_add(&near, edit->cpus) || !nvb_cpulist_keep_allowed(&near) ||
		nvb_cpulist_is_empty(&near) || !(cpus = nvb_cpulist_format(&near))) {
		nvb_report_warning("nvbind", "%s: left out: none of the CPUs %s may be used here", edit->rule,
			edit->cpus);
		return;
	}
	run_add(command, "--cpuset-cpus");
	run_add(command, cpus);
}

static void warn_of(const struct nvb_edit *edit, const char *what)
{
	/* One word for all GPUs. */
	if (edit->scope <= 0)
		nvb_report_warning("nvbind",
			"%s: left out: %s; 'bolt surge run' does it (nvbind run --runtime bolt)", edit->rule,
			what);
}

static void add_setting(
	struct run_command *command, const struct run *run, const struct nvb_edit *edit, bool own_limits)
{
	switch (edit->kind) {
	case NVB_EDIT_ENV:
		run_add(command, "--env");
		run_addf(command, "%s=%s", edit->env.name, edit->env.value);
		break;
	case NVB_EDIT_SHM:
		if (opt.shm_size)
			break;
		run_add(command, "--shm-size");
		run_addf(command, "%" PRIu64, edit->shm);
		break;
	case NVB_EDIT_RLIMIT:
		if (!is_set_by_user(edit->rlimit.name))
			add_limit(command, edit, own_limits);
		break;
	case NVB_EDIT_MOUNT:
		add_mount(command, run, edit);
		break;
	case NVB_EDIT_DEVICE:
		run_add(command, "--device");
		run_addf(command, "%s:%s:%s", edit->device.host, edit->device.container, edit->device.access);
		break;
	case NVB_EDIT_CPUS:
		run_add_cpus(command, edit);
		break;
	case NVB_EDIT_NICE:
		warn_of(edit, "an engine has no word for a nice value");
		break;
	case NVB_EDIT_SCHEDULER:
		warn_of(edit, "an engine has no word for a scheduling policy");
		break;
	case NVB_EDIT_KNOB:
		warn_of(edit, "nobody of ours stays to put a knob back");
		break;
	default:
		break;
	}
}

void run_add_settings(struct run_command *command, const struct run *run, bool own_limits)
{
	const struct nvb_plan *plan = run->plan;

	for (size_t i = 0; i < plan->edit_count; i++)
		if (plan->edits[i].rule && nvb_after(plan->edits[i].rule, "profile:"))
			add_setting(command, run, &plan->edits[i], own_limits);
}
