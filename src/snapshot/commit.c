/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/file.h"
#include "snapshot/hash.h"
#include "snapshot/reader.h"
#include "snapshot/writer.h"

/*
 * Making a snapshot visible. All of its files are flushed, then the directory, then it is renamed and the
 * capsule's directory flushed: whoever sees the name after a crash sees all of it.
 *
 * What a flush costs is the journal's commit. So the content of all files is brought to the disk first,
 * without one; the first flush then commits for all, and those behind it find nothing to do.
 */

static int fail_committing(nvb_error **err, int sys)
{
	return nvb_fail_errno(err, sys, "writing the snapshot");
}

/* What could not be written is said once: the flush behind this would not be told of it again. That a file
 * system cannot do it is no failure. */
static int push_content(int fd)
{
	int rc = sync_file_range(
		fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);

	return rc < 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT) ? -1 : 0;
}

static int for_file(nvb_snapshot_writer *w, const char *name, int (*each)(int), nvb_error **err)
{
	_cleanup_close_ int fd = openat(w->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 || each(fd) < 0 ? fail_committing(err, errno) : 0;
}

static int for_packs(nvb_snapshot_writer *w, int (*each)(int), nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < w->index.pack_count; i++) {
		char name[NVB_PACK_NAME + 1];

		nvb_pack_name(w->index.packs[i].id, name);
		if (!w->earlier[i].stored)
			rc = for_file(w, name, each, err);
	}
	return rc;
}

static int flush_all(nvb_snapshot_writer *w, nvb_error **err)
{
	static const char *const files[] = {NVB_INDEX_FILE, NVB_MANIFEST_FILE, NVB_SIGNATURE_FILE};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(files); i++)
		rc = for_file(w, files[i], push_content, err);
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(files); i++)
		rc = for_file(w, files[i], fsync, err);
	if (rc == 0)
		rc = for_packs(w, fsync, err);
	return rc == 0 && fsync(w->fd) < 0 ? fail_committing(err, errno) : rc;
}

/* The number of the new one, and which one was before it. */
static int number_it(nvb_snapshot_writer *w, const struct nvb_snapshots *store, uint64_t *number,
	char *parent, nvb_error **err)
{
	struct nvb_snapshot_info *list = NULL;
	size_t count = 0;
	int rc = nvb_snapshots_list_lean(store, w->capsule, &list, &count, err);

	*number = 1;
	for (size_t i = 0; rc == 0 && i < count; i++)
		if (nvb_streq0(list[i].manifest.capsule, w->capsule) && list[i].manifest.number >= *number &&
			list[i].manifest.number < UINT64_MAX) {
			*number = list[i].manifest.number + 1;
			memcpy(parent, list[i].id.text, NVB_SNAPSHOT_ID + 1);
		}
	nvb_snapshot_infos_free(list, count);
	return rc;
}

