/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/validate.h"

#include "base/str.h"

/*
 * What the specification and its reference implementation ask of the values. Fields that the decoder could
 * not read are NULL or not given: it has said so, nobody says it again.
 */

struct validator {
	struct nvb_cdi_spec *spec;
	struct nvb_cdi_report *report;
};

#define PROBLEM(v, node, rule, ...) \
	nvb_cdi_report_add((v)->report, (v)->spec->file, (node), NULL, (rule), __VA_ARGS__)

/* Where a field of an object stands; the object itself when it was made in memory. */
static const struct nvb_cdi_node *field_node(const struct nvb_cdi_object *object, const char *field)
{
	const struct nvb_cdi_node *node = nvb_cdi_node_get(object->at, field);

	return node ? node : object->at;
}

static bool is_absolute(const char *path)
{
	return path[0] == '/';
}

static void check_version(struct validator *v)
{
	struct nvb_cdi_spec *spec = v->spec;
	const struct nvb_cdi_node *at = field_node(&spec->object, "cdiVersion");
	enum nvb_cdi_version version, needed;
	const char *why, *dropped;

	if (!spec->version)
		return;
	version = nvb_cdi_version_parse(spec->version);
	if (!version) {
		PROBLEM(v, at, NVB_CDI_RULE_VERSION, "'%s' is no version that is known", spec->version);
		nvb_cdi_report_hint(v->report, "one of %s", nvb_cdi_version_list());
		return;
	}
	if (spec->version[0] == 'v')
		PROBLEM(v, at, NVB_CDI_RULE_VERSION_PREFIX, "a version has no 'v' before it");
	needed = nvb_cdi_required_version(spec, &why);
	if (needed > version) {
		PROBLEM(v, at, NVB_CDI_RULE_VERSION_FIELD, "%s has no %s", spec->version, why);
		nvb_cdi_report_hint(
			v->report, "cdiVersion must be at least %s", nvb_cdi_version_name(needed));
	}
	dropped = nvb_cdi_dropped_field(spec, version);
	if (dropped)
		PROBLEM(v, at, NVB_CDI_RULE_VERSION_FIELD, "%s has no %s any more", spec->version, dropped);
}

/* The vendor is a DNS name by the specification; its readers take underscores and any length as well. */
static bool is_dns_name(const char *name, size_t size)
{
	size_t label = 0;

	if (size > 253)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (name[i] == '_' || (name[i] == '.' && (!label || name[i - 1] == '-')))
			return false;
		if (name[i] == '-' && !label)
			return false;
		label = name[i] == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return true;
}

static void check_kind(struct validator *v)
{
	const struct nvb_cdi_node *at = field_node(&v->spec->object, "kind");
	const char *kind = v->spec->kind, *slash = kind ? strchr(kind, '/') : NULL, *wrong;

	if (!kind)
		return;
	if (!slash) {
		PROBLEM(v, at, NVB_CDI_RULE_KIND, "'%s' must be VENDOR/CLASS, as nvidia.com/gpu", kind);
		return;
	}
	wrong = nvb_cdi_check_vendor(kind, (size_t)(slash - kind));
	if (wrong)
		PROBLEM(v, at, NVB_CDI_RULE_KIND, "the vendor '%.*s' %s", (int)(slash - kind), kind, wrong);
	else if (!is_dns_name(kind, (size_t)(slash - kind)))
		PROBLEM(v, at, NVB_CDI_RULE_KIND_LABEL, "the vendor '%.*s' is no DNS name",
			(int)(slash - kind), kind);
	wrong = nvb_cdi_check_class(slash + 1, strlen(slash + 1));
	if (wrong)
		PROBLEM(v, at, NVB_CDI_RULE_KIND, "the class '%s' %s", slash + 1, wrong);
	else if (strlen(slash + 1) > 63)
		PROBLEM(v, at, NVB_CDI_RULE_KIND_LABEL, "the class has more than 63 characters");
}

