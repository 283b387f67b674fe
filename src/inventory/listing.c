/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { CHUNK = 32 * 1024, LISTING_MAX = 64 * 1024 * 1024 };

/* The whole directory as the kernel's records. Size or -errno. */
static ssize_t read_records(int fd, char **buffer)
{
	_cleanup_free_ char *data = NULL;
	size_t size = 0, capacity = 0;

	for (;;) {
		ssize_t n;

		if (capacity - size < CHUNK / 2) {
			size_t wanted = capacity ? capacity * 2 : CHUNK;
			char *grown;

			if (wanted > LISTING_MAX)
				return -EFBIG;
			grown = realloc(data, wanted);
			if (!grown)
				return -ENOMEM;
			data = grown;
			capacity = wanted;
		}
		n = getdents64(fd, data + size, capacity - size);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		size += (size_t)n;
	}
	*buffer = NVB_TAKE_PTR(data);
	return (ssize_t)size;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
		((const struct nvb_listing_entry *)a)->name, ((const struct nvb_listing_entry *)b)->name);
}

static bool index_records(struct nvb_listing *listing, size_t size)
{
	size_t capacity = 0;

	for (size_t at = 0; at < size;) {
		const struct dirent64 *record = (const struct dirent64 *)(void *)(listing->buffer + at);

		at += record->d_reclen;
		if (nvb_streq(record->d_name, ".") || nvb_streq(record->d_name, ".."))
			continue;
		if (!NVB_GROW(listing->entries, listing->count, capacity))
			return false;
		listing->entries[listing->count++] = (struct nvb_listing_entry){
			.name = record->d_name, .inode = record->d_ino, .type = record->d_type};
	}
	if (listing->count)
		qsort(listing->entries, listing->count, sizeof(*listing->entries), by_name);
	return true;
}

int nvb_listing_read(const struct nvb_root *root, const char *path, struct nvb_listing *listing)
{
	_cleanup_close_ int fd = nvb_root_openat(root, path, O_RDONLY | O_DIRECTORY, 0);
	_cleanup_listing_ struct nvb_listing read = {0};
	ssize_t size;

	if (fd < 0)
		return fd;
	size = read_records(fd, &read.buffer);
	if (size < 0)
		return nvb_root_note(root, (int)size);
	if (!index_records(&read, (size_t)size))
		return nvb_root_note(root, -ENOMEM);
	*listing = read;
	read = (struct nvb_listing){0};
	return 0;
}

void nvb_listing_release(struct nvb_listing *listing)
{
	free(listing->buffer);
	free(listing->entries);
	*listing = (struct nvb_listing){0};
}

const struct nvb_listing_entry *nvb_listing_find(const struct nvb_listing *listing, const char *name)
{
	const struct nvb_listing_entry key = {.name = name};

	if (!listing->count)
		return NULL;
	return bsearch(&key, listing->entries, listing->count, sizeof(key), by_name);
}
