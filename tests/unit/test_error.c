/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmocka_all.h"

static void context_comes_first_and_the_cause_last(void **state)
{
	_cleanup_error_ nvb_error *err = NULL;
	int rc = nvb_fail(&err, NVB_ERR_CORRUPT, "bad magic %d", 7);

	(void)state;
	rc = nvb_wrap(&err, rc, "library %s", "x.so");
	rc = nvb_wrap(&err, rc, "inventory");
	assert_int_equal(rc, -NVB_ERR_CORRUPT);
	assert_int_equal(nvb_error_code(err), NVB_ERR_CORRUPT);
	assert_string_equal(nvb_error_message(err), "inventory: library x.so: bad magic 7");
	assert_int_equal(nvb_error_errno(err), 0);
	assert_null(nvb_error_hint(err));
}

static void errno_decides_the_code(void **state)
{
	static const struct {
		int sys;
		enum nvb_error_code code;
	} cases[] = {
		{ENOENT, NVB_ERR_NOT_FOUND},
		{ENXIO, NVB_ERR_NOT_FOUND},
		{EACCES, NVB_ERR_PERMISSION},
		{EROFS, NVB_ERR_PERMISSION},
		{ENOSYS, NVB_ERR_UNSUPPORTED},
		{EBUSY, NVB_ERR_BUSY},
		{ENOMEM, NVB_ERR_NO_MEMORY},
		{EIO, NVB_ERR_SYSTEM},
		{123456, NVB_ERR_SYSTEM},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_error_ nvb_error *err = NULL;

		assert_int_equal(nvb_fail_errno(&err, cases[i].sys, "doing it"), -(int)cases[i].code);
		assert_int_equal(nvb_error_code(err), cases[i].code);
		assert_int_equal(nvb_error_errno(err), cases[i].sys);
		assert_ptr_equal(strstr(nvb_error_message(err), "doing it: "), nvb_error_message(err));
	}
}

static void the_first_error_and_the_last_hint_stay(void **state)
{
	_cleanup_error_ nvb_error *err = NULL;

	(void)state;
	nvb_fail(&err, NVB_ERR_BUSY, "first");
	assert_int_equal(nvb_fail(&err, NVB_ERR_STALE, "second"), -NVB_ERR_STALE);
	assert_int_equal(nvb_fail_errno(&err, EIO, "third"), -NVB_ERR_SYSTEM);
	assert_int_equal(nvb_fail_oom(&err), -NVB_ERR_NO_MEMORY);
	assert_string_equal(nvb_error_message(err), "first");
	assert_int_equal(nvb_hint(&err, -5, "try %d", 1), -5);
	nvb_hint(&err, 0, "try 2");
	assert_string_equal(nvb_error_hint(err), "try 2");
}

static void nobody_has_to_want_the_object(void **state)
{
	(void)state;
	assert_int_equal(nvb_fail(NULL, NVB_ERR_INVALID, "x"), -NVB_ERR_INVALID);
	assert_int_equal(nvb_fail_errno(NULL, ENOENT, "x"), -NVB_ERR_NOT_FOUND);
	assert_int_equal(nvb_wrap(NULL, -3, "x"), -3);
	assert_int_equal(nvb_hint(NULL, -3, "x"), -3);
	assert_int_equal(nvb_error_code(NULL), NVB_OK);
	assert_string_equal(nvb_error_message(NULL), "success");
	nvb_error_free(NULL);
}

static void out_of_memory_needs_no_memory(void **state)
{
	nvb_error *err = NULL;

	(void)state;
	assert_int_equal(nvb_fail_oom(&err), -NVB_ERR_NO_MEMORY);
	assert_int_equal(nvb_wrap(&err, -1, "context"), -1);
	assert_int_equal(nvb_hint(&err, -1, "hint"), -1);
	assert_string_equal(nvb_error_message(err), "out of memory");
	assert_null(nvb_error_hint(err));
	nvb_error_free(err);
	nvb_error_free(err); /* the one object is nobody's */
}