/* Kubernetes' qualified name: an optional DNS prefix, a slash, a label of at most 63 characters. */
static bool is_annotation_key(const char *key)
{
	const char *slash = strchr(key, '/'), *name = slash ? slash + 1 : key;
	size_t size = strlen(name);

	if (slash && (slash == key || !is_dns_name(key, (size_t)(slash - key))))
		return false;
	/* What a device name may be, but for the colon. */
	return size <= 63 && !nvb_cdi_check_device(name, size) && !strchr(name, ':');
}

static void check_annotations(struct validator *v, const struct nvb_cdi_object *object,
	const struct nvb_cdi_pair *pairs, size_t count)
{
	const struct nvb_cdi_node *map = field_node(object, "annotations");

	for (size_t i = 0; i < count; i++)
		if (!is_annotation_key(pairs[i].key))
			PROBLEM(v, map, NVB_CDI_RULE_ANNOTATION,
				"'%s' is no annotation key ([prefix/]name of at most 63 letters, digits, "
				"'-', '_', '.')",
				pairs[i].key);
}

static void check_env(
	struct validator *v, const struct nvb_cdi_object *object, const char *const *env, size_t count)
{
	const struct nvb_cdi_node *list = field_node(object, "env");

	for (size_t i = 0; i < count && !nvb_cdi_report_full(v->report); i++) {
		const char *equals = strchr(env[i], '=');

		if (!equals || equals == env[i])
			PROBLEM(v, nvb_cdi_node_at(list, i) ?: list, NVB_CDI_RULE_ENV,
				"'%s' must be NAME=VALUE", env[i]);
	}
}

static void check_path(struct validator *v, const struct nvb_cdi_object *object, const char *field,
	const char *path, enum nvb_cdi_rule rule)
{
	if (path && !is_absolute(path))
		PROBLEM(v, field_node(object, field), rule, "'%s' must be an absolute path", path);
}

static void check_number(struct validator *v, const struct nvb_cdi_object *object, const char *field,
	int64_t number, int64_t max)
{
	if (number < 0 || number > max)
		PROBLEM(v, field_node(object, field), NVB_CDI_RULE_NODE_NUMBER,
			"no device has the number %lld (0 to %lld on Linux)", (long long)number,
			(long long)max);
}

static void check_device_node(struct validator *v, const struct nvb_cdi_device_node *node)
{
	const struct nvb_cdi_object *object = &node->object;
	const char *type = node->type, *access = node->permissions;

	check_path(v, object, "path", node->path, NVB_CDI_RULE_NODE_PATH);
	if (node->host_path && *node->host_path) /* empty is the same as none */
		check_path(v, object, "hostPath", node->host_path, NVB_CDI_RULE_NODE_PATH);
	if (type && *type && (!strchr("bcup", *type) || type[1]))
		PROBLEM(v, field_node(object, "type"), NVB_CDI_RULE_NODE_TYPE,
			"'%s' is no type of device (b, c, u or p)", type);
	if (access && !nvb_streq(access, "none") && access[strspn(access, "rwm")])
		PROBLEM(v, field_node(object, "permissions"), NVB_CDI_RULE_NODE_PERMISSIONS,
			"'%s' must be letters of \"rwm\", or \"none\"", access);
	check_number(v, object, "major", node->major, 4095);
	check_number(v, object, "minor", node->minor, 1048575);
	/* Type bits beside the permissions are what stat(2) gives and what some generators copy. */
	if (node->file_mode > 0177777)
		PROBLEM(v, field_node(object, "fileMode"), NVB_CDI_RULE_NODE_MODE, "%u is no file mode",
			node->file_mode);
}

/* As the kernel's dev_valid_name(). */
static bool is_interface_name(const char *name)
{
	return *name && strlen(name) < 16 && !nvb_streq(name, ".") && !nvb_streq(name, "..") &&
	       !name[strcspn(name, "/: \t\n\v\f\r")];
}

