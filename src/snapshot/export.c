/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "snapshot/reader.h"
#include "snapshot/tar.h"

/* A snapshot as one file: what it consists of, in the order in which a reader can check it. */

enum { BLOCK = 1 << 20 };

static const uint8_t zeros[2 * NVB_TAR_BLOCK];

static int put(int fd, const void *data, size_t size, nvb_error **err)
{
	int rc = nvb_write_all(fd, data, size);

	return rc < 0 ? nvb_fail_errno(err, -rc, "writing the exported snapshot") : 0;
}

/* Everything is read twice: checked, and written. */
struct exporting {
	const nvb_snapshot *snapshot;
	int fd;
	nvb_snapshot_progress progress; /* whoever waits; NULL: nobody */
	void *data;
	uint64_t done, total; /* bytes written; of all */
};

static int tell_checked(void *data, uint64_t done, uint64_t total)
{
	const struct exporting *x = data;

	return x->progress(x->data, done, 2 * total);
}

static int tell_written(const struct exporting *x, nvb_error **err)
{
	if (!x->progress || !x->progress(x->data, x->total + x->done, 2 * x->total))
		return 0;
	return nvb_fail(err, NVB_ERR_CANCELLED, "the export was broken off");
}

static int copy(struct exporting *x, const char *name, int from, uint64_t size, nvb_error **err)
{
	_cleanup_free_ uint8_t *block = malloc(BLOCK);
	uint64_t at = 0;
	int rc = 0;

	if (!block)
		return nvb_fail_oom(err);
	while (rc == 0 && at < size) {
		size_t n = size - at < BLOCK ? (size_t)(size - at) : BLOCK;

		rc = nvb_read_exactly(from, name, block, n, at, err);
		if (rc == 0)
			rc = put(x->fd, block, n, err);
		at += n;
		x->done += n;
		if (rc == 0)
			rc = tell_written(x, err);
	}
	return rc < 0 ? nvb_wrap(err, rc, "snapshot %s", x->snapshot->id.text)
		      : put(x->fd, zeros, nvb_tar_padding(size), err);
}

static int put_file(struct exporting *x, const char *name, nvb_error **err)
{
	const nvb_snapshot *s = x->snapshot;
	_cleanup_close_ int from = openat(s->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t header[NVB_TAR_BLOCK];
	char path[NVB_TAR_NAME];
	struct stat st;
	int rc;

	if (from < 0 || fstat(from, &st) < 0)
		return nvb_fail_errno(err, errno, "snapshot %s: %s", s->id.text, name);
	snprintf(path, sizeof(path), "%s/%s", s->id.text, name);
	nvb_tar_header(header, path, (uint64_t)st.st_size);
	rc = put(x->fd, header, sizeof(header), err);
	return rc < 0 ? rc : copy(x, name, from, (uint64_t)st.st_size, err);
}

static bool wants_none(void *data, uint32_t pack, uint32_t chunk)
{
	(void)data;
	(void)pack;
	(void)chunk;
	return false;
}

struct checking {
	const nvb_snapshot *snapshot;
	const struct nvb_pack_reader *packs;
};

static int bad(void *data, uint32_t pack, uint32_t chunk, const char *why, nvb_error **err)
{
	const struct checking *c = data;

	return nvb_fail_chunk(c->snapshot, &c->packs[pack], chunk, NULL, why, err);
}

/* What is damaged is not handed on. */
static int check(nvb_snapshot *s, nvb_error **err)
{
	struct nvb_pack_reader *packs = NULL;
	struct checking c = {.snapshot = s};
	struct nvb_scan scan = {.snapshot = s, .wants = wants_none, .bad = bad, .data = &c};
	int rc = nvb_packs_open(s, NULL, &packs, err);

	if (rc < 0)
		return rc;
	c.packs = scan.packs = packs;
	for (size_t i = 0; i < s->index.pack_count; i++)
		scan.total += packs[i].table_at;
	rc = nvb_scan_packs(&scan, err);
	nvb_packs_close(s, packs);
	return rc;
}

static int put_all(struct exporting *x, nvb_error **err)
{
	static const char *const files[] = {NVB_MANIFEST_FILE, NVB_SIGNATURE_FILE, NVB_INDEX_FILE};
	const nvb_snapshot *s = x->snapshot;
	int rc = 0;

	for (size_t i = 0; i < s->index.pack_count; i++)
		x->total += s->index.packs[i].size;
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(files); i++)
		rc = put_file(x, files[i], err);
	for (size_t i = 0; rc == 0 && i < s->index.pack_count; i++) {
		char name[NVB_PACK_NAME + 1];

		nvb_pack_name(s->index.packs[i].id, name);
		rc = put_file(x, name, err);
	}
	return rc < 0 ? rc : put(x->fd, zeros, sizeof(zeros), err);
}

int nvb_snapshot_export(nvb_snapshot *s, int fd, nvb_error **err)
{
	struct exporting x = {.snapshot = s, .fd = fd, .progress = s->progress, .data = s->progress_data};
	int rc = nvb_snapshot_need_content(s, err);

	if (rc < 0)
		return rc;
	if (s->progress) {
		s->progress = tell_checked;
		s->progress_data = &x;
	}
	rc = check(s, err);
	s->progress = x.progress;
	s->progress_data = x.data;
	return rc < 0 ? rc : put_all(&x, err);
}
