/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/elf_writer.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

#include "base/str.h"

/* What differs between the machines. */
static const struct machine {
	uint16_t number;
	bool wide;	   /* ELF64 */
	uint64_t page;	   /* the largest page a kernel of this machine may use: segments are aligned to it */
	uint64_t base;	   /* where programs are linked */
	const char *code;  /* of the program: write(2, message, length), exit(status) */
	size_t code_size;  /* the message follows the code at once */
	size_t message_at; /* where in the code a 32-bit little-endian message address (i386) goes, or 0 */
	size_t length_at;  /* and the message's length */
	size_t status_at;  /* and the exit status */
	unsigned imm_shift; /* immediates sit this many bits into a 32-bit instruction word (AArch64) */
} machines[] = {
	[SIM_ELF_X86_64] =
		{
			.number = EM_X86_64,
			.wide = true,
			.page = 0x1000,
			.base = 0x400000,
			/* mov $1,%eax; mov $2,%edi; lea 21(%rip),%rsi; mov $length,%edx; syscall;
			 * mov $60,%eax; mov $status,%edi; syscall */
			.code = "\xb8\x01\0\0\0"
				"\xbf\x02\0\0\0"
				"\x48\x8d\x35\x13\0\0\0"
				"\xba\0\0\0\0"
				"\x0f\x05"
				"\xb8\x3c\0\0\0"
				"\xbf\0\0\0\0"
				"\x0f\x05",
			.code_size = 36,
			.length_at = 18,
			.status_at = 30,
		},
	[SIM_ELF_I386] =
		{
			.number = EM_386,
			.page = 0x1000,
			.base = 0x8048000,
			/* mov $4,%eax; mov $2,%ebx; mov $message,%ecx; mov $length,%edx; int $0x80;
			 * mov $1,%eax; mov $status,%ebx; int $0x80 */
			.code = "\xb8\x04\0\0\0"
				"\xbb\x02\0\0\0"
				"\xb9\0\0\0\0"
				"\xba\0\0\0\0"
				"\xcd\x80"
				"\xb8\x01\0\0\0"
				"\xbb\0\0\0\0"
				"\xcd\x80",
			.code_size = 34,
			.message_at = 11,
			.length_at = 16,
			.status_at = 28,
		},
	[SIM_ELF_AARCH64] =
		{
			.number = EM_AARCH64,
			.wide = true,
			.page = 0x10000,
			.base = 0x400000,
			/* mov x8,#64; mov x0,#2; adr x1,.+24; mov x2,#length; svc #0;
			 * mov x8,#93; mov x0,#status; svc #0 */
			.code = "\x08\x08\x80\xd2"
				"\x40\0\x80\xd2"
				"\xc1\0\0\x10"
				"\x02\0\x80\xd2"
				"\x01\0\0\xd4"
				"\xa8\x0b\x80\xd2"
				"\0\0\x80\xd2"
				"\x01\0\0\xd4",
			.code_size = 32,
			.length_at = 12,
			.status_at = 24,
			.imm_shift = 5,
		},
};

/* Sections of a library, in file order; SYMBOLS .. TEXT are read-only, DYNAMIC is written by the loader. */
enum section { NO_SECTION, HASH, GNU_HASH, DYNSYM, DYNSTR, TEXT, DYNAMIC, SHSTRTAB, SECTIONS };

static const char *const section_names[SECTIONS] = {
	[NO_SECTION] = "",
	[HASH] = ".hash",
	[GNU_HASH] = ".gnu.hash",
	[DYNSYM] = ".dynsym",
	[DYNSTR] = ".dynstr",
	[TEXT] = ".rodata",
	[DYNAMIC] = ".dynamic",
	[SHSTRTAB] = ".shstrtab",
};

/* Attributes that do not depend on the contents. `link` names another section (gABI figure 4-14). */
static const struct {
	uint32_t type;
	uint32_t flags;
	uint32_t link;
	uint32_t info;
	uint32_t align;
} section_kinds[SECTIONS] = {
	[HASH] = {SHT_HASH, SHF_ALLOC, DYNSYM, 0, 4},
	[GNU_HASH] = {SHT_GNU_HASH, SHF_ALLOC, DYNSYM, 0, 8},
	[DYNSYM] = {SHT_DYNSYM, SHF_ALLOC, DYNSTR, 1, 8},
	[DYNSTR] = {SHT_STRTAB, SHF_ALLOC, 0, 0, 1},
	[TEXT] = {SHT_PROGBITS, SHF_ALLOC, 0, 0, 1},
	[DYNAMIC] = {SHT_DYNAMIC, SHF_ALLOC | SHF_WRITE, DYNSTR, 0, 8},
	[SHSTRTAB] = {SHT_STRTAB, 0, 0, 0, 1},
};

