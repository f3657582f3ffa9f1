/*
 * Deletes the file that its first argument names, and exits with the error, or 0. With WRITTEN, it writes that over the
 * number of its arguments before. Without a C library, since few machines have one for 32-bit programs; for x86.
 */
#ifdef __x86_64__
#define SYS_UNLINK 87
#define SYS_EXIT_GROUP 231
#else
#define SYS_UNLINK 10
#define SYS_EXIT_GROUP 252
#endif

static long call(long number, long argument)
{
	long result;

#ifdef __x86_64__
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(argument) : "rcx", "r11", "memory");
#else
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(argument) : "memory");
#endif
	return result;
}

__attribute__((used, noreturn)) static void start(volatile long *stack)
{
#ifdef WRITTEN
	stack[0] = WRITTEN;
#endif
	/* The number, the program, its first argument. */
	call(SYS_EXIT_GROUP, -call(SYS_UNLINK, stack[2]));
	__builtin_unreachable();
}

__attribute__((naked, noreturn)) void _start(void)
{
#ifdef __x86_64__
	__asm__ volatile("mov %rsp, %rdi\n\tcall start");
#else
	__asm__ volatile("mov %esp, %eax\n\tpush %eax\n\tcall start");
#endif
}
