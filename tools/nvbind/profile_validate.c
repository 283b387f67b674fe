/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/str.h"
#include "cli/output.h"
#include "profile_verbs.h"

/* nvbind profile validate */

static int validate(const char *which, size_t *wrong, nvb_error **err)
{
	_cleanup_profile_ struct nvb_profile profile = {0};
	_cleanup_strv_ char **warnings = NULL;
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_strbuf_ struct nvb_strbuf line = {0};
	int rc = profile_open(&profile, which, &why);

	if (rc == -NVB_ERR_NO_MEMORY)
		return nvb_fail_oom(err);
	if (rc < 0) {
		nvb_report_error("nvbind", why);
		(*wrong)++;
		return 0;
	}
	rc = nvb_profile_check(&profile, &warnings, err);
	nvb_strv_foreach (warning, warnings)
		nvb_report_warning("nvbind", "%s", *warning);
	nvb_sb_add_visible(&line, which);
	if (rc == 0 && line.failed)
		return nvb_fail_oom(err);
	if (rc == 0)
		printf("%s: fine%s\n", line.s, warnings ? ", with warnings" : "");
	return rc;
}

int nvbind_profile_validate(int argc, char **argv, nvb_error **err)
{
	_cleanup_strv_ char **directories = NULL, **names = NULL;
	size_t wrong = 0;
	int rc = 0;

	if (!argc) {
		rc = profile_directories(&directories, err);
		if (rc == 0)
			names = nvb_profile_names(directories);
	}
	for (int i = 0; rc == 0 && i < argc; i++)
		rc = validate(argv[i], &wrong, err);
	nvb_strv_foreach (name, names)
		if (rc == 0)
			rc = validate(*name, &wrong, err);
	if (rc == 0)
		rc = nvb_stdout_flush(err);
	if (rc == 0 && wrong)
		/* Each has been said. */
		rc = nvb_fail(err, NVB_ERR_INVALID, "%s", "");
	return rc;
}
