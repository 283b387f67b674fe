/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "snapshot/adopt.h"
#include "snapshot/hash.h"
#include "snapshot/reader.h"
#include "snapshot/tar.h"
#include "snapshot/writer.h"

/*
 * Takes an exported snapshot in. The files come in the order in which each says what the next ones must be:
 * manifest, signature, index, packs. Whatever is not exactly that is refused where it stands, so nothing of
 * an archive chooses a name, a size or a number of files here.
 */

enum { BLOCK = 1 << 20 };

struct importing {
	const struct nvb_snapshots *store;
	const struct nvb_snapshot_options *options;
	int from;
	uint64_t read;
	struct nvb_keys keys;
	struct nvb_signer signer;
	char *manifest, *signature;
	uint8_t *index;
	size_t manifest_size, signature_size, index_size;
	struct nvb_snapshot_manifest said;
	struct nvb_index listed;
	char id[NVB_SNAPSHOT_ID + 1];
	bool is_signed;
	uint64_t total;
	int capsule_fd, fd; /* of the directory that is written */
	char *temporary;
	uint8_t *block;
	nvb_error **err;
};

static int refuse(struct importing *in, const char *why)
{
	return nvb_fail(in->err, NVB_ERR_CORRUPT, "not an exported snapshot: %s (byte %llu)", why,
		(unsigned long long)in->read);
}

static int progress(struct importing *in)
{
	if (!in->options->progress)
		return 0;
	return in->options->progress(in->options->data, in->read, 2 * in->total)
		       ? nvb_fail(in->err, NVB_ERR_CANCELLED, "the import was broken off")
		       : 0;
}

static int get(struct importing *in, void *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = read(in->from, (char *)data + done, size - done);

		/* A signal may be the wish to break off, and a pipe may have nothing to say for long. */
		if (n < 0 && errno == EINTR) {
			int rc = progress(in);

			if (rc < 0)
				return rc;
			continue;
		}
		if (n < 0)
			return nvb_fail_errno(in->err, errno, "reading the exported snapshot");
		if (n == 0)
			return refuse(in, "it ends too early");
		done += (size_t)n;
		in->read += (uint64_t)n;
	}
	return 0;
}

static int get_padding(struct importing *in, uint64_t size)
{
	static const uint8_t zeros[NVB_TAR_BLOCK];
	uint8_t padding[NVB_TAR_BLOCK];
	unsigned n = nvb_tar_padding(size);
	int rc = get(in, padding, n);

	if (rc == 0 && memcmp(padding, zeros, n) != 0)
		rc = refuse(in, "something stands between its files");
	return rc;
}

/* The header of the file that must come next; *size is how long it is, at most `most`. */
static int get_header(struct importing *in, const char *name, uint64_t most, uint64_t *size)
{
	uint8_t header[NVB_TAR_BLOCK];
	char path[NVB_TAR_NAME], wanted[NVB_TAR_NAME];
	int rc = get(in, header, sizeof(header));

	if (rc < 0)
		return rc;
	if (!nvb_tar_parse(header, path, size))
		return refuse(in, "not a header as an export writes it");
	if (!*in->id && strlen(path) > NVB_SNAPSHOT_ID && path[NVB_SNAPSHOT_ID] == '/') {
		memcpy(in->id, path, NVB_SNAPSHOT_ID);
		if (!nvb_is_snapshot_id(in->id))
			return refuse(in, "its first file does not name a snapshot");
	}
	snprintf(wanted, sizeof(wanted), "%s/%s", in->id, name);
	if (!nvb_streq(path, wanted))
		return refuse(in, "another file than the one that comes next");
	return *size > most ? refuse(in, "a file that is too large") : 0;
}

static int get_whole(struct importing *in, const char *name, size_t most, char **data, size_t *size)
{
	uint64_t n = 0;
	int rc = get_header(in, name, most, &n);

	if (rc < 0)
		return rc;
	*data = calloc(1, (size_t)n + 1);
	if (!*data)
		return nvb_fail_oom(in->err);
	rc = get(in, *data, (size_t)n);
	if (rc < 0)
		return rc;
	*size = (size_t)n;
	return get_padding(in, n);
}

