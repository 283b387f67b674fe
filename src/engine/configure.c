/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/configure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "engine/diff.h"
#include "engine/record.h"
#include "engine/replace.h"
#include "engine/target.h"

static const char heading[] =
	"# Written by 'nvbind runtime configure --runtime %s'; the same with --undo takes it "
	"away.\n";

/* One edit on its way: the text as far as it is. */
struct job {
	const struct engine *engine;
	struct engine_target target;
	char *directory; /* of the record */
	struct engine_record record;
	bool has_record;
	char *text; /* what the file shall hold */
	size_t size;
	char **notes;
};

static void release_job(struct job *job)
{
	engine_target_release(&job->target);
	engine_record_release(&job->record);
	nvb_strv_free(job->notes);
	free(job->directory);
	free(job->text);
}

void engine_outcome_release(struct engine_outcome *outcome)
{
	free(outcome->file);
	free(outcome->backup);
	nvb_sb_release(&outcome->diff);
	nvb_strv_free(outcome->notes);
	*outcome = (struct engine_outcome){0};
}

static int begin(struct job *job, const char *file, const char *state_directory, nvb_error **err)
{
	int rc = engine_target_read(&job->target, file, err);

	if (rc == 0)
		rc = engine_record_directory(state_directory, job->target.path, &job->directory, err);
	if (rc == 0)
		rc = engine_record_read(&job->record, job->directory, err);
	job->has_record = rc == 1;
	if (rc == 1 && !nvb_streq(job->record.file, job->target.path))
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s is the record of another file, %s", job->directory,
			job->record.file);
	return rc < 0 ? rc : 0;
}

static bool is_text(const struct job *job, const char *text, size_t size)
{
	return job->target.exists && job->target.size == size && memcmp(job->target.text, text, size) == 0;
}

static void set_text(struct job *job, struct nvb_strbuf *text)
{
	free(job->text);
	job->text = text->s;
	job->size = text->len;
	*text = (struct nvb_strbuf){0};
}

/* A value that is somebody's own by now. */
static int note_kept(struct job *job, const char *const *path, nvb_error **err)
{
	_cleanup_free_ char *where = document_path_text(path), *text = NULL;

	if (!where ||
		asprintf(&text, "%s: %s was changed since and stays as it is", job->target.path, where) < 0) {
		text = NULL;
		return nvb_fail_oom(err);
	}
	return nvb_strv_add(&job->notes, text) ? 0 : nvb_fail_oom(err);
}

/* Taking our values out of a text. */

static int undo_change(struct job *job, const struct engine_change *change, nvb_error **err)
{
	const struct document_format *format = job->engine->format;
	const char *const *path = (const char *const *)change->path;
	const char *file = job->target.path;
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	_cleanup_free_ char *now = NULL;
	int rc = format->get(job->text, job->size, path, file, &now, err);

	if (rc < 0 || !now)
		return rc; /* somebody has taken it out already */
	rc = *now ? format->same(now, change->value, err) : 0;
	if (rc < 0)
		return rc;
	if (rc == 0)
		return note_kept(job, path, err);
	rc = change->old ? document_set(format, job->text, job->size, path, change->old, file, &out, err)
			 : document_unset(format, job->text, job->size, path, file, &out, err);
	if (rc == 0)
		set_text(job, &out);
	return rc;
}

/* Whether the change was about the runtime that a text names, and nothing is left of it. */
static int is_gone(
	struct job *job, const struct engine_change *change, const char *name, bool *gone, nvb_error **err)
{
	const char *const *path = (const char *const *)change->path;
	_cleanup_free_ char *left = NULL;
	bool about = false;
	int rc;

	nvb_strv_foreach (key, change->path) {
		_cleanup_free_ char *text = document_string(*key);

		about = about || (text && job->engine->format->same(name, text, NULL) == 1);
	}
	if (!about)
		return 0;
	rc = job->engine->format->get(job->text, job->size, path, job->target.path, &left, err);
	*gone = *gone || (rc == 0 && !left);
	return rc;
}

/* A default runtime that the engine no longer knows would keep it from starting containers. */
static int check_default(struct job *job, nvb_error **err)
{
	const struct engine_record *record = &job->record;
	const char *file = job->target.path;
	struct nvb_arena arena = {0};
	_cleanup_free_ char *now = NULL;
	const char *const *path;
	bool gone = false;
	int rc = job->engine->default_path(&arena, file, job->text, job->size, &path, err);

	if (rc == 0)
		rc = job->engine->format->get(job->text, job->size, path, file, &now, err);
	for (size_t i = 0; rc == 0 && now && i < record->change_count; i++)
		rc = is_gone(job, &record->changes[i], now, &gone, err);
	nvb_arena_release(&arena);
	if (rc < 0 || !gone)
		return rc;
	rc = nvb_fail(err, NVB_ERR_CONFLICT, "%s: somebody has made %s the default runtime since", file, now);
	return nvb_hint(err, rc, "choose another default there, then undo");
}

