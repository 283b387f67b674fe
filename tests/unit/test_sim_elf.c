/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmocka_all.h"
#include "sim/elf_writer.h"

static char directory[] = "/tmp/nvb-elf-XXXXXX";

static int make_directory(void **state _unused_)
{
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state _unused_)
{
	return nvb_file_remove_tree(AT_FDCWD, directory, NULL);
}

static void store(const char *name, const char *image, size_t size)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(nvb_file_write(AT_FDCWD, path, image, size, 0755, NULL), 0);
}

static void make_library(const struct sim_elf_library *library, const char *name)
{
	_cleanup_free_ char *image = NULL;
	size_t size = 0;

	assert_int_equal(sim_elf_library(library, &image, &size, NULL), 0);
	store(name, image, size);
}

static void *load(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static void test_loads_and_exports(void **state _unused_)
{
	const char *const symbols[] = {"first_symbol", "second", "a_third_one", NULL};
	const struct sim_elf_library library = {
		.machine = SIM_ELF_X86_64,
		.soname = "libnvb-elf-a.so.1",
		.symbols = symbols,
		.text = "what the symbols name",
	};
	void *handle;

	make_library(&library, "a.so");
	handle = load("a.so");
	if (!handle)
		fail_msg("%s", dlerror());
	for (int i = 0; symbols[i]; i++)
		assert_string_equal(dlsym(handle, symbols[i]), "what the symbols name");
	assert_null(dlsym(handle, "absent"));
	/* Once loaded it is known by its SONAME, wherever the file lies. */
	assert_ptr_equal(dlopen("libnvb-elf-a.so.1", RTLD_NOW | RTLD_NOLOAD), handle);
	dlclose(handle);
	dlclose(handle);
}

static void test_without_symbols(void **state _unused_)
{
	const struct sim_elf_library library = {.machine = SIM_ELF_X86_64, .text = ""};
	void *handle;

	make_library(&library, "plain.so");
	handle = load("plain.so");
	if (!handle)
		fail_msg("%s", dlerror());
	assert_null(dlsym(handle, "anything"));
	dlclose(handle);
}

static void test_needed(void **state _unused_)
{
	const char *const needed[] = {"libnvb-elf-b.so.7", NULL};
	const char *const symbols[] = {"in_b", NULL};
	const struct sim_elf_library b = {
		.machine = SIM_ELF_X86_64, .soname = "libnvb-elf-b.so.7", .symbols = symbols, .text = "b"};
	const struct sim_elf_library c = {
		.machine = SIM_ELF_X86_64, .soname = "libnvb-elf-c.so.7", .needed = needed, .text = "c"};
	void *hb, *hc;

	make_library(&b, "b.so");
	make_library(&c, "c.so");
	assert_null(load("c.so")); /* b is nowhere to be found */
	hb = load("b.so");
	assert_non_null(hb);
	hc = load("c.so");
	if (!hc)
		fail_msg("%s", dlerror());
	assert_string_equal(dlsym(hc, "in_b"), "b"); /* through the dependency */
	dlclose(hc);
	dlclose(hb);
}

static void test_i386_class(void **state _unused_)
{
	const char *const symbols[] = {"s", NULL};
	const struct sim_elf_library library = {
		.machine = SIM_ELF_I386, .soname = "libx.so.1", .symbols = symbols, .text = "32 bits"};
	_cleanup_free_ char *image = NULL;
	const Elf32_Ehdr *header;
	size_t size;

	assert_int_equal(sim_elf_library(&library, &image, &size, NULL), 0);
	header = (const Elf32_Ehdr *)image;
	assert_int_equal(header->e_ident[EI_CLASS], ELFCLASS32);
	assert_int_equal(header->e_machine, EM_386);
	assert_int_equal(header->e_type, ET_DYN);
	assert_int_equal(header->e_shoff + header->e_shnum * sizeof(Elf32_Shdr), size);
	store("i386.so", image, size);
	assert_null(load("i386.so")); /* wrong ELF class for this process */
}

/* Runs a program of the directory: its exit status, and what it wrote to stderr. */
static int run(const char *name, char *output, size_t size)
{
	char command[256];
	FILE *pipe;
	size_t n;

	snprintf(command, sizeof(command), "%s/%s 2>&1", directory, name);
	pipe = popen(command, "r"); /* NOLINT: a path of our own */
	assert_non_null(pipe);
	n = fread(output, 1, size - 1, pipe);
	output[n] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

static void test_program(void **state _unused_)
{
	_cleanup_free_ char *image = NULL;
	char output[256];
	size_t size;

	assert_int_equal(sim_elf_program(SIM_ELF_X86_64, "it is simulated\n", 3, &image, &size, NULL), 0);
	store("program", image, size);
	assert_int_equal(run("program", output, sizeof(output)), 3);
	assert_string_equal(output, "it is simulated\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loads_and_exports),
		cmocka_unit_test(test_without_symbols),
		cmocka_unit_test(test_needed),
		cmocka_unit_test(test_i386_class),
		cmocka_unit_test(test_program),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
