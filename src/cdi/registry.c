/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/registry.h"

#include <errno.h>
#include <fcntl.h>

#include "base/log.h"
#include "base/str.h"
#include "cdi/read.h"
#include "cdi/validate.h"

const char *const nvb_cdi_default_directories[] = {"/etc/cdi", "/var/run/cdi", NULL};

void nvb_cdi_registry_release(struct nvb_cdi_registry *registry)
{
	for (size_t i = 0; i < registry->source_count; i++) {
		free(registry->sources[i].path);
		nvb_cdi_spec_release(&registry->sources[i].spec);
	}
	for (size_t i = 0; i < registry->fault_count; i++) {
		free(registry->faults[i].path);
		nvb_error_free(registry->faults[i].error);
	}
	free(registry->sources);
	free(registry->faults);
	free(registry->entries);
	nvb_strv_free(registry->directories);
	nvb_arena_release(&registry->arena);
	*registry = (struct nvb_cdi_registry){0};
}

/* Takes over `fault`. */
static int add_fault(struct nvb_cdi_registry *registry, const char *path, nvb_error *fault,
	const struct nvb_log *log, nvb_error **err)
{
	char *copy = strdup(path);

	if (!copy || !NVB_GROW(registry->faults, registry->fault_count, registry->fault_capacity)) {
		free(copy);
		nvb_error_free(fault);
		return nvb_fail_oom(err);
	}
	nvb_warning(log, "CDI spec left out: %s", nvb_error_message(fault));
	registry->faults[registry->fault_count++] = (struct nvb_cdi_fault){copy, fault};
	return 0;
}

static int load_spec(struct nvb_cdi_registry *registry, int dirfd, const char *directory, const char *name,
	size_t priority, const struct nvb_log *log, nvb_error **err)
{
	_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
	_cleanup_free_ char *path = NULL;
	nvb_error *fault = NULL;
	int rc;

	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		path = NULL;
		return nvb_fail_oom(err);
	}
	rc = nvb_cdi_read_file(&spec, dirfd, name, path, &fault);
	if (rc == -NVB_ERR_NO_MEMORY) {
		nvb_error_free(fault);
		return nvb_fail_oom(err);
	}
	if (rc < 0)
		return add_fault(registry, path, fault, log, err);
	if (!NVB_GROW(registry->sources, registry->source_count, registry->source_capacity))
		return nvb_fail_oom(err);
	registry->sources[registry->source_count++] =
		(struct nvb_cdi_source){.path = NVB_TAKE_PTR(path), .priority = priority, .spec = spec};
	spec = (struct nvb_cdi_spec){0};
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the specs in a directory, sorted: the order of readdir is no order. */
static int list_specs(DIR *dir, char ***names, nvb_error **err)
{
	const struct dirent *entry;

	while ((entry = readdir(dir))) {
		if (!nvb_ends_with(entry->d_name, ".json") && !nvb_ends_with(entry->d_name, ".yaml"))
			continue;
		if (entry->d_type == DT_DIR)
			continue;
		if (!nvb_strv_add(names, entry->d_name))
			return nvb_fail_oom(err);
	}
	if (*names)
		qsort(*names, nvb_strv_length(*names), sizeof(**names), by_name);
	return 0;
}

static int load_directory(struct nvb_cdi_registry *registry, const char *directory, size_t priority,
	const struct nvb_log *log, nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = opendir(directory);
	_cleanup_strv_ char **names = NULL;
	nvb_error *fault = NULL;
	int rc;

	if (!dir && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (!dir) {
		nvb_fail_errno(&fault, errno, "%s", directory);
		return add_fault(registry, directory, fault, log, err);
	}
	rc = list_specs(dir, &names, err);
	for (size_t i = 0; rc == 0 && names && names[i]; i++)
		rc = load_spec(registry, dirfd(dir), directory, names[i], priority, log, err);
	return rc;
}

/* By name; of one name the one that counts comes first. */
static int by_entry(const void *a, const void *b)
{
	const struct nvb_cdi_entry *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order)
		return order;
	if (x->source->priority != y->source->priority)
		return x->source->priority < y->source->priority ? 1 : -1;
	return strcmp(x->source->path, y->source->path);
}

