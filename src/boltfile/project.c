/* SPDX-License-Identifier: Apache-2.0 */
#include "boltfile/project.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "capsule/capsules.h"
#include "capsule/network.h"
#include "network/network.h"

/* The capsules, networks and volumes of a project that are there. */

void nvb_project_capsules_release(struct nvb_project_capsules *capsules)
{
	for (size_t i = 0; i < capsules->count; i++) {
		nvb_capsule_info_release(&capsules->list[i].info);
		free(capsules->list[i].service);
	}
	free(capsules->list);
	*capsules = (struct nvb_project_capsules){0};
}

const char *nvb_label(const struct nvb_capsule_definition *definition, const char *key)
{
	size_t n = strlen(key);

	nvb_strv_foreach (label, definition->labels)
		if (strncmp(*label, key, n) == 0 && (*label)[n] == '=')
			return *label + n + 1;
	return NULL;
}

bool nvb_capsule_is_up(const struct nvb_capsule_info *info)
{
	return info->state == NVB_CAPSULE_STARTING || info->state == NVB_CAPSULE_RUNNING ||
	       info->state == NVB_CAPSULE_PAUSED || info->state == NVB_CAPSULE_RESTARTING;
}

/* Adds the capsule if it is the project's, and takes *info over then. One whose definition cannot be read is
 * nobody's. */
static int add_one(const struct nvb_state *state, const char *project, struct nvb_capsule_info *info,
	struct nvb_project_capsules *out, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition definition = {0};
	const char *service, *number;
	char *copy;

	if (nvb_capsule_definition_of(state, info->id, &definition, NULL) < 0 ||
		!nvb_streq0(nvb_label(&definition, NVB_LABEL_PROJECT), project))
		return 0;
	service = nvb_label(&definition, NVB_LABEL_SERVICE);
	number = nvb_label(&definition, NVB_LABEL_NUMBER);
	copy = strdup(service ? service : "");
	if (!copy || !NVB_GROW(out->list, out->count, out->capacity)) {
		free(copy);
		return nvb_fail_oom(err);
	}
	out->list[out->count++] = (struct nvb_project_capsule){
		.info = *info,
		.service = copy,
		.number = number ? (unsigned)strtoul(number, NULL, 10) : 1,
	};
	*info = (struct nvb_capsule_info){0};
	return 0;
}

static size_t place_of(const struct nvb_boltfile *file, const struct nvb_project_capsule *capsule)
{
	const struct nvb_service *service = nvb_boltfile_service(file, capsule->service);

	return service ? (size_t)(service - file->services) : file->service_count;
}