/* Before anything is written here: whose it is. */
static int judge_manifest(struct importing *in)
{
	enum nvb_signed how;
	int rc = nvb_snapshot_manifest_read(&in->said, in->manifest, in->manifest_size, in->err);

	if (rc < 0)
		return nvb_wrap(in->err, rc, "%s", NVB_MANIFEST_FILE);
	if (!nvb_streq0(in->said.id, in->id) || !in->said.capsule ||
		!nvb_is_snapshot_name(in->said.capsule) || !in->said.index_hash ||
		strlen(in->signature) != in->signature_size)
		return refuse(in, "its manifest is of another one");
	if (in->said.encryption && !in->keys.encrypted)
		return nvb_hint(in->err, nvb_fail(in->err, NVB_ERR_PERMISSION, "the snapshot is encrypted"),
			"give its key with --key-file: what cannot be verified is not taken");
	if (!in->said.encryption)
		in->keys.encrypted = false;
	else if (!nvb_streq0(in->said.key_id, in->keys.id))
		return nvb_fail(in->err, NVB_ERR_PERMISSION, "encrypted with another key");
	how = nvb_check_signature(&in->signer, &in->keys, in->manifest, in->manifest_size, in->signature);
	in->is_signed = how == NVB_SIGNED_HERE;
	if (how == NVB_SIGNED_WRONGLY)
		return refuse(in, "its manifest is not the one that was signed with the key");
	if (!in->is_signed && !in->options->trust)
		return nvb_hint(in->err,
			nvb_fail(in->err, NVB_ERR_PERMISSION, "this host has not signed this snapshot"),
			"--trust takes it: its processes will run here with all that it says of them");
	return 0;
}

static int judge_index(struct importing *in)
{
	_cleanup_free_ uint8_t *copy = malloc(in->index_size + 1);
	char hex[2 * NVB_HASH + 1];
	uint8_t hash[NVB_HASH];
	int rc;

	if (!copy)
		return nvb_fail_oom(in->err);
	nvb_sha256(in->index, in->index_size, hash);
	nvb_put_hex(hex, hash, NVB_HASH);
	if (in->index_size != in->said.index_size || !nvb_streq(hex, in->said.index_hash))
		return refuse(in, "its index does not match the manifest");
	/* Decryption is in place, and the file is to be written as it came. */
	memcpy(copy, in->index, in->index_size);
	rc = nvb_index_read(&in->listed, &in->keys, copy, in->index_size, in->err);
	for (size_t i = 0; rc == 0 && i < in->listed.pack_count; i++)
		in->total += in->listed.packs[i].size;
	return rc;
}

/* What is sealed stands in the index: with it the manifest says all that it says. */
static int ask(struct importing *in)
{
	_cleanup_snapshot_manifest_ struct nvb_snapshot_manifest whole = {0};
	int rc;

	if (in->is_signed || !in->options->judge)
		return 0;
	rc = nvb_snapshot_manifest_read(&whole, in->manifest, in->manifest_size, in->err);
	if (rc == 0 && in->listed.sealed)
		rc = nvb_snapshot_manifest_read(
			&whole, in->listed.sealed, strlen(in->listed.sealed), in->err);
	return rc < 0 ? rc : in->options->judge(in->options->judge_data, &whole, in->err);
}

static int get_front(struct importing *in)
{
	int rc = get_whole(in, NVB_MANIFEST_FILE, NVB_MANIFEST_MAX, &in->manifest, &in->manifest_size);

	if (rc == 0)
		rc = get_whole(
			in, NVB_SIGNATURE_FILE, NVB_SIGNATURE_MAX - 1, &in->signature, &in->signature_size);
	if (rc == 0)
		rc = judge_manifest(in);
	if (rc == 0)
		rc = get_whole(in, NVB_INDEX_FILE, NVB_INDEX_MAX, (char **)&in->index, &in->index_size);
	if (rc == 0)
		rc = judge_index(in);
	return rc < 0 ? rc : ask(in);
}

