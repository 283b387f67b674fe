/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/tar.h"

#include <stdio.h>
#include <string.h>

/* POSIX.1-2001, pax, "ustar Interchange Format". */
enum {
	MODE = 100,
	UID = 108,
	GID = 116,
	SIZE = 124,
	TIME = 136,
	SUM = 148,
	TYPE = 156,
	MAGIC = 257,
	VERSION = 263,
	NUMBER = 8,
	LONG_NUMBER = 12,
};

void nvb_tar_header(uint8_t header[static NVB_TAR_BLOCK], const char *name, uint64_t size)
{
	char *h = (char *)header;
	unsigned sum = 0;

	memset(header, 0, NVB_TAR_BLOCK);
	snprintf(h, NVB_TAR_NAME, "%s", name);
	snprintf(h + MODE, NUMBER, "%07o", 0600);
	snprintf(h + UID, NUMBER, "%07o", 0);
	snprintf(h + GID, NUMBER, "%07o", 0);
	snprintf(h + SIZE, LONG_NUMBER, "%011llo", (unsigned long long)size & 077777777777);
	snprintf(h + TIME, LONG_NUMBER, "%011o", 0);
	memset(h + SUM, ' ', NUMBER);
	h[TYPE] = '0';
	memcpy(h + MAGIC, "ustar", 6);
	memcpy(h + VERSION, "00", 2);
	for (int i = 0; i < NVB_TAR_BLOCK; i++)
		sum += header[i];
	snprintf(h + SUM, NUMBER, "%06o", sum);
}

bool nvb_tar_parse(const uint8_t header[static NVB_TAR_BLOCK], char name[static NVB_TAR_NAME], uint64_t *size)
{
	uint8_t wanted[NVB_TAR_BLOCK];
	uint64_t value = 0;

	if (!memchr(header, 0, NVB_TAR_NAME))
		return false;
	for (int i = 0; i < LONG_NUMBER - 1; i++) {
		if (header[SIZE + i] < '0' || header[SIZE + i] > '7')
			return false;
		value = value << 3 | (uint64_t)(header[SIZE + i] - '0');
	}
	memcpy(name, header, NVB_TAR_NAME);
	nvb_tar_header(wanted, name, value);
	if (memcmp(header, wanted, NVB_TAR_BLOCK) != 0)
		return false;
	*size = value;
	return true;
}

unsigned nvb_tar_padding(uint64_t size)
{
	return (unsigned)(-size % NVB_TAR_BLOCK);
}
