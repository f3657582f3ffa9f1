/* Every system call that removes a name, by number: native, of 32-bit programs, and through io_uring. */
#include "workload.h"

#include <linux/io_uring.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const call_names[CALL_COUNT] = {
	[UNLINK] = "unlink",
	[UNLINKAT] = "unlinkat",
	[UNLINKAT_REMOVEDIR] = "unlinkat(AT_REMOVEDIR)",
	[RMDIR] = "rmdir",
	[RENAME] = "rename",
	[RENAMEAT] = "renameat",
	[RENAMEAT2] = "renameat2",
	[IA32_UNLINK] = "ia32 unlink",
	[IA32_UNLINKAT] = "ia32 unlinkat",
	[IA32_UNLINKAT_REMOVEDIR] = "ia32 unlinkat(AT_REMOVEDIR)",
	[IA32_RMDIR] = "ia32 rmdir",
	[IA32_RENAME] = "ia32 rename",
	[IA32_RENAMEAT] = "ia32 renameat",
	[IA32_RENAMEAT2] = "ia32 renameat2",
	[X32_UNLINK] = "x32 unlink",
	[X32_UNLINKAT] = "x32 unlinkat",
	[X32_UNLINKAT_REMOVEDIR] = "x32 unlinkat(AT_REMOVEDIR)",
	[X32_RMDIR] = "x32 rmdir",
	[X32_RENAME] = "x32 rename",
	[X32_RENAMEAT] = "x32 renameat",
	[X32_RENAMEAT2] = "x32 renameat2",
	[MQ_UNLINK] = "mq_unlink",
	[IA32_MQ_UNLINK] = "ia32 mq_unlink",
	[X32_MQ_UNLINK] = "x32 mq_unlink",
	[URING_UNLINKAT] = "io_uring unlinkat",
	[URING_UNLINKAT_REMOVEDIR] = "io_uring unlinkat(AT_REMOVEDIR)",
	[URING_RENAMEAT] = "io_uring renameat",
};

/* arch/x86/entry/syscalls/syscall_32.tbl */
enum {
	NR_ia32_unlink = 10,
	NR_ia32_getpid = 20,
	NR_ia32_rename = 38,
	NR_ia32_rmdir = 40,
	NR_ia32_mq_unlink = 278,
	NR_ia32_unlinkat = 301,
	NR_ia32_renameat = 302,
	NR_ia32_renameat2 = 353,
};

/* arch/x86/entry/syscalls/syscall_64.tbl: these calls have no numbers of their own for x32. */
#define X32(number) (0x40000000 | (number))

const char *call_operation(enum call call)
{
	switch (call) {
	case UNLINK:
	case UNLINKAT:
	case IA32_UNLINK:
	case IA32_UNLINKAT:
	case X32_UNLINK:
	case X32_UNLINKAT:
	case MQ_UNLINK:
	case IA32_MQ_UNLINK:
	case X32_MQ_UNLINK:
	case URING_UNLINKAT:
		return "unlink";
	case UNLINKAT_REMOVEDIR:
	case RMDIR:
	case IA32_UNLINKAT_REMOVEDIR:
	case IA32_RMDIR:
	case X32_UNLINKAT_REMOVEDIR:
	case X32_RMDIR:
	case URING_UNLINKAT_REMOVEDIR:
		return "rmdir";
	default:
		return "replace";
	}
}

bool call_is_uring(enum call call)
{
	return call == URING_UNLINKAT || call == URING_UNLINKAT_REMOVEDIR || call == URING_RENAMEAT;
}

static long result_of(long returned)
{
	return returned < 0 ? -errno : returned;
}

static long ia32_call(int number, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"((long)number), "b"((long)a), "c"((long)b), "d"((long)c), "S"((long)d), "D"((long)e)
			 : "memory", "cc", "r8", "r9", "r10", "r11");
	return (int)result;
}

/* A copy that a 32-bit pointer reaches; never freed. */
static uint32_t low_copy(const char *text)
{
	size_t length = strlen(text) + 1;
	char *copy = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	MUST(copy != MAP_FAILED);
	memcpy(copy, text, length);
	return (uint32_t)(uintptr_t)copy;
}

