/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/bring.h"
#include "capsule/capsules.h"
#include "capsule/lifecycle.h"
#include "capsule/record.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/criu.h"
#include "checkpoint/describe.h"
#include "checkpoint/gpu_map.h"
#include "checkpoint/images.h"
#include "checkpoint/preflight_private.h"
#include "checkpoint/unpack.h"
#include "inventory/inventory.h"
#include "supervisor/starter.h"
#include "supervisor/supervisor.h"

/* From a snapshot to a capsule that runs: all until its supervisor starts it. */

struct bringing {
	const struct nvb_run_host *host;
	const struct nvb_state *state;
	const struct nvb_restore *restore;
	struct nvb_snapshots store;
	nvb_snapshot *snapshot;
	const struct nvb_snapshot_manifest *manifest; /* until all is unpacked */
	size_t processes;			      /* that have a state of GPUs in them */
	struct nvb_details details;
	struct nvb_criu criu;
	struct nvb_capsule_definition definition;
	struct nvb_inventory *inventory;
	struct nvb_gpu_map map;
	char id[NVB_CAPSULE_ID + 1];
	bool made;  /* a new capsule, which goes if this fails */
	char *data; /* the capsule's directory */
	struct nvb_unpacking unpacking;
	int whole;  /* our end: what says so of the images */
	int report; /* of the start that waits for them; -1: none does */
};

static struct bringing bringing(
	const struct nvb_run_host *host, const struct nvb_state *state, const struct nvb_restore *restore)
{
	return (struct bringing){
		.host = host,
		.state = state,
		.restore = restore,
		.store = {.fd = -1},
		.unpacking = NVB_UNPACKING_INIT,
		.whole = -1,
		.report = -1,
	};
}

static int tell(const struct bringing *b, const char *step, uint64_t done, uint64_t total)
{
	return b->restore->progress ? b->restore->progress(b->restore->data, step, done, total) : 0;
}

static bool has_failed(const struct bringing *b)
{
	struct pollfd said = {.fd = b->report, .events = POLLIN};

	return poll(&said, 1, 0) > 0;
}

static int unpacking(void *data, uint64_t done, uint64_t total)
{
	return tell(data, "unpack", done, total) || has_failed(data);
}

static int open_snapshot(struct bringing *b, nvb_error **err)
{
	const struct nvb_snapshot_options options = {
		.key_file = b->restore->key_file,
		.trust = b->restore->trust,
		.judge = b->restore->judge,
		.judge_data = b->restore->data,
		.progress = unpacking,
		.data = b,
	};
	int rc = nvb_snapshot_open(&b->store, b->restore->snapshot, &options, &b->snapshot, err);

	if (rc < 0)
		return rc;
	b->manifest = nvb_snapshot_manifest(b->snapshot);
	b->processes = b->manifest->process_count;
	rc = nvb_details_read(b->manifest->details, &b->details, err);
	if (rc == 0 && (!b->manifest->definition || !b->manifest->capsule))
		rc = nvb_fail(err, NVB_ERR_CORRUPT, "the snapshot does not say which capsule it is of");
	return rc;
}

/* Of the capsule itself what it is now counts (limits, restart policy), of a new one what it was. */
static int read_definition(struct bringing *b, nvb_error **err)
{
	nvb_capsule_definition_init(&b->definition);
	if (!b->restore->name)
		return nvb_capsule_definition_of(b->state, b->id, &b->definition, err);
	return nvb_definition_read(
		&b->definition, b->manifest->definition, strlen(b->manifest->definition), err);
}

static int find_capsule(struct bringing *b, nvb_error **err)
{
	_cleanup_capsule_info_ struct nvb_capsule_info info = {0};
	int rc;

	if (b->restore->name)
		return 0;
	if (!nvb_record_is_id(b->manifest->capsule))
		return nvb_fail(err, NVB_ERR_CORRUPT, "'%s' is no capsule's id", b->manifest->capsule);
	memcpy(b->id, b->manifest->capsule, sizeof(b->id));
	rc = nvb_capsule_info_of(b->state, b->id, &info, err);
	if (rc < 0)
		return nvb_hint(err, rc, "its capsule is not there any more; --name NEW makes one of it");
	if (info.state == NVB_CAPSULE_CREATED || info.state == NVB_CAPSULE_EXITED ||
		info.state == NVB_CAPSULE_DEAD)
		return 0;
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_CONFLICT, "capsule %s is running", info.name ? info.name : b->id),
		"stop it first, or restore into a new one: --name NEW");
}

