/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/docker_info.h"

#include "base/jscan.h"
#include "base/str.h"

/* `docker info --format '{{json .}}'`: what is read of it. The API documents the fields (SystemInfo). */

void docker_info_release(struct docker_info *info)
{
	free(info->version);
	free(info->error);
	nvb_strv_free(info->runtimes);
	nvb_strv_free(info->cdi_directories);
	*info = (struct docker_info){0};
}

static int take(const struct nvb_json *text, char ***list, nvb_error **err)
{
	_cleanup_free_ char *copy = nvb_json_strdup(text);

	return copy && nvb_strv_add(list, copy) ? 0 : nvb_fail_oom(err);
}

/* The strings of an array, or the keys of an object; null is empty. */
static int read_names(struct nvb_jscan *js, enum nvb_json_type container, char ***list, nvb_error **err)
{
	enum nvb_json_type type;
	struct nvb_json key, value;
	int more, rc = nvb_jscan_peek(js, &type, err);

	if (rc == 0 && type == NVB_JSON_NULL)
		return nvb_jscan_value(js, &value, err);
	if (rc == 0)
		rc = nvb_jscan_enter(js, container, err);
	while (rc == 0 && (more = nvb_jscan_next(js, &key, err)) != 0) {
		if (more < 0)
			return more;
		if (container == NVB_JSON_ARRAY)
			rc = nvb_jscan_expect(js, NVB_JSON_STRING, &value, err);
		else
			rc = nvb_jscan_value(js, &value, err);
		if (rc == 0)
			rc = take(container == NVB_JSON_ARRAY ? &value : &key, list, err);
	}
	return rc;
}

static int read_member(struct nvb_jscan *js, const struct nvb_json *key, struct docker_info *info,
	char ***errors, char ***security, nvb_error **err)
{
	const struct {
		const char *name;
		enum nvb_json_type container;
		char ***list;
	} lists[] = {
		{"Runtimes", NVB_JSON_OBJECT, &info->runtimes},
		{"CDISpecDirs", NVB_JSON_ARRAY, &info->cdi_directories},
		{"ServerErrors", NVB_JSON_ARRAY, errors},
		{"SecurityOptions", NVB_JSON_ARRAY, security},
	};
	struct nvb_json value;
	int rc;

	for (size_t i = 0; i < NVB_ELEMENTS(lists); i++)
		if (nvb_json_equals(key, lists[i].name, strlen(lists[i].name)))
			return read_names(js, lists[i].container, lists[i].list, err);
	rc = nvb_jscan_value(js, &value, err);
	if (rc == 0 && value.type == NVB_JSON_STRING && value.size && !info->version &&
		nvb_json_equals(key, "ServerVersion", strlen("ServerVersion"))) {
		info->version = nvb_json_strdup(&value);
		rc = info->version ? 0 : nvb_fail_oom(err);
	}
	return rc;
}

static int read_info(
	struct nvb_jscan *js, struct docker_info *info, char ***errors, char ***security, nvb_error **err)
{
	struct nvb_json key;
	int more, rc = nvb_jscan_enter(js, NVB_JSON_OBJECT, err);

	while (rc == 0 && (more = nvb_jscan_next(js, &key, err)) != 0)
		rc = more < 0 ? more : read_member(js, &key, info, errors, security, err);
	return rc < 0 ? rc : nvb_jscan_end(js, err);
}

int docker_info_parse(struct docker_info *info, const char *json, size_t size, nvb_error **err)
{
	_cleanup_strv_ char **errors = NULL, **security = NULL;
	_cleanup_jscan_ struct nvb_jscan js;
	struct docker_info read = {0};
	int rc;

	nvb_jscan_begin(&js, json, size);
	rc = read_info(&js, &read, &errors, &security, err);
	if (rc == 0 && errors && errors[0] && !(read.error = strdup(errors[0])))
		rc = nvb_fail_oom(err);
	if (rc < 0) {
		docker_info_release(&read);
		return nvb_wrap(err, rc, "docker info");
	}
	nvb_strv_foreach (option, security)
		read.rootless |= nvb_streq(*option, "name=rootless");
	*info = read;
	return 0;
}