const char *ia32_unusable(void)
{
	pid_t child = fork();
	int status;

	MUST(child >= 0);
	if (!child) {
		long self = getpid();

		_exit(ia32_call(NR_ia32_getpid, 0, 0, 0, 0, 0) == self ? 0 : 1);
	}
	MUST(waitpid(child, &status, 0) == child);
	return status == 0 ? NULL : "this kernel does not take 32-bit system calls";
}

const char *x32_unusable(void)
{
	return syscall(X32(SYS_getpid)) == getpid() ? NULL : "this kernel does not take x32 system calls";
}

struct uring {
	int fd;
	unsigned int *head, *tail, *mask, *array;
	unsigned int *completed_head, *completed_tail, *completed_mask;
	struct io_uring_sqe *requests;
	struct io_uring_cqe *completions;
};

static long uring_open(struct uring *ring)
{
	struct io_uring_params parameters = {};
	size_t submission, completion;
	char *rings;

	ring->fd = (int)syscall(SYS_io_uring_setup, 4, &parameters);
	if (ring->fd < 0)
		return -errno;
	submission = parameters.sq_off.array + parameters.sq_entries * sizeof(unsigned int);
	completion = parameters.cq_off.cqes + parameters.cq_entries * sizeof(struct io_uring_cqe);
	rings = mmap(NULL, submission > completion ? submission : completion, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQ_RING);
	MUST(rings != MAP_FAILED && parameters.features & IORING_FEAT_SINGLE_MMAP);
	ring->requests = mmap(NULL, parameters.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
	MUST(ring->requests != MAP_FAILED);
	ring->head = (void *)(rings + parameters.sq_off.head);
	ring->tail = (void *)(rings + parameters.sq_off.tail);
	ring->mask = (void *)(rings + parameters.sq_off.ring_mask);
	ring->array = (void *)(rings + parameters.sq_off.array);
	ring->completed_head = (void *)(rings + parameters.cq_off.head);
	ring->completed_tail = (void *)(rings + parameters.cq_off.tail);
	ring->completed_mask = (void *)(rings + parameters.cq_off.ring_mask);
	ring->completions = (void *)(rings + parameters.cq_off.cqes);
	return 0;
}

const char *uring_unusable(void)
{
	struct {
		struct io_uring_probe probe;
		struct io_uring_probe_op operations[256];
	} answer = {};
	struct uring ring;
	const char *reason = NULL;
	long error = uring_open(&ring);

	if (error)
		return format("io_uring_setup: %s", errno_name((int)-error));
	if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_PROBE, &answer, 256))
		reason = "io_uring cannot tell its operations";
	else if (answer.probe.last_op < IORING_OP_UNLINKAT ||
		 !(answer.operations[IORING_OP_UNLINKAT].flags & IO_URING_OP_SUPPORTED))
		reason = "this kernel's io_uring has no unlinkat";
	close(ring.fd);
	return reason;
}

static long uring_call(const struct attempt *attempt)
{
	static struct uring ring = { .fd = -1 };
	struct io_uring_sqe *request;
	unsigned int tail, head;

	if (ring.fd < 0)
		MUST(uring_open(&ring) == 0);
	tail = *ring.tail;
	request = &ring.requests[tail & *ring.mask];
	memset(request, 0, sizeof(*request));
	if (attempt->call == URING_RENAMEAT) {
		request->opcode = IORING_OP_RENAMEAT;
		request->fd = attempt->old_dfd;
		request->addr = (uintptr_t)attempt->from;
		request->len = (uint32_t)attempt->dfd;
		request->addr2 = (uintptr_t)attempt->typed;
		request->rename_flags = attempt->flags;
	} else {
		request->opcode = IORING_OP_UNLINKAT;
		request->fd = attempt->dfd;
		request->addr = (uintptr_t)attempt->typed;
		request->unlink_flags = attempt->call == URING_UNLINKAT_REMOVEDIR ? AT_REMOVEDIR : 0;
	}
	ring.array[tail & *ring.mask] = tail & *ring.mask;
	__atomic_store_n(ring.tail, tail + 1, __ATOMIC_RELEASE);
	head = *ring.completed_head;
	MUST(syscall(SYS_io_uring_enter, ring.fd, 1, 0, 0, NULL, 0) == 1);
	while (__atomic_load_n(ring.completed_tail, __ATOMIC_ACQUIRE) == head) {
		long waited = syscall(SYS_io_uring_enter, ring.fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);

		MUST(waited >= 0 || errno == EINTR);
	}
	long result = ring.completions[head & *ring.completed_mask].res;
	__atomic_store_n(ring.completed_head, head + 1, __ATOMIC_RELEASE);
	return result;
}

