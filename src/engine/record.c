/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/toml.h"
#include "engine/document.h"

#define RECORD	 "record.toml"
#define ORIGINAL "original"
#define WRITTEN	 "written"

int engine_state_directory(char **directory, nvb_error **err)
{
	const char *state = secure_getenv("XDG_STATE_HOME"), *home = secure_getenv("HOME");
	int n;

	if (geteuid() == 0)
		n = asprintf(directory, "/var/lib/nvbind/engine");
	else if (state && *state == '/')
		n = asprintf(directory, "%s/nvbind/engine", state);
	else if (home && *home == '/')
		n = asprintf(directory, "%s/.local/state/nvbind/engine", home);
	else
		return nvb_hint(err, nvb_fail(err, NVB_ERR_NOT_FOUND, "no home directory: HOME is not set"),
			"say where backups go with --state-dir");
	return n < 0 ? nvb_fail_oom(err) : 0;
}

/* FNV-1a: a name for any path, however long. The record itself says which path it is. */
static uint64_t hash_of(const char *s)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *s; s++)
		hash = (hash ^ (unsigned char)*s) * 0x100000001b3u;
	return hash;
}

int engine_record_directory(const char *state_directory, const char *file, char **directory, nvb_error **err)
{
	const char *name = strrchr(file, '/');

	if (asprintf(directory, "%s/%.100s-%016llx", state_directory, name ? name + 1 : file,
		    (unsigned long long)hash_of(file)) < 0)
		return nvb_fail_oom(err);
	return 0;
}

/* Building. */

static void release_change(struct engine_change *change)
{
	nvb_strv_free(change->path);
	free(change->value);
	free(change->old);
}

void engine_record_clear(struct engine_record *record)
{
	for (size_t i = 0; i < record->change_count; i++)
		release_change(&record->changes[i]);
	for (size_t i = 0; i < record->table_count; i++)
		nvb_strv_free(record->tables[i]);
	record->change_count = record->table_count = 0;
}

void engine_record_release(struct engine_record *record)
{
	engine_record_clear(record);
	free(record->changes);
	free(record->tables);
	free(record->file);
	free(record->engine);
	free(record->original);
	free(record->written);
	nvb_strv_free(record->directories);
	*record = (struct engine_record){0};
}

static bool same_path(char *const *a, const char *const *b, size_t depth)
{
	for (size_t i = 0; i < depth; i++)
		if (!a[i] || !nvb_streq(a[i], b[i]))
			return false;
	return !a[depth];
}

static char **copy_path(const char *const *path, size_t depth)
{
	char **copy = NULL;

	for (size_t i = 0; i < depth; i++) {
		if (nvb_strv_add(&copy, path[i]))
			continue;
		nvb_strv_free(copy);
		return NULL;
	}
	return copy;
}

bool engine_record_change(
	struct engine_record *record, const char *const *path, const char *value, const char *old)
{
	size_t depth = document_path_depth(path);
	struct engine_change change = {0};

	for (size_t i = 0; i < record->change_count; i++) {
		char *copy;

		if (!same_path(record->changes[i].path, path, depth))
			continue;
		copy = strdup(value);
		if (!copy)
			return false;
		free(record->changes[i].value);
		record->changes[i].value = copy;
		return true;
	}
	change = (struct engine_change){copy_path(path, depth), strdup(value), old ? strdup(old) : NULL};
	if (change.path && change.value && (change.old || !old) &&
		NVB_GROW(record->changes, record->change_count, record->change_capacity)) {
		record->changes[record->change_count++] = change;
		return true;
	}
	release_change(&change);
	return false;
}

bool engine_record_table(struct engine_record *record, const char *const *path, size_t depth)
{
	char **copy;

	for (size_t i = 0; i < record->table_count; i++)
		if (same_path(record->tables[i], path, depth))
			return true;
	copy = copy_path(path, depth);
	if (copy && NVB_GROW(record->tables, record->table_count, record->table_capacity)) {
		record->tables[record->table_count++] = copy;
		return true;
	}
	nvb_strv_free(copy);
	return false;
}

