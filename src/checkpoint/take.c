/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "capsule/record.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/criu.h"
#include "checkpoint/describe.h"
#include "checkpoint/externals.h"
#include "checkpoint/freezer.h"
#include "checkpoint/processes.h"
#include "gpustate/gpustate.h"
#include "inventory/inventory.h"

/* Taking a capsule into a snapshot: steps, and what undoes them. */

struct taking {
	const struct nvb_checkpoint *c;
	struct nvb_inventory *inventory; /* NULL: no GPU was asked for */
	struct nvb_criu criu;
	nvb_gpu_state *gpu;
	int *pids;
	size_t pid_count;
	char *freezer, *directory; /* control group; where CRIU writes */
	int images;
	char **externals;
	struct nvb_snapshots store;
	nvb_snapshot_writer *writer;
	struct nvb_description description;
	nvb_snapshot_id *id;
	uint64_t memory; /* that the processes have, about */
	bool captured, frozen, committed;
	/* Of one that is only looked at. */
	pid_t supervisor;
	bool paused, foreground;
};

static int tell(struct taking *t, const char *step, uint64_t done, uint64_t total, nvb_error **err)
{
	if (t->c->progress && t->c->progress(t->c->data, step, done, total) != 0)
		return nvb_fail(err, NVB_ERR_CANCELLED, "the snapshot was broken off");
	return 0;
}

static int write_mark(const struct nvb_entry *entry, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_state_join(entry->run, NVB_CHECKPOINT_MARK);
	char text[64];

	if (!path)
		return nvb_fail_oom(err);
	snprintf(text, sizeof(text), "%d %" PRIu64 "\n", getpid(), nvb_proc_start_time(getpid()));
	return nvb_file_write_unflushed(AT_FDCWD, path, text, strlen(text), 0600, err);
}

static int list_pids(struct taking *t, nvb_error **err)
{
	free(NVB_TAKE_PTR(t->pids));
	return nvb_gpu_state_cgroup(t->freezer, &t->pids, &t->pid_count, err);
}

/* What all that follows needs to know of the host. */
static int find_means(struct taking *t, nvb_error **err)
{
	const struct nvb_checkpoint *c = t->c;
	int rc;

	if (!c->entry->cgroup)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"a capsule run without root cannot be saved: it has no control group that could "
			"freeze it, and CRIU needs root");
	rc = nvb_criu_find(c->host->criu, c->state->run, &t->criu, err);
	if (rc == 0)
		rc = nvb_freezer_find(c->entry->cgroup, &t->freezer, err);
	if (rc == 0)
		rc = list_pids(t, err);
	if (rc == 0 && nvb_definition_wants_gpus(c->definition))
		rc = nvb_inventory_load(c->host->inventory, &t->inventory, err);
	return rc;
}

static int open_store(struct taking *t, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_snapshots_default_path(t->c->state->data);

	return path ? nvb_snapshots_open(&t->store, path, err) : nvb_fail_oom(err);
}

static int preflight(struct taking *t, struct nvb_preflight_report *report, nvb_error **err)
{
	_cleanup_free_ struct nvb_preflight_mount *mounts = nvb_describe_mounts(&t->c->definition->spec, err);
	_cleanup_free_ char *upper = nvb_state_join(t->c->entry->data, "upper");
	_cleanup_free_ char *earlier = nvb_state_join(t->store.path, t->c->entry->id);
	struct nvb_preflight_capsule capsule = {
		.inventory = t->inventory,
		.pids = t->pids,
		.count = t->pid_count,
		.init = t->c->init,
		.supervisor = t->supervisor,
		.paused = t->paused,
		.foreground = t->foreground,
		.has_gpus = t->inventory,
		.tcp = t->c->tcp,
		.upper = t->c->definition->spec.read_only ? NULL : upper,
		.place = t->store.path,
		.earlier = earlier && access(earlier, F_OK) == 0,
		.mounts = mounts,
		.mount_count = t->c->definition->spec.volume_count,
		.criu = {.path = t->criu.path,
			.problem = t->criu.problem,
			.major = t->criu.major,
			.minor = t->criu.minor},
	};

	if (!mounts)
		return -NVB_ERR_NO_MEMORY;
	if (!upper)
		return nvb_fail_oom(err);
	return nvb_preflight_take(&capsule, report, err);
}

