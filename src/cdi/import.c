/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/import.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/str.h"
#include "cdi/validate.h"
#include "container/hook_args.h"

struct importer {
	struct nvb_plan *plan;
	const struct nvb_cdi_source *source;
	const char *rule, *reason; /* of the edits being made */
	bool no_memory;
	nvb_error **err;
};

/* A copy in the plan's arena; NULL stays NULL. */
static const char *keep(struct importer *im, const char *s)
{
	char *copy = s ? nvb_arena_strdup(&im->plan->arena, s) : NULL;

	im->no_memory |= s && !copy;
	return copy;
}

/* NULL-terminated, or NULL for none. */
static const char *const *keep_strings(struct importer *im, const char *const *strings, size_t count)
{
	const char **copy;

	if (!count)
		return NULL;
	copy = nvb_arena_alloc(&im->plan->arena, (count + 1) * sizeof(*copy));
	for (size_t i = 0; copy && i < count; i++)
		copy[i] = keep(im, strings[i]);
	im->no_memory |= !copy;
	return copy;
}

static struct nvb_edit *new_edit(struct importer *im, enum nvb_edit_kind kind)
{
	struct nvb_edit *edit = nvb_plan_add(im->plan, kind, NVB_SCOPE_COMMON);

	if (!edit) {
		im->no_memory = true;
		return NULL;
	}
	edit->required = true;
	edit->rule = im->rule;
	edit->reason = im->reason;
	return edit;
}

static int fail_missing(struct importer *im, const char *what, const char *path, int sys)
{
	int rc = nvb_fail_errno(im->err, sys, "%s: the %s %s", im->source->path, what, path);

	return nvb_hint(im->err, rc, "the spec does not fit this host any more: generate it again");
}

static char type_of(mode_t mode)
{
	return S_ISCHR(mode) ? 'c' : S_ISBLK(mode) ? 'b' : S_ISFIFO(mode) ? 'p' : '\0';
}

/*
 * Type, numbers and mode as the reference implementation finds them: a spec that gives a type and a major
 * number is believed and needs no node on the host, anything else is the host's node as it is now.
 */
static int resolve_node(struct importer *im, const struct nvb_cdi_device_node *node, struct nvb_edit *edit)
{
	const char *host = edit->device.host;
	char wanted = node->type && *node->type ? *node->type : '\0', found;
	bool complete = wanted && (node->major || wanted == 'p');
	struct stat st;
	int sys = stat(host, &st) < 0 ? errno : 0;

	if (wanted == 'u') /* an unbuffered character device: what 'c' is on Linux */
		wanted = 'c';
	if (sys && !complete)
		return fail_missing(im, "device node", host, sys);
	found = sys ? wanted : type_of(st.st_mode);
	if (!found)
		return nvb_fail(im->err, NVB_ERR_CORRUPT, "%s: %s is no device node", im->source->path, host);
	if (!complete && wanted && wanted != found)
		return nvb_fail(im->err, NVB_ERR_CORRUPT, "%s: %s is a device of type '%c', not '%c'",
			im->source->path, host, found, wanted);
	if (complete)
		found = wanted;
	edit->device.type = found == 'b' ? "b" : found == 'p' ? "p" : "c";
	edit->device.major = node->major ? (uint32_t)node->major : sys ? 0 : major(st.st_rdev);
	edit->device.minor = node->major ? (uint32_t)node->minor : sys ? 0 : minor(st.st_rdev);
	edit->device.known_numbers = true;
	edit->device.has_mode = nvb_cdi_given(&node->object, NVB_CDI_NODE_FILE_MODE) || !sys;
	edit->device.mode =
		nvb_cdi_given(&node->object, NVB_CDI_NODE_FILE_MODE) ? node->file_mode : st.st_mode;
	edit->device.mode &= 07777;
	return 0;
}

/* Each letter once; none at all for "none". */
static void set_access(struct nvb_edit *edit, const char *permissions)
{
	size_t n = 0;

	if (!permissions || !*permissions)
		permissions = "rwm";
	for (const char *p = "rwm"; *p && !nvb_streq(permissions, "none"); p++)
		if (strchr(permissions, *p))
			edit->device.access[n++] = *p;
	edit->device.access[n] = '\0';
}

