/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "bolt-image.h"
#include "capsule/manifest.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "container/tree.h"

/*
 * bolt image rm and prune. Names go first, then images that no name leads to, then layers that no image uses:
 * after a crash between two steps the rest is rubbish that the next one finds.
 */

static bool prune_all;

static const struct nvb_option prune_options[] = {
	{"all", 'a', NVB_OPTION_FLAG(&prune_all),
		"also images that have a name but that no capsule uses now"},
	{NULL},
};
const struct nvb_option_group prune_groups[] = {{"Options", prune_options}, {NULL}};

/* 1 when a capsule runs from the image. */
static int in_use(const struct nvb_store *store, const char *id)
{
	_cleanup_close_ int fd = -1;
	char path[96];

	snprintf(path, sizeof(path), "images/%s/lock", id);
	fd = openat(store->fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno != ENOENT;
	return flock(fd, LOCK_EX | LOCK_NB) < 0;
}

/* The ids that names lead to. */
static int named_images(const struct nvb_store *store, char ***ids, nvb_error **err)
{
	_cleanup_strv_ char **references = NULL, **found = NULL;
	char id[NVB_DIGEST_HEX + 1];
	int rc = nvb_store_refs(store, &references, err);

	if (rc < 0)
		return rc;
	nvb_strv_foreach (reference, references) {
		if (nvb_store_read_ref(store, *reference, id, NULL) == 0 && !nvb_strv_add(&found, id))
			return nvb_fail_oom(err);
	}
	*ids = NVB_TAKE_PTR(found);
	return 0;
}

/* Adds what an image uses: its layers, and the blobs these came in. A damaged image keeps nothing alive. */
static int add_used(
	const struct nvb_store *store, const char *id, char ***layers, char ***blobs, nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_(nvb_manifest_release) struct nvb_manifest manifest = {0};
	_cleanup_free_ char *config = NULL, *text = NULL;
	struct json_object *rootfs, *ids;
	char path[96];

	snprintf(path, sizeof(path), "images/%s/config.json", id);
	if (nvb_file_read(store->fd, path, 8 << 20, &config, NULL, NULL) < 0)
		return 0;
	root = json_tokener_parse(config);
	if (!json_object_is_type(root, json_type_object) ||
		!json_object_object_get_ex(root, "rootfs", &rootfs) ||
		!json_object_is_type(rootfs, json_type_object) ||
		!json_object_object_get_ex(rootfs, "diff_ids", &ids) ||
		!json_object_is_type(ids, json_type_array))
		return 0;
	for (size_t i = 0; i < json_object_array_length(ids); i++) {
		const char *layer = json_object_get_string(json_object_array_get_idx(ids, i));

		if (layer && nvb_after(layer, "sha256:") &&
			!nvb_strv_add(layers, nvb_after(layer, "sha256:")))
			return nvb_fail_oom(err);
	}
	snprintf(path, sizeof(path), "images/%s/manifest.json", id);
	if (nvb_file_read(store->fd, path, 8 << 20, &text, NULL, NULL) < 0 ||
		nvb_manifest_read(text, &manifest, NULL) < 0)
		return 0;
	for (size_t i = 0; i < manifest.layer_count; i++)
		if (!nvb_strv_add(blobs, manifest.layers[i].blob))
			return nvb_fail_oom(err);
	return 0;
}

/* Out of sight first, by one rename, then removed at leisure: a crash leaves rubbish in tmp/, never half a
 * layer. */
static int remove_directory(const struct nvb_store *store, const char *path, nvb_error **err)
{
	struct nvb_workplace workplace = {.fd = -1};
	char to[96];
	int rc = nvb_store_workplace(store, &workplace, err);

	if (rc < 0)
		return rc;
	snprintf(to, sizeof(to), "%s/gone", workplace.name);
	if (renameat(store->fd, path, store->fd, to) < 0 && errno != ENOENT)
		rc = nvb_fail_errno(err, errno, "removing %s/%s", store->path, path);
	nvb_workplace_remove(store, &workplace);
	return rc;
}

static int collect_images(
	const struct nvb_store *store, char **named, struct collected *collected, nvb_error **err)
{
	_cleanup_strv_ char **ids = NULL;
	int rc = nvb_store_digests(store, "images", &ids, err);

	nvb_strv_foreach (id, ids) {
		char path[96];

		if (rc < 0)
			break;
		if (nvb_strv_contains(named, *id) || in_use(store, *id))
			continue;
		snprintf(path, sizeof(path), "images/%s", *id);
		rc = remove_directory(store, path, err);
		collected->images += rc == 0;
	}
	return rc;
}

static int collect_layers(
	const struct nvb_store *store, char **used, struct collected *collected, nvb_error **err)
{
	_cleanup_strv_ char **layers = NULL;
	int rc = nvb_store_digests(store, "layers", &layers, err);

	nvb_strv_foreach (layer, layers) {
		uint64_t size = nvb_store_layer_size(store, *layer);
		char path[96];

		if (rc < 0)
			break;
		if (nvb_strv_contains(used, *layer))
			continue;
		snprintf(path, sizeof(path), "layers/%s", *layer);
		rc = remove_directory(store, path, err);
		collected->layers += rc == 0;
		collected->bytes += rc == 0 ? size : 0;
	}
	return rc;
}

static int collect_blobs(const struct nvb_store *store, char **used, nvb_error **err)
{
	_cleanup_strv_ char **blobs = NULL;
	int rc = nvb_store_digests(store, "blobs/sha256", &blobs, err);

	nvb_strv_foreach (blob, blobs) {
		char path[96];

		if (rc < 0)
			break;
		snprintf(path, sizeof(path), "blobs/sha256/%s", *blob);
		if (!nvb_strv_contains(used, *blob) && unlinkat(store->fd, path, 0) < 0 && errno != ENOENT)
			rc = nvb_fail_errno(err, errno, "removing %s/%s", store->path, path);
	}
	return rc;
}

int collect_rubbish(const struct nvb_store *store, struct collected *collected, nvb_error **err)
{
	_cleanup_strv_ char **named = NULL, **ids = NULL, **layers = NULL, **blobs = NULL;
	int rc = nvb_store_sweep(store, err);

	if (rc >= 0)
		rc = named_images(store, &named, err);
	if (rc == 0)
		rc = collect_images(store, named, collected, err);
	if (rc == 0)
		rc = nvb_store_digests(store, "images", &ids, err);
	nvb_strv_foreach (id, ids) {
		if (rc == 0)
			rc = add_used(store, *id, &layers, &blobs, err);
	}
	if (rc == 0)
		rc = collect_layers(store, layers, collected, err);
	return rc < 0 ? rc : collect_blobs(store, blobs, err);
}

static int remove_names(const struct nvb_store *store, const char *id, const char *reference, nvb_error **err)
{
	_cleanup_strv_ char **references = NULL;
	char other[NVB_DIGEST_HEX + 1];
	int rc = nvb_store_refs(store, &references, err);

	nvb_strv_foreach (candidate, references) {
		_cleanup_free_ char *path = nvb_store_ref_path(*candidate);

		if (rc < 0)
			break;
		if (!path)
			return nvb_fail_oom(err);
		if (reference ? !nvb_streq(*candidate, reference)
			      : nvb_store_read_ref(store, *candidate, other, NULL) < 0 ||
					!nvb_streq(other, id))
			continue;
		if (unlinkat(store->fd, path, 0) < 0)
			rc = nvb_fail_errno(err, errno, "removing %s", *candidate);
		else
			printf("%s\n", *candidate);
	}
	return rc;
}

static int remove_one(const struct nvb_store *store, const char *name, nvb_error **err)
{
	_cleanup_strv_ char **named = NULL;
	_cleanup_free_ char *reference = NULL;
	char id[NVB_DIGEST_HEX + 1];
	size_t names = 0;
	int rc = nvb_store_find(store, name, id, &reference, err);

	if (rc == 0)
		rc = named_images(store, &named, err);
	if (rc < 0)
		return rc;
	nvb_strv_foreach (other, named)
		names += nvb_streq(*other, id);
	if ((!reference || names == 1) && in_use(store, id))
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_BUSY, "image %s is used by a running capsule", name),
			"stop the capsule first");
	return remove_names(store, id, reference, err);
}

