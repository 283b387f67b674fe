/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/smi/smi.h"

/*
 * This program is carried into containers whose C library may be older than the one it was built with. The
 * usual start-up code and dlopen would then ask for symbol versions of glibc 2.34; the older ones do the same
 * and are there in every glibc. On other machines the program needs a C library as new as its builder's.
 */
#if defined(__x86_64__) && defined(__GLIBC__)
__asm__(".symver __libc_start_main, __libc_start_main@GLIBC_2.2.5");

/* x86-64 psABI 3.4.1: at entry rdx holds what the loader wants called at exit, the stack argc and argv. */
__asm__(".text\n"
	".globl _start\n"
	".type _start, @function\n"
	"_start:\n"
	"	xorl %ebp, %ebp\n"
	"	movq %rdx, %r9\n"
	"	popq %rsi\n"
	"	movq %rsp, %rdx\n"
	"	andq $-16, %rsp\n"
	"	pushq %rax\n"
	"	pushq %rsp\n"
	"	xorl %r8d, %r8d\n"
	"	xorl %ecx, %ecx\n"
	"	leaq main(%rip), %rdi\n"
	"	call *__libc_start_main@GOTPCREL(%rip)\n"
	"	hlt\n");
#endif
