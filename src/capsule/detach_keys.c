/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/detach_keys.h"

#include <string.h>

#include "base/str.h"

/* "ctrl-p" or one character; 0 for none of them, a control character else. */
static bool parse_key(const char *word, unsigned char *key)
{
	const char *control = nvb_after(word, "ctrl-");

	if (strlen(word) == 1 && *word > ' ' && *word <= '~') {
		*key = (unsigned char)*word;
		return true;
	}
	if (!control || strlen(control) != 1)
		return false;
	if (*control >= 'a' && *control <= 'z')
		*key = (unsigned char)(*control - 'a' + 1);
	else if (strchr("@[\\]^_", *control))
		*key = (unsigned char)(*control - '@');
	else
		return false;
	return true;
}

int nvb_detach_keys_parse(const char *text, struct nvb_detach_keys *keys, nvb_error **err)
{
	struct nvb_detach_keys parsed = {0};
	char word[8];

	while (*text) {
		size_t n = strcspn(text, ",");
		bool ok = n < sizeof(word) && parsed.count < NVB_DETACH_KEYS_MOST;

		if (ok) {
			memcpy(word, text, n);
			word[n] = '\0';
			ok = parse_key(word, &parsed.keys[parsed.count++]);
		}
		/* A comma has a key behind it. */
		if (!ok || (text[n] && !text[n + 1]))
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_INVALID, "--detach-keys: no keys '%s'", text),
				"characters or ctrl-LETTER with commas between them, such as ctrl-p,ctrl-q");
		text += n + (text[n] == ',');
	}
	*keys = parsed;
	return 0;
}

/* After a key that does not go on with the sequence, some of what was held back may still begin one. */
static void mismatch(struct nvb_detach_keys *k, unsigned char *out, size_t *out_size)
{
	size_t given = 1;

	while (given < k->seen && memcmp(k->keys, k->keys + given, k->seen - given) != 0)
		given++;
	memcpy(out + *out_size, k->keys, given);
	*out_size += given;
	k->seen -= given;
}

bool nvb_detach_keys_filter(
	struct nvb_detach_keys *k, const unsigned char *in, size_t size, unsigned char *out, size_t *out_size)
{
	*out_size = 0;
	for (size_t i = 0; i < size; i++) {
		while (k->seen > 0 && in[i] != k->keys[k->seen])
			mismatch(k, out, out_size);
		if (k->count == 0 || in[i] != k->keys[k->seen]) {
			out[(*out_size)++] = in[i];
			continue;
		}
		if (++k->seen < k->count)
			continue;
		k->seen = 0;
		return true;
	}
	return false;
}
