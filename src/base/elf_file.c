/* SPDX-License-Identifier: Apache-2.0 */
#include "base/elf_file.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/guard.h"
#include "base/mem.h"

/* The program headers stand directly behind the ELF header in everything linkers write, so one read gets
 * both; the dynamic section of the largest driver library has some forty entries. */
enum {
	HEAD_SIZE = 2048,
	SEGMENTS_MAX = 64,
	DYNAMIC_MAX = 1024,
};

struct segment {
	uint32_t type;
	uint64_t offset, address, size;
};

struct reader {
	int fd;
	const char *name;
	bool wide; /* ELFCLASS64 */
	uint8_t head[HEAD_SIZE];
	size_t head_size;
	struct segment segments[SEGMENTS_MAX];
	size_t segment_count;
};

static int corrupt(const struct reader *r, nvb_error **err, const char *what)
{
	return nvb_fail(err, NVB_ERR_CORRUPT, "%s: %s", r->name, what);
}

/* Reads up to size bytes at an offset; fewer at the file's end. Count or negated code. */
static ssize_t read_at(const struct reader *r, void *buffer, size_t size, uint64_t offset, nvb_error **err)
{
	ssize_t n;

	if (offset > INT64_MAX - size)
		return corrupt(r, err, "an offset is beyond any file");
	do
		n = pread(r->fd, buffer, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? nvb_fail_errno(err, errno, "reading %s", r->name) : n;
}

static void add_segment(struct reader *r, const uint8_t *at)
{
	struct segment *s = &r->segments[r->segment_count++];
	Elf64_Phdr wide;
	Elf32_Phdr narrow;

	if (r->wide) {
		memcpy(&wide, at, sizeof(wide));
		*s = (struct segment){wide.p_type, wide.p_offset, wide.p_vaddr, wide.p_filesz};
	} else {
		memcpy(&narrow, at, sizeof(narrow));
		*s = (struct segment){narrow.p_type, narrow.p_offset, narrow.p_vaddr, narrow.p_filesz};
	}
}

static int read_segments(struct reader *r, uint64_t offset, size_t count, size_t entry, nvb_error **err)
{
	uint8_t buffer[SEGMENTS_MAX * sizeof(Elf64_Phdr)];
	const uint8_t *table = buffer;
	size_t wanted = r->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr), size = count * wanted;
	ssize_t n;

	if (count == 0 || count > SEGMENTS_MAX || entry != wanted)
		return corrupt(r, err, "its program headers are not those of a library");
	if (offset <= r->head_size && size <= r->head_size - offset) {
		table = r->head + offset;
	} else {
		n = read_at(r, buffer, size, offset, err);
		if (n < 0)
			return (int)n;
		if ((size_t)n != size)
			return corrupt(r, err, "cut off within its program headers");
	}
	for (size_t i = 0; i < count; i++)
		add_segment(r, table + i * wanted);
	return 0;
}

static int read_header(struct reader *r, struct nvb_elf *elf, nvb_error **err)
{
	Elf64_Ehdr wide;
	Elf32_Ehdr narrow;
	ssize_t n = read_at(r, r->head, sizeof(r->head), 0, err);

	if (n < 0)
		return (int)n;
	r->head_size = (size_t)n;
	if (r->head_size < sizeof(narrow) || memcmp(r->head, ELFMAG, SELFMAG) != 0)
		return corrupt(r, err, "not an ELF file");
	r->wide = r->head[EI_CLASS] == ELFCLASS64;
	if ((!r->wide && r->head[EI_CLASS] != ELFCLASS32) || r->head[EI_DATA] != ELFDATA2LSB ||
		(r->wide && r->head_size < sizeof(wide)))
		return corrupt(r, err, "not a little-endian ELF file");
	elf->elf_class = r->wide ? 64 : 32;
	if (r->wide) {
		memcpy(&wide, r->head, sizeof(wide));
		elf->machine = wide.e_machine;
		elf->type = wide.e_type;
		return read_segments(r, wide.e_phoff, wide.e_phnum, wide.e_phentsize, err);
	}
	memcpy(&narrow, r->head, sizeof(narrow));
	elf->machine = narrow.e_machine;
	elf->type = narrow.e_type;
	return read_segments(r, narrow.e_phoff, narrow.e_phnum, narrow.e_phentsize, err);
}

