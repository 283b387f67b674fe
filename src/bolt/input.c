/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "bolt/latency.h"

/*
 * Input devices: whether this process may read them, and whether they fall asleep between events. A USB
 * device whose power/control is "auto" may be suspended when nothing moves, and its first event then waits
 * until it has woken (driver-api/usb/power-management.rst). That setting outlives whoever changes it and
 * belongs to udev's rules, so it is told and not changed.
 */

/* The power/control of the device that `node`'s sysfs directory lies in, the nearest one above that has it:
 * "auto" or "on"; NULL: it cannot sleep. malloc'd. */
static char *power_control(const struct nvb_root *sys, const char *node)
{
	_cleanup_free_ char *place = NULL;
	char path[PATH_MAX], *slash;

	snprintf(path, sizeof(path), "/sys/class/input/%s/device", node);
	if (nvb_root_realpath(sys, path, &place, NULL) < 0)
		return NULL;
	while ((slash = strrchr(place, '/')) && slash != place) {
		char *text = NULL;
		int fd, rc;

		/* Only USB devices have a speed beside it; input and HID devices between have a power/control
		 * that does nothing. */
		if (snprintf(path, sizeof(path), "%s/speed", place) < (int)sizeof(path) &&
			(fd = nvb_root_openat(sys, path, O_RDONLY, 0)) >= 0) {
			close(fd);
			snprintf(path, sizeof(path), "%s/power/control", place);
			fd = nvb_root_openat(sys, path, O_RDONLY, 0);
			rc = fd < 0 ? fd : nvb_file_read_fd(fd, path, 64, &text, NULL, NULL);
			if (fd >= 0)
				close(fd);
			if (rc == 0)
				text[strcspn(text, "\n")] = '\0';
			return rc == 0 ? text : NULL;
		}
		*slash = '\0';
	}
	return NULL;
}

static int note_device(struct nvb_low_latency *latency, const struct nvb_inventory *inventory,
	const char *node, nvb_error **err)
{
	_cleanup_free_ char *control = power_control(&inventory->roots.sys, node);
	char path[PATH_MAX], name[64];
	int fd;

	snprintf(name, sizeof(name), "input %.50s", node);
	snprintf(path, sizeof(path), "/dev/input/%.50s", node);
	if (control && nvb_streq(control, "auto"))
		return nvb_latency_note(latency, false, err, name,
			"it may sleep between events (power/control is auto); a udev rule with "
			"ATTR{power/control}=\"on\" keeps it awake");
	fd = nvb_root_openat(&inventory->roots.dev, path, O_RDONLY, 0);
	if (fd < 0)
		return nvb_latency_note(latency, false, err, name, "%s: %s", path, strerrordesc_np(-fd));
	close(fd);
	return nvb_latency_note(
		latency, true, err, name, "readable, %s", control ? "never sleeps" : "cannot sleep");
}

static bool is_event(const char *name)
{
	const char *number = nvb_after(name, "event");

	if (!number || !*number)
		return false;
	while (isdigit((unsigned char)*number))
		number++;
	return !*number;
}

int nvb_latency_input(struct nvb_low_latency *latency, const struct nvb_inventory *inventory, nvb_error **err)
{
	int fd = nvb_root_openat(&inventory->roots.dev, "/dev/input", O_RDONLY | O_DIRECTORY, 0), rc = 0;
	_cleanup_closedir_ DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t count = 0;

	if (!directory)
		return nvb_latency_note(latency, false, err, "input", "/dev/input: %s",
			strerrordesc_np(fd < 0 ? -fd : errno));
	while (rc == 0 && (entry = readdir(directory)))
		if (is_event(entry->d_name) && ++count)
			rc = note_device(latency, inventory, entry->d_name, err);
	if (rc == 0 && !count)
		rc = nvb_latency_note(latency, false, err, "input", "there are no input devices");
	return rc;
}
