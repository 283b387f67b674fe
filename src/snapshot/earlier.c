/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "snapshot/reader.h"
#include "snapshot/writer.h"

/*
 * What earlier snapshots of the capsule have already. Their packs are linked into the new one before it looks
 * at a single chunk: from then on nobody can take them away. A snapshot that cannot be read, is not signed by
 * this host or encrypted otherwise is no source, and no reason to fail.
 */

enum { CHUNKS_MAX = 1 << 24 }; /* of them are remembered, the newest first: 640 MiB of memory */

static bool has_pack(const nvb_snapshot_writer *w, const struct nvb_pack *pack)
{
	for (size_t i = 0; i < w->index.pack_count; i++)
		if (memcmp(w->index.packs[i].id, pack->id, NVB_PACK_ID) == 0)
			return true;
	return false;
}

static bool learn(
	nvb_snapshot_writer *w, uint32_t number, const struct nvb_pack_reader *reader, struct nvb_earlier *e)
{
	e->stored = calloc((size_t)reader->count + 1, sizeof(*e->stored));
	e->used = calloc((size_t)reader->count + 1, 1);
	if (!e->stored || !e->used)
		return false;
	for (uint32_t i = 0; i < reader->count; i++) {
		e->stored[i] = reader->entries[i].stored;
		if (!nvb_known_add(&w->known, reader->entries[i].hash, (struct nvb_place){number, i}))
			return false;
	}
	return true;
}

/* Links a pack and learns what is in it. One that is damaged is left where it is. */
static int add_pack(
	nvb_snapshot_writer *w, const nvb_snapshot *from, const struct nvb_pack *pack, nvb_error **err)
{
	struct nvb_pack_reader reader;
	char name[NVB_PACK_NAME + 1];
	uint32_t number = (uint32_t)w->index.pack_count;
	bool ok;

	nvb_pack_name(pack->id, name);
	if (linkat(from->fd, name, w->fd, name, 0) < 0)
		return 0;
	if (nvb_pack_open(&reader, w->fd, pack, &w->keys, NULL) < 0) {
		unlinkat(w->fd, name, 0);
		return 0;
	}
	ok = NVB_GROW(w->index.packs, w->index.pack_count, w->index.pack_capacity) &&
	     NVB_GROW(w->earlier, w->index.pack_count, w->earlier_capacity);
	if (ok) {
		w->earlier[number] = (struct nvb_earlier){0};
		w->index.packs[number] = *pack;
		w->index.pack_count++;
		ok = learn(w, number, &reader, &w->earlier[number]);
	}
	nvb_pack_close(&reader);
	return ok ? 0 : nvb_fail_oom(err);
}

static int add_snapshot(nvb_snapshot_writer *w, const char *id, nvb_error **err)
{
	_cleanup_snapshot_ nvb_snapshot *s = NULL;
	struct nvb_snapshot_source source = {.dirfd = w->capsule_fd,
		.name = id,
		.capsule = w->capsule,
		.id = id,
		.keys = &w->keys,
		.signer = &w->signer};
	int rc = 0;

	if (nvb_snapshot_load(&source, &s, NULL) < 0 || s->keys.encrypted != w->keys.encrypted)
		return 0;
	for (size_t i = 0; rc == 0 && i < s->index.pack_count && w->known.count < CHUNKS_MAX; i++)
		if (!has_pack(w, &s->index.packs[i]))
			rc = add_pack(w, s, &s->index.packs[i], err);
	return rc;
}

int nvb_earlier_load(nvb_snapshot_writer *w, nvb_error **err)
{
	struct nvb_snapshots store = {.path = (char *)"snapshots", .fd = w->store};
	struct nvb_snapshot_info *list = NULL;
	size_t count = 0;
	int rc = nvb_snapshots_list_lean(&store, w->capsule, &list, &count, err);

	for (size_t i = count; rc == 0 && i-- > 0;)
		if (nvb_streq0(list[i].manifest.capsule, w->capsule) && list[i].is_signed)
			rc = add_snapshot(w, list[i].id.text, err);
	nvb_snapshot_infos_free(list, count);
	return rc;
}
