/* SPDX-License-Identifier: Apache-2.0 */
#include "surge_file.h"

#include <unistd.h>

#include "base/str.h"
#include "cli/output.h"

static struct {
	const char *file, *project;
	bool strict;
} opt = {.file = "Boltfile.toml"};

const struct nvb_option surge_file_options[] = {
	{"file", 'f', NVB_OPTION_STRING("FILE", &opt.file), "the Boltfile (Boltfile.toml)"},
	{"project-name", 'p', NVB_OPTION_STRING("NAME", &opt.project), "name the project otherwise"},
	{"strict", 0, NVB_OPTION_FLAG(&opt.strict), "refuse keys that have no effect here"},
	{NULL},
};

static int read_file(struct nvb_boltfile *file, nvb_error **err)
{
	int rc = nvb_boltfile_read(file, opt.file, environ, err);

	if (rc == -NVB_ERR_NOT_FOUND)
		return nvb_hint(err, nvb_wrap(err, rc, "Boltfile"), "-f names another file");
	return rc < 0 || !opt.project ? rc : nvb_boltfile_set_project(file, opt.project, err);
}

int surge_file_read(struct nvb_boltfile *file, nvb_error **err)
{
	int rc = read_file(file, err);

	if (rc == 0 && opt.strict)
		rc = nvb_boltfile_refuse_notes(file, err);
	for (size_t i = 0; rc == 0 && i < file->note_count; i++)
		nvb_report_warning("bolt", "%s", file->notes[i].text);
	return rc;
}

int surge_file_read_quietly(struct nvb_boltfile *file, nvb_error **err)
{
	return read_file(file, err);
}

bool surge_file_is_strict(void)
{
	return opt.strict;
}

void surge_file_name(const char *path)
{
	opt.file = path;
}