/* The steps. */

static int look(struct taking *t, nvb_error **err)
{
	_cleanup_preflight_ struct nvb_preflight_report report = {0};
	int rc = nvb_criu_require(&t->criu, err);

	if (rc == 0)
		rc = nvb_processes_check(t->c->init, t->pids, t->pid_count, err);
	if (rc == 0)
		rc = preflight(t, &report, err);
	if (rc == 0 && nvb_preflight_fails(&report))
		rc = nvb_preflight_refuse(&report, err);
	if (rc == 0)
		rc = nvb_externals_make(t->c->entry->run, t->c->init,
			t->c->definition->spec.network == NVB_NETWORK_BRIDGE, &t->externals, err);
	return rc;
}

static int begin_snapshot(struct taking *t, nvb_error **err)
{
	const struct nvb_snapshot_options options = {.key_file = t->c->key_file};
	int rc = nvb_snapshot_begin(&t->store, t->c->entry->id, &options, &t->writer, err);

	if (rc < 0)
		return rc;
	t->directory = nvb_state_join(t->c->entry->data, NVB_CHECKPOINT_IMAGES);
	if (!t->directory)
		return nvb_fail_oom(err);
	rc = nvb_file_remove_tree(AT_FDCWD, t->directory, err);
	if (rc == 0 && mkdir(t->directory, 0700) < 0)
		rc = nvb_fail_errno(err, errno, "%s", t->directory);
	if (rc < 0)
		return rc;
	t->images = open(t->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t->images < 0 ? nvb_fail_errno(err, errno, "%s", t->directory) : 0;
}

static int capture(struct taking *t, nvb_error **err)
{
	size_t captured;
	int rc;

	if (!t->inventory)
		return 0;
	rc = nvb_gpu_state_open(t->inventory, NULL, &t->gpu, err);
	if (rc < 0)
		return rc;
	rc = nvb_state_capture(t->gpu, t->pids, t->pid_count, &captured, &t->captured, err);
	/* Also where that failed: what it could not undo is tried again. */
	if (rc == 0)
		rc = nvb_describe_processes(&t->description, t->gpu, t->pids, t->pid_count, err);
	return rc;
}

static int freeze(struct taking *t, nvb_error **err)
{
	int rc;

	t->frozen = true;
	rc = nvb_freezer_freeze(t->freezer, err);
	/* Whoever came meanwhile may have opened the GPU anew. */
	if (rc == 0)
		rc = list_pids(t, err);
	if (rc == 0)
		rc = nvb_processes_check(t->c->init, t->pids, t->pid_count, err);
	t->memory = nvb_processes_memory(t->pids, t->pid_count);
	if (rc == 0)
		rc = nvb_describe_details(&t->description, t->c, t->inventory, t->pids, t->pid_count, err);
	return rc;
}

/* As OCI runtimes write it, and read it when they restore: which of the pipes are the container's streams. */
static int write_descriptors(struct taking *t, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_state_join(t->c->entry->run, "record"), *record = NULL;
	static const char *const keys[] = {"stdin", "stdout", "stderr"};
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	int rc =
		path ? nvb_file_read(AT_FDCWD, path, NVB_RECORD_MOST, &record, NULL, err) : nvb_fail_oom(err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < NVB_ELEMENTS(keys); i++) {
		_cleanup_free_ char *inode = nvb_record_value(record, keys[i]);

		nvb_sb_add(&text, i ? "," : "[");
		if (inode && *inode && !t->c->definition->spec.terminal)
			nvb_sb_addf(&text, "\"pipe:[%s]\"", inode);
		else
			nvb_sb_add(&text, "\"/dev/null\"");
	}
	nvb_sb_addc(&text, ']');
	return text.failed
		       ? nvb_fail_oom(err)
		       : nvb_file_write_unflushed(t->images, "descriptors.json", text.s, text.len, 0600, err);
}

static int take_files(struct taking *t, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_state_join(t->c->entry->data, "upper");
	_cleanup_close_ int fd = -1;

	if (t->c->definition->spec.read_only)
		return 0;
	if (!path)
		return nvb_fail_oom(err);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	return nvb_snapshot_add_tree(t->writer, NVB_CHECKPOINT_UPPER, fd, err);
}

static int commit(struct taking *t, nvb_error **err)
{
	int rc = nvb_describe_capsule(&t->description, t->c, t->inventory, &t->criu, err);

	if (rc == 0)
		rc = nvb_snapshot_commit(t->writer, &t->description.manifest, t->id, err);
	t->committed = rc == 0;
	return rc;
}

/* All that comes behind CRIU; within it where it ends the processes, which must not be before the commit. */
static int complete(struct taking *t, nvb_error **err)
{
	int rc = write_descriptors(t, err);

	if (rc == 0)
		rc = nvb_snapshot_follow_end(t->writer, err);
	if (rc == 0)
		rc = tell(t, "files", 0, 0, err);
	if (rc == 0)
		rc = take_files(t, err);
	if (rc == 0)
		rc = tell(t, "commit", 0, 0, err);
	return rc < 0 ? rc : commit(t, err);
}

static int complete_within(void *data, nvb_error **err)
{
	return complete(data, err);
}

/* It cannot be broken off in there: a CRIU that is killed may leave the processes in the middle. */
static void working(void *data)
{
	struct taking *t = data;

	if (t->c->progress)
		t->c->progress(t->c->data, "processes", nvb_snapshot_written(t->writer), t->memory);
}

static int dump(struct taking *t, nvb_error **err)
{
	/* A connection that is ended by CRIU is kept silent until it is restored; ended by us it is closed.
	 */
	bool within = t->c->tcp && !t->c->leave_running;
	const struct nvb_criu_dump request = {
		.criu = t->criu.path,
		.pid = t->c->init,
		.images = t->images,
		.work = t->images,
		.leave_running = !within,
		.tcp = t->c->tcp,
		.freezer = t->freezer,
		.externals = t->externals,
		.dumped = within ? complete_within : NULL,
		.working = working,
		.data = t,
	};
	int rc = nvb_snapshot_follow(t->writer, NVB_CHECKPOINT_PROCESSES, t->images, err);

	if (rc == 0)
		rc = nvb_criu_dump(&request, err);
	/* It was committed: whatever it failed in later, the processes are gone or about to be. */
	if (rc < 0 && t->committed) {
		nvb_error_free(err ? NVB_TAKE_PTR(*err) : NULL);
		return 0;
	}
	return rc < 0 || within ? rc : complete(t, err);
}

static const struct {
	const char *name;
	int (*take)(struct taking *t, nvb_error **err);
} steps[] = {
	{"look", look},
	/* Before the writer has threads: the driver's helper may be a fork of this process. */
	{"gpu", capture},
	{"begin", begin_snapshot},
	{"freeze", freeze},
	{"processes", dump},
};

/* The state of GPUs back into them. */
static int give_back(struct taking *t, nvb_error **err)
{
	/* Whose processes cannot be listed has none. */
	if (list_pids(t, NULL) < 0)
		return 0;
	return nvb_state_restore_surely(t->gpu, t->pids, t->pid_count, NULL, 0, err);
}

/* From behind. Returns `why`, or what could not be undone. */
static int run_on(struct taking *t, int why, nvb_error **err)
{
	_cleanup_error_ nvb_error *error = NULL;
	int rc = 0;

	if (t->frozen)
		rc = nvb_freezer_thaw(t->freezer, &error);
	if (rc == 0 && t->captured)
		rc = give_back(t, &error);
	if (rc == 0)
		return why;
	if (why < 0)
		return nvb_wrap(err, why, "not all could be undone (%s)", nvb_error_message(error));
	nvb_error_move(err, NVB_TAKE_PTR(error));
	return nvb_wrap(err, rc, "the snapshot was taken, but the capsule does not run on");
}

static void release(struct taking *t)
{
	nvb_snapshot_writer_free(t->writer);
	if (t->directory)
		nvb_file_remove_tree(AT_FDCWD, t->directory, NULL);
	nvb_closep(&t->images);
	nvb_snapshots_close(&t->store);
	nvb_gpu_state_close(t->gpu);
	nvb_inventory_free(t->inventory);
	nvb_criu_release(&t->criu);
	nvb_description_release(&t->description);
	nvb_strv_free(t->externals);
	free(t->pids);
	free(t->freezer);
	free(t->directory);
}

static void forget_mark(const struct nvb_entry *entry)
{
	_cleanup_free_ char *path = nvb_state_join(entry->run, NVB_CHECKPOINT_MARK);

	if (path)
		unlink(path);
}

int nvb_checkpoint_take(const struct nvb_checkpoint *checkpoint, nvb_snapshot_id *id, nvb_error **err)
{
	_cleanup_(release) struct taking t = {.c = checkpoint, .images = -1, .store = {.fd = -1}, .id = id};
	int rc = write_mark(checkpoint->entry, err);

	if (rc == 0)
		rc = find_means(&t, err);
	if (rc == 0)
		rc = open_store(&t, err);
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(steps); i++) {
		if (steps[i].take != capture || t.inventory)
			rc = tell(&t, steps[i].name, 0, 0, err);
		if (rc == 0)
			rc = steps[i].take(&t, err);
	}
	if (rc == 0 && !checkpoint->leave_running)
		return 0;
	nvb_snapshot_writer_free(NVB_TAKE_PTR(t.writer));
	tell(&t, "resume", 0, 0, NULL);
	rc = run_on(&t, rc, err);
	forget_mark(checkpoint->entry);
	return rc;
}

