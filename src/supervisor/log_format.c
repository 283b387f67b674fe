/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/log_format.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* A record's prefix has one width, so a tag can be changed in place and a text's place be computed. */
static const char stream_names[NVB_LOG_STREAMS][7] = {"stdout", "stderr", "system"};

void nvb_log_format_time(struct timespec time, char text[static NVB_LOG_TIME])
{
	struct tm utc;

	if (!gmtime_r(&time.tv_sec, &utc) || utc.tm_year > 9999 - 1900 || utc.tm_year < -1900)
		utc = (struct tm){.tm_mday = 1};
	snprintf(text, NVB_LOG_TIME, "%04u-%02u-%02uT%02u:%02u:%02u.%09uZ",
		(unsigned)(utc.tm_year + 1900) % 10000, (unsigned)(utc.tm_mon + 1) % 100,
		(unsigned)utc.tm_mday % 100, (unsigned)utc.tm_hour % 100, (unsigned)utc.tm_min % 100,
		(unsigned)utc.tm_sec % 100, (unsigned)time.tv_nsec % 1000000000);
}

void nvb_log_format_prefix(
	struct timespec time, enum nvb_log_stream stream, char prefix[static NVB_LOG_PREFIX + 1])
{
	nvb_log_format_time(time, prefix);
	snprintf(
		prefix + NVB_LOG_TIME - 1, NVB_LOG_PREFIX + 2 - NVB_LOG_TIME, " %s F ", stream_names[stream]);
}

/* Decimal digits in a place of fixed width. */
static bool digits(const char *s, size_t n, long *out)
{
	long value = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		value = value * 10 + (s[i] - '0');
	}
	*out = value;
	return true;
}

static bool parse_time(const char *s, struct timespec *time)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddddddddZ";
	long year, month, day, hour, minute, second, nanoseconds;
	struct tm utc;

	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] != 'd' && s[i] != shape[i])
			return false;
	if (!digits(s, 4, &year) || !digits(s + 5, 2, &month) || !digits(s + 8, 2, &day) ||
		!digits(s + 11, 2, &hour) || !digits(s + 14, 2, &minute) || !digits(s + 17, 2, &second) ||
		!digits(s + 20, 9, &nanoseconds))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
		return false;
	utc = (struct tm){.tm_year = (int)year - 1900,
		.tm_mon = (int)month - 1,
		.tm_mday = (int)day,
		.tm_hour = (int)hour,
		.tm_min = (int)minute,
		.tm_sec = (int)second};
	*time = (struct timespec){.tv_sec = timegm(&utc), .tv_nsec = nanoseconds};
	return true;
}

bool nvb_log_parse(const char *line, size_t size, struct nvb_log_record *record)
{
	const char *stream = line + NVB_LOG_TIME, *tag = line + NVB_LOG_TAG;
	struct nvb_log_record parsed = {.text = line + NVB_LOG_PREFIX, .stream = NVB_LOG_STREAMS};

	if (size < NVB_LOG_PREFIX || stream[-1] != ' ' || tag[-1] != ' ' || tag[1] != ' ' ||
		!parse_time(line, &parsed.time))
		return false;
	for (int i = 0; i < NVB_LOG_STREAMS; i++)
		if (memcmp(stream, stream_names[i], 6) == 0)
			parsed.stream = (enum nvb_log_stream)i;
	if (parsed.stream == NVB_LOG_STREAMS || (*tag != 'F' && *tag != 'P' && *tag != 'C'))
		return false;
	parsed.ends_line = *tag != 'P';
	parsed.size = size - NVB_LOG_PREFIX;
	*record = parsed;
	return true;
}

void nvb_log_file_name(uint32_t number, char name[static NVB_LOG_NAME])
{
	snprintf(name, NVB_LOG_NAME, "%08u.log", number % 100000000);
}

bool nvb_log_file_number(const char *name, uint32_t *number)
{
	char text[9];
	uint32_t value;

	if (strlen(name) != 12 || !nvb_streq(name + 8, ".log"))
		return false;
	memcpy(text, name, 8);
	text[8] = '\0';
	if (!nvb_parse_u32(text, &value) || value == 0)
		return false;
	*number = value;
	return true;
}
