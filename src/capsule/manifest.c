/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/manifest.h"

#include <json-c/json.h>
#include <string.h>

#include "base/str.h"

enum { LAYERS_MOST = 500 };

static void json_putp(struct json_object **json)
{
	json_object_put(*json);
}

void nvb_manifest_release(struct nvb_manifest *manifest)
{
	free(manifest->layers);
	*manifest = (struct nvb_manifest){0};
}

static int bad(nvb_error **err, const char *what)
{
	return nvb_fail(err, NVB_ERR_CORRUPT, "%s", what);
}

static bool take_digest(struct json_object *value, char digest[static NVB_DIGEST_HEX + 1])
{
	const char *text =
		json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
	const char *hex = text ? nvb_after(text, "sha256:") : NULL;

	if (!hex || !nvb_is_digest(hex))
		return false;
	memcpy(digest, hex, NVB_DIGEST_HEX + 1);
	return true;
}

static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_is_type(object, json_type_object) && json_object_object_get_ex(object, key, &value)
		       ? value
		       : NULL;
}

int nvb_manifest_of_index(const char *text, char digest[static NVB_DIGEST_HEX + 1], nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = json_tokener_parse(text);
	struct json_object *manifests = member(root, "manifests");

	if (!json_object_is_type(manifests, json_type_array) || json_object_array_length(manifests) != 1 ||
		!take_digest(member(json_object_array_get_idx(manifests, 0), "digest"), digest))
		return bad(err, "index.json does not name one manifest");
	return 0;
}

static int read_layers(struct json_object *layers, struct nvb_manifest *manifest, nvb_error **err)
{
	size_t n = json_object_array_length(layers);

	if (n > LAYERS_MOST)
		return bad(err, "manifest: more than 500 layers");
	manifest->layers = calloc(n + 1, sizeof(*manifest->layers));
	if (!manifest->layers)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < n; i++) {
		struct json_object *layer = json_object_array_get_idx(layers, i),
				   *size = member(layer, "size");

		if (!take_digest(member(layer, "digest"), manifest->layers[i].blob))
			return bad(err, "manifest: a layer without a sha256 digest");
		if (!json_object_is_type(size, json_type_int) || json_object_get_int64(size) < 0)
			return bad(err, "manifest: a layer without a size");
		manifest->layers[i].size = json_object_get_uint64(size);
	}
	manifest->layer_count = n;
	return 0;
}

int nvb_manifest_read(const char *text, struct nvb_manifest *manifest, nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = json_tokener_parse(text);
	struct json_object *layers = member(root, "layers");
	_cleanup_(nvb_manifest_release) struct nvb_manifest read = {0};
	int rc;

	if (!take_digest(member(member(root, "config"), "digest"), read.config))
		return bad(err, "manifest: no config with a sha256 digest");
	if (!json_object_is_type(layers, json_type_array))
		return bad(err, "manifest: no list of layers");
	rc = read_layers(layers, &read, err);
	if (rc < 0)
		return rc;
	*manifest = read;
	read = (struct nvb_manifest){0};
	return 0;
}

int nvb_manifest_read_config(struct nvb_manifest *manifest, const char *text, nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = json_tokener_parse(text);
	struct json_object *ids = member(member(root, "rootfs"), "diff_ids");

	if (!json_object_is_type(ids, json_type_array) ||
		json_object_array_length(ids) != manifest->layer_count)
		return bad(err, "config: rootfs.diff_ids does not fit the manifest's layers (not a container "
				"image?)");
	for (size_t i = 0; i < manifest->layer_count; i++)
		if (!take_digest(json_object_array_get_idx(ids, i), manifest->layers[i].diff_id))
			return bad(err, "config: rootfs.diff_ids is not a list of sha256 digests");
	return 0;
}
