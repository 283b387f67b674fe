/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "exporter/text.h"
#include "fuzz.h"
#include "web/access.h"
#include "web/address.h"
#include "web/request.h"

/* What a client sends, in every place where one of ours reads it: headers, a form, an address. */

static void inside(bool taken, const char *out, size_t size)
{
	FUZZ_CHECK(!taken || (strnlen(out, size) < size && *out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *const names[] = {(char *)"gpu1.example", NULL};
	_cleanup_free_ char *text = malloc(size + 1), *body = malloc(size ? size : 1);
	struct nvb_web_address address;
	char out[48], back[NVB_WEB_ADDRESS_TEXT];

	FUZZ_CHECK(text && body);
	memcpy(text, data, size);
	text[size] = '\0';
	memcpy(body, data, size); /* its own size, so that reading behind it is seen */
	inside(nvb_request_cookie(text, "nvbind_session", out, sizeof(out)), out, sizeof(out));
	inside(nvb_request_bearer(text, out, sizeof(out)), out, sizeof(out));
	inside(nvb_request_field(body, size, "token", out, sizeof(out)), out, sizeof(out));
	(void)nvb_dialect_for(text);
	/* A name is allowed with its port as without it, and what is allowed has nothing that ends a header.
	 */
	if (nvb_host_allowed(text, names))
		FUZZ_CHECK(!strpbrk(text, " \t\r\n/@"));
	if (nvb_web_address_parse(text, &address, NULL) == 0) {
		struct nvb_web_address again;

		FUZZ_CHECK(nvb_web_address_parse(nvb_web_address_text(&address, back), &again, NULL) == 0);
		FUZZ_CHECK(again.length == address.length &&
			   memcmp(&again.address, &address.address, sizeof(again.address)) == 0);
		FUZZ_CHECK(nvb_host_allowed(back, NULL));
	}
	return 0;
}
