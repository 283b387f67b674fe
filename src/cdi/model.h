/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CDI_MODEL_H
#define NVB_CDI_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "cdi/node.h"

/*
 * A CDI spec as C structs, and one table (model.c) of what the specification says about every field: its
 * name, its type, whether it must be there, and in which versions it exists. Reading, writing, comparing and
 * the lowest version that covers a spec all walk that table; nothing else knows the fields by name.
 *
 * Source: the Container Device Interface specification 1.1.0 (SPEC.md, schema/, specs-go/config.go).
 */

/* Released versions of the specification, in order. */
enum nvb_cdi_version {
	NVB_CDI_VERSION_NONE,
	NVB_CDI_0_3_0, /* the first tagged release */
	NVB_CDI_0_4_0,
	NVB_CDI_0_5_0,
	NVB_CDI_0_6_0,
	NVB_CDI_0_7_0,
	NVB_CDI_0_8_0,
	NVB_CDI_1_0_0,
	NVB_CDI_1_1_0,
	NVB_CDI_VERSIONS,
};

/* "0.5.0". */
const char *nvb_cdi_version_name(enum nvb_cdi_version version);
/* NVB_CDI_VERSION_NONE for a version that was never released. A leading "v" is taken off, as the reference
 * implementation does. */
enum nvb_cdi_version nvb_cdi_version_parse(const char *text);
/* "0.3.0, 0.4.0, ..." as a static string. */
const char *nvb_cdi_version_list(void);

/*
 * What every object begins with. Bit i of `given` says that row i of the object's table is set: what was not
 * written stays unwritten. `at` is where it stood in the document; NULL when it was made in memory.
 */
struct nvb_cdi_object {
	const struct nvb_cdi_node *at;
	uint32_t given;
};

/* Rows of the tables, by name. */
enum nvb_cdi_device_node_field {
	NVB_CDI_NODE_PATH,
	NVB_CDI_NODE_HOST_PATH,
	NVB_CDI_NODE_TYPE,
	NVB_CDI_NODE_MAJOR,
	NVB_CDI_NODE_MINOR,
	NVB_CDI_NODE_FILE_MODE,
	NVB_CDI_NODE_PERMISSIONS,
	NVB_CDI_NODE_UID,
	NVB_CDI_NODE_GID,
};

struct nvb_cdi_device_node {
	struct nvb_cdi_object object;
	const char *path; /* in the container */
	const char *host_path;
	const char *type; /* "b", "c", "u", "p" */
	int64_t major, minor;
	uint32_t file_mode;
	const char *permissions; /* of "rwm"; "none" asks for none */
	uint32_t uid, gid;
};

enum nvb_cdi_net_device_field {
	NVB_CDI_NET_HOST_NAME,
	NVB_CDI_NET_NAME,
};

struct nvb_cdi_net_device {
	struct nvb_cdi_object object;
	const char *host_name; /* interface on the host */
	const char *name;      /* in the container */
};

enum nvb_cdi_hook_field {
	NVB_CDI_HOOK_NAME,
	NVB_CDI_HOOK_PATH,
	NVB_CDI_HOOK_ARGS,
	NVB_CDI_HOOK_ENV,
	NVB_CDI_HOOK_TIMEOUT,
};

struct nvb_cdi_hook {
	struct nvb_cdi_object object;
	const char *name; /* "createContainer" ... */
	const char *path;
	const char *const *args;
	size_t arg_count;
	const char *const *env;
	size_t env_count;
	uint32_t timeout; /* seconds */
};

enum nvb_cdi_mount_field {
	NVB_CDI_MOUNT_HOST_PATH,
	NVB_CDI_MOUNT_CONTAINER_PATH,
	NVB_CDI_MOUNT_OPTIONS,
	NVB_CDI_MOUNT_TYPE,
};

struct nvb_cdi_mount {
	struct nvb_cdi_object object;
	const char *host_path;
	const char *container_path;
	const char *const *options;
	size_t option_count;
	const char *type;
};

enum nvb_cdi_rdt_field {
	NVB_CDI_RDT_CLOS_ID,
	NVB_CDI_RDT_L3,
	NVB_CDI_RDT_MEM_BW,
	NVB_CDI_RDT_SCHEMATA,
	NVB_CDI_RDT_MONITORING,
	NVB_CDI_RDT_CMT,
	NVB_CDI_RDT_MBM,
};

struct nvb_cdi_rdt {
	struct nvb_cdi_object object;
	const char *clos_id, *l3_cache_schema, *mem_bw_schema;
	const char *const *schemata;
	size_t schemata_count;
	bool enable_monitoring;
	bool enable_cmt, enable_mbm;
};

enum nvb_cdi_edits_field {
	NVB_CDI_EDITS_ENV,
	NVB_CDI_EDITS_DEVICE_NODES,
	NVB_CDI_EDITS_NET_DEVICES,
	NVB_CDI_EDITS_HOOKS,
	NVB_CDI_EDITS_MOUNTS,
	NVB_CDI_EDITS_RDT,
	NVB_CDI_EDITS_GIDS,
};

