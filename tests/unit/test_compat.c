/* SPDX-License-Identifier: Apache-2.0 */
/* Which libcuda of an image is used in the place of the driver's: CUDA forward compatibility. */
#include "cmocka_all.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "container/compat.h"
#include "container/compat_note.h"
#include "sim/elf_writer.h"

static char base[] = "/tmp/nvb-test-compat-XXXXXX";

/* A libcuda; with `json` it has the note. malloc'd. */
static char *libcuda(const char *json, size_t *size)
{
	static const char names[] = "\0.shstrtab\0.note.cuda.fwd_compatibility";
	static const char owner[20] = "NVIDIA Corporation";
	const struct sim_elf_library library = {
		.machine = SIM_ELF_X86_64, .soname = "libcuda.so.1", .text = ""};
	Elf64_Shdr sections[3] = {{0}};
	Elf64_Nhdr note = {.n_namesz = 19};
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	_cleanup_free_ char *image = NULL;
	Elf64_Ehdr header;

	assert_int_equal(sim_elf_library(&library, &image, size, NULL), 0);
	if (!json)
		return NVB_TAKE_PTR(image);
	note.n_descsz = (uint32_t)strlen(json) + 1;
	memcpy(&header, image, sizeof(header));
	nvb_sb_addn(&sb, image, *size);
	sections[1] = (Elf64_Shdr){
		.sh_name = 1, .sh_type = SHT_STRTAB, .sh_offset = sb.len, .sh_size = sizeof(names)};
	nvb_sb_addn(&sb, names, sizeof(names));
	sections[2] = (Elf64_Shdr){.sh_name = 11,
		.sh_type = SHT_NOTE,
		.sh_offset = sb.len,
		.sh_size = sizeof(note) + sizeof(owner) + note.n_descsz,
		.sh_addralign = 4};
	nvb_sb_addn(&sb, (const char *)&note, sizeof(note));
	nvb_sb_addn(&sb, owner, sizeof(owner));
	nvb_sb_addn(&sb, json, note.n_descsz);
	header.e_shoff = sb.len;
	header.e_shnum = 3;
	header.e_shentsize = sizeof(*sections);
	header.e_shstrndx = 1;
	nvb_sb_addn(&sb, (const char *)sections, sizeof(sections));
	memcpy(sb.s, &header, sizeof(header));
	*size = sb.len;
	return nvb_sb_finish(&sb);
}

static void put(const char *path, const char *data, size_t size)
{
	assert_int_equal(nvb_file_write(AT_FDCWD, path, data, size, 0644, NULL), 0);
}

/* An image with /usr/local/cuda -> cuda-13.0, and the libcuda of that version. */
static void image(const char *version, const char *json)
{
	_cleanup_free_ char *data = NULL;
	char name[64];
	size_t size;

	assert_int_equal(nvb_file_remove_tree(AT_FDCWD, base, NULL), 0);
	assert_int_equal(mkdir(base, 0700), 0);
	assert_int_equal(chdir(base), 0);
	assert_int_equal(nvb_file_mkdirs(AT_FDCWD, "usr/local/cuda-13.0/compat", 0755, NULL), 0);
	assert_int_equal(symlink("cuda-13.0", "usr/local/cuda"), 0);
	data = libcuda(json, &size);
	snprintf(name, sizeof(name), "usr/local/cuda/compat/libcuda.so.%s", version);
	put(name, data, size);
	snprintf(name, sizeof(name), "libcuda.so.%s", version);
	assert_int_equal(symlink(name, "usr/local/cuda/compat/libcuda.so.1"), 0);
	assert_int_equal(symlink("libcuda.so.1", "usr/local/cuda/compat/libcuda.so"), 0);
}

/* The number of entries found, each of which must be the image's libcuda. */
static size_t found(const char *driver)
{
	_cleanup_libraries_ struct nvb_libraries libraries = {0};
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;

	assert_int_equal(nvb_root_open(&root, base, NULL), 0);
	assert_int_equal(nvb_compat_find(&root, driver, &libraries, NULL, NULL), 0);
	for (size_t i = 0; i < libraries.count; i++)
		assert_string_equal(libraries.entries[i].path, "/usr/local/cuda-13.0/compat/libcuda.so.1");
	return libraries.count;
}

