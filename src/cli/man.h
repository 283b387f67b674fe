/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CLI_MAN_H
#define NVB_CLI_MAN_H

#include "cli/options.h"

/*
 * Manual pages, made from the tables alone when the programs are built: `PROGRAM __man DIRECTORY` writes
 * one for the program and one for each of its verbs, as git has them ("nvbind-cdi-generate.1"). Source of the
 * macros: groff_man(7).
 */
#define NVB_MAN_VERB "__man"
int nvb_man_write(const struct nvb_program *program, const struct nvb_option_group *builtin,
	const char *directory, nvb_error **err);

/* Text for a page: backslashes, dashes and what roff would take for a request are escaped. */
struct nvb_strbuf;
void nvb_man_add(struct nvb_strbuf *out, const char *text);
/* The first line of a page; `title` is made upper case. */
void nvb_man_title(struct nvb_strbuf *out, const char *title, const char *section);

#endif
