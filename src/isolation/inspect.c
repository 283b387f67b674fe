/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "isolation/grant.h"

/* What a container holds, and whether what keeps its limits is there. */

/* The grant of a container whose lease holds; *token is empty when there is none. */
static int find_grant(const struct nvb_root *dev, const char *container, char token[static NVB_LEASE_TOKEN],
	struct nvb_grant_record *record)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	int fd = nvb_root_openat(dev, NVB_GRANTS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	*token = '\0';
	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return 0;
	}
	while (!*token && (entry = readdir(dir))) {
		_cleanup_grant_record_ struct nvb_grant_record found = {0};
		_cleanup_free_ char *path = NULL, *text = NULL;

		if (strlen(entry->d_name) != NVB_LEASE_TOKEN - 1)
			continue;
		if (asprintf(&path, "%s/record", entry->d_name) < 0) {
			path = NULL;
			return -NVB_ERR_NO_MEMORY;
		}
		if (nvb_file_read(dirfd(dir), path, NVB_GRANT_RECORD_MAX, &text, NULL, NULL) < 0 ||
			nvb_grant_record_parse(text, &found, NULL) < 0 ||
			!nvb_streq(found.container, container) || !nvb_lease_token_lives(dev, entry->d_name))
			continue;
		strcpy(token, entry->d_name);
		*record = found;
		found = (struct nvb_grant_record){0};
		return 0;
	}
	return 0;
}

static int ask_mps(
	const struct nvb_root *dev, const char *token, const struct nvb_grant_record *record, nvb_error **err)
{
	_cleanup_free_ char *directory = nvb_grant_path(dev, token);

	return directory ? nvb_mps_answers(directory, &record->daemon, err) : nvb_fail_oom(err);
}

int nvb_isolation_watch(const struct nvb_root *dev, const char *container)
{
	_cleanup_grant_record_ struct nvb_grant_record record = {0};
	_cleanup_close_ int pidfd = -1;
	char token[NVB_LEASE_TOKEN];

	if (find_grant(dev, container, token, &record) < 0 || !*token || !record.daemon.pid)
		return -1;
	pidfd = (int)syscall(SYS_pidfd_open, record.daemon.pid, 0);
	return nvb_proc_is_alive(record.daemon.pid, record.daemon.started) ? NVB_TAKE_FD(pidfd) : -1;
}

int nvb_isolation_health(const struct nvb_root *dev, const char *container, nvb_error **err)
{
	_cleanup_grant_record_ struct nvb_grant_record record = {0};
	char token[NVB_LEASE_TOKEN];

	if (find_grant(dev, container, token, &record) < 0)
		return nvb_fail_oom(err);
	return *token && record.program ? ask_mps(dev, token, &record, err) : 0;
}

static void add_devices(struct nvb_strbuf *out, const struct nvb_lease_devices *devices)
{
	for (size_t i = 0; i < devices->count; i++) {
		const struct nvb_lease_device *device = &devices->list[i];

		nvb_sb_add(out, i ? ", {\"id\": " : "{\"id\": ");
		nvb_sb_add_json(out, device->key);
		nvb_sb_add(out, ", \"uuid\": ");
		if (device->uuid)
			nvb_sb_add_json(out, device->uuid);
		else
			nvb_sb_add(out, "null");
		nvb_sb_addc(out, '}');
	}
}

static const struct nvb_lease_info *find_lease(
	const struct nvb_lease_info *leases, size_t count, const char *container)
{
	for (size_t i = 0; i < count; i++)
		if (leases[i].container && nvb_streq(leases[i].container, container))
			return &leases[i];
	return NULL;
}

static void add_mps(struct nvb_strbuf *out, const struct nvb_root *dev, const char *token,
	const struct nvb_grant_record *record)
{
	_cleanup_error_ nvb_error *why = NULL;

	if (!record->program)
		return;
	nvb_sb_add(out, ", \"mps\": {\"answers\": ");
	if (ask_mps(dev, token, record, &why) == 0) {
		nvb_sb_add(out, "true}");
		return;
	}
	nvb_sb_add(out, "false, \"problem\": ");
	nvb_sb_add_json(out, nvb_error_message(why));
	nvb_sb_addc(out, '}');
}

int nvb_isolation_inspect(
	const struct nvb_root *dev, const char *container, struct nvb_strbuf *out, nvb_error **err)
{
	_cleanup_grant_record_ struct nvb_grant_record record = {0};
	const struct nvb_lease_info *lease;
	struct nvb_lease_info *leases = NULL;
	char token[NVB_LEASE_TOKEN];
	size_t count = 0;
	int rc = find_grant(dev, container, token, &record);

	if (rc < 0)
		return nvb_fail_oom(err);
	rc = nvb_lease_list(dev, &leases, &count, err);
	if (rc < 0)
		return rc;
	lease = find_lease(leases, count, container);
	if (!lease) {
		nvb_sb_add(out, "null");
	} else {
		nvb_sb_addf(out, "{\"mode\": \"%s\", \"lease\": \"%s\", \"devices\": [",
			record.mode ? record.mode : nvb_choice_name(nvb_lease_modes, (int)lease->mode),
			nvb_choice_name(nvb_lease_modes, (int)lease->mode));
		add_devices(out, &lease->devices);
		nvb_sb_addf(out, "], \"limits\": %s", record.limits ? record.limits : "[]");
		if (*token)
			add_mps(out, dev, token, &record);
		nvb_sb_addc(out, '}');
	}
	nvb_lease_list_free(leases, count);
	return out->failed ? nvb_fail_oom(err) : 0;
}
