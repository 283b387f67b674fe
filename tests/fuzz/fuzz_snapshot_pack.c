/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "fuzz.h"
#include "snapshot/codec.h"
#include "snapshot/hash.h"
#include "snapshot/pack.h"

/* A pack as an attacker makes it: the first two bytes are how many chunks its table has, which is what stands
 * at the end; header and the table's hash are made to match. */

static char place[] = "/tmp/nvbind-fuzz-XXXXXX";

static void remove_place(void)
{
	nvb_file_remove_tree(AT_FDCWD, place, NULL);
}

static int directory(void)
{
	if (!mkdtemp(place))
		return -1;
	atexit(remove_place);
	return open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void read_chunks(const struct nvb_pack_reader *pack)
{
	static const struct nvb_keys none;
	struct nvb_decoder decoder;
	uint8_t *stored = malloc(nvb_compressed_max());

	FUZZ_CHECK(stored && nvb_decoder_init(&decoder, NULL) == 0);
	for (uint32_t i = 0; i < pack->count; i++) {
		const struct nvb_pack_entry *e = &pack->entries[i];

		FUZZ_CHECK(e->raw <= NVB_CHUNK_MAX && e->offset + e->stored <= pack->table_at);
		FUZZ_CHECK(nvb_read_exactly(pack->fd, pack->name, stored, e->stored, e->offset, NULL) == 0);
		nvb_chunk_check(pack, i, stored);
		nvb_chunk_decode(pack, &none, i, stored, &decoder);
	}
	nvb_decoder_release(&decoder);
	free(stored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct nvb_keys none;
	static int dirfd = -1;
	struct nvb_pack pack = {.id = "fuzz"};
	char name[NVB_PACK_NAME + 1];
	struct nvb_pack_reader reader;
	_cleanup_free_ uint8_t *file = NULL;
	size_t table;
	int fd;

	if (size < 2)
		return 0;
	if (dirfd < 0)
		dirfd = directory();
	FUZZ_CHECK(dirfd >= 0);
	pack.count = (uint32_t)(data[0] | data[1] << 8);
	data += 2;
	size -= 2;
	table = (size_t)pack.count * NVB_PACK_ENTRY;
	if (table > size)
		return 0;
	nvb_sha256(data + size - table, table, pack.table_hash);
	pack.size = NVB_PACK_HEADER + size;
	file = calloc(1, pack.size);
	FUZZ_CHECK(file);
	memcpy(file, NVB_PACK_MAGIC, 8);
	memcpy(file + 8, pack.id, NVB_PACK_ID);
	memcpy(file + NVB_PACK_HEADER, data, size);
	nvb_pack_name(pack.id, name);
	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_CHECK(fd >= 0 && nvb_write_all(fd, file, pack.size) == 0);
	close(fd);
	if (nvb_pack_open(&reader, dirfd, &pack, &none, NULL) == 0) {
		read_chunks(&reader);
		nvb_pack_close(&reader);
	}
	unlinkat(dirfd, name, 0);
	return 0;
}
