/* SPDX-License-Identifier: Apache-2.0 */
/* TOML on stdin to toml-test's tagged JSON on stdout; 1 and the error on stderr when it is no TOML. This is
 * the decoder that the toml-test program drives. */
#include "base/file.h"
#include "tagged.h"

int main(void)
{
	_cleanup_toml_ struct nvb_toml doc = {0};
	_cleanup_strbuf_ struct nvb_strbuf in = {0}, out = {0};
	_cleanup_error_ nvb_error *err = NULL;
	char buffer[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, buffer, sizeof(buffer))) > 0)
		nvb_sb_addn(&in, buffer, (size_t)n);
	if (n < 0 || in.failed) {
		perror("standard input");
		return 1;
	}
	if (nvb_toml_parse(&doc, in.s ? in.s : "", in.len, "stdin", &err) < 0) {
		fprintf(stderr, "%s\n", nvb_error_message(err));
		return 1;
	}
	tagged_json(&out, &doc.root);
	nvb_sb_addc(&out, '\n');
	return out.failed || nvb_write_all(STDOUT_FILENO, out.s, out.len) < 0;
}
