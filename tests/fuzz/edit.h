/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_EDIT_H
#define TESTS_FUZZ_EDIT_H

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/document.h"
#include "fuzz.h"

struct edit_wish {
	const char *const *path;
	const char *value;
};

/* All bytes of `before` but at most `replaced` of them are at the start and the end of `after`. */
static void edit_keeps_bytes(
	const char *before, size_t before_size, const struct nvb_strbuf *after, size_t replaced)
{
	size_t least = before_size < after->len ? before_size : after->len, head = 0, tail = 0;

	while (head < least && before[head] == after->s[head])
		head++;
	while (tail < least - head && before[before_size - 1 - tail] == after->s[after->len - 1 - tail])
		tail++;
	FUZZ_CHECK(head + tail + replaced >= before_size);
}

static void edit_one_line(int rc, const nvb_error *err)
{
	FUZZ_CHECK(rc < 0 && err && !strchr(nvb_error_message(err), '\n'));
}

/* Sets the value and takes it away again; what a reader reads differs in that value alone, and no other byte
 * has changed. Gives the text with the value in *next. */
static bool edit_there_and_back(const struct document_format *format, const char *text, size_t size,
	const struct edit_wish *wish, struct nvb_strbuf *next)
{
	_cleanup_strbuf_ struct nvb_strbuf again = {0}, back = {0};
	_cleanup_error_ nvb_error *err = NULL;
	_cleanup_free_ char *old = NULL, *now = NULL, *gone = NULL;
	bool blank = strspn(text, " \t\r\n") >= size;
	int rc = format->get(text, size, wish->path, "f", &old, &err);

	if (rc == 0)
		rc = format->set(text, size, wish->path, wish->value, "f", next, &err);
	if (rc < 0) {
		edit_one_line(rc, err);
		return false;
	}
	FUZZ_CHECK(format->verify(text, size, next->s, next->len, wish->path, wish->value, "f", NULL) == 0);
	if (!blank)
		edit_keeps_bytes(text, size, next, old ? strlen(old) : strlen("null"));
	FUZZ_CHECK(format->get(next->s, next->len, wish->path, "f", &now, NULL) == 0 && now);
	FUZZ_CHECK(format->same(now, wish->value, NULL) == 1);
	FUZZ_CHECK(format->set(next->s, next->len, wish->path, wish->value, "f", &again, NULL) == 0);
	FUZZ_CHECK(again.len == next->len && memcmp(again.s, next->s, next->len) == 0);
	FUZZ_CHECK(document_unset(format, next->s, next->len, wish->path, "f", &back, NULL) == 0);
	FUZZ_CHECK(format->get(back.s, back.len, wish->path, "f", &gone, NULL) == 0 && !gone);
	return true;
}

/* A list of wishes one after another, on a copy with a NUL behind it. */
static void edit_all(const struct document_format *format, const uint8_t *data, size_t size,
	const struct edit_wish *wishes, size_t count)
{
	struct nvb_strbuf text = {0};

	nvb_sb_addn(&text, data, size);
	nvb_sb_add(&text, "");
	for (size_t i = 0; i < count && text.s; i++) {
		struct nvb_strbuf next = {0};

		if (!edit_there_and_back(format, text.s, text.len, &wishes[i], &next)) {
			nvb_sb_release(&next);
			break;
		}
		nvb_sb_release(&text);
		text = next;
	}
	nvb_sb_release(&text);
}

#define EDIT_PATH(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
