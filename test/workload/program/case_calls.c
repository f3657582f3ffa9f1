/* Every system call, with every outcome of rename() that matters. */
#include "workload.h"

#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void run_unlink(void)
{
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "file");
}

static void run_unlinkat(void)
{
	make_file("file");
	ATTEMPT(.call = UNLINKAT, .typed = "file");
	make_directory("directory");
	make_file("directory/file");
	ATTEMPT(.call = UNLINKAT, .dfd = open_directory("directory"), .typed = "file");
}

static void run_unlinkat_removedir(void)
{
	make_directory("directory");
	ATTEMPT(.call = UNLINKAT_REMOVEDIR, .typed = "directory");
	make_directory("parent");
	make_directory("parent/directory");
	ATTEMPT(.call = UNLINKAT_REMOVEDIR, .dfd = open_directory("parent"), .typed = "directory");
}

static void run_rmdir(void)
{
	make_directory("directory");
	ATTEMPT(.call = RMDIR, .typed = "directory");
}

static void run_replace(void)
{
	make_file("from");
	make_sized_file("to", 100);
	ATTEMPT(.call = RENAME, .from = "from", .typed = "to");

	make_directory("a");
	make_directory("b");
	make_file("a/from");
	make_sized_file("b/to", 200);
	ATTEMPT(.call = RENAMEAT, .old_dfd = open_directory("a"), .from = "from", .dfd = open_directory("b"), .typed = "to");

	make_file("a/from");
	make_sized_file("c", 300);
	ATTEMPT(.call = RENAMEAT2, .old_dfd = open_directory("a"), .from = "from", .typed = "c");
}

static void run_replace_directory(void)
{
	make_directory("from");
	make_file("from/kept");
	make_directory("to");
	ATTEMPT(.call = RENAME, .from = "from", .typed = "to");
}

static void run_replace_types(void)
{
	make_link("nowhere", "symlink");
	make_file("file");
	ATTEMPT(.call = RENAME, .from = "symlink", .typed = "file");
	make_file("other");
	ATTEMPT(.call = RENAME, .from = "other", .typed = "file");
	MUST(mkfifo("fifo", 0600) == 0);
	ATTEMPT(.call = RENAMEAT2, .from = "file", .typed = "fifo");
}

static void run_replace_whiteout(void)
{
	make_file("from");
	make_file("to");
	/* Some filesystems cannot leave a whiteout. */
	if (syscall(SYS_renameat2, AT_FDCWD, "from", AT_FDCWD, "probe", RENAME_WHITEOUT))
		skip("RENAME_WHITEOUT: %s", strerror(errno));
	ATTEMPT(.call = RENAMEAT2, .from = "probe", .typed = "to", .flags = RENAME_WHITEOUT);
}

static void run_rename_nothing(void)
{
	make_file("a");
	make_file("b");
	ATTEMPT(.call = RENAME, .from = "a", .typed = "moved", .expect = EXPECT_NOTHING);
	ATTEMPT(.call = RENAMEAT2, .from = "moved", .typed = "b", .flags = RENAME_EXCHANGE, .expect = EXPECT_NOTHING);
	ATTEMPT(.call = RENAMEAT2, .from = "moved", .typed = "b", .flags = RENAME_NOREPLACE, .want = EEXIST,
		.expect = EXPECT_NOTHING);
	ATTEMPT(.call = RENAMEAT2, .from = "moved", .typed = "new", .flags = RENAME_NOREPLACE, .expect = EXPECT_NOTHING);
	ATTEMPT(.call = RENAME, .from = "missing", .typed = "b", .want = ENOENT, .expect = EXPECT_NOTHING);
	ATTEMPT(.call = RENAME, .from = "b", .typed = "b", .expect = EXPECT_NOTHING);
	MUST(link("b", "second") == 0);
	ATTEMPT(.call = RENAME, .from = "b", .typed = "second", .expect = EXPECT_NOTHING);
	make_directory("directory");
	make_directory("other");
	make_file("other/file");
	ATTEMPT(.call = RENAMEAT2, .from = "directory", .typed = "other", .flags = RENAME_EXCHANGE,
		.expect = EXPECT_NOTHING);
	ATTEMPT(.call = RENAMEAT2, .from = "directory", .typed = "second", .flags = RENAME_EXCHANGE,
		.expect = EXPECT_NOTHING);
}

