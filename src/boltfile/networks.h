/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLTFILE_NETWORKS_H
#define NVB_BOLTFILE_NETWORKS_H

#include "boltfile/boltfile.h"

/*
 * The network of services that say nothing of one. Where there are several services they find each other by
 * name, as Compose has it: they are put on the project's network "default". A service alone has nobody to
 * find and keeps the host's, which costs nothing; so does every service where no bridge can be had
 * (`bridges`), and there the names of the others lead to the host's loopback, where their ports are.
 * `networks` and `network_mode` count before all this.
 */
int nvb_boltfile_settle_networks(struct nvb_boltfile *file, bool bridges, nvb_error **err);

/* Whether services can be put on bridges here: by root, with a program that makes them. */
bool nvb_boltfile_has_bridges(void);

#endif
