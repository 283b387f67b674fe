/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_MIG_MODE_H
#define NVB_MIG_MODE_H

#include "mig/mig.h"

/* The mode of a card for virtual isolation: switched on where the host's configuration allows it and nobody
 * uses the card, and off again when the last device that was made so goes. A mode that waits for a reset is
 * set back. */

/* NVB_ERR_BUSY: somebody uses the card, by a lease or by having it open, or its mode waits for a reset. */
int nvb_mig_mode_on(struct nvb_mig *mig, size_t gpu, nvb_error **err);

/* Off, when it was switched on so and nothing is left there; else nothing happens. What fails stays as it is.
 */
void nvb_mig_mode_settle(struct nvb_mig *mig, size_t gpu);

#endif
