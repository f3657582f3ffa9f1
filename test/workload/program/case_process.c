/* Who removed it: everything about a process that can change, before its first removal or between two. */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHORT_LIVED 200

static void remove_one(const char *name)
{
	make_file(name);
	ATTEMPT(.call = UNLINK, .typed = name);
}

static void remove_as_step(void)
{
	remove_one("file");
}

static void exec_arguments(void *arguments)
{
	exec_step(NULL, "remove", arguments);
}

static void run_arguments(void)
{
	char *const options[] = { "rm", "-rf", "--", "/var/lib/app/a.db", NULL };
	char *const unusual[] = { "rm", "", "two words", "new\nline", "quo\"te", "\\", "caf\xc3\xa9", "", NULL };
	char *const not_utf8[] = { "rm", "caf\xe9", "\xff", "fine", NULL };
	char *const empty[] = { "", NULL };

	in_child(exec_arguments, (void *)options);
	in_child(exec_arguments, (void *)unusual);
	in_child(exec_arguments, (void *)not_utf8);
	in_child(exec_arguments, (void *)empty);
}

static char *letters(size_t count)
{
	char *text = malloc(count + 1);

	memset(text, 'a', count);
	text[count] = 0;
	return text;
}

static void run_long_arguments(void)
{
	char *const one[] = { "rm", letters(4000), NULL };
	char *const longer[] = { "rm", letters(4000), letters(6000), "last", NULL };
	char *many[501] = { "rm" }, *too_many[2001] = { "rm" };

	in_child(exec_arguments, (void *)one);
	for (size_t i = 1; i < 500; i++)
		many[i] = format("%03zu", i);
	in_child(exec_arguments, many);
	for (size_t i = 1; i < 2000; i++)
		too_many[i] = format("%03zu", i);
	in_child(exec_arguments, too_many);
	in_child(exec_arguments, (void *)longer);
}

static void run_changed_directory(void)
{
	make_directory("a");
	make_directory("b");
	remove_one("file");
	enter("a");
	remove_one("file");
	enter("../b");
	remove_one("file");
	ATTEMPT(.call = RMDIR, .typed = "../a");
	enter("..");
	remove_one("file");
}

/* The working directory, or one above it, gets another name while the process stays in it. */
static void run_renamed_directory(void)
{
	make_directory("outer");
	make_directory("outer/inner");
	enter("outer/inner");
	remove_one("file");
	MUST(rename(join(case_path, "outer/inner"), join(case_path, "outer/renamed")) == 0);
	remove_one("file");
	MUST(rename(join(case_path, "outer"), join(case_path, "moved")) == 0);
	remove_one("file");
	ATTEMPT(.call = UNLINK, .typed = "missing", .want = ENOENT);
	make_directory(join(case_path, "other"));
	MUST(rename(join(case_path, "moved/renamed"), join(case_path, "other/renamed")) == 0);
	remove_one("file");
}

static void run_changed_name(void)
{
	remove_one("file");
	MUST(prctl(PR_SET_NAME, "renamed") == 0);
	remove_one("file");
	MUST(prctl(PR_SET_NAME, "two words (x)") == 0);
	remove_one("file");
	MUST(prctl(PR_SET_NAME, "bad\xff" "byte") == 0);
	remove_one("file");
	MUST(prctl(PR_SET_NAME, "fifteen-letters-and-more") == 0);
	remove_one("file");
}

static void run_other_user(void)
{
	MUST(chown(".", NOBODY_UID, NOBODY_UID) == 0);
	remove_one("file");
	MUST(setresgid(NOBODY_UID, NOBODY_UID, NOBODY_UID) == 0);
	remove_one("file");
	MUST(setresuid(NOBODY_UID, NOBODY_UID, NOBODY_UID) == 0);
	remove_one("file");
}

/* A server that acts for one user after the other. */
static void run_effective_user(void)
{
	MUST(chown(".", NOBODY_UID, NOBODY_UID) == 0);
	remove_one("file");
	MUST(setegid(NOBODY_UID) == 0);
	remove_one("file");
	MUST(seteuid(NOBODY_UID) == 0);
	remove_one("file");
	ATTEMPT(.call = UNLINK, .typed = "missing", .want = ENOENT);
	MUST(seteuid(0) == 0 && setegid(0) == 0);
	remove_one("file");
}

