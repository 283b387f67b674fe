/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "snapshot/hash.h"
#include "snapshot/reader.h"

/* Opening one. */

static int read_file(int dirfd, const char *name, size_t max, char **data, size_t *size, nvb_error **err)
{
	_cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return errno == ENOENT || errno == ELOOP
			       ? nvb_fail(err, NVB_ERR_CORRUPT, "%s: the file is missing", name)
			       : nvb_fail_errno(err, errno, "%s", name);
	return nvb_file_read_fd(fd, name, max, data, size, err);
}

struct front {
	char *manifest, *signature;
	size_t size;
};

static void release_front(struct front *front)
{
	free(front->manifest);
	free(front->signature);
}

static int read_front(int fd, struct front *front, nvb_error **err)
{
	size_t size = 0;
	int rc = read_file(fd, NVB_MANIFEST_FILE, NVB_MANIFEST_MAX, &front->manifest, &front->size, err);

	if (rc == 0)
		rc = read_file(fd, NVB_SIGNATURE_FILE, NVB_SIGNATURE_MAX, &front->signature, &size, err);
	if (rc == 0 && strlen(front->signature) != size)
		rc = nvb_fail(err, NVB_ERR_CORRUPT, "%s: not one", NVB_SIGNATURE_FILE);
	return rc;
}

static int parse_manifest(const struct front *front, struct nvb_snapshot_manifest *manifest, nvb_error **err)
{
	int rc = nvb_snapshot_manifest_read(manifest, front->manifest, front->size, err);

	if (rc < 0)
		return nvb_wrap(err, rc, "%s", NVB_MANIFEST_FILE);
	if (!manifest->version || !manifest->id || !manifest->capsule || !manifest->index_hash ||
		!nvb_is_snapshot_id(manifest->id) || !nvb_is_snapshot_name(manifest->capsule))
		return nvb_fail(
			err, NVB_ERR_CORRUPT, "%s: it lacks what every snapshot says", NVB_MANIFEST_FILE);
	return 0;
}

int nvb_snapshot_load_manifest(int fd, const struct nvb_signer *signer,
	struct nvb_snapshot_manifest *manifest, bool *is_signed, nvb_error **err)
{
	static const struct nvb_keys none;
	_cleanup_(release_front) struct front front = {0};
	int rc = read_front(fd, &front, err);

	if (rc == 0)
		*is_signed = nvb_check_signature(signer, &none, front.manifest, front.size,
				     front.signature) == NVB_SIGNED_HERE;
	return rc < 0 ? rc : parse_manifest(&front, manifest, err);
}

/* Which key, before anything is held against it. */
static int check_key(nvb_snapshot *s, bool no_key, nvb_error **err)
{
	const struct nvb_snapshot_manifest *m = &s->manifest;

	if (!m->encryption) {
		s->keys.encrypted = false;
		return 0;
	}
	if (!nvb_streq(m->encryption, NVB_ENCRYPTION))
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "encrypted by '%s', which this bolt cannot read",
			m->encryption);
	if (s->keys.encrypted && !nvb_streq0(m->key_id, s->keys.id))
		return nvb_fail(err, NVB_ERR_PERMISSION, "encrypted with another key (%s, not %s)",
			m->key_id ?: "?", s->keys.id);
	if (!s->keys.encrypted && !no_key)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_PERMISSION, "the snapshot is encrypted"),
			"give its key with --key-file");
	s->locked_up = !s->keys.encrypted;
	return 0;
}

/* The host's half needs no key: what is damaged is called so before a key is asked for. */
static int check_host(
	nvb_snapshot *s, const struct nvb_snapshot_source *source, const struct front *front, nvb_error **err)
{
	static const struct nvb_keys none;

	s->is_signed = nvb_check_signature(source->signer, &none, front->manifest, front->size,
			       front->signature) == NVB_SIGNED_HERE;
	if (s->is_signed || source->trust)
		return 0;
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_PERMISSION,
			"%s: this host has not signed this manifest: it is damaged, or comes from elsewhere",
			NVB_SIGNATURE_FILE),
		"--trust takes it all the same: its processes will run here as what it says");
}

static int check_signature(
	nvb_snapshot *s, const struct nvb_snapshot_source *source, const struct front *front, nvb_error **err)
{
	if (s->locked_up || nvb_check_signature(source->signer, &s->keys, front->manifest, front->size,
				    front->signature) != NVB_SIGNED_WRONGLY)
		return 0;
	return nvb_fail(err, NVB_ERR_CORRUPT, "%s: the manifest is not the one that was signed with the key",
		NVB_SIGNATURE_FILE);
}

static int load_index(nvb_snapshot *s, nvb_error **err)
{
	_cleanup_free_ char *file = NULL;
	char hex[2 * NVB_HASH + 1];
	uint8_t hash[NVB_HASH];
	size_t size = 0;
	int rc = read_file(s->fd, NVB_INDEX_FILE, NVB_INDEX_MAX, &file, &size, err);

	if (rc < 0)
		return rc;
	nvb_sha256(file, size, hash);
	nvb_put_hex(hex, hash, NVB_HASH);
	if (size != s->manifest.index_size || !nvb_streq(hex, s->manifest.index_hash))
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s: it does not match its hash in the manifest",
			NVB_INDEX_FILE);
	if (s->locked_up)
		return 0;
	rc = nvb_index_read(&s->index, &s->keys, (uint8_t *)file, size, err);
	if (rc == 0 && s->index.sealed)
		rc = nvb_snapshot_manifest_read(&s->manifest, s->index.sealed, strlen(s->index.sealed), err);
	return rc;
}

