/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

#include "snapshot/reader.h"

/* Reads everything. Manifest, signature and index were held against each other when it was opened. */

struct verifying {
	nvb_snapshot *snapshot;
	struct nvb_pack_reader *packs;
	struct nvb_placements placements;
	nvb_snapshot_report report;
	void *data;
	pthread_mutex_t lock;
	nvb_error *first;
};

/* Tells of it, keeps the first. Takes it over. */
static void note(struct verifying *v, nvb_error *error)
{
	pthread_mutex_lock(&v->lock);
	if (v->report)
		v->report(v->data, nvb_error_message(error));
	if (v->first)
		nvb_error_free(error);
	else
		v->first = error;
	pthread_mutex_unlock(&v->lock);
}

static bool wants(void *data, uint32_t pack, uint32_t chunk)
{
	(void)data;
	(void)pack;
	(void)chunk;
	return true;
}

static int bad(void *data, uint32_t pack, uint32_t chunk, const char *why, nvb_error **err)
{
	struct verifying *v = data;
	nvb_error *error = NULL;

	(void)err;
	nvb_fail_chunk(v->snapshot, &v->packs[pack], chunk, nvb_placements_find(&v->placements, pack, chunk),
		why, &error);
	note(v, error);
	return 0;
}

/* Each by itself: one that is missing does not hide what is wrong with the others. */
static int open_packs(struct verifying *v, nvb_error **err)
{
	nvb_snapshot *s = v->snapshot;

	v->packs = calloc(s->index.pack_count + 1, sizeof(*v->packs));
	if (!v->packs)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < s->index.pack_count; i++)
		v->packs[i].fd = -1;
	for (size_t i = 0; i < s->index.pack_count; i++) {
		nvb_error *error = NULL;
		int rc = nvb_pack_open(&v->packs[i], s->fd, &s->index.packs[i], &s->keys, &error);

		if (rc == -NVB_ERR_NO_MEMORY) {
			nvb_error_move(err, error);
			return rc;
		}
		if (rc < 0) {
			nvb_wrap(&error, rc, "snapshot %s", s->id.text);
			note(v, error);
		}
	}
	return 0;
}

static bool is_expected(const nvb_snapshot *s, const char *name)
{
	static const char *const files[] = {NVB_MANIFEST_FILE, NVB_SIGNATURE_FILE, NVB_INDEX_FILE, ".", ".."};

	for (size_t i = 0; i < NVB_ELEMENTS(files); i++)
		if (nvb_streq(name, files[i]))
			return true;
	for (size_t i = 0; i < s->index.pack_count; i++) {
		char pack[NVB_PACK_NAME + 1];

		nvb_pack_name(s->index.packs[i].id, pack);
		if (nvb_streq(name, pack))
			return true;
	}
	return false;
}

/* What nothing speaks of was not written by us. */
static int look_for_others(struct verifying *v, nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(v->snapshot->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return nvb_fail_errno(err, errno, "snapshot %s", v->snapshot->id.text);
	while ((entry = readdir(dir))) {
		nvb_error *error = NULL;

		if (is_expected(v->snapshot, entry->d_name))
			continue;
		nvb_fail(&error, NVB_ERR_CORRUPT, "snapshot %s: %s: not a file of this snapshot",
			v->snapshot->id.text, entry->d_name);
		note(v, error);
	}
	return 0;
}

static int verify(struct verifying *v, nvb_error **err)
{
	nvb_snapshot *s = v->snapshot;
	struct nvb_scan scan = {.snapshot = s, .wants = wants, .bad = bad, .data = v};
	int rc = nvb_placements_name(&v->placements, s) ? look_for_others(v, err) : nvb_fail_oom(err);

	if (rc == 0)
		rc = open_packs(v, err);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; rc == 0 && !v->first && i < s->index.tree_count; i++)
		rc = nvb_placements_add(&v->placements, s, v->packs, i, err);
	nvb_placements_sort(&v->placements);
	for (size_t i = 0; i < s->index.pack_count; i++)
		scan.total += v->packs[i].table_at;
	scan.packs = v->packs;
	return rc < 0 ? rc : nvb_scan_packs(&scan, err);
}

int nvb_snapshot_verify(nvb_snapshot *s, nvb_snapshot_report report, void *data, nvb_error **err)
{
	struct verifying v = {
		.snapshot = s, .report = report, .data = data, .lock = PTHREAD_MUTEX_INITIALIZER};
	int rc = nvb_snapshot_need_content(s, err);

	if (rc == 0)
		rc = verify(&v, err);
	if (rc == 0 && v.first) {
		rc = -NVB_ERR_CORRUPT;
		nvb_error_move(err, NVB_TAKE_PTR(v.first));
	}
	nvb_error_free(v.first);
	nvb_placements_release(&v.placements);
	nvb_packs_close(s, v.packs);
	return rc;
}
