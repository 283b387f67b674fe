/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/replay.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

enum { LINE_MOST = 64 << 20 };

/* A line counts once it has its end. */
static int find_lines(struct nvb_replay *r, nvb_error **err)
{
	long begin = 0, at = 0;
	int c;

	while ((c = getc(r->f)) != EOF) {
		at++;
		if (c != '\n')
			continue;
		if (at - begin > LINE_MOST)
			return nvb_fail(err, NVB_ERR_CORRUPT, "%s: line %zu is longer than a sample can be",
				r->name, r->count + 1);
		if (!NVB_GROW(r->lines, r->count, r->capacity))
			return nvb_fail_oom(err);
		r->lines[r->count++] = begin;
		begin = at;
	}
	if (ferror(r->f))
		return nvb_fail_errno(err, errno, "reading %s", r->name);
	if (r->count == 0)
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s holds no sample", r->name);
	return 0;
}

int nvb_replay_open(struct nvb_replay *r, const char *name, nvb_error **err)
{
	struct stat st;
	int rc;

	r->name = strdup(name);
	if (!r->name)
		return nvb_fail_oom(err);
	r->f = fopen(name, "re");
	if (!r->f)
		return nvb_fail_errno(err, errno, "opening %s", name);
	/* It is read forwards and backwards. */
	if (fstat(fileno(r->f), &st) < 0 || !S_ISREG(st.st_mode))
		return nvb_fail(err, NVB_ERR_INVALID, "%s is no file that can be read again", name);
	rc = find_lines(r, err);
	if (rc == -NVB_ERR_CORRUPT)
		nvb_hint(err, rc, "'monitor --log FILE' writes such files");
	return rc;
}

int nvb_replay_next(struct nvb_replay *r, nvb_sample **sample, nvb_error **err)
{
	ssize_t n;
	int rc;

	if (r->at >= r->count) {
		*sample = NULL;
		return 0;
	}
	if (fseek(r->f, r->lines[r->at], SEEK_SET) < 0)
		return nvb_fail_errno(err, errno, "reading %s", r->name);
	n = getline(&r->line, &r->line_capacity, r->f);
	if (n < 0)
		return nvb_fail_errno(err, errno ? errno : EIO, "reading %s", r->name);
	r->at++;
	if (n && r->line[n - 1] == '\n')
		n--;
	rc = nvb_record_read(r->line, (size_t)n, sample, err);
	return rc < 0 ? nvb_wrap(err, rc, "%s, line %zu", r->name, r->at) : 0;
}

void nvb_replay_seek(struct nvb_replay *r, size_t at)
{
	r->at = at < r->count ? at : r->count;
}

void nvb_replay_release(struct nvb_replay *r)
{
	nvb_fclosep(&r->f);
	free(r->name);
	free(r->lines);
	free(r->line);
	*r = (struct nvb_replay){0};
}