/* job->text without what the record says is ours. */
static int take_out(struct job *job, nvb_error **err)
{
	struct engine_record *record = &job->record;
	int rc = 0;

	for (size_t i = record->change_count; rc == 0 && i-- > 0;)
		rc = undo_change(job, &record->changes[i], err);
	for (size_t i = record->table_count; rc == 0 && i-- > 0;) {
		_cleanup_strbuf_ struct nvb_strbuf out = {0};

		rc = document_unset(job->engine->format, job->text, job->size,
			(const char *const *)record->tables[i], job->target.path, &out, err);
		if (rc == 0)
			set_text(job, &out);
	}
	return rc;
}

static int copy_current(struct job *job, nvb_error **err)
{
	struct nvb_strbuf text = {0};

	nvb_sb_addn(&text, job->target.text, job->target.size);
	nvb_sb_add(&text, "");
	if (text.failed)
		return nvb_fail_oom(err);
	set_text(job, &text);
	return 0;
}

/* Configure. */

static int keep_original(struct job *job, nvb_error **err)
{
	struct engine_record *record = &job->record;
	int rc;

	free(record->original);
	record->original = NULL;
	record->original_size = 0;
	/* Edited since: what a backup is to hold is their text without our values. */
	rc = copy_current(job, err);
	if (rc == 0)
		rc = take_out(job, err);
	nvb_strv_free(NVB_TAKE_PTR(job->notes));
	if (rc < 0)
		return rc;
	record->original = NVB_TAKE_PTR(job->text);
	record->original_size = job->size;
	record->existed = true;
	return 0;
}

/* The record that the edit goes on from: a new one, the old one, or the old one on a text edited since. */
static int prepare_record(struct job *job, nvb_error **err)
{
	struct engine_record *record = &job->record;

	if (job->has_record && !is_text(job, record->written, record->written_size)) {
		bool as_before = record->existed ? is_text(job, record->original, record->original_size)
						 : !job->target.exists;

		if (!as_before && job->target.exists)
			return keep_original(job, err);
		if (!as_before)
			engine_record_release(record);
		else
			engine_record_clear(record);
		job->has_record = as_before;
	}
	if (job->has_record)
		return 0;
	engine_record_release(record);
	record->existed = job->target.exists;
	record->file = strdup(job->target.path);
	record->engine = strdup(job->engine->name);
	record->original = malloc(job->target.size + 1);
	if (!record->file || !record->engine || !record->original)
		return nvb_fail_oom(err);
	memcpy(record->original, job->target.text, job->target.size + 1);
	record->original_size = job->target.size;
	return 0;
}

/* Notes the tables on the way to a value that are not there yet. */
static int note_tables(struct job *job, const char *const *path, nvb_error **err)
{
	size_t depth = document_path_depth(path);

	for (size_t n = 1; n < depth; n++) {
		_cleanup_free_ const char **prefix = calloc(n + 1, sizeof(*prefix));
		int rc;

		if (!prefix)
			return nvb_fail_oom(err);
		memcpy(prefix, path, n * sizeof(*prefix));
		rc = job->engine->format->stands(job->text, job->size, prefix, job->target.path, err);
		if (rc < 0)
			return rc;
		if (!rc && !engine_record_table(&job->record, path, n))
			return nvb_fail_oom(err);
	}
	return 0;
}

static int apply_setting(
	struct job *job, const struct engine_setting *setting, bool *changed, nvb_error **err)
{
	const struct document_format *format = job->engine->format;
	const char *file = job->target.path;
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	_cleanup_free_ char *now = NULL;
	int rc = format->get(job->text, job->size, setting->path, file, &now, err);

