/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Reads the kernel's structures: KERNEL_READ(pointer, member, ...) follows the members from pointer to pointer, as
 * BPF_CORE_READ() does. A bad pointer reads as zeros.
 *
 * a35b9af4ec2c ("bpf: Add a kfunc for generic type cast", 6.2) lets the verifier take any number for a pointer to a
 * structure that may be read and no more: loads then take the place of calls of a helper, of which a deletion needs
 * some forty. Pointers that were loaded so must not travel where the verifier wants numbers (arguments of functions
 * that are not static, arithmetic other than addition): through the memory of a map they become numbers again.
 */
#ifndef RMWATCH_KERNEL_READ_BPF_H
#define RMWATCH_KERNEL_READ_BPF_H

#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#ifdef RMWATCH_DIRECT_LOADS

extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym;

#define KERNEL_TYPED(pointer) ((typeof(pointer))bpf_rdonly_cast(pointer, bpf_core_type_id_kernel(typeof(*(pointer)))))
#define KERNEL_READ_2(pointer, a) (KERNEL_TYPED(pointer)->a)
#define KERNEL_READ_3(pointer, a, b) (KERNEL_TYPED(pointer)->a->b)
#define KERNEL_READ_4(pointer, a, b, c) (KERNEL_TYPED(pointer)->a->b->c)
#define KERNEL_READ_5(pointer, a, b, c, d) (KERNEL_TYPED(pointer)->a->b->c->d)
#define KERNEL_READ_COUNTED(_1, _2, _3, _4, _5, name, ...) name
#define KERNEL_READ(...)                                                                                               \
	KERNEL_READ_COUNTED(__VA_ARGS__, KERNEL_READ_5, KERNEL_READ_4, KERNEL_READ_3, KERNEL_READ_2, )(__VA_ARGS__)

#else

#define KERNEL_READ(...) BPF_CORE_READ(__VA_ARGS__)

#endif

#endif
