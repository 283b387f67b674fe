/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "capsule/names.h"
#include "capsule/record.h"
#include "capsule/state.h"

/* How a capsule comes to be recorded. */

void nvb_entry_release(struct nvb_entry *entry)
{
	free(entry->run);
	free(entry->data);
	free(entry->cgroup);
	free(entry->runtime_root);
	free(entry->runtime);
	free(entry->name);
	free(entry->error);
	nvb_closep(&entry->lock);
	*entry = (struct nvb_entry)NVB_ENTRY_INIT;
}

static bool fill_runtime_root(const struct nvb_state *state, struct nvb_entry *entry)
{
	const char *slash = strrchr(entry->runtime, '/');

	free(entry->runtime_root);
	if (asprintf(&entry->runtime_root, "%s/runtime/%s", state->run, slash ? slash + 1 : entry->runtime) <
		0)
		entry->runtime_root = NULL;
	return entry->runtime_root;
}

bool nvb_entry_fill_paths(const struct nvb_state *state, struct nvb_entry *entry)
{
	if (asprintf(&entry->run, "%s/capsules/%s", state->run, entry->id) < 0)
		entry->run = NULL;
	if (asprintf(&entry->data, "%s/capsules/%s", state->data, entry->id) < 0)
		entry->data = NULL;
	return entry->run && entry->data && (!entry->runtime || fill_runtime_root(state, entry));
}

