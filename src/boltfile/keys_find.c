/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "boltfile/keys.h"

/* Looking keys up, and what people are told of them. */

static const char *const type_names[] = {
	[KEY_TEXT] = "a string",
	[KEY_NAME] = "a name",
	[KEY_IMAGE] = "an image",
	[KEY_CHOICE] = "one of these words",
	[KEY_INTEGER] = "an integer",
	[KEY_NUMBER] = "a number",
	[KEY_SIZE] = "a size",
	[KEY_LIMIT] = "a size with its unit",
	[KEY_PERCENT] = "a percentage",
	[KEY_DURATION] = "a duration",
	[KEY_DIRECTORY] = "an absolute path",
	[KEY_LIST] = "a list of strings",
	[KEY_WORDS] = "a list of strings, or a string",
	[KEY_TEST] = "a list of strings, or a string",
	[KEY_PAIRS] = "a table, or a list of NAME=VALUE",
	[KEY_FILES] = "a list of strings, or a string",
	[KEY_PATHS] = "a list of files, or a file",
	[KEY_VOLUMES] = "a list of volumes",
	[KEY_PORTS] = "a list of ports",
	[KEY_DEPENDS] = "a list of services, or a table",
	[KEY_DEVICES] = "a list of GPUs",
	[KEY_NAMES] = "a list of names",
	[KEY_LIMITS] = "a list of NAME=LIMIT, or a table",
	[KEY_FLAG] = "true or false",
	[KEY_NONE] = "anything",
	[KEY_SAME] = "a table",
	[KEY_EACH] = "a table",
};

const char *nvb_boltfile_type_name(const struct boltfile_key *key)
{
	return type_names[key->type];
}

const struct boltfile_key *nvb_boltfile_key(const char *path)
{
	for (size_t i = 0; i < nvb_boltfile_table_size; i++)
		if (nvb_streq(nvb_boltfile_table[i].path, path))
			return &nvb_boltfile_table[i];
	return NULL;
}

/* What of a row's path stands below `path`; NULL when it does not stand there. */
static const char *below(const struct boltfile_key *key, const char *path)
{
	const char *rest = *path ? nvb_after(key->path, path) : key->path;

	if (!rest || !*path)
		return rest;
	return *rest == '.' ? rest + 1 : NULL;
}

bool nvb_boltfile_has_below(const char *path)
{
	for (size_t i = 0; i < nvb_boltfile_table_size; i++)
		if (below(&nvb_boltfile_table[i], path))
			return true;
	return false;
}

size_t nvb_boltfile_below(
	const char *path, struct nvb_arena *arena, const char *names[static NVB_BOLTFILE_MOST_BELOW])
{
	size_t count = 0;

	for (size_t i = 0; i < nvb_boltfile_table_size; i++) {
		const char *rest = below(&nvb_boltfile_table[i], path), *name;
		bool known = false;

		if (!rest || count == NVB_BOLTFILE_MOST_BELOW)
			continue;
		name = nvb_arena_strndup(arena, rest, strcspn(rest, "."));
		for (size_t n = 0; name && n < count; n++)
			known = known || nvb_streq(names[n], name);
		if (name && !known)
			names[count++] = name;
	}
	return count;
}

const char *nvb_boltfile_nearest_below(const char *path, const char *word)
{
	for (size_t i = 0; i < nvb_boltfile_table_size; i++) {
		const char *rest = below(&nvb_boltfile_table[i], path),
			   *last = rest ? strrchr(rest, '.') : NULL;

		/* What a user names has no name to be shown. */
		if (!last || strchr(rest, '*') || nvb_boltfile_table[i].without)
			continue;
		last++;
		if (nvb_nearest(word, &last, 1))
			return rest;
	}
	return NULL;
}

void nvb_boltfile_keys(void (*each)(const struct nvb_boltfile_key_info *key, void *data), void *data)
{
	for (size_t i = 0; i < nvb_boltfile_table_size; i++) {
		const struct boltfile_key *key = &nvb_boltfile_table[i];
		struct nvb_boltfile_key_info info = {
			.path = key->path,
			.type = type_names[key->type],
			.help = key->without ? key->without
				: key->other ? key->other
					     : key->help,
			.no_effect = key->without != NULL,
			.same = key->other != NULL,
			.choices = key->choices,
		};

		each(&info, data);
	}
}