static void moving_hands_over_or_frees(void **state)
{
	_cleanup_error_ nvb_error *err = NULL;
	nvb_error *local = NULL, *second = NULL;

	(void)state;
	nvb_fail(&local, NVB_ERR_BUSY, "one");
	nvb_error_move(&err, local);
	assert_ptr_equal(err, local);
	nvb_fail(&second, NVB_ERR_BUSY, "two");
	nvb_error_move(&err, second); /* freed: the first stays */
	assert_string_equal(nvb_error_message(err), "one");
}

static void every_code_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i <= NVB_ERR_CANCELLED; i++) {
		const char *name = nvb_error_code_name((enum nvb_error_code)i);

		assert_string_not_equal(name, "unknown");
		for (int k = 0; k < i; k++)
			assert_string_not_equal(name, nvb_error_code_name((enum nvb_error_code)k));
	}
	assert_string_equal(nvb_error_code_name((enum nvb_error_code) - 1), "unknown");
	assert_string_equal(nvb_error_code_name((enum nvb_error_code)1000), "unknown");
}

struct seen {
	unsigned count;
	enum nvb_log_level level;
	char message[2048];
};

static void see(void *data, enum nvb_log_level level, const char *message)
{
	struct seen *seen = data;

	seen->count++;
	seen->level = level;
	snprintf(seen->message, sizeof(seen->message), "%s", message);
}

static void the_log_says_what_is_wanted_and_no_more(void **state)
{
	struct seen seen = {0};
	const struct nvb_log log = {.level = NVB_LOG_WARNING, .emit = see, .data = &seen};
	unsigned evaluated = 0;
	char text[4096];

	(void)state;
	nvb_warning(&log, "number %d", 5);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.level, NVB_LOG_WARNING);
	assert_string_equal(seen.message, "number 5");
	nvb_info(&log, "%u", ++evaluated);
	nvb_info(NULL, "%u", ++evaluated);
	assert_int_equal(seen.count, 1);
	assert_int_equal(evaluated, 0);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	nvb_error_log(&log, "%s", text);
	assert_int_equal(strlen(seen.message), 1023);
}

static void arenas_give_cleared_aligned_memory(void **state)
{
	struct nvb_arena arena = {0};

	(void)state;
	for (size_t size = 0; size < 3000; size += 37) {
		unsigned char *p = nvb_arena_alloc(&arena, size);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
	}
	assert_non_null(nvb_arena_alloc(&arena, 10 * 1024 * 1024));
	assert_null(nvb_arena_alloc(&arena, SIZE_MAX));
	assert_null(nvb_arena_alloc(&arena, SIZE_MAX - 64));
	assert_string_equal(nvb_arena_strndup(&arena, "abc", 2), "ab");
	assert_string_equal(nvb_arena_strndup(&arena, "abc", 9), "abc");
	assert_string_equal(nvb_arena_printf(&arena, "%s-%d", "x", 42), "x-42");
	nvb_arena_release(&arena);
	nvb_arena_release(&arena);
	assert_null(arena.blocks);
}

static void arrays_grow(void **state)
{
	_cleanup_free_ unsigned *numbers = NULL;
	size_t capacity = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(NVB_GROW(numbers, i, capacity));
		numbers[i] = i;
	}
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(numbers[i], i);
	capacity = SIZE_MAX / 2;
	assert_false(nvb_grow(&(void *){NULL}, capacity, &capacity, 64));
	assert_int_equal(capacity, SIZE_MAX / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(context_comes_first_and_the_cause_last),
		cmocka_unit_test(errno_decides_the_code),
		cmocka_unit_test(the_first_error_and_the_last_hint_stay),
		cmocka_unit_test(nobody_has_to_want_the_object),
		cmocka_unit_test(out_of_memory_needs_no_memory),
		cmocka_unit_test(moving_hands_over_or_frees),
		cmocka_unit_test(every_code_has_a_name_of_its_own),
		cmocka_unit_test(the_log_says_what_is_wanted_and_no_more),
		cmocka_unit_test(arenas_give_cleared_aligned_memory),
		cmocka_unit_test(arrays_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
