/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/image.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "capsule/store.h"

/* Reading an image: its config (hostile input, whoever built it) and its layers. */

enum { CONFIG_LARGEST = 4 * 1024 * 1024, LAYERS_MOST = 500 };

static void json_putp(struct json_object **json)
{
	json_object_put(*json);
}

struct reader {
	struct nvb_image *image;
	const char *name; /* for messages */
	nvb_error **err;
};

static int bad(const struct reader *reader, const char *what)
{
	return nvb_fail(reader->err, NVB_ERR_CORRUPT, "image %s: config: %s", reader->name, what);
}

/* A string member; absent, null and "" give NULL. Strings with a NUL inside could mean two things to two
 * readers. */
static int read_string(
	const struct reader *reader, struct json_object *object, const char *key, const char **out)
{
	struct json_object *value;
	const char *s;

	if (!json_object_object_get_ex(object, key, &value) || !value)
		return 0;
	if (!json_object_is_type(value, json_type_string))
		return bad(reader, key);
	s = json_object_get_string(value);
	if (strlen(s) != (size_t)json_object_get_string_len(value))
		return bad(reader, key);
	if (!*s)
		return 0;
	*out = nvb_arena_strdup(&reader->image->arena, s);
	return *out ? 0 : nvb_fail_oom(reader->err);
}

static int read_strings(
	const struct reader *reader, struct json_object *object, const char *key, const char *const **out)
{
	struct json_object *array;
	const char **list;
	size_t n;

	if (!json_object_object_get_ex(object, key, &array) || !array)
		return 0;
	if (!json_object_is_type(array, json_type_array))
		return bad(reader, key);
	n = json_object_array_length(array);
	list = nvb_arena_alloc(&reader->image->arena, (n + 1) * sizeof(*list));
	if (!list)
		return nvb_fail_oom(reader->err);
	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(array, i);
		const char *s = json_object_get_string(item);

		if (!json_object_is_type(item, json_type_string) ||
			strlen(s) != (size_t)json_object_get_string_len(item))
			return bad(reader, key);
		list[i] = nvb_arena_strdup(&reader->image->arena, s);
		if (!list[i])
			return nvb_fail_oom(reader->err);
	}
	if (n)
		*out = list;
	return 0;
}

/* Volumes are the keys of an object. */
static int read_keys(
	const struct reader *reader, struct json_object *object, const char *key, const char *const **out)
{
	struct json_object *map;
	const char **list;
	size_t n = 0;

	if (!json_object_object_get_ex(object, key, &map) || !map)
		return 0;
	if (!json_object_is_type(map, json_type_object))
		return bad(reader, key);
	list = nvb_arena_alloc(
		&reader->image->arena, ((size_t)json_object_object_length(map) + 1) * sizeof(*list));
	if (!list)
		return nvb_fail_oom(reader->err);
	json_object_object_foreach(map, name, unused)
	{
		(void)unused;
		list[n] = nvb_arena_strdup(&reader->image->arena, name);
		if (!list[n++])
			return nvb_fail_oom(reader->err);
	}
	if (n)
		*out = list;
	return 0;
}

/* Nanoseconds, as docker writes them; what an image says of none is 0. */
static int read_duration(
	const struct reader *reader, struct json_object *object, const char *key, uint64_t *out)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || !value)
		return 0;
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return bad(reader, key);
	*out = (uint64_t)json_object_get_int64(value);
	return 0;
}

/* {"Test": ["CMD-SHELL", "..."] or ["CMD", ...] or ["NONE"], "Interval": ...}. Source: the image
 * specification of docker, v1.2; OCI's config has no such field, but tools keep it. */
static int read_health(const struct reader *reader, struct json_object *config)
{
	struct nvb_health_check *health = &reader->image->health;
	const char *const *test = NULL;
	struct json_object *object;
	uint64_t retries = 0;
	int rc;

	if (!json_object_object_get_ex(config, "Healthcheck", &object) || !object)
		return 0;
	if (!json_object_is_type(object, json_type_object))
		return bad(reader, "Healthcheck");
	rc = read_strings(reader, object, "Test", &test);
	if (rc == 0)
		rc = read_duration(reader, object, "Interval", &health->interval);
	if (rc == 0)
		rc = read_duration(reader, object, "Timeout", &health->timeout);
	if (rc == 0)
		rc = read_duration(reader, object, "StartPeriod", &health->start_period);
	if (rc == 0)
		rc = read_duration(reader, object, "StartInterval", &health->start_interval);
	if (rc == 0)
		rc = read_duration(reader, object, "Retries", &retries);
	if (rc < 0)
		return rc;
	health->retries = retries < UINT32_MAX ? (uint32_t)retries : UINT32_MAX;
	if (test && nvb_streq(test[0], "NONE"))
		health->disabled = true;
	else if (test && nvb_streq(test[0], "CMD"))
		health->command = (char *const *)test + 1;
	else if (test && nvb_streq(test[0], "CMD-SHELL"))
		health->shell = test[1];
	else if (test)
		return bad(reader, "Healthcheck.Test");
	return 0;
}