/* A file server: other rights for access to files, and for nothing else. */
static void run_file_access_user(void)
{
	MUST(chown(".", NOBODY_UID, NOBODY_UID) == 0);
	setfsgid(NOBODY_UID);
	MUST(setfsgid((gid_t)-1) == NOBODY_UID);
	remove_one("file");
	setfsuid(NOBODY_UID);
	MUST(setfsuid((uid_t)-1) == NOBODY_UID);
	remove_one("file");
	setfsuid(0);
	setfsgid(0);
	remove_one("file");
}

static void exec_as_other(void *program)
{
	char *const arguments[] = { "program", NULL };

	become(NOBODY_UID);
	exec_step(program, "remove-with-rights", arguments);
}

static void remove_with_rights(void)
{
	if (geteuid() == getuid() && getegid() == getgid())
		skip("the set-user-id bit is not heeded on this filesystem");
	remove_one("file");
	ATTEMPT(.call = UNLINK, .typed = "missing", .want = ENOENT);
}

/* Programs with the set-user-id or the set-group-id bit, of root and of another user. */
static void run_set_id_program(void)
{
	static const struct {
		const char *name;
		uid_t uid;
		gid_t gid;
		mode_t mode;
	} programs[] = {
		{ "./of-root", 0, 0, 04755 },
		{ "./of-group", 0, NOBODY_UID + 1, 02755 },
		{ "./of-other", NOBODY_UID + 1, NOBODY_UID + 1, 06755 },
	};

	MUST(chmod(".", 0777) == 0);
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		copy_self(programs[i].name);
		MUST(chown(programs[i].name, programs[i].uid, programs[i].gid) == 0);
		MUST(chmod(programs[i].name, programs[i].mode) == 0);
		in_child(exec_as_other, (void *)programs[i].name);
	}
}

static void remove_in_child(void *name)
{
	remove_one(name);
}

static void run_children(void)
{
	remove_one("file");
	in_child(remove_in_child, "by-first");
	in_child(remove_in_child, "by-second");
	remove_one("file");
}

static void exec_between(void *unused)
{
	char *const arguments[] = { "second-program", "with", "arguments", NULL };

	(void)unused;
	remove_one("before");
	exec_step("./program", "remove", arguments);
}

static void run_exec_between(void)
{
	copy_self("program");
	in_child(exec_between, NULL);
}

/* Writes a title over the arguments, and over what follows, as setproctitle() does; `room` is filled up with NULs. */
static void set_title(const char *title, size_t room)
{
	char *at = program_arguments[0];

	memset(at, 0, room);
	memcpy(at, title, strlen(title) + 1);
}

static void remove_under_titles(void)
{
	char *last = program_arguments[program_argument_count - 1];
	size_t room = (size_t)(last + strlen(last) + 1 - program_arguments[0]);

	remove_one("file");
	set_title("worker: idle", room);
	remove_one("file");
	set_title("worker: busy", room);
	remove_one("file");
	remove_one("file");
	/* Beyond the arguments, which then end without a NUL. */
	set_title("worker: a title that is longer than all the arguments together were, and tells much more", room);
	remove_one("file");
	set_title("worker: a title that is longer than all the arguments together were, and tells even more", room);
	remove_one("file");
	ATTEMPT(.call = UNLINK, .typed = "missing", .want = ENOENT);
	set_title("", room);
	remove_one("file");
}

static void run_titles(void)
{
	char *const few[] = { "worker", "--quiet", "", NULL };
	char *const many[] = { "worker", "--with", "a", "list", "of", "arguments", "", "", "", NULL };

	for (int i = 0; i < 2; i++) {
		pid_t child = fork_child();

		if (!child)
			exec_step(NULL, "remove-under-titles", i ? many : few);
		wait_child(child);
	}
}

static void exec_memfd(void *unused)
{
	char *const arguments[] = { "payload", "argument", NULL };
	int fd = memfd_create("payload", 0);

	(void)unused;
	MUST(fd >= 0);
	copy_self(format("/proc/self/fd/%d", fd));
	exec_step(format("/proc/self/fd/%d", fd), "remove", arguments);
}

/* A program that never was a file. */
static void run_memfd_program(void)
{
	in_child(exec_memfd, NULL);
}

static void remove_own_program(void)
{
	remove_one("before");
	ATTEMPT(.call = UNLINK, .typed = "program", .open = OPEN_YES, .is_own_program = true);
	remove_one("after");
}