	if (rc == 0 && now && *now)
		rc = setting->if_absent ? 1 : format->same(now, setting->value, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = note_tables(job, setting->path, err);
	if (rc == 0)
		rc = document_set(
			format, job->text, job->size, setting->path, setting->value, file, &out, err);
	if (rc == 0 && !engine_record_change(&job->record, setting->path, setting->value, now))
		rc = nvb_fail_oom(err);
	if (rc < 0)
		return rc;
	set_text(job, &out);
	*changed = true;
	return 0;
}

static int start_text(struct job *job, nvb_error **err)
{
	struct nvb_strbuf text = {0};

	if (job->target.exists || job->engine->format != &document_toml)
		return copy_current(job, err);
	nvb_sb_addf(&text, heading, job->engine->name);
	if (text.failed)
		return nvb_fail_oom(err);
	set_text(job, &text);
	return 0;
}

static int apply_all(struct job *job, const struct engine_request *request, bool *changed, nvb_error **err)
{
	_cleanup_engine_settings_ struct engine_settings settings = {0};
	int rc = start_text(job, err);

	if (rc == 0)
		rc = job->engine->settings(
			&settings, request, job->target.path, job->target.text, job->target.size, err);
	for (size_t i = 0; rc == 0 && i < settings.count; i++)
		rc = apply_setting(job, &settings.items[i], changed, err);
	if (rc == 0) {
		nvb_strv_free(job->notes);
		job->notes = NVB_TAKE_PTR(settings.notes);
	}
	return rc;
}

/* One at a time; the state directory itself is the lock. */
static int lock_state(const char *state_directory, int *fd, nvb_error **err)
{
	int rc = nvb_file_mkdirs(AT_FDCWD, state_directory, 0755, err);

	if (rc < 0)
		return nvb_hint(err, rc, "--state-dir names another place for backups");
	*fd = open(state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0 || flock(*fd, LOCK_EX) < 0)
		return nvb_fail_errno(err, errno, "%s", state_directory);
	return 0;
}

static int check_unchanged(const struct job *job, nvb_error **err)
{
	const struct stat *seen = &job->target.seen;
	struct stat now = {0};
	bool there = lstat(job->target.path, &now) == 0;
	int rc;

	if (there == job->target.exists &&
		(!there || (now.st_ino == seen->st_ino && now.st_size == seen->st_size &&
				   now.st_mtim.tv_sec == seen->st_mtim.tv_sec &&
				   now.st_mtim.tv_nsec == seen->st_mtim.tv_nsec)))
		return 0;
	rc = nvb_fail(err, NVB_ERR_BUSY, "%s was changed by somebody else just now", job->target.path);
	return nvb_hint(err, rc, "run the command again");
}

static void remove_directories(char *const *directories)
{
	/* Those that somebody else has put something into stay. */
	for (size_t i = nvb_strv_length(directories); i-- > 0;)
		if (rmdir(directories[i]) < 0)
			break;
}

/* The record first: whatever happens then, what is done can be undone. */
static int write_text(struct job *job, nvb_error **err)
{
	struct engine_record *record = &job->record;
	int rc;

	free(record->written);
	record->written_size = job->size;
	record->written = malloc(job->size + 1);
	if (!record->written)
		return nvb_fail_oom(err);
	memcpy(record->written, job->text, job->size + 1);
	rc = engine_record_write(record, job->directory, err);
	nvb_strv_foreach (directory, record->directories)
		if (rc == 0)
			rc = nvb_file_mkdirs(AT_FDCWD, *directory, 0755, err);
	if (rc == 0)
		rc = engine_replace(job->target.path, job->target.exists ? &job->target.seen : NULL,
			job->text, job->size, err);
	if (rc < 0 && !job->has_record) {
		remove_directories(record->directories);
		engine_record_remove(job->directory, NULL);
	}
	return rc;
}

static int write_file(struct job *job, const char *state_directory, nvb_error **err)
{
	_cleanup_close_ int lock = -1;
	int rc = engine_target_check_writable(&job->target, err);

	if (rc == 0)
		rc = lock_state(state_directory, &lock, err);
	if (rc == 0)
		rc = check_unchanged(job, err);
	if (rc == 0 && !job->has_record && !job->record.directories)
		rc = engine_missing_directories(job->target.path, &job->record.directories, err);
	return rc < 0 ? rc : write_text(job, err);
}

static const char *reload_command(const struct job *job)
{
	const struct engine *engine = job->engine;

	for (size_t i = 0; engine->restart && i < job->record.change_count; i++)
		for (const char *const *key = engine->restart_keys; *key; key++)
			if (nvb_streq(job->record.changes[i].path[0], *key))
				return engine->restart;
	return engine->reload;
}

/* Hands out what is known of the edit. `new` NULL: the file goes. */
static int report(struct job *job, struct engine_outcome *outcome, const char *new, nvb_error **err)
{
	struct engine_outcome result = {
		.file = strdup(job->target.path),
		.created = new && !job->target.exists,
		.removed = !new && job->target.exists,
		.reload = reload_command(job),
		.notes = NVB_TAKE_PTR(job->notes),
	};
	bool fine = result.file &&
		    nvb_diff_unified(&result.diff, job->target.path,
			    job->target.exists ? job->target.text : NULL, job->target.size, new, job->size);

	if (fine && job->record.existed)
		fine = asprintf(&result.backup, "%s/original", job->directory) >= 0;
	if (!fine) {
		result.backup = NULL;
		engine_outcome_release(&result);
		return nvb_fail_oom(err);
	}
	result.changed = result.diff.len > 0 || result.created || result.removed;
	*outcome = result;
	return 0;
}

int engine_configure(const struct engine *engine, const struct engine_request *request, bool dry_run,
	struct engine_outcome *outcome, nvb_error **err)
{
	_cleanup_(release_job) struct job job = {.engine = engine};
	_cleanup_free_ char *file = NULL;
	bool changed = false;
	int rc = engine_file(engine, request, &file, err);