/* Which hierarchies there are, and so which its processes are put into, stands in the images. */
static int check_cgroups(const struct bringing *b, nvb_error **err)
{
	unsigned here = nvb_details_cgroup();

	if (!b->details.cgroup || b->details.cgroup == here)
		return 0;
	return nvb_fail(err, NVB_ERR_UNSUPPORTED,
		"the snapshot was taken with control groups of version %u, and this host has version %u",
		b->details.cgroup, here);
}

/* The files below its own must be those that its processes know. */
static int check_image(const struct bringing *b, nvb_error **err)
{
	struct nvb_image image;
	int rc = nvb_image_bring(b->host, &b->definition.spec, &image, err);

	if (rc < 0)
		return rc;
	if (b->manifest->image_digest && !nvb_streq0(image.id, b->manifest->image_digest))
		rc = nvb_hint(err,
			nvb_fail(err, NVB_ERR_CONFLICT,
				"image %s is another one here (%s) than in the snapshot (%s)",
				b->definition.spec.image, image.id ? image.id : "a directory",
				b->manifest->image_digest),
			"'bolt image pull' it by its digest, or tag that one by this name");
	nvb_image_close(&image);
	return rc;
}

static int map_gpus(struct bringing *b, nvb_error **err)
{
	int rc = 0;

	if (b->details.gpus || b->manifest->gpu_count || b->processes)
		rc = nvb_inventory_load(b->host->inventory, &b->inventory, err);
	if (rc == 0)
		rc = nvb_gpu_map_make(&b->map, b->host, b->manifest, b->inventory, b->restore->gpu_map,
			&b->definition, err);
	return rc;
}

static int preflight(
	const struct bringing *b, const char *place, struct nvb_preflight_report *report, nvb_error **err)
{
	_cleanup_free_ struct nvb_preflight_gpu *gpus = calloc(b->map.count + 1, sizeof(*gpus));
	struct nvb_preflight_snapshot snapshot = {
		.inventory = b->inventory,
		.driver = b->inventory && b->manifest->process_count ? b->manifest->driver : NULL,
		.gpus = gpus,
		.gpu_count = b->manifest->process_count ? b->map.count : 0,
		.place = place,
		.files = b->details.files,
		.criu = {.path = b->criu.path,
			.problem = b->criu.problem,
			.major = b->criu.major,
			.minor = b->criu.minor},
	};

	if (!gpus)
		return nvb_fail_oom(err);
	if (b->manifest->criu)
		sscanf(b->manifest->criu, "%u.%u", &snapshot.criu_major, &snapshot.criu_minor);
	for (size_t i = 0; i < b->map.count; i++)
		gpus[i] = (struct nvb_preflight_gpu){.uuid = b->map.pairs[i].from,
			.chip = b->manifest->gpus[i].chip,
			.target = b->map.changes ? b->map.pairs[i].to : NULL};
	for (size_t i = 0; i < b->manifest->tree_count; i++) {
		const struct nvb_snapshot_tree *tree = &b->manifest->trees[i];
		bool processes = nvb_streq0(tree->name, NVB_CHECKPOINT_PROCESSES);

		if (processes)
			snapshot.memory = tree->bytes;
		if (!processes || !nvb_images_fit_memory(tree->bytes))
			snapshot.disk += tree->bytes;
	}
	return nvb_preflight_restore(&snapshot, report, err);
}

static int refuse_what_fails(const struct bringing *b, const char *place, nvb_error **err)
{
	_cleanup_preflight_ struct nvb_preflight_report report = {0};
	int rc = preflight(b, place, &report, err);

	return rc == 0 && nvb_preflight_fails(&report) ? nvb_preflight_refuse(&report, err) : rc;
}

static int make_capsule(struct bringing *b, nvb_error **err)
{
	int rc = 0;

	if (b->restore->name) {
		rc = nvb_spec_set_name(&b->definition.spec, b->restore->name, err);
		if (rc == 0)
			rc = nvb_capsule_create(b->host, b->state, &b->definition, b->id, err);
		b->made = rc == 0;
	}
	if (rc == 0 && asprintf(&b->data, "%s/capsules/%s", b->state->data, b->id) < 0) {
		b->data = NULL;
		rc = nvb_fail_oom(err);
	}
	return rc;
}

