/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

/* embed FILE...: writes C source with the files' bytes, run while building. src/web/page.h declares what
 * comes out. */

static const char *type_of(const char *name)
{
	static const struct {
		const char *suffix, *type;
	} types[] = {
		{".html", "text/html; charset=utf-8"},
		{".css", "text/css; charset=utf-8"},
		{".js", "text/javascript; charset=utf-8"},
		{".svg", "image/svg+xml"},
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t n = strlen(name), k = strlen(types[i].suffix);

		if (n > k && strcmp(name + n - k, types[i].suffix) == 0)
			return types[i].type;
	}
	return NULL;
}

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int embed(const char *path, int number)
{
	FILE *f = fopen(path, "rb");
	int c, column = 0;

	if (!f) {
		perror(path);
		return 1;
	}
	printf("static const unsigned char file_%d[] = {", number);
	while ((c = getc(f)) != EOF)
		printf("%s%d,", column++ % 24 ? "" : "\n", c);
	printf("\n};\n");
	c = ferror(f);
	fclose(f);
	return c != 0;
}

int main(int argc, char **argv)
{
	printf("#include \"web/page.h\"\n");
	for (int i = 1; i < argc; i++) {
		if (!type_of(argv[i])) {
			fprintf(stderr, "embed: %s: of no known kind\n", argv[i]);
			return 1;
		}
		if (embed(argv[i], i) != 0)
			return 1;
	}
	printf("const struct nvb_page_file nvb_page_files[] = {\n");
	for (int i = 1; i < argc; i++)
		printf("\t{\"%s\", \"%s\", file_%d, sizeof(file_%d)},\n", base(argv[i]), type_of(argv[i]), i,
			i);
	printf("};\nconst size_t nvb_page_file_count = %d;\n", argc - 1);
	return fflush(stdout) != 0;
}
