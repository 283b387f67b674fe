/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/majors.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"

enum {
	MAJORS = 512,	     /* the kernel's table of dynamic numbers ends here (CHRDEV_MAJOR_MAX) */
	DEVICES_MAX = 65536, /* bytes of /proc/devices */
};

/* What each would be on a machine with the driver; 0: any dynamic one (they are given from 511 down). */
static const struct {
	size_t offset;
	unsigned wanted;
} kinds[] = {
	{offsetof(struct sim_majors, nvidia), 195},
	{offsetof(struct sim_majors, drm), 226},
	{offsetof(struct sim_majors, uverbs), 231},
	{offsetof(struct sim_majors, uvm), 0},
	{offsetof(struct sim_majors, nvswitch), 0},
	{offsetof(struct sim_majors, caps), 0},
	{offsetof(struct sim_majors, imex), 0},
	{offsetof(struct sim_majors, rdma), 0},
	{offsetof(struct sim_majors, fs), 0},
	{offsetof(struct sim_majors, gdrdrv), 0},
	{offsetof(struct sim_majors, dxg), 0},
};

/* Marks the character majors that a /proc/devices names. */
static void mark_served(char *text, bool *served)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned number;

		if (nvb_streq(line, "Block devices:"))
			return;
		if (sscanf(line, "%u", &number) == 1 && number < MAJORS)
			served[number] = true;
	}
}

int sim_majors_choose(struct sim_majors *majors, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	bool served[MAJORS] = {false};
	unsigned next = MAJORS - 1;
	int rc = nvb_file_read(AT_FDCWD, "/proc/devices", DEVICES_MAX, &text, NULL, err);

	if (rc < 0)
		return rc;
	mark_served(text, served);
	for (size_t i = 0; i < NVB_ELEMENTS(kinds); i++) {
		unsigned number = kinds[i].wanted;

		if (!number || served[number])
			for (number = next; number > 384 && served[number];)
				number--;
		if (number <= 384 && number != kinds[i].wanted)
			return nvb_fail(err, NVB_ERR_UNSUPPORTED, "no free major number for simulated nodes");
		served[number] = true;
		if (number > 384)
			next = number - 1;
		*(unsigned *)(void *)((char *)majors + kinds[i].offset) = number;
	}
	return 0;
}

int sim_majors_caps(int root, unsigned *caps, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	char *save = NULL;
	int rc = nvb_file_read(root, "proc/devices", DEVICES_MAX, &text, NULL, err);

	if (rc < 0)
		return rc;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (nvb_ends_with(line, " nvidia-caps") && sscanf(line, "%u", caps) == 1)
			return 0;
	return nvb_fail(err, NVB_ERR_NOT_FOUND, "proc/devices of the machine names no nvidia-caps");
}
