/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/document.h"

int document_set(const struct document_format *format, const char *text, size_t size, const char *const *path,
	const char *value, const char *file, struct nvb_strbuf *out, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf edited = {0};
	int rc = format->set(text, size, path, value, file, &edited, err);

	if (rc == 0 && edited.failed)
		rc = nvb_fail_oom(err);
	if (rc == 0)
		rc = format->verify(text, size, edited.s, edited.len, path, value, file, err);
	if (rc == 0) {
		*out = edited;
		edited = (struct nvb_strbuf){0};
	}
	return rc;
}

int document_unset(const struct document_format *format, const char *text, size_t size,
	const char *const *path, const char *file, struct nvb_strbuf *out, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf edited = {0};
	int rc = format->unset(text, size, path, file, &edited, err);

	nvb_sb_add(&edited, ""); /* a text of no bytes is a text, too */
	if (rc == 0 && edited.failed)
		rc = nvb_fail_oom(err);
	if (rc == 0 && (edited.len != size || memcmp(edited.s, text, size) != 0))
		rc = format->verify(text, size, edited.s, edited.len, path, NULL, file, err);
	if (rc == 0) {
		*out = edited;
		edited = (struct nvb_strbuf){0};
	}
	return rc;
}

size_t document_path_depth(const char *const *path)
{
	size_t depth = 0;

	while (path[depth])
		depth++;
	return depth;
}

char *document_path_text(const char *const *path)
{
	struct nvb_strbuf sb = {0};

	for (size_t i = 0; path[i]; i++) {
		bool plain = !strpbrk(path[i], ". \"'") && *path[i];

		nvb_sb_addf(&sb, plain ? "%s%s" : "%s\"%s\"", i ? "." : "", path[i]);
	}
	return nvb_sb_finish(&sb);
}

void document_add_string(struct nvb_strbuf *sb, const char *s)
{
	nvb_sb_addc(sb, '"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			nvb_sb_addf(sb, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			nvb_sb_addf(sb, "\\u%04x", c);
		else
			nvb_sb_addc(sb, *s);
	}
	nvb_sb_addc(sb, '"');
}

char *document_string(const char *s)
{
	struct nvb_strbuf sb = {0};

	document_add_string(&sb, s);
	return nvb_sb_finish(&sb);
}

char *document_strings(const char *const *strings)
{
	struct nvb_strbuf sb = {0};

	nvb_sb_addc(&sb, '[');
	for (size_t i = 0; strings[i]; i++) {
		nvb_sb_add(&sb, i ? ", " : "");
		document_add_string(&sb, strings[i]);
	}
	nvb_sb_addc(&sb, ']');
	return nvb_sb_finish(&sb);
}

const char *document_line_end(const char *text, size_t size)
{
	const char *newline = size ? memchr(text, '\n', size) : NULL;

	return newline && newline > text && newline[-1] == '\r' ? "\r\n" : "\n";
}
