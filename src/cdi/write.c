/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/write.h"

#include "base/str.h"
#include "cdi/validate.h"
#include "config.h"
#include "container/container.h"

/*
 * From a plan to a spec. What all devices need goes into the spec's own edits, what one needs into its
 * device; "all" has what any of them needs, once. Links and ld.so.cache are work inside the container, which
 * CDI leaves to hooks: one nvbind-hook for the whole spec.
 */

const char nvb_cdi_default_hook[] = NVB_BINDIR "/nvbind-hook";

/* Edits that go to one place, in the plan's order. */
struct selection {
	const struct nvb_edit **edits;
	size_t count;
	char **hook; /* arguments of nvbind-hook, or NULL; in the arena */
};

struct writer {
	const struct nvb_plan *plan;
	struct nvb_cdi_options options;
	struct nvb_cdi_spec *spec;
	struct selection common;
	struct selection *devices; /* of the plan's devices */
	bool spread; /* a device without edits of its own: the common nodes go to every device (WSL2) */
	nvb_error **err;
};

static void *allocate(struct writer *w, size_t count, size_t size)
{
	return nvb_arena_alloc(&w->spec->arena, count * size + 1);
}

/* Puts options over defaults; fields that an older caller does not know are unset. */
static int read_options(struct writer *w, const struct nvb_cdi_options *options)
{
	struct nvb_cdi_options *o = &w->options;
	const char *wrong;

	if (options && (options->size < sizeof(options->size) || options->size > sizeof(*o)))
		return nvb_fail(w->err, NVB_ERR_INVALID, "nvb_cdi_options.size is %zu, this library's is %zu",
			options->size, sizeof(*o));
	if (options)
		memcpy(o, options, options->size);
	if (!o->vendor)
		o->vendor = "nvidia.com";
	if (!o->device_class)
		o->device_class = "gpu";
	if (!o->naming)
		o->naming = NVB_CDI_NAME_INDEX;
	if (!o->hook_path)
		o->hook_path = nvb_cdi_default_hook;
	wrong = nvb_cdi_check_vendor(o->vendor, strlen(o->vendor));
	if (wrong)
		return nvb_fail(w->err, NVB_ERR_INVALID, "the vendor '%s' %s", o->vendor, wrong);
	wrong = nvb_cdi_check_class(o->device_class, strlen(o->device_class));
	if (wrong)
		return nvb_fail(w->err, NVB_ERR_INVALID, "the class '%s' %s", o->device_class, wrong);
	if (o->hook_path[0] != '/')
		return nvb_fail(
			w->err, NVB_ERR_INVALID, "the hook's path '%s' must be absolute", o->hook_path);
	return 0;
}

static bool has_scope(const struct writer *w, const struct nvb_edit *edit)
{
	return edit->scope >= 0 && (size_t)edit->scope < w->plan->device_count;
}

static struct selection *selection_of(struct writer *w, const struct nvb_edit *edit)
{
	return has_scope(w, edit) ? &w->devices[edit->scope] : &w->common;
}

/* Sorts the plan's edits by their scope: count, allocate, fill. */
static int select_edits(struct writer *w)
{
	const struct nvb_plan *plan = w->plan;

	w->devices = allocate(w, plan->device_count, sizeof(*w->devices));
	if (!w->devices)
		return nvb_fail_oom(w->err);
	for (size_t i = 0; i < plan->edit_count; i++)
		selection_of(w, &plan->edits[i])->count++;
	for (size_t i = 0; i <= plan->device_count; i++) {
		struct selection *s = i < plan->device_count ? &w->devices[i] : &w->common;

		if (s != &w->common && !s->count)
			w->spread = true;
		s->edits = allocate(w, s->count, sizeof(*s->edits));
		if (!s->edits)
			return nvb_fail_oom(w->err);
		s->count = 0;
	}
	for (size_t i = 0; i < plan->edit_count; i++) {
		struct selection *s = selection_of(w, &plan->edits[i]);

		s->edits[s->count++] = &plan->edits[i];
	}
	w->spread |= !plan->device_count;
	return 0;
}

static bool is_hook_work(const struct nvb_edit *edit)
{
	return edit->kind == NVB_EDIT_LINK || edit->kind == NVB_EDIT_LDCACHE ||
	       edit->kind == NVB_EDIT_COMPAT || edit->kind == NVB_EDIT_PARAMS;
}

