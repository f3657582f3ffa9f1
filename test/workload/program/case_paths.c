/* Every way to spell a path, and paths that are deep, long or hold unusual bytes. */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_MOST 4096
#define NAME_MOST 255

static void run_absolute(void)
{
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = join(case_path, "file"));
	make_directory("directory");
	ATTEMPT(.call = RMDIR, .typed = join(case_path, "directory"));
	make_file("file");
	/* The descriptor does not count then. */
	make_directory("elsewhere");
	ATTEMPT(.call = UNLINKAT, .dfd = open_directory("elsewhere"), .typed = join(case_path, "file"));
}

static void run_symlinked_parent(void)
{
	make_directory("real");
	make_directory("real/inner");
	make_link("real", "symlink");
	make_link(join(case_path, "real/inner"), "absolute");
	make_file("real/file");
	ATTEMPT(.call = UNLINK, .typed = "symlink/file");
	make_file("real/file");
	ATTEMPT(.call = UNLINK, .typed = join(case_path, "symlink/file"));
	make_file("real/file");
	/* ".." of where the symbolic link leads. */
	ATTEMPT(.call = UNLINK, .typed = "absolute/../file");
	make_file("real/inner/file");
	ATTEMPT(.call = UNLINKAT, .dfd = open_directory("absolute"), .typed = "file");
	make_file("real/inner/file");
	enter("absolute");
	ATTEMPT(.call = UNLINK, .typed = "file");
	enter("..");
	ATTEMPT(.call = RMDIR, .typed = "../symlink/inner");
}

static void run_dots(void)
{
	make_directory("directory");
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "./file");
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "directory/../file");
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "directory/./..//.///file");
	make_file("file");
	enter("directory");
	ATTEMPT(.call = UNLINK, .typed = "../file");
	make_directory("inner");
	ATTEMPT(.call = RMDIR, .typed = "./../directory/inner");
	make_file("...");
	ATTEMPT(.call = UNLINK, .typed = "...");
	make_file("..file");
	ATTEMPT(.call = UNLINK, .typed = "..file");
	make_file(".hidden");
	ATTEMPT(.call = UNLINK, .typed = ".hidden");
}

static void run_slashes(void)
{
	make_directory("directory");
	make_file("directory/file");
	ATTEMPT(.call = UNLINK, .typed = "directory//file");
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = format("//%s//file", case_path));
	ATTEMPT(.call = RMDIR, .typed = "directory/");
	make_directory("directory");
	ATTEMPT(.call = UNLINKAT_REMOVEDIR, .typed = "directory///");
	make_directory("from");
	make_directory("to");
	ATTEMPT(.call = RENAME, .from = "from/", .typed = "to/");
}

static void run_magic_links(void)
{
	make_directory("directory");
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "/proc/self/cwd/file");
	make_file("directory/file");
	ATTEMPT(.call = UNLINK, .typed = format("/proc/self/fd/%d/file", open_directory("directory")));
}

static void run_opened_as_path(void)
{
	int fd;

	make_directory("directory");
	make_file("directory/file");
	fd = open("directory", O_PATH | O_DIRECTORY | O_CLOEXEC);
	MUST(fd >= 0);
	ATTEMPT(.call = UNLINKAT, .dfd = fd, .typed = "file");
	/* The directory moves on, the descriptor with it. */
	MUST(rename("directory", "moved") == 0);
	make_file("moved/file");
	ATTEMPT(.call = UNLINKAT, .dfd = fd, .typed = "file");
}

static void run_names(void)
{
	static const char *const names[] = {
		"-rf", " ", "  two  blanks  ", "new\nline", "tab\there", "escape\x1b[31mred", "double\"quote", "single'quote",
		"back\\slash", "percent%41", "bell\a", "delete\x7f", "carriage\rreturn", "$(command)", "*", "?", "[a]", "~", "#",
		/* UTF-8 of two, three and four bytes, combined and right-to-left. */
		"caf\xc3\xa9", "\xe2\x82\xac" "uro", "\xf0\x9f\x97\x91", "e\xcc\x81", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
		"\xe2\x80\xae" "txt.exe", "\xef\xbb\xbf" "bom", "line\xe2\x80\xa8separator", "\xef\xbf\xbd",
		/* Not UTF-8: Latin-1, cut, overlong, surrogate, beyond the last, lone continuation. */
		"caf\xe9", "cut\xe2\x82", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xff\xfe", "a\xf0\x9f" "b",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		make_file(names[i]);
		ATTEMPT(.call = UNLINK, .typed = names[i]);
	}
}

static void run_name_directories(void)
{
	make_directory("bad\xff\n");
	make_directory("bad\xff\n/caf\xc3\xa9");
	make_file("bad\xff\n/caf\xc3\xa9/file");
	ATTEMPT(.call = UNLINK, .typed = join(case_path, "bad\xff\n/caf\xc3\xa9/file"));
	enter("bad\xff\n");
	ATTEMPT(.call = RMDIR, .typed = "caf\xc3\xa9");
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "file");
	ATTEMPT(.call = UNLINK, .typed = "missing\xfe", .want = ENOENT);
}

