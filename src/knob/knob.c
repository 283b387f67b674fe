/* SPDX-License-Identifier: Apache-2.0 */
#include "knob/knob.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/userns.h"
#include "knob/dial.h"
#include "knob/place.h"

/*
 * The order is always: write down, then turn; turn back, then forget. So at any moment the record says at
 * least what is owed, and a state that is neither what we set nor what we set before is somebody else's.
 */

/* One who changes knobs, for the time that takes. */
struct turner {
	struct nvb_knob_place place;
	struct nvb_knob_dial dial;
	char *boot;
	const struct nvb_log *log;
};
#define TURNER_INIT(inventory, log)                                             \
	{                                                                       \
		NVB_KNOB_PLACE_INIT, NVB_KNOB_DIAL_INIT(inventory), NULL, (log) \
	}

static void release_turner(struct turner *turner)
{
	nvb_knob_place_close(&turner->place);
	nvb_knob_dial_release(&turner->dial);
	free(turner->boot);
}
#define _cleanup_turner_ _cleanup_(release_turner)

static int open_turner(struct turner *turner, nvb_error **err)
{
	int rc;

	if (geteuid() != 0 || nvb_in_user_namespace())
		return nvb_fail(err, NVB_ERR_PERMISSION, "root alone may turn knobs");
	rc = nvb_file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &turner->boot, NULL, err);
	if (rc == 0)
		turner->boot[strcspn(turner->boot, "\n")] = '\0';
	return rc < 0 ? rc
		      : nvb_knob_place_open(
				nvb_knobs_root(turner->dial.inventory), true, &turner->place, err);
}

static const char *device_name(const char *device)
{
	return nvb_streq(device, NVB_KNOB_CPUS) ? "the CPUs" : device;
}

static bool replace_word(char **to, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return false;
	free(*to);
	*to = copy;
	return true;
}

/* --- users --- */

static void drop_dead(const struct turner *turner, struct nvb_knob_record *record)
{
	bool this_boot = nvb_streq(record->boot, turner->boot);

	for (size_t i = record->user_count; i > 0; i--)
		if (!this_boot || !nvb_knob_holder_lives(&record->users[i - 1]))
			nvb_knob_record_drop(record, i - 1);
}

static bool drop_user(struct nvb_knob_record *record, const char *engine, const char *container)
{
	bool dropped = false;

	for (size_t i = record->user_count; i > 0; i--)
		if (nvb_streq(record->users[i - 1].engine, engine) &&
			nvb_streq(record->users[i - 1].container, container)) {
			nvb_knob_record_drop(record, i - 1);
			dropped = true;
		}
	return dropped;
}

/* What the strongest of the users wants, malloc'd; *who is that user. A wish that the card does not take any
 * more is nobody's. */
static int strongest(const struct nvb_knob_record *record, const struct nvb_knob_state *state, char **target,
	size_t *who, nvb_error **err)
{
	_cleanup_free_ char *best = NULL;
	uint64_t most = 0;

	for (size_t i = 0; i < record->user_count; i++) {
		_cleanup_error_ nvb_error *why = NULL;
		char *wanted = NULL;
		uint64_t strength = 0;

		if (nvb_knob_resolve(record->knob, record->users[i].wish, state, &wanted, &strength, &why) <
			0)
			continue;
		if (best && strength <= most) {
			free(wanted);
			continue;
		}
		free(best);
		best = wanted;
		most = strength;
		*who = i;
	}
	if (!best)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s of %s: no user's value is possible",
			nvb_knob_names[record->knob], device_name(record->device));
	*target = NVB_TAKE_PTR(best);
	return 0;
}

/* --- turning --- */

/* Writes down what is to be, turns, and looks. */
static int turn(struct turner *turner, struct nvb_knob_record *record, const char *now, const char *target,
	nvb_error **err)
{
	_cleanup_knob_state_ struct nvb_knob_state after = {0};
	char text[2][NVB_KNOB_TEXT];
	int rc;

	if (!nvb_streq(record->set, target) &&
		(!replace_word(&record->before, record->set) || !replace_word(&record->set, target)))
		return nvb_fail_oom(err);
	rc = nvb_knob_place_write(&turner->place, record, err);
	if (rc < 0 || (nvb_knob_is_readable(record->knob) && nvb_knob_is_at(now, target)))
		return rc;
	rc = nvb_knob_put(&turner->dial, record->knob, record->device, target, err);
	if (rc < 0 || !nvb_knob_is_readable(record->knob))
		return rc;
	rc = nvb_knob_get(&turner->dial, record->knob, record->device, &after, err);
	if (rc == 0 && !nvb_knob_is_at(after.now, target))
		nvb_warning(turner->log, "%s of %s is %s, though it was set to %s",
			nvb_knob_names[record->knob], device_name(record->device),
			nvb_knob_describe(record->knob, after.now, text[0]),
			nvb_knob_describe(record->knob, target, text[1]));
	else if (rc == 0)
		nvb_info(turner->log, "%s of %s is %s", nvb_knob_names[record->knob],
			device_name(record->device), nvb_knob_describe(record->knob, after.now, text[0]));
	return rc;
}