enum { LIBRARY_SEGMENTS = 4 }; /* headers and read-only data, dynamic section, PT_DYNAMIC, PT_GNU_STACK */

struct writer {
	const struct machine *machine;
	struct nvb_strbuf out;
	struct nvb_strbuf strings; /* .dynstr */
	uint64_t offset[SECTIONS], size[SECTIONS];
	uint64_t end; /* of the sections: where the section headers begin */
};

static void release_writer(struct writer *w)
{
	nvb_sb_release(&w->out);
	nvb_sb_release(&w->strings);
}

static void put(struct nvb_strbuf *out, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		nvb_sb_addc(out, (char)(unsigned char)(value >> (8 * i)));
}

static void put16(struct writer *w, uint64_t value)
{
	put(&w->out, value, 2);
}

static void put32(struct writer *w, uint64_t value)
{
	put(&w->out, value, 4);
}

static size_t word(const struct writer *w)
{
	return w->machine->wide ? 8 : 4;
}

/* An address, offset or size: as wide as the class. */
static void put_word(struct writer *w, uint64_t value)
{
	put(&w->out, value, word(w));
}

static void pad_to(struct writer *w, uint64_t offset)
{
	while (!w->out.failed && w->out.len < offset)
		nvb_sb_addc(&w->out, '\0');
}

static uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

static size_t header_size(const struct writer *w)
{
	return w->machine->wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
}

static size_t segment_size(const struct writer *w)
{
	return w->machine->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
}

static size_t section_size(const struct writer *w)
{
	return w->machine->wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
}

static void put_header(struct writer *w, uint16_t type, uint64_t entry, uint16_t segments, uint16_t sections)
{
	const unsigned char ident[EI_NIDENT] = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
		w->machine->wide ? ELFCLASS64 : ELFCLASS32, ELFDATA2LSB, EV_CURRENT, ELFOSABI_SYSV};

	nvb_sb_addn(&w->out, ident, sizeof(ident));
	put16(w, type);
	put16(w, w->machine->number);
	put32(w, EV_CURRENT);
	put_word(w, entry);
	put_word(w, header_size(w));
	put_word(w, sections ? w->end : 0);
	put32(w, 0); /* flags */
	put16(w, header_size(w));
	put16(w, segment_size(w));
	put16(w, segments);
	put16(w, section_size(w));
	put16(w, sections);
	put16(w, sections ? SHSTRTAB : 0);
}

static void put_segment(struct writer *w, uint32_t type, uint32_t flags, uint64_t offset, uint64_t address,
	uint64_t size, uint64_t alignment)
{
	put32(w, type);
	if (w->machine->wide)
		put32(w, flags);
	put_word(w, offset);
	put_word(w, address);
	put_word(w, address);
	put_word(w, size);
	put_word(w, size);
	if (!w->machine->wide)
		put32(w, flags);
	put_word(w, alignment);
}

/* The dynamic section lies one page above its place in the file, so that it can be mapped writable alone. */
static uint64_t address_of(const struct writer *w, enum section section)
{
	return w->offset[section] + (section == DYNAMIC ? w->machine->page : 0);
}

static uint64_t add_string(struct writer *w, const char *s)
{
	uint64_t at = w->strings.len;

	nvb_sb_addn(&w->strings, s, strlen(s) + 1);
	return at;
}

static size_t count_of(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* Offsets into .dynstr follow from the order: "", soname, needed, symbols. */
static void collect_strings(struct writer *w, const struct sim_elf_library *library)
{
	add_string(w, "");
	if (library->soname)
		add_string(w, library->soname);
	for (size_t i = 0; i < count_of(library->needed); i++)
		add_string(w, library->needed[i]);
	for (size_t i = 0; i < count_of(library->symbols); i++)
		add_string(w, library->symbols[i]);
}

static uint64_t dynamic_entries(const struct sim_elf_library *library)
{
	/* SONAME, HASH, GNU_HASH, STRTAB, SYMTAB, STRSZ, SYMENT, NULL */
	return 7u + (library->soname ? 1u : 0u) + count_of(library->needed);
}

static void lay_out(struct writer *w, const struct sim_elf_library *library)
{
	uint64_t symbols = count_of(library->symbols);
	uint64_t at = header_size(w) + LIBRARY_SEGMENTS * segment_size(w);

	w->size[HASH] = 4 * (2 + 1 + symbols + 1);
	w->size[GNU_HASH] = 16 + word(w) + 4 + 4 * symbols;
	w->size[DYNSYM] = (symbols + 1) * (w->machine->wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym));
	w->size[DYNSTR] = w->strings.len;
	w->size[TEXT] = strlen(library->text) + 1;
	w->size[DYNAMIC] = dynamic_entries(library) * 2 * word(w);
	for (int s = 0; s < SECTIONS; s++)
		w->size[SHSTRTAB] += strlen(section_names[s]) + 1;
	for (int s = NO_SECTION + 1; s < SECTIONS; s++) {
		at = align_up(at, section_kinds[s].align);
		w->offset[s] = at;
		at += w->size[s];
	}
	w->end = align_up(at, 8);
}

