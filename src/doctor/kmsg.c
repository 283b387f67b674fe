/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/kmsg.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { LINE = 1024 };

/* Copies what can be printed. */
static void copy(char *out, size_t size, const char *in)
{
	size_t n = 0;

	for (; *in && n + 1 < size; in++)
		out[n++] = isprint((unsigned char)*in) ? *in : '?';
	out[n] = '\0';
}

static struct nvb_kmsg_xid *kind_of(struct nvb_kmsg *kmsg, int xid, const char *device)
{
	for (size_t i = 0; i < kmsg->xid_count; i++)
		if (kmsg->xids[i].xid == xid && strcmp(kmsg->xids[i].device, device) == 0)
			return &kmsg->xids[i];
	if (kmsg->xid_count == NVB_KMSG_XIDS)
		return NULL;
	kmsg->xids[kmsg->xid_count].xid = xid;
	snprintf(kmsg->xids[kmsg->xid_count].device, sizeof(kmsg->xids[0].device), "%s", device);
	return &kmsg->xids[kmsg->xid_count++];
}

/* "(PCI:0000:3b:00): 79, pid=1, GPU has fallen off the bus." */
static void read_xid(struct nvb_kmsg *kmsg, const char *text, uint64_t usec)
{
	struct nvb_kmsg_xid *xid;
	char device[20];
	int number, end = 0;

	if (sscanf(text, " (PCI:%19[0-9a-fA-F:.]): %d%n", device, &number, &end) < 2 || number <= 0)
		return;
	xid = kind_of(kmsg, number, device);
	if (!xid)
		return;
	xid->count++;
	xid->usec = usec;
	text += end;
	copy(xid->text, sizeof(xid->text), text + strspn(text, ", "));
}

static void read_line(struct nvb_kmsg *kmsg, const char *line)
{
	const char *semicolon = strchr(line, ';');
	/* At the beginning: other messages hold names of control groups, which anybody chooses. */
	const char *xid = nvb_after(semicolon ? semicolon + 1 : line, "NVRM: Xid");
	unsigned long long usec = 0;

	if (!semicolon || sscanf(line, "%*u,%*u,%llu,", &usec) != 1)
		usec = 0;
	if (xid)
		read_xid(kmsg, xid, usec);
	if (strstr(line, "nvidia") && (strstr(line, "Key was rejected by service") ||
					      strstr(line, "module verification failed: signature and/or "
							   "required key missing - module rejected")))
		kmsg->key_rejected = true;
	/* Lockdown's own words for a module without a signature: source: security/lockdown/lockdown.c. */
	if (strstr(line, "Loading of unsigned module is rejected") ||
		(strstr(line, "Lockdown:") && strstr(line, "unsigned module loading is restricted")))
		kmsg->key_rejected = true;
	if (strstr(line, "firmware") && strstr(line, "gsp_") &&
		(strstr(line, "failed with error -2") || strstr(line, "not found"))) {
		kmsg->firmware_missing = true;
		copy(kmsg->firmware, sizeof(kmsg->firmware), semicolon ? semicolon + 1 : line);
	}
}

void nvb_kmsg_parse(struct nvb_kmsg *kmsg, const char *text, size_t size)
{
	const char *end = text + size;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text)),
			   *stop = newline ? newline : end;
		size_t n = (size_t)(stop - text);
		char line[LINE];

		if (n >= sizeof(line))
			n = sizeof(line) - 1;
		memcpy(line, text, n);
		line[n] = '\0';
		/* Lines that begin with a blank are a record's dictionary. */
		if (*line != ' ')
			read_line(kmsg, line);
		text = stop + 1;
	}
}
