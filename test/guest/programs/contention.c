/*
 * Deletes under contention, and attacks on whoever watches.
 *
 *   contention crowd DIR THREADS FILES one|many [PAUSE]
 *                                THREADS threads delete FILES files each, at once: of DIR, or of a directory each, with a
 *                                pause of PAUSE microseconds after each file; one JSON line with their pid and number
 *   contention fail DIR COUNT    COUNT calls that fail: there is no such file; one JSON line with their pid and number
 *   contention rmdir DIR COUNT   removes COUNT directories; as above
 *   contention replace DIR COUNT renames COUNT files over another one; as above
 *   contention fail-renames DIR COUNT
 *                                COUNT renames over a file that fail: what would move is a directory; as above
 *   contention sleep COUNT       COUNT threads of nobody sleep in unlink(), all on the lock of one inode, of a tmpfs that no
 *                                other mount namespace has; says so in a JSON line, and ends them when standard input ends
 *   contention preempt DIR       on each processor two tasks that compute and two of nobody, of the policy SCHED_IDLE and
 *                                of nice 19, that delete files of DIR, so that they are preempted wherever that is
 *                                possible; as above
 *   contention devices DIR COUNT nobody makes COUNT file systems in a user namespace of their own, below DIR, and deletes a
 *                                file on each, at once; says so in a JSON line, and ends when standard input ends
 *   contention binds FROM DIR COUNT
 *                                binds the directory FROM to COUNT places below DIR; says so in a JSON line, and
 *                                unmounts them when standard input ends
 *   contention renames DIR       nobody renames a directory of DIR to and fro; as above
 *   contention fill              fills the newest map called "attempts"; one JSON line with its pid and how many were added
 *   contention update            two tasks that compute on each processor, and one that updates a BPF map in a tight loop
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
#define STACK_BYTES (64 * 1024)
#define HOGS_PER_CPU 2
#define MAX_CHILDREN 256
#define DEPTH 100

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0)
		err(1, "%s", path);
	close(fd);
}

static void make_directory(const char *path)
{
	if (mkdir(path, 0777) && errno != EEXIST)
		err(1, "%s", path);
}

static pthread_t start_thread(void *(*run)(void *), void *argument)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (pthread_create(&thread, &attributes, run, argument))
		err(1, "pthread_create");
	return thread;
}

static void wait_for_end_of_input(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static void become_nobody(void)
{
	/* The file system identity is that of each thread: no library call, which would change all of them. */
	if (syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) || syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY))
		err(1, "setresuid");
}

static pid_t children[MAX_CHILDREN];
static int child_count;

