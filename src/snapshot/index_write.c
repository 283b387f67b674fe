/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/random.h>

#include "snapshot/codec.h"
#include "snapshot/index.h"

/*
 * Header: magic, random id, encrypted (u32), 0 (u32), size of the body (u64), 0 (u64).
 *
 * Body, numbers as varints (7 bits each, the lowest first), texts and bytes with their length before them:
 *	packs: id, size, chunks, hash of the table
 *	the manifest's sealed part
 *	trees: name, entries: type, parent, name, then what the type has
 */

static void put(struct nvb_strbuf *out, uint64_t value)
{
	for (; value > 127; value >>= 7)
		nvb_sb_addc(out, (char)(value | 128));
	nvb_sb_addc(out, (char)value);
}

/* Signed ones: the sign lowest. */
static void put_signed(struct nvb_strbuf *out, int64_t value)
{
	put(out, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static void put_bytes(struct nvb_strbuf *out, const void *data, size_t size)
{
	put(out, size);
	nvb_sb_addn(out, data, size);
}

static void put_text(struct nvb_strbuf *out, const char *text)
{
	put_bytes(out, text, strlen(text));
}

static void put_time(struct nvb_strbuf *out, const struct timespec *time)
{
	put_signed(out, time->tv_sec);
	put(out, (uint64_t)time->tv_nsec);
}

static void put_extents(struct nvb_strbuf *out, const struct nvb_tree_entry *e)
{
	put(out, e->size);
	put(out, e->extent_count);
	for (size_t i = 0; i < e->extent_count; i++) {
		const struct nvb_extent *extent = &e->extents[i];

		put(out, extent->pack == NVB_NO_PACK ? 0 : (uint64_t)extent->pack + 1);
		if (extent->pack != NVB_NO_PACK)
			put(out, extent->first);
		put(out, extent->count);
	}
}

static void put_entry(struct nvb_strbuf *out, const struct nvb_tree_entry *e)
{
	nvb_sb_addc(out, (char)e->type);
	put(out, e->parent);
	put_text(out, e->name);
	if (e->type == NVB_ENTRY_HARDLINK) {
		put(out, e->link);
		return;
	}
	put(out, e->mode);
	put(out, e->uid);
	put(out, e->gid);
	put_time(out, &e->atime);
	put_time(out, &e->mtime);
	put(out, e->xattr_count);
	for (size_t i = 0; i < e->xattr_count; i++) {
		put_text(out, e->xattrs[i].name);
		put_bytes(out, e->xattrs[i].value, e->xattrs[i].size);
	}
	if (e->type == NVB_ENTRY_SYMLINK)
		put_text(out, e->target);
	if (e->type == NVB_ENTRY_CHARACTER || e->type == NVB_ENTRY_BLOCK) {
		put(out, e->major);
		put(out, e->minor);
	}
	if (e->type == NVB_ENTRY_FILE)
		put_extents(out, e);
}

static void put_body(struct nvb_strbuf *out, const struct nvb_index *index)
{
	put(out, index->pack_count);
	for (size_t i = 0; i < index->pack_count; i++) {
		nvb_sb_addn(out, index->packs[i].id, NVB_PACK_ID);
		put(out, index->packs[i].size);
		put(out, index->packs[i].count);
		nvb_sb_addn(out, index->packs[i].table_hash, NVB_HASH);
	}
	put_text(out, index->sealed ?: "");
	put(out, index->tree_count);
	for (size_t i = 0; i < index->tree_count; i++) {
		put_text(out, index->trees[i].name);
		put(out, index->trees[i].count);
		for (size_t e = 0; e < index->trees[i].count; e++)
			put_entry(out, &index->trees[i].entries[e]);
	}
}

int nvb_index_write(const struct nvb_index *index, const struct nvb_keys *keys, uint8_t **file, size_t *size,
	nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf body = {0};
	_cleanup_free_ uint8_t *packed = NULL, *whole = NULL;
	uint8_t header[NVB_INDEX_HEADER] = {0};
	struct nvb_sealer sealer;
	size_t n = 0;
	int rc;

	put_body(&body, index);
	if (body.failed)
		return nvb_fail_oom(err);
	if (body.len > NVB_INDEX_MAX)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "too many files for one snapshot");
	rc = nvb_compress_whole(body.s, body.len, &packed, &n, err);
	if (rc < 0)
		return rc;
	memcpy(header, NVB_INDEX_MAGIC, 8);
	if (getrandom(header + 8, NVB_PACK_ID, 0) != NVB_PACK_ID)
		return nvb_fail_errno(err, errno, "random numbers");
	nvb_put_u32(header + 24, keys->encrypted);
	nvb_put_u64(header + 32, body.len);
	nvb_sealer_init(&sealer, keys, "index", header + 8);
	n = nvb_seal(&sealer, NVB_PIECE_BODY, packed, n);
	whole = malloc(sizeof(header) + n);
	if (!whole)
		return nvb_fail_oom(err);
	memcpy(whole, header, sizeof(header));
	memcpy(whole + sizeof(header), packed, n);
	*file = NVB_TAKE_PTR(whole);
	*size = sizeof(header) + n;
	return 0;
}