/* Nobody uses it any more. */
static int put_back(struct turner *turner, struct nvb_knob_record *record, nvb_error **err)
{
	_cleanup_knob_state_ struct nvb_knob_state state = {0};
	bool readable = nvb_knob_is_readable(record->knob), this_boot = nvb_streq(record->boot, turner->boot);
	char text[2][NVB_KNOB_TEXT];
	int rc = 0;

	/* The record stays until it is done: a debt without users. */
	rc = nvb_knob_place_write(&turner->place, record, err);
	if (rc == 0 && readable)
		rc = nvb_knob_get(&turner->dial, record->knob, record->device, &state, err);
	if (rc < 0)
		return rc;
	if (readable && nvb_knob_is_at(state.now, record->old)) {
		nvb_debug(turner->log, "%s of %s is as it was", nvb_knob_names[record->knob],
			device_name(record->device));
	} else if (readable && !nvb_knob_is_at(state.now, record->set) &&
		   !nvb_knob_is_at(state.now, record->before)) {
		nvb_warning(turner->log, "%s of %s is %s now, which nobody of ours set: it stays so",
			nvb_knob_names[record->knob], device_name(record->device),
			nvb_knob_describe(record->knob, state.now, text[0]));
	} else if (readable || this_boot) {
		/* Clocks are not locked when the driver starts. */
		rc = nvb_knob_put(&turner->dial, record->knob, record->device, record->old, err);
		if (rc == 0)
			nvb_info(turner->log, "%s of %s is %s again", nvb_knob_names[record->knob],
				device_name(record->device),
				nvb_knob_describe(record->knob, record->old, text[1]));
	}
	return rc < 0 ? rc : nvb_knob_place_remove(&turner->place, record, err);
}

/* After users have left. */
static int settle(struct turner *turner, struct nvb_knob_record *record, nvb_error **err)
{
	_cleanup_knob_state_ struct nvb_knob_state state = {0};
	_cleanup_free_ char *target = NULL;
	size_t who;
	int rc;

	if (!record->user_count)
		return put_back(turner, record, err);
	rc = nvb_knob_get(&turner->dial, record->knob, record->device, &state, err);
	if (rc == 0)
		rc = strongest(record, &state, &target, &who, err);
	return rc < 0 ? rc : turn(turner, record, state.now, target, err);
}

/* --- taking --- */

/* The record of a knob, a new one where there is none; *fresh then. */
static int find_record(struct turner *turner, enum nvb_knob knob, const char *device, const char *now,
	struct nvb_knob_record *record, bool *fresh, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	int rc = nvb_knob_place_find(&turner->place, knob, device, record, &why);

	*fresh = rc == -NVB_ERR_NOT_FOUND;
	if (rc < 0 && !*fresh) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return rc;
	}
	if (!*fresh) {
		bool this_boot = nvb_streq(record->boot, turner->boot);

		drop_dead(turner, record);
		/* A reboot that has undone what we did has paid the debt as well. */
		if (this_boot || nvb_knob_is_at(now, record->set) || nvb_knob_is_at(now, record->before))
			return replace_word(&record->boot, turner->boot) ? 0 : nvb_fail_oom(err);
		nvb_knob_record_release(record);
	}
	record->knob = knob;
	record->device = strdup(device);
	record->boot = strdup(turner->boot);
	record->old = strdup(now);
	record->set = strdup(now);
	record->before = strdup(now);
	return record->device && record->boot && record->old && record->set && record->before
		       ? 0
		       : nvb_fail_oom(err);
}

static int check_wish(struct turner *turner, enum nvb_knob knob, const char *wish,
	const struct nvb_knob_state *state, bool exclusive, nvb_error **err)
{
	_cleanup_free_ char *target = NULL;
	uint64_t strength;

	if (knob == NVB_KNOB_COMPUTE_MODE && !exclusive && !nvb_streq(wish, "default"))
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"compute-mode %s would lock others out of a GPU that is shared", wish);
	if (knob == NVB_KNOB_CPU_GOVERNOR) {
		int rc = nvb_governor_check(&turner->dial.inventory->roots.sys, wish, err);

		if (rc < 0)
			return rc;
	}
	return nvb_knob_resolve(knob, wish, state, &target, &strength, err);
}

