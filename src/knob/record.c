/* SPDX-License-Identifier: Apache-2.0 */
#include "knob/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "lease/record.h"

static void release_user(struct nvb_knob_holder *user)
{
	free(user->engine);
	free(user->container);
	free(user->runtime_state);
	free(user->wish);
}

void nvb_knob_record_release(struct nvb_knob_record *record)
{
	for (size_t i = 0; i < record->user_count; i++)
		release_user(&record->users[i]);
	free(record->users);
	free(record->device);
	free(record->boot);
	free(record->old);
	free(record->set);
	free(record->before);
	*record = (struct nvb_knob_record){0};
}

char *nvb_knob_record_format(const struct nvb_knob_record *record)
{
	struct nvb_strbuf text = {0};

	nvb_sb_addf(&text, "knob %s\ndevice %s\nboot %s\nold %s\nset %s\nbefore %s\n",
		nvb_knob_names[record->knob], record->device, record->boot, record->old, record->set,
		record->before);
	for (size_t i = 0; i < record->user_count; i++) {
		const struct nvb_knob_holder *user = &record->users[i];

		nvb_sb_addf(&text, "user %d %" PRIu64 " %s %s %s %s\n", user->pid, user->started,
			user->engine, user->container, user->runtime_state ? user->runtime_state : "-",
			user->wish);
	}
	return nvb_sb_finish(&text);
}

bool nvb_knob_record_add(struct nvb_knob_record *record, const struct nvb_knob_holder *user)
{
	struct nvb_knob_holder copy = {.pid = user->pid, .started = user->started};
	bool ok;

	copy.engine = strdup(user->engine);
	copy.container = strdup(user->container);
	copy.wish = strdup(user->wish);
	copy.runtime_state = user->runtime_state ? strdup(user->runtime_state) : NULL;
	ok = copy.engine && copy.container && copy.wish && (!user->runtime_state || copy.runtime_state) &&
	     NVB_GROW(record->users, record->user_count, record->user_capacity);
	if (ok)
		record->users[record->user_count++] = copy;
	else
		release_user(&copy);
	return ok;
}

void nvb_knob_record_drop(struct nvb_knob_record *record, size_t user)
{
	release_user(&record->users[user]);
	record->user_count--;
	memmove(&record->users[user], &record->users[user + 1],
		(record->user_count - user) * sizeof(*record->users));
}

/* "1234 567890 bolt 4f3c... - maximum": the value of a line, cut into words. */
static bool read_user(struct nvb_knob_record *record, char *value, nvb_error **err)
{
	char *words[6], *save = NULL, *word;
	struct nvb_knob_holder user = {0};
	uint32_t pid;
	size_t n = 0;

	for (word = strtok_r(value, " ", &save); word && n < NVB_ELEMENTS(words);
		word = strtok_r(NULL, " ", &save))
		words[n++] = word;
	if (word || n < NVB_ELEMENTS(words) || !nvb_parse_u32(words[0], &pid) || pid < 1 || pid > INT32_MAX ||
		!nvb_parse_u64(words[1], &user.started) || record->user_count == NVB_KNOB_USERS_MAX)
		return false;
	user.pid = (pid_t)pid;
	user.engine = words[2];
	user.container = words[3];
	user.runtime_state = *words[4] == '/' ? words[4] : NULL;
	user.wish = words[5];
	if (!nvb_knob_record_add(record, &user))
		nvb_fail_oom(err);
	return true;
}

static bool take_word(char **to, const char *value)
{
	if (*to || !*value)
		return false;
	*to = strdup(value);
	return *to != NULL;
}

static bool read_line(struct nvb_knob_record *record, bool *has_knob, char *line, nvb_error **err)
{
	char *value = strchr(line, ' ');

	if (!value)
		return false;
	*value++ = '\0';
	if (nvb_streq(line, "knob")) {
		record->knob = nvb_knob_find(value);
		*has_knob = true;
		return record->knob < NVB_KNOB_COUNT;
	}
	if (nvb_streq(line, "device"))
		return take_word(&record->device, value);
	if (nvb_streq(line, "boot"))
		return take_word(&record->boot, value);
	if (nvb_streq(line, "old"))
		return take_word(&record->old, value);
	if (nvb_streq(line, "set"))
		return take_word(&record->set, value);
	if (nvb_streq(line, "before"))
		return take_word(&record->before, value);
	if (nvb_streq(line, "user"))
		return read_user(record, value, err);
	return true;
}

/* What becomes a file's name and a message. */
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f || *text == '/')
			return false;
	return true;
}

int nvb_knob_record_parse(const char *text, struct nvb_knob_record *out, nvb_error **err)
{
	_cleanup_knob_record_ struct nvb_knob_record record = {0};
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_free_ char *copy = strdup(text);
	char *save = NULL;
	bool has_knob = false;

	if (!copy)
		return nvb_fail_oom(err);
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!read_line(&record, &has_knob, line, &why))
			return nvb_fail(err, NVB_ERR_CORRUPT, "no record of a knob");
	if (why)
		return nvb_fail_oom(err);
	if (!has_knob || !record.device || !record.boot || !record.old || !record.set || !record.before ||
		!is_plain(record.device))
		return nvb_fail(err, NVB_ERR_CORRUPT, "no whole record of a knob");
	*out = record;
	record = (struct nvb_knob_record){0};
	return 0;
}

bool nvb_knob_holder_lives(struct nvb_knob_holder *user)
{
	/* As a lease's: whose life a use has is the same question. */
	struct nvb_lease_record lease = {
		.pid = user->pid, .started = user->started, .runtime_state = user->runtime_state};
	bool moved = false, lives = nvb_lease_record_lives(&lease, &moved);

	user->pid = lease.pid;
	user->started = lease.started;
	return lives;
}
