/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "request/request.h"

/*
 * From selectors to devices. Choices are marked first and collected in the order of the inventory afterwards,
 * so a device named twice, or by two names, is given once, and the order never depends on how it was asked.
 */
struct choice {
	const struct nvb_inventory *inventory;
	bool *gpus;  /* whole GPUs, by position in the inventory */
	bool **migs; /* MIG devices of each GPU */
	size_t count;
};

static void choice_release(struct choice *choice)
{
	for (size_t i = 0; choice->migs && i < choice->inventory->gpu_count; i++)
		free(choice->migs[i]);
	free(choice->migs);
	free(choice->gpus);
}

static int choice_init(struct choice *choice, const struct nvb_inventory *inventory, nvb_error **err)
{
	*choice = (struct choice){.inventory = inventory};
	choice->gpus = calloc(inventory->gpu_count + 1, sizeof(*choice->gpus));
	choice->migs = calloc(inventory->gpu_count + 1, sizeof(*choice->migs));
	if (!choice->gpus || !choice->migs)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < inventory->gpu_count; i++) {
		if (!inventory->gpus[i].mig_count)
			continue;
		choice->migs[i] = calloc(inventory->gpus[i].mig_count, sizeof(**choice->migs));
		if (!choice->migs[i])
			return nvb_fail_oom(err);
	}
	return 0;
}

static void choose_mig(struct choice *choice, size_t gpu, size_t mig)
{
	choice->count += !choice->migs[gpu][mig];
	choice->migs[gpu][mig] = true;
}

/* A GPU that is divided cannot be used whole: asking for it means all its parts. */
static void choose_gpu(struct choice *choice, size_t i)
{
	const struct nvb_gpu *gpu = &choice->inventory->gpus[i];

	for (size_t m = 0; m < gpu->mig_count; m++)
		choose_mig(choice, i, m);
	if (gpu->mig_count)
		return;
	choice->count += !choice->gpus[i];
	choice->gpus[i] = true;
}

static int no_such(const struct nvb_inventory *inventory, const char *what, nvb_error **err)
{
	int rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "no such GPU: %s", what);

	if (!inventory->gpu_count)
		return nvb_hint(
			err, rc, "this host has no usable NVIDIA GPU; 'nvbind info' says what was found");
	if (inventory->gpu_count == 1)
		return nvb_hint(err, rc, "the only GPU of this host is 0; 'nvbind info' shows it");
	return nvb_hint(
		err, rc, "this host has GPUs 0 to %zu; 'nvbind info' lists them", inventory->gpu_count - 1);
}

static int choose_mig_index(struct choice *choice, const struct nvb_selector *selector, nvb_error **err)
{
	const struct nvb_gpu *gpu = nvb_inventory_gpu_by_index(choice->inventory, selector->gpu);
	int rc;

	if (!gpu)
		return no_such(choice->inventory, selector->text, err);
	if (selector->mig < gpu->mig_count) {
		choose_mig(choice, (size_t)(gpu - choice->inventory->gpus), selector->mig);
		return 0;
	}
	rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "no such MIG device: %s", selector->text);
	return gpu->mig_count ? nvb_hint(err, rc, "GPU %u has MIG devices %u:0 to %u:%zu", gpu->index,
					gpu->index, gpu->index, gpu->mig_count - 1)
			      : nvb_hint(err, rc, "GPU %u has no MIG devices", gpu->index);
}

static int choose_mig_uuid(struct choice *choice, const struct nvb_selector *selector, nvb_error **err)
{
	const struct nvb_inventory *inventory = choice->inventory;

	for (size_t i = 0; i < inventory->gpu_count; i++)
		for (size_t m = 0; m < inventory->gpus[i].mig_count; m++) {
			const char *uuid = inventory->gpus[i].migs[m].uuid;

			if (uuid && strcasecmp(uuid, selector->text) == 0) {
				choose_mig(choice, i, m);
				return 0;
			}
		}
	return nvb_hint(err, nvb_fail(err, NVB_ERR_NOT_FOUND, "no such MIG device: %s", selector->text),
		"'nvbind info' lists the MIG devices of this host");
}