static int make_id(nvb_snapshot_id *id, nvb_error **err)
{
	uint8_t random[NVB_SNAPSHOT_ID / 2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return nvb_fail_errno(err, errno, "random numbers");
	nvb_put_hex(id->text, random, sizeof(random));
	return 0;
}

static void count_sizes(const nvb_snapshot_writer *w, struct nvb_snapshot_manifest *m)
{
	m->bytes = atomic_load(&w->bytes);
	m->zero_bytes = atomic_load(&w->zero_bytes);
	m->chunks = w->chunks;
	m->new_chunks = m->new_stored = m->stored = 0;
	for (size_t i = 0; i < w->index.pack_count; i++) {
		if (w->earlier[i].stored) {
			m->stored += w->earlier[i].used_bytes;
			continue;
		}
		m->new_chunks += w->index.packs[i].count;
		m->new_stored += w->index.packs[i].size;
	}
	m->stored += m->new_stored;
}

static int write_index(nvb_snapshot_writer *w, struct nvb_snapshot_manifest *m, nvb_error **err)
{
	_cleanup_free_ uint8_t *file = NULL;
	uint8_t hash[NVB_HASH];
	char hex[2 * NVB_HASH + 1];
	size_t size = 0;
	int rc = nvb_index_write(&w->index, &w->keys, &file, &size, err);

	if (rc < 0)
		return rc;
	nvb_sha256(file, size, hash);
	nvb_put_hex(hex, hash, NVB_HASH);
	m->index_size = size;
	m->index_hash = nvb_arena_strdup(&w->index.arena, hex);
	if (!m->index_hash)
		return nvb_fail_oom(err);
	return nvb_file_write_unflushed(w->fd, NVB_INDEX_FILE, file, size, 0600, err);
}

/* It must be readable again before anybody relies on it: the caller's JSON is in it. */
static int check_manifest(const struct nvb_strbuf *text, nvb_error **err)
{
	_cleanup_snapshot_manifest_ struct nvb_snapshot_manifest read = {0};
	int rc = nvb_snapshot_manifest_read(&read, text->s, text->len, err);

	return rc < 0 ? nvb_wrap(err, rc, "the snapshot's manifest") : 0;
}

static int write_manifest(nvb_snapshot_writer *w, const struct nvb_snapshot_manifest *m, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	char signature[NVB_SIGNATURE_MAX];
	int rc;

	nvb_snapshot_manifest_write(m, w->keys.encrypted ? NVB_MANIFEST_OPEN : NVB_MANIFEST_ALL, 0, &text);
	nvb_sb_addc(&text, '\n');
	if (text.failed)
		return nvb_fail_oom(err);
	rc = check_manifest(&text, err);
	if (rc < 0)
		return rc;
	nvb_sign(&w->signer, &w->keys, text.s, text.len, signature);
	rc = nvb_file_write_unflushed(w->fd, NVB_MANIFEST_FILE, text.s, text.len, 0600, err);
	if (rc == 0)
		rc = nvb_file_write_unflushed(
			w->fd, NVB_SIGNATURE_FILE, signature, strlen(signature), 0600, err);
	return rc;
}

/* The sealed half stands in the index. */
static int seal_manifest(nvb_snapshot_writer *w, const struct nvb_snapshot_manifest *m, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	int rc;

	if (!w->keys.encrypted || (!m->definition && !m->details))
		return 0;
	nvb_snapshot_manifest_write(m, NVB_MANIFEST_SEALED, 0, &text);
	if (text.failed)
		return nvb_fail_oom(err);
	rc = check_manifest(&text, err);
	if (rc < 0)
		return rc;
	w->index.sealed = nvb_arena_strdup(&w->index.arena, text.s);
	return w->index.sealed ? 0 : nvb_fail_oom(err);
}

/* With the capsule's lock: numbers are given one by one. */
static int publish(
	nvb_snapshot_writer *w, struct nvb_snapshot_manifest *m, nvb_snapshot_id *id, nvb_error **err)
{
	struct nvb_snapshots store = {.path = (char *)"snapshots", .fd = w->store};
	char parent[NVB_SNAPSHOT_ID + 1] = "";
	int rc = number_it(w, &store, &m->number, parent, err);

	m->parent = *parent ? parent : NULL;
	if (rc == 0)
		rc = write_manifest(w, m, err);
	if (rc == 0)
		rc = flush_all(w, err);
	if (rc < 0)
		return rc;
	if (renameat2(w->capsule_fd, w->temporary, w->capsule_fd, id->text, RENAME_NOREPLACE) < 0)
		return fail_committing(err, errno);
	/* It is there now: what fails from here on takes nothing away. The capsule's directory is new with
	 * its first snapshot. */
	free(NVB_TAKE_PTR(w->temporary));
	if (fsync(w->capsule_fd) < 0 || (m->number == 1 && fsync(w->store) < 0))
		return fail_committing(err, errno);
	return 0;
}

static void describe(const nvb_snapshot_writer *w, const nvb_snapshot_id *id, const struct utsname *name,
	struct nvb_snapshot_manifest *m)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	m->version = NVB_SNAPSHOT_VERSION;
	m->id = id->text;
	m->capsule = w->capsule;
	m->created = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	m->host = name->nodename;
	m->kernel = name->release;
	m->encryption = w->keys.encrypted ? NVB_ENCRYPTION : NULL;
	m->key_id = w->keys.encrypted ? w->keys.id : NULL;
	m->trees = (struct nvb_snapshot_tree *)w->trees;
	m->tree_count = w->index.tree_count;
	count_sizes(w, m);
}

static int settle(nvb_snapshot_writer *w, nvb_error **err)
{
	int rc = nvb_workers_drain(w, err);

	if (rc == 0)
		rc = nvb_earlier_settle(w, err);
	if (rc == 0)
		rc = nvb_workers_end_packs(w, err);
	return rc < 0 ? rc : for_packs(w, push_content, err);
}

int nvb_snapshot_commit(nvb_snapshot_writer *w, const struct nvb_snapshot_manifest *manifest,
	nvb_snapshot_id *id, nvb_error **err)
{
	struct nvb_snapshot_manifest m = *manifest;
	nvb_snapshot_id new_id;
	struct utsname name;
	int rc;

	if (w->followed || !w->temporary)
		return nvb_fail(err, NVB_ERR_INVALID, "%s",
			w->followed ? "a directory is still being followed" : "it was committed already");
	if (uname(&name) < 0)
		return nvb_fail_errno(err, errno, "uname");
	rc = make_id(&new_id, err);
	if (rc == 0)
		rc = settle(w, err);
	if (rc < 0)
		return rc;
	describe(w, &new_id, &name, &m);
	rc = seal_manifest(w, &m, err);
	if (rc == 0)
		rc = write_index(w, &m, err);
	if (rc < 0)
		return rc;
	nvb_flock(w->capsule_fd, LOCK_EX);
	rc = publish(w, &m, &new_id, err);
	nvb_flock(w->capsule_fd, LOCK_UN);
	if (rc == 0 && id)
		*id = new_id;
	return rc;
}
