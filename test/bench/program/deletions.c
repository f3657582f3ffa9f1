/*
 * Deletes files as fast as it can, and says how long that took.
 *
 *   deletions loop DIR COUNT PROCESSES   COUNT files, by so many processes, each on one CPU and in its own DIR/N
 *   deletions tree DIR COUNT PER         COUNT files, PER in each DIR/N, by one "rm -rf DIR"
 *
 * The directories DIR/0, DIR/1, ... are there already. Files are made first, which is not timed; then it says "ready"
 * and waits for a line on stdin. The result is one line of JSON: who deleted, how many names, the nanoseconds from the
 * first deletion to the last, and the CPU time that the deleting processes spent.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_PROCESSES 64
#define DIGITS 8

struct timing {
	pid_t pid;
	long began, ended, cpu;
};

static long nanoseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* Of fixed width, written in place: formatting must not be what is timed. */
static void write_number(char *digits, unsigned long number)
{
	for (int at = DIGITS - 1; at >= 0; at--, number /= 10)
		digits[at] = '0' + number % 10;
}

static void make_files(const char *directory, unsigned long count)
{
	char path[PATH_MAX];
	char *digits = path + snprintf(path, sizeof(path) - DIGITS - 1, "%s/", directory);

	for (unsigned long number = 0; number < count; number++) {
		int fd;

		write_number(digits, number);
		digits[DIGITS] = '\0';
		fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		if (fd < 0)
			err(1, "%s", path);
		close(fd);
	}
}

static void delete_files(const char *directory, unsigned long count)
{
	char path[PATH_MAX];
	char *digits = path + snprintf(path, sizeof(path) - DIGITS - 1, "%s/", directory);

	for (unsigned long number = 0; number < count; number++) {
		write_number(digits, number);
		digits[DIGITS] = '\0';
		if (unlink(path))
			err(1, "%s", path);
	}
}

/* From the last of the CPUs that this process may use downwards: the first one takes most interrupts. */
static void pin(int process)
{
	cpu_set_t usable, one;
	int skip;

	if (sched_getaffinity(0, sizeof(usable), &usable))
		err(1, "sched_getaffinity");
	skip = process % CPU_COUNT(&usable);
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) {
		if (!CPU_ISSET(cpu, &usable) || skip-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		break;
	}
	if (sched_setaffinity(0, sizeof(one), &one))
		err(1, "sched_setaffinity");
}

static void wait_for_children(void)
{
	int status;

	while (wait(&status) > 0) {
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			errx(1, "a process failed");
	}
}

/* Tells the caller that everything is prepared, and waits for its word. */
static void wait_for_word(void)
{
	puts("ready");
	fflush(stdout);
	if (getchar() == EOF)
		exit(1);
}

static void loop_process(const char *parent, unsigned long count, int process, int made, int go, struct timing *timing)
{
	char directory[PATH_MAX], byte = 0;
	long cpu;

	pin(process);
	snprintf(directory, sizeof(directory), "%s/%d", parent, process);
	make_files(directory, count);
	if (write(made, &byte, 1) != 1 || read(go, &byte, 1) != 0)
		err(1, "pipe");
	cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
	timing->pid = getpid();
	timing->began = nanoseconds(CLOCK_MONOTONIC);
	delete_files(directory, count);
	timing->ended = nanoseconds(CLOCK_MONOTONIC);
	timing->cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	exit(0);
}

static void loop(const char *directory, unsigned long count, int processes, struct timing *timings)
{
	int made[2], go[2];
	char byte;

	/* Children see the end of `go` when the parent closes it. */
	if (pipe2(made, O_CLOEXEC) || pipe2(go, O_CLOEXEC))
		err(1, "pipe");
	for (int process = 0; process < processes; process++) {
		pid_t child = fork();

		if (child < 0)
			err(1, "fork");
		if (child == 0) {
			close(go[1]);
			loop_process(directory, count / processes, process, made[1], go[0], &timings[process]);
		}
	}
	close(made[1]);
	for (int process = 0; process < processes; process++) {
		if (read(made[0], &byte, 1) != 1)
			errx(1, "a process failed");
	}
	wait_for_word();
	close(go[1]);
	wait_for_children();
}

static void tree(const char *parent, unsigned long count, unsigned long per, struct timing *timing)
{
	char directory[PATH_MAX];
	struct rusage usage;
	pid_t child;
	int status;

	for (unsigned long number = 0; number * per < count; number++) {
		snprintf(directory, sizeof(directory), "%s/%lu", parent, number);
		make_files(directory, per);
	}
	wait_for_word();
	timing->began = nanoseconds(CLOCK_MONOTONIC);
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		execl("/bin/rm", "rm", "-rf", parent, NULL);
		err(1, "rm");
	}
	if (wait4(child, &status, 0, &usage) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
		errx(1, "rm failed");
	timing->ended = nanoseconds(CLOCK_MONOTONIC);
	timing->pid = child;
	timing->cpu = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000L +
		      (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000L;
}

static void report(unsigned long deletions, const struct timing *timings, int processes)
{
	long began = LONG_MAX, ended = 0, cpu = 0;

	printf("{\"deletions\":%lu,\"pids\":[", deletions);
	for (int process = 0; process < processes; process++) {
		printf("%s%d", process ? "," : "", timings[process].pid);
		began = timings[process].began < began ? timings[process].began : began;
		ended = timings[process].ended > ended ? timings[process].ended : ended;
		cpu += timings[process].cpu;
	}
	printf("],\"wallNs\":%ld,\"cpuNs\":%ld}\n", ended - began, cpu);
}

int main(int argc, char **argv)
{
	struct timing *timings;
	unsigned long count, last;

	if (argc != 5)
		errx(2, "usage: deletions loop DIR COUNT PROCESSES | deletions tree DIR COUNT PER");
	count = strtoul(argv[3], NULL, 10);
	last = strtoul(argv[4], NULL, 10);
	if (last == 0 || count < last)
		errx(2, "COUNT must not be smaller than what follows it, and that not 0");
	count -= count % last;
	timings =
		mmap(NULL, MAX_PROCESSES * sizeof(*timings), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (timings == MAP_FAILED)
		err(1, "mmap");
	if (!strcmp(argv[1], "tree")) {
		tree(argv[2], count, last, timings);
		/* With the directories, and that which held them. */
		report(count + count / last + 1, timings, 1);
	} else {
		if (last > MAX_PROCESSES)
			errx(2, "at most %d processes", MAX_PROCESSES);
		loop(argv[2], count, last, timings);
		report(count, timings, last);
	}
	return 0;
}
