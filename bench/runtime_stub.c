/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OCI runtime that does nothing, for measuring what stands in front of one: it writes the file
 * original.json of its bundle over config.json, so that the next round finds a container as an engine would
 * hand it over. Called as "runtime-stub create --bundle DIR ID".
 */
#include <fcntl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char text[1 << 20];
	ssize_t size;
	int from, to;

	if (argc < 4 || chdir(argv[3]) < 0)
		return 1;
	from = open("original.json", O_RDONLY);
	to = open("config.json", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	size = from < 0 || to < 0 ? -1 : read(from, text, sizeof(text));
	return size < 0 || write(to, text, (size_t)size) != size;
}
