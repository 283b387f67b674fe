/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for libFuzzer where it is not built in: runs a target on every file of a corpus, and on what is
 * left of it when it is cut off or one byte is changed, at places spread over the file. So any compiler's
 * build, and any sanitizer's, goes through the parsers' error paths. Usage: fuzz_<name> FILE|DIRECTORY...
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "fuzz.h"

enum { PLACES = 64, LARGEST = 16 * 1024 * 1024 };

static unsigned inputs;

/* A copy of the exact size, so that a sanitizer sees the first byte read beyond it. */
static void run(const char *data, size_t size)
{
	_cleanup_free_ uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
}

static void run_variants(char *data, size_t size)
{
	size_t step = size / PLACES + 1;

	run(data, size);
	for (size_t i = 0; i < size; i += step) {
		char was = data[i];

		run(data, i);
		data[i] ^= 0x01;
		run(data, size);
		data[i] = (char)(was ^ 0x80);
		run(data, size);
		data[i] = was;
	}
}

static int replay_file(int dirfd, const char *name)
{
	_cleanup_error_ nvb_error *err = NULL;
	_cleanup_free_ char *data = NULL;
	size_t size;

	if (nvb_file_read(dirfd, name, LARGEST, &data, &size, &err) < 0) {
		fprintf(stderr, "%s\n", nvb_error_message(err));
		return -1;
	}
	/* The last line that is printed before a crash names the input. */
	fprintf(stderr, "%s\n", name);
	run_variants(data, size);
	inputs++;
	return 0;
}

static int replay_directory(const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	const struct dirent *entry;

	if (!dir) {
		perror(path);
		return -1;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && replay_file(dirfd(dir), entry->d_name) < 0)
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct stat st;
		int rc = -1;

		if (stat(argv[i], &st) < 0)
			perror(argv[i]);
		else
			rc = S_ISDIR(st.st_mode) ? replay_directory(argv[i]) : replay_file(AT_FDCWD, argv[i]);
		if (rc < 0)
			return 1;
	}
	printf("%u inputs\n", inputs);
	/* A corpus that is empty or not where the test looks would otherwise pass. */
	return inputs == 0;
}