static void close_snapshot(struct bringing *b)
{
	nvb_snapshot_close(NVB_TAKE_PTR(b->snapshot));
	b->manifest = NULL;
	nvb_snapshots_close(&b->store);
}

/* In the supervisor. With the snapshot nobody could remove that, with our end nobody would learn that we have
 * been killed. */
static void leave(void *data)
{
	struct bringing *b = data;

	close_snapshot(b);
	nvb_closep(&b->whole);
}

/* Beside a start, which has enough to do before it needs them. *failed: that had failed before. */
static int bring_images(struct bringing *b, bool *failed, nvb_error **err)
{
	int rc = nvb_unpack_images(&b->unpacking, b->snapshot, b->id, err);

	close_snapshot(b);
	/* A start that hears that they will never be whole fails of that. */
	*failed = has_failed(b);
	if (rc == 0 && write(b->whole, "", 1) != 1)
		rc = nvb_fail_errno(err, errno, "saying that CRIU's images are whole");
	/* Whoever has it last takes the directory away, and need not be who is waited for. */
	nvb_closep(&b->whole);
	nvb_closep(&b->unpacking.images);
	return rc;
}

/* A start that waits for the images and one that has failed meanwhile, by whichever came first. */
static int finish(struct bringing *b, struct nvb_capsule_start *begun, nvb_error **err)
{
	nvb_error *why = NULL;
	int status, rc, unpacked;
	bool failed;

	b->report = begun->report;
	unpacked = bring_images(b, &failed, &why);
	b->report = -1;
	tell(b, "restore", 0, 0);
	rc = nvb_capsule_start_finish(begun, &status, unpacked < 0 && !failed ? NULL : err);
	if (unpacked < 0 && !failed) {
		nvb_error_move(err, why);
		return unpacked;
	}
	nvb_error_free(why);
	return rc;
}

static int start(struct bringing *b, nvb_error **err)
{
	int whole[2];
	struct nvb_restoring restoring = {
		.directory = b->unpacking.directory,
		.images = b->unpacking.images,
		.large = b->unpacking.large,
		.criu = b->criu.path,
		.criu_version = b->criu.version,
		.lock = b->unpacking.lock,
		.tcp = b->details.tcp,
		.gpus = b->processes,
		.pairs = b->map.changes ? b->map.pairs : NULL,
		.pair_count = b->map.changes ? b->map.count : 0,
	};
	const struct nvb_supervisor_start how = {
		.attached = -1,
		.restoring = &restoring,
		.keeps = b->restore->keeps,
		.keeps_key = b->restore->keeps ? b->restore->key_file : NULL,
		.leave = leave,
		.data = b,
	};
	struct nvb_capsule_start begun;
	int rc;

	if (pipe2(whole, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "restoring");
	restoring.whole = whole[0];
	b->whole = whole[1];
	rc = nvb_capsule_start_how(b->host, b->state, b->id, &how, &begun, err);
	if (rc == 0)
		rc = finish(b, &begun, err);
	/* Not before: what is written without a reader is a signal. */
	close(whole[0]);
	return rc;
}

/* A definition with other GPUs is written before the start and taken back when that fails. */
static int start_redefined(struct bringing *b, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition before = {0};
	int rc;

	if (b->made || !b->map.redefined)
		return start(b, err);
	nvb_capsule_definition_init(&before);
	rc = nvb_definition_load(&before, b->data, err);
	if (rc == 0)
		rc = nvb_definition_save(&b->definition, b->data, true, err);
	if (rc < 0)
		return rc;
	rc = start(b, err);
	if (rc < 0)
		nvb_definition_save(&before, b->data, true, NULL);
	return rc;
}

static void release(struct bringing *b)
{
	close_snapshot(b);
	nvb_details_release(&b->details);
	nvb_criu_release(&b->criu);
	nvb_capsule_definition_release(&b->definition);
	nvb_inventory_free(b->inventory);
	nvb_gpu_map_release(&b->map);
	nvb_unpacking_release(&b->unpacking);
	free(b->data);
	nvb_closep(&b->whole);
}

int nvb_checkpoint_restore(const struct nvb_run_host *host, const struct nvb_state *state,
	const struct nvb_restore *restore, char id[static NVB_CAPSULE_ID + 1], nvb_error **err)
{
	_cleanup_(release) struct bringing b = bringing(host, state, restore);
	_cleanup_free_ char *path = nvb_snapshots_default_path(state->data);
	int rc;

	if (state->rootless)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "CRIU restores processes for root alone");
	tell(&b, "look", 0, 0);
	rc = path ? nvb_snapshots_open(&b.store, path, err) : nvb_fail_oom(err);
	if (rc == 0)
		rc = open_snapshot(&b, err);
	if (rc == 0)
		rc = find_capsule(&b, err);
	if (rc == 0)
		rc = read_definition(&b, err);
	if (rc == 0)
		rc = nvb_criu_find(host->criu, state->run, &b.criu, err);
	if (rc == 0)
		rc = nvb_criu_require(&b.criu, err);
	if (rc == 0)
		rc = check_cgroups(&b, err);
	if (rc == 0)
		rc = check_image(&b, err);
	if (rc == 0)
		rc = map_gpus(&b, err);
	if (rc == 0)
		rc = refuse_what_fails(&b, state->data, err);
	if (rc == 0)
		rc = make_capsule(&b, err);
	if (rc == 0)
		rc = nvb_unpack_files(&b.unpacking, b.snapshot, b.data, err);
	if (rc == 0)
		rc = start_redefined(&b, err);
	if (rc < 0 && b.made)
		nvb_capsule_remove(host, state, b.id, true, NULL);
	if (rc == 0)
		memcpy(id, b.id, sizeof(b.id));
	return rc;
}

