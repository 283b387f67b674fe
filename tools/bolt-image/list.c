/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/str.h"
#include "bolt-image.h"
#include "cli/output.h"

/* bolt image ls, bolt image inspect. */

static int format = NVB_FORMAT_TABLE;
static bool quiet;

static const struct nvb_option ls_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "table or json"},
	{"quiet", 'q', NVB_OPTION_FLAG(&quiet), "print ids alone"},
	{NULL},
};
const struct nvb_option_group ls_groups[] = {{"Options", ls_options}, {NULL}};

struct listed {
	char *name; /* NULL: the image has no name any more */
	char id[NVB_DIGEST_HEX + 1];
	uint64_t size;
	size_t layers;
	time_t added;
};

static struct json_object *read_config(const struct nvb_store *store, const char *id, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	struct json_object *root;
	char path[96];

	snprintf(path, sizeof(path), "images/%s/config.json", id);
	if (nvb_file_read(store->fd, path, 4 << 20, &text, NULL, err) < 0)
		return NULL;
	root = json_tokener_parse(text);
	if (!json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		nvb_fail(err, NVB_ERR_CORRUPT, "image %.12s: config.json is not a JSON object", id);
		return NULL;
	}
	return root;
}

static void measure(const struct nvb_store *store, struct listed *item)
{
	_cleanup_(json_putp) struct json_object *root = read_config(store, item->id, NULL);
	struct json_object *rootfs, *ids;
	char path[96];
	struct stat st;

	snprintf(path, sizeof(path), "images/%s/config.json", item->id);
	if (fstatat(store->fd, path, &st, 0) == 0)
		item->added = st.st_mtime;
	if (!root || !json_object_object_get_ex(root, "rootfs", &rootfs) ||
		!json_object_object_get_ex(rootfs, "diff_ids", &ids) ||
		!json_object_is_type(ids, json_type_array))
		return;
	item->layers = json_object_array_length(ids);
	for (size_t i = 0; i < item->layers; i++) {
		const char *id = json_object_get_string(json_object_array_get_idx(ids, i));
		const char *hex = id ? nvb_after(id, "sha256:") : NULL;

		if (hex && nvb_is_digest(hex))
			item->size += nvb_store_layer_size(store, hex);
	}
}

static bool named(const struct listed *items, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (nvb_streq(items[i].id, id))
			return true;
	return false;
}

/* Every name, then the images that have none. */
static int gather(const struct nvb_store *store, char **references, char **ids, struct listed *items,
	size_t *count, nvb_error **err)
{
	size_t names;

	nvb_strv_foreach (reference, references) {
		struct listed *item = &items[*count];

		if (nvb_store_read_ref(store, *reference, item->id, NULL) < 0)
			continue; /* removed since it was listed, or damaged: inspect says so */
		item->name = *reference;
		(*count)++;
	}
	names = *count;
	nvb_strv_foreach (id, ids) {
		if (!named(items, names, *id))
			memcpy(items[(*count)++].id, *id, NVB_DIGEST_HEX + 1);
	}
	for (size_t i = 0; i < *count; i++)
		measure(store, &items[i]);
	(void)err;
	return 0;
}

static int print_table(const struct listed *items, size_t count, nvb_error **err)
{
	static const struct nvb_column columns[] = {
		{"NAME"}, {"ID"}, {"LAYERS", true}, {"SIZE", true}, {"ADDED"}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};

	for (size_t i = 0; i < count; i++) {
		char size[32], date[32];
		struct tm tm;

		strftime(date, sizeof(date), "%Y-%m-%d %H:%M", localtime_r(&items[i].added, &tm));
		nvb_table_cell(&table, items[i].name);
		nvb_table_cellf(&table, "%.12s", items[i].id);
		nvb_table_cellf(&table, "%zu", items[i].layers);
		nvb_table_cell(&table, nvb_format_bytes(items[i].size, size, sizeof(size)));
		nvb_table_cell(&table, date);
	}
	return nvb_table_print(&table, stdout, err);
}

