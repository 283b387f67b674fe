/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/toml.h"
#include "config/keys.h"

enum { MOST_KEYS = 64 };

/* What one file says; a pointer that is NULL and a row that is not given were not mentioned. */
struct parsed {
	struct nvb_config config;
	bool given[MOST_KEYS]; /* by row of the table */
};

static char **string_at(struct nvb_config *config, size_t offset)
{
	return (char **)((char *)config + offset);
}

static char ***list_at(struct nvb_config *config, size_t offset)
{
	return (char ***)((char *)config + offset);
}

static bool replace(char **where, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return false;
	free(*where);
	*where = copy;
	return true;
}

/* A trailing slash would show up in every path made from the root. */
static bool replace_directory(char **where, const char *value)
{
	size_t n = strlen(value);
	_cleanup_free_ char *trimmed = NULL;

	while (n > 1 && value[n - 1] == '/')
		n--;
	trimmed = strndup(value, n);
	return trimmed && replace(where, trimmed);
}

static bool replace_roots(struct nvb_config *config, const char *root)
{
	return replace_directory(&config->roots.driver, root) &&
	       replace_directory(&config->roots.dev, root) && replace_directory(&config->roots.proc, root) &&
	       replace_directory(&config->roots.sys, root);
}

int nvb_config_init(struct nvb_config *config, nvb_error **err)
{
	*config = (struct nvb_config){
		.log = {.level = NVB_LOG_WARNING, .format = NVB_LOG_TEXT},
		.driver = {.cuda_compat = true, .mask_params = true},
		.runtime = {.accept_environment = true,
			.accept_imex = true,
			.check_requirements = true,
			.capabilities = NVB_CAP_ALL},
		.isolation = {.mig_create = true, .mps = true, .dmem = true},
	};
	return replace_roots(config, "/") ? 0 : nvb_fail_oom(err);
}

void nvb_config_release(struct nvb_config *config)
{
	free(config->roots.driver);
	free(config->roots.dev);
	free(config->roots.proc);
	free(config->roots.sys);
	nvb_strv_free(config->roots.library_path);
	free(config->hook.path);
	nvb_strv_free(config->runtime.runtimes);
	nvb_strv_free(config->runtime.annotation_prefixes);
	nvb_strv_free(config->runtime.swarm_resources);
	nvb_strv_free(config->cdi.directories);
	free(config->cache.directory);
	free(config->snapshots.criu);
	free(config->plugins.directory);
	nvb_strv_free(config->plugins.mount_sources);
	free(config->file);
	*config = (struct nvb_config){0};
}

static int check_absolute(
	const struct nvb_toml *doc, const struct nvb_toml_value *v, const char *path, nvb_error **err)
{
	/* A relative path would mean another place in each process that reads the file. */
	if (*path != '/')
		return nvb_toml_fail(doc, v, err, "'%s' is no absolute path", path);
	return 0;
}

static int check_program(
	const struct nvb_toml *doc, const struct nvb_toml_value *v, const char *name, nvb_error **err)
{
	if (!*name || (*name != '/' && strchr(name, '/')))
		return nvb_toml_fail(
			doc, v, err, "'%s' is neither a program's name nor an absolute path", name);
	return 0;
}

static int check_word(
	const struct nvb_toml *doc, const struct nvb_toml_value *v, const char *word, nvb_error **err)
{
	return *word ? 0 : nvb_toml_fail(doc, v, err, "a word of the list is empty");
}

static int read_list(const struct nvb_toml *doc, const struct nvb_toml_value *v,
	int (*check)(const struct nvb_toml *, const struct nvb_toml_value *, const char *, nvb_error **),
	char ***out, nvb_error **err)
{
	_cleanup_strv_ char **list = NULL;
	size_t i = 0;
	int rc = nvb_toml_strv(doc, v, &list, err);

	if (rc < 0)
		return rc;
	nvb_toml_foreach(element, v)
	{
		rc = check(doc, element, list[i++], err);
		if (rc < 0)
			return rc;
	}
	*out = NVB_TAKE_PTR(list);
	return 0;
}

