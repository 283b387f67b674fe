/* SPDX-License-Identifier: Apache-2.0 */
#include "container/hook_args.h"

#include <limits.h>
#include <string.h>

#include "base/str.h"
#include "container/compat.h"

/*
 * Links are written as TARGET::PATH. The writer refuses a target with which that could be read in two ways,
 * so that every line it writes is read back as it was meant.
 */
#define SEPARATOR "::"

const char *const nvb_hook_environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};

static const char link_option[] = "--link", device_link_option[] = "--device-link",
		  directory_option[] = "--library-directory", compat_option[] = "--cuda-compat",
		  params_option[] = "--driver-params", container_root_option[] = "--container-root";

const char nvb_hook_help[] =
	"usage: nvbind-hook apply [--link TARGET::PATH]... [--device-link TARGET::PATH]...\n"
	"                         [--library-directory DIR]... [--cuda-compat VERSION] [--driver-params "
	"FILE]\n"
	"                         [--container-root DIR | --root DIR [--mount]] [--log-level LEVEL]\n"
	"       nvbind-hook prestart [--config FILE] [--debug]\n"
	"       nvbind-hook --help | --version\n"
	"\n"
	"Prepares a container's root for the driver's files: makes links, and adds the libraries in the\n"
	"given directories to its ld.so.cache. Runs as an OCI createContainer hook, with the container's\n"
	"state on stdin. Executes nothing, and nothing that it cannot do keeps the container from starting.\n"
	"\n"
	"  --link TARGET::PATH      make PATH a symbolic link to TARGET; a file that stands there stays\n"
	"  --device-link TARGET::PATH  the same, where TARGET is there: a device node of the container\n"
	"  --library-directory DIR  a directory of the container, the most important one first\n"
	"  --cuda-compat VERSION    the host's driver: libraries of a newer " NVB_COMPAT_DIRECTORY "\n"
	"                           that are made for it come first\n"
	"  --driver-params FILE     show the host's " NVB_DRIVER_PARAMS ", which is FILE, with\n"
	"                           ModifyDeviceFiles: 0\n"
	"  --container-root DIR     the container's root, which the state need not tell then: it is only\n"
	"                           waited for\n"
	"  --root DIR               work below DIR, without a state\n"
	"  --mount                  with --root: mount what cannot be written (on a read-only root the new\n"
	"                           cache, the driver's parameters), in the caller's mount namespace\n"
	"  --log-level LEVEL        error, warning (default), info or debug\n"
	"\n"
	"prestart, also under the name nvidia-container-runtime-hook, is an OCI prestart hook: it gives the\n"
	"container that is being created the GPUs it asks for by NVIDIA_VISIBLE_DEVICES, mounts, nodes and\n"
	"device rules included. Settings are those of /etc/nvbind/config.toml or FILE.\n"
	"\n"
	"Exit status: 0, or 1 for a malformed command line; of prestart also 1 when a container that asks\n"
	"for GPUs cannot have them.\n";

/* Writer */

/* On the way of every container start: room for all is made once. */
struct arguments {
	char **v; /* NULL-terminated */
	size_t count;
};

static bool take(struct arguments *args, char *argument)
{
	args->v[args->count] = argument;
	args->count += argument != NULL;
	return argument;
}

static char *join_link(const struct nvb_link *link)
{
	size_t target = strlen(link->target), path = strlen(link->path);
	char *joined = malloc(target + sizeof(SEPARATOR) + path), *p = joined;

	if (!joined)
		return NULL;
	p = mempcpy(p, link->target, target);
	p = mempcpy(p, SEPARATOR, sizeof(SEPARATOR) - 1);
	memcpy(p, link->path, path + 1);
	return joined;
}

static int add_link(struct arguments *args, const char *option, const struct nvb_link *link, nvb_error **err)
{
	if (strstr(link->target, SEPARATOR) || nvb_ends_with(link->target, ":") || !*link->target ||
		link->path[0] != '/')
		return nvb_fail(err, NVB_ERR_INVALID, "link %s to %s cannot be handed to nvbind-hook",
			link->path, link->target);
	if (!take(args, strdup(option)) || !take(args, join_link(link)))
		return nvb_fail_oom(err);
	return 0;
}

static int add_directory(struct arguments *args, const char *directory, nvb_error **err)
{
	if (directory[0] != '/')
		return nvb_fail(err, NVB_ERR_INVALID, "library directory %s is not absolute", directory);
	for (size_t i = 1; i < args->count; i++)
		if (nvb_streq(args->v[i - 1], directory_option) && nvb_streq(args->v[i], directory))
			return 0;
	if (!take(args, strdup(directory_option)) || !take(args, strdup(directory)))
		return nvb_fail_oom(err);
	return 0;
}

