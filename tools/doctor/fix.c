/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/output.h"
#include "verb.h"

/* doctor --fix: each command is shown, and agreed to, before it runs. */

static bool agrees(const struct nvb_doctor_finding *f)
{
	_cleanup_strbuf_ struct nvb_strbuf cause = {0};
	char answer[16];

	nvb_sb_add_visible(&cause, f->cause);
	fprintf(stderr, "%s: %s\nrun '%s'? [y/N] ", f->check->id, cause.s ? cause.s : "", f->command);
	fflush(stderr);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

int doctor_mend(const struct nvb_doctor *doctor, bool yes, size_t *mended, nvb_error **err)
{
	size_t n, safe = 0;
	const struct nvb_doctor_finding *findings = nvb_doctor_findings(doctor, &n);

	*mended = 0;
	for (size_t i = 0; i < n; i++)
		safe += findings[i].safe;
	if (safe && !yes && !isatty(STDIN_FILENO))
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID,
				"--fix asks before it runs a command, and there is nobody to ask"),
			"--yes agrees to all that is safe");
	if (!safe)
		fputs("nothing here can be mended without looking: see the commands above\n", stderr);
	for (size_t i = 0; i < n; i++) {
		_cleanup_error_ nvb_error *why = NULL;

		if (!findings[i].safe || (!yes && !agrees(&findings[i])))
			continue;
		fprintf(stderr, "%s: running '%s'\n", findings[i].check->id, findings[i].command);
		if (nvb_doctor_fix(doctor, &findings[i], &why) < 0) {
			nvb_report_warning("doctor", "%s: %s", findings[i].check->id, nvb_error_message(why));
			continue;
		}
		fprintf(stderr, "%s: done\n", findings[i].check->id);
		(*mended)++;
	}
	return 0;
}