/* A child that ends with this process, see end_children(). */
static pid_t start_child(void)
{
	pid_t child = child_count < MAX_CHILDREN ? fork() : -1;

	if (child < 0)
		err(1, "fork");
	if (child == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	else
		children[child_count++] = child;
	return child;
}

/* A child that changed its identity lost PDEATHSIG, and one of SCHED_IDLE may not have run since. */
static void end_children(void)
{
	for (int i = 0; i < child_count; i++)
		kill(children[i], SIGKILL);
	for (int i = 0; i < child_count; i++)
		waitpid(children[i], NULL, 0);
}

static void stay_on(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		err(1, "sched_setaffinity");
}

static void start_hogs(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	for (int hog = 0; hog < cpus * HOGS_PER_CPU; hog++) {
		if (start_child() == 0) {
			stay_on(hog % cpus);
			for (volatile unsigned long turns = 0;; turns++)
				;
		}
	}
}

struct crowd {
	pthread_barrier_t barrier;
	char directory[4096];
	long files;
	bool many;
	/* Between two deletions of a thread. */
	long pause_us;
};

struct member {
	struct crowd *crowd;
	long number;
};

static void member_path(const struct member *member, long file, char *path, size_t bytes)
{
	const struct crowd *crowd = member->crowd;

	if (crowd->many)
		snprintf(path, bytes, "%s/d%ld/f%ld", crowd->directory, member->number, file);
	else
		snprintf(path, bytes, "%s/f%ld-%ld", crowd->directory, member->number, file);
}

static void *delete_files(void *argument)
{
	struct member *member = argument;
	char path[4200];

	pthread_barrier_wait(&member->crowd->barrier);
	for (long file = 0; file < member->crowd->files; file++) {
		member_path(member, file, path, sizeof(path));
		if (unlink(path))
			err(1, "%s", path);
		if (member->crowd->pause_us)
			usleep(member->crowd->pause_us);
	}
	return NULL;
}

static void run_crowd(const char *directory, long threads, long files, bool many, long pause_us)
{
	struct crowd crowd = { .files = files, .many = many, .pause_us = pause_us };
	struct member *members = calloc(threads, sizeof(*members));
	pthread_t *ids = calloc(threads, sizeof(*ids));
	char path[4200];

	snprintf(crowd.directory, sizeof(crowd.directory), "%s", directory);
	pthread_barrier_init(&crowd.barrier, NULL, threads);
	for (long i = 0; i < threads; i++) {
		members[i] = (struct member){ &crowd, i };
		if (many) {
			snprintf(path, sizeof(path), "%s/d%ld", directory, i);
			make_directory(path);
		}
		for (long file = 0; file < files; file++) {
			member_path(&members[i], file, path, sizeof(path));
			make_file(path);
		}
	}
	for (long i = 0; i < threads; i++)
		ids[i] = start_thread(delete_files, &members[i]);
	for (long i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	printf("{\"pid\":%d,\"count\":%ld}\n", getpid(), threads * files);
}

static void fail(const char *directory, long count)
{
	char path[4200];

	for (long i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/none%ld", directory, i);
		if (unlink(path) == 0 || errno != ENOENT)
			err(1, "%s", path);
	}
	printf("{\"pid\":%d,\"count\":%ld}\n", getpid(), count);
}

static void succeed(const char *directory, long count, bool renames)
{
	char from[4200], to[4200];

	snprintf(from, sizeof(from), "%s/from", directory);
	snprintf(to, sizeof(to), "%s/to", directory);
	for (long i = 0; i < count; i++) {
		if (renames) {
			make_file(from);
			make_file(to);
		} else {
			make_directory(to);
		}
		if (renames ? rename(from, to) : rmdir(to))
			err(1, "%s", to);
	}
	printf("{\"pid\":%d,\"count\":%ld}\n", getpid(), count);
}

static void fail_renames(const char *directory, long count)
{
	char from[4200], to[4200];

	snprintf(from, sizeof(from), "%s/directory", directory);
	snprintf(to, sizeof(to), "%s/file", directory);
	make_directory(from);
	make_file(to);
	for (long i = 0; i < count; i++)
		if (rename(from, to) == 0 || errno != ENOTDIR)
			err(1, "%s", to);
	printf("{\"pid\":%d,\"count\":%ld}\n", getpid(), count);
}

#define SLEEPERS_AT "/tmp/sleepers"

static void *hold_lock(void *page)
{
	int fd = open(SLEEPERS_AT "/file", O_WRONLY | O_CLOEXEC);

	/* The inode stays locked as long as the page is missing. */
	if (fd < 0 || write(fd, page, 1) != 1)
		err(1, "write");
	close(fd);
	return NULL;
}

static void *sleep_in_unlink(void *argument)
{
	char path[64];

	become_nobody();
	snprintf(path, sizeof(path), SLEEPERS_AT "/%ld/link", (long)argument);
	if (unlink(path))
		err(1, "%s", path);
	return NULL;
}

/* How many threads of this process sleep in a call that no signal ends. */
static long threads_asleep(long most)
{
	long asleep = 0;

	for (long tid = getpid(); tid <= getpid() + 2 * most + 64; tid++) {
		char path[64], state = 0;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", tid);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fscanf(file, "%*d (%*[^)]) %c", &state) == 1 && state == 'D')
			asleep++;
		fclose(file);
	}
	return asleep;
}

static void run_sleepers(long count)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register region = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_zeropage zero = { 0 };
	long page_bytes = sysconf(_SC_PAGESIZE);
	pthread_t holder, *threads = calloc(count, sizeof(*threads));
	int faults = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	struct pollfd fault = { .events = POLLIN };
	char path[64];
	void *page = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (faults < 0 || page == MAP_FAILED || ioctl(faults, UFFDIO_API, &api))
		err(1, "userfaultfd");
	region.range.start = zero.range.start = (unsigned long)page;
	region.range.len = zero.range.len = page_bytes;
	if (ioctl(faults, UFFDIO_REGISTER, &region))
		err(1, "UFFDIO_REGISTER");
	make_directory(SLEEPERS_AT);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("sleepers", SLEEPERS_AT, "tmpfs", 0, "mode=0777"))
		err(1, "mount");
	make_file(SLEEPERS_AT "/file");
	for (long i = 0; i < count; i++) {
		snprintf(path, sizeof(path), SLEEPERS_AT "/%ld", i);
		if (mkdir(path, 0777) || chmod(path, 0777))
			err(1, "%s", path);
		strcat(path, "/link");
		if (link(SLEEPERS_AT "/file", path))
			err(1, "%s", path);
	}
	holder = start_thread(hold_lock, page);
	fault.fd = faults;
	if (poll(&fault, 1, -1) != 1)
		err(1, "poll");
	for (long i = 0; i < count; i++)
		threads[i] = start_thread(sleep_in_unlink, (void *)i);
	while (threads_asleep(count) < count)
		usleep(10000);
	printf("{\"pid\":%d,\"asleep\":%ld}\n", getpid(), count);
	fflush(stdout);
	wait_for_end_of_input();
	if (ioctl(faults, UFFDIO_ZEROPAGE, &zero))
		err(1, "UFFDIO_ZEROPAGE");
	pthread_join(holder, NULL);
	for (long i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

/* Goes to a directory far below `path`: to walk up from there takes the programs longer than the call itself takes. */
static void go_deep(const char *path)
{
	make_directory(path);
	if (chdir(path))
		err(1, "%s", path);
	for (int depth = 0; depth < DEPTH; depth++) {
		make_directory("d");
		if (chdir("d"))
			err(1, "%s", path);
	}
}

static void run_preempt(const char *directory)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	/* The second one on each processor has a small share of it, which is some times that of SCHED_IDLE. */
	for (int i = 0; i < 2 * cpus; i++) {
		if (start_child() == 0) {
			struct sched_param parameters = { 0 };
			char path[4200];

			snprintf(path, sizeof(path), "%s/idle%d", directory, i);
			stay_on(i % cpus);
			become_nobody();
			go_deep(path);
			make_file("file");
			if (i < cpus ? sched_setscheduler(0, SCHED_IDLE, &parameters) : setpriority(PRIO_PROCESS, 0, 19))
				err(1, "policy");
			for (;;)
				if (link("file", "name") || unlink("name"))
					err(1, "%s", path);
		}
	}
	start_hogs();
	printf("{\"pid\":%d}\n", getpid());
	fflush(stdout);
	wait_for_end_of_input();
	end_children();
}