/* The value of an option that stands once, whoever asks for it. */
static int add_once(struct arguments *args, const char *option, const char *value, nvb_error **err)
{
	for (size_t i = 1; i < args->count; i++)
		if (nvb_streq(args->v[i - 1], option))
			return 0;
	if (!take(args, strdup(option)) || !take(args, strdup(value)))
		return nvb_fail_oom(err);
	return 0;
}

static int add_params(struct arguments *args, const char *host, nvb_error **err)
{
	if (host[0] != '/')
		return nvb_fail(
			err, NVB_ERR_INVALID, "the driver's parameters %s: not an absolute path", host);
	return add_once(args, params_option, host, err);
}

static int add_argument(struct arguments *args, const struct nvb_edit *edit, bool spec, nvb_error **err)
{
	bool of_device = spec && edit->scope != NVB_SCOPE_COMMON;

	switch (edit->kind) {
	case NVB_EDIT_LINK:
		return add_link(args, of_device ? device_link_option : link_option, &edit->link, err);
	case NVB_EDIT_LDCACHE:
		return add_directory(args, edit->ldcache.directory, err);
	case NVB_EDIT_COMPAT:
		return add_once(args, compat_option, edit->compat.driver_version, err);
	case NVB_EDIT_PARAMS:
		return add_params(args, edit->params.host, err);
	default:
		return 0;
	}
}

int nvb_hook_arguments(const struct nvb_plan *plan, bool spec, char ***argv, nvb_error **err)
{
	_cleanup_strv_ char **v = calloc(2 * plan->edit_count + 3, sizeof(*v));
	struct arguments args = {.v = v};
	int rc = 0;

	if (!v || !take(&args, strdup("nvbind-hook")) || !take(&args, strdup("apply")))
		return nvb_fail_oom(err);
	for (size_t i = 0; rc == 0 && i < plan->edit_count; i++)
		rc = add_argument(&args, &plan->edits[i], spec, err);
	if (rc < 0)
		return rc;
	*argv = args.count > 2 ? NVB_TAKE_PTR(v) : NULL;
	return 0;
}

bool nvb_hook_add_root(char ***argv, const char *root)
{
	return nvb_strv_add(argv, container_root_option) && nvb_strv_add(argv, root);
}

/* Parser */

struct parser {
	struct nvb_hook_command *command;
	int argc, at;
	char *const *argv;
};

static int split_link(struct nvb_hook_command *c, const char *option, const char *value,
	struct nvb_link *link, nvb_error **err)
{
	const char *separator = strstr(value, SEPARATOR);
	_cleanup_free_ char *target = NULL;
	const char *path;

	if (!separator || separator == value)
		return nvb_fail(err, NVB_ERR_INVALID, "%s %s: not of the form TARGET::PATH", option, value);
	path = separator + strlen(SEPARATOR);
	if (*path != '/' || nvb_ends_with(path, "/") || strlen(path) >= PATH_MAX)
		return nvb_fail(err, NVB_ERR_INVALID,
			"%s %s: the link's path must be absolute and name a file", option, value);
	target = strndup(value, (size_t)(separator - value));
	if (!target || !nvb_strv_add(&c->copies, target))
		return nvb_fail_oom(err);
	link->target = c->copies[nvb_strv_length(c->copies) - 1];
	link->path = path;
	return 0;
}

static int parse_link(struct nvb_hook_command *c, const char *value, nvb_error **err)
{
	int rc = split_link(c, link_option, value, &c->links[c->work.link_count], err);

	c->work.link_count += rc == 0;
	return rc;
}

static int parse_device_link(struct nvb_hook_command *c, const char *value, nvb_error **err)
{
	int rc = split_link(c, device_link_option, value, &c->device_links[c->work.device_link_count], err);

	c->work.device_link_count += rc == 0;
	return rc;
}

static int parse_directory(struct nvb_hook_command *c, const char *value, nvb_error **err)
{
	if (*value != '/' || strlen(value) >= PATH_MAX)
		return nvb_fail(err, NVB_ERR_INVALID, "%s %s: not an absolute path", directory_option, value);
	c->directories[c->work.directory_count++] = value;
	return 0;
}

static int parse_compat(struct nvb_hook_command *c, const char *value, nvb_error **err)
{
	struct nvb_driver_version version;

	if (!nvb_driver_version_parse(value, &version))
		return nvb_fail(err, NVB_ERR_INVALID, "%s %s: not a driver version", compat_option, value);
	c->work.compat_driver = value;
	return 0;
}

static int parse_params(struct nvb_hook_command *c, const char *value, nvb_error **err)
{
	if (*value != '/' || strlen(value) >= PATH_MAX)
		return nvb_fail(err, NVB_ERR_INVALID, "%s %s: not an absolute path", params_option, value);
	c->params = value;
	return 0;
}

