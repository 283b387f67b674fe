/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/procfs.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Steps through lines: *line and its length; false at the end. */
static bool next_line(const char **text, const char **line, size_t *length)
{
	const char *end;

	if (!**text)
		return false;
	end = strchrnul(*text, '\n');
	*line = *text;
	*length = (size_t)(end - *text);
	*text = *end ? end + 1 : end;
	return true;
}

/* Copies a part without the blanks around it; false when it is empty or does not fit. */
static bool copy_trimmed(char *out, size_t size, const char *s, size_t length)
{
	while (length && isspace((unsigned char)*s)) {
		s++;
		length--;
	}
	while (length && isspace((unsigned char)s[length - 1]))
		length--;
	if (length == 0 || length >= size)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return false;
	memcpy(out, s, length);
	out[length] = '\0';
	return true;
}

bool nvb_is_driver_version(const char *s)
{
	uint64_t first = 0;
	size_t parts = 1;

	if (!isdigit((unsigned char)*s))
		return false;
	for (const char *p = s; *p; p++) {
		if (*p == '.') {
			if (!isdigit((unsigned char)p[1]))
				return false;
			parts++;
		} else if (!isdigit((unsigned char)*p)) {
			return false;
		} else if (parts == 1 && first < 100000) {
			first = first * 10 + (uint64_t)(*p - '0');
		}
	}
	return parts >= 2 && parts <= 4 && first > 60 && first < 100000 && strlen(s) < 32;
}

/*
 * "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue ..." or
 * "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build ..."
 */
bool nvb_procfs_parse_version(const char *text, struct nvb_proc_version *version)
{
	const char *line;
	size_t length;

	while (next_line(&text, &line, &length)) {
		char copy[512], *save = NULL;
		struct nvb_proc_version found = {0};

		if (!nvb_after(line, "NVRM version:") || length >= sizeof(copy))
			continue;
		memcpy(copy, line, length);
		copy[length] = '\0';
		found.open = strstr(copy, "Open Kernel Module") != NULL;
		for (char *word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
			if (!nvb_is_driver_version(word))
				continue;
			memcpy(found.version, word, strlen(word) + 1);
			*version = found;
			return true;
		}
	}
	return false;
}

bool nvb_is_uuid(const char *s, const char *prefix)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	const char *digits = nvb_after(s, prefix);

	if (!digits || strlen(digits) != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; shape[i]; i++)
		if (shape[i] == '-' ? digits[i] != '-' : !isxdigit((unsigned char)digits[i]))
			return false;
	return true;
}

static void take_field(
	struct nvb_proc_gpu *gpu, const char *key, size_t key_length, const char *value, size_t value_length)
{
	char text[NVB_PROC_TEXT];
	uint32_t number;

	if (!copy_trimmed(text, sizeof(text), value, value_length))
		return;
	if (key_length == strlen("Model") && memcmp(key, "Model", key_length) == 0)
		memcpy(gpu->model, text, sizeof(text));
	else if (key_length == strlen("GPU UUID") && memcmp(key, "GPU UUID", key_length) == 0 &&
		 nvb_is_uuid(text, "GPU-"))
		memcpy(gpu->uuid, text, sizeof(text));
	else if (key_length == strlen("GPU Firmware") && memcmp(key, "GPU Firmware", key_length) == 0 &&
		 !nvb_streq(text, "N/A"))
		memcpy(gpu->firmware, text, sizeof(text));
	else if (key_length == strlen("GPU Excluded") && memcmp(key, "GPU Excluded", key_length) == 0)
		gpu->excluded = nvb_streq(text, "Yes");
	else if (key_length == strlen("Device Minor") && memcmp(key, "Device Minor", key_length) == 0 &&
		 nvb_parse_u32(text, &number)) {
		gpu->minor = number;
		gpu->has_minor = true;
	}
}

void nvb_procfs_parse_information(const char *text, struct nvb_proc_gpu *gpu)
{
	const char *line;
	size_t length;

	*gpu = (struct nvb_proc_gpu){0};
	while (next_line(&text, &line, &length)) {
		const char *colon = memchr(line, ':', length);

		if (colon)
			take_field(gpu, line, (size_t)(colon - line), colon + 1,
				length - (size_t)(colon + 1 - line));
	}
}

