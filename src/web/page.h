/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_WEB_PAGE_H
#define NVB_WEB_PAGE_H

#include <stddef.h>

/* The files below page/, as they stood there when this was built (embed.c). */
struct nvb_page_file {
	const char *name, *type;
	const unsigned char *data;
	size_t size;
};

extern const struct nvb_page_file nvb_page_files[];
extern const size_t nvb_page_file_count;

#endif