static int read_path(const struct nvb_toml *doc, const struct nvb_toml_value *v, const struct config_key *key,
	struct nvb_config *config, nvb_error **err)
{
	const char *path = NULL;
	bool stored;
	int rc = nvb_toml_string(doc, v, &path, err);

	if (rc == 0)
		rc = check_absolute(doc, v, path, err);
	if (rc < 0)
		return rc;
	if (key->type == CONFIG_ROOT)
		stored = replace_roots(config, path);
	else if (key->type == CONFIG_DIRECTORY)
		stored = replace_directory(string_at(config, key->offset), path);
	else
		stored = replace(string_at(config, key->offset), path);
	return stored ? 0 : nvb_fail_oom(err);
}

static int read_capabilities(
	const struct nvb_toml *doc, const struct nvb_toml_value *v, unsigned *capabilities, nvb_error **err)
{
	_cleanup_strv_ char **words = NULL;
	unsigned bits = 0;
	int rc = nvb_toml_strv(doc, v, &words, err);

	if (rc < 0)
		return rc;
	if (v->items.count == 0)
		return nvb_toml_fail(doc, v, err, "'capabilities' allows none");
	nvb_toml_foreach(element, v)
	{
		int value = 0;

		rc = nvb_toml_choice(doc, element, nvb_config_capability_choices, &value, err);
		if (rc < 0)
			return rc;
		bits |= (unsigned)value;
	}
	*capabilities = bits;
	return 0;
}

static int read_choice(const struct nvb_toml *doc, const struct nvb_toml_value *v, enum config_type type,
	struct nvb_config *config, nvb_error **err)
{
	const struct nvb_choice *choices = type == CONFIG_LEVEL	   ? nvb_log_level_choices
					   : type == CONFIG_FORMAT ? nvb_log_format_choices
								   : nvb_config_layout_choices;
	int value = 0, rc = nvb_toml_choice(doc, v, choices, &value, err);

	if (rc < 0)
		return rc;
	if (type == CONFIG_LEVEL)
		config->log.level = (enum nvb_log_level)value;
	else if (type == CONFIG_FORMAT)
		config->log.format = (enum nvb_log_format)value;
	else
		config->runtime.layout = (enum nvb_layout)value;
	return 0;
}

static int read_key(const struct nvb_toml *doc, const struct nvb_toml_value *v, const struct config_key *key,
	struct nvb_config *config, nvb_error **err)
{
	switch (key->type) {
	case CONFIG_ROOT:
	case CONFIG_DIRECTORY:
	case CONFIG_FILE:
		return read_path(doc, v, key, config, err);
	case CONFIG_DIRECTORIES:
		return read_list(doc, v, check_absolute, list_at(config, key->offset), err);
	case CONFIG_PROGRAMS:
		if (v->type == NVB_TOML_ARRAY && v->items.count == 0)
			return nvb_toml_fail(doc, v, err, "'%s' names no program", key->name);
		return read_list(doc, v, check_program, list_at(config, key->offset), err);
	case CONFIG_WORDS:
		return read_list(doc, v, check_word, list_at(config, key->offset), err);
	case CONFIG_FLAG:
		return nvb_toml_bool(doc, v, (bool *)((char *)config + key->offset), err);
	case CONFIG_LEVEL:
	case CONFIG_FORMAT:
	case CONFIG_LAYOUT:
		return read_choice(doc, v, key->type, config, err);
	case CONFIG_CAPABILITIES:
		return read_capabilities(doc, v, &config->runtime.capabilities, err);
	}
	return 0;
}