static void run_rename_across(void)
{
	make_directory("mounted");
	mount_tmpfs("mounted");
	make_file("file");
	make_file("mounted/file");
	ATTEMPT(.call = RENAME, .from = "file", .typed = "mounted/file", .want = EXDEV, .expect = EXPECT_NOTHING);
}

static void run_rename_fails(void)
{
	make_directory("full");
	make_file("full/file");
	make_directory("directory");
	make_file("file");
	ATTEMPT(.call = RENAME, .from = "directory", .typed = "full", .want = ENOTEMPTY, .finds_victim = true);
	ATTEMPT(.call = RENAME, .from = "file", .typed = "directory", .want = EISDIR, .finds_victim = true);
	ATTEMPT(.call = RENAMEAT2, .from = "directory", .typed = "file", .want = ENOTDIR, .finds_victim = true);
	make_directory("mounted");
	make_directory("hidden");
	struct stat hidden;
	MUST(stat("mounted", &hidden) == 0);
	mount_tmpfs("mounted");
	ATTEMPT(.call = RENAME, .from = "hidden", .typed = "mounted", .want = EBUSY, .finds_victim = true, .victim = &hidden);
}

/* By every call of a kind, of which `first` is the first in enum call. */
static void make_all(enum call first)
{
	enum call call_unlink = first, call_unlinkat = first + 1, call_removedir = first + 2, call_rmdir = first + 3;
	enum call call_rename = first + 4, call_renameat = first + 5, call_renameat2 = first + 6;
	int directory;

	make_directory("directory");
	directory = open_directory("directory");
	make_file("file");
	ATTEMPT(.call = call_unlink, .typed = "file");
	make_file("directory/file");
	ATTEMPT(.call = call_unlinkat, .dfd = directory, .typed = "file");
	make_file("file");
	ATTEMPT(.call = call_unlinkat, .typed = "file");
	make_directory("directory/inner");
	ATTEMPT(.call = call_removedir, .dfd = directory, .typed = "inner");
	make_directory("inner");
	ATTEMPT(.call = call_rmdir, .typed = "inner");
	make_file("from");
	make_file("to");
	ATTEMPT(.call = call_rename, .from = "from", .typed = "to");
	make_file("from");
	make_file("directory/to");
	ATTEMPT(.call = call_renameat, .from = "from", .dfd = directory, .typed = "to");
	make_file("directory/from");
	ATTEMPT(.call = call_renameat2, .old_dfd = directory, .from = "from", .typed = "to");
	ATTEMPT(.call = call_renameat2, .from = "to", .typed = "moved", .flags = RENAME_NOREPLACE, .expect = EXPECT_NOTHING);
	ATTEMPT(.call = call_unlink, .typed = "missing", .want = ENOENT);
	ATTEMPT(.call = call_rmdir, .typed = "moved", .want = ENOTDIR, .finds_victim = true);
	ATTEMPT(.call = call_unlink, .typed = join(case_path, "moved"));
}

static void run_ia32(void)
{
	const char *reason = ia32_unusable();

	if (reason)
		skip("%s", reason);
	make_all(IA32_UNLINK);
}

static void run_x32(void)
{
	const char *reason = x32_unusable();

	if (reason)
		skip("%s", reason);
	make_all(X32_UNLINK);
}