static int write_block(struct importing *in, int fd, size_t size)
{
	int rc = nvb_write_all(fd, in->block, size);

	return rc < 0 ? nvb_fail_errno(in->err, -rc, "writing the snapshot") : 0;
}

static int get_pack(struct importing *in, const struct nvb_pack *pack)
{
	char name[NVB_PACK_NAME + 1];
	_cleanup_close_ int fd = -1;
	uint64_t size = 0, left;
	int rc;

	nvb_pack_name(pack->id, name);
	rc = get_header(in, name, NVB_PACK_SIZE_MAX, &size);
	if (rc == 0 && size != pack->size)
		rc = refuse(in, "a pack that is not as long as the index says");
	if (rc < 0)
		return rc;
	fd = openat(in->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return nvb_fail_errno(in->err, errno, "writing the snapshot");
	for (left = size; rc == 0 && left;) {
		size_t n = left < BLOCK ? (size_t)left : BLOCK;

		rc = get(in, in->block, n);
		if (rc == 0)
			rc = write_block(in, fd, n);
		if (rc == 0)
			rc = progress(in);
		left -= n;
	}
	if (rc == 0 && fsync(fd) < 0)
		rc = nvb_fail_errno(in->err, errno, "writing the snapshot");
	return rc < 0 ? rc : get_padding(in, size);
}

/* Two blocks of zeros, and nothing behind them. */
static int get_end(struct importing *in)
{
	uint8_t block[2 * NVB_TAR_BLOCK];
	static const uint8_t zeros[sizeof(block)];
	int rc = get(in, block, sizeof(block));
	ssize_t n;

	if (rc == 0 && memcmp(block, zeros, sizeof(block)) != 0)
		rc = refuse(in, "more files than the index lists");
	if (rc < 0)
		return rc;
	do
		n = read(in->from, block, 1);
	while (n < 0 && errno == EINTR);
	return n > 0 ? refuse(in, "something stands behind its end") : 0;
}

static int write_front(struct importing *in)
{
	char own[NVB_SIGNATURE_MAX];
	int rc;

	nvb_sign(&in->signer, &in->keys, in->manifest, in->manifest_size, own);
	rc = nvb_file_write(in->fd, NVB_INDEX_FILE, in->index, in->index_size, 0600, in->err);
	if (rc == 0)
		rc = nvb_file_write(
			in->fd, NVB_MANIFEST_FILE, in->manifest, in->manifest_size, 0600, in->err);
	if (rc == 0)
		rc = nvb_file_write(in->fd, NVB_SIGNATURE_FILE, own, strlen(own), 0600, in->err);
	return rc;
}

/* What has come is read again, and every byte of it checked. */
static int verifying(void *data, uint64_t done, uint64_t total)
{
	const struct importing *in = data;

	(void)total;
	return in->options->progress(in->options->data, in->total + done, 2 * in->total);
}

static int verify(struct importing *in)
{
	_cleanup_snapshot_ nvb_snapshot *s = NULL;
	struct nvb_snapshot_source source = {.dirfd = in->capsule_fd,
		.name = in->temporary,
		.capsule = in->said.capsule,
		.keys = &in->keys,
		.signer = &in->signer};
	int rc = nvb_snapshot_load(&source, &s, in->err);

	if (rc < 0)
		return rc;
	s->threads = in->options->threads ?: 2;
	s->progress = in->options->progress ? verifying : NULL;
	s->progress_data = in;
	return nvb_snapshot_verify(s, NULL, NULL, in->err);
}

static int is_here(struct importing *in)
{
	nvb_snapshot_id id;
	int fd = -1;

	memcpy(id.text, in->id, sizeof(id.text));
	if (nvb_snapshot_locate(in->store, &id, &fd, NULL, NULL) < 0)
		return 0;
	close(fd);
	return nvb_hint(in->err, nvb_fail(in->err, NVB_ERR_CONFLICT, "snapshot %s is here already", in->id),
		"'bolt snapshot verify' says whether it is whole; 'bolt snapshot rm' removes it");
}

static int receive(struct importing *in)
{
	int rc = is_here(in);

	if (rc < 0)
		return rc;
	in->block = malloc(BLOCK);
	if (!in->block)
		return nvb_fail_oom(in->err);
	in->capsule_fd = nvb_capsule_lock(in->store->fd, in->said.capsule, in->err);
	if (in->capsule_fd < 0)
		return in->capsule_fd;
	rc = nvb_snapshot_sweep(in->capsule_fd, in->err);
	if (rc == 0)
		in->fd = nvb_temporary_make(in->capsule_fd, &in->temporary, in->err);
	nvb_flock(in->capsule_fd, LOCK_UN);
	if (rc == 0 && in->fd < 0)
		rc = in->fd;
	for (size_t i = 0; rc == 0 && i < in->listed.pack_count; i++)
		rc = get_pack(in, &in->listed.packs[i]);
	if (rc == 0)
		rc = get_end(in);
	if (rc == 0)
		rc = write_front(in);
	return rc < 0 ? rc : verify(in);
}

/* Its number here, in its manifest, which is signed anew. */
static int adopt(struct importing *in)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	bool changed;
	int rc = nvb_snapshot_adopt(in->store, &in->said, &changed, in->err);

	if (rc < 0 || !changed)
		return rc;
	nvb_snapshot_manifest_write(
		&in->said, in->keys.encrypted ? NVB_MANIFEST_OPEN : NVB_MANIFEST_ALL, 0, &text);
	nvb_sb_addc(&text, '\n');
	if (text.failed)
		return nvb_fail_oom(in->err);
	free(in->manifest);
	in->manifest_size = text.len;
	in->manifest = NVB_TAKE_PTR(text.s);
	return write_front(in);
}

