/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/jscan.h"
#include "base/str.h"
#include "benchmark/metric.h"
#include "benchmark/record.h"

/* The members of an object, by their names: one that is not known, or is not there, is an error. */
typedef int (*member_reader)(
	struct nvb_jscan *js, struct nvb_record *record, void *object, size_t which, nvb_error **err);

static int read_object(struct nvb_jscan *js, const char *const *names, member_reader read,
	struct nvb_record *record, void *object, nvb_error **err)
{
	uint32_t seen = 0;
	struct nvb_json key;
	int more = 0, which, rc = nvb_jscan_enter(js, NVB_JSON_OBJECT, err);

	while (rc == 0 && (more = nvb_jscan_next(js, &key, err)) > 0) {
		rc = nvb_jscan_match(js, &key, names, &which, err);
		if (rc == 0 && which < 0)
			return nvb_jscan_fail(js, js->at, err, "no such member is known");
		if (rc == 0)
			rc = read(js, record, object, (size_t)which, err);
		if (rc == 0)
			seen |= 1U << which;
	}
	if (rc == 0)
		rc = more;
	for (size_t i = 0; rc == 0 && names[i]; i++)
		if (!(seen & 1U << i))
			return nvb_jscan_fail(js, js->at, err, "\"%s\" is missing", names[i]);
	return rc;
}

static int read_text(struct nvb_jscan *js, struct nvb_record *record, const char **text, nvb_error **err)
{
	_cleanup_free_ char *copy = NULL;
	struct nvb_json value;
	int rc = nvb_jscan_expect(js, NVB_JSON_STRING, &value, err);

	if (rc < 0)
		return rc;
	copy = nvb_json_strdup(&value);
	*text = copy ? nvb_arena_strdup(&record->arena, copy) : NULL;
	return *text ? 0 : nvb_fail_oom(err);
}

static int read_u32(struct nvb_jscan *js, uint64_t max, uint32_t *number, nvb_error **err)
{
	struct nvb_json value;
	uint64_t wide;
	int rc = nvb_jscan_expect(js, NVB_JSON_NUMBER, &value, err);

	if (rc < 0)
		return rc;
	if (!nvb_json_u64(&value, &wide) || wide > max)
		return nvb_jscan_fail(
			js, js->at, err, "it is no number of 0 to %llu", (unsigned long long)max);
	*number = (uint32_t)wide;
	return 0;
}

static int read_bool(struct nvb_jscan *js, bool *yes, nvb_error **err)
{
	struct nvb_json value;
	int rc = nvb_jscan_expect(js, NVB_JSON_BOOL, &value, err);

	if (rc == 0)
		*yes = value.text[0] == 't';
	return rc;
}

/* --- lists --- */

struct pair_list {
	struct nvb_record_pair **list;
	size_t *count, *capacity;
};

static int read_pair_member(
	struct nvb_jscan *js, struct nvb_record *record, void *object, size_t which, nvb_error **err)
{
	struct nvb_record_pair *pair = object;

	return read_text(js, record, which == 0 ? &pair->key : &pair->value, err);
}

static int read_pairs(struct nvb_jscan *js, struct nvb_record *record, const char *const *names,
	const struct pair_list *to, nvb_error **err)
{
	int more = 0, rc = nvb_jscan_enter(js, NVB_JSON_ARRAY, err);

	while (rc == 0 && (more = nvb_jscan_next(js, NULL, err)) > 0) {
		struct nvb_record_pair pair = {NULL, NULL};

		rc = read_object(js, names, read_pair_member, record, &pair, err);
		if (rc == 0 && !NVB_GROW(*to->list, *to->count, *to->capacity))
			rc = nvb_fail_oom(err);
		if (rc == 0)
			(*to->list)[(*to->count)++] = pair;
	}
	return rc == 0 ? more : rc;
}