/* Every section and key of the file must be in the table. */
static int check_known(const struct nvb_toml *doc, nvb_error **err)
{
	const char *sections[MOST_KEYS], *names[MOST_KEYS];
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < nvb_config_table_size; i++)
		if (i == 0 || !nvb_streq(nvb_config_table[i].section, nvb_config_table[i - 1].section))
			sections[count++] = nvb_config_table[i].section;
	rc = nvb_toml_check_keys(doc, &doc->root, "the configuration", sections, count, err);
	if (rc < 0)
		return rc;
	nvb_toml_foreach(section, &doc->root)
	{
		const struct nvb_toml_value *table;
		char where[40];

		rc = nvb_toml_get_table(doc, &doc->root, section->key, &table, err);
		if (rc < 0)
			return rc;
		count = 0;
		for (size_t i = 0; i < nvb_config_table_size; i++)
			if (nvb_streq(nvb_config_table[i].section, section->key))
				names[count++] = nvb_config_table[i].name;
		snprintf(where, sizeof(where), "[%s]", section->key);
		rc = nvb_toml_check_keys(doc, table, where, names, count, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void move_string(char **to, char **from)
{
	if (!*from)
		return;
	free(*to);
	*to = NVB_TAKE_PTR(*from);
}

static void move_list(char ***to, char ***from)
{
	if (!*from)
		return;
	nvb_strv_free(*to);
	*to = NVB_TAKE_PTR(*from);
}

static void copy_scalar(
	struct nvb_config *config, const struct nvb_config *from, const struct config_key *key)
{
	if (key->type == CONFIG_LEVEL)
		config->log.level = from->log.level;
	else if (key->type == CONFIG_FORMAT)
		config->log.format = from->log.format;
	else if (key->type == CONFIG_LAYOUT)
		config->runtime.layout = from->runtime.layout;
	else if (key->type == CONFIG_CAPABILITIES)
		config->runtime.capabilities = from->runtime.capabilities;
	else if (key->type == CONFIG_FLAG)
		*(bool *)((char *)config + key->offset) = *(const bool *)((const char *)from + key->offset);
}

/* Cannot fail, so that a file counts whole or not at all. */
static void merge(struct nvb_config *config, struct parsed *parsed)
{
	struct nvb_config *from = &parsed->config;

	for (size_t i = 0; i < nvb_config_table_size; i++) {
		const struct config_key *key = &nvb_config_table[i];

		if (key->type == CONFIG_DIRECTORY || key->type == CONFIG_FILE)
			move_string(string_at(config, key->offset), string_at(from, key->offset));
		else if (key->type == CONFIG_DIRECTORIES || key->type == CONFIG_PROGRAMS ||
			 key->type == CONFIG_WORDS)
			move_list(list_at(config, key->offset), list_at(from, key->offset));
		else if (parsed->given[i])
			copy_scalar(config, from, key);
	}
}

static int read_keys(const struct nvb_toml *doc, struct parsed *parsed, nvb_error **err)
{
	int rc = check_known(doc, err);

	for (size_t i = 0; rc == 0 && i < nvb_config_table_size; i++) {
		const struct config_key *key = &nvb_config_table[i];
		const struct nvb_toml_value *v =
			nvb_toml_get(nvb_toml_get(&doc->root, key->section), key->name);

		if (!v)
			continue;
		rc = read_key(doc, v, key, &parsed->config, err);
		parsed->given[i] = true;
	}
	return rc;
}

int nvb_config_parse(
	struct nvb_config *config, const char *data, size_t size, const char *file, nvb_error **err)
{
	_cleanup_toml_ struct nvb_toml doc = {0};
	struct parsed parsed = {0};
	int rc = nvb_toml_parse(&doc, data, size, file, err);

	if (rc == 0)
		rc = read_keys(&doc, &parsed, err);
	if (rc == 0 && !replace(&config->file, file))
		rc = nvb_fail_oom(err);
	if (rc == 0)
		merge(config, &parsed);
	nvb_config_release(&parsed.config);
	return rc;
}

int nvb_config_set_root(struct nvb_config *config, const char *root, nvb_error **err)
{
	_cleanup_free_ char *absolute = NULL;
	struct parsed parsed = {0};
	int rc;

	if (!root || !*root)
		return 0;
	rc = nvb_config_set_directory(&absolute, root, err);
	if (rc < 0)
		return rc;
	if (replace_roots(&parsed.config, absolute))
		merge(config, &parsed);
	else
		rc = nvb_fail_oom(err);
	nvb_config_release(&parsed.config);
	return rc;
}

int nvb_config_set_directory(char **where, const char *path, nvb_error **err)
{
	_cleanup_free_ char *absolute = NULL;

	if (*path != '/') {
		absolute = realpath(path, NULL);
		if (!absolute)
			return nvb_fail_errno(err, errno, "root directory %s", path);
	}
	return replace_directory(where, absolute ? absolute : path) ? 0 : nvb_fail_oom(err);
}