/* "3B:00.0", "00000000:3B:00.0" and "0000:3b:00.0" are the same address. */
static bool same_pci(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	const char *domain;

	if (n < 7 || m < 7 || strcasecmp(a + n - 7, b + m - 7) != 0)
		return false;
	domain = n > m ? a : b;
	if (n < m) {
		size_t t = n;

		n = m;
		m = t;
	}
	if (m == 7) /* no domain given: 0 is meant */
		return strspn(domain, "0") >= n - 8;
	return strncasecmp(a + strlen(a) - 12, b + strlen(b) - 12, 4) == 0 && strspn(domain, "0") >= n - 12;
}

static int choose_pci(struct choice *choice, const struct nvb_selector *selector, nvb_error **err)
{
	for (size_t i = 0; i < choice->inventory->gpu_count; i++)
		if (choice->inventory->gpus[i].pci &&
			same_pci(choice->inventory->gpus[i].pci, selector->text)) {
			choose_gpu(choice, i);
			return 0;
		}
	return no_such(choice->inventory, selector->text, err);
}

static int choose_count(struct choice *choice, const struct nvb_selector *selector, nvb_error **err)
{
	const struct nvb_inventory *inventory = choice->inventory;

	if (selector->gpu > inventory->gpu_count)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "%u GPUs asked for, this host has %zu", selector->gpu,
			inventory->gpu_count);
	for (size_t i = 0; i < selector->gpu; i++)
		choose_gpu(choice, i);
	return 0;
}

static int choose(struct choice *choice, const struct nvb_selector *selector, nvb_error **err)
{
	const struct nvb_inventory *inventory = choice->inventory;
	const struct nvb_gpu *gpu = NULL;

	switch (selector->kind) {
	case NVB_SELECT_ALL:
		for (size_t i = 0; i < inventory->gpu_count; i++)
			choose_gpu(choice, i);
		return inventory->gpu_count ? 0 : no_such(inventory, selector->text, err);
	case NVB_SELECT_COUNT:
		return choose_count(choice, selector, err);
	case NVB_SELECT_INDEX:
		gpu = nvb_inventory_gpu_by_index(inventory, selector->gpu);
		break;
	case NVB_SELECT_UUID:
		gpu = nvb_inventory_gpu_by_uuid(inventory, selector->text);
		break;
	case NVB_SELECT_PCI:
		return choose_pci(choice, selector, err);
	case NVB_SELECT_MIG_INDEX:
		return choose_mig_index(choice, selector, err);
	case NVB_SELECT_MIG_UUID:
		return choose_mig_uuid(choice, selector, err);
	case NVB_SELECT_CDI:
		return 0; /* the CDI registry's */
	}
	if (!gpu)
		return no_such(inventory, selector->text, err);
	choose_gpu(choice, (size_t)(gpu - inventory->gpus));
	return 0;
}

static int collect(const struct choice *choice, struct nvb_device **devices, size_t *count, nvb_error **err)
{
	const struct nvb_inventory *inventory = choice->inventory;
	struct nvb_device *list = calloc(choice->count + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < inventory->gpu_count; i++) {
		const struct nvb_gpu *gpu = &inventory->gpus[i];

		if (choice->gpus[i])
			list[n++] = (struct nvb_device){.gpu = gpu};
		for (size_t m = 0; m < gpu->mig_count; m++)
			if (choice->migs[i][m])
				list[n++] = (struct nvb_device){.gpu = gpu, .mig = &gpu->migs[m]};
	}
	*devices = list;
	*count = n;
	return 0;
}