static int read_subject_member(
	struct nvb_jscan *js, struct nvb_record *record, void *object, size_t which, nvb_error **err)
{
	struct nvb_record_subject *subject = object;
	const char **fields[] = {&subject->name, &subject->what, &subject->command};

	return read_text(js, record, fields[which], err);
}

/* As ours are: it stands in tables that are shown in a terminal. */
static bool is_subject_name(const char *name)
{
	size_t n = 0;

	while (name[n] >= ' ' && name[n] <= '~')
		n++;
	return n > 0 && !name[n];
}

static int read_subjects(struct nvb_jscan *js, struct nvb_record *record, nvb_error **err)
{
	static const char *const names[] = {"name", "what", "command", NULL};
	int more = 0, rc = nvb_jscan_enter(js, NVB_JSON_ARRAY, err);

	while (rc == 0 && (more = nvb_jscan_next(js, NULL, err)) > 0) {
		struct nvb_record_subject subject = {NULL, NULL, NULL};

		rc = read_object(js, names, read_subject_member, record, &subject, err);
		if (rc == 0 && record->subject_count == NVB_RECORD_SUBJECTS)
			return nvb_jscan_fail(js, js->at, err, "more than %d of them", NVB_RECORD_SUBJECTS);
		if (rc == 0 && !is_subject_name(subject.name))
			return nvb_jscan_fail(js, js->at, err, "a name that no subject has");
		for (size_t i = 0; rc == 0 && i < record->subject_count; i++)
			if (nvb_streq(record->subjects[i].name, subject.name))
				return nvb_jscan_fail(js, js->at, err, "a second one of this name");
		if (rc == 0 && !NVB_GROW(record->subjects, record->subject_count, record->subject_capacity))
			rc = nvb_fail_oom(err);
		if (rc == 0)
			record->subjects[record->subject_count++] = subject;
	}
	return rc == 0 ? more : rc;
}

/* --- numbers --- */

struct numbers {
	double *list;
	size_t count, capacity;
};

static int read_value(struct nvb_jscan *js, double *number, nvb_error **err)
{
	char text[64];
	struct nvb_json value;
	int rc = nvb_jscan_value(js, &value, err);

	if (rc < 0)
		return rc;
	*number = NAN;
	if (value.type == NVB_JSON_NULL)
		return 0;
	if (value.type != NVB_JSON_NUMBER || value.size >= sizeof(text))
		return nvb_jscan_fail(js, js->at, err, "neither a number nor null");
	memcpy(text, value.text, value.size);
	text[value.size] = '\0';
	*number = strtod(text, NULL);
	/* Nothing that is measured is below nothing, or takes a century. */
	if (!(*number >= 0 && *number < 1e21))
		return nvb_jscan_fail(js, js->at, err, "no measured number is %s", text);
	return 0;
}

static int read_numbers(struct nvb_jscan *js, struct numbers *numbers, bool *any, nvb_error **err)
{
	int more = 0, rc = nvb_jscan_enter(js, NVB_JSON_ARRAY, err);

	while (rc == 0 && (more = nvb_jscan_next(js, NULL, err)) > 0) {
		if (!NVB_GROW(numbers->list, numbers->count, numbers->capacity))
			return nvb_fail_oom(err);
		rc = read_value(js, &numbers->list[numbers->count], err);
		*any |= rc == 0 && !isnan(numbers->list[numbers->count]);
		numbers->count += rc == 0;
	}
	return rc == 0 ? more : rc;
}

struct series_text {
	const char *subject, *metric, *unit;
	struct numbers numbers;
	bool any;
};

static int read_series_member(
	struct nvb_jscan *js, struct nvb_record *record, void *object, size_t which, nvb_error **err)
{
	struct series_text *series = object;
	const char **fields[] = {&series->subject, &series->metric, &series->unit};

	return which < 3 ? read_text(js, record, fields[which], err)
			 : read_numbers(js, &series->numbers, &series->any, err);
}

