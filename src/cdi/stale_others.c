/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "cdi/stale.h"

/* The specs beside a spec: of two that have a device, the later directory's counts; in one directory none
 * does. */

static const char *node_of(const struct nvb_cdi_device *device, size_t i)
{
	const struct nvb_cdi_device_node *node = &device->edits->device_nodes[i];

	return node->host_path && *node->host_path ? node->host_path : node->path;
}

/* Whether two devices of one name have the same nodes of their own. */
static bool is_same_device(const struct nvb_cdi_device *a, const struct nvb_cdi_device *b)
{
	if (!a->edits || !b->edits || a->edits->device_node_count != b->edits->device_node_count)
		return a->edits == b->edits;
	for (size_t i = 0; i < a->edits->device_node_count; i++) {
		size_t j = 0;

		while (j < b->edits->device_node_count && !nvb_streq(node_of(a, i), node_of(b, j)))
			j++;
		if (j == b->edits->device_node_count)
			return false;
	}
	return true;
}

static const char *first_node(const struct nvb_cdi_device *device)
{
	return device->edits && device->edits->device_node_count ? node_of(device, 0) : "nothing";
}

static int look_at_entry(struct nvb_cdi_findings *findings, const struct nvb_cdi_entry *entry,
	const struct nvb_cdi_source *source, const struct nvb_cdi_device *device, nvb_error **err)
{
	const struct nvb_cdi_source *other = entry->source != source ? entry->source : entry->rival;
	int rc = 0;

	if (!other)
		return 0;
	if (other->priority == source->priority)
		return nvb_cdi_findings_add(findings, NVB_CDI_STALE_CONFLICT, other->path, err,
			"%s stands in %s too: no engine takes a device that two specs of one directory have",
			entry->name, other->path);
	rc = nvb_cdi_findings_add(findings, NVB_CDI_STALE_HIDDEN, other->path, err,
		"%s has %s too, and counts because its directory comes later", other->path, entry->name);
	if (rc == 0 && !is_same_device(device, entry->device))
		rc = nvb_cdi_findings_add(findings, NVB_CDI_STALE_HIDDEN, entry->name, err,
			"%s is %s here and %s in %s", entry->name, first_node(device),
			first_node(entry->device), other->path);
	return rc;
}

int nvb_cdi_look_at_others(struct nvb_cdi_findings *findings, const struct nvb_cdi_registry *registry,
	const struct nvb_cdi_source *source, nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < source->spec.device_count; i++) {
		const struct nvb_cdi_device *device = &source->spec.devices[i];
		_cleanup_free_ char *name = NULL;
		const struct nvb_cdi_entry *entry;

		if (asprintf(&name, "%s=%s", source->spec.kind, device->name) < 0) {
			name = NULL;
			return nvb_fail_oom(err);
		}
		entry = nvb_cdi_registry_entry(registry, name);
		if (entry)
			rc = look_at_entry(findings, entry, source, device, err);
	}
	return rc;
}