static void check_net_devices(struct validator *v, const struct nvb_cdi_edits *edits)
{
	const struct nvb_cdi_net_device *nets = edits->net_devices;

	for (size_t i = 0; i < edits->net_device_count; i++) {
		if (nets[i].host_name && !is_interface_name(nets[i].host_name))
			PROBLEM(v, field_node(&nets[i].object, "hostInterfaceName"), NVB_CDI_RULE_NET_NAME,
				"'%s' is no interface name", nets[i].host_name);
		if (nets[i].name && !is_interface_name(nets[i].name))
			PROBLEM(v, field_node(&nets[i].object, "name"), NVB_CDI_RULE_NET_NAME,
				"'%s' is no interface name", nets[i].name);
	}
}

/* Sorts pointers to strings by what they say, then by where they stand. */
static int by_string(const void *a, const void *b)
{
	const char *const *const *x = a, *const *const *y = b;
	int order = strcmp(**x, **y);

	return order ? order : (*x > *y) - (*x < *y);
}

/*
 * Names of `count` objects of `size` bytes whose name stands at `offset`: a second one of the same name is a
 * problem at its field. Sorted, since a hostile spec may have a million.
 */
static void check_duplicates(struct validator *v, void *objects, size_t count, size_t size, size_t offset,
	const char *field, enum nvb_cdi_rule rule, const char *what)
{
	_cleanup_free_ const char *const **names = calloc(count + 1, sizeof(*names));
	size_t n = 0;

	if (!names) {
		v->report->no_memory = true;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const char *const *name = (void *)((char *)objects + i * size + offset);

		if (*name)
			names[n++] = name;
	}
	qsort(names, n, sizeof(*names), by_string);
	for (size_t i = 1; i < n; i++) {
		const struct nvb_cdi_object *object = (const void *)((const char *)names[i] - offset);

		if (nvb_streq(*names[i - 1], *names[i]))
			PROBLEM(v, field_node(object, field), rule, "%s '%s' stands twice", what, *names[i]);
	}
}

static void check_hook(struct validator *v, const struct nvb_cdi_hook *hook)
{
	static const char *const names[] = {
		"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"};
	size_t i = 0;

	while (hook->name && i < NVB_ELEMENTS(names) && !nvb_streq(hook->name, names[i]))
		i++;
	if (hook->name && i == NVB_ELEMENTS(names)) {
		const char *nearest = nvb_nearest(hook->name, names, NVB_ELEMENTS(names));

		PROBLEM(v, field_node(&hook->object, "hookName"), NVB_CDI_RULE_HOOK_NAME,
			"'%s' is no hook (prestart, createRuntime, createContainer, startContainer, "
			"poststart, poststop)",
			hook->name);
		if (nearest)
			nvb_cdi_report_hint(v->report, "did you mean '%s'?", nearest);
	}
	check_path(v, &hook->object, "path", hook->path, NVB_CDI_RULE_HOOK_PATH);
	check_env(v, &hook->object, hook->env, hook->env_count);
	if (nvb_cdi_given(&hook->object, NVB_CDI_HOOK_TIMEOUT) && !hook->timeout)
		PROBLEM(v, field_node(&hook->object, "timeout"), NVB_CDI_RULE_HOOK_TIMEOUT,
			"must be greater than 0 seconds");
}

bool nvb_cdi_is_bind(const struct nvb_cdi_mount *mount)
{
	if (!mount->type || !*mount->type || nvb_streq(mount->type, "bind") || nvb_streq(mount->type, "none"))
		return true;
	for (size_t i = 0; i < mount->option_count; i++)
		if (nvb_streq(mount->options[i], "bind") || nvb_streq(mount->options[i], "rbind"))
			return true;
	return false;
}

static void check_mount(struct validator *v, const struct nvb_cdi_mount *mount)
{
	check_path(v, &mount->object, "containerPath", mount->container_path, NVB_CDI_RULE_MOUNT_PATH);
	if (nvb_cdi_is_bind(mount))
		check_path(v, &mount->object, "hostPath", mount->host_path, NVB_CDI_RULE_MOUNT_PATH);
	else if (mount->host_path && !*mount->host_path)
		PROBLEM(v, field_node(&mount->object, "hostPath"), NVB_CDI_RULE_MOUNT_PATH,
			"must not be empty");
}