/* gABI: one bucket, its chain runs through all symbols. */
static void put_hash(struct writer *w, size_t symbols)
{
	pad_to(w, w->offset[HASH]);
	put32(w, 1);
	put32(w, symbols + 1);
	put32(w, symbols ? 1 : 0);
	put32(w, 0);
	for (size_t i = 1; i <= symbols; i++)
		put32(w, i < symbols ? i + 1 : 0);
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t h = 5381;

	for (const unsigned char *p = (const unsigned char *)name; *p; p++)
		h = h * 33 + *p;
	return h;
}

/* One bucket and a Bloom filter of all ones, which lets every name through: right, if not clever. */
static void put_gnu_hash(struct writer *w, const char *const *symbols, size_t count)
{
	pad_to(w, w->offset[GNU_HASH]);
	put32(w, 1);
	put32(w, 1); /* the first symbol that is hashed: behind the empty one */
	put32(w, 1); /* words of Bloom filter */
	put32(w, 0); /* its shift */
	put_word(w, UINT64_MAX);
	put32(w, count ? 1 : 0);
	for (size_t i = 0; i < count; i++)
		put32(w, (gnu_hash(symbols[i]) & ~1u) | (i + 1 == count));
}

static void put_symbol(struct writer *w, uint64_t name, uint64_t address, uint64_t size, unsigned char info,
	uint16_t section)
{
	put32(w, name);
	if (!w->machine->wide) {
		put32(w, address);
		put32(w, size);
	}
	put(&w->out, info, 1);
	put(&w->out, STV_DEFAULT, 1);
	put16(w, section);
	if (w->machine->wide) {
		put_word(w, address);
		put_word(w, size);
	}
}

static uint64_t first_symbol_name(const struct sim_elf_library *library)
{
	uint64_t at = 1 + (library->soname ? strlen(library->soname) + 1 : 0);

	for (size_t i = 0; i < count_of(library->needed); i++)
		at += strlen(library->needed[i]) + 1;
	return at;
}

static void put_symbols(struct writer *w, const struct sim_elf_library *library)
{
	uint64_t name = first_symbol_name(library);

	pad_to(w, w->offset[DYNSYM]);
	put_symbol(w, 0, 0, 0, 0, SHN_UNDEF);
	for (size_t i = 0; i < count_of(library->symbols); i++) {
		put_symbol(w, name, address_of(w, TEXT), w->size[TEXT], ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
			TEXT);
		name += strlen(library->symbols[i]) + 1;
	}
}

static void put_dynamic(struct writer *w, uint64_t tag, uint64_t value)
{
	put_word(w, tag);
	put_word(w, value);
}

static void put_dynamics(struct writer *w, const struct sim_elf_library *library)
{
	uint64_t name = 1;

	pad_to(w, w->offset[DYNAMIC]);
	if (library->soname) {
		put_dynamic(w, DT_SONAME, name);
		name += strlen(library->soname) + 1;
	}
	for (size_t i = 0; i < count_of(library->needed); i++) {
		put_dynamic(w, DT_NEEDED, name);
		name += strlen(library->needed[i]) + 1;
	}
	put_dynamic(w, DT_HASH, address_of(w, HASH));
	put_dynamic(w, DT_GNU_HASH, address_of(w, GNU_HASH));
	put_dynamic(w, DT_STRTAB, address_of(w, DYNSTR));
	put_dynamic(w, DT_SYMTAB, address_of(w, DYNSYM));
	put_dynamic(w, DT_STRSZ, w->size[DYNSTR]);
	put_dynamic(w, DT_SYMENT, w->machine->wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym));
	put_dynamic(w, DT_NULL, 0);
}

static uint64_t entry_size(const struct writer *w, enum section section)
{
	switch (section) {
	case HASH:
		return 4;
	case DYNSYM:
		return w->machine->wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	case DYNAMIC:
		return 2 * word(w);
	default:
		return 0;
	}
}