static int check_series(struct nvb_jscan *js, const struct nvb_record *record,
	const struct series_text *series, nvb_error **err)
{
	const struct nvb_metric *metric = nvb_metric_find(series->metric);
	bool known = false;

	for (size_t i = 0; i < record->subject_count; i++)
		known |= nvb_streq(record->subjects[i].name, series->subject);
	if (!known)
		return nvb_jscan_fail(js, js->at, err, "no subject '%s' before it", series->subject);
	if (!metric)
		return nvb_jscan_fail(js, js->at, err, "no metric '%s' is known", series->metric);
	if (!nvb_streq(series->unit, metric->unit == NVB_UNIT_NS ? "ns" : "1/s"))
		return nvb_jscan_fail(js, js->at, err, "'%s' is not its unit", series->unit);
	if (!series->any || series->numbers.count > NVB_RECORD_RUNS)
		return nvb_jscan_fail(js, js->at, err, "it needs 1 to %d numbers", NVB_RECORD_RUNS);
	if (nvb_record_find(record, series->subject, series->metric))
		return nvb_jscan_fail(js, js->at, err, "the same subject and metric twice");
	return 0;
}

static int read_series(struct nvb_jscan *js, struct nvb_record *record, nvb_error **err)
{
	static const char *const names[] = {"subject", "metric", "unit", "values", NULL};
	int more = 0, rc = nvb_jscan_enter(js, NVB_JSON_ARRAY, err);

	while (rc == 0 && (more = nvb_jscan_next(js, NULL, err)) > 0) {
		struct series_text series = {.numbers = {NULL, 0, 0}};

		rc = read_object(js, names, read_series_member, record, &series, err);
		if (rc == 0)
			rc = check_series(js, record, &series, err);
		if (rc == 0)
			rc = nvb_record_add_series(record, series.subject, series.metric, series.numbers.list,
				series.numbers.count, err);
		free(series.numbers.list);
	}
	return rc == 0 ? more : rc;
}

static int read_order(struct nvb_jscan *js, struct nvb_record *record, nvb_error **err)
{
	_cleanup_free_ uint32_t *order = NULL;
	size_t count = 0, capacity = 0;
	int more = 0, rc = nvb_jscan_enter(js, NVB_JSON_ARRAY, err);

	while (rc == 0 && (more = nvb_jscan_next(js, NULL, err)) > 0) {
		if (!NVB_GROW(order, count, capacity))
			return nvb_fail_oom(err);
		rc = read_u32(js, NVB_RECORD_SUBJECTS - 1, &order[count], err);
		count += rc == 0;
	}
	if (rc < 0 || more < 0)
		return rc < 0 ? rc : more;
	record->order = nvb_arena_memdup(&record->arena, order, count * sizeof(*order));
	record->order_count = count;
	return record->order || !count ? 0 : nvb_fail_oom(err);
}

/* --- the whole --- */

enum member {
	SCHEMA,
	VERSION,
	PROGRAM,
	DATE,
	SEED,
	RUNS,
	WARM_UP,
	GPU,
	SIMULATED,
	HOST,
	SUBJECTS,
	SERIES,
	ORDER,
	NOT_MEASURED
};
static const char *const members[] = {"schema", "version", "program", "date", "seed", "runs", "warm_up",
	"gpu", "simulated", "host", "subjects", "series", "order", "not_measured", NULL};

static int read_version(struct nvb_jscan *js, nvb_error **err)
{
	uint32_t version = 0;
	int rc = read_u32(js, UINT32_MAX, &version, err);

	if (rc == 0 && version != NVB_RECORD_VERSION)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "version %u of the schema; this program reads %d",
			version, NVB_RECORD_VERSION);
	return rc;
}

static int read_schema(struct nvb_jscan *js, nvb_error **err)
{
	struct nvb_json value;
	int rc = nvb_jscan_expect(js, NVB_JSON_STRING, &value, err);

	if (rc == 0 && !nvb_json_equals(&value, "nvbind-benchmark", strlen("nvbind-benchmark")))
		return nvb_jscan_fail(js, js->at, err, "this is no record of a benchmark");
	return rc;
}

