/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <nvbind/plugin.h>

/*
 * site: what a site wants in every container with GPUs, from the file /etc/nvbind/site.conf:
 *
 *	# a comment
 *	env HTTP_PROXY=http://proxy.example:3128
 *	mount /opt/licenses /opt/licenses
 *
 * The file must be readable by everybody, since plugins run as nobody.
 */
#ifndef SITE_FILE
#define SITE_FILE "/etc/nvbind/site.conf"
#endif

static int complain(const struct nvb_plugin_host *host, unsigned line, const char *what)
{
	char text[256];

	snprintf(text, sizeof(text), "%s:%u: %s", SITE_FILE, line, what);
	host->warn(host, text);
	return -1;
}

static int take_line(const struct nvb_plugin_host *host, unsigned number, char *line)
{
	static const char reason[] = "set by the site";
	char *word = line + strspn(line, " \t"), *value;

	word[strcspn(word, "\n")] = '\0';
	if (!*word || *word == '#')
		return 0;
	value = word + strcspn(word, " \t");
	if (*value)
		*value++ = '\0';
	value += strspn(value, " \t");
	if (strcmp(word, "env") == 0) {
		char *equals = strchr(value, '=');

		if (!equals)
			return complain(host, number, "not NAME=VALUE");
		*equals = '\0';
		return host->add_env(host, NVB_PLUGIN_ALL, value, equals + 1, reason);
	}
	if (strcmp(word, "mount") == 0) {
		char *target = value + strcspn(value, " \t");

		if (*target)
			*target++ = '\0';
		target += strspn(target, " \t");
		return host->add_mount(host, NVB_PLUGIN_ALL, value, *target ? target : value, reason);
	}
	return complain(host, number, "neither env nor mount");
}

static int edit(const struct nvb_plugin_host *host)
{
	FILE *file = fopen(SITE_FILE, "re");
	unsigned number = 0;
	char line[4096];
	int rc = 0;

	/* A site without such a file wants nothing. */
	while (file && rc == 0 && fgets(line, sizeof(line), file))
		rc = take_line(host, ++number, line);
	if (file)
		fclose(file);
	return rc;
}

NVB_PLUGIN("site", "1.0", "environment and mounts from " SITE_FILE, edit);