static void print_json(const struct listed *items, size_t count)
{
	_cleanup_(json_putp) struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_new_object();
		char id[NVB_DIGEST_HEX + 16];

		snprintf(id, sizeof(id), "sha256:%s", items[i].id);
		json_object_object_add(
			item, "name", items[i].name ? json_object_new_string(items[i].name) : NULL);
		json_object_object_add(item, "id", json_object_new_string(id));
		json_object_object_add(item, "layers", json_object_new_uint64(items[i].layers));
		json_object_object_add(item, "size_bytes", json_object_new_uint64(items[i].size));
		json_object_object_add(item, "added_unix", json_object_new_int64(items[i].added));
		json_object_array_add(list, item);
	}
	puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
}

int image_ls(int argc, char **argv, nvb_error **err)
{
	_cleanup_(nvb_store_close) struct nvb_store store = {.fd = -1};
	_cleanup_strv_ char **references = NULL, **ids = NULL;
	_cleanup_free_ struct listed *items = NULL;
	_cleanup_close_ int lock = -1;
	size_t count = 0;
	int rc = open_store(&store, err);

	(void)argc;
	(void)argv;
	if (rc == 0)
		rc = lock = nvb_store_lock(&store, NVB_STORE_SHARED, err);
	if (rc >= 0)
		rc = nvb_store_refs(&store, &references, err);
	if (rc == 0)
		rc = nvb_store_digests(&store, "images", &ids, err);
	if (rc < 0)
		return rc;
	items = calloc(nvb_strv_length(references) + nvb_strv_length(ids) + 1, sizeof(*items));
	if (!items)
		return nvb_fail_oom(err);
	rc = gather(&store, references, ids, items, &count, err);
	if (rc < 0)
		return rc;
	if (quiet)
		for (size_t i = 0; i < count; i++)
			printf("%s\n", items[i].id);
	else if (format == NVB_FORMAT_JSON)
		print_json(items, count);
	else
		rc = print_table(items, count, err);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

static int inspect_one(
	const struct nvb_store *store, const char *name, struct json_object *list, nvb_error **err)
{
	_cleanup_free_ char *reference = NULL;
	struct json_object *item, *config, *names = json_object_new_array();
	_cleanup_strv_ char **references = NULL;
	char id[NVB_DIGEST_HEX + 1], other[NVB_DIGEST_HEX + 1], digest[NVB_DIGEST_HEX + 16];
	int rc = nvb_store_find(store, name, id, &reference, err);

	config = rc == 0 ? read_config(store, id, err) : NULL;
	if (config)
		rc = nvb_store_refs(store, &references, err);
	if (!config || rc < 0) {
		json_object_put(config);
		json_object_put(names);
		return rc < 0 ? rc : -(int)NVB_ERR_CORRUPT;
	}
	nvb_strv_foreach (candidate, references) {
		if (nvb_store_read_ref(store, *candidate, other, NULL) == 0 && nvb_streq(other, id))
			json_object_array_add(names, json_object_new_string(*candidate));
	}
	snprintf(digest, sizeof(digest), "sha256:%s", id);
	item = json_object_new_object();
	json_object_object_add(item, "id", json_object_new_string(digest));
	json_object_object_add(item, "names", names);
	json_object_object_add(item, "config", config);
	json_object_array_add(list, item);
	return 0;
}

int image_inspect(int argc, char **argv, nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *list = json_object_new_array();
	_cleanup_(nvb_store_close) struct nvb_store store = {.fd = -1};
	_cleanup_close_ int lock = -1;
	int rc = open_store(&store, err);

	if (rc == 0)
		rc = lock = nvb_store_lock(&store, NVB_STORE_SHARED, err);
	for (int i = 0; rc >= 0 && i < argc; i++)
		rc = inspect_one(&store, argv[i], list, err);
	if (rc < 0)
		return rc;
	puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	return nvb_stdout_flush(err);
}