static void write_proc(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		err(1, "%s", path);
	close(fd);
}

static void run_devices(const char *directory, long count)
{
	char path[4200];

	become_nobody();
	/* Or its files in /proc belong to root. */
	if (prctl(PR_SET_DUMPABLE, 1) || unshare(CLONE_NEWUSER | CLONE_NEWNS))
		err(1, "unshare");
	write_proc("/proc/self/setgroups", "deny");
	write_proc("/proc/self/uid_map", "0 65534 1");
	write_proc("/proc/self/gid_map", "0 65534 1");
	for (long i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/device%ld", directory, i);
		make_directory(path);
		if (mount("device", path, "tmpfs", 0, "size=64k"))
			err(1, "%s", path);
		strcat(path, "/file");
		make_file(path);
	}
	for (long i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/device%ld/file", directory, i);
		if (unlink(path))
			err(1, "%s", path);
	}
	printf("{\"pid\":%d,\"count\":%ld}\n", getpid(), count);
	fflush(stdout);
	wait_for_end_of_input();
}

static void run_binds(const char *from, const char *directory, long count)
{
	char path[4200];

	for (long i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/bind%ld", directory, i);
		make_directory(path);
		if (mount(from, path, NULL, MS_BIND, NULL))
			err(1, "%s", path);
	}
	printf("{\"pid\":%d,\"count\":%ld}\n", getpid(), count);
	fflush(stdout);
	wait_for_end_of_input();
	for (long i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/bind%ld", directory, i);
		if (umount2(path, MNT_DETACH))
			err(1, "%s", path);
	}
}

