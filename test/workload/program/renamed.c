/* What is known of the files that this process has renamed within one directory. */
#include "workload.h"

#include <stdlib.h>
#include <string.h>

#define RENAMED_MOST 64

/* A file, by the path that it has now; `former` is the one that it had first. */
static struct renamed {
	char *path;
	char *former;
	long long at_us;
} files[RENAMED_MOST];

static struct renamed *find(const char *path)
{
	for (size_t at = 0; at < RENAMED_MOST; at++)
		if (files[at].path && !strcmp(files[at].path, path))
			return &files[at];
	return NULL;
}

static size_t directory_length(const char *path)
{
	return (size_t)(strrchr(path, '/') - path);
}

static bool are_beside(const char *one, const char *other)
{
	size_t length = directory_length(one);

	return length == directory_length(other) && !strncmp(one, other, length);
}

void renamed_forget(const char *path)
{
	struct renamed *file = find(path);

	if (file)
		file->path = NULL;
}

/* The file of `source` has the path `path` now; `file` is what was known of it. */
static void note(struct renamed *file, const char *source, const char *path)
{
	if (!are_beside(source, path)) {
		if (file)
			file->path = NULL;
		return;
	}
	for (size_t at = 0; !file && at < RENAMED_MOST; at++) {
		if (files[at].path)
			continue;
		file = &files[at];
		file->former = strdup(source);
	}
	MUST(file);
	file->path = strdup(path);
	file->at_us = now_us();
}

void renamed_note(const char *source, const char *path, bool exchange)
{
	struct renamed *file = find(source), *other = find(path);

	if (other && !exchange)
		other->path = NULL;
	note(file, source, path);
	if (exchange)
		note(other, path, source);
}

const char *renamed_from(const char *path, long long *age_us)
{
	struct renamed *file = find(path);

	if (!file)
		return NULL;
	*age_us = now_us() - file->at_us;
	return file->former;
}
