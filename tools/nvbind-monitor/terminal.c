/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <curses.h>
#include <term.h> /* whose macros take words like "lines": apart from everything else */

bool screen_is_possible(void);

bool screen_is_possible(void)
{
	const char *name = getenv("TERM");
	bool possible;
	int error;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || !name || !*name ||
		setupterm(name, STDOUT_FILENO, &error) != OK)
		return false;
	/* Without moving the cursor there is no screen ("dumb"). */
	possible = cursor_address && clear_screen;
	del_curterm(cur_term);
	return possible;
}