static int take_one(struct turner *turner, enum nvb_knob knob, const char *device, bool exclusive,
	const struct nvb_knob_holder *user, nvb_error **err)
{
	_cleanup_knob_record_ struct nvb_knob_record record = {0};
	_cleanup_knob_state_ struct nvb_knob_state state = {0};
	_cleanup_free_ char *target = NULL;
	char text[NVB_KNOB_TEXT];
	bool fresh;
	size_t who = 0;
	int rc = nvb_knob_get(&turner->dial, knob, device, &state, err);

	if (rc == 0)
		rc = check_wish(turner, knob, user->wish, &state, exclusive, err);
	if (rc == 0)
		rc = find_record(turner, knob, device, state.now, &record, &fresh, err);
	if (rc == 0) {
		drop_user(&record, user->engine, user->container);
		rc = nvb_knob_record_add(&record, user) ? 0 : nvb_fail_oom(err);
	}
	if (rc == 0)
		rc = strongest(&record, &state, &target, &who, err);
	if (rc < 0)
		return rc;
	rc = turn(turner, &record, state.now, target, err);
	if (rc < 0) {
		/* What was said before it failed is not so; what is owed for others is. */
		nvb_knob_record_drop(&record, record.user_count - 1);
		settle(turner, &record, NULL);
		return rc;
	}
	if (who + 1 != record.user_count)
		nvb_info(turner->log, "%s of %s stays %s, which %s %s wants", nvb_knob_names[knob],
			device_name(device), nvb_knob_describe(knob, target, text), record.users[who].engine,
			record.users[who].container);
	return 0;
}

struct taken {
	enum nvb_knob knob;
	char *device;
};

struct nvb_knobs {
	const struct nvb_inventory *inventory;
	char *engine, *container;
	struct taken *list;
	size_t count, capacity;
};

void nvb_knobs_free(struct nvb_knobs *knobs)
{
	if (!knobs)
		return;
	for (size_t i = 0; i < knobs->count; i++)
		free(knobs->list[i].device);
	free(knobs->list);
	free(knobs->engine);
	free(knobs->container);
	free(knobs);
}

static void free_knobs(struct nvb_knobs **knobs)
{
	nvb_knobs_free(*knobs);
}

static int note_taken(struct nvb_knobs *knobs, enum nvb_knob knob, const char *device, nvb_error **err)
{
	struct taken taken = {knob, strdup(device)};

	if (!taken.device || !NVB_GROW(knobs->list, knobs->count, knobs->capacity)) {
		free(taken.device);
		return nvb_fail_oom(err);
	}
	knobs->list[knobs->count++] = taken;
	return 0;
}

/* One knob of the plan; what cannot be turned is said and left. */
static int take_edit(struct turner *turner, struct nvb_knobs *knobs, const struct nvb_plan *plan,
	const struct nvb_edit *edit, bool exclusive, struct nvb_knob_holder *user, nvb_error **err)
{
	const char *device = edit->scope < 0 ? NVB_KNOB_CPUS : plan->devices[edit->scope].pci;
	enum nvb_knob knob = nvb_knob_find(edit->knob.name);
	_cleanup_error_ nvb_error *why = NULL;
	int rc;

	if (knob == NVB_KNOB_COUNT || !device)
		return 0;
	user->wish = (char *)(uintptr_t)edit->knob.value;
	rc = take_one(turner, knob, device, exclusive, user, &why);
	if (rc == 0)
		return note_taken(knobs, knob, device, err);
	if (rc == -NVB_ERR_NO_MEMORY)
		return nvb_fail_oom(err);
	nvb_warning(turner->log, "%s: %s %s left out: %s", edit->rule, edit->knob.name, edit->knob.value,
		nvb_error_message(why));
	return 0;
}

static bool wants_knobs(const struct nvb_plan *plan)
{
	for (size_t i = 0; i < plan->edit_count; i++)
		if (plan->edits[i].kind == NVB_EDIT_KNOB)
			return true;
	return false;
}

int nvb_knobs_take(const struct nvb_inventory *inventory, const struct nvb_plan *plan, bool exclusive,
	const struct nvb_knob_user *asked, const struct nvb_log *log, struct nvb_knobs **out, nvb_error **err)
{
	_cleanup_turner_ struct turner turner = TURNER_INIT(inventory, log);
	_cleanup_(free_knobs) struct nvb_knobs *knobs = NULL;
	_cleanup_error_ nvb_error *why = NULL;
	struct nvb_knob_holder user = {
		.engine = (char *)(uintptr_t)asked->engine,
		.container = (char *)(uintptr_t)asked->container,
		.runtime_state = (char *)(uintptr_t)asked->runtime_state,
		.pid = asked->pid ? asked->pid : getpid(),
	};
	int rc;

	if (!wants_knobs(plan))
		return 0;
	if (open_turner(&turner, &why) < 0) {
		nvb_warning(log, "the profile's knobs are left out: %s", nvb_error_message(why));
		return 0;
	}
	user.started = nvb_proc_start_time(user.pid);
	knobs = calloc(1, sizeof(*knobs));
	if (!knobs || !(knobs->engine = strdup(user.engine)) || !(knobs->container = strdup(user.container)))
		return nvb_fail_oom(err);
	knobs->inventory = inventory;
	rc = 0;
	for (size_t i = 0; rc == 0 && i < plan->edit_count; i++)
		if (plan->edits[i].kind == NVB_EDIT_KNOB)
			rc = take_edit(&turner, knobs, plan, &plan->edits[i], exclusive, &user, err);
	if (rc == 0 && knobs->count)
		*out = NVB_TAKE_PTR(knobs);
	return rc;
}

