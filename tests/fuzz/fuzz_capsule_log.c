/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "fuzz.h"
#include "supervisor/log.h"

static char directory[64];

static void remove_directory(void)
{
	nvb_file_remove_tree(AT_FDCWD, directory, NULL);
}

static void write_log(const uint8_t *data, size_t size)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/00000007.log", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_CHECK(fd >= 0 && nvb_write_all(fd, data, size) == 0);
	close(fd);
}

/* Reads all there is; how many lines end, and the last record's text. */
static uint64_t read_log(uint64_t tail, bool limited, char *last, size_t most)
{
	struct nvb_log_reader *reader;
	struct nvb_log_record record;
	uint64_t lines = 0;
	int rc;

	FUZZ_CHECK(nvb_log_reader_open(directory, &reader, NULL) == 0);
	if (limited)
		FUZZ_CHECK(nvb_log_reader_tail(reader, tail, NULL) == 0);
	*last = '\0';
	while ((rc = nvb_log_reader_next(reader, true, &record, NULL)) == 1) {
		FUZZ_CHECK(record.stream < NVB_LOG_STREAMS && record.time.tv_nsec < 1000000000);
		FUZZ_CHECK(!memchr(record.text, '\n', record.size));
		lines += record.ends_line;
		snprintf(last, most, "%.*s", record.size < most ? (int)record.size : 0, record.text);
	}
	FUZZ_CHECK(rc == 0);
	nvb_log_reader_close(reader);
	return lines;
}

/* A log with anything in it: read, its tail is no more than was asked for, and a writer that goes on after it
 * adds exactly its own line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nvb_log_options options = {.max_size = UINT64_MAX, .max_files = 2};
	struct nvb_log_writer *writer;
	uint64_t before, after;
	char last[64];

	if (!*directory) {
		snprintf(directory, sizeof(directory), "/tmp/nvb-fuzz.XXXXXX");
		FUZZ_CHECK(mkdtemp(directory));
		atexit(remove_directory);
	}
	write_log(data, size);
	before = read_log(0, false, last, sizeof(last));
	FUZZ_CHECK(read_log(0, true, last, sizeof(last)) == 0);
	FUZZ_CHECK(read_log(2, true, last, sizeof(last)) <= 3);
	FUZZ_CHECK(nvb_log_writer_open(directory, NULL, &options, &writer, NULL) == 0);
	nvb_log_write(writer, NVB_LOG_STDOUT, "the end\n", 8);
	nvb_log_writer_close(writer);
	after = read_log(0, false, last, sizeof(last));
	FUZZ_CHECK(after == before + 1 && strcmp(last, "the end") == 0);
	FUZZ_CHECK(read_log(1, true, last, sizeof(last)) == 1 && strcmp(last, "the end") == 0);
	return 0;
}
