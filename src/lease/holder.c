/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/jscan.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "lease/record.h"

/*
 * Whose life a lease has. An OCI runtime that creates a container ends before the container runs, and nobody
 * of ours stays to write down who that is. What the runtime itself keeps tells it: only read once the runtime
 * is gone, so that it is whole, and once per lease.
 */

struct init {
	pid_t pid;
	uint64_t started;
};

/* A runtime's state of a container: where its first process stands. Sources: runc 1.1, libcontainer's
 * BaseState; crun 1.8, libcrun_container_status. */
static const struct {
	const char *file, *pid, *started;
} state_files[] = {
	{"state.json", "init_process_pid", "init_process_start"},
	{"status", "pid", "process-start-time"},
};
enum { LARGEST_STATE = 1 << 22 };

static bool scan_state(
	const char *text, size_t size, const char *pid_key, const char *start_key, struct init *init)
{
	_cleanup_jscan_ struct nvb_jscan js;
	struct nvb_json key, value;
	uint64_t pid = 0, started = 0;
	int more, rc;

	nvb_jscan_begin(&js, text, size);
	rc = nvb_jscan_enter(&js, NVB_JSON_OBJECT, NULL);
	while (rc == 0 && (more = nvb_jscan_next(&js, &key, NULL)) != 0) {
		rc = more < 0 ? more : nvb_jscan_value(&js, &value, NULL);
		if (rc == 0 && nvb_json_equals(&key, pid_key, strlen(pid_key)))
			nvb_json_u64(&value, &pid);
		if (rc == 0 && nvb_json_equals(&key, start_key, strlen(start_key)))
			nvb_json_u64(&value, &started);
	}
	if (rc < 0 || pid < 2 || pid > INT32_MAX || !started)
		return false;
	*init = (struct init){(pid_t)pid, started};
	return true;
}

static bool from_state(const char *directory, struct init *init)
{
	for (size_t i = 0; i < NVB_ELEMENTS(state_files); i++) {
		_cleanup_free_ char *path = NULL, *text = NULL;
		size_t size;

		if (asprintf(&path, "%s/%s", directory, state_files[i].file) < 0) {
			path = NULL;
			continue;
		}
		if (nvb_file_read(AT_FDCWD, path, LARGEST_STATE, &text, &size, NULL) == 0)
			return scan_state(text, size, state_files[i].pid, state_files[i].started, init);
	}
	return false;
}

/* The number alone may be another process's by now; one that began before the runtime did is. */
static bool from_pid_file(const char *path, uint64_t runtime_started, struct init *init)
{
	_cleanup_free_ char *text = NULL;
	uint32_t pid;
	uint64_t started;

	if (nvb_file_read(AT_FDCWD, path, 32, &text, NULL, NULL) < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	if (!nvb_parse_u32(text, &pid) || pid < 2 || pid > INT32_MAX)
		return false;
	started = nvb_proc_start_time((pid_t)pid);
	if (started < runtime_started)
		return false;
	*init = (struct init){(pid_t)pid, started};
	return true;
}

bool nvb_lease_record_lives(struct nvb_lease_record *record, bool *moved)
{
	struct init init = {0};
	bool found;

	if (nvb_proc_is_alive(record->pid, record->started))
		return true;
	if (record->runtime_state)
		found = from_state(record->runtime_state, &init);
	else
		found = record->pid_file && from_pid_file(record->pid_file, record->started, &init);
	if (!found || !nvb_proc_is_alive(init.pid, init.started))
		return false;
	if (init.pid != record->pid || init.started != record->started) {
		record->pid = init.pid;
		record->started = init.started;
		*moved = true;
	}
	return true;
}