int nvb_knobs_adopt(struct nvb_knobs *knobs, pid_t pid, nvb_error **err)
{
	_cleanup_turner_ struct turner turner = TURNER_INIT(knobs ? knobs->inventory : NULL, NULL);
	int rc = knobs ? open_turner(&turner, err) : 0;

	for (size_t i = 0; knobs && rc == 0 && i < knobs->count; i++) {
		_cleanup_knob_record_ struct nvb_knob_record record = {0};

		rc = nvb_knob_place_find(
			&turner.place, knobs->list[i].knob, knobs->list[i].device, &record, err);
		for (size_t u = 0; u < record.user_count; u++)
			if (nvb_streq(record.users[u].engine, knobs->engine) &&
				nvb_streq(record.users[u].container, knobs->container)) {
				record.users[u].pid = pid;
				record.users[u].started = nvb_proc_start_time(pid);
			}
		if (rc == 0)
			rc = nvb_knob_place_write(&turner.place, &record, err);
	}
	return rc;
}

/* --- leaving --- */

/* Which users of a record have left; true when the record is to be settled. */
struct leaving {
	const char *engine, *container; /* NULL: those that are gone */
	bool everybody;
};

static bool leave(const struct turner *turner, struct nvb_knob_record *record, const struct leaving *who)
{
	size_t before = record->user_count;

	if (who->engine)
		return drop_user(record, who->engine, who->container);
	drop_dead(turner, record);
	while (who->everybody && record->user_count)
		nvb_knob_record_drop(record, record->user_count - 1);
	return before != record->user_count || !record->user_count;
}

static int leave_all(struct turner *turner, const struct leaving *who, size_t *restored, nvb_error **err)
{
	_cleanup_strv_ char **names = NULL;
	int rc = nvb_knob_place_names(&turner->place, &names, err), failed = 0;

	nvb_strv_foreach (name, names) {
		_cleanup_knob_record_ struct nvb_knob_record record = {0};
		_cleanup_error_ nvb_error *why = NULL;
		int one;

		if (rc < 0)
			break;
		one = nvb_knob_place_read(&turner->place, *name, &record, &why);
		if (one == 0 && leave(turner, &record, who)) {
			one = settle(turner, &record, &why);
			*restored += one == 0 && !record.user_count;
		}
		if (one == 0)
			continue;
		if (!failed)
			nvb_error_move(err, NVB_TAKE_PTR(why));
		failed = one;
	}
	return rc < 0 ? rc : failed;
}

void nvb_knobs_release(struct nvb_knobs *knobs, const struct nvb_log *log)
{
	_cleanup_turner_ struct turner turner = TURNER_INIT(knobs ? knobs->inventory : NULL, log);
	_cleanup_error_ nvb_error *why = NULL;
	struct leaving who;
	size_t restored = 0;

	if (!knobs)
		return;
	who = (struct leaving){.engine = knobs->engine, .container = knobs->container};
	if (open_turner(&turner, &why) < 0 || leave_all(&turner, &who, &restored, &why) < 0)
		nvb_warning(log, "a knob is still turned, the next command tries again: %s",
			nvb_error_message(why));
	nvb_knobs_free(knobs);
}

int nvb_knobs_leave(const struct nvb_inventory *inventory, const char *engine, const char *container,
	const struct nvb_log *log, nvb_error **err)
{
	_cleanup_turner_ struct turner turner = TURNER_INIT(inventory, log);
	const struct leaving who = {.engine = engine, .container = container};
	size_t restored = 0;
	int rc = open_turner(&turner, err);

	return rc < 0 ? rc : leave_all(&turner, &who, &restored, err);
}

int nvb_knobs_restore(const struct nvb_inventory *inventory, bool force, const struct nvb_log *log,
	size_t *restored, nvb_error **err)
{
	_cleanup_turner_ struct turner turner = TURNER_INIT(inventory, log);
	const struct leaving who = {.everybody = force};
	size_t count = 0;
	int rc = open_turner(&turner, err);

	if (rc == 0)
		rc = leave_all(&turner, &who, &count, err);
	if (restored)
		*restored = count;
	return rc;
}