/* One hook for the whole spec, whichever of its devices a container gets. */
static int find_hook(struct writer *w)
{
	_cleanup_strv_ char **argv = NULL;
	const struct nvb_plan *plan = w->plan;
	size_t i = 0;
	int rc;

	while (i < plan->edit_count && !is_hook_work(&plan->edits[i]))
		i++;
	if (i == plan->edit_count)
		return 0;
	rc = nvb_hook_arguments(plan, true, &argv, w->err);
	if (rc < 0 || !argv)
		return rc;
	w->common.hook = allocate(w, nvb_strv_length(argv) + 1, sizeof(*w->common.hook));
	if (!w->common.hook)
		return nvb_fail_oom(w->err);
	for (i = 0; argv[i]; i++)
		if (!(w->common.hook[i] = nvb_arena_strdup(&w->spec->arena, argv[i])))
			return nvb_fail_oom(w->err);
	return 0;
}

/* What makes two edits of one container the same, as text; NULL for edits that are never the same. */
static const char *edit_subject(const struct nvb_edit *edit)
{
	switch (edit->kind) {
	case NVB_EDIT_DEVICE:
		return edit->device.container;
	case NVB_EDIT_MOUNT:
		return edit->mount.container;
	case NVB_EDIT_ENV:
		return edit->env.name;
	default:
		return NULL;
	}
}

/* A set of edits by kind and subject: open addressing, at most half full. */
struct edit_set {
	const struct nvb_edit **slots;
	size_t mask;
};

