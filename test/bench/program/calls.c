/*
 * How long one call takes: calls DIR AWAY ROUNDS COUNT
 *
 * In each round COUNT files of DIR are removed, COUNT files are replaced by a rename within DIR, COUNT renames within DIR
 * replace nothing, COUNT more lead to the directory AWAY, COUNT lead from there over files of DIR, and COUNT removals
 * fail because there is no such file. The result is one line of JSON: for each kind of call the nanoseconds of one call in
 * the fastest round. In a guest that counts instructions instead of time, one nanosecond is one instruction.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LONGEST 1024

static char path[3][LONGEST][PATH_MAX];

static void make_files(int which, long count)
{
	for (long i = 0; i < count; i++) {
		int fd = open(path[which][i], O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

		if (fd < 0)
			err(1, "%s", path[which][i]);
		close(fd);
	}
}

static long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

static void keep_least(double *least, long began, long count)
{
	double took = (double)(now() - began) / count;

	if (*least == 0 || took < *least)
		*least = took;
}

int main(int argc, char **argv)
{
	long rounds = argc == 5 ? atol(argv[3]) : 0, count = argc == 5 ? atol(argv[4]) : 0, began;
	double unlinked = 0, replaced = 0, renamed = 0, moved = 0, across = 0, failed = 0;

	if (rounds < 1 || count < 1 || count > LONGEST)
		errx(2, "usage: calls DIR AWAY ROUNDS COUNT, of at most %d calls", LONGEST);
	for (int which = 0; which < 2; which++)
		for (long i = 0; i < count; i++)
			snprintf(path[which][i], PATH_MAX, "%s/%c%ld", argv[1], 'a' + which, i);
	for (long i = 0; i < count; i++)
		snprintf(path[2][i], PATH_MAX, "%s/%ld", argv[2], i);
	for (long round = 0; round < rounds; round++) {
		make_files(0, count);
		began = now();
		for (long i = 0; i < count; i++)
			if (unlink(path[0][i]))
				err(1, "%s", path[0][i]);
		keep_least(&unlinked, began, count);
		began = now();
		for (long i = 0; i < count; i++)
			if (unlink(path[0][i]) == 0)
				errx(1, "%s was there", path[0][i]);
		keep_least(&failed, began, count);
		make_files(0, count);
		began = now();
		for (long i = 0; i < count; i++)
			if (rename(path[0][i], path[1][i]))
				err(1, "%s", path[0][i]);
		keep_least(&renamed, began, count);
		make_files(0, count);
		began = now();
		for (long i = 0; i < count; i++)
			if (rename(path[0][i], path[1][i]))
				err(1, "%s", path[0][i]);
		keep_least(&replaced, began, count);
		began = now();
		for (long i = 0; i < count; i++)
			if (rename(path[1][i], path[2][i]))
				err(1, "%s", path[1][i]);
		keep_least(&moved, began, count);
		make_files(1, count);
		began = now();
		for (long i = 0; i < count; i++)
			if (rename(path[2][i], path[1][i]))
				err(1, "%s", path[2][i]);
		keep_least(&across, began, count);
		for (long i = 0; i < count; i++)
			unlink(path[1][i]);
	}
	printf("{\"unlink\":%.0f,\"replace\":%.0f,\"rename\":%.0f,\"move\":%.0f,\"replaceAcross\":%.0f,\"failed\":%.0f}\n",
	       unlinked, replaced, renamed, moved, across, failed);
	return 0;
}
