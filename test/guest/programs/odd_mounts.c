/*
 * odd_mounts DIR: mounts below DIR what is hard to list: odd names, mounts upon mounts, paths longer than PATH_MAX, parts
 * of filesystems, some of them removed or moved away since, and many.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define ODD "a b\tc\nd\\e#\xc3\xa9"
#define DEEP 150
/* More bytes than the daemon takes. */
#define TOO_DEEP 200
#define MANY 300

static void make(const char *dir)
{
	if (mkdir(dir, 0700))
		err(1, "mkdir %s", dir);
}

static void enter(const char *dir)
{
	if (chdir(dir))
		err(1, "chdir %s", dir);
}

static void mount_new(const char *source, const char *dir)
{
	if (mount(source, dir, "tmpfs", 0, NULL))
		err(1, "mount %s", dir);
}

/* Shows ODD/name at name. */
static void show(const char *name)
{
	char shown[256];

	snprintf(shown, sizeof(shown), ODD "/%s", name);
	make(shown);
	make(name);
	if (mount(shown, name, NULL, MS_BIND, NULL))
		err(1, "bind %s", name);
}

/* More names than are told at once, and more bytes than a path may have; `letter` makes up the names. */
static void mount_deep(char letter, int levels)
{
	char name[81];

	memset(name, letter, sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	for (int level = 0; level < levels; level++) {
		make(name);
		if (level == levels - 1)
			mount_new("deep", name);
		enter(name);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: odd_mounts DIR");
	make(argv[1]);
	enter(argv[1]);
	make(ODD);
	mount_new("odd source#", ODD);
	mount_new("upon", ODD);
	enter(ODD);
	mount_deep('d', DEEP);
	enter(argv[1]);
	enter(ODD);
	mount_deep('e', TOO_DEEP);
	enter(argv[1]);
	for (int i = 0; i < MANY; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		show(name);
	}
	show("removed");
	if (rmdir(ODD "/removed"))
		err(1, "rmdir");
	/* What lies in a directory that left what is shown cannot be reached any more. */
	show("shown");
	make(ODD "/shown/leaves");
	make(ODD "/shown/leaves/below");
	mount_new("unreachable", "shown/leaves/below");
	make(ODD "/elsewhere");
	if (rename(ODD "/shown/leaves", ODD "/elsewhere/leaves"))
		err(1, "rename");
	return 0;
}