/* Only looking. */

/* What ends a restore is a finding of a look at it. */
static void find(struct nvb_preflight_report *report, const char *id, bool fatal, nvb_error *why)
{
	nvb_preflight_find(
		report, id, 0, fatal, "%s", why ? nvb_error_message(why) : "it could not be looked at");
	nvb_error_free(why);
}

static void see_capsule(struct bringing *b, struct nvb_preflight_report *report)
{
	nvb_error *why = NULL;
	char taken[NVB_CAPSULE_ID + 1];

	if (find_capsule(b, &why) < 0)
		find(report, "capsule", true, why);
	if (b->restore->name && nvb_capsule_find(b->state, b->restore->name, taken, NULL) == 0)
		nvb_preflight_find(
			report, "capsule", 0, true, "there is a capsule '%s' already", b->restore->name);
}

/* One that would be fetched is none that fails. */
static void see_image(struct bringing *b, struct nvb_preflight_report *report)
{
	bool fetched = b->definition.spec.pull != NVB_PULL_NEVER;
	nvb_error *why = NULL;
	int rc;

	b->definition.spec.pull = NVB_PULL_NEVER;
	rc = check_image(b, &why);
	if (rc < 0)
		find(report, "image", rc == -NVB_ERR_CONFLICT || !fetched, why);
}

static void see_gpus(struct bringing *b, struct nvb_preflight_report *report)
{
	nvb_error *why = NULL;
	int rc = map_gpus(b, &why);

	if (rc < 0)
		find(report, rc == -NVB_ERR_UNSUPPORTED ? "chip-differs" : "gpu-gone", true, why);
}

int nvb_checkpoint_check_restore(const struct nvb_run_host *host, const struct nvb_state *state,
	const struct nvb_restore *restore, struct nvb_preflight_report *report, nvb_error **err)
{
	_cleanup_(release) struct bringing b = bringing(host, state, restore);
	_cleanup_free_ char *path = nvb_snapshots_default_path(state->data);
	nvb_error *why = NULL;
	int rc;

	if (state->rootless)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "CRIU restores processes for root alone");
	rc = path ? nvb_snapshots_open(&b.store, path, err) : nvb_fail_oom(err);
	if (rc == 0)
		rc = open_snapshot(&b, err);
	if (rc < 0)
		return rc;
	see_capsule(&b, report);
	/* Of a capsule that is gone there is what the snapshot says. */
	if (read_definition(&b, NULL) < 0) {
		nvb_capsule_definition_release(&b.definition);
		nvb_capsule_definition_init(&b.definition);
		rc = nvb_definition_read(
			&b.definition, b.manifest->definition, strlen(b.manifest->definition), err);
	}
	if (rc == 0)
		rc = nvb_criu_find(host->criu, state->run, &b.criu, err);
	if (rc < 0)
		return rc;
	if (check_cgroups(&b, &why) < 0)
		find(report, "control-groups", true, why);
	see_image(&b, report);
	see_gpus(&b, report);
	return preflight(&b, state->data, report, err);
}
