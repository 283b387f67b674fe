/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "request/request.h"

/*
 * Docker's --gpus: one CSV record (RFC 4180 quoting) of "all", a number, or key=value fields with the keys
 * driver, count, device, capabilities and options. Source: docker-cli, opts/gpus.go documents the syntax in
 * "docker run" help.
 */

struct fields {
	char **devices;
	unsigned capabilities;
	uint32_t count;
	bool has_count, all;
};

static int bad_value(const char *value, const char *why, nvb_error **err)
{
	return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "--gpus '%s': %s", value, why),
		"use all, a count, or '\"device=0,1\",capabilities=utility' with the inner quotes");
}

/* Takes the next CSV field off *p into field; false when the quoting is broken. */
static bool next_field(const char **p, struct nvb_strbuf *field)
{
	const char *s = *p;

	if (*s != '"') {
		size_t n = strcspn(s, ",");

		if (memchr(s, '"', n))
			return false;
		nvb_sb_addn(field, s, n);
		s += n;
	} else {
		for (s++; *s != '"' || s[1] == '"'; s++) {
			if (!*s)
				return false;
			if (*s == '"')
				s++;
			nvb_sb_addc(field, *s);
		}
		s++;
	}
	if (*s == ',')
		s++;
	else if (*s)
		return false;
	*p = s;
	return true;
}

static int take_count(const char *value, const char *text, struct fields *fields, nvb_error **err)
{
	if (nvb_streq(text, "all") || nvb_streq(text, "-1")) {
		fields->all = true;
		return 0;
	}
	if (!nvb_parse_u32(text, &fields->count) || !fields->count)
		return bad_value(value, "count must be a positive number or all", err);
	fields->has_count = true;
	return 0;
}

static int take_capabilities(const char *text, struct fields *fields, nvb_error **err)
{
	_cleanup_strv_ char **words = nvb_strv_split(text, ",");
	unsigned bits;

	if (!words)
		return nvb_fail_oom(err);
	nvb_strv_foreach (word, words) {
		int rc;

		if (nvb_streq(*word, "gpu") || nvb_streq(*word, "nvidia"))
			continue; /* says that a GPU is meant at all; Docker adds it itself */
		rc = nvb_capabilities_parse(*word, &bits, err);
		if (rc < 0)
			return rc;
		fields->capabilities |= bits;
	}
	return 0;
}

static int take_field(const char *value, const char *field, struct fields *fields, nvb_error **err)
{
	const char *text;

	if ((text = nvb_after(field, "device="))) {
		nvb_strv_free(fields->devices);
		fields->devices = nvb_strv_split(text, ",");
		if (!fields->devices)
			return nvb_fail_oom(err);
		if (!fields->devices[0])
			return bad_value(value, "device= names no device", err);
		return *text == ',' || strstr(text, ",,") || nvb_ends_with(text, ",")
			       ? bad_value(value, "a device between two commas is missing", err)
			       : 0;
	}
	if ((text = nvb_after(field, "count=")))
		return take_count(value, text, fields, err);
	if ((text = nvb_after(field, "capabilities=")))
		return take_capabilities(text, fields, err);
	if ((text = nvb_after(field, "driver=")))
		return nvb_streq(text, "nvidia") || !*text
			       ? 0
			       : bad_value(value, "the only driver here is nvidia", err);
	if (strchr(field, '='))
		return bad_value(value, "unknown key; there are device, count, capabilities and driver", err);
	return take_count(value, field, fields, err);
}

static int apply(struct nvb_request *request, const char *value, const struct fields *fields, nvb_error **err)
{
	if (fields->devices && (fields->has_count || fields->all))
		return bad_value(value, "device and count exclude each other", err);
	if (fields->capabilities)
		request->capabilities = fields->capabilities | (request->capabilities & NVB_WITHOUT_ALL);
	if (fields->has_count)
		return nvb_request_add_count(request, value, fields->count, err);
	if (!fields->devices)
		return nvb_request_add_gpus(request, "all", err);
	nvb_strv_foreach (device, fields->devices) {
		int rc = nvb_request_add_gpus(request, *device, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

int nvb_request_add_docker_gpus(nvb_request *request, const char *value, nvb_error **err)
{
	const struct nvb_request before = *request;
	struct fields fields = {0};
	const char *p = value;
	int rc = *value ? 0 : bad_value(value, "empty", err);

	while (rc == 0 && *p) {
		_cleanup_strbuf_ struct nvb_strbuf field = {0};

		if (!next_field(&p, &field))
			rc = bad_value(value, "unbalanced quotes", err);
		else if (field.failed)
			rc = nvb_fail_oom(err);
		else
			rc = take_field(value, field.s ? field.s : "", &fields, err);
	}
	if (rc == 0)
		rc = apply(request, value, &fields, err);
	nvb_strv_free(fields.devices);
	return nvb_request_take_back(request, &before, rc);
}
