/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "oci/asked.h"

/* A config.json from which a request is made, under every rule at once and under the strictest. */

/* A path without empty parts, "." or "..". */
static bool is_below(const char *path)
{
	for (;; path++) {
		size_t n = strcspn(path, "/");

		if (n == 0 || (n <= 2 && strspn(path, ".") == n))
			return false;
		path += n;
		if (!*path)
			return true;
	}
}

static void ask(const char *text, size_t size, const struct nvb_asked_rules *rules)
{
	_cleanup_asked_ struct nvb_asked asked = {0};
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_request *request = NULL;
	int rc = nvb_oci_asked(text, size, rules, &asked, &err);

	if (rc < 0) {
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n'));
		return;
	}
	for (size_t i = 0; i < asked.mount_count; i++)
		FUZZ_CHECK(is_below(asked.mounts[i]));
	rc = nvb_asked_request(&asked, rules, NULL, &request, &err);
	FUZZ_CHECK(rc == 0 || (err && !request));
	if (!request)
		return;
	FUZZ_CHECK(request->selector_count || request->driver);
	FUZZ_CHECK(!(request->capabilities & ~rules->capabilities));
	if (!asked.privileged)
		FUZZ_CHECK(!(request->features & (NVB_FEATURE_MIG_CONFIG | NVB_FEATURE_MIG_MONITOR)));
	if (!asked.privileged && !rules->environment)
		FUZZ_CHECK(!request->features);
	nvb_request_free(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *swarm[] = {(char *)"DOCKER_RESOURCE_GPU", NULL};
	static const struct nvb_asked_rules open = {.environment = true,
		.mounts = true,
		.imex = true,
		.requirements = true,
		.swarm_resources = swarm,
		.capabilities = NVB_CAP_ALL};
	static const struct nvb_asked_rules strict = {.capabilities = NVB_CAP_DEFAULT};
	char *text = malloc(size ? size : 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	ask(text, size, &open);
	ask(text, size, &strict);
	free(text);
	return 0;
}