static void run_update(void)
{
	struct {
		__u32 bits;
		__u8 bytes[4];
	} key = { 32, { 0 } };
	union bpf_attr create = {
		.map_type = BPF_MAP_TYPE_LPM_TRIE,
		.key_size = sizeof(key),
		.value_size = sizeof(__u32),
		.max_entries = 1024,
		.map_flags = BPF_F_NO_PREALLOC,
	};
	__u32 value = 1;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int map = syscall(SYS_bpf, BPF_MAP_CREATE, &create, sizeof(create));

	if (map < 0)
		err(1, "BPF_MAP_CREATE");
	for (int cpu = 0; cpu < cpus; cpu++) {
		if (start_child() == 0) {
			stay_on(cpu);
			for (;; key.bytes[0]++) {
				union bpf_attr update = {
					.map_fd = map,
					.key = (unsigned long)&key,
					.value = (unsigned long)&value,
				};

				if (syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &update, sizeof(update)))
					err(1, "BPF_MAP_UPDATE_ELEM");
			}
		}
	}
	start_hogs();
	printf("{\"pid\":%d}\n", getpid());
	fflush(stdout);
	wait_for_end_of_input();
	end_children();
}

/* The newest map of this name. */
static int map_called(const char *name, struct bpf_map_info *info)
{
	union bpf_attr next = { 0 };
	int newest = -1;

	for (; syscall(SYS_bpf, BPF_MAP_GET_NEXT_ID, &next, sizeof(next)) == 0; next.start_id = next.next_id) {
		union bpf_attr open = { .map_id = next.next_id }, ask = { 0 };
		struct bpf_map_info found = { 0 };
		int map = syscall(SYS_bpf, BPF_MAP_GET_FD_BY_ID, &open, sizeof(open));

		if (map < 0)
			continue;
		ask.info.bpf_fd = map;
		ask.info.info_len = sizeof(found);
		ask.info.info = (unsigned long)&found;
		if (syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &ask, sizeof(ask)) || strcmp(found.name, name)) {
			close(map);
			continue;
		}
		if (newest >= 0)
			close(newest);
		newest = map;
		*info = found;
	}
	if (newest < 0)
		errx(1, "there is no map called %s", name);
	return newest;
}

static void run_fill(void)
{
	struct bpf_map_info info = { 0 };
	int map = map_called("attempts", &info);
	/* Of a process that no kernel has: numbers end at 4,194,304. */
	unsigned long long key = 4194304ull << 32;
	void *value = calloc(1, info.value_size);
	union bpf_attr update = { .map_fd = map, .key = (unsigned long)&key, .value = (unsigned long)value };
	long count = 0;

	while (syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &update, sizeof(update)) == 0) {
		key++;
		count++;
	}
	if (errno != E2BIG)
		err(1, "BPF_MAP_UPDATE_ELEM");
	printf("{\"pid\":%d,\"count\":%ld}\n", getpid(), count);
}

static void run_renames(const char *directory)
{
	char here[4200], there[4200];

	snprintf(here, sizeof(here), "%s/here", directory);
	snprintf(there, sizeof(there), "%s/there", directory);
	make_directory(here);
	if (start_child() == 0) {
		become_nobody();
		for (;;)
			if (rename(here, there) || rename(there, here))
				err(1, "%s", here);
	}
	printf("{\"pid\":%d}\n", getpid());
	fflush(stdout);
	wait_for_end_of_input();
	end_children();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if ((argc == 6 || argc == 7) && !strcmp(what, "crowd"))
		run_crowd(argv[2], atol(argv[3]), atol(argv[4]), !strcmp(argv[5], "many"), argc == 7 ? atol(argv[6]) : 0);
	else if (argc == 4 && !strcmp(what, "fail"))
		fail(argv[2], atol(argv[3]));
	else if (argc == 4 && (!strcmp(what, "rmdir") || !strcmp(what, "replace")))
		succeed(argv[2], atol(argv[3]), !strcmp(what, "replace"));
	else if (argc == 4 && !strcmp(what, "fail-renames"))
		fail_renames(argv[2], atol(argv[3]));
	else if (argc == 3 && !strcmp(what, "sleep"))
		run_sleepers(atol(argv[2]));
	else if (argc == 3 && !strcmp(what, "preempt"))
		run_preempt(argv[2]);
	else if (argc == 4 && !strcmp(what, "devices"))
		run_devices(argv[2], atol(argv[3]));
	else if (argc == 5 && !strcmp(what, "binds"))
		run_binds(argv[2], argv[3], atol(argv[4]));
	else if (argc == 2 && !strcmp(what, "update"))
		run_update();
	else if (argc == 2 && !strcmp(what, "fill"))
		run_fill();
	else if (argc == 3 && !strcmp(what, "renames"))
		run_renames(argv[2]);
	else
		errx(2, "see the top of contention.c");
	return 0;
}
