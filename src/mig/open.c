/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/str.h"
#include "inventory/nvml_abi.h"
#include "inventory/procfs.h"
#include "mig/change.h"
#include "mig/session.h"
#include "mig/state.h"

/* The host's cards as NVML tells them, in the inventory's order. */

static const struct nvb_gpu *known_gpu(const struct nvb_inventory *inventory, const char *pci)
{
	for (size_t i = 0; i < inventory->gpu_count; i++)
		if (nvb_streq0(inventory->gpus[i].pci, pci))
			return &inventory->gpus[i];
	return NULL;
}

static int by_index(const void *a, const void *b)
{
	uint32_t x = ((const struct nvb_mig_gpu *)a)->index, y = ((const struct nvb_mig_gpu *)b)->index;

	return (x > y) - (x < y);
}

/* A card that fell off the bus must not keep the others from being divided. */
static int read_all(struct nvb_mig *mig, nvb_error **err)
{
	mig->gpus = calloc(mig->session->count + 1, sizeof(*mig->gpus));
	if (!mig->gpus)
		return nvb_fail_oom(err);
	for (uint32_t i = 0; i < mig->session->count; i++) {
		struct nvb_mig_gpu *gpu = &mig->gpus[mig->gpu_count];
		_cleanup_error_ nvb_error *why = NULL;
		const struct nvb_gpu *known;
		int rc = nvb_mig_session_read(mig->session, i, gpu, &why);

		if (rc == -NVB_ERR_UNSUPPORTED) {
			nvb_warning(mig->log, "%s", nvb_error_message(why));
			continue;
		}
		if (rc < 0) {
			nvb_error_move(err, NVB_TAKE_PTR(why));
			return rc;
		}
		known = known_gpu(mig->inventory, gpu->pci);
		if (!known)
			continue;
		gpu->index = known->index;
		gpu->nvml = i;
		mig->gpu_count++;
	}
	qsort(mig->gpus, mig->gpu_count, sizeof(*mig->gpus), by_index);
	return 0;
}

int nvb_mig_read_again(struct nvb_mig *mig, size_t index, nvb_error **err)
{
	struct nvb_mig_gpu *gpu = &mig->gpus[index], *fresh = malloc(sizeof(*fresh));
	int rc;

	if (!fresh)
		return nvb_fail_oom(err);
	rc = nvb_mig_session_read(mig->session, gpu->nvml, fresh, err);
	if (rc == 0 && !nvb_streq(fresh->pci, gpu->pci))
		rc = nvb_fail(err, NVB_ERR_STALE, "NVML numbers the GPUs otherwise than before");
	if (rc == 0) {
		fresh->index = gpu->index;
		fresh->nvml = gpu->nvml;
		*gpu = *fresh;
	}
	free(fresh);
	return rc;
}

static int open_state(struct nvb_mig *mig, bool change, nvb_error **err)
{
	int rc = nvb_mig_state_open(&mig->inventory->roots.dev, change, &mig->state, err);

	mig->unfinished = nvb_mig_before_exists(mig->state);
	if (rc == 0 && change)
		rc = nvb_mig_state_lock(mig->state, &mig->lock, err);
	if (rc == -NVB_ERR_PERMISSION && geteuid() != 0)
		return nvb_hint(err, rc, "changing MIG takes root");
	return rc;
}

int nvb_mig_open_raw(const struct nvb_inventory *inventory, bool change, const struct nvb_log *log,
	struct nvb_mig **out, nvb_error **err)
{
	_cleanup_mig_ struct nvb_mig *mig = NULL;
	int rc;

	if (inventory->platform == NVB_PLATFORM_WSL2)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"MIG cannot be used on WSL2: Windows' driver hands all of a GPU through /dev/dxg");
	if (!inventory->gpu_count || inventory->driver.kind == NVB_DRIVER_NOUVEAU)
		return nvb_hint(err,
			nvb_fail(
				err, NVB_ERR_UNSUPPORTED, "this host has no GPU that NVIDIA's driver serves"),
			"'nvbind info' says what was found");
	mig = calloc(1, sizeof(*mig));
	if (!mig)
		return nvb_fail_oom(err);
	mig->inventory = inventory;
	mig->log = log;
	mig->state = mig->lock = -1;
	rc = open_state(mig, change, err);
	if (rc == 0)
		rc = nvb_mig_session_open(inventory, &mig->session, err);
	if (rc == 0)
		rc = read_all(mig, err);
	if (rc == 0)
		*out = NVB_TAKE_PTR(mig);
	return rc;
}

int nvb_mig_open(const struct nvb_inventory *inventory, bool change, const struct nvb_log *log,
	struct nvb_mig **out, nvb_error **err)
{
	_cleanup_mig_ struct nvb_mig *mig = NULL;
	int rc = nvb_mig_open_raw(inventory, change, log, &mig, err);
	bool found;

	if (rc == 0 && change) {
		rc = nvb_mig_recover(mig, false, &found, err);
		if (rc < 0)
			nvb_wrap(err, rc,
				"an earlier change of MIG was cut off, and what was there before cannot be "
				"put back");
		if (rc < 0 && !nvb_error_hint(err ? *err : NULL))
			nvb_hint(err, rc, "'nvbind mig recover --forget' leaves things as they are");
	}
	if (rc == 0)
		*out = NVB_TAKE_PTR(mig);
	return rc;
}

void nvb_mig_close(struct nvb_mig *mig)
{
	if (!mig)
		return;
	nvb_mig_session_close(mig->session);
	nvb_closep(&mig->lock);
	nvb_closep(&mig->state);
	free(mig->gpus);
	free(mig);
}

int nvb_mig_find_gpu(const struct nvb_mig *mig, const char *word, size_t *index, nvb_error **err)
{
	char pci[NVB_PCI_ADDRESS] = "";
	uint32_t number;
	bool is_number = nvb_parse_u32(word, &number);

	nvb_pci_normalise(word, pci);
	for (size_t i = 0; i < mig->gpu_count; i++) {
		const struct nvb_mig_gpu *gpu = &mig->gpus[i];

		if (is_number ? gpu->index == number
			      : nvb_streq(gpu->pci, pci) || strcasecmp(gpu->uuid, word) == 0) {
			*index = i;
			return 0;
		}
	}
	return nvb_hint(err, nvb_fail(err, NVB_ERR_NOT_FOUND, "there is no GPU '%s'", word),
		"'nvbind mig list' shows them: by number, UUID or PCI address");
}