static bool offset_of_address(const struct reader *r, uint64_t address, uint64_t *offset)
{
	for (size_t i = 0; i < r->segment_count; i++) {
		const struct segment *s = &r->segments[i];

		if (s->type == PT_LOAD && address >= s->address && address - s->address < s->size &&
			s->offset <= UINT64_MAX - (address - s->address)) {
			*offset = s->offset + (address - s->address);
			return true;
		}
	}
	return false;
}

static void dynamic_entry(
	const struct reader *r, const uint8_t *table, size_t i, int64_t *tag, uint64_t *value)
{
	Elf64_Dyn wide;
	Elf32_Dyn narrow;

	if (r->wide) {
		memcpy(&wide, table + i * sizeof(wide), sizeof(wide));
		*tag = wide.d_tag;
		*value = wide.d_un.d_val;
	} else {
		memcpy(&narrow, table + i * sizeof(narrow), sizeof(narrow));
		*tag = narrow.d_tag;
		*value = narrow.d_un.d_val;
	}
}

/* Finds the string table and DT_SONAME's offset in it. 1, 0 when there is no SONAME, or a negated code. */
static int find_soname(const struct reader *r, uint64_t *offset, nvb_error **err)
{
	uint8_t table[DYNAMIC_MAX * sizeof(Elf64_Dyn)];
	const size_t entry = r->wide ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
	const struct segment *dynamic = NULL;
	uint64_t strings = 0, soname = 0, value;
	bool has_strings = false, has_soname = false;
	int64_t tag = DT_NULL;
	ssize_t n;

	for (size_t i = 0; i < r->segment_count && !dynamic; i++)
		if (r->segments[i].type == PT_DYNAMIC)
			dynamic = &r->segments[i];
	if (!dynamic)
		return 0;
	if (dynamic->size > sizeof(table))
		return corrupt(r, err, "its dynamic section is larger than any library's");
	n = read_at(r, table, (size_t)dynamic->size, dynamic->offset, err);
	if (n < 0)
		return (int)n;
	for (size_t i = 0; i < (size_t)n / entry; i++) {
		dynamic_entry(r, table, i, &tag, &value);
		if (tag == DT_NULL)
			break;
		if (tag == DT_STRTAB) {
			strings = value;
			has_strings = true;
		} else if (tag == DT_SONAME) {
			soname = value;
			has_soname = true;
		}
	}
	if (!has_soname)
		return 0;
	if (!has_strings || !offset_of_address(r, strings, offset) || soname > UINT64_MAX - *offset)
		return corrupt(r, err, "its SONAME lies outside of the file");
	*offset += soname;
	return 1;
}

static int read_soname(const struct reader *r, uint64_t offset, struct nvb_elf *elf, nvb_error **err)
{
	char name[NVB_ELF_SONAME_MAX + 1];
	ssize_t n = read_at(r, name, sizeof(name), offset, err);

	if (n < 0)
		return (int)n;
	if (!memchr(name, '\0', (size_t)n))
		return corrupt(r, err, "its SONAME does not end");
	if (nvb_guard("soname") && strchr(name, '/'))
		return corrupt(r, err, "its SONAME is a path");
	strcpy(elf->soname, name);
	return 0;
}

int nvb_elf_read(int fd, const char *name, struct nvb_elf *elf, nvb_error **err)
{
	struct reader r = {.fd = fd, .name = name};
	struct nvb_elf found = {0};
	uint64_t offset = 0;
	int rc = read_header(&r, &found, err);

	if (rc == 0)
		rc = find_soname(&r, &offset, err);
	if (rc > 0)
		rc = read_soname(&r, offset, &found, err);
	if (rc < 0)
		return rc;
	*elf = found;
	return 0;
}
