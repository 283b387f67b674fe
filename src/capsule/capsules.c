/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/capsules.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/record.h"

struct list {
	struct nvb_capsule_info *items;
	size_t count, capacity;
};

void nvb_capsules_free(struct nvb_capsule_info *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(list[i].name);
		free(list[i].image);
	}
	free(list);
}

static bool has(const struct list *list, const char *id)
{
	for (size_t i = 0; i < list->count; i++)
		if (nvb_streq(list->items[i].id, id))
			return true;
	return false;
}

static int add(struct list *list, int directory, const char *id, bool running, nvb_error **err)
{
	_cleanup_free_ char *path = NULL, *record = NULL, *created = NULL, *status = NULL;
	struct nvb_capsule_info info = {.running = running, .status = -1};
	uint64_t number;

	if (has(list, id))
		return 0;
	if (asprintf(&path, "%s/record", id) < 0)
		return nvb_fail_oom(err);
	/* One without a record is just being made or removed. */
	if (nvb_file_read(directory, path, 1 << 16, &record, NULL, NULL) < 0)
		return 0;
	created = nvb_record_value(record, "created");
	status = nvb_record_value(record, "status");
	memcpy(info.id, id, sizeof(info.id));
	if (created && nvb_parse_u64(created, &number))
		info.created = (long long)number;
	if (status && nvb_parse_u64(status, &number))
		info.status = (int)number;
	if (!NVB_GROW(list->items, list->count, list->capacity))
		return nvb_fail_oom(err);
	info.name = nvb_record_value(record, "name");
	info.image = nvb_record_value(record, "image");
	list->items[list->count++] = info;
	return 0;
}

static int add_all(struct list *list, const char *base, bool running, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	int rc = 0;

	if (asprintf(&path, "%s/capsules", base) < 0)
		return nvb_fail_oom(err);
	dir = opendir(path);
	while (rc == 0 && dir && (entry = readdir(dir)))
		if (nvb_record_is_id(entry->d_name))
			rc = add(list, dirfd(dir), entry->d_name, running, err);
	return rc;
}

static int by_age(const void *a, const void *b)
{
	const struct nvb_capsule_info *x = a, *y = b;

	if (x->created != y->created)
		return x->created > y->created ? -1 : 1;
	return strcmp(x->id, y->id);
}

int nvb_capsules_list(
	const struct nvb_state *state, struct nvb_capsule_info **out, size_t *count, nvb_error **err)
{
	struct list list = {0};
	int rc = add_all(&list, state->run, true, err);

	if (rc == 0)
		rc = add_all(&list, state->data, false, err);
	if (rc < 0) {
		nvb_capsules_free(list.items, list.count);
		return rc;
	}
	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), by_age);
	*out = list.items;
	*count = list.count;
	return 0;
}

static int find(const struct nvb_capsule_info *list, size_t count, const char *which,
	const struct nvb_capsule_info **found, nvb_error **err)
{
	size_t matches = 0;

	for (size_t i = 0; i < count; i++) {
		bool exact = nvb_streq0(list[i].name, which) || nvb_streq(list[i].id, which);

		if (!exact && (strlen(which) < 4 || !nvb_after(list[i].id, which)))
			continue;
		*found = &list[i];
		if (exact)
			return 0;
		matches++;
	}
	if (matches == 1)
		return 0;
	if (matches)
		return nvb_fail(err, NVB_ERR_INVALID, "%s: %zu capsules begin so", which, matches);
	return nvb_hint(err, nvb_fail(err, NVB_ERR_NOT_FOUND, "no capsule '%s'", which),
		"'bolt capsule ps' lists them");
}

int nvb_capsules_remove(const struct nvb_state *state, const char *which, nvb_error **err)
{
	const struct nvb_capsule_info *capsule = NULL;
	_cleanup_free_ char *data = NULL, *name = NULL;
	struct nvb_capsule_info *list = NULL;
	size_t count = 0;
	int rc = nvb_capsules_list(state, &list, &count, err);

	if (rc == 0)
		rc = find(list, count, which, &capsule, err);
	if (rc == 0 && capsule->running)
		rc = nvb_fail(err, NVB_ERR_BUSY, "capsule %s is running", which);
	if (rc == 0 && asprintf(&data, "%s/capsules/%s", state->data, capsule->id) < 0)
		rc = nvb_fail_oom(err);
	if (rc == 0)
		rc = nvb_file_remove_tree(AT_FDCWD, data, err);
	/* The name last: until then it says whose the rest is. */
	if (rc == 0 && capsule->name && asprintf(&name, "%s/names/%s", state->data, capsule->name) >= 0)
		unlink(name);
	nvb_capsules_free(list, count);
	return rc;
}
