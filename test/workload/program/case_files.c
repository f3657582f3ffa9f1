/* What was removed: every type of file, its attributes, its links, and who still holds it open. */
#include "workload.h"

#include <linux/btrfs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	MUST(fd >= 0);
	return fd;
}

static void run_open_file(void)
{
	make_sized_file("file", 100000);
	int fd = open_file("file", O_RDONLY);
	ATTEMPT(.call = UNLINK, .typed = "file", .open = OPEN_YES);
	close(fd);
	make_file("from");
	make_file("to");
	fd = open_file("to", O_RDWR);
	ATTEMPT(.call = RENAME, .from = "from", .typed = "to", .open = OPEN_YES);
	close(fd);
	/* That what is moved there is open says nothing about what it replaces. */
	make_file("from");
	fd = open_file("from", O_RDWR);
	ATTEMPT(.call = RENAME, .from = "from", .typed = "to");
	close(fd);
	ATTEMPT(.call = UNLINK, .typed = "to");
	make_directory("moved");
	make_directory("replaced");
	fd = open_file("replaced", O_RDONLY | O_DIRECTORY);
	ATTEMPT(.call = RENAME, .from = "moved", .typed = "replaced");
	close(fd);
	make_file("path");
	fd = open_file("path", O_PATH);
	ATTEMPT(.call = UNLINK, .typed = "path", .open = OPEN_PATH);
	close(fd);
}

static void run_open_elsewhere(void)
{
	int ready[2], done[2];
	char byte;
	pid_t child;

	make_file("file");
	MUST(pipe2(ready, O_CLOEXEC) == 0 && pipe2(done, O_CLOEXEC) == 0);
	child = fork_child();
	if (!child) {
		open_file("file", O_RDONLY);
		close(done[1]);
		MUST(write(ready[1], "", 1) == 1);
		MUST(read(done[0], &byte, 1) == 0);
		end_child();
	}
	MUST(read(ready[0], &byte, 1) == 1);
	ATTEMPT(.call = UNLINK, .typed = "file", .open = OPEN_YES);
	close(done[1]);
	wait_child(child);
}

static void run_mapped_file(void)
{
	make_sized_file("file", 8192);
	int fd = open_file("file", O_RDONLY);
	void *mapped = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
	MUST(mapped != MAP_FAILED);
	close(fd);
	ATTEMPT(.call = UNLINK, .typed = "file", .open = OPEN_YES);
	MUST(munmap(mapped, 8192) == 0);
	make_sized_file("file", 8192);
	fd = open_file("file", O_RDONLY);
	mapped = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
	MUST(mapped != MAP_FAILED && munmap(mapped, 8192) == 0);
	close(fd);
	ATTEMPT(.call = UNLINK, .typed = "file");
}

static void run_links(void)
{
	make_sized_file("first", 5000);
	MUST(link("first", "second") == 0 && link("first", "third") == 0);
	ATTEMPT(.call = UNLINK, .typed = "first");
	make_file("from");
	ATTEMPT(.call = RENAME, .from = "from", .typed = "third");
	ATTEMPT(.call = UNLINK, .typed = "second");
}

static void run_open_by_removed_name(void)
{
	make_sized_file("first", 5000);
	MUST(link("first", "second") == 0);
	int fd = open_file("first", O_RDONLY);
	ATTEMPT(.call = UNLINK, .typed = "first", .open = OPEN_YES);
	ATTEMPT(.call = UNLINK, .typed = "second", .open = OPEN_YES);
	close(fd);

	make_sized_file("first", 5000);
	MUST(link("first", "second") == 0);
	fd = open_file("second", O_RDONLY);
	ATTEMPT(.call = UNLINK, .typed = "first", .open = OPEN_YES);
	ATTEMPT(.call = UNLINK, .typed = "second", .open = OPEN_YES);
	close(fd);
}

static void run_watched_file(void)
{
	int inotify = inotify_init1(IN_CLOEXEC);
	int fanotify = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY);

	MUST(inotify >= 0);
	make_sized_file("file", 5000);
	MUST(inotify_add_watch(inotify, "file", IN_ALL_EVENTS) >= 0);
	ATTEMPT(.call = UNLINK, .typed = "file");
	make_sized_file("file", 5000);
	MUST(inotify_add_watch(inotify, "file", IN_ALL_EVENTS) >= 0);
	int fd = open_file("file", O_RDONLY);
	ATTEMPT(.call = UNLINK, .typed = "file", .open = OPEN_YES);
	close(fd);
	if (fanotify < 0)
		skip("fanotify: %s", strerror(errno));
	make_sized_file("file", 5000);
	MUST(fanotify_mark(fanotify, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "file") == 0);
	ATTEMPT(.call = UNLINK, .typed = "file");
}

static void run_sizes(void)
{
	make_sized_file("empty", 0);
	ATTEMPT(.call = UNLINK, .typed = "empty");
	make_sized_file("large", 1 << 20);
	ATTEMPT(.call = UNLINK, .typed = "large");
	make_sized_file("odd", 12345);
	ATTEMPT(.call = UNLINK, .typed = "odd");
	make_file("sparse");
	int fd = open_file("sparse", O_RDWR);
	/* More than 32 bits can tell. */
	MUST(pwrite(fd, "x", 1, 5LL << 30) == 1 && fsync(fd) == 0);
	close(fd);
	ATTEMPT(.call = UNLINK, .typed = "sparse");
}

