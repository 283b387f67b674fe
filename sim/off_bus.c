/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/off_bus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* What stands for a card by its PCI address, and by its minor number. */
static const struct {
	const char *name; /* in SIM_OFF_BUS_DIRECTORY, behind the minor number */
	const char *path; /* below the root, without the address or number */
	bool by_address;
} places[] = {
	{"proc", "proc/driver/nvidia/gpus/", true},
	{"pci", "sys/bus/pci/devices/", true},
	{"driver", "sys/bus/pci/drivers/nvidia/", true},
	{"node", "dev/nvidia", false},
	{"mig", "proc/driver/nvidia/capabilities/gpu", false},
};

static int move(int root, const char *from, const char *to, nvb_error **err)
{
	/* Absent: a machine without nodes or MIG, or one that has been through this. */
	if (renameat(root, from, root, to) == 0 || errno == ENOENT)
		return 0;
	return nvb_fail_errno(err, errno, "moving %s", from);
}

int sim_off_bus(int root, const struct sim_gpu *gpu, bool off, nvb_error **err)
{
	int rc = 0;

	if (off && mkdirat(root, SIM_OFF_BUS_DIRECTORY, 0700) < 0 && errno != EEXIST)
		return nvb_fail_errno(err, errno, SIM_OFF_BUS_DIRECTORY);
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(places); i++) {
		char there[128], away[128];

		if (places[i].by_address)
			snprintf(there, sizeof(there), "%s%04x:%02x:%02x.%x", places[i].path, gpu->pci.domain,
				gpu->pci.bus, gpu->pci.device, gpu->pci.function);
		else
			snprintf(there, sizeof(there), "%s%u", places[i].path, gpu->minor);
		snprintf(away, sizeof(away), SIM_OFF_BUS_DIRECTORY "/%u-%s", gpu->minor, places[i].name);
		rc = off ? move(root, there, away, err) : move(root, away, there, err);
	}
	return rc;
}
