/*
 * Makes files and deletes them at full speed, and says what it did.
 *
 *   deleter basic DIR          one deletion by each way to name a file; a JSON line for each
 *   deleter burst DIR COUNT    COUNT files DIR/f0, f1, ...; one JSON line with its pid and how long the deletions took
 *   deleter paced DIR RATE SECONDS   makes and deletes RATE files a second; one JSON line with its pid and their number
 *   deleter each DIR COUNT PROGRAM...   COUNT processes that delete one file each: three of four run the next of the
 *                              programs as "PROGRAM NAME", which deletes its argument; a JSON line for each
 *   deleter one-pid DIR COUNT PROGRAM...   the same, all with the same process id
 *   deleter frozen DIR COUNT   COUNT processes at once that delete one file each, all of them asleep inside the call for
 *                              a while: the filesystem is frozen
 *   deleter queue DIR NAME     makes a message queue, fails to unlink DIR/NAME as another user, and removes it by
 *                              mq_unlink as itself; DIR is where the queues are mounted
 *   deleter exchange A B       deletes nothing: exchanges the two names
 *   deleter casefold DIR       deletes nothing: names in the empty directory are found whatever their case from now on
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OTHER_USER 1000

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		err(1, "%s", path);
	close(fd);
}

static void tell(const char *dir, const char *name, const char *typed)
{
	printf("{\"path\":\"%s/%s\",\"requested\":\"%s\",\"pid\":%d}\n", dir, name, typed, getpid());
}

static void basic(const char *dir)
{
	char path[4096];
	int fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	snprintf(path, sizeof(path), "%s/absolute", dir);
	make_file(path);
	if (unlink(path))
		err(1, "%s", path);
	tell(dir, "absolute", path);

	if (chdir(dir))
		err(1, "%s", dir);
	make_file("relative");
	if (unlink("relative"))
		err(1, "relative");
	tell(dir, "relative", "relative");

	if (chdir("/"))
		err(1, "/");
	if (fchdir(fd))
		err(1, "fchdir");
	make_file("dirfd");
	if (chdir("/"))
		err(1, "/");
	if (unlinkat(fd, "dirfd", 0))
		err(1, "dirfd");
	tell(dir, "dirfd", "dirfd");
}

static void burst(const char *dir, long count)
{
	struct timespec begin, end;
	char name[64];

	if (chdir(dir))
		err(1, "%s", dir);
	for (long i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "f%ld", i);
		make_file(name);
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (long i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "f%ld", i);
		if (unlink(name))
			err(1, "%s", name);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("{\"pid\":%d,\"count\":%ld,\"nanoseconds\":%lld}\n", getpid(), count,
	       (end.tv_sec - begin.tv_sec) * 1000000000ll + end.tv_nsec - begin.tv_nsec);
}

static void paced(const char *dir, long rate, long seconds)
{
	struct timespec next;
	long done = 0;

	if (chdir(dir))
		err(1, "%s", dir);
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (long tick = 1; tick <= seconds * 1000; tick++) {
		for (; done < rate * tick / 1000; done++) {
			make_file("paced");
			if (unlink("paced"))
				err(1, "paced");
		}
		next.tv_nsec += 1000000;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	printf("{\"pid\":%d,\"count\":%ld}\n", getpid(), done);
}

static long long nanoseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* A copy of this process with the given process id, which must be free. */
static pid_t fork_as(pid_t pid)
{
	struct clone_args arguments = {
		.exit_signal = SIGCHLD,
		.set_tid = (unsigned long)&pid,
		.set_tid_size = 1,
	};

	return syscall(SYS_clone3, &arguments, sizeof(arguments));
}

/*
 * Starts a process that deletes the file; with the given process id unless that is 0 or somebody else's by now. vfork:
 * copying the memory of the parent would take longer than all the rest.
 */
static pid_t start(char *program, char *name, pid_t pid)
{
	char *arguments[] = { program, name, NULL }, *environment[] = { NULL };
	pid_t child = pid ? fork_as(pid) : vfork();

	if (child < 0 && pid && errno == EEXIST)
		child = vfork();
	if (child < 0)
		err(1, "fork");
	if (child > 0)
		return child;
	if (!program)
		_exit(unlink(name) ? 1 : 0);
	execve(program, arguments, environment);
	_exit(1);
}

