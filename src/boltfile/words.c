/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "boltfile/values.h"

/* One word from *at on, which is no blank. */
static int read_word(const char **at, struct nvb_strbuf *word, nvb_error **err)
{
	const char *s = *at;
	char quote = '\0';

	for (; *s && (quote || !isspace((unsigned char)*s)); s++) {
		if (*s == '\\' && quote != '\'') {
			/* Within "..." a backslash stands for itself before most characters. */
			if (!s[1])
				return nvb_fail(err, NVB_ERR_INVALID, "the line ends with a backslash");
			if (quote && !strchr("\"\\$`", s[1]))
				nvb_sb_addc(word, '\\');
			nvb_sb_addc(word, *++s);
		} else if (quote ? *s == quote : *s == '\'' || *s == '"') {
			quote = quote ? '\0' : *s;
			nvb_sb_add(word, ""); /* '' is a word */
		} else {
			nvb_sb_addc(word, *s);
		}
	}
	if (quote)
		return nvb_fail(err, NVB_ERR_INVALID, "the quote %c is not closed", quote);
	*at = s;
	return 0;
}

int nvb_boltfile_split(struct boltfile_reader *r, const char *line, struct boltfile_list *list)
{
	while (*(line += strspn(line, " \t\n\r\v\f"))) {
		_cleanup_strbuf_ struct nvb_strbuf word = {0};
		const char *copy;
		int rc = read_word(&line, &word, r->err);

		if (rc < 0)
			return rc;
		copy = word.failed ? NULL : nvb_arena_strdup(&r->file->arena, word.s ? word.s : "");
		rc = copy ? nvb_boltfile_append(r, list, copy) : nvb_fail_oom(r->err);
		if (rc < 0)
			return rc;
	}
	return 0;
}
