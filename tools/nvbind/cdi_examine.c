/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi_examine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "cdi/read.h"
#include "cdi_verbs.h"

const char *cdi_state_name(enum cdi_state state)
{
	static const char *const names[] = {
		[CDI_FRESH] = "fresh",
		[CDI_HIDDEN] = "hidden",
		[CDI_STALE] = "stale",
		[CDI_CONFLICT] = "conflict",
		[CDI_INVALID] = "invalid",
	};

	return names[state];
}

void cdi_examination_release(struct cdi_examination *x)
{
	for (size_t i = 0; i < x->count; i++) {
		free(x->files[i].line);
		free(x->files[i].why_not);
		nvb_cdi_recipe_release(&x->files[i].recipe);
		cdi_made_release(&x->files[i].made);
		nvb_cdi_findings_release(&x->files[i].findings);
	}
	free(x->files);
	cdi_hosts_release(&x->hosts);
	nvb_cdi_registry_release(&x->registry);
	*x = (struct cdi_examination){0};
}

/* --- who wrote it --- */

/* Every writer names its own program as the hook; kinds beside GPUs need none. */
static const char *writer_by_hooks(const struct nvb_cdi_edits *edits)
{
	static const struct {
		const char *program, *writer;
	} known[] = {
		{"nvbind-hook", "nvbind"},
		{"nvidia-cdi-hook", "nvidia-ctk"},
		{"nvidia-ctk", "nvidia-ctk"},
		{"nvidia-ctk-hook", "nvidia-ctk"},
	};

	for (size_t i = 0; edits && i < edits->hook_count; i++)
		for (size_t k = 0; k < NVB_ELEMENTS(known); k++) {
			const char *path = edits->hooks[i].path, *slash = strrchr(path, '/');

			if (nvb_streq(slash ? slash + 1 : path, known[k].program))
				return known[k].writer;
		}
	return NULL;
}

static const char *writer_of(const struct nvb_cdi_spec *spec)
{
	const char *writer = writer_by_hooks(spec->edits);

	for (size_t i = 0; !writer && i < spec->device_count; i++)
		writer = writer_by_hooks(spec->devices[i].edits);
	return writer ? writer : "another program";
}

/* --- how it was made --- */

/* A recipe decides which directories are read and written by who follows it: it must be root's or our own,
 * and so must the directory it lies in. NULL: it is, else what is wrong, malloc'd or static. */
static const char *distrust(const struct stat *st, const char *path)
{
	_cleanup_free_ char *directory = strndup(path, (size_t)(strrchr(path, '/') - path));
	struct stat above;

	if ((st->st_uid != 0 && st->st_uid != geteuid()) || (st->st_mode & (S_IWGRP | S_IWOTH)))
		return "others than root and its owner can write this file, so what it says of how it was "
		       "made "
		       "is not followed";
	if (!directory || stat(*directory ? directory : "/", &above) < 0 ||
		(above.st_uid != 0 && above.st_uid != geteuid()) ||
		(above.st_mode & (S_IWGRP | S_IWOTH) && !(above.st_mode & S_ISVTX)))
		return "others than root and its owner can write its directory, so what it says of how it "
		       "was "
		       "made is not followed";
	return NULL;
}

static int set_why_not(struct cdi_file *file, const char *why, nvb_error **err)
{
	file->why_not = strdup(why);
	return file->why_not ? 0 : nvb_fail_oom(err);
}

static int read_line(struct cdi_file *file, nvb_error **err)
{
	_cleanup_close_ int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const struct nvb_cdi_spec *spec = file->source ? &file->source->spec : NULL;
	_cleanup_free_ char *data = NULL;
	const char *why;
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
		nvb_file_read_fd(fd, file->path, NVB_CDI_SIZE_MAX, &data, NULL, NULL) < 0)
		return 0; /* the registry says so */
	rc = nvb_cdi_recipe_find(spec, data, &file->line, err);
	if (rc < 0 || !file->line)
		return rc;
	file->made_by = "nvbind";
	why = distrust(&st, file->path);
	return why ? set_why_not(file, why, err) : 0;
}

