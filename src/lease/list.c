/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/mem.h"
#include "base/str.h"
#include "lease/conflict.h"

/* Who holds what, for people. */

struct list {
	struct nvb_lease_info *infos;
	size_t count, capacity;
};

void nvb_lease_list_free(struct nvb_lease_info *infos, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(infos[i].engine);
		free(infos[i].container);
		nvb_lease_devices_release(&infos[i].devices);
	}
	free(infos);
}

static struct nvb_lease_info *add(struct list *list)
{
	if (!NVB_GROW(list->infos, list->count, list->capacity))
		return NULL;
	list->infos[list->count] = (struct nvb_lease_info){0};
	return &list->infos[list->count++];
}

static int add_record(
	struct list *list, const struct nvb_lease_place *place, const char *name, nvb_error **err)
{
	_cleanup_lease_record_ struct nvb_lease_record record = {0};
	struct nvb_lease_info *info;
	bool moved;
	int rc = nvb_lease_place_read(place, name, &record, NULL);

	if (rc == -NVB_ERR_NO_MEMORY)
		return nvb_fail_oom(err);
	if (rc < 0 || !nvb_lease_record_lives(&record, &moved))
		return 0;
	info = add(list);
	if (!info)
		return nvb_fail_oom(err);
	info->mode = record.mode;
	info->engine = NVB_TAKE_PTR(record.engine);
	info->container = NVB_TAKE_PTR(record.container);
	info->pid = record.pid;
	info->since = record.since;
	info->devices = record.devices;
	record.devices = (struct nvb_lease_devices){0};
	return 0;
}

static int add_flock(
	struct list *list, const char *key, const struct nvb_flock_holder *holder, nvb_error **err)
{
	struct nvb_lease_info *info = add(list);

	if (!info || !NVB_GROW(info->devices.list, info->devices.count, info->devices.capacity))
		return nvb_fail_oom(err);
	info->mode = holder->exclusive ? NVB_LEASE_EXCLUSIVE : NVB_LEASE_SHARED;
	info->pid = holder->pid;
	info->devices.list[0] = (struct nvb_lease_device){.key = strdup(key)};
	info->devices.count = 1;
	return info->devices.list[0].key ? 0 : nvb_fail_oom(err);
}

static int add_flocks(struct list *list, const struct nvb_lease_place *place, nvb_error **err)
{
	_cleanup_free_ struct nvb_flock_holder *holders = NULL;
	int fd = openat(place->devices, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct stat st;
	size_t count;

	if (!dir) {
		nvb_closep(&fd);
		return 0;
	}
	holders = nvb_flock_holders(&count);
	while (rc == 0 && count && (entry = readdir(dir))) {
		if (fstatat(place->devices, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st.st_mode))
			continue;
		for (size_t i = 0; rc == 0 && i < count; i++)
			if (holders[i].inode == st.st_ino && holders[i].major == major(st.st_dev) &&
				holders[i].minor == minor(st.st_dev))
				rc = add_flock(list, entry->d_name, &holders[i], err);
	}
	return rc;
}

int nvb_lease_list(const struct nvb_root *root, struct nvb_lease_info **infos, size_t *count, nvb_error **err)
{
	_cleanup_(nvb_lease_place_close) struct nvb_lease_place place = NVB_LEASE_PLACE_INIT;
	_cleanup_strv_ char **names = NULL;
	struct list list = {0};
	int rc = nvb_lease_place_open(root, false, &place, err);

	if (rc == 0 && !place.absent)
		rc = nvb_lease_place_names(&place, false, &names, err);
	nvb_strv_foreach (name, names)
		if (rc == 0)
			rc = add_record(&list, &place, *name, err);
	if (rc == 0 && !place.absent)
		rc = add_flocks(&list, &place, err);
	if (rc < 0) {
		nvb_lease_list_free(list.infos, list.count);
		return rc;
	}
	*infos = list.infos;
	*count = list.count;
	return 0;
}