/* Whether a selector names the only GPU there is, and so all of them. */
static bool names_the_only(const struct nvb_inventory *inventory, const struct nvb_selector *selector)
{
	if (!inventory->nvml_asked || inventory->gpu_count != 1)
		return false;
	if (selector->kind == NVB_SELECT_INDEX)
		return selector->gpu == 0;
	if (selector->kind == NVB_SELECT_COUNT)
		return selector->gpu == 1;
	if (selector->kind == NVB_SELECT_PCI)
		return nvb_streq0(inventory->gpus[0].pci, selector->text);
	return selector->kind == NVB_SELECT_UUID &&
	       nvb_inventory_gpu_by_uuid(inventory, selector->text) == &inventory->gpus[0];
}

static int refuse_on_wsl(
	const struct nvb_inventory *inventory, const struct nvb_selector *selector, nvb_error **err)
{
	if (selector->kind == NVB_SELECT_MIG_INDEX || selector->kind == NVB_SELECT_MIG_UUID)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED,
				"MIG device %s cannot be given: WSL2 hands all of a GPU through /dev/dxg",
				selector->text),
			"ask for all");
	if (inventory->nvml_asked && inventory->gpu_count == 1)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_NOT_FOUND, "there is no GPU %s: this host has one",
				selector->text),
			"it is GPU 0, %s", inventory->gpus[0].uuid ? inventory->gpus[0].uuid : "or all");
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"GPU %s cannot be given alone: WSL2 has one device, /dev/dxg, for all GPUs",
			selector->text),
		"ask for all");
}

/* Under WSL2 one paravirtual device stands for every GPU: all of them can be had, or none. */
static int resolve_wsl(const struct nvb_request *request, const struct nvb_inventory *inventory,
	struct nvb_device **devices, size_t *count, nvb_error **err)
{
	bool wanted = false;

	for (size_t i = 0; i < request->selector_count; i++) {
		const struct nvb_selector *selector = &request->selectors[i];

		if (selector->kind == NVB_SELECT_CDI)
			continue;
		if (selector->kind != NVB_SELECT_ALL && !names_the_only(inventory, selector))
			return refuse_on_wsl(inventory, selector, err);
		wanted = true;
	}
	*devices = calloc(1, sizeof(**devices));
	if (!*devices)
		return nvb_fail_oom(err);
	*count = wanted;
	return 0;
}

int nvb_request_resolve(const struct nvb_request *request, const struct nvb_inventory *inventory,
	struct nvb_device **devices, size_t *count, nvb_error **err)
{
	_cleanup_(choice_release) struct choice choice = {0};
	int rc;

	if (inventory->platform == NVB_PLATFORM_WSL2)
		return resolve_wsl(request, inventory, devices, count, err);
	rc = choice_init(&choice, inventory, err);
	for (size_t i = 0; rc == 0 && i < request->selector_count; i++)
		rc = choose(&choice, &request->selectors[i], err);
	return rc < 0 ? rc : collect(&choice, devices, count, err);
}

static bool uuids_missing(const struct nvb_inventory *inventory, bool mig)
{
	for (size_t i = 0; i < inventory->gpu_count; i++) {
		const struct nvb_gpu *gpu = &inventory->gpus[i];

		if (!mig && !gpu->uuid)
			return true;
		for (size_t m = 0; mig && m < gpu->mig_count; m++)
			if (!gpu->migs[m].uuid)
				return true;
	}
	return false;
}

bool nvb_request_needs_nvml(const struct nvb_request *request, const struct nvb_inventory *inventory)
{
	if (inventory->nvml_asked)
		return false;
	for (size_t i = 0; i < request->selector_count; i++) {
		enum nvb_selector_kind kind = request->selectors[i].kind;

		/* Only NVML knows how many there are, and one of one is all. */
		if (inventory->platform == NVB_PLATFORM_WSL2 &&
			(kind == NVB_SELECT_INDEX || kind == NVB_SELECT_COUNT || kind == NVB_SELECT_UUID ||
				kind == NVB_SELECT_PCI))
			return true;
		if (kind == NVB_SELECT_UUID && uuids_missing(inventory, false))
			return true;
		if (kind == NVB_SELECT_MIG_UUID && uuids_missing(inventory, true))
			return true;
	}
	return false;
}
