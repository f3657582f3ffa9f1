/*
 * The ring, its backlog and their threads without Node.js, so that ThreadSanitizer sees all of them:
 *
 *   ring_threads DIRECTORY COUNT   removes COUNT files while one thread reads, as the daemon does: late, early, armed
 * or not. Ends with 0 when every removal came, in order.
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "../../bpf/record.h"
#include "../../native/probe_error.h"
#include "../../native/probe_session.h"

namespace {

constexpr size_t kRingBytes = 1 << 20;
constexpr size_t kBacklogBytes = 64 << 20;
constexpr uint32_t kAllWanted = 0x707;

std::atomic<bool> over{false};

void Remove(const std::string& directory, int count) {
  for (int number = 0; number < count; number++) {
    const std::string name = directory + "/" + std::to_string(number);
    const int fd = open(name.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0 || close(fd) != 0 || unlink(name.c_str()) != 0) err(1, "%s", name.c_str());
    // A pause now and then, in which the reader catches up and sleeps.
    if (number % 5000 == 4999) usleep(60'000);
  }
  over = true;
}

class Reader {
 public:
  explicit Reader(ProbeSession& session) : session_(session), backlog_(*session.backlog()) {}

  /// Collects once. Returns how many records there were.
  size_t Turn() {
    uint32_t offsets[256];
    const size_t count = backlog_.Collect(offsets, 1 + turns_++ % 256);
    const uint8_t* data = backlog_.collected_here() ? backlog_.data() : session_.ring().data();
    if (backlog_.collected_here()) from_backlog_ += count;
    for (size_t i = 0; i < count; i++) Judge(data + offsets[i]);
    backlog_.Release();
    return count;
  }

  /// As the daemon does when nothing came.
  void Rest() {
    backlog_.ForgetTaken();
    __atomic_store_n(&session_.settings().armed, 1, __ATOMIC_SEQ_CST);
    if (session_.WaitingBytes() != 0) {
      __atomic_store_n(&session_.settings().armed, 0, __ATOMIC_SEQ_CST);
      return;
    }
    struct pollfd fds[] = {{session_.ring().fd(), POLLIN, 0}, {backlog_.taken_fd(), POLLIN, 0}};
    poll(fds, 2, 200);
    rests_++;
  }

  int told() const { return told_; }
  size_t from_backlog() const { return from_backlog_; }
  size_t rests() const { return rests_; }

 private:
  void Judge(const uint8_t* bytes) {
    deletion_record record;
    memcpy(&record, bytes, sizeof record);
    if (record.kind != RECORD_DELETION || !(record.flags & DELETION_SELF)) return;
    const char* typed = reinterpret_cast<const char*>(bytes) + record.path_offset + record.path_length + 1;
    const std::string name(typed, record.typed_length);
    const int number = atoi(name.substr(name.rfind('/') + 1).c_str());
    if (number < next_) errx(1, "%s came after number %d", name.c_str(), next_ - 1);
    next_ = number + 1;
    told_++;
  }

  ProbeSession& session_;
  Backlog& backlog_;
  size_t turns_ = 0;
  size_t from_backlog_ = 0;
  size_t rests_ = 0;
  int next_ = 0;
  int told_ = 0;
};

int Run(const std::string& directory, int count) {
  ProbeSession session(AttachMode::kTracepoint, kRingBytes);
  Filter filter;
  filter.success_operations = filter.failure_operations = 7;
  filter.prefixes.push_back({"/", kAllWanted});
  session.SetFilter(filter);
  session.StartBacklog(kBacklogBytes);
  session.Attach();
  Reader reader(session);
  std::thread remover(Remove, directory, count);
  for (int turn = 0; !over || session.WaitingBytes() != 0; turn++) {
    if (reader.Turn() == 0) reader.Rest();
    // Late enough that the ring fills up.
    if (turn % 500 == 499) usleep(150'000);
  }
  remover.join();
  session.Detach();
  while (reader.Turn() != 0) continue;
  const uint64_t lost = session.loaded().ReadCounters().lost_ring_full;
  printf("%d of %d removals, %zu records from the backlog, %zu rests, %llu lost\n", reader.told(), count,
         reader.from_backlog(), reader.rests(), static_cast<unsigned long long>(lost));
  if (reader.told() + static_cast<int>(lost) != count) return 1;
  // Otherwise it was not tried.
  return reader.from_backlog() > 0 && reader.rests() > 0 ? 0 : 2;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) errx(2, "usage: ring_threads DIRECTORY COUNT");
  try {
    return Run(arguments[1], atoi(arguments[2]));
  } catch (const ProbeError& error) {
    errx(1, "%s", error.what());
  }
}
