/* SPDX-License-Identifier: Apache-2.0 */
#include "mig/mode.h"

#include "base/log.h"
#include "mig/change.h"
#include "mig/state.h"

static int switch_mode(struct nvb_mig *mig, size_t gpu, bool on, nvb_error **err)
{
	static const struct nvb_mig_run_options options = {.on_demand = true};
	const struct nvb_mig_layout layout = {.enabled = on};
	_cleanup_mig_change_ struct nvb_mig_change change = {0};
	int rc = nvb_mig_change_to(mig, gpu, &layout, &change, err);

	return rc < 0 ? rc : nvb_mig_change_run(mig, &change, &options, err);
}

/* The mark first: whoever finds us killed behind the change knows whose it was. */
int nvb_mig_mode_on(struct nvb_mig *mig, size_t gpu, nvb_error **err)
{
	const char *pci = mig->gpus[gpu].pci;
	int rc = nvb_mig_mark_mode(mig->state, pci, err);

	if (rc == 0)
		rc = switch_mode(mig, gpu, true, err);
	if (rc < 0)
		nvb_mig_unmark_mode(mig->state, pci);
	else
		nvb_info(mig->log, "MIG was switched on on GPU %u", mig->gpus[gpu].index);
	return rc;
}

void nvb_mig_mode_settle(struct nvb_mig *mig, size_t gpu)
{
	_cleanup_error_ nvb_error *error = NULL;
	const struct nvb_mig_gpu *card = &mig->gpus[gpu];

	if (!card->enabled || card->instance_count || !nvb_mig_mode_is_marked(mig->state, card->pci))
		return;
	if (switch_mode(mig, gpu, false, &error) < 0) {
		nvb_debug(mig->log, "MIG stays on on GPU %u: %s", card->index, nvb_error_message(error));
		return;
	}
	nvb_mig_unmark_mode(mig->state, card->pci);
	nvb_info(mig->log, "MIG was switched off again on GPU %u", card->index);
}