static void run_types(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	make_link("nowhere", "symlink");
	ATTEMPT(.call = UNLINK, .typed = "symlink");
	make_file("target");
	make_link("target", "symlink");
	ATTEMPT(.call = UNLINK, .typed = "symlink");
	MUST(mkfifo("fifo", 0640) == 0);
	ATTEMPT(.call = UNLINK, .typed = "fifo");
	MUST(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	close(fd);
	ATTEMPT(.call = UNLINK, .typed = "socket");
	make_directory("directory");
	ATTEMPT(.call = RMDIR, .typed = "directory");
}

static void run_devices(void)
{
	if (mknod("character", S_IFCHR | 0600, makedev(1, 3)))
		skip("mknod: %s", strerror(errno));
	MUST(mknod("block", S_IFBLK | 0660, makedev(7, 0)) == 0);
	ATTEMPT(.call = UNLINK, .typed = "character");
	ATTEMPT(.call = UNLINK, .typed = "block");
}

static void run_attributes(void)
{
	static const struct timespec times[][2] = {
		{ { 1, 0 }, { 1234567890, 123456789 } },
		{ { 1, 0 }, { 1, 0 } },
		{ { 1, 0 }, { 1700000000, 999999999 } },
		{ { 1, 0 }, { -86400, 0 } },
		{ { 1, 0 }, { 4102444800, 1 } },
	};

	make_file("owned");
	MUST(chown("owned", 1234, 54321) == 0 && chmod("owned", 0) == 0);
	ATTEMPT(.call = UNLINK, .typed = "owned");
	make_file("special");
	MUST(chown("special", 65533, 4000000000u) == 0 && chmod("special", 06755) == 0);
	ATTEMPT(.call = UNLINK, .typed = "special");
	make_directory("sticky");
	MUST(chmod("sticky", 03777) == 0);
	ATTEMPT(.call = RMDIR, .typed = "sticky");
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		make_file("dated");
		MUST(utimensat(AT_FDCWD, "dated", times[i], 0) == 0);
		ATTEMPT(.call = UNLINK, .typed = "dated");
	}
}

static void remove_executable(void)
{
	ATTEMPT(.call = UNLINK, .typed = "program", .open = OPEN_YES, .is_own_program = true);
}

static void run_program(void *unused)
{
	char *const arguments[] = { "program", NULL };

	(void)unused;
	exec_step("./program", "own-executable", arguments);
}

static void run_own_executable(void)
{
	copy_self("program");
	in_child(run_program, NULL);
	copy_self("other");
	ATTEMPT(.call = UNLINK, .typed = "other");
}

/* rmdir() removes one as a directory. What ioctl(2) deletes is no attempt: an observer can only count it. */
static void run_subvolume(void)
{
	struct btrfs_ioctl_vol_args volume = { .name = "volume" };
	int directory = open_directory(".");

	if (ioctl(directory, BTRFS_IOC_SUBVOL_CREATE, &volume))
		skip("subvolumes: %s", strerror(errno));
	make_file("volume/file");
	ATTEMPT(.call = RMDIR, .typed = "volume", .want = ENOTEMPTY, .finds_victim = true);
	ATTEMPT(.call = UNLINK, .typed = "volume/file");
	ATTEMPT(.call = RMDIR, .typed = "volume");
	MUST(ioctl(directory, BTRFS_IOC_SUBVOL_CREATE, &volume) == 0);
	make_file("volume/file");
	MUST(ioctl(directory, BTRFS_IOC_SNAP_DESTROY, &volume) == 0);
	close(directory);
}

static void set_mtime(const char *name, time_t seconds, long nanoseconds)
{
	const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { seconds, nanoseconds } };

	MUST(utimensat(AT_FDCWD, name, times, 0) == 0);
}

/* What a mapping changes, overlayfs notices later than stat(2). */
static void run_mapped_writes(void)
{
	char *at;
	int fd;

	make_sized_file("file", 8192);
	set_mtime("file", 1000000000, 5);
	fd = open("file", O_RDWR | O_CLOEXEC);
	MUST(fd >= 0);
	at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(at != MAP_FAILED);
	memset(at, 1, 8192);
	MUST(msync(at, 8192, MS_SYNC) == 0 && munmap(at, 8192) == 0 && close(fd) == 0);
	ATTEMPT(.call = UNLINK, .typed = "file");
}

/* Filesystems take what they can keep of it. */
static void run_far_times(void)
{
	static const time_t seconds[] = {
		0, -1, 4294967296, -62135596800, -62135596801, 253402300799, 253402300800, INT64_MAX, INT64_MIN,
	};

	for (size_t i = 0; i < sizeof(seconds) / sizeof(*seconds); i++) {
		make_file("file");
		set_mtime("file", seconds[i], i % 2 ? 999999999 : 0);
		ATTEMPT(.call = UNLINK, .typed = "file");
	}
}

static void run_far_sizes(void)
{
	static const off_t sizes[] = { 9007199254740991, 9007199254740992, 9007199254740993 };

	make_directory("mount");
	mount_tmpfs("mount");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		make_file("mount/file");
		MUST(truncate("mount/file", sizes[i]) == 0);
		ATTEMPT(.call = UNLINK, .typed = "mount/file");
	}
}

const struct step file_cases[] = {
	{ "mapped-writes", run_mapped_writes },
	{ "far-times", run_far_times },
	{ "far-sizes", run_far_sizes },
	{ "open-file", run_open_file },
	{ "open-elsewhere", run_open_elsewhere },
	{ "mapped-file", run_mapped_file },
	{ "links", run_links },
	{ "open-by-removed-name", run_open_by_removed_name },
	{ "watched-file", run_watched_file },
	{ "sizes", run_sizes },
	{ "types", run_types },
	{ "devices", run_devices },
	{ "subvolume", run_subvolume },
	{ "attributes", run_attributes },
	{ "own-executable", run_own_executable },
	{ NULL, NULL },
};

const struct step file_steps[] = {
	{ "own-executable", remove_executable },
	{ NULL, NULL },
};