static void each(const char *dir, long count, char **programs, bool one_pid)
{
	long last = 0, next = 0;
	pid_t child = 0;

	while (programs[last])
		last++;
	if (chdir(dir))
		err(1, "%s", dir);
	for (long i = 0; i < count; i++) {
		char *program = i % 4 == 3 ? NULL : programs[next++ % last];
		long long since, until;
		char name[64];
		int status;

		snprintf(name, sizeof(name), "p%ld", i);
		make_file(name);
		since = nanoseconds_now();
		child = start(program, name, one_pid ? child : 0);
		until = nanoseconds_now();
		if (waitpid(child, &status, 0) != child || status)
			errx(1, "%s: status %d", name, status);
		printf("{\"name\":\"%s\",\"pid\":%d,\"since\":\"%lld\",\"until\":\"%lld\"", name, child, since, until);
		if (program)
			printf(",\"program\":\"%s\"", program);
		puts("}");
	}
}

static void frozen(const char *dir, long count)
{
	pid_t *children = calloc(count, sizeof(*children));
	int fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	char name[64];

	if (fd < 0 || !children || fchdir(fd))
		err(1, "%s", dir);
	for (long i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "z%ld", i);
		make_file(name);
	}
	sync();
	if (ioctl(fd, FIFREEZE, 0))
		err(1, "freeze %s", dir);
	for (long i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "z%ld", i);
		children[i] = fork();
		if (children[i] == 0)
			_exit(unlink(name) ? 1 : 0);
	}
	sleep(2);
	if (ioctl(fd, FITHAW, 0))
		err(1, "thaw %s", dir);
	for (long i = 0; i < count; i++) {
		int status;

		waitpid(children[i], &status, 0);
		if (status)
			errx(1, "child %ld: status %d", i, status);
		printf("{\"path\":\"%s/z%ld\",\"pid\":%d}\n", dir, i, children[i]);
	}
}

static void queue(const char *dir, const char *name)
{
	char path[4096];
	int fd = (int)syscall(SYS_mq_open, name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL);

	if (fd < 0)
		err(1, "mq_open %s", name);
	close(fd);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (seteuid(OTHER_USER) || !unlink(path) || errno != EPERM)
		err(1, "%s was to be kept", path);
	if (seteuid(0) || syscall(SYS_mq_unlink, name))
		err(1, "mq_unlink %s", name);
}

static void exchange(const char *one, const char *other)
{
	if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE))
		err(1, "exchange %s", one);
}

static void casefold(const char *dir)
{
	int fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	int flags;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags))
		err(1, "%s", dir);
	flags |= FS_CASEFOLD_FL;
	if (ioctl(fd, FS_IOC_SETFLAGS, &flags))
		err(1, "casefold %s", dir);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "basic"))
		basic(argv[2]);
	else if (argc >= 4 && !strcmp(argv[1], "burst"))
		burst(argv[2], atol(argv[3]));
	else if (argc >= 5 && !strcmp(argv[1], "paced"))
		paced(argv[2], atol(argv[3]), atol(argv[4]));
	else if (argc >= 5 && !strcmp(argv[1], "each"))
		each(argv[2], atol(argv[3]), argv + 4, false);
	else if (argc >= 5 && !strcmp(argv[1], "one-pid"))
		each(argv[2], atol(argv[3]), argv + 4, true);
	else if (argc >= 4 && !strcmp(argv[1], "frozen"))
		frozen(argv[2], atol(argv[3]));
	else if (argc >= 4 && !strcmp(argv[1], "queue"))
		queue(argv[2], argv[3]);
	else if (argc >= 4 && !strcmp(argv[1], "exchange"))
		exchange(argv[2], argv[3]);
	else if (argc >= 3 && !strcmp(argv[1], "casefold"))
		casefold(argv[2]);
	else
		errx(2, "usage: deleter basic|burst|paced|each|one-pid|frozen DIR [COUNT|RATE SECONDS] [PROGRAM...]");
	return 0;
}
