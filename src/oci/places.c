/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/places.h"

#include "base/str.h"

const struct oci_place_rule oci_places[OCI_PLACE_COUNT] = {
	[OCI_ROOT] = {NVB_JSON_OBJECT, OCI_ROOT},
	[OCI_VERSION] = {NVB_JSON_STRING, OCI_ROOT},
	[OCI_PROCESS] = {NVB_JSON_OBJECT, OCI_ROOT},
	[OCI_ENV] = {NVB_JSON_ARRAY, OCI_PROCESS},
	[OCI_USER] = {NVB_JSON_OBJECT, OCI_PROCESS},
	[OCI_GIDS] = {NVB_JSON_ARRAY, OCI_USER},
	[OCI_RLIMITS] = {NVB_JSON_ARRAY, OCI_PROCESS},
	[OCI_MOUNTS] = {NVB_JSON_ARRAY, OCI_ROOT},
	[OCI_HOOKS] = {NVB_JSON_OBJECT, OCI_ROOT},
	[OCI_PRESTART] = {NVB_JSON_ARRAY, OCI_HOOKS},
	[OCI_CREATE_RUNTIME] = {NVB_JSON_ARRAY, OCI_HOOKS},
	[OCI_CREATE_CONTAINER] = {NVB_JSON_ARRAY, OCI_HOOKS},
	[OCI_START_CONTAINER] = {NVB_JSON_ARRAY, OCI_HOOKS},
	[OCI_POSTSTART] = {NVB_JSON_ARRAY, OCI_HOOKS},
	[OCI_POSTSTOP] = {NVB_JSON_ARRAY, OCI_HOOKS},
	[OCI_LINUX] = {NVB_JSON_OBJECT, OCI_ROOT},
	[OCI_NAMESPACES] = {NVB_JSON_ARRAY, OCI_LINUX},
	[OCI_DEVICES] = {NVB_JSON_ARRAY, OCI_LINUX},
	[OCI_RESOURCES] = {NVB_JSON_OBJECT, OCI_LINUX},
	[OCI_RULES] = {NVB_JSON_ARRAY, OCI_RESOURCES},
};

static const struct oci_children children[OCI_PLACE_COUNT] = {
	[OCI_ROOT] = {{"ociVersion", "process", "mounts", "hooks", "linux"},
		{OCI_VERSION, OCI_PROCESS, OCI_MOUNTS, OCI_HOOKS, OCI_LINUX}},
	[OCI_PROCESS] = {{"env", "user", "rlimits"}, {OCI_ENV, OCI_USER, OCI_RLIMITS}},
	[OCI_USER] = {{"additionalGids"}, {OCI_GIDS}},
	[OCI_HOOKS] = {{"prestart", "createRuntime", "createContainer", "startContainer", "poststart",
			       "poststop"},
		{OCI_PRESTART, OCI_CREATE_RUNTIME, OCI_CREATE_CONTAINER, OCI_START_CONTAINER, OCI_POSTSTART,
			OCI_POSTSTOP}},
	[OCI_LINUX] = {{"namespaces", "devices", "resources"}, {OCI_NAMESPACES, OCI_DEVICES, OCI_RESOURCES}},
	[OCI_RESOURCES] = {{"devices"}, {OCI_RULES}},
};

const struct oci_children *oci_children(enum oci_place place)
{
	return &children[place];
}

enum oci_place oci_hook_stage(const char *name)
{
	const struct oci_children *stages = &children[OCI_HOOKS];

	for (size_t i = 0; stages->names[i]; i++)
		if (nvb_streq(stages->names[i], name))
			return stages->places[i];
	return OCI_PLACE_COUNT;
}