static void check_rdt(struct validator *v, const struct nvb_cdi_rdt *rdt)
{
	const char *id = rdt ? rdt->clos_id : NULL;

	/* A directory below /sys/fs/resctrl; "/" is that directory itself. */
	if (!id || nvb_streq(id, "/"))
		return;
	if (strlen(id) >= 4096 || nvb_streq(id, ".") || nvb_streq(id, "..") || strpbrk(id, "/\n"))
		PROBLEM(v, field_node(&rdt->object, "closID"), NVB_CDI_RULE_RDT_CLOS, "is no file name");
}

static void check_edits(struct validator *v, const struct nvb_cdi_edits *edits)
{
	if (!edits)
		return;
	check_env(v, &edits->object, edits->env, edits->env_count);
	for (size_t i = 0; i < edits->device_node_count; i++)
		check_device_node(v, &edits->device_nodes[i]);
	for (size_t i = 0; i < edits->hook_count; i++)
		check_hook(v, &edits->hooks[i]);
	for (size_t i = 0; i < edits->mount_count; i++)
		check_mount(v, &edits->mounts[i]);
	check_rdt(v, edits->rdt);
	check_net_devices(v, edits);
	check_duplicates(v, edits->net_devices, edits->net_device_count, sizeof(*edits->net_devices),
		offsetof(struct nvb_cdi_net_device, host_name), "hostInterfaceName",
		NVB_CDI_RULE_NET_DUPLICATE, "the interface");
	check_duplicates(v, edits->net_devices, edits->net_device_count, sizeof(*edits->net_devices),
		offsetof(struct nvb_cdi_net_device, name), "name", NVB_CDI_RULE_NET_DUPLICATE,
		"the interface");
}

static bool is_empty(const struct nvb_cdi_edits *edits)
{
	return !edits->env_count && !edits->device_node_count && !edits->net_device_count &&
	       !edits->hook_count && !edits->mount_count && !edits->rdt && !edits->gid_count;
}

static void check_device(struct validator *v, const struct nvb_cdi_device *device)
{
	const char *wrong = device->name ? nvb_cdi_check_device(device->name, strlen(device->name)) : NULL;

	if (wrong)
		PROBLEM(v, field_node(&device->object, "name"), NVB_CDI_RULE_DEVICE_NAME,
			"the device name '%s' %s", device->name, wrong);
	check_annotations(v, &device->object, device->annotations, device->annotation_count);
	check_edits(v, device->edits);
	if (nvb_cdi_given(&device->object, NVB_CDI_DEVICE_EDITS) && is_empty(device->edits))
		PROBLEM(v, field_node(&device->object, "containerEdits"), NVB_CDI_RULE_DEVICE_EMPTY,
			"a device must have at least one edit");
}

void nvb_cdi_validate(struct nvb_cdi_spec *spec, struct nvb_cdi_report *report)
{
	struct validator v = {.spec = spec, .report = report};

	check_version(&v);
	check_kind(&v);
	check_annotations(&v, &spec->object, spec->annotations, spec->annotation_count);
	for (size_t i = 0; i < spec->device_count; i++)
		check_device(&v, &spec->devices[i]);
	check_duplicates(&v, spec->devices, spec->device_count, sizeof(*spec->devices),
		offsetof(struct nvb_cdi_device, name), "name", NVB_CDI_RULE_DEVICE_DUPLICATE, "the device");
	if (nvb_cdi_given(&spec->object, NVB_CDI_SPEC_DEVICES) && !spec->device_count)
		PROBLEM(&v, field_node(&spec->object, "devices"), NVB_CDI_RULE_NO_DEVICES,
			"a spec must have at least one device");
	check_edits(&v, spec->edits);
}
