/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the verifier needs to be told, and how. */
#ifndef RMWATCH_VERIFIER_BPF_H
#define RMWATCH_VERIFIER_BPF_H

#include <stdbool.h>

#include <bpf/bpf_helpers.h>

/*
 * True when least <= value <= most. The 5.10 verifier learns bounds only from comparisons of the very register
 * that is used afterwards; left alone, clang merges the two into one subtraction and comparison of a copy.
 */
#define BOUNDED(value, least, most)                                                                                    \
	({                                                                                                             \
		bool bounded = false;                                                                                  \
		barrier_var(value);                                                                                    \
		if ((value) >= (least)) {                                                                              \
			barrier_var(value);                                                                            \
			if ((value) <= (most)) {                                                                       \
				barrier_var(value);                                                                    \
				bounded = true;                                                                        \
			}                                                                                              \
		}                                                                                                      \
		bounded;                                                                                               \
	})

/*
 * Functions that are not static are verified once, on their own, whatever their callers know: inlined, the walks
 * of a path would be simulated again for every way that leads to them, beyond the verifier's million
 * instructions. Before 5.12 such functions take numbers only, so slots travel as indexes.
 */
#define GLOBAL_FUNCTION __attribute__((noinline))

#endif
