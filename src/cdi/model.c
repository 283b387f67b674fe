/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/model.h"

#include "base/str.h"

/*
 * One row per field of the specification. The order is the order of writing, that of the reference
 * implementation (specs-go/config.go). `since` from SPEC.md, "Released versions"; enableCMT and enableMBM
 * were dropped by 1.1.0. fileMode is in SPEC.md and the reference implementation, not in the JSON schema.
 */
#define FIELD(type, member, ...) .offset = offsetof(struct type, member), __VA_ARGS__
#define CLASS(label, type, rows)                                                \
	{                                                                       \
		.name = (label), .size = sizeof(struct type), .fields = (rows), \
		.field_count = NVB_ELEMENTS(rows)                               \
	}

/* clang-format off */
static const struct nvb_cdi_field device_node_fields[] = {
	[NVB_CDI_NODE_PATH] = {"path", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_device_node, path, .required = true)},
	[NVB_CDI_NODE_HOST_PATH] = {"hostPath", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_device_node, host_path, .since = NVB_CDI_0_5_0)},
	[NVB_CDI_NODE_TYPE] = {"type", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_device_node, type)},
	[NVB_CDI_NODE_MAJOR] = {"major", NVB_CDI_FIELD_I64, FIELD(nvb_cdi_device_node, major)},
	[NVB_CDI_NODE_MINOR] = {"minor", NVB_CDI_FIELD_I64, FIELD(nvb_cdi_device_node, minor)},
	[NVB_CDI_NODE_FILE_MODE] = {"fileMode", NVB_CDI_FIELD_U32, FIELD(nvb_cdi_device_node, file_mode)},
	[NVB_CDI_NODE_PERMISSIONS] = {"permissions", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_device_node, permissions)},
	[NVB_CDI_NODE_UID] = {"uid", NVB_CDI_FIELD_U32, FIELD(nvb_cdi_device_node, uid)},
	[NVB_CDI_NODE_GID] = {"gid", NVB_CDI_FIELD_U32, FIELD(nvb_cdi_device_node, gid)},
};
static const struct nvb_cdi_class device_node_class = CLASS("a device node", nvb_cdi_device_node, device_node_fields);

static const struct nvb_cdi_field net_device_fields[] = {
	[NVB_CDI_NET_HOST_NAME] = {"hostInterfaceName", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_net_device, host_name, .required = true)},
	[NVB_CDI_NET_NAME] = {"name", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_net_device, name, .required = true)},
};
static const struct nvb_cdi_class net_device_class = CLASS("a network device", nvb_cdi_net_device, net_device_fields);

static const struct nvb_cdi_field hook_fields[] = {
	[NVB_CDI_HOOK_NAME] = {"hookName", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_hook, name, .required = true)},
	[NVB_CDI_HOOK_PATH] = {"path", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_hook, path, .required = true)},
	[NVB_CDI_HOOK_ARGS] = {"args", NVB_CDI_FIELD_STRINGS, FIELD(nvb_cdi_hook, args)},
	[NVB_CDI_HOOK_ENV] = {"env", NVB_CDI_FIELD_STRINGS, FIELD(nvb_cdi_hook, env)},
	[NVB_CDI_HOOK_TIMEOUT] = {"timeout", NVB_CDI_FIELD_U32, FIELD(nvb_cdi_hook, timeout)},
};
static const struct nvb_cdi_class hook_class = CLASS("a hook", nvb_cdi_hook, hook_fields);

static const struct nvb_cdi_field mount_fields[] = {
	[NVB_CDI_MOUNT_HOST_PATH] = {"hostPath", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_mount, host_path, .required = true)},
	[NVB_CDI_MOUNT_CONTAINER_PATH] = {"containerPath", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_mount, container_path, .required = true)},
	[NVB_CDI_MOUNT_OPTIONS] = {"options", NVB_CDI_FIELD_STRINGS, FIELD(nvb_cdi_mount, options)},
	[NVB_CDI_MOUNT_TYPE] = {"type", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_mount, type, .since = NVB_CDI_0_4_0)},
};
static const struct nvb_cdi_class mount_class = CLASS("a mount", nvb_cdi_mount, mount_fields);

