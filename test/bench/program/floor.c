/*
 * floor tracepoint|kprobe OBJECT: writes "PID NAME" to stdout for each file that is deleted. It looks at the ring every
 * 20 ms, since a wake-up costs more than the record. At SIGTERM it empties the ring and tells how many it lost.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "floor.h"

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static int write_record(void *context, void *data, size_t size)
{
	const struct floor_record *record = data;
	char digits[12], *start = digits + sizeof(digits);
	unsigned int pid = record->pid;

	(void)context;
	(void)size;
	*--start = ' ';
	do {
		*--start = '0' + pid % 10;
	} while (pid /= 10);
	fwrite(start, 1, digits + sizeof(digits) - start, stdout);
	fwrite(record->name, 1, strnlen(record->name, NAME_BYTES), stdout);
	putc_unlocked('\n', stdout);
	return 0;
}

static const char *unlink_function(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const char *name;

	if (!btf)
		errx(1, "the kernel has no BTF");
	/* Renamed in Linux 7.0. */
	name = btf__find_by_name_kind(btf, "do_unlinkat", BTF_KIND_FUNC) > 0 ? "do_unlinkat" : "filename_unlinkat";
	btf__free(btf);
	return name;
}

static struct bpf_object *load(const char *file, bool kprobe)
{
	struct bpf_object *object = bpf_object__open_file(file, NULL);
	struct bpf_program *program;
	struct bpf_link *link;

	if (!object)
		err(1, "%s", file);
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, kprobe == !strcmp(bpf_program__name(program), "floor_kprobe"));
	if (bpf_object__load(object))
		err(1, "cannot load");
	program = bpf_object__find_program_by_name(object, kprobe ? "floor_kprobe" : "floor_tracepoint");
	link = kprobe ? bpf_program__attach_kprobe(program, false, unlink_function()) : bpf_program__attach(program);
	if (!link)
		err(1, "cannot attach");
	return object;
}

static unsigned long lost_records(struct bpf_object *object)
{
	struct bpf_map *globals = bpf_object__find_map_by_name(object, ".bss");
	size_t size;
	const void *value = globals ? bpf_map__initial_value(globals, &size) : NULL;

	return value ? *(const unsigned long *)value : 0;
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	struct ring_buffer *ring;
	struct bpf_object *object;

	if (argc != 3)
		errx(2, "usage: floor tracepoint|kprobe OBJECT");
	signal(SIGTERM, stop);
	object = load(argv[2], !strcmp(argv[1], "kprobe"));
	ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "ring"), write_record, NULL, NULL);
	if (!ring)
		err(1, "ring buffer");
	fputs("attached\n", stderr);
	while (!stopped) {
		ring_buffer__consume(ring);
		fflush(stdout);
		nanosleep(&pause, NULL);
	}
	ring_buffer__consume(ring);
	fflush(stdout);
	fprintf(stderr, "lost %lu\n", lost_records(object));
	return 0;
}