static int read_layers(const struct reader *reader, const struct nvb_store *store, struct json_object *root)
{
	struct json_object *rootfs, *diff_ids;
	const char **layers;
	size_t n;

	if (!json_object_object_get_ex(root, "rootfs", &rootfs) ||
		!json_object_object_get_ex(rootfs, "diff_ids", &diff_ids) ||
		!json_object_is_type(diff_ids, json_type_array))
		return bad(reader, "rootfs.diff_ids is missing");
	n = json_object_array_length(diff_ids);
	if (n > LAYERS_MOST)
		return bad(reader, "more than 500 layers");
	layers = nvb_arena_alloc(&reader->image->arena, (n + 1) * sizeof(*layers));
	if (!layers)
		return nvb_fail_oom(reader->err);
	for (size_t i = 0; i < n; i++) {
		const char *id = json_object_get_string(json_object_array_get_idx(diff_ids, i));
		const char *hex = id ? nvb_after(id, "sha256:") : NULL;
		struct stat st;

		if (!hex || !nvb_is_digest(hex))
			return bad(reader, "rootfs.diff_ids is not a list of sha256 digests");
		layers[i] = nvb_arena_printf(&reader->image->arena, "%s/layers/%s/fs", store->path, hex);
		if (!layers[i])
			return nvb_fail_oom(reader->err);
		if (stat(layers[i], &st) < 0 || !S_ISDIR(st.st_mode))
			return nvb_hint(reader->err,
				nvb_fail(reader->err, NVB_ERR_CORRUPT, "image %s: layer %.12s is gone",
					reader->name, hex),
				"'bolt image pull' or 'bolt image import' it again");
	}
	reader->image->layers = layers;
	reader->image->layer_count = n;
	return 0;
}

int nvb_image_read_config(struct nvb_image *image, const struct nvb_store *store, const char *name,
	const char *text, nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = json_tokener_parse(text);
	const struct reader reading = {.image = image, .name = name, .err = err}, *reader = &reading;
	struct json_object *config;
	int rc;

	if (!json_object_is_type(root, json_type_object))
		return bad(reader, "not a JSON object");
	rc = read_string(reader, root, "architecture", &image->architecture);
	if (rc == 0)
		rc = read_string(reader, root, "os", &image->os);
	if (rc == 0)
		rc = read_layers(reader, store, root);
	if (rc < 0 || !json_object_object_get_ex(root, "config", &config) || !config)
		return rc;
	if (!json_object_is_type(config, json_type_object))
		return bad(reader, "config is not an object");
	rc = read_strings(reader, config, "Entrypoint", &image->entrypoint);
	if (rc == 0)
		rc = read_strings(reader, config, "Cmd", &image->command);
	if (rc == 0)
		rc = read_strings(reader, config, "Env", &image->environment);
	if (rc == 0)
		rc = read_string(reader, config, "User", &image->user);
	if (rc == 0)
		rc = read_string(reader, config, "WorkingDir", &image->working_directory);
	if (rc == 0)
		rc = read_string(reader, config, "StopSignal", &image->stop_signal);
	if (rc == 0)
		rc = read_health(reader, config);
	return rc < 0 ? rc : read_keys(reader, config, "Volumes", &image->volumes);
}

/* The image's lock, shared; taken under the store's lock, so that nobody removes the image in between. */
static int lock_image(const struct nvb_store *store, const char *id, const char *name, nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	char path[96];

	snprintf(path, sizeof(path), "images/%s/lock", id);
	fd = openat(store->fd, path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) < 0)
		return nvb_fail_errno(err, errno, "image %s", name);
	return NVB_TAKE_FD(fd);
}

int nvb_image_open(const struct nvb_store *store, const char *name, struct nvb_image *out, nvb_error **err)
{
	struct nvb_image image = {.lock = -1};
	_cleanup_close_ int lock = nvb_store_lock(store, NVB_STORE_SHARED, err);
	_cleanup_free_ char *reference = NULL, *text = NULL;
	char id[NVB_DIGEST_HEX + 1], path[96];
	int rc = lock < 0 ? lock : nvb_store_find(store, name, id, &reference, err);

	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "images/%s/config.json", id);
	rc = nvb_file_read(store->fd, path, CONFIG_LARGEST, &text, NULL, err);
	if (rc < 0)
		return nvb_hint(err, nvb_wrap(err, rc, "image %s", name), "pull or import it again");
	image.id = nvb_arena_printf(&image.arena, "sha256:%s", id);
	image.reference = reference ? nvb_arena_strdup(&image.arena, reference) : image.id;
	if (!image.id || !image.reference)
		rc = nvb_fail_oom(err);
	if (rc == 0)
		rc = nvb_image_read_config(&image, store, name, text, err);
	if (rc == 0)
		rc = image.lock = lock_image(store, id, name, err);
	if (rc < 0) {
		nvb_image_close(&image);
		return rc;
	}
	*out = image;
	return 0;
}

void nvb_image_close(struct nvb_image *image)
{
	if (image->lock >= 0)
		close(image->lock);
	nvb_arena_release(&image->arena);
	*image = (struct nvb_image){.lock = -1};
}
