/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "cdi_verbs.h"
#include "cli/logging.h"
#include "cli/output.h"

static int format = NVB_FORMAT_TABLE;

const struct nvb_option nvbind_cdi_list_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "how to print them"},
	{NULL},
};

static void add_json(struct nvb_strbuf *out, const struct nvb_cdi_entry *entry, bool first)
{
	nvb_sb_add(out, first ? "\n  {\"name\": " : ",\n  {\"name\": ");
	nvb_sb_add_json(out, entry->name);
	nvb_sb_add(out, ", \"kind\": ");
	nvb_sb_add_json(out, entry->source->spec.kind);
	nvb_sb_add(out, ", \"device\": ");
	nvb_sb_add_json(out, entry->device->name);
	nvb_sb_add(out, ", \"spec\": ");
	nvb_sb_add_json(out, entry->source->path);
	nvb_sb_addc(out, '}');
}

/* One name a line, as it is given to --device; nothing that could not be given. */
int nvbind_cdi_list(int argc, char **argv, nvb_error **err)
{
	_cleanup_cdi_registry_ struct nvb_cdi_registry registry = {0};
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	bool first = true;
	int rc = nvbind_cdi_load(&registry, nvb_logging(), err);

	(void)argc;
	(void)argv;
	if (rc < 0)
		return rc;
	nvbind_cdi_say_if_none(&registry);
	nvb_sb_add(&out, format == NVB_FORMAT_JSON ? "[" : "");
	for (size_t i = 0; i < registry.entry_count; i++) {
		const struct nvb_cdi_entry *entry = &registry.entries[i];

		if (entry->rival) {
			nvb_report_warning("nvbind", "%s stands in two specs and cannot be used: %s and %s",
				entry->name, entry->source->path, entry->rival->path);
			continue;
		}
		if (format == NVB_FORMAT_JSON)
			add_json(&out, entry, first);
		else
			nvb_sb_addf(&out, "%s\n", entry->name);
		first = false;
	}
	nvb_sb_add(&out, format == NVB_FORMAT_JSON ? (first ? "]\n" : "\n]\n") : "");
	if (out.failed)
		return nvb_fail_oom(err);
	return nvb_stdout_write(out.s ? out.s : "", out.len, err);
}