/* Writing. */

static void add_strings(struct nvb_strbuf *sb, const char *key, char *const *strings)
{
	static const char *const none[] = {NULL};
	_cleanup_free_ char *list = document_strings(strings ? (const char *const *)strings : none);

	nvb_sb_addf(sb, "%s = %s\n", key, list ? list : "");
	sb->failed = sb->failed || !list;
}

static void add_text(struct nvb_strbuf *sb, const char *key, const char *s)
{
	nvb_sb_addf(sb, "%s = ", key);
	document_add_string(sb, s);
	nvb_sb_addc(sb, '\n');
}

static void render(struct nvb_strbuf *sb, const struct engine_record *record)
{
	nvb_sb_add(sb, "# What 'nvbind runtime configure' changed; '--undo' reads it.\n");
	add_text(sb, "file", record->file);
	add_text(sb, "engine", record->engine);
	nvb_sb_addf(sb, "existed = %s\n", record->existed ? "true" : "false");
	add_strings(sb, "directories", record->directories);
	for (size_t i = 0; i < record->change_count; i++) {
		const struct engine_change *change = &record->changes[i];

		nvb_sb_add(sb, "\n[[change]]\n");
		add_strings(sb, "path", change->path);
		add_text(sb, "value", change->value);
		if (change->old)
			add_text(sb, "old", change->old);
	}
	for (size_t i = 0; i < record->table_count; i++) {
		nvb_sb_add(sb, "\n[[table]]\n");
		add_strings(sb, "path", record->tables[i]);
	}
}

static int write_part(const char *directory, const char *name, const char *data, size_t size, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		path = NULL;
		return nvb_fail_oom(err);
	}
	return nvb_file_write(AT_FDCWD, path, data, size, 0600, err);
}

int engine_record_write(const struct engine_record *record, const char *directory, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	int rc;

	render(&sb, record);
	if (sb.failed)
		return nvb_fail_oom(err);
	rc = nvb_file_mkdirs(AT_FDCWD, directory, 0755, err);
	if (rc == 0 && record->existed)
		rc = write_part(directory, ORIGINAL, record->original, record->original_size, err);
	if (rc == 0)
		rc = write_part(directory, WRITTEN, record->written, record->written_size, err);
	/* Last: a record without its parts would be none. */
	return rc < 0 ? rc : write_part(directory, RECORD, sb.s, sb.len, err);
}

int engine_record_remove(const char *directory, nvb_error **err)
{
	return nvb_file_remove_tree(AT_FDCWD, directory, err);
}

/* Reading. */

static int read_part(const char *directory, const char *name, char **data, size_t *size, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		path = NULL;
		return nvb_fail_oom(err);
	}
	return nvb_file_read(AT_FDCWD, path, NVB_TOML_MAX * 2, data, size, err);
}

static int read_text(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	char **out, nvb_error **err)
{
	const char *s = NULL;
	int rc = nvb_toml_get_string(doc, table, key, &s, err);

	if (rc == 0 && s && !(*out = strdup(s)))
		rc = nvb_fail_oom(err);
	return rc;
}

static int read_change(const struct nvb_toml *doc, const struct nvb_toml_value *table,
	struct engine_record *record, nvb_error **err)
{
	struct engine_change change = {0};
	int rc = nvb_toml_get_strv(doc, table, "path", &change.path, err);

	if (rc == 0)
		rc = read_text(doc, table, "value", &change.value, err);
	if (rc == 0)
		rc = read_text(doc, table, "old", &change.old, err);
	if (rc == 0 && (!change.path || !change.path[0] || !change.value))
		rc = nvb_toml_fail(doc, table, err, "a change without path or value");
	if (rc == 0 && !NVB_GROW(record->changes, record->change_count, record->change_capacity))
		rc = nvb_fail_oom(err);
	if (rc == 0)
		record->changes[record->change_count++] = change;
	else
		release_change(&change);
	return rc;
}

