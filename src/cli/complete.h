/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CLI_COMPLETE_H
#define NVB_CLI_COMPLETE_H

#include <stdio.h>

#include "cli/options.h"

/*
 * What a shell may put in place of the last of `words`, one a line: commands, options, the values of an
 * option that has a list of them. Nothing where only the shell knows (files). completions/nvbind.bash asks
 * for it with `PROGRAM __complete WORD...`, all words behind the program's name up to the cursor; it cuts
 * words at "=" as bash does, so that --format=json arrives as three.
 */
#define NVB_COMPLETE_VERB "__complete"
/* The same with a tab and what each is for behind it, where that is known: for zsh and fish, which leave
 * --format=json in one piece. */
#define NVB_DESCRIBE_VERB "__describe"
void nvb_complete(FILE *f, const struct nvb_program *program, const struct nvb_option_group *builtin,
	bool describe, int argc, char **words);

/* The option of that name (of `size` bytes) or, when it is not 0, letter; NULL when there is none. */
const struct nvb_option *nvb_option_find(
	const struct nvb_option_group *const *groups, const char *name, size_t size, char letter);

#endif
