/* SPDX-License-Identifier: Apache-2.0 */
#include "request/request.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"

/* How GPUs are named: one selector of text in, one struct nvb_selector out. */

static bool is_hex_digits(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isxdigit((unsigned char)s[i]))
			return false;
	return n > 0;
}

/* [domain:]bus:device.function, the domain with 4 digits as the kernel writes it or 8 as nvidia-smi does. */
static bool is_pci_address(const char *s)
{
	const char *colon = strchr(s, ':');
	const char *second = colon ? strchr(colon + 1, ':') : NULL;

	if (second) {
		size_t domain = (size_t)(colon - s);

		if ((domain != 4 && domain != 8) || !is_hex_digits(s, domain))
			return false;
		s = colon + 1;
	}
	return strlen(s) == 7 && is_hex_digits(s, 2) && s[2] == ':' && is_hex_digits(s + 3, 2) &&
	       s[5] == '.' && s[6] >= '0' && s[6] <= '7';
}

/* What may stand behind "GPU-" and "MIG-": hexadecimal digits and dashes, and for old MIG names
 * "GPU-<uuid>/<gi>/<ci>". */
static bool is_uuid_tail(const char *s)
{
	return *s && strspn(s, "0123456789abcdefABCDEF-GPU/") == strlen(s);
}

static int bad_selector(const char *text, nvb_error **err)
{
	return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "'%s' is not a GPU selector", text),
		"use an index (0), a UUID (GPU-... or MIG-...), a MIG device (0:1), a PCI address, a CDI "
		"name "
		"(vendor/class=name), all or none");
}

static bool parse_numbers(const char *text, struct nvb_selector *selector)
{
	char first[11];
	const char *colon = strchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : strlen(text);

	if (n == 0 || n >= sizeof(first))
		return false;
	memcpy(first, text, n);
	first[n] = '\0';
	if (!nvb_parse_u32(first, &selector->gpu))
		return false;
	selector->kind = colon ? NVB_SELECT_MIG_INDEX : NVB_SELECT_INDEX;
	return !colon || nvb_parse_u32(colon + 1, &selector->mig);
}

static int parse_one(const char *text, struct nvb_selector *selector, nvb_error **err)
{
	const char *bare = nvb_after(text, "gpu:");
	const char *tail;

	if (!bare)
		bare = text;
	if (nvb_streq(bare, "all"))
		selector->kind = NVB_SELECT_ALL;
	else if ((tail = nvb_after(bare, "GPU-")) && is_uuid_tail(tail))
		selector->kind = NVB_SELECT_UUID;
	else if ((tail = nvb_after(bare, "MIG-")) && is_uuid_tail(tail))
		selector->kind = NVB_SELECT_MIG_UUID;
	else if (is_pci_address(bare))
		selector->kind = NVB_SELECT_PCI;
	else if (strchr(bare, '/') && strchr(bare, '='))
		selector->kind = NVB_SELECT_CDI;
	else if (!parse_numbers(bare, selector))
		return bad_selector(text, err);
	return 0;
}

/* Ten times what the largest host has; each costs a search. */
enum { SELECTORS_MAX = 4096 };

static int append(
	struct nvb_request *request, const char *bare, struct nvb_selector selector, nvb_error **err)
{
	if (request->selector_count == SELECTORS_MAX)
		return nvb_fail(err, NVB_ERR_INVALID, "more than %d devices are asked for", SELECTORS_MAX);
	if (!NVB_GROW(request->selectors, request->selector_count, request->selector_capacity))
		return nvb_fail_oom(err);
	selector.text = nvb_arena_strdup(&request->arena, bare);
	if (!selector.text)
		return nvb_fail_oom(err);
	request->selectors[request->selector_count++] = selector;
	return 0;
}

static int none_alone(const struct nvb_request *request, nvb_error **err)
{
	if (request->none && request->selector_count)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "'none' and a GPU were both asked for"),
			"leave one of them out");
	return 0;
}

/* A request that failed to take something is as it was: who asked for "0,x" did not ask for 0. */
int nvb_request_take_back(struct nvb_request *request, const struct nvb_request *before, int rc)
{
	if (rc < 0) {
		request->selector_count = before->selector_count;
		request->channel_count = before->channel_count;
		request->none = before->none;
		request->capabilities = before->capabilities;
	}
	return rc;
}

/* An empty word is a variable that was not set ("0,$MORE"): somebody would get fewer GPUs than they meant. */
static bool has_empty_word(const char *selector)
{
	return *selector == ',' || strstr(selector, ",,") || nvb_ends_with(selector, ",");
}

static int add_words(struct nvb_request *request, const char *selector, nvb_error **err)
{
	_cleanup_strv_ char **words = nvb_strv_split(selector, ",");

	if (!words)
		return nvb_fail_oom(err);
	if (!words[0] || has_empty_word(selector))
		return bad_selector(selector, err);
	nvb_strv_foreach (word, words) {
		struct nvb_selector parsed = {0};
		const char *bare = nvb_after(*word, "gpu:");
		int rc;

		if (nvb_streq(*word, "none") || nvb_streq(*word, "void")) {
			request->none = true;
			continue;
		}
		rc = parse_one(*word, &parsed, err);
		if (rc == 0)
			rc = append(request, bare ? bare : *word, parsed, err);
		if (rc < 0)
			return rc;
	}
	return none_alone(request, err);
}

int nvb_request_add_gpus(nvb_request *request, const char *selector, nvb_error **err)
{
	const struct nvb_request before = *request;

	return nvb_request_take_back(request, &before, add_words(request, selector, err));
}

int nvb_request_add_cdi_device(nvb_request *request, const char *name, nvb_error **err)
{
	const struct nvb_request before = *request;
	struct nvb_selector selector = {.kind = NVB_SELECT_CDI};
	const char *slash = strchr(name, '/');
	const char *equals = slash ? strchr(slash, '=') : NULL;
	int rc;

	if (!equals || slash == name || equals == slash + 1 || !equals[1])
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "'%s' is not a CDI device name", name),
			"CDI devices are named vendor/class=device, such as nvidia.com/gpu=0");
	rc = append(request, name, selector, err);
	return nvb_request_take_back(request, &before, rc < 0 ? rc : none_alone(request, err));
}

int nvb_request_add_count(struct nvb_request *request, const char *text, uint32_t count, nvb_error **err)
{
	struct nvb_selector selector = {.kind = NVB_SELECT_COUNT, .gpu = count};
	const struct nvb_request before = *request;
	int rc = append(request, text, selector, err);

	return nvb_request_take_back(request, &before, rc < 0 ? rc : none_alone(request, err));
}