static const struct nvb_cdi_field rdt_fields[] = {
	[NVB_CDI_RDT_CLOS_ID] = {"closID", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_rdt, clos_id)},
	[NVB_CDI_RDT_L3] = {"l3CacheSchema", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_rdt, l3_cache_schema)},
	[NVB_CDI_RDT_MEM_BW] = {"memBwSchema", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_rdt, mem_bw_schema)},
	[NVB_CDI_RDT_SCHEMATA] = {"schemata", NVB_CDI_FIELD_STRINGS, FIELD(nvb_cdi_rdt, schemata, .since = NVB_CDI_1_1_0)},
	[NVB_CDI_RDT_MONITORING] = {"enableMonitoring", NVB_CDI_FIELD_BOOL, FIELD(nvb_cdi_rdt, enable_monitoring, .since = NVB_CDI_1_1_0)},
	[NVB_CDI_RDT_CMT] = {"enableCMT", NVB_CDI_FIELD_BOOL, FIELD(nvb_cdi_rdt, enable_cmt, .until = NVB_CDI_1_1_0)},
	[NVB_CDI_RDT_MBM] = {"enableMBM", NVB_CDI_FIELD_BOOL, FIELD(nvb_cdi_rdt, enable_mbm, .until = NVB_CDI_1_1_0)},
};
static const struct nvb_cdi_class rdt_class = CLASS("intelRdt", nvb_cdi_rdt, rdt_fields);

static const struct nvb_cdi_field edits_fields[] = {
	[NVB_CDI_EDITS_ENV] = {"env", NVB_CDI_FIELD_STRINGS, FIELD(nvb_cdi_edits, env)},
	[NVB_CDI_EDITS_DEVICE_NODES] = {"deviceNodes", NVB_CDI_FIELD_OBJECTS, FIELD(nvb_cdi_edits, device_nodes, .object = &device_node_class)},
	[NVB_CDI_EDITS_NET_DEVICES] = {"netDevices", NVB_CDI_FIELD_OBJECTS, FIELD(nvb_cdi_edits, net_devices, .object = &net_device_class, .since = NVB_CDI_1_1_0)},
	[NVB_CDI_EDITS_HOOKS] = {"hooks", NVB_CDI_FIELD_OBJECTS, FIELD(nvb_cdi_edits, hooks, .object = &hook_class)},
	[NVB_CDI_EDITS_MOUNTS] = {"mounts", NVB_CDI_FIELD_OBJECTS, FIELD(nvb_cdi_edits, mounts, .object = &mount_class)},
	[NVB_CDI_EDITS_RDT] = {"intelRdt", NVB_CDI_FIELD_OBJECT, FIELD(nvb_cdi_edits, rdt, .object = &rdt_class, .since = NVB_CDI_0_7_0)},
	[NVB_CDI_EDITS_GIDS] = {"additionalGids", NVB_CDI_FIELD_U32S, FIELD(nvb_cdi_edits, gids, .since = NVB_CDI_0_7_0)},
};
static const struct nvb_cdi_class edits_class = CLASS("containerEdits", nvb_cdi_edits, edits_fields);

static const struct nvb_cdi_field device_fields[] = {
	[NVB_CDI_DEVICE_NAME] = {"name", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_device, name, .required = true)},
	[NVB_CDI_DEVICE_ANNOTATIONS] = {"annotations", NVB_CDI_FIELD_MAP, FIELD(nvb_cdi_device, annotations, .since = NVB_CDI_0_6_0)},
	[NVB_CDI_DEVICE_EDITS] = {"containerEdits", NVB_CDI_FIELD_OBJECT, FIELD(nvb_cdi_device, edits, .object = &edits_class, .required = true)},
};
static const struct nvb_cdi_class device_class = CLASS("a device", nvb_cdi_device, device_fields);

static const struct nvb_cdi_field spec_fields[] = {
	[NVB_CDI_SPEC_VERSION] = {"cdiVersion", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_spec, version, .required = true)},
	[NVB_CDI_SPEC_KIND] = {"kind", NVB_CDI_FIELD_STRING, FIELD(nvb_cdi_spec, kind, .required = true)},
	[NVB_CDI_SPEC_ANNOTATIONS] = {"annotations", NVB_CDI_FIELD_MAP, FIELD(nvb_cdi_spec, annotations, .since = NVB_CDI_0_6_0)},
	[NVB_CDI_SPEC_DEVICES] = {"devices", NVB_CDI_FIELD_OBJECTS, FIELD(nvb_cdi_spec, devices, .object = &device_class, .required = true)},
	[NVB_CDI_SPEC_EDITS] = {"containerEdits", NVB_CDI_FIELD_OBJECT, FIELD(nvb_cdi_spec, edits, .object = &edits_class)},
};
/* clang-format on */
const struct nvb_cdi_class nvb_cdi_spec_class = CLASS("a CDI spec", nvb_cdi_spec, spec_fields);