static int read_table(const struct nvb_toml *doc, const struct nvb_toml_value *table,
	struct engine_record *record, nvb_error **err)
{
	char **path = NULL;
	int rc = nvb_toml_get_strv(doc, table, "path", &path, err);

	if (rc == 0 && (!path || !path[0]))
		rc = nvb_toml_fail(doc, table, err, "a table without path");
	if (rc == 0 && !NVB_GROW(record->tables, record->table_count, record->table_capacity))
		rc = nvb_fail_oom(err);
	if (rc == 0)
		record->tables[record->table_count++] = path;
	else
		nvb_strv_free(path);
	return rc;
}

static int decode(struct engine_record *record, const struct nvb_toml *doc, nvb_error **err)
{
	const struct nvb_toml_value *root = &doc->root;
	int rc = read_text(doc, root, "file", &record->file, err);

	if (rc == 0)
		rc = read_text(doc, root, "engine", &record->engine, err);
	if (rc == 0)
		rc = nvb_toml_get_bool(doc, root, "existed", &record->existed, err);
	if (rc == 0)
		rc = nvb_toml_get_strv(doc, root, "directories", &record->directories, err);
	nvb_toml_foreach(v, nvb_toml_get(root, "change")) if (rc == 0) rc = read_change(doc, v, record, err);
	nvb_toml_foreach(v, nvb_toml_get(root, "table")) if (rc == 0) rc = read_table(doc, v, record, err);
	if (rc == 0 && (!record->file || !record->engine))
		rc = nvb_fail(err, NVB_ERR_CORRUPT, "%s: no record", doc->file);
	return rc;
}

int engine_record_read(struct engine_record *record, const char *directory, nvb_error **err)
{
	_cleanup_toml_ struct nvb_toml doc = {0};
	_cleanup_free_ char *path = NULL;
	nvb_error *failure = NULL;
	int rc;

	if (asprintf(&path, "%s/" RECORD, directory) < 0) {
		path = NULL;
		return nvb_fail_oom(err);
	}
	rc = nvb_toml_read(&doc, AT_FDCWD, path, NVB_TOML_MAX * 4, &failure);
	if (rc == -NVB_ERR_NOT_FOUND) {
		nvb_error_free(failure);
		return 0;
	}
	if (rc == 0)
		rc = decode(record, &doc, &failure);
	if (rc == 0 && record->existed)
		rc = read_part(directory, ORIGINAL, &record->original, &record->original_size, &failure);
	if (rc == 0)
		rc = read_part(directory, WRITTEN, &record->written, &record->written_size, &failure);
	if (rc == 0)
		return 1;
	engine_record_release(record);
	nvb_error_move(err, failure);
	return nvb_wrap(err, rc, "the record of what was changed");
}

int engine_record_files(const char *state_directory, const char *engine, char ***files, nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = opendir(state_directory);
	_cleanup_strv_ char **found = NULL;
	const struct dirent *entry;

	if (!dir && errno != ENOENT)
		return nvb_fail_errno(err, errno, "%s", state_directory);
	while (dir && (entry = readdir(dir))) {
		_cleanup_engine_record_ struct engine_record record = {0};
		_cleanup_free_ char *directory = NULL;
		int rc;

		if (entry->d_name[0] == '.')
			continue;
		if (asprintf(&directory, "%s/%s", state_directory, entry->d_name) < 0) {
			directory = NULL;
			return nvb_fail_oom(err);
		}
		rc = engine_record_read(&record, directory, err);
		if (rc < 0)
			return rc;
		if (rc == 1 && nvb_streq(record.engine, engine) && !nvb_strv_add(&found, record.file))
			return nvb_fail_oom(err);
	}
	*files = NVB_TAKE_PTR(found);
	return 0;
}
