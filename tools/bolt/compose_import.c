/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "boltfile/boltfile.h"
#include "boltfile/compose.h"
#include "cli/output.h"
#include "verbs.h"

/* bolt compose import: a Compose file becomes a Boltfile. */

static const char *output;

static const struct nvb_option import_options[] = {
	{"output", 'o', NVB_OPTION_STRING("FILE", &output), "write it there (standard output)"},
	{NULL},
};
const struct nvb_option_group compose_import_groups[] = {{"Options", import_options}, {NULL}};

enum { LARGEST = 4 << 20 };

/* The names that docker compose looks for, in its order. */
static const char *find_file(void)
{
	static const char *const names[] = {
		"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"};

	for (size_t i = 0; i < NVB_ELEMENTS(names); i++)
		if (access(names[i], F_OK) == 0)
			return names[i];
	return names[0];
}

/* What came out must be what goes in: looked at as `surge up` would, in the directory where it will be. */
static int check(const char *toml, nvb_error **err)
{
	_cleanup_boltfile_ struct nvb_boltfile file = {0};
	const struct nvb_boltfile_variables variables = {.environment = environ};
	int rc = nvb_boltfile_parse(
		&file, toml, strlen(toml), output ? output : "the Boltfile", "/", &variables, err);

	for (size_t i = 0; rc == 0 && i < file.note_count; i++)
		nvb_report_warning("bolt", "%s", file.notes[i].text);
	return rc < 0 ? nvb_wrap(err, rc, "mend what was made of it") : 0;
}

int compose_import(int argc, char **argv, nvb_error **err)
{
	const char *path = argc ? argv[0] : find_file();
	_cleanup_free_ char *data = NULL, *toml = NULL;
	_cleanup_strv_ char **lost = NULL;
	size_t size;
	int rc = nvb_file_read(AT_FDCWD, path, LARGEST, &data, &size, err);

	if (rc == -NVB_ERR_NOT_FOUND && !argc)
		return nvb_hint(err, rc, "name the Compose file: bolt compose import FILE");
	if (rc == 0)
		rc = nvb_compose_import(data, size, path, &toml, &lost, err);
	if (rc == 0 && !toml)
		rc = nvb_fail_oom(err);
	if (rc == 0)
		rc = output ? nvb_file_output(output, toml, strlen(toml), 0644, err)
			    : nvb_stdout_write(toml, strlen(toml), err);
	if (rc < 0)
		return rc;
	nvb_strv_foreach (line, lost)
		nvb_report_warning("bolt", "%s", *line);
	return check(toml, err);
}
