/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/summary.h"

#include "network/port.h"

static void add_words(struct nvb_strbuf *out, const char *const *words)
{
	for (; words && *words; words++)
		nvb_sb_addf(out, "%s%s", out->len ? " " : "", *words);
}

void nvb_capsule_summary(const struct nvb_capsule_spec *spec, const struct nvb_image *image,
	struct nvb_strbuf *command, struct nvb_strbuf *ports)
{
	char text[NVB_PORT_TEXT];

	if (spec->entrypoint)
		nvb_sb_add(command, spec->entrypoint);
	else
		add_words(command, image->entrypoint);
	if (spec->command && *spec->command)
		add_words(command, (const char *const *)spec->command);
	else if (!spec->entrypoint)
		add_words(command, image->command);
	for (size_t i = 0; i < spec->port_count; i++)
		nvb_sb_addf(ports, "%s%s", ports->len ? ", " : "", nvb_port_format(&spec->ports[i], text));
}