static int parse_root(struct nvb_hook_command *c, const char *value, nvb_error **err)
{
	if (!*value)
		return nvb_fail(err, NVB_ERR_INVALID, "--root: the directory's name is empty");
	c->root = value;
	return 0;
}

static int parse_container_root(struct nvb_hook_command *c, const char *value, nvb_error **err)
{
	if (*value != '/' || strlen(value) >= PATH_MAX)
		return nvb_fail(
			err, NVB_ERR_INVALID, "%s %s: not an absolute path", container_root_option, value);
	c->container_root = value;
	return 0;
}

static int parse_log_level(struct nvb_hook_command *c, const char *value, nvb_error **err)
{
	static const struct {
		const char *name;
		enum nvb_log_level level;
	} levels[] = {
		{"error", NVB_LOG_ERROR},
		{"warning", NVB_LOG_WARNING},
		{"info", NVB_LOG_INFO},
		{"debug", NVB_LOG_DEBUG},
	};

	for (size_t i = 0; i < NVB_ELEMENTS(levels); i++)
		if (nvb_streq(value, levels[i].name)) {
			c->log_level = levels[i].level;
			return 0;
		}
	return nvb_fail(err, NVB_ERR_INVALID, "--log-level %s: must be error, warning, info or debug", value);
}

static const struct option {
	const char *name;
	int (*parse)(struct nvb_hook_command *c, const char *value, nvb_error **err);
} options[] = {
	{link_option, parse_link},
	{device_link_option, parse_device_link},
	{directory_option, parse_directory},
	{compat_option, parse_compat},
	{params_option, parse_params},
	{container_root_option, parse_container_root},
	{"--root", parse_root},
	{"--log-level", parse_log_level},
};

static int parse_option(struct parser *p, nvb_error **err)
{
	const char *argument = p->argv[p->at++];

	for (size_t i = 0; i < NVB_ELEMENTS(options); i++) {
		const char *value = nvb_after(argument, options[i].name);

		if (!value || (*value && *value != '='))
			continue;
		if (*value)
			return options[i].parse(p->command, value + 1, err);
		if (p->at == p->argc)
			return nvb_fail(err, NVB_ERR_INVALID, "%s: its value is missing", argument);
		return options[i].parse(p->command, p->argv[p->at++], err);
	}
	if (nvb_streq(argument, "--mount")) {
		p->command->mount = true;
		return 0;
	}
	return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "%s: unknown argument", argument),
		"see nvbind-hook --help");
}

static int parse_apply(struct nvb_hook_command *c, int argc, char *const *argv, nvb_error **err)
{
	struct parser p = {.command = c, .argc = argc, .at = 2, .argv = argv};
	int rc = 0;

	/* No option gives more than one of any. */
	c->links = calloc((size_t)argc, sizeof(*c->links));
	c->device_links = calloc((size_t)argc, sizeof(*c->device_links));
	c->directories = calloc((size_t)argc, sizeof(*c->directories));
	if (!c->links || !c->device_links || !c->directories)
		return nvb_fail_oom(err);
	while (rc == 0 && p.at < argc)
		rc = parse_option(&p, err);
	if (rc == 0 && c->mount && !c->root)
		rc = nvb_fail(err, NVB_ERR_INVALID, "--mount: only together with --root");
	if (rc == 0 && c->container_root && c->root)
		rc = nvb_fail(err, NVB_ERR_INVALID, "%s and --root: give one of them", container_root_option);
	c->work.links = c->links;
	c->work.device_links = c->device_links;
	c->work.directories = c->directories;
	return rc;
}

int nvb_hook_parse(struct nvb_hook_command *command, int argc, char *const *argv, nvb_error **err)
{
	_cleanup_hook_command_ struct nvb_hook_command c = {.log_level = NVB_LOG_WARNING};
	int rc = 0;

	if (argc < 2)
		rc = nvb_fail(err, NVB_ERR_INVALID, "a verb is missing");
	else if (nvb_streq(argv[1], "--help") || nvb_streq(argv[1], "-h"))
		c.verb = NVB_HOOK_HELP;
	else if (nvb_streq(argv[1], "--version"))
		c.verb = NVB_HOOK_VERSION;
	else if (nvb_streq(argv[1], "apply"))
		rc = parse_apply(&c, argc, argv, err);
	else
		rc = nvb_fail(err, NVB_ERR_INVALID, "%s: unknown verb", argv[1]);
	if (rc < 0)
		return nvb_hint(err, rc, "see nvbind-hook --help");
	*command = c;
	c = (struct nvb_hook_command){0};
	return 0;
}

void nvb_hook_command_release(struct nvb_hook_command *command)
{
	free(command->links);
	free(command->device_links);
	free(command->directories);
	nvb_strv_free(command->copies);
	*command = (struct nvb_hook_command){0};
}