static int index_devices(struct nvb_cdi_registry *registry, nvb_error **err)
{
	struct nvb_cdi_entry *entries;
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < registry->source_count; i++)
		count += registry->sources[i].spec.device_count;
	registry->entries = entries = calloc(count + 1, sizeof(*entries));
	if (!entries)
		return nvb_fail_oom(err);
	count = 0;
	for (size_t i = 0; i < registry->source_count; i++) {
		const struct nvb_cdi_source *source = &registry->sources[i];

		for (size_t j = 0; j < source->spec.device_count; j++) {
			const struct nvb_cdi_device *device = &source->spec.devices[j];
			const char *name =
				nvb_arena_printf(&registry->arena, "%s=%s", source->spec.kind, device->name);

			if (!name)
				return nvb_fail_oom(err);
			entries[count++] = (struct nvb_cdi_entry){name, source, device, NULL};
		}
	}
	qsort(entries, count, sizeof(*entries), by_entry);
	for (size_t i = 0; i < count; i++) {
		struct nvb_cdi_entry *last = kept ? &entries[kept - 1] : NULL;

		if (!last || !nvb_streq(last->name, entries[i].name))
			entries[kept++] = entries[i];
		else if (last->source->priority == entries[i].source->priority)
			last->rival = entries[i].source;
	}
	registry->entry_count = kept;
	return 0;
}

int nvb_cdi_registry_load(struct nvb_cdi_registry *registry, const char *const *directories,
	const struct nvb_log *log, nvb_error **err)
{
	_cleanup_cdi_registry_ struct nvb_cdi_registry loaded = {0};
	int rc = 0;

	if (!directories || !*directories)
		directories = nvb_cdi_default_directories;
	for (size_t i = 0; rc == 0 && directories[i]; i++) {
		if (!nvb_strv_add(&loaded.directories, directories[i]))
			return nvb_fail_oom(err);
		rc = load_directory(&loaded, directories[i], i, log, err);
	}
	if (rc == 0)
		rc = index_devices(&loaded, err);
	if (rc < 0)
		return rc;
	*registry = loaded;
	loaded = (struct nvb_cdi_registry){0};
	return 0;
}

static int compare_name(const void *key, const void *entry)
{
	return strcmp(key, ((const struct nvb_cdi_entry *)entry)->name);
}

const struct nvb_cdi_entry *nvb_cdi_registry_entry(const struct nvb_cdi_registry *registry, const char *name)
{
	return bsearch(
		name, registry->entries, registry->entry_count, sizeof(*registry->entries), compare_name);
}

/* The name most like this one, else what else could be the reason. */
static int not_found(const struct nvb_cdi_registry *registry, const char *name, nvb_error **err)
{
	_cleanup_free_ const char **names = calloc(registry->entry_count + 1, sizeof(*names));
	_cleanup_strbuf_ struct nvb_strbuf where = {0};
	const char *nearest;
	int rc;

	nvb_strv_foreach (directory, registry->directories) {
		nvb_sb_add(&where, where.len ? ", " : "");
		nvb_sb_add(&where, *directory);
	}
	if (!names || where.failed)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < registry->entry_count; i++)
		names[i] = registry->entries[i].name;
	nearest = nvb_nearest(name, names, registry->entry_count);
	rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "no CDI spec in %s has the device '%s'", where.s, name);
	if (registry->fault_count)
		return nvb_hint(
			err, rc, "one was left out: %s", nvb_error_message(registry->faults[0].error));
	if (nearest)
		return nvb_hint(err, rc, "there is '%s'; 'nvbind cdi list' shows all", nearest);
	return nvb_hint(err, rc, "'nvbind cdi list' shows what there is, 'nvbind cdi generate' makes specs");
}

int nvb_cdi_registry_find(const struct nvb_cdi_registry *registry, const char *name,
	const struct nvb_cdi_entry **entry, nvb_error **err)
{
	const struct nvb_cdi_entry *found;
	struct nvb_cdi_name parts;
	int rc = nvb_cdi_name_parse(name, &parts, err);

	if (rc < 0)
		return rc;
	found = nvb_cdi_registry_entry(registry, name);
	if (!found)
		return not_found(registry, name, err);
	if (found->rival) {
		rc = nvb_fail(err, NVB_ERR_CONFLICT, "the CDI device '%s' stands in two specs: %s and %s",
			name, found->source->path, found->rival->path);
		return nvb_hint(err, rc, "remove one of them");
	}
	*entry = found;
	return 0;
}