static int import_node(struct importer *im, const struct nvb_cdi_device_node *node)
{
	bool elsewhere = node->host_path && *node->host_path;
	struct nvb_edit *edit = new_edit(im, NVB_EDIT_DEVICE);

	if (!edit)
		return nvb_fail_oom(im->err);
	edit->enforcement = NVB_ENFORCED_KERNEL;
	edit->device.container = keep(im, node->path);
	edit->device.host = elsewhere ? keep(im, node->host_path) : edit->device.container;
	set_access(edit, node->permissions);
	edit->device.has_uid = nvb_cdi_given(&node->object, NVB_CDI_NODE_UID);
	edit->device.uid = node->uid;
	edit->device.has_gid = nvb_cdi_given(&node->object, NVB_CDI_NODE_GID);
	edit->device.gid = node->gid;
	return im->no_memory ? nvb_fail_oom(im->err) : resolve_node(im, node, edit);
}

static int import_mount(struct importer *im, const struct nvb_cdi_mount *mount)
{
	struct nvb_edit *edit;
	struct stat st;

	if (!nvb_cdi_is_bind(mount))
		return nvb_fail(im->err, NVB_ERR_UNSUPPORTED,
			"%s: mounts a file system of type '%s' at %s; only bind mounts can be given",
			im->source->path, mount->type, mount->container_path);
	if (stat(mount->host_path, &st) < 0)
		return fail_missing(im, "source of a mount", mount->host_path, errno);
	edit = new_edit(im, NVB_EDIT_MOUNT);
	if (!edit)
		return nvb_fail_oom(im->err);
	edit->mount.host = keep(im, mount->host_path);
	edit->mount.container = keep(im, mount->container_path);
	edit->mount.options = keep_strings(im, mount->options, mount->option_count);
	edit->mount.file_kind = S_ISDIR(st.st_mode)    ? NVB_FILE_DIRECTORY
				: S_ISSOCK(st.st_mode) ? NVB_FILE_SOCKET
						       : NVB_FILE_DATA;
	return 0;
}

static int import_variable(struct importer *im, const char *variable)
{
	const char *equals = strchr(variable, '=');
	struct nvb_edit *edit = new_edit(im, NVB_EDIT_ENV);

	if (!edit)
		return nvb_fail_oom(im->err);
	edit->env.name = nvb_arena_strndup(&im->plan->arena, variable, (size_t)(equals - variable));
	edit->env.value = keep(im, equals + 1);
	im->no_memory |= !edit->env.name;
	return 0;
}

/* Our own hook, called to do nothing but its work. False when it is another one. */
static bool parse_own_hook(const struct nvb_cdi_hook *hook, struct nvb_hook_command *command)
{
	const char *slash = strrchr(hook->path, '/');

	return slash && nvb_streq(slash + 1, "nvbind-hook") && nvb_streq(hook->name, "createContainer") &&
	       nvb_hook_parse(command, (int)hook->arg_count, (char *const *)(uintptr_t)hook->args, NULL) ==
		       0 &&
	       command->verb == NVB_HOOK_APPLY && !command->root && !command->mount;
}

static bool has_node(const struct nvb_cdi_edits *edits, const char *path)
{
	for (size_t i = 0; edits && i < edits->device_node_count; i++)
		if (nvb_streq(edits->device_nodes[i].path, path))
			return true;
	return false;
}

/* What our hook would make for this device: the links of the spec's that mean one of its nodes. */
static int import_device_links(struct importer *im, const struct nvb_cdi_entry *entry)
{
	const struct nvb_cdi_edits *common = entry->source->spec.edits;

	for (size_t i = 0; common && i < common->hook_count; i++) {
		_cleanup_hook_command_ struct nvb_hook_command command = {0};

		if (!parse_own_hook(&common->hooks[i], &command))
			continue;
		for (size_t j = 0; j < command.work.device_link_count; j++) {
			const struct nvb_link *link = &command.work.device_links[j];
			char node[PATH_MAX];
			struct nvb_edit *edit;

			if (!nvb_link_meaning(link, node, sizeof(node)) ||
				!has_node(entry->device->edits, node))
				continue;
			edit = new_edit(im, NVB_EDIT_LINK);
			if (!edit)
				break;
			edit->link.path = keep(im, link->path);
			edit->link.target = keep(im, link->target);
		}
	}
	return im->no_memory ? nvb_fail_oom(im->err) : 0;
}

