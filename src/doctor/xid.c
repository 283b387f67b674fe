/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "doctor/checks.h"

/* Xids: what the driver reported to the kernel's log since the boot. Source: NVIDIA, "Xid Errors". */

/* What is wrong and what mends it; those that programs cause by their own mistakes have no row of their own.
 */
static const struct {
	int xid;
	const char *cause, *command;
} rows[] = {
	{48,
		"a memory error of two bits, which cannot be corrected: what ran there is lost; with Xid 63 "
		"or 64 after "
		"it the row is replaced at the next reset",
		"nvidia-smi --gpu-reset -i %s"},
	{63, "a memory row was marked for replacement: the next reset of the card does it",
		"nvidia-smi --gpu-reset -i %s"},
	{64, "marking a memory row for replacement failed: the card is to be exchanged if it comes again",
		"nvidia-smi -q -d ROW_REMAPPER -i %s"},
	{74, "an error on an NVLink: a connector, a bridge or a switch; with several cards it is the fabric",
		"nvidia-smi nvlink -e -i %s"},
	{79, "the GPU has fallen off the bus: power, cooling, or the slot; only a restart brings it back",
		"reboot"},
	{94, "a memory error was contained: the program that met it ended, others went on",
		"nvidia-smi -q -d ECC -i %s"},
	{95, "a memory error could not be contained: all programs on the card are lost, it must be reset",
		"nvidia-smi --gpu-reset -i %s"},
	{119,
		"the GPU's system processor (GSP) did not answer: a reset or, if that fails, a restart; "
		"newer drivers "
		"have fewer of these",
		"nvidia-smi --gpu-reset -i %s"},
};

static const int of_applications[] = {13, 31, 43, 45, 68, 109};

static bool is_of_applications(int xid)
{
	for (size_t i = 0; i < NVB_ELEMENTS(of_applications); i++)
		if (of_applications[i] == xid)
			return true;
	return false;
}

static bool has_row(int xid)
{
	for (size_t i = 0; i < NVB_ELEMENTS(rows); i++)
		if (rows[i].xid == xid)
			return true;
	return false;
}

static const struct nvb_kmsg *kmsg_or_blind(struct nvb_doctor *d, struct nvb_doctor_finding *f)
{
	const struct nvb_kmsg *kmsg =
		nvb_doctor_has_module(d) && !nvb_doctor_is_wsl(d) ? nvb_doctor_kmsg(d) : NULL;

	if (!nvb_doctor_has_module(d) || nvb_doctor_is_wsl(d))
		nvb_doctor_absent(f);
	else if (!kmsg)
		nvb_doctor_say(d, f, NVB_DOCTOR_BLIND, NULL, "the kernel's log cannot be read: %s",
			strerrordesc_np(d->kmsg_error));
	return kmsg;
}

/* "0 (0000:3b:00.0)": the card that a message is of, and its number for commands; NULL: it is not there. */
static const struct nvb_gpu *card_of(const struct nvb_doctor *d, const struct nvb_kmsg_xid *xid)
{
	for (size_t i = 0; i < d->inventory->gpu_count; i++)
		if (strncmp(d->inventory->gpus[i].pci, xid->device, strlen(xid->device)) == 0)
			return &d->inventory->gpus[i];
	return NULL;
}

static void add_card(struct nvb_doctor *d, struct nvb_doctor_list *list, const struct nvb_kmsg_xid *xid)
{
	const struct nvb_gpu *gpu = card_of(d, xid);
	char times[32] = "";

	if (xid->count > 1)
		snprintf(times, sizeof(times), " (%zu times)", xid->count);
	if (gpu)
		nvb_doctor_list_add(list, "GPU %u%s", gpu->index, times);
	else
		nvb_doctor_list_add(list, "%s%s", xid->device, times);
}

NVB_LOOK(xid)
{
	const struct nvb_kmsg *kmsg = kmsg_or_blind(d, f);
	struct nvb_doctor_list list = {0};
	const char *card = NULL;

	for (size_t i = 0; kmsg && i < kmsg->xid_count; i++) {
		const struct nvb_kmsg_xid *xid = &kmsg->xids[i];
		const struct nvb_gpu *gpu = card_of(d, xid);

		if (xid->xid != check->number)
			continue;
		add_card(d, &list, xid);
		if (!card)
			card = gpu ? nvb_doctor_text(d, "%u", gpu->index)
				   : nvb_doctor_text(d, "%s", xid->device);
	}
	for (size_t i = 0; list.count && i < NVB_ELEMENTS(rows); i++) {
		const char *hole = strstr(rows[i].command, "%s");

		if (rows[i].xid == check->number)
			nvb_doctor_say(d, f, NVB_DOCTOR_FAILURE,
				hole ? nvb_doctor_text(d, "%.*s%s", (int)(hole - rows[i].command),
					       rows[i].command, card)
				     : rows[i].command,
				"Xid %d on %s since the boot: %s", check->number, list.text, rows[i].cause);
	}
}

NVB_LOOK(xid_application)
{
	const struct nvb_kmsg *kmsg = kmsg_or_blind(d, f);
	struct nvb_doctor_list list = {0};
	const struct nvb_kmsg_xid *last = NULL;

	(void)check;
	for (size_t i = 0; kmsg && i < kmsg->xid_count; i++) {
		if (!is_of_applications(kmsg->xids[i].xid))
			continue;
		nvb_doctor_list_add(&list, "%d", kmsg->xids[i].xid);
		last = !last || kmsg->xids[i].usec >= last->usec ? &kmsg->xids[i] : last;
	}
	if (last)
		nvb_doctor_say(d, f, NVB_DOCTOR_NOTE, "compute-sanitizer PROGRAM",
			"Xid%s %s since the boot: mistakes of programs, not of the card (the last: %s)",
			nvb_doctor_s(list.count), list.text, *last->text ? last->text : "no details");
}

NVB_LOOK(xid_other)
{
	const struct nvb_kmsg *kmsg = kmsg_or_blind(d, f);
	struct nvb_doctor_list list = {0};

	(void)check;
	for (size_t i = 0; kmsg && i < kmsg->xid_count; i++)
		if (!is_of_applications(kmsg->xids[i].xid) && !has_row(kmsg->xids[i].xid))
			nvb_doctor_list_add(&list, "%d on %s", kmsg->xids[i].xid, kmsg->xids[i].device);
	if (list.count)
		nvb_doctor_say(d, f, NVB_DOCTOR_WARNING, "sh -c 'dmesg | grep Xid'",
			"Xid %s since the boot: NVIDIA's list of Xids says what each means", list.text);
}