long call_make(const struct attempt *attempt)
{
	const char *typed = attempt->bad_pointer ? (const char *)8 : attempt->typed;
	const char *from = attempt->from;
	int dfd = attempt->dfd, old_dfd = attempt->old_dfd;

	switch (attempt->call) {
	case UNLINK:
		return result_of(syscall(SYS_unlink, typed));
	case UNLINKAT:
		return result_of(syscall(SYS_unlinkat, dfd, typed, 0));
	case UNLINKAT_REMOVEDIR:
		return result_of(syscall(SYS_unlinkat, dfd, typed, AT_REMOVEDIR));
	case RMDIR:
		return result_of(syscall(SYS_rmdir, typed));
	case RENAME:
		return result_of(syscall(SYS_rename, from, typed));
	case RENAMEAT:
		return result_of(syscall(SYS_renameat, old_dfd, from, dfd, typed));
	case RENAMEAT2:
		return result_of(syscall(SYS_renameat2, old_dfd, from, dfd, typed, attempt->flags));
	case IA32_UNLINK:
		return ia32_call(NR_ia32_unlink, low_copy(typed), 0, 0, 0, 0);
	case IA32_UNLINKAT:
		return ia32_call(NR_ia32_unlinkat, (uint32_t)dfd, low_copy(typed), 0, 0, 0);
	case IA32_UNLINKAT_REMOVEDIR:
		return ia32_call(NR_ia32_unlinkat, (uint32_t)dfd, low_copy(typed), AT_REMOVEDIR, 0, 0);
	case IA32_RMDIR:
		return ia32_call(NR_ia32_rmdir, low_copy(typed), 0, 0, 0, 0);
	case IA32_RENAME:
		return ia32_call(NR_ia32_rename, low_copy(from), low_copy(typed), 0, 0, 0);
	case IA32_RENAMEAT:
		return ia32_call(NR_ia32_renameat, (uint32_t)old_dfd, low_copy(from), (uint32_t)dfd, low_copy(typed), 0);
	case IA32_RENAMEAT2:
		return ia32_call(NR_ia32_renameat2, (uint32_t)old_dfd, low_copy(from), (uint32_t)dfd, low_copy(typed),
				 attempt->flags);
	case X32_UNLINK:
		return result_of(syscall(X32(SYS_unlink), typed));
	case X32_UNLINKAT:
		return result_of(syscall(X32(SYS_unlinkat), dfd, typed, 0));
	case X32_UNLINKAT_REMOVEDIR:
		return result_of(syscall(X32(SYS_unlinkat), dfd, typed, AT_REMOVEDIR));
	case X32_RMDIR:
		return result_of(syscall(X32(SYS_rmdir), typed));
	case X32_RENAME:
		return result_of(syscall(X32(SYS_rename), from, typed));
	case X32_RENAMEAT:
		return result_of(syscall(X32(SYS_renameat), old_dfd, from, dfd, typed));
	case X32_RENAMEAT2:
		return result_of(syscall(X32(SYS_renameat2), old_dfd, from, dfd, typed, attempt->flags));
	case MQ_UNLINK:
		return result_of(syscall(SYS_mq_unlink, typed));
	case IA32_MQ_UNLINK:
		return ia32_call(NR_ia32_mq_unlink, low_copy(typed), 0, 0, 0, 0);
	case X32_MQ_UNLINK:
		return result_of(syscall(X32(SYS_mq_unlink), typed));
	case URING_UNLINKAT:
	case URING_UNLINKAT_REMOVEDIR:
	case URING_RENAMEAT:
		return uring_call(attempt);
	default:
		abort();
	}
}