static const char *const version_names[] = {
	[NVB_CDI_0_3_0] = "0.3.0",
	[NVB_CDI_0_4_0] = "0.4.0",
	[NVB_CDI_0_5_0] = "0.5.0",
	[NVB_CDI_0_6_0] = "0.6.0",
	[NVB_CDI_0_7_0] = "0.7.0",
	[NVB_CDI_0_8_0] = "0.8.0",
	[NVB_CDI_1_0_0] = "1.0.0",
	[NVB_CDI_1_1_0] = "1.1.0",
};

const char *nvb_cdi_version_name(enum nvb_cdi_version version)
{
	return version_names[version];
}

const char *nvb_cdi_version_list(void)
{
	return "0.3.0, 0.4.0, 0.5.0, 0.6.0, 0.7.0, 0.8.0, 1.0.0, 1.1.0";
}

enum nvb_cdi_version nvb_cdi_version_parse(const char *text)
{
	const char *number = *text == 'v' ? text + 1 : text;

	for (enum nvb_cdi_version v = NVB_CDI_0_3_0; v < NVB_CDI_VERSIONS; v++)
		if (nvb_streq(number, version_names[v]))
			return v;
	return NVB_CDI_VERSION_NONE;
}

void nvb_cdi_spec_release(struct nvb_cdi_spec *spec)
{
	nvb_arena_release(&spec->arena);
	*spec = (struct nvb_cdi_spec){0};
}

bool nvb_cdi_field_used(const struct nvb_cdi_object *object, const struct nvb_cdi_field *field)
{
	const void *p = nvb_cdi_field_at(object, field);

	switch (field->kind) {
	case NVB_CDI_FIELD_STRING:
		return *(const char *const *)p && **(const char *const *)p;
	case NVB_CDI_FIELD_BOOL:
		return *(const bool *)p;
	case NVB_CDI_FIELD_I64:
		return *(const int64_t *)p != 0;
	case NVB_CDI_FIELD_U32:
		return *(const uint32_t *)p != 0;
	case NVB_CDI_FIELD_OBJECT:
		return *(void *const *)p != NULL;
	case NVB_CDI_FIELD_STRINGS:
	case NVB_CDI_FIELD_U32S:
	case NVB_CDI_FIELD_MAP:
	case NVB_CDI_FIELD_OBJECTS:
		return nvb_cdi_array_at(object, field)->count != 0;
	}
	return false;
}

/* Calls `visit` for every used field of the object and of all below; stops when it returns false. */
typedef bool (*visit_function)(const struct nvb_cdi_field *field, void *data);

static bool visit_fields(const struct nvb_cdi_class *class, const struct nvb_cdi_object *object,
	visit_function visit, void *data)
{
	for (size_t i = 0; i < class->field_count; i++) {
		const struct nvb_cdi_field *field = &class->fields[i];
		const struct nvb_cdi_array *array;

		if (!nvb_cdi_given(object, (unsigned)i) || !nvb_cdi_field_used(object, field))
			continue;
		if (!visit(field, data))
			return false;
		if (field->kind == NVB_CDI_FIELD_OBJECT &&
			!visit_fields(field->object, *(void **)nvb_cdi_field_at(object, field), visit, data))
			return false;
		if (field->kind != NVB_CDI_FIELD_OBJECTS)
			continue;
		array = nvb_cdi_array_at(object, field);
		for (size_t j = 0; j < array->count; j++)
			if (!visit_fields(field->object,
				    (const void *)((char *)array->items + j * field->object->size), visit,
				    data))
				return false;
	}
	return true;
}

struct requirement {
	enum nvb_cdi_version version;
	const char *why;
};

static bool require_field(const struct nvb_cdi_field *field, void *data)
{
	struct requirement *r = data;

	if (field->since > r->version)
		*r = (struct requirement){field->since, field->name};
	return true;
}

