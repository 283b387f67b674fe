/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi_refresh.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "cdi/read.h"
#include "cdi_trees.h"
#include "cdi_verbs.h"
#include "cli/logging.h"
#include "cli/output.h"

/* nvbind cdi refresh: specs that say how they were made are made again where they do not fit any more. */

static bool watch, dry_run;

const struct nvb_option nvbind_cdi_refresh_options[] = {
	{"watch", 0, NVB_OPTION_FLAG(&watch), "stay, and refresh whenever driver, devices or specs change"},
	{"dry-run", 0, NVB_OPTION_FLAG(&dry_run), "say what would be done and do nothing"},
	{NULL},
};

static int say(const struct cdi_file *file, const char *what, const char *why, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	nvb_sb_add_visible(&line, file->path);
	nvb_sb_addf(&line, ": %s", what);
	if (why) {
		nvb_sb_add(&line, ": ");
		nvb_sb_add_visible(&line, why);
	}
	nvb_sb_addc(&line, '\n');
	if (line.failed)
		return nvb_fail_oom(err);
	return nvb_stdout_write(line.s, line.len, err);
}

/* The reason that says most: findings are sorted so. */
static const char *first_reason(const struct cdi_file *file)
{
	return file->findings.count ? file->findings.items[0].message : NULL;
}

/* True when the file has these bytes: engines watch their directories, so nothing is written for nothing. */
static bool has_bytes(const char *path, const char *text, size_t size)
{
	_cleanup_free_ char *old = NULL;
	size_t old_size;

	return nvb_file_read(AT_FDCWD, path, size, &old, &old_size, NULL) == 0 && old_size == size &&
	       memcmp(old, text, size) == 0;
}

/* Made once more, this time with the tree it names; written as a whole or not at all. */
static int rewrite(struct cdi_examination *x, struct cdi_file *file, bool *written, nvb_error **err)
{
	_cleanup_made_ struct cdi_made made = {0};
	_cleanup_free_ char *text = NULL;
	size_t size;
	int rc = cdi_make(&made, &x->hosts, &file->recipe, nvb_cdi_format_of(file->path), true, err);

	if (rc == 0)
		rc = cdi_made_text(&made, &text, &size, err);
	if (rc < 0 || has_bytes(file->path, text, size))
		return rc;
	*written = true;
	return nvb_file_output(file->path, text, size, 0644, err);
}

static int refresh_own(struct cdi_examination *x, struct cdi_file *file, struct cdi_refreshed *done,
	bool quiet, bool dry, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	bool written = false;
	int rc;

	done->own++;
	if (file->state == CDI_FRESH || file->state == CDI_HIDDEN)
		return quiet ? 0 : say(file, cdi_state_name(file->state), NULL, err);
	if (dry && file->made.line)
		return say(file, "would be made again", first_reason(file), err);
	if (dry)
		return say(file, "would stay as it is", first_reason(file), err);
	rc = rewrite(x, file, &written, &why);
	if (rc == -NVB_ERR_NO_MEMORY)
		return nvb_fail_oom(err);
	if (rc < 0) {
		done->failed++;
		return say(file, "stays as it is, it cannot be made again now", nvb_error_message(why), err);
	}
	done->written += written;
	file->rewritten = written;
	if (written)
		return say(file, "made again", first_reason(file), err);
	/* What is left is nothing that a new spec could mend: a hook that is missing, a rival. */
	done->failed++;
	return say(file, cdi_state_name(file->state), first_reason(file), err);
}

static int refresh_file(struct cdi_examination *x, struct cdi_file *file, struct cdi_refreshed *done,
	bool quiet, bool dry, nvb_error **err)
{
	if (file->line && !file->why_not)
		return refresh_own(x, file, done, quiet, dry, err);
	if (file->state == CDI_FRESH || file->state == CDI_HIDDEN)
		return 0;
	if (file->why_not)
		done->failed++;
	if (quiet && !file->why_not)
		return 0;
	return say(file, "left alone",
		file->why_not	? file->why_not
		: file->made_by ? "nvbind did not make it ('nvbind cdi status' says what is wrong with it)"
				: first_reason(file),
		err);
}

int cdi_refresh_pass(
	struct cdi_examination *x, struct cdi_refreshed *done, bool quiet, bool dry, nvb_error **err)
{
	int rc = cdi_examine(x, err);

	for (size_t i = 0; rc == 0 && i < x->count; i++)
		rc = refresh_file(x, &x->files[i], done, quiet, dry, err);
	if (rc == 0 && !dry) {
		cdi_prune_trees(x);
		cdi_remove_leftovers(nvbind_cdi_directories());
	}
	return rc;
}

int nvbind_cdi_refresh(int argc, char **argv, nvb_error **err)
{
	_cleanup_examination_ struct cdi_examination x = {0};
	struct cdi_refreshed done = {0};
	int rc;

	(void)argc;
	(void)argv;
	if (watch && dry_run)
		return nvb_usage(err, "--watch and --dry-run exclude each other");
	if (watch)
		return cdi_watch(err);
	rc = cdi_refresh_pass(&x, &done, false, dry_run, err);
	if (rc < 0)
		return rc;
	if (!done.own)
		nvb_report_warning("nvbind", "no spec here says that nvbind made it ('nvbind cdi generate "
					     "--output /etc/cdi/' makes one)");
	return done.failed > 0;
}
