/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/locate.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "capsule/record.h"

void nvb_located_release(struct nvb_located *l)
{
	free(l->run);
	free(l->data);
	free(l->logs);
	free(l->runtime);
	free(l->runtime_root);
	free(l->cgroup);
	*l = (struct nvb_located){0};
}

/* A name is a link to the id. */
static bool by_name(const struct nvb_state *state, const char *which, char id[static NVB_CAPSULE_ID + 1])
{
	_cleanup_free_ char *path = NULL;
	char target[NVB_CAPSULE_ID + 2];
	ssize_t n;

	if (!*which || strchr(which, '/') || asprintf(&path, "%s/names/%s", state->data, which) < 0)
		return false;
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	if (!nvb_record_is_id(target))
		return false;
	memcpy(id, target, NVB_CAPSULE_ID + 1);
	return true;
}

/* How many ids of a directory begin so, others than the one that was found already. */
static unsigned by_prefix(const char *base, const char *which, char id[static NVB_CAPSULE_ID + 1])
{
	_cleanup_free_ char *path = NULL;
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	unsigned found = 0;

	if (asprintf(&path, "%s/capsules", base) < 0)
		return 0;
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (!nvb_record_is_id(entry->d_name) || !nvb_after(entry->d_name, which) ||
			nvb_streq(entry->d_name, id))
			continue;
		memcpy(id, entry->d_name, NVB_CAPSULE_ID + 1);
		found++;
	}
	return found;
}

static int find_id(
	const struct nvb_state *state, const char *which, char id[static NVB_CAPSULE_ID + 1], nvb_error **err)
{
	unsigned found;

	*id = '\0';
	if (by_name(state, which, id))
		return 0;
	found = strlen(which) < 4 ? 0 : by_prefix(state->run, which, id) + by_prefix(state->data, which, id);
	if (found == 1)
		return 0;
	if (found)
		return nvb_fail(err, NVB_ERR_INVALID, "%s: %u capsules begin so", which, found);
	return nvb_hint(err, nvb_fail(err, NVB_ERR_NOT_FOUND, "no capsule '%s'", which),
		"'bolt capsule ps' lists them");
}

void nvb_located_refresh(struct nvb_located *l)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	uint64_t started;
	int pid;

	l->init = 0;
	if (asprintf(&path, "%s/init", l->run) < 0 ||
		nvb_file_read(AT_FDCWD, path, 64, &text, NULL, NULL) < 0 ||
		sscanf(text, "%d %" SCNu64, &pid, &started) != 2 || pid <= 1 ||
		!nvb_proc_is_alive(pid, started))
		return;
	l->init = pid;
	l->init_started = started;
}

bool nvb_located_is_kept(const struct nvb_located *l)
{
	_cleanup_close_ int directory = open(l->run, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	/* Its supervisor has it locked. */
	return directory >= 0 && flock(directory, LOCK_SH | LOCK_NB) < 0;
}

static int read_record(const struct nvb_state *state, struct nvb_located *l, nvb_error **err)
{
	_cleanup_free_ char *path = NULL, *record = NULL, *now = NULL;
	const char *program;

	if (asprintf(&path, "%s/record", l->run) < 0)
		return nvb_fail_oom(err);
	/* One that does not run may have none. */
	if (nvb_file_read(AT_FDCWD, path, 1 << 16, &record, NULL, NULL) < 0)
		return 0;
	l->runtime = nvb_record_value(record, "runtime");
	l->cgroup = nvb_record_value(record, "cgroup");
	now = nvb_record_value(record, "state");
	l->paused = nvb_streq0(now, "paused");
	if (!l->runtime)
		return 0;
	program = strrchr(l->runtime, '/');
	if (asprintf(&l->runtime_root, "%s/runtime/%s", state->run, program ? program + 1 : l->runtime) < 0) {
		l->runtime_root = NULL;
		return nvb_fail_oom(err);
	}
	return 0;
}

int nvb_locate(const struct nvb_state *state, const char *which, struct nvb_located *out, nvb_error **err)
{
	_cleanup_located_ struct nvb_located l = {.rootless = state->rootless};
	int rc = find_id(state, which, l.id, err);

	if (rc < 0)
		return rc;
	if (asprintf(&l.run, "%s/capsules/%s", state->run, l.id) < 0)
		l.run = NULL;
	if (asprintf(&l.data, "%s/capsules/%s", state->data, l.id) < 0)
		l.data = NULL;
	if (asprintf(&l.logs, "%s/capsules/%s/log", state->data, l.id) < 0)
		l.logs = NULL;
	if (!l.run || !l.data || !l.logs)
		return nvb_fail_oom(err);
	rc = read_record(state, &l, err);
	if (rc < 0)
		return rc;
	nvb_located_refresh(&l);
	*out = l;
	l = (struct nvb_located){0};
	return 0;
}

int nvb_located_running(const struct nvb_located *l, const char *which, nvb_error **err)
{
	if (l->init && l->runtime)
		return 0;
	return nvb_hint(err, nvb_fail(err, NVB_ERR_CONFLICT, "capsule %s does not run", which),
		"bolt capsule start %s", which);
}

struct nvb_exec_target nvb_located_target(const struct nvb_located *l)
{
	return (struct nvb_exec_target){
		.id = l->id,
		.runtime = l->runtime,
		.runtime_root = l->runtime_root,
		.run = l->run,
		.init = l->init,
		.init_started = l->init_started,
		.rootless = l->rootless,
	};
}
