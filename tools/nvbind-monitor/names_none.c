/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

/* Built without bolt: there are no capsules to name. */

struct names *names_open(void)
{
	return NULL;
}

void names_close(struct names *names)
{
	(void)names;
}

char *names_of_capsule(void *names, const char *id)
{
	(void)names, (void)id;
	return NULL;
}

char *names_of_process(void *names, uint32_t pid)
{
	(void)names, (void)pid;
	return NULL;
}