static int read_recipe(struct cdi_file *file, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_free_ char *text = NULL;
	int rc = read_line(file, err);

	if (rc < 0 || file->why_not)
		return rc;
	if (!file->line)
		return nvb_streq0(file->made_by, "nvbind") ? set_why_not(file,
								     "it does not say how it was made: JSON "
								     "has a place for that from CDI "
								     "0.6.0 on, YAML always",
								     err)
							   : 0;
	rc = nvb_cdi_recipe_parse(&file->recipe, file->line, &why);
	if (rc == 0)
		return 0;
	if (asprintf(&text, "how it was made cannot be understood: %s", nvb_error_message(why)) < 0) {
		text = NULL;
		return nvb_fail_oom(err);
	}
	return set_why_not(file, text, err);
}

/* --- what is wrong --- */

/* The host that a spec is for: its recipe's, else the one whose roots are in force. NULL where it cannot be
 * read. */
static const struct nvb_inventory *host_of(struct cdi_examination *x, const struct cdi_file *file)
{
	_cleanup_recipe_ struct nvb_cdi_recipe common = {0};
	struct nvb_inventory *inventory = NULL;
	bool own = file->line && !file->why_not;

	if (!own && cdi_recipe_take_roots(&common, NULL) < 0)
		return NULL;
	return cdi_host_of(&x->hosts, own ? &file->recipe : &common, &inventory, NULL) < 0 ? NULL : inventory;
}

static int compare(struct cdi_examination *x, struct cdi_file *file, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	int rc = cdi_make(&file->made, &x->hosts, &file->recipe, nvb_cdi_format_of(file->path), false, &why);

	if (rc == -NVB_ERR_NO_MEMORY)
		return nvb_fail_oom(err);
	if (rc < 0)
		return nvb_cdi_findings_add(&file->findings, NVB_CDI_STALE_UNMADE, NULL, err,
			"it cannot be made again now: %s%s%s%s", nvb_error_message(why),
			nvb_error_hint(why) ? " (" : "", nvb_error_hint(why) ? nvb_error_hint(why) : "",
			nvb_error_hint(why) ? ")" : "");
	return file->source
		       ? nvb_cdi_look_at_changes(&file->findings, &file->source->spec, &file->made.spec, err)
		       : 0;
}

static enum cdi_state state_of(const struct nvb_cdi_findings *findings)
{
	const size_t *n = findings->by_kind;

	if (n[NVB_CDI_STALE_INVALID])
		return CDI_INVALID;
	if (n[NVB_CDI_STALE_CONFLICT])
		return CDI_CONFLICT;
	if (findings->count > n[NVB_CDI_STALE_HIDDEN])
		return CDI_STALE;
	return n[NVB_CDI_STALE_HIDDEN] ? CDI_HIDDEN : CDI_FRESH;
}

static int examine_file(struct cdi_examination *x, struct cdi_file *file, nvb_error **err)
{
	int rc = read_recipe(file, err);

	if (rc == 0 && file->source)
		rc = nvb_cdi_look_at_others(&file->findings, &x->registry, file->source, err);
	if (rc == 0 && file->source)
		rc = nvb_cdi_look_at_host(&file->findings, &file->source->spec, host_of(x, file), err);
	if (rc == 0 && file->line && !file->why_not)
		rc = compare(x, file, err);
	nvb_cdi_findings_sort(&file->findings);
	file->state = state_of(&file->findings);
	return rc;
}

int cdi_examine(struct cdi_examination *x, nvb_error **err)
{
	int rc = nvbind_cdi_load(&x->registry, NULL, err);

	if (rc < 0)
		return rc;
	x->files = calloc(x->registry.fault_count + x->registry.source_count + 1, sizeof(*x->files));
	if (!x->files)
		return nvb_fail_oom(err);
	x->unreadable = x->registry.fault_count > 0;
	for (size_t i = 0; rc == 0 && i < x->registry.fault_count; i++) {
		struct cdi_file *file = &x->files[x->count++];

		file->path = x->registry.faults[i].path;
		rc = nvb_cdi_findings_add(&file->findings, NVB_CDI_STALE_INVALID, NULL, err, "%s",
			nvb_error_message(x->registry.faults[i].error));
		if (rc == 0)
			rc = examine_file(x, file, err);
	}
	for (size_t i = 0; rc == 0 && i < x->registry.source_count; i++) {
		struct cdi_file *file = &x->files[x->count++];

		file->source = &x->registry.sources[i];
		file->path = file->source->path;
		file->made_by = writer_of(&file->source->spec);
		rc = examine_file(x, file, err);
	}
	return rc;
}
