/* What the cases are made of. Everything here must work: what fails ends the case with a problem. */
#include "workload.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOUNTS_MOST 32
/* What the observer is asked for, see observer_fd. */
#define DELETIONS_HANDLED 'd'
#define MOUNTS_FOLLOWED 'm'

int observer_fd = -1;

static char *mounted[MOUNTS_MOST];
static int mounted_count;

void die(const char *file, int line, const char *what)
{
	int error = errno;

	problem("%s:%d: %s: %s", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line, what, strerror(error));
	end_child();
}

char *format(const char *format, ...)
{
	char *text;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		abort();
	va_end(arguments);
	return text;
}

char *join(const char *directory, const char *name)
{
	return format("%s/%s", strcmp(directory, "/") ? directory : "", name);
}

void make_sized_file(const char *path, size_t bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	char *content = malloc(bytes + 1);

	MUST(fd >= 0 && content);
	memset(content, 'x', bytes);
	for (size_t done = 0; done < bytes;) {
		ssize_t written = write(fd, content + done, bytes - done);

		MUST(written > 0);
		done += (size_t)written;
	}
	/* Blocks are allocated when the file is written out. */
	MUST(fsync(fd) == 0 && close(fd) == 0);
	free(content);
}

void make_file(const char *path)
{
	make_sized_file(path, 5);
}

void make_directory(const char *path)
{
	MUST(mkdir(path, 0755) == 0);
}

void make_link(const char *target, const char *path)
{
	MUST(symlink(target, path) == 0);
}

int open_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	MUST(fd >= 0);
	return fd;
}

void enter(const char *path)
{
	MUST(chdir(path) == 0);
}

void mount_remember(const char *path)
{
	MUST(mounted_count < MOUNTS_MOST);
	mounted[mounted_count] = path[0] == '/' ? strdup(path) : realpath(path, NULL);
	MUST(mounted[mounted_count]);
	mounted_count++;
}

void mount_tmpfs(const char *path)
{
	MUST(mount("workload", path, "tmpfs", 0, "mode=755") == 0);
	mount_remember(path);
}

void mount_bind(const char *from, const char *path)
{
	MUST(mount(from, path, NULL, MS_BIND, NULL) == 0);
	mount_remember(path);
}

static void ask_observer(char what)
{
	char answer = 0;
	ssize_t got;

	if (observer_fd < 0)
		return;
	got = write(observer_fd, &what, 1);
	while (got == 1 && (got = read(observer_fd, &answer, 1)) < 0 && errno == EINTR)
		got = 1;
	if (got == 1 && answer == what)
		return;
	/* Not asked again by the end of this case. */
	observer_fd = -1;
	problem("the observer does not answer '%c'", what);
}

void deletions_handled(void)
{
	ask_observer(DELETIONS_HANDLED);
}

void mounts_followed(void)
{
	ask_observer(MOUNTS_FOLLOWED);
}

void mounts_undo(void)
{
	bool any = mounted_count > 0;

	/* What was deleted is looked up among the mounts that go now. */
	if (any)
		deletions_handled();
	while (mounted_count > 0) {
		mounted_count--;
		/* Some cases unmount or move one themselves. */
		umount2(mounted[mounted_count], MNT_DETACH | UMOUNT_NOFOLLOW);
	}
	/* Device numbers are used again. */
	if (any)
		mounts_followed();
}

void become(uid_t uid)
{
	MUST(setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0);
}

void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	MUST(fd >= 0);
	MUST(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

char *read_text(int dfd, const char *path, size_t *length)
{
	int fd = openat(dfd, path, O_RDONLY | O_CLOEXEC);
	size_t capacity = 1 << 17;
	char *text;

	*length = 0;
	if (fd < 0)
		return NULL;
	text = malloc(capacity + 1);
	MUST(text);
	for (;;) {
		ssize_t got = read(fd, text + *length, capacity - *length);

		if (got <= 0)
			break;
		*length += (size_t)got;
	}
	text[*length] = 0;
	close(fd);
	return text;
}

size_t count_names(const char *path)
{
	size_t count = 0;

	for (size_t at = 0; path[at]; at++)
		count += path[at] != '/' && (at == 0 || path[at - 1] == '/');
	return count;
}

void copy_self(const char *path)
{
	size_t length;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	int from = openat(proc_fd, "self/exe", O_RDONLY | O_CLOEXEC);
	char buffer[1 << 16];
	ssize_t got;

	MUST(fd >= 0 && from >= 0);
	for (length = 0; (got = read(from, buffer, sizeof(buffer))) > 0; length += (size_t)got)
		MUST(write(fd, buffer, (size_t)got) == got);
	MUST(got == 0 && length > 0 && fsync(fd) == 0);
	close(from);
	close(fd);
}

pid_t fork_child(void)
{
	pid_t pid = fork();

	MUST(pid >= 0);
	if (!pid) {
		problems = 0;
		mounted_count = 0;
	}
	return pid;
}

void end_child(void)
{
	mounts_undo();
	_exit(problems ? 1 : 0);
}

void wait_child(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		MUST(errno == EINTR);
	if (WIFSIGNALED(status))
		problem("a child was killed by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status))
		problems++;
}

void in_child(void (*body)(void *), void *argument)
{
	pid_t pid = fork_child();

	if (!pid) {
		body(argument);
		end_child();
	}
	wait_child(pid);
}

void exec_step(const char *file, const char *step, char *const *arguments)
{
	char *variables[] = {
		format("WORKLOAD_STEP=%s", step),
		format("WORKLOAD_CASE=%s", case_name),
		format("WORKLOAD_BASE=%s", base_path),
		format("WORKLOAD_CASE_PATH=%s", case_path),
		format("WORKLOAD_PROC_FD=%d", proc_fd),
		format("WORKLOAD_OUTPUT_FD=%d", output_fd),
		format("WORKLOAD_OBSERVER_FD=%d", observer_fd),
		format("WORKLOAD_HOST_ROOT=%s", environment.host_root ? environment.host_root : ""),
		format("WORKLOAD_HOST_VOLUME=%s", environment.host_volume ? environment.host_volume : ""),
		format("WORKLOAD_ID_OFFSET=%u", environment.id_offset),
		format("WORKLOAD_XFS_TYPES=%d", facts_has_xfs_types()),
		NULL,
	};

	execve(file ? file : "/proc/self/exe", arguments, variables);
	die(__FILE__, __LINE__, "execve");
}
