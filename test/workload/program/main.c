/*
 * cases [--only CASE]... [--skip CASE]... [--list] [--output FILE] [--observer FD] DIRECTORY
 *
 * Runs every case in a child of its own, in a new directory below DIRECTORY, which stays for the caller to remove.
 * Needs root. Exit code: 0, 1 when a case could not do what it should, 2 for wrong usage.
 */
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CASE_SECONDS 120
#define NAMES_MOST 64

static const struct step *const case_groups[] = {
	call_cases, move_cases, result_cases, path_cases,
	mount_cases, idmap_cases, file_cases, process_cases, container_cases,
};
static const struct step *const step_groups[] = { move_steps, process_steps, file_steps, container_steps };

static const char *only[NAMES_MOST], *skipped[NAMES_MOST];

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

static bool named(const char *const names[], const char *name)
{
	for (size_t i = 0; i < NAMES_MOST && names[i]; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static bool exists(const char *name)
{
	for (size_t group = 0; group < COUNT_OF(case_groups); group++)
		for (const struct step *step = case_groups[group]; step->name; step++)
			if (!strcmp(step->name, name))
				return true;
	return false;
}

static void add_name(const char *names[], const char *name)
{
	size_t at = 0;

	while (names[at])
		at++;
	if (!name || at == NAMES_MOST - 1 || !exists(name)) {
		fprintf(stderr, "cases: no such case: %s\n", name ? name : "");
		exit(2);
	}
	names[at] = name;
}

char **program_arguments;
size_t program_argument_count;

/* A copy: titles are written over the environment, too. */
static char *inherited(const char *name)
{
	char *value = strdup(getenv(name));

	MUST(value);
	return value;
}

/* The second half of a case that replaced its program. */
static int continue_case(const char *name)
{
	case_name = inherited("WORKLOAD_CASE");
	base_path = inherited("WORKLOAD_BASE");
	case_path = inherited("WORKLOAD_CASE_PATH");
	proc_fd = atoi(getenv("WORKLOAD_PROC_FD"));
	output_fd = atoi(getenv("WORKLOAD_OUTPUT_FD"));
	observer_fd = atoi(getenv("WORKLOAD_OBSERVER_FD"));
	environment.host_root = inherited("WORKLOAD_HOST_ROOT");
	if (!*environment.host_root)
		environment.host_root = NULL;
	environment.host_volume = inherited("WORKLOAD_HOST_VOLUME");
	xfs_types = atoi(getenv("WORKLOAD_XFS_TYPES"));
	environment.id_offset = (uint32_t)strtoul(getenv("WORKLOAD_ID_OFFSET"), NULL, 10);
	for (size_t group = 0; group < COUNT_OF(step_groups); group++) {
		for (const struct step *step = step_groups[group]; step->name; step++) {
			if (!strcmp(step->name, name)) {
				step->run();
				end_child();
			}
		}
	}
	return 2;
}

static void run_case(void *step)
{
	alarm(CASE_SECONDS);
	enter(case_path);
	((const struct step *)step)->run();
}

static void write_start(void)
{
	struct utsname system;
	struct json json;

	MUST(uname(&system) == 0);
	json_open(&json);
	json_text(&json, "start", system.release);
	json_path(&json, "base", base_path);
	json_number(&json, "pid", getpid());
	json_number(&json, "mount_namespace", (long long)facts_mount_namespace("thread-self/ns/mnt"));
	json_number(&json, "host_mount_namespace", (long long)facts_mount_namespace("1/ns/mnt"));
	json_number(&json, "at_us", now_us());
	json_write(&json);
}

static int run_all(void)
{
	long long count = 0;
	struct json json;

	write_start();
	for (size_t group = 0; group < COUNT_OF(case_groups); group++) {
		for (const struct step *step = case_groups[group]; step->name; step++) {
			if ((only[0] && !named(only, step->name)) || named(skipped, step->name))
				continue;
			count++;
			case_name = step->name;
			case_path = join(base_path, step->name);
			make_directory(case_path);
			in_child(run_case, (void *)step);
		}
	}
	case_name = NULL;
	json_open(&json);
	json_number(&json, "end", count);
	json_number(&json, "at_us", now_us());
	json_number(&json, "problems", problems);
	json_write(&json);
	return problems || !count ? 1 : 0;
}

static void open_output(const char *file)
{
	int fd = file ? open(file, O_WRONLY | O_CREAT | O_APPEND, 0644) : 1;

	MUST(fd >= 0);
	output_fd = fcntl(fd, F_DUPFD, 210);
	MUST(output_fd >= 0);
	if (file)
		close(fd);
}

/* Out of the way of the descriptors that cases open. */
static void open_observer(int fd)
{
	observer_fd = fcntl(fd, F_DUPFD, 210);
	MUST(observer_fd >= 0);
	close(fd);
}

int main(int count, char **arguments)
{
	const char *step = getenv("WORKLOAD_STEP");
	const char *directory = NULL, *output = NULL;

	program_arguments = arguments;
	program_argument_count = (size_t)count;
	if (step)
		return continue_case(inherited("WORKLOAD_STEP"));
	for (int i = 1; i < count; i++) {
		char *argument = arguments[i];

		if (!strcmp(argument, "--list")) {
			for (size_t group = 0; group < COUNT_OF(case_groups); group++)
				for (const struct step *each = case_groups[group]; each->name; each++)
					puts(each->name);
			return 0;
		}
		if (!strcmp(argument, "--only"))
			add_name(only, arguments[++i]);
		else if (!strcmp(argument, "--skip"))
			add_name(skipped, arguments[++i]);
		else if (!strcmp(argument, "--output") && arguments[i + 1])
			output = arguments[++i];
		else if (!strcmp(argument, "--observer") && arguments[i + 1])
			open_observer(atoi(arguments[++i]));
		else if (argument[0] != '-' && !directory)
			directory = argument;
		else
			return fprintf(stderr, "cases: what is %s?\n", argument), 2;
	}
	if (!directory || geteuid() != 0)
		return fprintf(stderr, "usage, as root: cases [--only CASE] [--skip CASE] [--list] [--output FILE] [--observer FD] DIRECTORY\n"), 2;
	umask(022);
	open_output(output);
	facts_open_proc();
	base_path = realpath(directory, NULL);
	/* Other users must reach it. */
	MUST(base_path && chmod(base_path, 0755) == 0);
	return run_all();
}