static void versions(void **state _unused_)
{
	static const char *const bad[] = {
		"", ".", "5.", ".5", "5..6", "1.2.3.4.5", "x", "5x", "9999999", "5 "};
	struct nvb_driver_version a, b;

	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++)
		assert_false(nvb_driver_version_parse(bad[i], &a));
	assert_true(nvb_driver_version_parse("550.54.15", &a));
	assert_true(nvb_driver_version_parse("550.100", &b));
	assert_true(nvb_driver_version_compare(&a, &b) < 0);
	assert_true(nvb_driver_version_compare(&b, &a) > 0);
	assert_true(nvb_driver_version_parse("550.100.0.0", &a));
	assert_int_equal(nvb_driver_version_compare(&a, &b), 0);
}

static void without_a_note_a_later_branch_is_used(void **state _unused_)
{
	image("580.65.06", NULL);
	assert_int_equal(found("550.54.15"), 2); /* under its SONAME and as libcuda.so */
	assert_int_equal(found("580.10"), 0);
	assert_int_equal(found("590.1"), 0);
	assert_int_equal(found("unknown"), 0);
}

static void the_note_names_the_drivers(void **state _unused_)
{
	image("580.65.06", "{\"CUDA Version\": \"13.0\", \"Driver\": [535, 580], \"Device\": [1]}");
	assert_int_equal(found("535.1"), 2);
	assert_int_equal(found("550.54.15"), 0);
	assert_int_equal(found("580.10"), 2);
	assert_int_equal(found("580.65.06"), 0);
	image("580.65.06", "{\"Driver\": []}");
	assert_int_equal(found("535.1"), 0);
}

static void a_broken_note_is_not_believed(void **state _unused_)
{
	static const char *const broken[] = {"{", "[]", "{\"Driver\": 535}", "{\"Driver\": [\"535\"]}",
		"{\"Driver\":[535],\"Driver\":[535]}"};

	for (size_t i = 0; i < NVB_ELEMENTS(broken); i++) {
		image("580.65.06", broken[i]);
		assert_int_equal(found("535.1"), 0);
	}
}

static void what_is_no_single_libcuda_is_left_alone(void **state _unused_)
{
	image("580.65.06", NULL);
	put("usr/local/cuda/compat/libcuda.so.570.1", "x", 1);
	assert_int_equal(found("535.1"), 0);
	image("580.65.06", NULL);
	put("usr/local/cuda/compat/libcuda.so.580.65.06", "x", 1);
	assert_int_equal(found("535.1"), 0);
	assert_int_equal(unlink("usr/local/cuda/compat/libcuda.so.580.65.06"), 0);
	assert_int_equal(found("535.1"), 0);
	assert_int_equal(mkfifo("usr/local/cuda/compat/libcuda.so.580.65.06", 0600), 0);
	assert_int_equal(found("535.1"), 0);
}

/* Whatever byte is changed or wherever it is cut: it is read, refused, or has no note. */
static void damaged_files_are_survived(void **state _unused_)
{
	size_t size;
	_cleanup_free_ char *data = libcuda("{\"Driver\": [535]}", &size);

	for (size_t i = 0; i < size + 64; i++) {
		_cleanup_close_ int fd = open(base, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		struct nvb_compat_note note;

		if (fd < 0)
			skip();
		if (i < 64)
			data[i] ^= (char)0xff;
		assert_int_equal(nvb_write_all(fd, data, i < 64 ? size : i - 64), 0);
		if (i < 64)
			data[i] ^= (char)0xff;
		nvb_compat_note_read(fd, "x", &note, NULL);
	}
}

static int make_base(void **state _unused_)
{
	return mkdtemp(base) ? 0 : -1;
}

static int remove_base(void **state _unused_)
{
	return chdir("/") < 0 ? -1 : nvb_file_remove_tree(AT_FDCWD, base, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions),
		cmocka_unit_test(without_a_note_a_later_branch_is_used),
		cmocka_unit_test(the_note_names_the_drivers),
		cmocka_unit_test(a_broken_note_is_not_believed),
		cmocka_unit_test(what_is_no_single_libcuda_is_left_alone),
		cmocka_unit_test(damaged_files_are_survived),
	};

	return cmocka_run_group_tests(tests, make_base, remove_base);
}