/* False when the set has such an edit already. */
static bool set_add(struct edit_set *set, const struct nvb_edit *edit)
{
	const char *subject = edit_subject(edit);
	size_t hash = 1469598103934665603u + (size_t)edit->kind; /* FNV-1a */

	if (!subject)
		return true;
	for (const char *p = subject; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 1099511628211u;
	for (size_t i = hash & set->mask;; i = (i + 1) & set->mask) {
		if (!set->slots[i]) {
			set->slots[i] = edit;
			return true;
		}
		if (set->slots[i]->kind == edit->kind && nvb_streq(edit_subject(set->slots[i]), subject))
			return false;
	}
}

static int select_all(struct writer *w, struct selection *all)
{
	_cleanup_free_ const struct nvb_edit **slots = NULL;
	struct edit_set set = {.mask = 15};
	size_t count = 0;

	for (size_t i = 0; i < w->plan->device_count; i++)
		count += w->devices[i].count;
	while (set.mask < count * 2)
		set.mask = set.mask * 2 + 1;
	set.slots = slots = calloc(set.mask + 1, sizeof(*slots));
	all->edits = allocate(w, count, sizeof(*all->edits));
	if (!slots || !all->edits)
		return nvb_fail_oom(w->err);
	for (size_t i = 0; i < w->plan->device_count; i++)
		for (size_t j = 0; j < w->devices[i].count; j++)
			if (set_add(&set, w->devices[i].edits[j]))
				all->edits[all->count++] = w->devices[i].edits[j];
	return 0;
}

static size_t length(const char *const *v)
{
	return nvb_strv_length((char *const *)(uintptr_t)v);
}

static void add_device_node(struct nvb_cdi_edits *edits, const struct nvb_edit *edit)
{
	struct nvb_cdi_device_node *node = &edits->device_nodes[edits->device_node_count++];

	/* No numbers: the reader of the spec takes them from the host's node when the container is made. */
	node->path = edit->device.container;
	node->object.given = 1u << NVB_CDI_NODE_PATH;
	if (!nvb_streq(edit->device.host, edit->device.container)) {
		node->host_path = edit->device.host;
		node->object.given |= 1u << NVB_CDI_NODE_HOST_PATH;
	}
	if (edit->device.type && !nvb_streq(edit->device.type, "c")) {
		node->type = edit->device.type;
		node->object.given |= 1u << NVB_CDI_NODE_TYPE;
	}
	if (edit->device.access[0] && !nvb_streq(edit->device.access, "rwm")) {
		node->permissions = edit->device.access;
		node->object.given |= 1u << NVB_CDI_NODE_PERMISSIONS;
	}
	if (edit->device.has_mode) {
		node->file_mode = edit->device.mode;
		node->object.given |= 1u << NVB_CDI_NODE_FILE_MODE;
	}
	if (edit->device.has_uid) {
		node->uid = edit->device.uid;
		node->object.given |= 1u << NVB_CDI_NODE_UID;
	}
	if (edit->device.has_gid) {
		node->gid = edit->device.gid;
		node->object.given |= 1u << NVB_CDI_NODE_GID;
	}
}

static int add_mount(struct writer *w, struct nvb_cdi_edits *edits, const struct nvb_edit *edit)
{
	struct nvb_cdi_mount *mount = &edits->mounts[edits->mount_count++];

	if (edit->mount.via == NVB_VIA_LAYER)
		return nvb_fail(w->err, NVB_ERR_UNSUPPORTED,
			"%s: a CDI spec cannot put a layer below a container's root", edit->mount.container);
	mount->host_path = edit->mount.host;
	mount->container_path = edit->mount.container;
	mount->options = edit->mount.options;
	mount->option_count = length(edit->mount.options);
	mount->type = edit->mount.type;
	mount->object.given = 1u << NVB_CDI_MOUNT_HOST_PATH | 1u << NVB_CDI_MOUNT_CONTAINER_PATH |
			      (mount->option_count ? 1u << NVB_CDI_MOUNT_OPTIONS : 0) |
			      (mount->type ? 1u << NVB_CDI_MOUNT_TYPE : 0);
	return 0;
}

static void add_foreign_hook(struct nvb_cdi_edits *edits, const struct nvb_edit *edit)
{
	struct nvb_cdi_hook *hook = &edits->hooks[edits->hook_count++];

	hook->name = edit->hook.when;
	hook->path = edit->hook.path;
	hook->args = edit->hook.args;
	hook->arg_count = length(hook->args);
	hook->env = edit->hook.env;
	hook->env_count = length(hook->env);
	hook->timeout = edit->hook.timeout > 0 ? (uint32_t)edit->hook.timeout : 0;
	hook->object.given = 1u << NVB_CDI_HOOK_NAME | 1u << NVB_CDI_HOOK_PATH |
			     (hook->arg_count ? 1u << NVB_CDI_HOOK_ARGS : 0) |
			     (hook->env_count ? 1u << NVB_CDI_HOOK_ENV : 0) |
			     (hook->timeout ? 1u << NVB_CDI_HOOK_TIMEOUT : 0);
}

static void add_own_hook(struct writer *w, struct nvb_cdi_edits *edits, char **argv)
{
	struct nvb_cdi_hook *hook = &edits->hooks[edits->hook_count++];

	/* createContainer: in the container's mount namespace, before its root is made the root. */
	hook->name = "createContainer";
	hook->path = w->options.hook_path;
	hook->args = (const char *const *)argv;
	hook->arg_count = nvb_strv_length(argv);
	hook->env = nvb_hook_environment;
	hook->env_count = 1;
	hook->object.given = 1u << NVB_CDI_HOOK_NAME | 1u << NVB_CDI_HOOK_PATH | 1u << NVB_CDI_HOOK_ARGS |
			     1u << NVB_CDI_HOOK_ENV;
}

static int add_edit(struct writer *w, struct nvb_cdi_edits *edits, const struct nvb_edit *edit)
{
	char *variable;

	switch (edit->kind) {
	case NVB_EDIT_DEVICE:
		add_device_node(edits, edit);
		return 0;
	case NVB_EDIT_MOUNT:
		return add_mount(w, edits, edit);
	case NVB_EDIT_ENV:
		variable = nvb_arena_printf(&w->spec->arena, "%s=%s", edit->env.name, edit->env.value);
		((const char **)(uintptr_t)edits->env)[edits->env_count++] = variable;
		return variable ? 0 : nvb_fail_oom(w->err);
	case NVB_EDIT_HOOK:
		add_foreign_hook(edits, edit);
		return 0;
	case NVB_EDIT_GID:
		((uint32_t *)(uintptr_t)edits->gids)[edits->gid_count++] = edit->gid;
		return 0;
	case NVB_EDIT_LINK:
	case NVB_EDIT_LDCACHE:
	case NVB_EDIT_COMPAT:
	case NVB_EDIT_PARAMS: /* the hook's */
	case NVB_EDIT_RLIMIT: /* CDI has no word for these; nvbind/cdi.h says so */
	case NVB_EDIT_SHM:
	case NVB_EDIT_LIMIT: /* kept outside the container, or by the nodes and mounts that are in the spec */
	case NVB_EDIT_CPUS:
	case NVB_EDIT_NICE:
	case NVB_EDIT_SCHEDULER:
	case NVB_EDIT_KNOB:
		return 0;
	}
	return nvb_fail(w->err, NVB_ERR_UNSUPPORTED, "a CDI spec cannot hold an edit of kind '%s'",
		nvb_edit_kind_name(edit->kind));
}

/* Room for as many as there are edits of each kind, and for our own hook. */
static bool make_room(struct writer *w, struct nvb_cdi_edits *edits, const struct selection *s, size_t nodes)
{
	size_t counts[NVB_EDIT_KINDS] = {0};

	for (size_t i = 0; i < s->count; i++)
		counts[s->edits[i]->kind]++;
	edits->env = allocate(w, counts[NVB_EDIT_ENV], sizeof(*edits->env));
	edits->device_nodes = allocate(w, counts[NVB_EDIT_DEVICE] + nodes, sizeof(*edits->device_nodes));
	edits->hooks = allocate(w, counts[NVB_EDIT_HOOK] + 1, sizeof(*edits->hooks));
	edits->mounts = allocate(w, counts[NVB_EDIT_MOUNT], sizeof(*edits->mounts));
	edits->gids = allocate(w, counts[NVB_EDIT_GID], sizeof(*edits->gids));
	return edits->env && edits->device_nodes && edits->hooks && edits->mounts && edits->gids;
}

/* The edits of a selection; those of a device also have the common nodes where these are spread. */
static int make_edits(struct writer *w, const struct selection *s, struct nvb_cdi_edits **out)
{
	struct nvb_cdi_edits *edits = allocate(w, 1, sizeof(*edits));
	bool common = s == &w->common;
	int rc = 0;

	if (!edits || !make_room(w, edits, s, w->spread ? w->common.count : 0))
		return nvb_fail_oom(w->err);
	for (size_t i = 0; !common && w->spread && i < w->common.count; i++)
		if (w->common.edits[i]->kind == NVB_EDIT_DEVICE)
			add_device_node(edits, w->common.edits[i]);
	for (size_t i = 0; rc == 0 && i < s->count; i++)
		if (!common || !w->spread || s->edits[i]->kind != NVB_EDIT_DEVICE)
			rc = add_edit(w, edits, s->edits[i]);
	if (rc < 0)
		return rc;
	if (s->hook)
		add_own_hook(w, edits, s->hook);
	edits->object.given = (edits->env_count ? 1u << NVB_CDI_EDITS_ENV : 0) |
			      (edits->device_node_count ? 1u << NVB_CDI_EDITS_DEVICE_NODES : 0) |
			      (edits->hook_count ? 1u << NVB_CDI_EDITS_HOOKS : 0) |
			      (edits->mount_count ? 1u << NVB_CDI_EDITS_MOUNTS : 0) |
			      (edits->gid_count ? 1u << NVB_CDI_EDITS_GIDS : 0);
	*out = edits;
	return 0;
}

static int add_device(struct writer *w, const char *name, struct nvb_cdi_edits *edits)
{
	struct nvb_cdi_device *device = &w->spec->devices[w->spec->device_count];
	const char *wrong = nvb_cdi_check_device(name, strlen(name));

	if (wrong)
		return nvb_fail(w->err, NVB_ERR_INVALID, "the device name '%s' %s", name, wrong);
	if (!edits->object.given)
		return nvb_fail(w->err, NVB_ERR_UNSUPPORTED,
			"device '%s' has no node, mount or variable: there is nothing a CDI spec could say "
			"of it",
			name);
	device->name = name;
	device->edits = edits;
	device->object.given = 1u << NVB_CDI_DEVICE_NAME | 1u << NVB_CDI_DEVICE_EDITS;
	w->spec->device_count++;
	return 0;
}

/* WSL2's one device, which stands for all GPUs. */
static bool is_all(const struct nvb_plan_device *device)
{
	return nvb_streq(device->name, "all");
}

static int add_by_uuid(struct writer *w, const struct nvb_plan_device *device, struct nvb_cdi_edits *edits)
{
	int rc;

	if (device->uuid)
		return add_device(w, device->uuid, edits);
	if (w->options.naming & NVB_CDI_NAME_INDEX) /* it has that name at least */
		return 0;
	rc = nvb_fail(w->err, NVB_ERR_UNSUPPORTED, "the UUID of %s %s is not known",
		device->is_mig ? "MIG device" : "GPU", device->name);
	return nvb_hint(w->err, rc, "name devices by index");
}

/* All indices, then all UUIDs, then "all". */
static int add_devices(struct writer *w)
{
	const struct nvb_plan *plan = w->plan;
	struct nvb_cdi_edits **edits = allocate(w, plan->device_count, sizeof(*edits)), *everything;
	struct selection all = {0};
	int rc = 0;

	w->spec->devices = allocate(w, plan->device_count * 2 + 1, sizeof(*w->spec->devices));
	if (!w->spec->devices || !edits)
		return nvb_fail_oom(w->err);
	for (size_t i = 0; rc == 0 && i < plan->device_count; i++)
		rc = make_edits(w, &w->devices[i], &edits[i]);
	for (size_t i = 0; rc == 0 && i < plan->device_count; i++)
		if (w->options.naming & NVB_CDI_NAME_INDEX && !is_all(&plan->devices[i]))
			rc = add_device(w, plan->devices[i].name, edits[i]);
	for (size_t i = 0; rc == 0 && i < plan->device_count; i++)
		if (w->options.naming & NVB_CDI_NAME_UUID && !is_all(&plan->devices[i]))
			rc = add_by_uuid(w, &plan->devices[i], edits[i]);
	if (rc == 0)
		rc = select_all(w, &all);
	if (rc == 0)
		rc = make_edits(w, &all, &everything);
	return rc < 0 ? rc : add_device(w, "all", everything);
}

static int set_version(struct writer *w)
{
	enum nvb_cdi_version version, needed;
	const char *wanted = w->options.version, *why;

	needed = nvb_cdi_required_version(w->spec, &why);
	version = wanted ? nvb_cdi_version_parse(wanted) : needed;
	if (!version) {
		int rc = nvb_fail(w->err, NVB_ERR_INVALID, "there is no CDI version '%s'", wanted);

		return nvb_hint(w->err, rc, "one of %s", nvb_cdi_version_list());
	}
	if (version < needed)
		return nvb_fail(w->err, NVB_ERR_INVALID, "CDI %s has no %s: this spec needs %s or later",
			wanted, why, nvb_cdi_version_name(needed));
	w->spec->version = nvb_cdi_version_name(version);
	w->spec->object.given |= 1u << NVB_CDI_SPEC_VERSION;
	return 0;
}

static int write_spec(struct writer *w)
{
	struct nvb_cdi_spec *spec = w->spec;
	int rc;

	spec->kind = nvb_arena_printf(&spec->arena, "%s/%s", w->options.vendor, w->options.device_class);
	if (!spec->kind)
		return nvb_fail_oom(w->err);
	rc = select_edits(w);
	if (rc == 0)
		rc = find_hook(w);
	if (rc == 0)
		rc = add_devices(w);
	if (rc == 0)
		rc = make_edits(w, &w->common, &spec->edits);
	if (rc < 0)
		return rc;
	spec->object.given = 1u << NVB_CDI_SPEC_KIND | 1u << NVB_CDI_SPEC_DEVICES |
			     (spec->edits->object.given ? 1u << NVB_CDI_SPEC_EDITS : 0);
	return set_version(w);
}

int nvb_cdi_from_plan(struct nvb_cdi_spec *spec, const struct nvb_plan *plan,
	const struct nvb_cdi_options *options, nvb_error **err)
{
	_cleanup_cdi_spec_ struct nvb_cdi_spec made = {0};
	struct writer w = {.plan = plan, .spec = &made, .err = err};
	int rc = read_options(&w, options);

	if (rc == 0)
		rc = write_spec(&w);
	if (rc < 0)
		return rc;
	*spec = made;
	made = (struct nvb_cdi_spec){0};
	return 0;
}

int nvb_cdi_write(const nvb_plan *plan, const struct nvb_cdi_options *options, char **text, size_t *size,
	nvb_error **error)
{
	_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
	enum nvb_cdi_format format = NVB_CDI_YAML;
	int rc = nvb_cdi_from_plan(&spec, plan, options, error);

	if (rc < 0)
		return rc;
	if (options && options->size >= offsetof(struct nvb_cdi_options, format) + sizeof(options->format))
		format = options->format;
	return nvb_cdi_encode(&spec, format, text, size, error);
}