int image_rm(int argc, char **argv, nvb_error **err)
{
	_cleanup_(nvb_store_close) struct nvb_store store = {.fd = -1};
	struct collected collected = {0};
	_cleanup_close_ int lock = -1;
	int rc = open_store(&store, err);

	owners_enter(false);
	if (rc == 0)
		rc = lock = nvb_store_lock(&store, NVB_STORE_EXCLUSIVE, err);
	for (int i = 0; rc >= 0 && i < argc; i++)
		rc = remove_one(&store, argv[i], err);
	if (rc >= 0)
		rc = collect_rubbish(&store, &collected, err);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

static int forget_unused(const struct nvb_store *store, nvb_error **err)
{
	_cleanup_strv_ char **ids = NULL;
	int rc = nvb_store_digests(store, "images", &ids, err);

	nvb_strv_foreach (id, ids) {
		if (rc == 0 && !in_use(store, *id))
			rc = remove_names(store, *id, NULL, err);
	}
	return rc;
}

int image_prune(int argc, char **argv, nvb_error **err)
{
	_cleanup_(nvb_store_close) struct nvb_store store = {.fd = -1};
	struct collected collected = {0};
	_cleanup_close_ int lock = -1;
	_cleanup_free_ char *trees = nvb_tree_default_base();
	char size[32];
	int rc = trees ? open_store(&store, err) : nvb_fail_oom(err);

	(void)argc;
	(void)argv;
	owners_enter(false);
	if (rc == 0)
		rc = lock = nvb_store_lock(&store, NVB_STORE_EXCLUSIVE, err);
	if (rc >= 0 && prune_all)
		rc = forget_unused(&store, err);
	if (rc >= 0)
		rc = collect_rubbish(&store, &collected, err);
	if (rc >= 0)
		/* Driver trees outlive the driver they were made of while a capsule runs; nobody else asks
		 * when the last one ended. */
		rc = nvb_tree_prune(trees, NULL, nvb_logging(), err);
	if (rc < 0)
		return rc;
	printf("removed %zu images and %zu layers, %s\n", collected.images, collected.layers,
		nvb_format_bytes(collected.bytes, size, sizeof(size)));
	return nvb_stdout_flush(err);
}