static void run_io_uring(void)
{
	const char *reason = uring_unusable();

	if (reason)
		skip("%s", reason);
	make_file("file");
	ATTEMPT(.call = URING_UNLINKAT, .typed = "file");
	make_directory("directory");
	make_file("directory/file");
	ATTEMPT(.call = URING_UNLINKAT, .dfd = open_directory("directory"), .typed = "file");
	ATTEMPT(.call = URING_UNLINKAT_REMOVEDIR, .typed = "directory");
	make_file("from");
	make_file("to");
	ATTEMPT(.call = URING_RENAMEAT, .from = "from", .typed = "to");
	ATTEMPT(.call = URING_RENAMEAT, .from = "to", .typed = "moved", .expect = EXPECT_NOTHING);
	ATTEMPT(.call = URING_UNLINKAT, .typed = "missing", .want = ENOENT);
	ATTEMPT(.call = URING_UNLINKAT, .typed = join(case_path, "moved"));
}

/*
 * Removes a new queue. A call of the file system that failed in the same thread has nothing to do with it. `queues`: a
 * directory where the queues are mounted.
 */
static void remove_queue(enum call call, int queues)
{
	int queue = (int)syscall(SYS_mq_open, "queue", O_CREAT | O_EXCL | O_RDWR, 0640, NULL);

	MUST(queue >= 0 && close(queue) == 0);
	ATTEMPT(.call = UNLINK, .typed = "directory", .want = EISDIR, .finds_victim = true);
	ATTEMPT(.call = call, .dfd = queues, .typed = "queue", .path_state = PATH_INCOMPLETE,
		.host_path = join(case_path, "dev/mqueue/queue"));
	ATTEMPT(.call = call, .dfd = queues, .typed = "queue", .want = ENOENT, .path_state = PATH_INCOMPLETE,
		.host_path = join(case_path, "dev/mqueue/queue"));
}

static void run_message_queue(void)
{
	int queue, queues;

	/* Its own queues, so that they are mounted nowhere else. */
	if (unshare(CLONE_NEWIPC))
		skip("unshare(CLONE_NEWIPC): %s", strerror(errno));
	make_directory("directory");
	make_directory("dev");
	make_directory("dev/mqueue");
	if (mount("workload", "dev/mqueue", "mqueue", 0, NULL))
		skip("mqueue: %s", strerror(errno));
	mount_remember("dev/mqueue");
	mounts_followed();
	queues = open_directory("dev/mqueue");
	remove_queue(MQ_UNLINK, queues);
	if (!ia32_unusable())
		remove_queue(IA32_MQ_UNLINK, queues);
	if (!x32_unusable())
		remove_queue(X32_MQ_UNLINK, queues);
	queue = (int)syscall(SYS_mq_open, "open", O_CREAT | O_EXCL | O_RDWR, 0600, NULL);
	MUST(queue >= 0);
	ATTEMPT(.call = MQ_UNLINK, .dfd = queues, .typed = "open", .path_state = PATH_INCOMPLETE, .open = OPEN_YES,
		.host_path = join(case_path, "dev/mqueue/open"));
	queue = (int)syscall(SYS_mq_open, "file", O_CREAT | O_EXCL | O_RDWR, 0600, NULL);
	MUST(queue >= 0 && close(queue) == 0);
	ATTEMPT(.call = UNLINK, .typed = "dev/mqueue/file");
}

static void *remove_in_thread(void *unused)
{
	(void)unused;
	make_file("by-thread");
	ATTEMPT(.call = UNLINK, .typed = "by-thread", .base_shared = true);
	/* The name of a thread is not that of the process. */
	prctl(PR_SET_NAME, "second-thread");
	make_file("by-thread");
	ATTEMPT(.call = UNLINKAT, .typed = "by-thread", .base_shared = true);
	make_directory("by-thread");
	ATTEMPT(.call = RMDIR, .typed = "by-thread", .base_shared = true);
	ATTEMPT(.call = UNLINK, .typed = "missing", .want = ENOENT, .base_shared = true);
	return NULL;
}

