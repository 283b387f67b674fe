/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "bolt/latency.h"

/*
 * A CPU that sleeps deeply takes up to hundreds of us to wake. Whoever has /dev/cpu_dma_latency open with a
 * number written to it keeps all CPUs from sleeping deeper than that many us; the kernel forgets it when the
 * file is closed, also of a process that was killed (admin-guide/pm/cpuidle.rst).
 */
int nvb_latency_wakeup(
	struct nvb_low_latency *latency, const struct nvb_inventory *inventory, nvb_error **err)
{
	static const char path[] = "/dev/cpu_dma_latency";
	const int32_t wanted = 0;
	int32_t now = -1;
	struct stat st;
	int fd = nvb_root_openat(&inventory->roots.dev, path, O_RDWR | O_NOFOLLOW, 0);

	if (fd < 0)
		return nvb_latency_note(
			latency, false, err, "cpu-wakeup", "%s: %s", path, strerrordesc_np(-fd));
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || major(st.st_rdev) != 10) { /* MISC_MAJOR */
		close(fd);
		return nvb_latency_note(
			latency, false, err, "cpu-wakeup", "%s is not the kernel's device", path);
	}
	if (write(fd, &wanted, sizeof(wanted)) != sizeof(wanted) ||
		pread(fd, &now, sizeof(now), 0) != sizeof(now) || now != wanted) {
		int sys = now >= 0 && now != wanted ? EIO : errno;

		close(fd);
		return nvb_latency_note(
			latency, false, err, "cpu-wakeup", "%s: %s", path, strerrordesc_np(sys));
	}
	latency->cpu_wakeup = fd;
	return nvb_latency_note(latency, true, err, "cpu-wakeup",
		"CPUs wake within %d us, as long as this is held", (int)now);
}
