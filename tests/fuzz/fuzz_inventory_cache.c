/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "inventory/cache.h"

/* Behind the magic: pointer size, layout, padding, size and checksum of the rest. */
enum { SIZE_AT = 24, HEAD = 40 };

/* The checksum keeps accidents out, not attackers: it is made to fit, so that the decoder sees everything. */
static void mend(char *data, size_t size)
{
	uint64_t rest = size - HEAD, sum = nvb_hash(NVB_HASH_START, data + HEAD, size - HEAD);

	memcpy(data + SIZE_AT, &rest, sizeof(rest));
	memcpy(data + SIZE_AT + 8, &sum, sizeof(sum));
}

static void check(const struct nvb_inventory *inventory)
{
	for (size_t i = 0; i < inventory->file_count; i++) {
		const struct nvb_file *file = &inventory->files[i];

		FUZZ_CHECK(file->path[0] == '/' && file->rule && file->reason &&
			   file->kind <= NVB_FILE_DIRECTORY);
		FUZZ_CHECK(!(file->capabilities & ~NVB_CAP_ALL) && !(file->features & ~NVB_FEATURE_ALL));
		FUZZ_CHECK(!file->inside || file->inside[0] == '/');
		for (size_t k = 0; k < file->link_count; k++)
			FUZZ_CHECK(file->links[k].path[0] == '/' && file->links[k].target);
	}
	for (size_t i = 0; i < inventory->gpu_count; i++)
		FUZZ_CHECK(inventory->gpus[i].pci);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct nvb_root host = {.fd = -1, .path = (char[]){"/"}};
	struct nvb_inventory inventory = {.roots = {.driver = host, .dev = host, .proc = host, .sys = host}};
	_cleanup_error_ nvb_error *err = NULL;
	_cleanup_free_ char *copy = malloc(size ? size : 1), *again = NULL;
	size_t again_size;

	FUZZ_CHECK(copy);
	memcpy(copy, data, size);
	if (size >= HEAD)
		mend(copy, size);
	if (nvb_cache_decode(&inventory, copy, size, &err) < 0) {
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n'));
		FUZZ_CHECK(!inventory.files && !inventory.gpus);
	} else {
		check(&inventory);
		FUZZ_CHECK(nvb_cache_encode(&inventory, &again, &again_size, NULL) == 0);
		FUZZ_CHECK(again_size == size && memcmp(again, copy, size) == 0);
	}
	nvb_fingerprint_release(&inventory.fingerprint);
	nvb_arena_release(&inventory.arena);
	return 0;
}