static int read_seed(struct nvb_jscan *js, struct nvb_record *record, nvb_error **err)
{
	const char *text;
	int rc = read_text(js, record, &text, err);

	if (rc == 0 && !nvb_parse_u64(text, &record->seed))
		return nvb_jscan_fail(js, js->at, err, "no number of 64 bits");
	return rc;
}

static int read_member(
	struct nvb_jscan *js, struct nvb_record *record, void *object, size_t which, nvb_error **err)
{
	static const char *const host[] = {"key", "value", NULL}, *const absent[] = {"what", "reason", NULL};
	const struct pair_list hosts = {&record->host, &record->host_count, &record->host_capacity},
			       absents = {&record->absent, &record->absent_count, &record->absent_capacity};

	(void)object;
	switch ((enum member)which) {
	case SCHEMA:
		return read_schema(js, err);
	case VERSION:
		return read_version(js, err);
	case PROGRAM:
		return read_text(js, record, &record->program, err);
	case DATE:
		return read_text(js, record, &record->date, err);
	case SEED:
		return read_seed(js, record, err);
	case RUNS:
		return read_u32(js, NVB_RECORD_RUNS, &record->runs, err);
	case WARM_UP:
		return read_u32(js, NVB_RECORD_RUNS, &record->warm_up, err);
	case GPU:
		return read_bool(js, &record->gpu, err);
	case SIMULATED:
		return read_bool(js, &record->simulated, err);
	case HOST:
		return read_pairs(js, record, host, &hosts, err);
	case SUBJECTS:
		return read_subjects(js, record, err);
	case SERIES:
		return read_series(js, record, err);
	case ORDER:
		return read_order(js, record, err);
	case NOT_MEASURED:
		return read_pairs(js, record, absent, &absents, err);
	}
	return 0;
}

/* Of each round every subject in it once, and the same ones in every round. */
static int check_order(const struct nvb_record *record, nvb_error **err)
{
	size_t per_round = record->runs ? record->order_count / record->runs : 0;
	uint32_t first = 0;

	if (!record->order_count)
		return 0;
	if (!per_round || record->order_count % record->runs)
		return nvb_fail(err, NVB_ERR_CORRUPT, "order: it has not the same number for each of %u runs",
			record->runs);
	for (size_t round = 0; round < record->runs; round++) {
		uint32_t seen = 0;

		for (size_t i = 0; i < per_round; i++) {
			uint32_t subject = record->order[round * per_round + i];

			if (subject >= record->subject_count || seen & 1U << subject)
				return nvb_fail(err, NVB_ERR_CORRUPT,
					"order: run %zu has no subject %u, or has it twice", round, subject);
			seen |= 1U << subject;
		}
		first = round ? first : seen;
		if (seen != first)
			return nvb_fail(err, NVB_ERR_CORRUPT, "order: run %zu is of other subjects", round);
	}
	return 0;
}

int nvb_record_read(const char *text, size_t size, struct nvb_record *record, nvb_error **err)
{
	_cleanup_record_ struct nvb_record read = {.program = NULL};
	_cleanup_jscan_ struct nvb_jscan js;
	int rc;

	if (size > NVB_RECORD_MAX)
		return nvb_fail(err, NVB_ERR_CORRUPT, "it is larger than %d MiB", NVB_RECORD_MAX >> 20);
	nvb_jscan_begin(&js, text, size);
	rc = read_object(&js, members, read_member, &read, NULL, err);
	if (rc == 0)
		rc = nvb_jscan_end(&js, err);
	if (rc == 0)
		rc = check_order(&read, err);
	if (rc < 0)
		return rc;
	*record = read;
	read = (struct nvb_record){.program = NULL};
	return 0;
}
