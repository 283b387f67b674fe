/* SPDX-License-Identifier: Apache-2.0 */
#include "findings.h"

#include <stdio.h>

#include "cli/output.h"

static int print_json(const struct nvb_preflight_report *report, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};

	nvb_preflight_json(report, &out);
	return out.failed ? nvb_fail_oom(err) : nvb_stdout_write(out.s, out.len, err);
}

int findings_print(const struct nvb_preflight_report *report, int format, nvb_error **err)
{
	static const struct nvb_column columns[] = {{"CHECK"}, {"PID", true}, {"FAILS"}, {"WHY"}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};

	if (format == NVB_FORMAT_JSON)
		return print_json(report, err);
	for (size_t i = 0; i < report->count; i++) {
		const struct nvb_preflight_finding *f = &report->list[i];

		nvb_table_cell(&table, f->id);
		f->pid ? nvb_table_cellf(&table, "%d", f->pid) : nvb_table_cell(&table, "-");
		nvb_table_cell(&table, f->fatal ? "yes" : "maybe");
		if (f->hint)
			nvb_table_cellf(&table, "%s (%s)", f->reason, f->hint);
		else
			nvb_table_cell(&table, f->reason);
	}
	return report->count ? nvb_table_print(&table, stdout, err) : 0;
}