/* Who takes the snapshot, if that process lives. */
static pid_t worker_of(const struct nvb_entry *entry, uint64_t *started)
{
	_cleanup_free_ char *path = nvb_state_join(entry->run, NVB_CHECKPOINT_MARK), *text = NULL;
	int pid;

	if (!path || nvb_file_read(AT_FDCWD, path, 64, &text, NULL, NULL) < 0 ||
		sscanf(text, "%d %" SCNu64, &pid, started) != 2 || pid <= 1 || pid == getpid())
		return 0;
	return nvb_proc_is_alive(pid, *started) ? pid : 0;
}

int nvb_checkpoint_check(
	const struct nvb_checkpoint *checkpoint, struct nvb_preflight_report *report, nvb_error **err)
{
	_cleanup_(release) struct taking t = {.c = checkpoint, .images = -1, .store = {.fd = -1}};
	_cleanup_free_ char *supervisor = nvb_entry_value(checkpoint->entry, "pid");
	uint64_t started;
	int rc;

	/* CRIU is in the processes then, and what is found would be of that. */
	if (worker_of(checkpoint->entry, &started))
		return nvb_fail(err, NVB_ERR_BUSY, "a snapshot of the capsule is being taken");
	rc = find_means(&t, err);
	if (rc == 0)
		rc = open_store(&t, err);
	t.foreground = !checkpoint->entry->detached;
	t.supervisor = supervisor ? (pid_t)strtol(supervisor, NULL, 10) : 0;
	t.paused = nvb_entry_is(checkpoint->entry, "paused");
	return rc < 0 ? rc : preflight(&t, report, err);
}

