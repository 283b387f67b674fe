/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/process.h"

#include <signal.h>
#include <string.h>

#include "base/str.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

void nvb_process_release(struct nvb_process *process)
{
	nvb_strv_free(process->args);
	nvb_strv_free(process->env);
	nvb_user_release(&process->user);
	*process = (struct nvb_process){0};
}

/* The place of KEY in the environment, or its end. `entry` may go on with "=VALUE". */
static size_t find_variable(char **env, const char *entry)
{
	size_t n = strcspn(entry, "="), i = 0;

	for (; env && env[i]; i++)
		if (strncmp(env[i], entry, n) == 0 && env[i][n] == '=')
			break;
	return i;
}

/* "KEY=VALUE" replaces or appends, "KEY" alone removes. */
static bool set_variable(char ***env, const char *entry)
{
	size_t at = find_variable(*env, entry);
	bool exists = *env && (*env)[at];
	char *copy;

	if (!strchr(entry, '=')) {
		if (exists) {
			free((*env)[at]);
			for (; (*env)[at]; at++)
				(*env)[at] = (*env)[at + 1];
		}
		return true;
	}
	if (!exists)
		return nvb_strv_add(env, entry);
	copy = strdup(entry);
	if (!copy)
		return false;
	free((*env)[at]);
	(*env)[at] = copy;
	return true;
}

static bool set_pair(char ***env, const char *name, const char *value)
{
	_cleanup_free_ char *entry = NULL;

	return asprintf(&entry, "%s=%s", name, value) >= 0 && set_variable(env, entry);
}

static bool set_default(char ***env, const char *name, const char *value)
{
	size_t at = find_variable(*env, name);

	return (*env && (*env)[at]) || set_pair(env, name, value);
}

static int make_environment(const struct nvb_capsule_spec *spec, const struct nvb_image *image,
	const struct nvb_plan *plan, const char *hostname, struct nvb_process *process, nvb_error **err)
{
	char ***env = &process->env;
	bool ok = set_pair(env, "PATH", DEFAULT_PATH) && set_pair(env, "HOSTNAME", hostname);

	if (spec->terminal)
		ok = ok && set_pair(env, "TERM", "xterm");
	for (const char *const *e = image->environment; ok && e && *e; e++)
		ok = !strchr(*e, '=') || set_variable(env, *e);
	for (size_t i = 0; ok && plan && i < plan->edit_count; i++)
		if (plan->edits[i].kind == NVB_EDIT_ENV)
			ok = set_pair(env, plan->edits[i].env.name, plan->edits[i].env.value);
	nvb_strv_foreach (e, spec->env)
		ok = ok && set_variable(env, *e);
	ok = ok && set_default(env, "HOME", process->user.home);
	return ok ? 0 : nvb_fail_oom(err);
}

static bool add_all(char ***args, const char *const *more)
{
	for (; more && *more; more++)
		if (!nvb_strv_add(args, *more))
			return false;
	return true;
}

/* An entry point of the user's own drops the image's command, which was made for the image's. */
static int make_arguments(const struct nvb_capsule_spec *spec, const struct nvb_image *image,
	struct nvb_process *process, nvb_error **err)
{
	const char *const own[] = {spec->entrypoint, NULL};
	const char *const *entrypoint =
		spec->entrypoint ? (*spec->entrypoint ? own : NULL) : image->entrypoint;
	const char *const *command = (const char *const *)spec->command;

	if (!command || !*command)
		command = spec->entrypoint ? NULL : image->command;
	if (!add_all(&process->args, entrypoint) || !add_all(&process->args, command))
		return nvb_fail_oom(err);
	if (!process->args)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID, "image %s names no program to run", spec->image),
			"give one: bolt surge run %s COMMAND", spec->image);
	return 0;
}

/* JSON carries UTF-8 only: anything else would arrive as something else. */
static int check_arguments(const struct nvb_process *process, nvb_error **err)
{
	nvb_strv_foreach (arg, process->args)
		if (!nvb_utf8_valid(*arg, strlen(*arg)))
			return nvb_fail(err, NVB_ERR_INVALID,
				"argument %zu of the program: config.json can only carry UTF-8",
				(size_t)(arg - process->args));
	return 0;
}

static int choose_stop_signal(const struct nvb_capsule_spec *spec, const struct nvb_image *image,
	struct nvb_process *process, nvb_error **err)
{
	const char *text = spec->stop_signal ? spec->stop_signal : image->stop_signal;

	process->stop_signal = SIGTERM;
	if (text && !nvb_parse_signal(text, &process->stop_signal))
		return nvb_fail(err, NVB_ERR_INVALID, "stop signal '%s': there is no such signal", text);
	return 0;
}

int nvb_process_make(const struct nvb_capsule_spec *spec, const struct nvb_image *image,
	const struct nvb_root *root, const struct nvb_plan *plan, const char *hostname,
	struct nvb_process *process, nvb_error **err)
{
	_cleanup_process_ struct nvb_process made = {0};
	const char *user = spec->user ? spec->user : image->user ? image->user : "";
	int rc = nvb_user_resolve(root, user, &made.user, err);

	if (rc == 0)
		rc = make_arguments(spec, image, &made, err);
	if (rc == 0)
		rc = check_arguments(&made, err);
	if (rc == 0)
		rc = make_environment(spec, image, plan, hostname, &made, err);
	if (rc == 0)
		rc = choose_stop_signal(spec, image, &made, err);
	if (rc < 0)
		return rc;
	made.working_directory = spec->working_directory    ? spec->working_directory
				 : image->working_directory ? image->working_directory
							    : "/";
	if (*made.working_directory != '/')
		return nvb_fail(err, NVB_ERR_INVALID, "working directory '%s' is not an absolute path",
			made.working_directory);
	*process = made;
	made = (struct nvb_process){0};
	return 0;
}