static void exec_own_program(void *unused)
{
	char *const arguments[] = { "program", NULL };

	(void)unused;
	exec_step("./program", "remove-own-program", arguments);
}

static void run_deleted_program(void)
{
	copy_self("program");
	in_child(exec_own_program, NULL);
}

/* Children that remove one file each, so many of them at a time. */
static void remove_in_children(int at_a_time)
{
	pid_t children[SHORT_LIVED];

	for (int i = 0; i < SHORT_LIVED; i++)
		make_file(format("file-%d", i));
	for (int i = 0; i < SHORT_LIVED; i++) {
		if (i >= at_a_time)
			wait_child(children[i - at_a_time]);
		children[i] = fork_child();
		if (!children[i]) {
			ATTEMPT(.call = UNLINK, .typed = format("file-%d", i));
			end_child();
		}
	}
	for (int i = SHORT_LIVED - at_a_time; i < SHORT_LIVED; i++)
		wait_child(children[i]);
}

static void run_short_lived(void)
{
	remove_in_children(2);
}

/* More at once, in one directory, than a kretprobe can follow. */
static void run_crowd(void)
{
	remove_in_children(SHORT_LIVED);
}

static void run_orphan(void)
{
	int done[2];
	char byte;
	pid_t child, parent;

	MUST(pipe2(done, O_CLOEXEC) == 0);
	child = fork_child();
	if (!child) {
		parent = getpid();
		if (!fork_child()) {
			remove_one("with-parent");
			MUST(write(done[1], "", 1) == 1);
			while (getppid() == parent)
				usleep(1000);
			remove_one("orphaned");
		} else {
			MUST(read(done[0], &byte, 1) == 1);
		}
		end_child();
	}
	wait_child(child);
	close(done[1]);
	/* Ends when the orphan, which nobody here can wait for, is gone. */
	MUST(read(done[0], &byte, 1) == 0);
}

static void take_turns(void (*change)(void))
{
	int to_child[2], to_parent[2];
	char byte;
	pid_t child;

	MUST(pipe2(to_child, O_CLOEXEC) == 0 && pipe2(to_parent, O_CLOEXEC) == 0);
	child = fork_child();
	if (!child) {
		remove_one("before");
		MUST(write(to_parent[1], "", 1) == 1 && read(to_child[0], &byte, 1) == 1);
		remove_one("after");
		end_child();
	}
	MUST(read(to_parent[0], &byte, 1) == 1);
	change();
	MUST(write(to_child[1], "", 1) == 1);
	wait_child(child);
}

static void rename_self(void)
{
	MUST(prctl(PR_SET_NAME, "other-name") == 0);
}

static void run_parent_renamed_before(void)
{
	rename_self();
	in_child(remove_in_child, "file");
}

static void run_parent_renamed_between(void)
{
	take_turns(rename_self);
}

static bool set_login(const char *uid)
{
	int fd = openat(proc_fd, "self/loginuid", O_WRONLY | O_CLOEXEC);
	bool set = fd >= 0 && write(fd, uid, strlen(uid)) > 0;

	if (fd >= 0)
		close(fd);
	return set;
}

static void run_login(void)
{
	if (!set_login("1000"))
		skip("login uid: %s", strerror(errno));
	remove_one("file");
	become(NOBODY_UID);
	ATTEMPT(.call = UNLINK, .typed = "missing", .want = ENOENT);
}

static void run_login_between(void)
{
	remove_one("before");
	if (!set_login("1001"))
		skip("login uid: %s", strerror(errno));
	remove_one("after");
}

static const char *find_cgroups(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (access(join(places[i], "cgroup.procs"), W_OK) == 0)
			return places[i];
	return NULL;
}

/* Goes into a new group `path`, removes something there and returns. */
static void remove_in_cgroup(const char *place, char *path)
{
	char *first = join(place, path), *last = strrchr(first + strlen(place) + 1, '/');
	size_t length;
	char *before = read_text(proc_fd, "self/cgroup", &length);
	char *home = strstr(before, "0::/");

	MUST(home);
	*strchrnul(home, '\n') = 0;
	if (last) {
		*last = 0;
		make_directory(first);
		*last = '/';
	}
	make_directory(first);
	write_text(join(first, "cgroup.procs"), "0");
	remove_one("file");
	write_text(format("%s%s/cgroup.procs", place, home + 3), "0");
	remove_one("file");
	ATTEMPT(.call = RMDIR, .typed = first, .unjudged = "size,mtime");
	if (last) {
		*last = 0;
		ATTEMPT(.call = RMDIR, .typed = first, .unjudged = "size,mtime");
	}
}

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void run_cgroups(void)
{
	const char *place = find_cgroups();

	if (!place)
		skip("no cgroup 2 hierarchy can be written to");
	remove_one("before");
	remove_in_cgroup(place, format("workload-%d", getpid()));
	remove_in_cgroup(place, format("workload-%d/docker-" CONTAINER ".scope", getpid()));
}