static int compare(const void *a, const void *b, void *file)
{
	const struct nvb_project_capsule *x = a, *y = b;
	size_t left = place_of(file, x), right = place_of(file, y);

	if (left != right)
		return left < right ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

int nvb_project_capsules_read(const struct nvb_state *state, const struct nvb_boltfile *file,
	struct nvb_project_capsules *capsules, nvb_error **err)
{
	_cleanup_capsules_ struct nvb_project_capsules found = {0};
	struct nvb_capsule_info *list = NULL;
	size_t count = 0;
	int rc = nvb_capsules_list(state, true, &list, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = add_one(state, file->project, &list[i], &found, err);
	nvb_capsules_free(list, count);
	if (rc < 0)
		return rc;
	if (found.count)
		qsort_r(found.list, found.count, sizeof(*found.list), compare, (void *)(uintptr_t)file);
	*capsules = found;
	found = (struct nvb_project_capsules){0};
	return 0;
}

static bool uses_network(const struct nvb_boltfile *file, const bool *wanted, const char *name)
{
	for (size_t i = 0; i < file->service_count; i++)
		if (wanted[i] && nvb_strv_contains(file->services[i].networks, name))
			return true;
	return false;
}

static bool uses_volume(const struct nvb_boltfile *file, const bool *wanted, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < file->service_count; i++)
		nvb_strv_foreach (volume, wanted[i] ? file->services[i].volumes : NULL)
			if (strncmp(*volume, name, n) == 0 && (*volume)[n] == ':')
				return true;
	return false;
}

/* One that is there stays as it is; one that is external must be there. */
static int make_network(const struct nvb_project *project, const struct nvb_network_place *place,
	const char *name, nvb_error **err)
{
	const struct nvb_boltfile_part *part = nvb_boltfile_part(&project->file->networks, name);
	_cleanup_network_ struct nvb_network_info network = {0};
	_cleanup_free_ char *label = NULL;
	struct nvb_arena arena = {0};
	const char *called = nvb_boltfile_part_name(project->file, &project->file->networks, name, &arena);
	int rc = called ? nvb_network_open(place, called, &network, NULL) : nvb_fail_oom(err);

	if (rc == -NVB_ERR_NOT_FOUND && (!part || part->external != NVB_SAID_YES) &&
		asprintf(&label, NVB_LABEL_PROJECT "=%s", project->file->project) >= 0) {
		char *const labels[] = {label, NULL};
		const struct nvb_network_options options = {
			.subnet = part ? part->subnet : NULL,
			.gateway = part ? part->gateway : NULL,
			.internal = part && part->internal == NVB_SAID_YES,
			.labels = labels,
		};

		rc = nvb_network_make(place, called, &options, &network, err);
	} else if (rc < 0 && called) {
		rc = nvb_network_open(place, called, &network, err);
	}
	nvb_arena_release(&arena);
	return rc < 0 ? nvb_wrap(err, rc, "network '%s'", name) : 0;
}

static int make_networks(const struct nvb_project *project, const bool *wanted, nvb_error **err)
{
	const struct nvb_boltfile *file = project->file;
	const struct nvb_network_place place = nvb_capsule_network_place(project->state, project->host->log);
	_cleanup_close_ int lock = -1;
	bool any = uses_network(file, wanted, "default");
	int rc = 0;

	for (size_t i = 0; i < file->networks.count; i++)
		any = any || uses_network(file, wanted, file->networks.list[i].name);
	if (!any)
		return 0;
	lock = nvb_networks_lock(&place, err);
	if (lock < 0)
		return lock;
	if (uses_network(file, wanted, "default"))
		rc = make_network(project, &place, "default", err);
	for (size_t i = 0; rc == 0 && i < file->networks.count; i++)
		if (!nvb_streq(file->networks.list[i].name, "default") &&
			uses_network(file, wanted, file->networks.list[i].name))
			rc = make_network(project, &place, file->networks.list[i].name, err);
	return rc;
}

static char *volume_path(const struct nvb_project *project, const char *name)
{
	struct nvb_arena arena = {0};
	const char *called = nvb_boltfile_part_name(project->file, &project->file->volumes, name, &arena);
	char *path = NULL;

	if (called && asprintf(&path, "%s/volumes/%s", project->define.data, called) < 0)
		path = NULL;
	nvb_arena_release(&arena);
	return path;
}

static int make_volumes(const struct nvb_project *project, const bool *wanted, nvb_error **err)
{
	const struct nvb_boltfile *file = project->file;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < file->volumes.count; i++) {
		const struct nvb_boltfile_part *part = &file->volumes.list[i];
		_cleanup_free_ char *path = volume_path(project, part->name);

		if (!path)
			return nvb_fail_oom(err);
		if (!uses_volume(file, wanted, part->name))
			continue;
		if (part->external != NVB_SAID_YES)
			rc = nvb_file_mkdirs(AT_FDCWD, path, 0755, err);
		else if (access(path, F_OK) < 0)
			rc = nvb_hint(err,
				nvb_toml_fail_key(&file->doc, part->value, err,
					"volume '%s' is external, and there is none", part->name),
				"mkdir %s, or leave 'external' out", path);
	}
	return rc;
}

int nvb_project_make_parts(const struct nvb_project *project, const bool *wanted, nvb_error **err)
{
	int rc = make_volumes(project, wanted, err);

	return rc < 0 ? rc : make_networks(project, wanted, err);
}

/* Those that bear the project's label: also such as the file does not name any more. */
static int remove_networks(const struct nvb_project *project, nvb_error **err)
{
	const struct nvb_network_place place = nvb_capsule_network_place(project->state, project->host->log);
	_cleanup_free_ char *label = NULL;
	struct nvb_network_info *list = NULL;
	_cleanup_close_ int lock = -1;
	size_t count = 0;
	int rc;

	if (asprintf(&label, NVB_LABEL_PROJECT "=%s", project->file->project) < 0) {
		label = NULL;
		return nvb_fail_oom(err);
	}
	rc = nvb_networks_list(&place, &list, &count, err);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (!nvb_strv_contains(list[i].labels, label))
			continue;
		if (lock < 0)
			lock = nvb_networks_lock(&place, err);
		rc = lock < 0 ? lock : nvb_network_remove(&place, list[i].name, err);
	}
	nvb_networks_free(list, count);
	return rc;
}

int nvb_project_remove_parts(const struct nvb_project *project, bool volumes, nvb_error **err)
{
	int rc = remove_networks(project, err);

	for (size_t i = 0; rc == 0 && volumes && i < project->file->volumes.count; i++) {
		const struct nvb_boltfile_part *part = &project->file->volumes.list[i];
		_cleanup_free_ char *path = volume_path(project, part->name);

		if (!path)
			return nvb_fail_oom(err);
		if (part->external != NVB_SAID_YES)
			rc = nvb_file_remove_tree(AT_FDCWD, path, err);
	}
	return rc;
}
