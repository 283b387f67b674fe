/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "capsule/manifest.h"
#include "capsule/store.h"
#include "fuzz.h"

/*
 * The documents of an image: index, manifest, config. Whatever is accepted holds digests that are safe to
 * make paths of, and strings that end where they should.
 */
static void check_manifest(const char *text)
{
	struct nvb_manifest manifest = {0};
	char digest[NVB_DIGEST_HEX + 1];

	if (nvb_manifest_of_index(text, digest, NULL) == 0)
		FUZZ_CHECK(nvb_is_digest(digest));
	if (nvb_manifest_read(text, &manifest, NULL) < 0) {
		FUZZ_CHECK(!manifest.layers && !manifest.layer_count);
		return;
	}
	FUZZ_CHECK(nvb_is_digest(manifest.config));
	for (size_t i = 0; i < manifest.layer_count; i++)
		FUZZ_CHECK(nvb_is_digest(manifest.layers[i].blob));
	if (nvb_manifest_read_config(&manifest, text, NULL) == 0)
		for (size_t i = 0; i < manifest.layer_count; i++)
			FUZZ_CHECK(nvb_is_digest(manifest.layers[i].diff_id));
	nvb_manifest_release(&manifest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct nvb_store store = {.path = (char *)"/nonexistent", .fd = -1};
	struct nvb_image image = {.lock = -1};
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_manifest(text);
	if (nvb_image_read_config(&image, &store, "input", text, NULL) == 0)
		FUZZ_CHECK(image.layers && image.layer_count == 0);
	nvb_image_close(&image);
	free(text);
	return 0;
}