/* The work of our own hook. False when it is another hook. */
static bool import_own_hook(struct importer *im, const struct nvb_cdi_hook *hook)
{
	_cleanup_hook_command_ struct nvb_hook_command command = {0};

	if (!parse_own_hook(hook, &command))
		return false;
	for (size_t i = 0; i < command.work.link_count; i++) {
		struct nvb_edit *edit = new_edit(im, NVB_EDIT_LINK);

		if (!edit)
			return true;
		edit->link.path = keep(im, command.work.links[i].path);
		edit->link.target = keep(im, command.work.links[i].target);
	}
	for (size_t i = 0; i < command.work.directory_count; i++) {
		struct nvb_edit *edit = new_edit(im, NVB_EDIT_LDCACHE);

		if (!edit)
			return true;
		edit->ldcache.directory = keep(im, command.work.directories[i]);
	}
	if (command.work.compat_driver) {
		struct nvb_edit *edit = new_edit(im, NVB_EDIT_COMPAT);

		if (!edit)
			return true;
		edit->compat.driver_version = keep(im, command.work.compat_driver);
		edit->compat.directory = NVB_COMPAT_DIRECTORY;
	}
	if (command.params) {
		struct nvb_edit *edit = new_edit(im, NVB_EDIT_PARAMS);

		if (!edit)
			return true;
		edit->params.host = keep(im, command.params);
		edit->params.container = NVB_DRIVER_PARAMS;
	}
	return true;
}

static int import_hook(struct importer *im, const struct nvb_cdi_hook *hook)
{
	struct nvb_edit *edit;

	if (import_own_hook(im, hook))
		return 0;
	edit = new_edit(im, NVB_EDIT_HOOK);
	if (!edit)
		return nvb_fail_oom(im->err);
	edit->hook.when = keep(im, hook->name);
	edit->hook.path = keep(im, hook->path);
	edit->hook.args = keep_strings(im, hook->args, hook->arg_count);
	edit->hook.env = keep_strings(im, hook->env, hook->env_count);
	edit->hook.timeout = hook->timeout > INT32_MAX ? INT32_MAX : (int)hook->timeout;
	return 0;
}

static int import_edits(struct importer *im, const struct nvb_cdi_edits *edits)
{
	int rc = 0;

	if (!edits)
		return 0;
	if (edits->rdt || edits->net_device_count)
		return nvb_fail(im->err, NVB_ERR_UNSUPPORTED, "%s: %s cannot be given to a container here",
			im->source->path, edits->rdt ? "intelRdt" : "netDevices");
	for (size_t i = 0; rc == 0 && i < edits->env_count; i++)
		rc = import_variable(im, edits->env[i]);
	for (size_t i = 0; rc == 0 && i < edits->device_node_count; i++)
		rc = import_node(im, &edits->device_nodes[i]);
	for (size_t i = 0; rc == 0 && i < edits->mount_count; i++)
		rc = import_mount(im, &edits->mounts[i]);
	for (size_t i = 0; rc == 0 && i < edits->hook_count; i++)
		rc = import_hook(im, &edits->hooks[i]);
	for (size_t i = 0; rc == 0 && i < edits->gid_count; i++) {
		struct nvb_edit *edit = edits->gids[i] ? new_edit(im, NVB_EDIT_GID) : NULL;

		if (edit) /* 0 is ignored, as the specification says */
			edit->gid = edits->gids[i];
	}
	return rc == 0 && im->no_memory ? nvb_fail_oom(im->err) : rc;
}

static int import_device(struct importer *im, const struct nvb_cdi_entry *entry, bool first_of_spec)
{
	int rc = 0;

	im->source = entry->source;
	im->rule = nvb_arena_printf(&im->plan->arena, "cdi:%s", entry->source->path);
	im->reason = nvb_arena_printf(&im->plan->arena, "all devices of %s", entry->source->spec.kind);
	if (!im->rule || !im->reason)
		return nvb_fail_oom(im->err);
	if (first_of_spec)
		rc = import_edits(im, entry->source->spec.edits);
	im->reason = keep(im, entry->name);
	if (rc == 0)
		rc = import_edits(im, entry->device->edits);
	return rc < 0 ? rc : import_device_links(im, entry);
}

int nvb_cdi_import(struct nvb_plan *plan, const struct nvb_cdi_registry *registry, const char *const *names,
	size_t count, nvb_error **err)
{
	_cleanup_free_ const struct nvb_cdi_entry **entries = calloc(count + 1, sizeof(*entries));
	struct importer im = {.plan = plan, .err = err};
	int rc = 0;

	if (!entries)
		return nvb_fail_oom(err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = nvb_cdi_registry_find(registry, names[i], &entries[i], err);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		bool again = false, first_of_spec = true;

		for (size_t j = 0; j < i; j++) {
			again |= entries[j] == entries[i];
			first_of_spec &= entries[j]->source != entries[i]->source;
		}
		if (!again)
			rc = import_device(&im, entries[i], first_of_spec);
	}
	return rc;
}