/* Loaders need no section headers; readers that look for SHT_DYNAMIC (Go's debug/elf among them) do. */
static void put_section_headers(struct writer *w)
{
	uint32_t name = 0;

	pad_to(w, w->end);
	for (int s = 0; s < SECTIONS; s++) {
		put32(w, name);
		put32(w, section_kinds[s].type);
		put_word(w, section_kinds[s].flags);
		put_word(w, section_kinds[s].flags & SHF_ALLOC ? address_of(w, (enum section)s) : 0);
		put_word(w, w->offset[s]);
		put_word(w, w->size[s]);
		put32(w, section_kinds[s].link);
		put32(w, section_kinds[s].info);
		put_word(w, section_kinds[s].align);
		put_word(w, entry_size(w, (enum section)s));
		name += (uint32_t)strlen(section_names[s]) + 1;
	}
}

static void put_library_headers(struct writer *w)
{
	uint64_t page = w->machine->page;
	uint64_t dynamic = address_of(w, DYNAMIC);

	put_header(w, ET_DYN, 0, LIBRARY_SEGMENTS, SECTIONS);
	put_segment(w, PT_LOAD, PF_R, 0, 0, w->offset[TEXT] + w->size[TEXT], page);
	put_segment(w, PT_LOAD, PF_R | PF_W, w->offset[DYNAMIC], dynamic, w->size[DYNAMIC], page);
	put_segment(w, PT_DYNAMIC, PF_R | PF_W, w->offset[DYNAMIC], dynamic, w->size[DYNAMIC], word(w));
	/* Without it loaders assume that the object wants an executable stack. */
	put_segment(w, PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 16);
}

static int finish(struct writer *w, char **image, size_t *size, nvb_error **err)
{
	size_t length = w->out.len;
	char *s;

	if (w->strings.failed)
		return nvb_fail_oom(err);
	s = nvb_sb_finish(&w->out);
	if (!s)
		return nvb_fail_oom(err);
	*image = s;
	*size = length;
	return 0;
}

int sim_elf_library(const struct sim_elf_library *library, char **image, size_t *size, nvb_error **err)
{
	_cleanup_(release_writer) struct writer w = {.machine = &machines[library->machine]};

	collect_strings(&w, library);
	lay_out(&w, library);
	put_library_headers(&w);
	put_hash(&w, count_of(library->symbols));
	put_gnu_hash(&w, library->symbols, count_of(library->symbols));
	put_symbols(&w, library);
	pad_to(&w, w.offset[DYNSTR]);
	nvb_sb_addn(&w.out, w.strings.s, w.strings.len);
	pad_to(&w, w.offset[TEXT]);
	nvb_sb_addn(&w.out, library->text, w.size[TEXT]);
	put_dynamics(&w, library);
	pad_to(&w, w.offset[SHSTRTAB]);
	for (int s = 0; s < SECTIONS; s++)
		nvb_sb_addn(&w.out, section_names[s], strlen(section_names[s]) + 1);
	put_section_headers(&w);
	return finish(&w, image, size, err);
}

/* Ors a value into a 32-bit word of the code, where the machine keeps its immediates. */
static void patch(struct writer *w, size_t at, uint32_t value)
{
	unsigned char *code;

	if (w->out.failed)
		return;
	code = (unsigned char *)w->out.s + at;
	value <<= w->machine->imm_shift;
	for (int i = 0; i < 4; i++)
		code[i] |= (unsigned char)(value >> (8 * i));
}

int sim_elf_program(enum sim_elf_machine machine, const char *message, unsigned char status, char **image,
	size_t *size, nvb_error **err)
{
	_cleanup_(release_writer) struct writer w = {.machine = &machines[machine]};
	const struct machine *m = w.machine;
	uint64_t code = header_size(&w) + 2 * segment_size(&w);
	uint64_t end = code + m->code_size + strlen(message);

	put_header(&w, ET_EXEC, m->base + code, 2, 0);
	put_segment(&w, PT_LOAD, PF_R | PF_X, 0, m->base, end, m->page);
	put_segment(&w, PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 16);
	nvb_sb_addn(&w.out, m->code, m->code_size);
	nvb_sb_add(&w.out, message);
	if (m->message_at)
		patch(&w, code + m->message_at, (uint32_t)(m->base + code + m->code_size));
	patch(&w, code + m->length_at, (uint32_t)strlen(message));
	patch(&w, code + m->status_at, status);
	return finish(&w, image, size, err);
}
