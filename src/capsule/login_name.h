/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_LOGIN_NAME_H
#define NVB_CAPSULE_LOGIN_NAME_H

#include <sys/types.h>

/*
 * The name of a user of the host, under which /etc/subuid may list him; malloc'd, or NULL. Not getpwuid(): in
 * a static program it loads modules of the C library that was there at the build. Users from directory
 * services are told by getent(1).
 */
char *nvb_login_name(uid_t uid);

#endif
