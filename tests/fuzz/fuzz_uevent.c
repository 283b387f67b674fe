/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "watch/uevent.h"

/* Every word that comes out lies in the message and ends in it. */
static void inside(const char *word, const char *message, size_t size)
{
	FUZZ_CHECK(!word || (word >= message && word < message + size &&
				    memchr(word, '\0', (size_t)(message + size - word))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *message =
		malloc(size ? size : 1); /* its own size, so that reading behind it is seen */
	struct nvb_uevent event;

	FUZZ_CHECK(message);
	memcpy(message, data, size);
	if (!nvb_uevent_parse(&event, message, size))
		return 0;
	FUZZ_CHECK(event.action && event.devpath);
	inside(event.action, message, size);
	inside(event.devpath, message, size);
	inside(event.subsystem, message, size);
	inside(event.driver, message, size);
	inside(event.pci_id, message, size);
	(void)nvb_uevent_matters(&event);
	return 0;
}
