/*
 * shared-base dup|chdir WATCHED OTHER COUNT
 *
 * One thread removes COUNT files of WATCHED by a relative name, while another one lets the directory that the name starts
 * from be WATCHED and OTHER in turn: what a descriptor stands for, or the working directory.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BASE 200

static int directories[2];
static bool by_descriptor;
static volatile bool over;

static void *change_base(void *unused)
{
	(void)unused;
	for (unsigned int turn = 0; !over; turn++) {
		if (by_descriptor ? dup2(directories[turn & 1], BASE) < 0 : fchdir(directories[turn & 1]))
			err(1, "change the base");
	}
	return NULL;
}

static int opened(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

int main(int count, char **arguments)
{
	pthread_t thread;

	if (count != 5)
		errx(2, "usage: shared-base dup|chdir WATCHED OTHER COUNT");
	by_descriptor = !strcmp(arguments[1], "dup");
	directories[0] = opened(arguments[2]);
	directories[1] = opened(arguments[3]);
	if (dup2(directories[0], BASE) < 0 || pthread_create(&thread, NULL, change_base, NULL))
		err(1, "start");
	for (int left = atoi(arguments[4]); left; left--) {
		int file = openat(directories[0], "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

		if (file < 0)
			err(1, "file");
		close(file);
		/* Until the base is the right one. */
		while (unlinkat(by_descriptor ? BASE : AT_FDCWD, "file", 0))
			if (errno != ENOENT)
				err(1, "unlinkat");
	}
	over = true;
	pthread_join(thread, NULL);
	return 0;
}