/* With the capsule's lock: numbers are given one by one. */
static int publish(struct importing *in)
{
	int rc = adopt(in);

	if (rc < 0)
		return rc;
	if (fsync(in->fd) < 0)
		return nvb_fail_errno(in->err, errno, "writing the snapshot");
	if (renameat2(in->capsule_fd, in->temporary, in->capsule_fd, in->id, RENAME_NOREPLACE) < 0)
		return errno == EEXIST
			       ? nvb_fail(in->err, NVB_ERR_CONFLICT, "snapshot %s is here already", in->id)
			       : nvb_fail_errno(in->err, errno, "writing the snapshot");
	free(NVB_TAKE_PTR(in->temporary));
	if (fsync(in->capsule_fd) < 0 || fsync(in->store->fd) < 0)
		return nvb_fail_errno(in->err, errno, "writing the snapshot");
	return 0;
}

static void release(struct importing *in)
{
	if (in->fd >= 0) {
		if (in->temporary)
			nvb_file_remove_tree(in->capsule_fd, in->temporary, NULL);
		close(in->fd);
	}
	if (in->capsule_fd >= 0) {
		(void)!unlinkat(in->store->fd, in->said.capsule, AT_REMOVEDIR);
		close(in->capsule_fd);
	}
	free(in->temporary);
	free(in->manifest);
	free(in->signature);
	free(in->index);
	free(in->block);
	nvb_index_release(&in->listed);
	nvb_snapshot_manifest_release(&in->said);
	nvb_keys_release(&in->keys);
	nvb_signer_release(&in->signer);
}

int nvb_snapshot_import(const struct nvb_snapshots *store, int fd, const struct nvb_snapshot_options *options,
	nvb_snapshot_id *id, nvb_error **err)
{
	static const struct nvb_snapshot_options defaults;
	struct importing in = {
		.store = store,
		.options = options ?: &defaults,
		.from = fd,
		.capsule_fd = -1,
		.fd = -1,
		.err = err,
	};
	int rc = nvb_keys_load(&in.keys, in.options->key_file, err);

	if (rc == 0)
		rc = nvb_signer_load(&in.signer, store->fd, true, err);
	if (rc == 0)
		rc = get_front(&in);
	if (rc == 0)
		rc = receive(&in);
	if (rc == 0) {
		nvb_flock(in.capsule_fd, LOCK_EX);
		rc = publish(&in);
		nvb_flock(in.capsule_fd, LOCK_UN);
	}
	if (rc == 0 && id)
		memcpy(id->text, in.id, sizeof(id->text));
	release(&in);
	return rc;
}