	if (rc == 0)
		rc = begin(&job, file, request->state_directory, err);
	if (rc == 0)
		rc = engine->format->check(job.target.text, job.target.size, job.target.path, err);
	if (rc == 0)
		rc = prepare_record(&job, err);
	if (rc == 0)
		rc = apply_all(&job, request, &changed, err);
	if (rc == 0 && !changed)
		rc = copy_current(&job, err);
	if (rc == 0 && changed && !dry_run)
		rc = write_file(&job, request->state_directory, err);
	return rc < 0 ? rc : report(&job, outcome, changed || job.target.exists ? job.text : NULL, err);
}

/* Undo. */

/* Nothing is left but what we wrote into a file of our own. */
static bool is_nothing(const struct job *job)
{
	_cleanup_free_ char *ours = NULL;
	const char *rest = job->text;
	size_t size = job->size, blank;

	if (asprintf(&ours, heading, job->engine->name) < 0) {
		ours = NULL;
		return false;
	}
	if (nvb_after(rest, ours)) {
		size -= strlen(ours);
		rest += strlen(ours);
	}
	blank = strspn(rest, " \t\r\n{}");
	return blank >= size;
}

/* What the file shall hold: job->text, or NULL there when it shall go. */
static int find_former(struct job *job, nvb_error **err)
{
	struct engine_record *record = &job->record;
	struct nvb_strbuf text = {0};
	int rc;

	if (!job->target.exists)
		return 0;
	if (is_text(job, record->written, record->written_size)) {
		if (!record->existed)
			return 0;
		nvb_sb_addn(&text, record->original, record->original_size);
		nvb_sb_add(&text, "");
		if (text.failed)
			return nvb_fail_oom(err);
		set_text(job, &text);
		return 0;
	}
	rc = copy_current(job, err);
	if (rc < 0 || (record->existed && is_text(job, record->original, record->original_size)))
		return rc;
	rc = take_out(job, err);
	if (rc == 0)
		rc = check_default(job, err);
	if (rc == 0 && !record->existed && is_nothing(job)) {
		free(job->text);
		job->text = NULL;
	}
	return rc;
}

static int remove_file(const struct job *job, nvb_error **err)
{
	if (unlink(job->target.path) < 0 && errno != ENOENT)
		return nvb_fail_errno(err, errno, "removing %s", job->target.path);
	remove_directories(job->record.directories);
	return 0;
}

static int write_former(struct job *job, const char *state_directory, nvb_error **err)
{
	_cleanup_close_ int lock = -1;
	int rc = engine_target_check_writable(&job->target, err);

	if (rc == 0)
		rc = lock_state(state_directory, &lock, err);
	if (rc == 0)
		rc = check_unchanged(job, err);
	if (rc == 0 && !job->text)
		rc = remove_file(job, err);
	else if (rc == 0 && !is_text(job, job->text, job->size))
		rc = engine_replace(job->target.path, &job->target.seen, job->text, job->size, err);
	return rc < 0 ? rc : engine_record_remove(job->directory, err);
}

int engine_undo(const struct engine *engine, const char *file, const char *state_directory, bool dry_run,
	struct engine_outcome *outcome, nvb_error **err)
{
	_cleanup_(release_job) struct job job = {.engine = engine};
	int rc = begin(&job, file, state_directory, err);

	if (rc == 0 && !job.has_record) {
		rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "nothing to undo: no record below %s of a change to %s",
			state_directory, job.target.path);
	}
	if (rc == 0 && !nvb_streq(job.record.engine, engine->name))
		rc = nvb_fail(err, NVB_ERR_CONFLICT, "%s was configured for %s", job.target.path,
			job.record.engine);
	if (rc == 0 && job.target.exists)
		rc = engine->format->check(job.target.text, job.target.size, job.target.path, err);
	if (rc == 0)
		rc = find_former(&job, err);
	if (rc == 0 && !dry_run)
		rc = write_former(&job, state_directory, err);
	return rc < 0 ? rc : report(&job, outcome, job.text, err);
}
