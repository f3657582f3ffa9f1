/* What /proc says about the acting thread, through a descriptor that survives chroot() and pivot_root(). */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

int proc_fd = -1;
int xfs_types = -1;
struct environment environment;

#define NO_LOGIN 4294967295u

void facts_open_proc(void)
{
	int fd = open("/proc", O_PATH | O_DIRECTORY);

	MUST(fd >= 0);
	/* Numbers that no case uses, and that exec keeps. */
	proc_fd = fcntl(fd, F_DUPFD, 200);
	MUST(proc_fd >= 0);
	close(fd);
	facts_has_xfs_types();
}

char *facts_link(const char *entry)
{
	char target[8192];
	ssize_t length = readlinkat(proc_fd, entry, target, sizeof(target) - 1);

	if (length < 0)
		return NULL;
	target[length] = 0;
	return strdup(target);
}

static char *in_namespace(char *path)
{
	if (!path || path[0] != '/' || !environment.chroot_path)
		return path;
	return format("%s%s", environment.chroot_path, strcmp(path, "/") ? path : "");
}

/* The path of an open file or directory in the mount namespace, whatever the root directory is; NULL: too long. */
char *facts_fd_path(int fd)
{
	return in_namespace(facts_link(format("thread-self/fd/%d", fd)));
}

dev_t facts_device(int directory, dev_t seen)
{
	/* What lies outside of a changed root is only in the second. */
	static const char *const tables[] = { "thread-self/mountinfo", "1/mountinfo" };
	unsigned int id, device_major, device_minor;
	struct statx status;
	dev_t device = seen;
	size_t length;

	/* A disk has one number for everyone. */
	if (major(seen) || statx(directory, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) || !(status.stx_mask & STATX_MNT_ID))
		return seen;
	for (int table = 0; table < 2; table++) {
		char *text = read_text(proc_fd, tables[table], &length);

		for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
			if (sscanf(line, "%u %*u %u:%u", &id, &device_major, &device_minor) == 3 &&
			    id == status.stx_mnt_id)
				device = makedev(device_major, device_minor);
		}
		free(text);
	}
	return device;
}

bool facts_has_xfs_types(void)
{
	/* Asked first by root, and whatever the root directory of the caller is. */
	if (xfs_types < 0)
		xfs_types = faccessat(proc_fd, "1/root/sys/kernel/btf/xfs", F_OK, 0) == 0;
	return xfs_types;
}

unsigned long facts_mount_namespace(const char *entry)
{
	char *link = facts_link(entry);
	unsigned long number = 0;

	if (link)
		MUST(sscanf(link, "mnt:[%lu]", &number) == 1);
	return number;
}

static char *read_name(const char *entry)
{
	size_t length;
	char *name = read_text(proc_fd, entry, &length);

	if (name && length && name[length - 1] == '\n')
		name[length - 1] = 0;
	return name;
}

/* Number `field` of /proc/PID/stat, counted from 1 as in proc(5). */
static long long stat_field(const char *stat, int field)
{
	const char *at = strrchr(stat, ')') + 1;

	for (int number = 3; number <= field; number++) {
		at = strchr(at, ' ') + 1;
	}
	return atoll(at);
}

static long long milliseconds(const struct timespec *time)
{
	return time->tv_sec * 1000LL + time->tv_nsec / 1000000;
}

/* Wall clock minus time since boot, from readings between which nothing else ran. */
static long long boot_ms(void)
{
	struct timespec before, boot, after;

	for (int attempt = 0;; attempt++) {
		clock_gettime(CLOCK_REALTIME, &before);
		clock_gettime(CLOCK_BOOTTIME, &boot);
		clock_gettime(CLOCK_REALTIME, &after);
		if (milliseconds(&after) - milliseconds(&before) <= 1 || attempt == 100)
			return milliseconds(&after) - milliseconds(&boot);
	}
}

static long long started_ms(long long ticks)
{
	return boot_ms() + ticks * 1000 / sysconf(_SC_CLK_TCK);
}

static void write_args(struct json *json)
{
	size_t length, count = 0;
	char *args = read_text(proc_fd, "thread-self/cmdline", &length);
	bool first = true;

	MUST(args);
	for (size_t at = 0; at < length; at++)
		count += !args[at];
	/* Written over by a title, and filled up with NULs. */
	if (count != program_argument_count)
		while (length > 1 && !args[length - 1] && !args[length - 2])
			length--;
	json_key(json, "args");
	json_raw(json, "[");
	for (size_t at = 0; at < length; at += strlen(args + at) + 1) {
		if (!first)
			json_raw(json, ",");
		first = false;
		json_item(json, args + at, strlen(args + at));
	}
	json_raw(json, "]");
	free(args);
}

