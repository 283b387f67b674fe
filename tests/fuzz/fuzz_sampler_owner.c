/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "fuzz.h"
#include "sampler/owner.h"

/* The names of control groups, which whoever runs containers chooses. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nvb_owner_words words, again;
	char *text = malloc(size + 1), *mounts, **roots = NULL;

	FUZZ_CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	nvb_owner_read(text, NULL, &words);
	FUZZ_CHECK(memchr(words.id, '\0', sizeof(words.id)) && memchr(words.pod, '\0', sizeof(words.pod)));
	FUZZ_CHECK(words.owner != NVB_OWNER_HOST || !*words.id);
	FUZZ_CHECK(words.owner != NVB_OWNER_POD || *words.pod);
	/* Nothing of it can end up on a terminal as anything but a name. */
	FUZZ_CHECK(strspn(words.id, "0123456789abcdefghijklmnopqrstuvwxyz.-") == strlen(words.id));
	nvb_owner_read(text, NULL, &again);
	FUZZ_CHECK(words.owner == again.owner && strcmp(words.id, again.id) == 0);
	/* The same as what is mounted. */
	mounts = strdup(text);
	FUZZ_CHECK(mounts && nvb_owner_roots(mounts, &roots));
	nvb_owner_read(text, roots, &again);
	FUZZ_CHECK(again.owner != NVB_OWNER_HOST || !*again.id);
	nvb_strv_free(roots);
	free(mounts);
	free(text);
	return 0;
}
