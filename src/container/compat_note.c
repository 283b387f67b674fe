/* SPDX-License-Identifier: Apache-2.0 */
#include "container/compat_note.h"

#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/jscan.h"
#include "base/mem.h"
#include "base/str.h"

static const char section_name[] = ".note.cuda.fwd_compatibility", owner[] = "NVIDIA Corporation";

/* A libcuda has some thirty sections, a note some hundred bytes. */
enum {
	SECTIONS_MAX = 256,
	NAMES_MAX = 16 * 1024,
	NOTE_MAX = 16 * 1024,
};

static int corrupt(const char *name, nvb_error **err, const char *what)
{
	return nvb_fail(err, NVB_ERR_CORRUPT, "%s: %s", name, what);
}

/* Exactly `size` bytes; a file that ends before is corrupt. */
static int read_exactly(int fd, const char *name, void *buffer, size_t size, uint64_t offset, nvb_error **err)
{
	size_t done = 0;

	if (offset > INT64_MAX - size)
		return corrupt(name, err, "an offset is beyond any file");
	while (done < size) {
		ssize_t n = pread(fd, (char *)buffer + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return nvb_fail_errno(err, errno, "reading %s", name);
		if (n == 0)
			return corrupt(name, err, "cut off");
		done += (size_t)n;
	}
	return 0;
}

static int read_sections(
	int fd, const char *name, Elf64_Shdr *sections, size_t *count, size_t *names, nvb_error **err)
{
	Elf64_Ehdr header;
	int rc = read_exactly(fd, name, &header, sizeof(header), 0, err);

	if (rc < 0)
		return rc;
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
		header.e_ident[EI_DATA] != ELFDATA2LSB)
		return corrupt(name, err, "not a 64-bit little-endian ELF file");
	*count = 0;
	if (header.e_shnum == 0)
		return 0; /* stripped of its sections, the note included */
	if (header.e_shnum > SECTIONS_MAX || header.e_shentsize != sizeof(*sections) ||
		header.e_shstrndx >= header.e_shnum)
		return corrupt(name, err, "its section headers are not those of a library");
	rc = read_exactly(fd, name, sections, header.e_shnum * sizeof(*sections), header.e_shoff, err);
	if (rc < 0)
		return rc;
	*count = header.e_shnum;
	*names = header.e_shstrndx;
	return 0;
}

/* The section of that name, or NULL. */
static int find_section(int fd, const char *name, const Elf64_Shdr *sections, size_t count, size_t names,
	const Elf64_Shdr **found, nvb_error **err)
{
	const Elf64_Shdr *strings = &sections[names];
	char text[NAMES_MAX];
	int rc;

	*found = NULL;
	if (strings->sh_size > sizeof(text))
		return corrupt(name, err, "its sections' names take too much room");
	rc = read_exactly(fd, name, text, strings->sh_size, strings->sh_offset, err);
	for (size_t i = 0; rc == 0 && i < count && !*found; i++)
		if (sections[i].sh_type == SHT_NOTE && sections[i].sh_name < strings->sh_size &&
			strings->sh_size - sections[i].sh_name >= sizeof(section_name) &&
			memcmp(text + sections[i].sh_name, section_name, sizeof(section_name)) == 0)
			*found = &sections[i];
	return rc;
}

static int read_branches(struct nvb_jscan *js, struct nvb_compat_note *note, nvb_error **err)
{
	struct nvb_json value;
	int more, rc = nvb_jscan_enter(js, NVB_JSON_ARRAY, err);

	while (rc == 0 && (more = nvb_jscan_next(js, NULL, err)) != 0) {
		char number[12];
		uint32_t branch;

		rc = more < 0 ? more : nvb_jscan_expect(js, NVB_JSON_NUMBER, &value, err);
		if (rc < 0 || value.size >= sizeof(number) || note->count == NVB_COMPAT_BRANCHES_MAX)
			continue;
		memcpy(number, value.text, value.size);
		number[value.size] = '\0';
		if (nvb_parse_u32(number, &branch))
			note->branches[note->count++] = branch;
	}
	return rc;
}

static int read_json(const char *text, size_t size, struct nvb_compat_note *note, nvb_error **err)
{
	_cleanup_jscan_ struct nvb_jscan js;
	struct nvb_json key, value;
	int more, rc;

	nvb_jscan_begin(&js, text, size);
	rc = nvb_jscan_enter(&js, NVB_JSON_OBJECT, err);
	while (rc == 0 && (more = nvb_jscan_next(&js, &key, err)) != 0) {
		if (more < 0)
			return more;
		if (nvb_json_equals(&key, "Driver", strlen("Driver")))
			rc = read_branches(&js, note, err);
		else
			rc = nvb_jscan_value(&js, &value, err);
	}
	return rc == 0 ? nvb_jscan_end(&js, err) : rc;
}

/* Name and description each begin at a multiple of the section's alignment. */
static int read_note(const char *name, const char *data, size_t size, uint64_t alignment,
	struct nvb_compat_note *note, nvb_error **err)
{
	Elf64_Nhdr header;
	size_t mask = alignment == 8 ? 7 : 3, at = sizeof(header), padded;

	if (size < sizeof(header))
		return corrupt(name, err, "its compatibility note is cut off");
	memcpy(&header, data, sizeof(header));
	padded = ((size_t)header.n_namesz + mask) & ~mask;
	if (padded > size - at || header.n_descsz > size - at - padded)
		return corrupt(name, err, "its compatibility note is cut off");
	if (header.n_namesz < sizeof(owner) - 1 || memcmp(data + at, owner, sizeof(owner) - 1) != 0)
		return 0;
	at += padded;
	size = header.n_descsz;
	while (size && data[at + size - 1] == '\0')
		size--;
	note->present = size > 0;
	return size ? read_json(data + at, size, note, err) : 0;
}

int nvb_compat_note_read(int fd, const char *name, struct nvb_compat_note *note, nvb_error **err)
{
	Elf64_Shdr sections[SECTIONS_MAX];
	struct nvb_compat_note read = {0};
	const Elf64_Shdr *section = NULL;
	char data[NOTE_MAX];
	size_t count = 0, names = 0;
	int rc = read_sections(fd, name, sections, &count, &names, err);

	if (rc == 0 && count)
		rc = find_section(fd, name, sections, count, names, &section, err);
	if (rc == 0 && section && section->sh_size > sizeof(data))
		rc = corrupt(name, err, "its compatibility note takes too much room");
	else if (rc == 0 && section)
		rc = read_exactly(fd, name, data, section->sh_size, section->sh_offset, err);
	if (rc == 0 && section)
		rc = read_note(name, data, section->sh_size, section->sh_addralign, &read, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "CUDA forward compatibility");
	*note = read;
	return 0;
}