static int load(nvb_snapshot *s, const struct nvb_snapshot_source *source, nvb_error **err)
{
	_cleanup_(release_front) struct front front = {0};
	int rc = read_front(s->fd, &front, err);

	if (rc == 0)
		rc = parse_manifest(&front, &s->manifest, err);
	/* Before the key is complained about: who may not read it must hear that it is damaged. */
	if (rc == 0 && ((source->id && !nvb_streq(source->id, s->manifest.id)) ||
			       (source->capsule && !nvb_streq(source->capsule, s->manifest.capsule))))
		rc = nvb_fail(err, NVB_ERR_CORRUPT, "%s: of another snapshot", NVB_MANIFEST_FILE);
	if (rc == 0)
		rc = check_host(s, source, &front, err);
	if (rc == 0)
		rc = check_key(s, source->no_key, err);
	if (rc == 0)
		rc = check_signature(s, source, &front, err);
	if (rc == 0)
		memcpy(s->id.text, s->manifest.id, sizeof(s->id.text));
	return rc < 0 ? rc : load_index(s, err);
}

int nvb_snapshot_load(const struct nvb_snapshot_source *source, nvb_snapshot **snapshot, nvb_error **err)
{
	_cleanup_snapshot_ nvb_snapshot *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return nvb_fail_oom(err);
	s->keys = *source->keys;
	s->fd = nvb_open_directory(source->dirfd, source->name);
	if (s->fd < 0)
		return nvb_fail_errno(err, -s->fd, "snapshot %s", source->name);
	if (source->id) {
		if (nvb_flock(s->fd, LOCK_SH | LOCK_NB) < 0)
			return nvb_fail(err, NVB_ERR_NOT_FOUND, "snapshot %s is being removed", source->name);
	}
	rc = load(s, source, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "snapshot %s", source->id ?: "as it was received");
	*snapshot = NVB_TAKE_PTR(s);
	return 0;
}

static unsigned threads_for(unsigned asked)
{
	cpu_set_t set;
	int n = asked ? (int)asked : sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n > 16 ? 16 : n < 1 ? 1 : (unsigned)n;
}

static int open_id(const struct nvb_snapshots *store, const nvb_snapshot_id *id,
	const struct nvb_snapshot_options *o, nvb_snapshot **snapshot, nvb_error **err)
{
	_cleanup_signer_ struct nvb_signer signer = {0};
	_cleanup_close_ int capsule_fd = -1;
	_cleanup_keys_ struct nvb_keys keys = {0};
	bool no_key = o->key_file && nvb_streq(o->key_file, NVB_SNAPSHOT_NO_KEY);
	struct nvb_snapshot_source source = {.name = id->text,
		.id = id->text,
		.keys = &keys,
		.signer = &signer,
		.no_key = no_key,
		.trust = o->trust};
	int rc = nvb_snapshot_locate(store, id, &capsule_fd, NULL, err);

	if (rc == 0)
		rc = nvb_signer_load(&signer, store->fd, false, err);
	if (rc == 0)
		rc = nvb_keys_load(&keys, no_key ? NULL : o->key_file, err);
	source.dirfd = capsule_fd;
	return rc < 0 ? rc : nvb_snapshot_load(&source, snapshot, err);
}

int nvb_snapshot_open(const struct nvb_snapshots *store, const char *name,
	const struct nvb_snapshot_options *options, nvb_snapshot **snapshot, nvb_error **err)
{
	static const struct nvb_snapshot_options defaults;
	const struct nvb_snapshot_options *o = options ?: &defaults;
	nvb_snapshot_id id;
	nvb_snapshot *s = NULL;
	int rc = nvb_snapshot_find(store, name, &id, err);

	if (rc == 0)
		rc = open_id(store, &id, o, &s, err);
	if (rc == 0 && !s->is_signed && o->judge)
		rc = o->judge(o->judge_data, &s->manifest, err);
	if (rc < 0) {
		nvb_snapshot_close(s);
		return rc;
	}
	s->threads = threads_for(o->threads);
	s->progress = o->progress;
	s->progress_data = o->data;
	*snapshot = s;
	return 0;
}

void nvb_snapshot_close(nvb_snapshot *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	nvb_keys_release(&s->keys);
	nvb_snapshot_manifest_release(&s->manifest);
	nvb_index_release(&s->index);
	free(s);
}

const nvb_snapshot_id *nvb_snapshot_get_id(const nvb_snapshot *s)
{
	return &s->id;
}

const struct nvb_snapshot_manifest *nvb_snapshot_manifest(const nvb_snapshot *s)
{
	return &s->manifest;
}

bool nvb_snapshot_has_tree(const nvb_snapshot *s, const char *tree)
{
	for (size_t i = 0; i < s->manifest.tree_count; i++)
		if (nvb_streq0(s->manifest.trees[i].name, tree))
			return true;
	return false;
}

void nvb_snapshot_spare_processor(nvb_snapshot *s)
{
	if (s->threads > 1)
		s->threads--;
}

int nvb_snapshot_need_content(const nvb_snapshot *s, nvb_error **err)
{
	return s->locked_up
		       ? nvb_hint(err,
				 nvb_fail(err, NVB_ERR_PERMISSION, "snapshot %s is encrypted", s->id.text),
				 "give its key with --key-file")
		       : 0;
}