bool nvb_procfs_find_major(const char *devices, const char *name, uint32_t *major)
{
	bool character = false;
	const char *line;
	size_t length;

	while (next_line(&devices, &line, &length)) {
		char copy[128], number[16], word[64], rest;

		if (length == 0 || length >= sizeof(copy))
			continue;
		memcpy(copy, line, length);
		copy[length] = '\0';
		if (nvb_ends_with(copy, "devices:")) {
			character = nvb_after(copy, "Character") != NULL;
			continue;
		}
		if (character && sscanf(copy, " %15s %63s %c", number, word, &rest) == 2 &&
			nvb_streq(word, name) && nvb_parse_u32(number, major))
			return true;
	}
	return false;
}

bool nvb_procfs_parse_capability(const char *text, uint32_t *minor)
{
	const char *line;
	size_t length;

	while (next_line(&text, &line, &length)) {
		const char *value = nvb_after(line, "DeviceFileMinor:");
		char number[16];

		if (value && value <= line + length &&
			copy_trimmed(number, sizeof(number), value, length - (size_t)(value - line)))
			return nvb_parse_u32(number, minor);
	}
	return false;
}

/* "<prefix><number>" at *p, which moves behind it. */
static bool take_number(const char **p, const char *prefix, uint32_t *number)
{
	const char *digits = nvb_after(*p, prefix);
	uint64_t value = 0;

	if (!digits || !isdigit((unsigned char)*digits))
		return false;
	for (; isdigit((unsigned char)*digits) && value <= UINT32_MAX; digits++)
		value = value * 10 + (uint64_t)(*digits - '0');
	if (value >= UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	*p = digits;
	return true;
}

static bool parse_mig_minor(const char *line, struct nvb_mig_minor *entry)
{
	*entry = (struct nvb_mig_minor){.ci = NVB_NO_CI};
	if (!take_number(&line, "gpu", &entry->gpu) || !take_number(&line, "/gi", &entry->gi))
		return false;
	(void)take_number(&line, "/ci", &entry->ci);
	return take_number(&line, "/access ", &entry->minor) && (!*line || *line == '\n');
}

static int mig_minor_order(const void *a, const void *b)
{
	const struct nvb_mig_minor *x = a, *y = b;

	if (x->gpu != y->gpu)
		return x->gpu < y->gpu ? -1 : 1;
	if (x->gi != y->gi)
		return x->gi < y->gi ? -1 : 1;
	return x->ci < y->ci ? -1 : x->ci > y->ci;
}

bool nvb_procfs_parse_mig_minors(const char *text, struct nvb_mig_minors *minors)
{
	const char *line;
	size_t length;

	while (next_line(&text, &line, &length)) {
		struct nvb_mig_minor entry;

		if (!parse_mig_minor(line, &entry))
			continue;
		if (!NVB_GROW(minors->list, minors->count, minors->capacity))
			return false;
		minors->list[minors->count++] = entry;
	}
	if (minors->count)
		qsort(minors->list, minors->count, sizeof(*minors->list), mig_minor_order);
	return true;
}

bool nvb_mig_minor_find(
	const struct nvb_mig_minors *minors, uint32_t gpu, uint32_t gi, uint32_t ci, uint32_t *minor)
{
	const struct nvb_mig_minor key = {.gpu = gpu, .gi = gi, .ci = ci}, *found = NULL;

	if (minors->count)
		found = bsearch(&key, minors->list, minors->count, sizeof(key), mig_minor_order);
	if (found)
		*minor = found->minor;
	return found != NULL;
}

bool nvb_pci_normalise(const char *address, char out[NVB_PCI_ADDRESS])
{
	const char *p = address;
	unsigned domain = 0, bus = 0, device = 0, function = 0;
	int used = 0;
	size_t digits = strspn(p, "0123456789abcdefABCDEF");

	if ((digits != 4 && digits != 8) || strlen(p) != digits + strlen(":bb:dd.f"))
		return false;
	for (const char *c = p; *c; c++)
		if (!isxdigit((unsigned char)*c) && *c != ':' && *c != '.')
			return false;
	if (sscanf(p, "%8x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &used) != 4 || p[used] ||
		device > 0x1f || function > 7)
		return false;
	snprintf(out, NVB_PCI_ADDRESS, "%04x:%02x:%02x.%x", domain, bus, device, function);
	return true;
}
