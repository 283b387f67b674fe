/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/man.h"
#include "cli/output.h"
#include "config/config.h"
#include "nvbind.h"

/* nvbind-config(5), of the table that the configuration is read by. */
struct page {
	struct nvb_strbuf out;
	const char *section;
};

static void add_key(const struct nvb_config_key_info *key, void *data)
{
	struct page *page = data;

	if (!page->section || !nvb_streq(page->section, key->section))
		nvb_sb_addf(&page->out, ".SS [%s]\n", key->section);
	page->section = key->section;
	nvb_sb_add(&page->out, ".TP\n\\fB");
	nvb_man_add(&page->out, key->name);
	nvb_sb_add(&page->out, "\\fR = \\fI");
	nvb_man_add(&page->out, key->type);
	nvb_sb_add(&page->out, "\\fR\n");
	nvb_man_add(&page->out, key->help);
	nvb_sb_addc(&page->out, '\n');
}

int print_config_page(nvb_error **err)
{
	struct page page = {0};
	int rc;

	nvb_man_title(&page.out, "nvbind-config", "5");
	nvb_sb_add(&page.out,
		".SH NAME\nnvbind\\-config \\- settings of nvbind and bolt\n"
		".SH SYNOPSIS\n.nf\n$XDG_CONFIG_HOME/nvbind/config.toml\n/etc/nvbind/config.toml\n.fi\n"
		".SH DESCRIPTION\n"
		"A TOML file. The first of these counts, alone: the one named by \\fB\\-\\-config\\fR, the "
		"user\\(aqs "
		"own\n(~/.config without XDG_CONFIG_HOME), that of the host; never one of the working "
		"directory.\n"
		"nvbind\\-runtime and nvbind\\-hook read that of the host only.\n"
		"Every key is optional; one that is not known is an error with its line.\n"
		".SH KEYS\n");
	nvb_config_keys(add_key, &page);
	nvb_sb_add(&page.out,
		".SH ENVIRONMENT\n.TP\n.B NVBIND_ROOT\ntakes the place of the roots of the file\n"
		".TP\n.B NVBIND_LOG\n\"debug\", \"debug,json\", \",json\": takes the place of [log]\n"
		".TP\n.B NO_COLOR\nnot empty: no colours on terminals\n"
		".SH SEE ALSO\n\\fBnvbind\\fR(1),\n\\fBbolt\\fR(1),\n\\fBnvbind\\-config\\-import\\fR(1)\n");
	rc = page.out.failed ? nvb_fail_oom(err) : nvb_stdout_write(page.out.s, page.out.len, err);
	nvb_sb_release(&page.out);
	return rc;
}