static void wait_for_single_thread(void)
{
	struct stat tasks;

	/* The directory's links are itself, its name and one for each thread. */
	for (;;) {
		MUST(stat("/proc/self/task", &tasks) == 0);
		if (tasks.st_nlink <= 3)
			return;
		usleep(1000);
	}
}

static void run_thread(void)
{
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, remove_in_thread, NULL) == 0);
	MUST(pthread_join(thread, NULL) == 0);
	/* A thread gives its share of the working directory back after it has been joined. */
	wait_for_single_thread();
	make_file("by-leader");
	ATTEMPT(.call = UNLINK, .typed = "by-leader");
}

static void *remove_in_own_directory(void *unused)
{
	(void)unused;
	MUST(unshare(CLONE_FS) == 0);
	make_directory("own");
	enter("own");
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "file");
	return NULL;
}

static void run_thread_own_directory(void)
{
	pthread_t thread;

	make_file("before");
	ATTEMPT(.call = UNLINK, .typed = "before");
	MUST(pthread_create(&thread, NULL, remove_in_own_directory, NULL) == 0);
	MUST(pthread_join(thread, NULL) == 0);
	make_file("after");
	ATTEMPT(.call = UNLINK, .typed = "after");
}

/* Starts a process that shares `what` with this one and does nothing. */
static pid_t start_sharer(unsigned long what)
{
	pid_t pid = (pid_t)syscall(SYS_clone, what | SIGCHLD, NULL, NULL, NULL, NULL);

	MUST(pid >= 0);
	while (!pid)
		pause();
	return pid;
}

/* By another process, which could change the working directory, or what a descriptor stands for. */
static void run_shared_base(void)
{
	int directory;
	pid_t sharer;

	make_directory("directory");
	directory = open_directory("directory");
	for (int files = 0; files < 2; files++) {
		sharer = start_sharer(files ? CLONE_FILES : CLONE_FS);
		make_file("file");
		ATTEMPT(.call = UNLINK, .typed = "file", .base_shared = !files);
		ATTEMPT(.call = UNLINK, .typed = "file", .want = ENOENT, .base_shared = !files);
		make_file("directory/file");
		ATTEMPT(.call = UNLINKAT, .dfd = directory, .typed = "file", .base_shared = files);
		make_file("file");
		ATTEMPT(.call = UNLINKAT, .dfd = directory, .typed = join(case_path, "file"));
		MUST(kill(sharer, SIGKILL) == 0 && waitpid(sharer, NULL, 0) == sharer);
		make_file("file");
		ATTEMPT(.call = UNLINK, .typed = "file");
	}
}

static void *outlive_leader(void *unused)
{
	char *state;
	size_t length;

	(void)unused;
	/* Until the leader is a zombie. */
	do {
		usleep(1000);
		state = read_text(proc_fd, "self/stat", &length);
		MUST(state);
	} while (!strstr(state, ") Z "));
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "file");
	end_child();
}

static void run_leader_gone(void)
{
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, outlive_leader, NULL) == 0);
	pthread_exit(NULL);
}

const struct step call_cases[] = {
	{ "unlink", run_unlink },
	{ "unlinkat", run_unlinkat },
	{ "unlinkat-removedir", run_unlinkat_removedir },
	{ "rmdir", run_rmdir },
	{ "rename-over", run_replace },
	{ "replace-directory", run_replace_directory },
	{ "replace-types", run_replace_types },
	{ "replace-whiteout", run_replace_whiteout },
	{ "rename-nothing", run_rename_nothing },
	{ "rename-across", run_rename_across },
	{ "rename-fails", run_rename_fails },
	{ "ia32", run_ia32 },
	{ "x32", run_x32 },
	{ "io-uring", run_io_uring },
	{ "message-queue", run_message_queue },
	{ "thread", run_thread },
	{ "thread-own-directory", run_thread_own_directory },
	{ "shared-base", run_shared_base },
	{ "leader-gone", run_leader_gone },
	{ NULL, NULL },
};