static char *long_name(char letter)
{
	char *name = malloc(NAME_MOST + 1);

	memset(name, letter, NAME_MOST);
	name[NAME_MOST] = 0;
	return name;
}

static void run_long_names(void)
{
	make_file(long_name('n'));
	ATTEMPT(.call = UNLINK, .typed = long_name('n'));
	make_directory(long_name('d'));
	make_file(join(long_name('d'), long_name('f')));
	ATTEMPT(.call = UNLINK, .typed = join(long_name('d'), long_name('f')));
	ATTEMPT(.call = RMDIR, .typed = long_name('d'));
}

static void run_long_typed(void)
{
	char typed[PATH_MOST];
	size_t at = 0;

	/* 4,095 bytes, the most that the kernel takes. */
	while (at < PATH_MOST - 1 - 5) {
		typed[at++] = '.';
		typed[at++] = '/';
	}
	strcpy(typed + at, strlen("file") + at == PATH_MOST - 1 ? "file" : "files");
	MUST(strlen(typed) == PATH_MOST - 1);
	make_file(typed + at);
	ATTEMPT(.call = UNLINK, .typed = typed);
	make_directory("directory");
	enter("directory");
	memset(typed, '/', 100);
	memcpy(typed, case_path, strlen(case_path));
	strcpy(typed + 100 + strlen(case_path), "file");
	memset(typed + strlen(case_path), '/', 100);
	make_file("../file");
	ATTEMPT(.call = UNLINK, .typed = typed);
}

/* Goes down step by step until the path of the working directory has so many names. */
static void descend(size_t names)
{
	for (size_t at = count_names(case_path); at < names; at++) {
		make_directory("d");
		enter("d");
	}
}

static void remove_deep(size_t names, enum path_state state)
{
	descend(names - 1);
	make_file("file");
	ATTEMPT(.call = UNLINK, .typed = "file", .path_state = state);
	make_directory("directory");
	ATTEMPT(.call = RMDIR, .typed = "directory", .path_state = state);
	make_file("from");
	make_file("to");
	ATTEMPT(.call = RENAME, .from = "from", .typed = "to", .path_state = state);
	ATTEMPT(.call = UNLINK, .typed = "missing", .want = ENOENT, .path_state = state);
}

static void run_deep_60(void)
{
	remove_deep(60, PATH_COMPLETE);
}

static void run_deep_128(void)
{
	remove_deep(128, PATH_COMPLETE);
}

static void run_deep_200(void)
{
	remove_deep(200, PATH_EITHER);
}

/* A path of exactly `length` bytes, made in steps because no call takes it whole. */
static void remove_long(size_t length, enum path_state state)
{
	char *path = strdup(case_path);
	char name[NAME_MOST + 1];
	size_t left;

	while ((left = length - strlen(path)) > 2 * (NAME_MOST + 1)) {
		make_directory(long_name('d'));
		enter(long_name('d'));
		path = join(path, long_name('d'));
	}
	/* Two more names, each with its slash. */
	memset(name, 'e', sizeof(name));
	name[left / 2 - 1] = 0;
	make_directory(name);
	enter(name);
	path = join(path, name);
	left = length - strlen(path) - 1;
	memset(name, 'f', sizeof(name));
	name[left] = 0;
	make_file(name);
	MUST(strlen(join(path, name)) == length);
	ATTEMPT(.call = UNLINK, .typed = name, .path_state = state, .parent_path = path, .base_path = path);
}

static void run_long_path(void)
{
	remove_long(PATH_MOST - 1, PATH_COMPLETE);
}

static void run_longest_path(void)
{
	remove_long(PATH_MOST, PATH_COMPLETE);
}

static void run_longer_path(void)
{
	remove_long(6000, PATH_EITHER);
}

static void run_removed_directory(void)
{
	make_directory("directory");
	enter("directory");
	ATTEMPT(.call = RMDIR, .typed = join(case_path, "directory"));
	ATTEMPT(.call = UNLINK, .typed = "file", .want = ENOENT, .path_state = PATH_INCOMPLETE);
}

const struct step path_cases[] = {
	{ "absolute", run_absolute },
	{ "symlinked-parent", run_symlinked_parent },
	{ "dots", run_dots },
	{ "slashes", run_slashes },
	{ "magic-links", run_magic_links },
	{ "opened-as-path", run_opened_as_path },
	{ "names", run_names },
	{ "name-directories", run_name_directories },
	{ "long-names", run_long_names },
	{ "long-typed", run_long_typed },
	{ "deep-60", run_deep_60 },
	{ "deep-128", run_deep_128 },
	{ "deep-200", run_deep_200 },
	{ "long-path", run_long_path },
	{ "longest-path", run_longest_path },
	{ "longer-path", run_longer_path },
	{ "removed-directory", run_removed_directory },
	{ NULL, NULL },
};