static int make_id(char id[static NVB_CAPSULE_ID + 1], nvb_error **err)
{
	unsigned char bytes[NVB_CAPSULE_ID / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return nvb_fail_errno(err, errno, "random numbers");
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* Written once, into a directory nobody looks at before its lock is free: no rename, and no fsync, since
 * /run does not outlive the kernel. */
static int write_small(const char *directory, const char *name, const char *text, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_state_join(directory, name);
	_cleanup_close_ int fd = -1;
	int rc;

	if (!path)
		return nvb_fail_oom(err);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	rc = nvb_write_all(fd, text, strlen(text));
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

static int write_record(const char *directory, const char *record, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_state_join(directory, "record");

	return path ? nvb_file_write_unflushed(AT_FDCWD, path, record, strlen(record), 0600, err)
		    : nvb_fail_oom(err);
}

/* `created` is when it was first made, 0 for now. */
static char *describe(
	const struct nvb_entry *entry, const struct nvb_entry_options *options, long long created)
{
	struct nvb_strbuf out = {0};
	long long now = (long long)time(NULL);

	nvb_sb_addf(&out, "pid %d\nstarted %" PRIu64 "\ncreated %lld\nkeep %d\n", getpid(),
		nvb_proc_start_time(getpid()), created ? created : now, entry->keep);
	nvb_record_line(&out, "cgroup", entry->cgroup);
	nvb_record_line(&out, "runtime", entry->runtime);
	nvb_record_line(&out, "name", entry->name);
	nvb_record_line(&out, "image", options->image);
	nvb_record_line(&out, "command", options->command);
	nvb_record_line(&out, "ports", options->ports);
	if (entry->detached)
		nvb_sb_addf(&out, "detached 1\nstate starting\n");
	if (entry->resumed)
		nvb_sb_add(&out, "resumed 1\n");
	if (options->parked)
		nvb_sb_add(&out, "parked 1\n");
	else
		nvb_sb_addf(&out, "began %lld\n", now);
	return nvb_sb_finish(&out);
}

/* The lock is waited for: somebody who lists capsules may just be trying whether it is free. */
static int create_locked(struct nvb_entry *entry, const char *record, nvb_error **err)
{
	if (mkdir(entry->run, 0700) < 0) {
		if (errno == EEXIST && entry->resumed)
			return nvb_fail(err, NVB_ERR_CONFLICT, "capsule %.12s is running", entry->id);
		return nvb_fail_errno(err, errno, "%s", entry->run);
	}
	entry->lock = open(entry->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (entry->lock < 0 || flock(entry->lock, LOCK_EX) < 0)
		return nvb_fail_errno(err, errno, "%s", entry->run);
	/* Whole or not at all: what it does not say must not be taken for said. */
	return write_record(entry->run, record, err);
}

/* The record of one that is to be kept stands there from the start: /run does not outlive the host. */
static int make_data(const struct nvb_entry *entry, const struct nvb_entry_options *options,
	const char *record, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_state_join(entry->data, "record");

	if (!path)
		return nvb_fail_oom(err);
	if (!entry->resumed && mkdir(entry->data, 0700) < 0)
		return nvb_fail_errno(err, errno, "%s", entry->data);
	if (options->parked)
		return 0;
	/* One that goes when it ends is none that a host which has started finds again. */
	if (!entry->keep)
		return unlink(path) == 0 || errno == ENOENT ? 0 : nvb_fail_errno(err, errno, "%s", path);
	return write_record(entry->data, record, err);
}

static long long created_before(const struct nvb_entry *entry)
{
	_cleanup_free_ char *path = nvb_state_join(entry->data, "record"), *text = NULL;

	if (!path || nvb_file_read(AT_FDCWD, path, NVB_RECORD_MOST, &text, NULL, NULL) < 0)
		return 0;
	return nvb_record_number(text, "created", 0);
}

static int fill(const struct nvb_state *state, const struct nvb_entry_options *options,
	struct nvb_entry *entry, nvb_error **err)
{
	int rc = 0;

	if (options->id)
		memcpy(entry->id, options->id, sizeof(entry->id));
	else
		rc = make_id(entry->id, err);
	if (rc < 0)
		return rc;
	entry->runtime = options->runtime ? strdup(options->runtime) : NULL;
	entry->name = options->name ? strdup(options->name) : NULL;
	if (options->cgroup && asprintf(&entry->cgroup, "/bolt/%s", entry->id) < 0)
		entry->cgroup = NULL;
	if ((options->runtime && !entry->runtime) || (options->name && !entry->name) ||
		(options->cgroup && !entry->cgroup) || !nvb_entry_fill_paths(state, entry))
		return nvb_fail_oom(err);
	return 0;
}

/* Takes back what nvb_entry_begin did; never what was there before. */
static void undo(const struct nvb_state *state, const struct nvb_entry *entry)
{
	if (!entry->resumed) {
		nvb_name_give_back(state, entry->name, entry->id);
		nvb_file_remove_tree(AT_FDCWD, entry->data, NULL);
	}
	if (entry->lock >= 0)
		nvb_file_remove_tree(AT_FDCWD, entry->run, NULL);
}

int nvb_entry_begin(const struct nvb_state *state, const struct nvb_entry_options *options,
	struct nvb_entry *out, nvb_error **err)
{
	struct nvb_entry entry = {
		.lock = -1,
		.keep = options->keep,
		.detached = options->detached,
		.resumed = options->id != NULL,
	};
	_cleanup_free_ char *record = NULL;
	_cleanup_close_ int lock = -1;
	int rc = fill(state, options, &entry, err);

	if (rc == 0) {
		record = describe(&entry, options, entry.resumed ? created_before(&entry) : 0);
		lock = record ? nvb_state_lock(state, err) : nvb_fail_oom(err);
		rc = lock < 0 ? lock : create_locked(&entry, record, err);
	}
	if (rc == 0 && !entry.resumed)
		rc = nvb_name_claim(state, entry.name, entry.id, err);
	if (rc == 0)
		rc = make_data(&entry, options, record, err);
	if (rc < 0) {
		if (lock >= 0)
			undo(state, &entry);
		nvb_entry_release(&entry);
		return rc;
	}
	*out = entry;
	return 0;
}

int nvb_entry_started(const struct nvb_entry *entry, pid_t init, nvb_error **err)
{
	uint64_t started = nvb_proc_start_time(init);
	char text[64];

	/* Without it the capsule would count as ended. */
	if (!started && errno != 0 && errno != ENOENT && errno != ESRCH)
		return nvb_fail_errno(err, errno, "when process %d began", init);
	snprintf(text, sizeof(text), "%d %" PRIu64 "\n", init, started);
	return write_small(entry->run, "init", text, err);
}

bool nvb_entry_init(const struct nvb_entry *entry, pid_t *pid, uint64_t *started)
{
	_cleanup_free_ char *path = nvb_state_join(entry->run, "init"), *text = NULL;
	int number;

	if (!path || nvb_file_read(AT_FDCWD, path, 64, &text, NULL, NULL) < 0 ||
		sscanf(text, "%d %" SCNu64, &number, started) != 2 || number <= 1)
		return false;
	*pid = number;
	return true;
}

bool nvb_entry_has_init(const struct nvb_entry *entry)
{
	_cleanup_free_ char *path = nvb_state_join(entry->run, "init");

	return path && access(path, F_OK) == 0;
}

int nvb_entry_note(const struct nvb_entry *entry, const char *const *pairs, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_state_join(entry->run, "record"), *text = NULL;
	int rc = path ? nvb_file_read(AT_FDCWD, path, NVB_RECORD_MOST, &text, NULL, err) : nvb_fail_oom(err);

	if (rc < 0)
		return rc;
	for (; *pairs; pairs += 2) {
		char *changed = nvb_record_set(text, pairs[0], pairs[1]);

		if (!changed)
			return nvb_fail_oom(err);
		free(text);
		text = changed;
	}
	return write_record(entry->run, text, err);
}

int nvb_entry_use_runtime(
	const struct nvb_state *state, struct nvb_entry *entry, const char *runtime, nvb_error **err)
{
	free(entry->runtime);
	entry->runtime = strdup(runtime);
	if (!entry->runtime || !fill_runtime_root(state, entry))
		return nvb_fail_oom(err);
	return nvb_entry_note(entry, (const char *const[]){"runtime", runtime, NULL}, err);
}

int nvb_entry_open(
	const struct nvb_state *state, const char *id, int lock, struct nvb_entry *out, nvb_error **err)
{
	struct nvb_entry entry = {.lock = lock};
	_cleanup_free_ char *path = NULL, *record = NULL;

	snprintf(entry.id, sizeof(entry.id), "%s", id);
	if (asprintf(&path, "%s/capsules/%s/record", state->run, id) < 0)
		path = NULL;
	if (path && nvb_file_read(AT_FDCWD, path, NVB_RECORD_MOST, &record, NULL, NULL) == 0) {
		entry.recorded = true;
		entry.runtime = nvb_record_value(record, "runtime");
		entry.cgroup = nvb_record_value(record, "cgroup");
		entry.name = nvb_record_value(record, "name");
		entry.keep = nvb_record_flag(record, "keep");
		entry.detached = nvb_record_flag(record, "detached");
		entry.resumed = nvb_record_flag(record, "resumed");
		entry.parked = nvb_record_flag(record, "parked");
		entry.stopped = nvb_record_flag(record, "stopped");
		entry.restarts = (uint64_t)nvb_record_number(record, "restarts", 0);
	}
	if (!nvb_entry_fill_paths(state, &entry)) {
		entry.lock = -1;
		nvb_entry_release(&entry);
		return nvb_fail_oom(err);
	}
	*out = entry;
	return 0;
}

void nvb_entry_forget_init(const struct nvb_entry *entry)
{
	_cleanup_free_ char *path = nvb_state_join(entry->run, "init");

	if (path)
		unlink(path);
}

char *nvb_entry_value(const struct nvb_entry *entry, const char *key)
{
	_cleanup_free_ char *path = nvb_state_join(entry->run, "record"), *text = NULL;

	if (!path || nvb_file_read(AT_FDCWD, path, NVB_RECORD_MOST, &text, NULL, NULL) < 0)
		return NULL;
	return nvb_record_value(text, key);
}

void nvb_entry_refresh(const struct nvb_state *state, struct nvb_entry *entry)
{
	char *runtime = nvb_entry_value(entry, "runtime");

	if (!runtime)
		return;
	free(entry->runtime);
	entry->runtime = runtime;
	fill_runtime_root(state, entry);
}

bool nvb_entry_is(const struct nvb_entry *entry, const char *what)
{
	_cleanup_free_ char *said = nvb_entry_value(entry, "state");

	return nvb_streq0(said, what);
}

bool nvb_entry_has(const struct nvb_entry *entry, const char *key)
{
	_cleanup_free_ char *said = nvb_entry_value(entry, key);

	return nvb_streq0(said, "1");
}
