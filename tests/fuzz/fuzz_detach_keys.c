/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "capsule/detach_keys.h"
#include "fuzz.h"

/* The first line names keys, the rest is typed in pieces of every size: what the program gets is what was
 * typed up to the sequence, whatever the pieces, less what is still held back. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = memchr(data, '\n', size);
	size_t length = newline ? (size_t)(newline - data) : size;
	_cleanup_free_ char *text = calloc(1, length + 1);
	const unsigned char *typed = data + length + (newline ? 1 : 0);
	size_t count = size - (size_t)(typed - data);
	struct nvb_detach_keys keys = {0};
	_cleanup_error_ nvb_error *err = NULL;

	FUZZ_CHECK(text);
	memcpy(text, data, length);
	if (nvb_detach_keys_parse(text, &keys, &err) < 0) {
		FUZZ_CHECK(err && keys.count == 0);
		return 0;
	}
	count = count > 512 ? 512 : count;
	for (size_t piece = 1; piece <= 5; piece++) {
		unsigned char got[512 + NVB_DETACH_KEYS_MOST], out[512 + NVB_DETACH_KEYS_MOST];
		struct nvb_detach_keys k = keys;
		size_t total = 0, n;
		bool left = false;

		for (size_t at = 0; at < count && !left; at += piece) {
			size_t now = count - at < piece ? count - at : piece;

			left = nvb_detach_keys_filter(&k, typed + at, now, out, &n);
			FUZZ_CHECK(n <= now + NVB_DETACH_KEYS_MOST && total + n <= count);
			memcpy(got + total, out, n);
			total += n;
		}
		FUZZ_CHECK(memcmp(got, typed, total) == 0);
		if (left)
			FUZZ_CHECK(memcmp(typed + total, keys.keys, keys.count) == 0);
		else
			FUZZ_CHECK(total + k.seen == count && memcmp(typed + total, keys.keys, k.seen) == 0);
	}
	return 0;
}
