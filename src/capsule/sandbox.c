/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/sandbox.h"

#include <string.h>
#include <strings.h>
#include <sys/prctl.h>

#include "base/str.h"

/* By number; source: linux/capability.h. */
static const char *const capability_names[NVB_CAPABILITY_COUNT] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

/* Source: Docker's documentation, "Runtime privilege and Linux capabilities", the table of what is allowed by
 * default. */
static const char *const default_capabilities[] = {
	"AUDIT_WRITE",
	"CHOWN",
	"DAC_OVERRIDE",
	"FOWNER",
	"FSETID",
	"KILL",
	"MKNOD",
	"NET_BIND_SERVICE",
	"NET_RAW",
	"SETFCAP",
	"SETGID",
	"SETPCAP",
	"SETUID",
	"SYS_CHROOT",
};

/* Files of /proc and /sys that tell about, or act on, the host as a whole. */
const char *const nvb_masked_paths[] = {
	"/proc/asound",
	"/proc/acpi",
	"/proc/interrupts",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/sys/firmware",
	"/sys/devices/virtual/powercap",
	NULL,
};

const char *const nvb_readonly_paths[] = {
	"/proc/bus",
	"/proc/fs",
	"/proc/irq",
	"/proc/sys",
	"/proc/sysrq-trigger",
	NULL,
};

const char *nvb_capability_name(int number)
{
	return capability_names[number];
}

int nvb_capability_number(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (int i = 0; i < NVB_CAPABILITY_COUNT; i++)
		if (strcasecmp(capability_names[i] + 4, name) == 0)
			return i;
	return -1;
}

uint64_t nvb_own_capabilities(void)
{
	uint64_t set = 0;

	for (int i = 0; i < NVB_CAPABILITY_COUNT; i++)
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			set |= UINT64_C(1) << i;
	return set;
}

static uint64_t default_set(void)
{
	uint64_t set = 0;

	for (size_t i = 0; i < NVB_ELEMENTS(default_capabilities); i++)
		set |= UINT64_C(1) << nvb_capability_number(default_capabilities[i]);
	return set;
}

int nvb_sandbox_capabilities(
	const struct nvb_capsule_spec *spec, uint64_t own, uint64_t *out, nvb_error **err)
{
	bool all = spec->privileged || spec->capabilities_added == NVB_CAPABILITIES_ALL;
	uint64_t lacking = spec->capabilities_added & ~own;

	/* "All" means all there are to give; a name means that one. */
	if (!all && lacking) {
		int first = __builtin_ctzll(lacking);

		return nvb_fail(err, NVB_ERR_PERMISSION, "%s cannot be given: bolt does not have it itself",
			capability_names[first]);
	}
	*out = own & (all ? ~spec->capabilities_dropped
			  : (default_set() & ~spec->capabilities_dropped) | spec->capabilities_added);
	return 0;
}
