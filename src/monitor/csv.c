/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "monitor/record.h"
#include "monitor/view.h"

/* A sample as lines of CSV (RFC 4180): a unit in the name of each column that has one. */

/* But the ends of lines, which are between quotes. */
static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\n' && c != '\r') || c == 0x7f;
}

static void add_field(struct nvb_strbuf *sb, const char *text)
{
	bool quoted;

	nvb_sb_addc(sb, ',');
	if (!text)
		return;
	/* A spreadsheet takes these for a formula. */
	if (*text && strchr("=+-@", *text))
		nvb_sb_addc(sb, '\'');
	quoted = strpbrk(text, ",\"\n\r");
	if (quoted)
		nvb_sb_addc(sb, '"');
	for (; *text; text++) {
		/* A log may say anything, and lines may be read in a terminal. */
		bool pair = (unsigned char)*text == 0xc2 && (unsigned char)text[1] >= 0x80 &&
			    (unsigned char)text[1] < 0xa0;

		if (*text == '"')
			nvb_sb_addc(sb, '"');
		nvb_sb_addc(sb, pair || is_control(*text) ? ' ' : *text);
		text += pair;
	}
	if (quoted)
		nvb_sb_addc(sb, '"');
}

static void add_value(struct nvb_strbuf *sb, struct nvb_value value)
{
	nvb_sb_addc(sb, ',');
	if (value.state == NVB_VALUE_KNOWN)
		nvb_sb_addf(sb, "%.12g", value.value);
}

void nvb_record_csv_head(struct nvb_strbuf *sb, enum nvb_csv_rows rows)
{
	if (rows == NVB_CSV_PROCESSES) {
		nvb_sb_add(sb, "time,gpu,gpu_uuid,mig,pid,inner_pid,uid,owner,owner_id,owner_name,pod,kinds,"
			       "memory_bytes,utilization_ratio,memory_utilization_ratio,"
			       "encoder_utilization_ratio,decoder_utilization_ratio,command\n");
		return;
	}
	nvb_sb_add(sb, "time,gpu,uuid,name,pci_address,state,reason,processes");
	for (int m = 0; m < NVB_METRIC_COUNT; m++) {
		const struct nvb_metric_info *info = nvb_metric_info((enum nvb_metric)m);
		const char *unit = nvb_unit_name(info->unit);

		nvb_sb_addf(sb, ",%s", info->name);
		/* Not "pcie_tx_bytes_bytes". */
		if (*unit && !nvb_ends_with(info->name, unit))
			nvb_sb_addf(sb, "_%s", unit);
	}
	nvb_sb_addc(sb, '\n');
}

static void add_gpu(struct nvb_strbuf *sb, const nvb_sample *sample, size_t g, const char *time)
{
	const struct nvb_sample_gpu *gpu = nvb_sample_gpu(sample, g);

	nvb_sb_addf(sb, "%s,%u", time, gpu->index);
	add_field(sb, gpu->uuid);
	add_field(sb, gpu->name);
	add_field(sb, gpu->pci_address);
	add_field(sb, nvb_sample_state_name(gpu->state));
	add_field(sb, gpu->reason);
	nvb_sb_addc(sb, ',');
	if (nvb_sample_process_age(sample, g) != UINT64_MAX)
		nvb_sb_addf(sb, "%zu", gpu->process_count);
	for (int m = 0; m < NVB_METRIC_COUNT; m++)
		add_value(sb, nvb_sample_value(sample, g, (enum nvb_metric)m));
	nvb_sb_addc(sb, '\n');
}

static void add_number(struct nvb_strbuf *sb, uint32_t value, uint32_t unknown)
{
	nvb_sb_addc(sb, ',');
	if (value != unknown)
		nvb_sb_addf(sb, "%u", value);
}

static void add_process(struct nvb_strbuf *sb, const nvb_sample *sample, size_t g, size_t i, const char *time)
{
	const struct nvb_sample_gpu *gpu = nvb_sample_gpu(sample, g);
	const struct nvb_sample_process *p = nvb_sample_process(sample, g, i);
	const struct nvb_sample_mig *mig = p->mig == NVB_NO_MIG ? NULL : nvb_sample_mig(sample, g, p->mig);

	nvb_sb_addf(sb, "%s,%u", time, gpu->index);
	add_field(sb, gpu->uuid);
	add_number(sb, mig ? mig->index : NVB_NO_MIG, NVB_NO_MIG);
	nvb_sb_addf(sb, ",%u", p->pid);
	add_number(sb, p->inner_pid, 0);
	add_number(sb, p->uid, UINT32_MAX);
	add_field(sb, nvb_owner_name(p->owner));
	add_field(sb, p->owner_id);
	add_field(sb, p->owner_name);
	add_field(sb, p->pod);
	nvb_sb_addf(sb, ",%s%s%s", p->kinds & NVB_USE_COMPUTE ? "C" : "",
		p->kinds & NVB_USE_GRAPHICS ? "G" : "", p->kinds & NVB_USE_MPS ? "M" : "");
	add_value(sb, p->memory);
	add_value(sb, p->utilization);
	add_value(sb, p->memory_utilization);
	add_value(sb, p->encoder_utilization);
	add_value(sb, p->decoder_utilization);
	add_field(sb, p->command);
	nvb_sb_addc(sb, '\n');
}

void nvb_record_csv(struct nvb_strbuf *sb, const nvb_sample *sample, const struct nvb_csv_choice *choice)
{
	char time[NVB_RECORD_TIME];

	nvb_record_time(time, nvb_sample_time(sample));
	for (size_t g = 0; g < nvb_sample_gpu_count(sample); g++) {
		size_t count =
			choice->rows == NVB_CSV_PROCESSES ? nvb_sample_gpu(sample, g)->process_count : 0;

		if (choice->wants && !choice->wants(choice->data, sample, g))
			continue;
		if (choice->rows == NVB_CSV_GPUS)
			add_gpu(sb, sample, g, time);
		for (size_t i = 0; i < count; i++)
			if (nvb_view_wants(nvb_sample_process(sample, g, i), choice->filter))
				add_process(sb, sample, g, i, time);
	}
}
