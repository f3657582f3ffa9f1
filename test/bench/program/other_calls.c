/*
 * What a system call costs that deletes nothing: other_calls COUNT
 *
 * Prints the CPU nanoseconds of one getppid(2), the mean of COUNT calls.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int argc, char **argv)
{
	long count = argc == 2 ? atol(argv[1]) : 0;
	double began;

	if (count < 1)
		errx(2, "usage: other_calls COUNT");
	began = now();
	for (long i = 0; i < count; i++)
		syscall(SYS_getppid);
	printf("%.1f\n", (now() - began) / count);
	return 0;
}