/* What versions changed beside fields. */
static void require_names(struct nvb_cdi_spec *spec, struct requirement *r)
{
	const char *class = spec->kind ? strchr(spec->kind, '/') : NULL;

	if (r->version < NVB_CDI_0_6_0 && class && strchr(class, '.'))
		*r = (struct requirement){NVB_CDI_0_6_0, "a class with a dot"};
	for (size_t i = 0; i < spec->device_count && r->version < NVB_CDI_0_5_0; i++) {
		const char *name = spec->devices[i].name;

		if (name && *name >= '0' && *name <= '9')
			*r = (struct requirement){
				NVB_CDI_0_5_0, nvb_arena_printf(&spec->arena,
						       "device name '%s', which begins with a digit", name)
						       ?: "a device name"};
	}
}

enum nvb_cdi_version nvb_cdi_required_version(struct nvb_cdi_spec *spec, const char **why)
{
	struct requirement r = {NVB_CDI_0_3_0, NULL};

	visit_fields(&nvb_cdi_spec_class, &spec->object, require_field, &r);
	require_names(spec, &r);
	if (why)
		*why = r.why;
	return r.version;
}

static bool find_dropped(const struct nvb_cdi_field *field, void *data)
{
	struct requirement *r = data;

	if (field->until && field->until <= r->version)
		r->why = field->name;
	return !r->why;
}

const char *nvb_cdi_dropped_field(const struct nvb_cdi_spec *spec, enum nvb_cdi_version version)
{
	struct requirement r = {version, NULL};

	visit_fields(&nvb_cdi_spec_class, &spec->object, find_dropped, &r);
	return r.why;
}

static bool equal_objects(
	const struct nvb_cdi_class *class, const struct nvb_cdi_object *a, const struct nvb_cdi_object *b);

static bool equal_arrays(
	const struct nvb_cdi_field *field, const struct nvb_cdi_array *a, const struct nvb_cdi_array *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		bool same;

		if (field->kind == NVB_CDI_FIELD_STRINGS) {
			same = nvb_streq(((char **)a->items)[i], ((char **)b->items)[i]);
		} else if (field->kind == NVB_CDI_FIELD_U32S) {
			same = ((uint32_t *)a->items)[i] == ((uint32_t *)b->items)[i];
		} else if (field->kind == NVB_CDI_FIELD_MAP) {
			const struct nvb_cdi_pair *x = a->items, *y = b->items;

			same = nvb_streq(x[i].key, y[i].key) && nvb_streq(x[i].value, y[i].value);
		} else {
			size_t at = i * field->object->size;

			same = equal_objects(field->object, (void *)((char *)a->items + at),
				(void *)((char *)b->items + at));
		}
		if (!same)
			return false;
	}
	return true;
}

static bool equal_fields(
	const struct nvb_cdi_field *field, const struct nvb_cdi_object *a, const struct nvb_cdi_object *b)
{
	const void *p = nvb_cdi_field_at(a, field), *q = nvb_cdi_field_at(b, field);

	switch (field->kind) {
	case NVB_CDI_FIELD_STRING:
		return nvb_streq0(*(const char *const *)p, *(const char *const *)q);
	case NVB_CDI_FIELD_BOOL:
		return *(const bool *)p == *(const bool *)q;
	case NVB_CDI_FIELD_I64:
		return *(const int64_t *)p == *(const int64_t *)q;
	case NVB_CDI_FIELD_U32:
		return *(const uint32_t *)p == *(const uint32_t *)q;
	case NVB_CDI_FIELD_OBJECT:
		return equal_objects(field->object, *(void *const *)p, *(void *const *)q);
	default:
		return equal_arrays(field, p, q);
	}
}

static bool equal_objects(
	const struct nvb_cdi_class *class, const struct nvb_cdi_object *a, const struct nvb_cdi_object *b)
{
	if (a->given != b->given)
		return false;
	for (size_t i = 0; i < class->field_count; i++)
		if (nvb_cdi_given(a, (unsigned)i) && !equal_fields(&class->fields[i], a, b))
			return false;
	return true;
}

bool nvb_cdi_spec_equal(const struct nvb_cdi_spec *a, const struct nvb_cdi_spec *b)
{
	return equal_objects(&nvb_cdi_spec_class, &a->object, &b->object);
}
