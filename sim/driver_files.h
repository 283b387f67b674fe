/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_DRIVER_FILES_H
#define SIM_DRIVER_FILES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What an installed driver consists of, as tables. SONAMEs, dependencies and the 32-bit set are those of
 * Debian's packages of 550.163.01, compared file by file; what those packages leave out follows NVIDIA's
 * installer, and from which branch on a library exists is known only roughly. In texts, %V stands for the
 * driver's version.
 */
enum sim_library_flag {
	SIM_LIB_32 = 1u << 0,	      /* there is a 32-bit one as well */
	SIM_LIB_DEV_LINK = 1u << 1,   /* lib<x>.so beside lib<x>.so.1 */
	SIM_LIB_NOT_SERVER = 1u << 2, /* absent where only compute packages are installed */
	SIM_LIB_REAL = 1u << 3,	      /* a simulated library of our own stands behind it */
};

struct sim_library {
	const char *name;   /* "libcuda": files are <directory><name>.so.<version> */
	const char *soname; /* number behind ".so." of its SONAME; NULL: the version itself */
	unsigned flags;
	const char *directory;	/* below the library directory, with a slash at the end; NULL */
	const char *version;	/* its own version, or NULL for the driver's */
	const char *needed[4];	/* names of other libraries of this table */
	uint32_t since, before; /* driver branches that have it (560: from 560 on); 0: all */
};
extern const struct sim_library sim_libraries[]; /* ends with a NULL name */

/* Files that are no libraries. */
enum sim_place {
	SIM_PLACE_SHARE,
	SIM_PLACE_ETC,
	SIM_PLACE_PROGRAMS,
	SIM_PLACE_LIBRARIES, /* beside libcuda */
	SIM_PLACE_XORG,
	SIM_PLACE_FIRMWARE,
};

enum sim_content {
	SIM_CONTENT_TEXT,    /* `text` */
	SIM_CONTENT_BINARY,  /* a few bytes that begin with `text` */
	SIM_CONTENT_PROGRAM, /* says that it is simulated, exits 1 */
	SIM_CONTENT_MODULE,  /* a shared object without SONAME */
	SIM_CONTENT_LINK,    /* link to `text` */
	SIM_CONTENT_REAL,    /* a simulated program of our own, by its name */
};

struct sim_file {
	enum sim_place place;
	const char *path;
	enum sim_content content;
	const char *text;
	uint32_t since, before;
	bool graphics; /* absent where only compute packages are installed */
	bool setuid;
};
extern const struct sim_file sim_files[]; /* ends with a NULL path */

/* The Windows driver store as WSL2 shows it, and what of it /usr/lib/wsl/lib holds. */
struct sim_wsl_file {
	const char *name;
	const char *soname; /* NULL: not a library; `content` says what */
	enum sim_content content;
	bool store;	  /* in the driver store */
	const char *link; /* name of a link to it in /usr/lib/wsl/lib, or NULL */
	bool library;	  /* a copy in /usr/lib/wsl/lib */
	const char *real; /* the simulated library behind it ("libcuda") or NULL */
};
extern const struct sim_wsl_file sim_wsl_files[]; /* ends with a NULL name */

#endif
