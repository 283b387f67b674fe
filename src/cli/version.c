/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/version.h"

#include <errno.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "base/str.h"
#include "cli/output.h"
#include "config.h"

static int format = NVB_FORMAT_TABLE;

static const struct nvb_option options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "how to print"},
	{NULL},
};

const struct nvb_option_group nvb_version_groups[] = {{"Options", options}, {NULL, NULL}};

int nvb_version_verb(int argc, char **argv, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	struct utsname host;

	(void)argc;
	(void)argv;
	if (format == NVB_FORMAT_TABLE) {
		nvb_sb_addf(&out, "%s %s\n", program_invocation_short_name, NVB_VERSION);
	} else {
		nvb_sb_add(&out, "{\n  \"program\": ");
		nvb_sb_add_json(&out, program_invocation_short_name);
		nvb_sb_addf(&out, ",\n  \"version\": \"%s\",\n  \"released\": \"%s\"", NVB_VERSION, NVB_DATE);
		nvb_sb_add(&out, ",\n  \"compiler\": ");
		nvb_sb_add_json(&out, __VERSION__);
		if (uname(&host) == 0) {
			nvb_sb_add(&out, ",\n  \"kernel\": ");
			nvb_sb_add_json(&out, host.release);
			nvb_sb_add(&out, ",\n  \"machine\": ");
			nvb_sb_add_json(&out, host.machine);
		}
		nvb_sb_addf(&out, ",\n  \"libexec\": \"%s\",\n  \"configuration\": \"%s\"\n}\n",
			NVB_LIBEXECDIR, NVB_SYSCONFDIR "/config.toml");
	}
	if (out.failed)
		return nvb_fail_oom(err);
	return nvb_stdout_write(out.s, out.len, err);
}
