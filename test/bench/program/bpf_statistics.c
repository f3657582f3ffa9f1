/*
 * Has the kernel measure BPF programs for as long as it runs. For each line on stdin: one line of JSON about all loaded
 * programs, with the runs and nanoseconds that the kernel counted, and their sizes.
 */
#include <err.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
	return syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

static int next_program(unsigned int *id)
{
	union bpf_attr attributes = { .start_id = *id };

	if (bpf(BPF_PROG_GET_NEXT_ID, &attributes)) {
		if (errno != ENOENT)
			err(1, "list BPF programs");
		return 0;
	}
	*id = attributes.next_id;
	return 1;
}

static int read_info(unsigned int id, struct bpf_prog_info *info)
{
	union bpf_attr open = { .prog_id = id }, query = {};
	int fd = bpf(BPF_PROG_GET_FD_BY_ID, &open);
	int failed;

	/* Gone meanwhile. */
	if (fd < 0)
		return -1;
	memset(info, 0, sizeof(*info));
	query.info.bpf_fd = fd;
	query.info.info_len = sizeof(*info);
	query.info.info = (unsigned long)info;
	failed = bpf(BPF_OBJ_GET_INFO_BY_FD, &query);
	close(fd);
	return failed;
}

static void report(void)
{
	const char *separator = "";
	struct bpf_prog_info info;
	unsigned int id = 0;

	putchar('[');
	while (next_program(&id)) {
		if (read_info(id, &info))
			continue;
		printf("%s{\"id\":%u,\"name\":\"%.*s\",\"runs\":%llu,\"ns\":%llu,\"instructions\":%u,\"nativeBytes\":%"
		       "u}",
		       separator, id, BPF_OBJ_NAME_LEN, info.name, (unsigned long long)info.run_cnt,
		       (unsigned long long)info.run_time_ns, info.xlated_prog_len / 8, info.jited_prog_len);
		separator = ",";
	}
	puts("]");
	fflush(stdout);
}

int main(void)
{
	union bpf_attr enable = { .enable_stats.type = BPF_STATS_RUN_TIME };
	char line[16];

	/* The kernel stops measuring when this descriptor is closed. */
	if (bpf(BPF_ENABLE_STATS, &enable) < 0)
		err(1, "BPF statistics");
	puts("measuring");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		report();
	return 0;
}