static void go_into_cgroup(const char *directory)
{
	write_text(join(directory, "cgroup.procs"), "0");
}

/* Of version 2 and of version 1. */
struct hybrid_places {
	const char *service;
	const char *controller;
	const char *container;
};

/* What Docker starts is in Docker's own service by version 2, and in its container by the controllers. */
static void remove_in_hybrid_container(void *given)
{
	const struct hybrid_places *places = given;
	char *const arguments[] = { "in-container", NULL };
	pid_t child;

	go_into_cgroup(places->service);
	remove_one("by-service");
	go_into_cgroup(places->container);
	remove_one("by-container");
	child = fork_child();
	if (!child)
		exec_step(NULL, "remove", arguments);
	wait_child(child);
	ATTEMPT(.call = UNLINK, .typed = "missing", .want = ENOENT);
	go_into_cgroup(places->controller);
	remove_one("by-service");
}

/* On a host that does not use version 2 at all. */
static void remove_in_version_1_container(void *given)
{
	const struct hybrid_places *places = given;

	go_into_cgroup(places->container);
	remove_one("by-container");
}

/* A hierarchy of version 1 beside that of version 2, as between the two versions hosts have them. */
static void run_hybrid_cgroups(void)
{
	const char *place = find_cgroups();
	char *controller = join(case_path, "pids");
	char *parent = format("%s/workload-%d", controller, getpid());
	struct hybrid_places places = {
		.service = join(place ? place : "", format("workload-%d.service", getpid())),
		.controller = controller,
		.container = join(parent, "docker/" CONTAINER),
	};

	if (!place)
		skip("no cgroup 2 hierarchy can be written to");
	make_directory(controller);
	if (mount("workload", controller, "cgroup", 0, "pids"))
		skip("the controller pids is not free for version 1: %s", strerror(errno));
	mount_remember(controller);
	make_directory(parent);
	make_directory(join(parent, "docker"));
	make_directory(places.container);
	make_directory(places.service);
	remove_one("before");
	in_child(remove_in_hybrid_container, &places);
	in_child(remove_in_version_1_container, &places);
	ATTEMPT(.call = RMDIR, .typed = places.container, .unjudged = "size,mtime");
	ATTEMPT(.call = RMDIR, .typed = join(parent, "docker"), .unjudged = "size,mtime");
	ATTEMPT(.call = RMDIR, .typed = parent, .unjudged = "size,mtime");
	ATTEMPT(.call = RMDIR, .typed = places.service, .unjudged = "size,mtime");
}

const struct step process_cases[] = {
	{ "arguments", run_arguments },
	{ "long-arguments", run_long_arguments },
	{ "changed-directory", run_changed_directory },
	{ "renamed-directory", run_renamed_directory },
	{ "changed-name", run_changed_name },
	{ "other-user", run_other_user },
	{ "effective-user", run_effective_user },
	{ "file-access-user", run_file_access_user },
	{ "set-id-program", run_set_id_program },
	{ "titles", run_titles },
	{ "memfd-program", run_memfd_program },
	{ "deleted-program", run_deleted_program },
	{ "children", run_children },
	{ "exec-between", run_exec_between },
	{ "short-lived", run_short_lived },
	{ "crowd", run_crowd },
	{ "orphan", run_orphan },
	{ "parent-renamed-before", run_parent_renamed_before },
	{ "parent-renamed-between", run_parent_renamed_between },
	{ "login", run_login },
	{ "login-between", run_login_between },
	{ "cgroups", run_cgroups },
	{ "hybrid-cgroups", run_hybrid_cgroups },
	{ NULL, NULL },
};

const struct step process_steps[] = {
	{ "remove", remove_as_step },
	{ "remove-with-rights", remove_with_rights },
	{ "remove-under-titles", remove_under_titles },
	{ "remove-own-program", remove_own_program },
	{ NULL, NULL },
};