/* Counts stand right behind their arrays; the table relies on it. */
struct nvb_cdi_edits {
	struct nvb_cdi_object object;
	const char *const *env; /* "NAME=VALUE" */
	size_t env_count;
	struct nvb_cdi_device_node *device_nodes;
	size_t device_node_count;
	struct nvb_cdi_net_device *net_devices;
	size_t net_device_count;
	struct nvb_cdi_hook *hooks;
	size_t hook_count;
	struct nvb_cdi_mount *mounts;
	size_t mount_count;
	struct nvb_cdi_rdt *rdt;
	const uint32_t *gids;
	size_t gid_count;
};

struct nvb_cdi_pair {
	const char *key, *value;
};

enum nvb_cdi_device_field {
	NVB_CDI_DEVICE_NAME,
	NVB_CDI_DEVICE_ANNOTATIONS,
	NVB_CDI_DEVICE_EDITS,
};

struct nvb_cdi_device {
	struct nvb_cdi_object object;
	const char *name;
	struct nvb_cdi_pair *annotations;
	size_t annotation_count;
	struct nvb_cdi_edits *edits;
};

enum nvb_cdi_spec_field {
	NVB_CDI_SPEC_VERSION,
	NVB_CDI_SPEC_KIND,
	NVB_CDI_SPEC_ANNOTATIONS,
	NVB_CDI_SPEC_DEVICES,
	NVB_CDI_SPEC_EDITS,
};

struct nvb_cdi_spec {
	struct nvb_cdi_object object;
	const char *version; /* as written */
	const char *kind;    /* "nvidia.com/gpu" */
	struct nvb_cdi_pair *annotations;
	size_t annotation_count;
	struct nvb_cdi_device *devices;
	size_t device_count;
	struct nvb_cdi_edits *edits;

	/* Not fields of the document. */
	struct nvb_arena arena;
	const char *file; /* its name for messages */
};

void nvb_cdi_spec_release(struct nvb_cdi_spec *spec);
#define _cleanup_cdi_spec_ _cleanup_(nvb_cdi_spec_release)

enum nvb_cdi_field_kind {
	NVB_CDI_FIELD_STRING,
	NVB_CDI_FIELD_STRINGS,
	NVB_CDI_FIELD_BOOL,
	NVB_CDI_FIELD_I64,
	NVB_CDI_FIELD_U32,
	NVB_CDI_FIELD_U32S,
	NVB_CDI_FIELD_MAP,     /* string to string */
	NVB_CDI_FIELD_OBJECT,  /* a pointer */
	NVB_CDI_FIELD_OBJECTS, /* a pointer and a count */
};

struct nvb_cdi_class;

struct nvb_cdi_field {
	const char *name;
	enum nvb_cdi_field_kind kind;
	size_t offset;
	const struct nvb_cdi_class *object; /* of OBJECT and OBJECTS */
	bool required;
	enum nvb_cdi_version since; /* 0: always there */
	enum nvb_cdi_version until; /* the first version without it; 0: still there */
};

/* The type of an object. */
struct nvb_cdi_class {
	const char *name;
	size_t size;
	const struct nvb_cdi_field *fields;
	size_t field_count;
};

extern const struct nvb_cdi_class nvb_cdi_spec_class;

static inline bool nvb_cdi_given(const struct nvb_cdi_object *object, unsigned field)
{
	return object->given >> field & 1u;
}

static inline void *nvb_cdi_field_at(const struct nvb_cdi_object *object, const struct nvb_cdi_field *field)
{
	return (char *)(uintptr_t)object + field->offset;
}

/* The arrays of STRINGS, U32S, MAP and OBJECTS. */
struct nvb_cdi_array {
	void *items;
	size_t count;
};

static inline struct nvb_cdi_array *nvb_cdi_array_at(
	const struct nvb_cdi_object *object, const struct nvb_cdi_field *field)
{
	return nvb_cdi_field_at(object, field);
}

/* True when the field says something: given, and not an empty string, list or map. */
bool nvb_cdi_field_used(const struct nvb_cdi_object *object, const struct nvb_cdi_field *field);

/*
 * The lowest version that covers the spec. *why (may be NULL) gets what asks for it ("hostPath", "device name
 * '0' that starts with a digit"), in the arena or static; NULL for the lowest of all.
 */
enum nvb_cdi_version nvb_cdi_required_version(struct nvb_cdi_spec *spec, const char **why);

/* The name of a field that is used and that `version` does not have any more, or NULL. */
const char *nvb_cdi_dropped_field(const struct nvb_cdi_spec *spec, enum nvb_cdi_version version);

/* True when both say the same, whatever document they came from. */
bool nvb_cdi_spec_equal(const struct nvb_cdi_spec *a, const struct nvb_cdi_spec *b);

#endif