/* Repairing. */

int nvb_checkpoint_repair(const struct nvb_checkpoint *checkpoint, nvb_error **err)
{
	_cleanup_(release) struct taking t = {.c = checkpoint, .images = -1, .store = {.fd = -1}};
	uint64_t started = 0;
	pid_t worker = worker_of(checkpoint->entry, &started);
	int rc;

	if (worker > 0)
		nvb_processes_end(worker, started);
	rc = find_means(&t, err);
	if (rc < 0)
		return rc;
	/* CRIU goes on without whoever started it, until it has nobody to tell; then it lets go. */
	nvb_processes_untrace(t.pids, t.pid_count);
	/* It may be large, and the capsule's last. */
	if (open_store(&t, NULL) == 0)
		nvb_snapshots_sweep(&t.store, checkpoint->entry->id, NULL);
	t.frozen = true;
	t.directory = nvb_state_join(checkpoint->entry->data, NVB_CHECKPOINT_IMAGES);
	if (t.inventory) {
		rc = nvb_gpu_state_open(t.inventory, NULL, &t.gpu, err);
		t.captured = rc == 0;
	}
	if (rc == 0)
		rc = run_on(&t, 0, err);
	else
		run_on(&t, 0, NULL);
	if (rc == 0)
		forget_mark(checkpoint->entry);
	return rc;
}