static void write_cgroup(struct json *json)
{
	size_t length;
	char *text = read_text(proc_fd, "thread-self/cgroup", &length);
	char *unified = text ? strstr(text, "0::/") : NULL;
	bool hybrid = text && strchr(text, '\n') != text + length - 1;

	if (unified)
		*strchrnul(unified, '\n') = 0;
	/* Beside the hierarchies of version 1, a root says nothing. */
	if (!unified || (hybrid && !strcmp(unified, "0::/")))
		json_null(json, "cgroup");
	else
		json_path(json, "cgroup", unified + 3);
	free(text);
}

/* Whether `controllers`, names with commas between them that end at a colon, has this one. */
static bool has_controller(const char *controllers, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = controllers; (at = strstr(at, name)) && at < strchr(controllers, ':'); at += length)
		if ((at == controllers || at[-1] == ',') && (at[length] == ',' || at[length] == ':'))
			return true;
	return false;
}

/* The path in the hierarchy of version 1 that has this controller; NULL: it has none, or the path is the root. */
static char *version_1_cgroup(const char *text, const char *controller)
{
	for (const char *line = text; *line; line = strchrnul(line, '\n'), line += *line == '\n') {
		const char *controllers = strchr(line, ':');
		const char *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (path && has_controller(controllers + 1, controller) && path[2] != '\n')
			return strndup(path + 1, (size_t)(strchrnul(path, '\n') - path - 1));
	}
	return NULL;
}

/* Where a runtime that works with version 1 would put a container. */
static void write_version_1_cgroup(struct json *json)
{
	size_t length;
	char *text = read_text(proc_fd, "thread-self/cgroup", &length);
	char *path = text ? version_1_cgroup(text, "devices") : NULL;

	if (text && !path)
		path = version_1_cgroup(text, "pids");
	json_path(json, "version_1_cgroup", path);
	free(path);
	free(text);
}

static void write_user(struct json *json)
{
	static const struct {
		const char *line, *real, *effective, *fs;
	} kinds[] = {
		{ "\nUid:", "user_id", "effective_user_id", "fs_user_id" },
		{ "\nGid:", "group_id", "effective_group_id", "fs_group_id" },
	};
	size_t length;
	char *status = read_text(proc_fd, "thread-self/status", &length);

	MUST(status);
	for (int kind = 0; kind < 2; kind++) {
		char *line = strstr(status, kinds[kind].line);
		long long real, effective, saved, fs;

		MUST(line && sscanf(line + 5, "%lld %lld %lld %lld", &real, &effective, &saved, &fs) == 4);
		json_number(json, kinds[kind].real, real + environment.id_offset);
		json_number(json, kinds[kind].effective, effective + environment.id_offset);
		json_number(json, kinds[kind].fs, fs + environment.id_offset);
	}
	free(status);
}

static void write_login(struct json *json)
{
	size_t length;
	char *text = read_text(proc_fd, "thread-self/loginuid", &length);

	if (text && strtoul(text, NULL, 10) != NO_LOGIN)
		json_number(json, "login_uid", atoll(text));
	else
		json_null(json, "login_uid");
	free(text);
}

void facts_write_process(struct json *json, const struct attempt *attempt)
{
	size_t length;
	char *stat = read_text(proc_fd, "self/stat", &length);
	char *self = facts_link("thread-self");
	char *working_directory = in_namespace(facts_link("thread-self/cwd"));
	char *deleted;
	long pid, tid;
	long long parent;

	MUST(stat && self && sscanf(self, "%ld/task/%ld", &pid, &tid) == 2);
	parent = stat_field(stat, 4);
	json_number(json, "pid", pid);
	if (call_is_uring(attempt->call))
		json_null(json, "tid"); /* A worker of the kernel. */
	else
		json_number(json, "tid", tid);
	json_number(json, "ppid", parent);
	json_path(json, "parent_name", read_name(format("%lld/comm", parent)));
	json_path(json, "name", read_name("self/comm"));
	json_number(json, "started_ms", started_ms(stat_field(stat, 22)));
	json_path(json, "exe",
		  environment.executable ? environment.executable : in_namespace(facts_link("thread-self/exe")));
	/* A removed directory has no path. */
	deleted = working_directory ? strstr(working_directory, " (deleted)") : NULL;
	json_path(json, "cwd", deleted && !deleted[10] ? NULL : working_directory);
	write_args(json);
	write_user(json);
	write_login(json);
	write_cgroup(json);
	write_version_1_cgroup(json);
	json_number(json, "mount_namespace", (long long)facts_mount_namespace("thread-self/ns/mnt"));
	free(stat);
}
