#pragma once

#include <napi.h>

#include <memory>

#include "probe_session.h"
#include "readable_fd.h"

/// The JavaScript class `Probe`: one loaded and attached set of BPF programs and its ring. src/probe/native-probe.ts
/// describes its methods. Used on the thread of its environment only; Close() may be called any number of times.
class Probe : public Napi::ObjectWrap<Probe> {
 public:
  static Napi::Function Define(Napi::Env env);

  /// `new Probe({mode, ringBytes, askVerifier})` loads the programs; throws with code, operation and details.
  explicit Probe(const Napi::CallbackInfo& info);
  ~Probe() override;

 private:
  Napi::Value Attach(const Napi::CallbackInfo& info);
  Napi::Value Detach(const Napi::CallbackInfo& info);
  Napi::Value Describe(const Napi::CallbackInfo& info);
  Napi::Value SetFilter(const Napi::CallbackInfo& info);
  Napi::Value NewPrefixes(const Napi::CallbackInfo& info);
  Napi::Value AddPrefixes(const Napi::CallbackInfo& info);
  Napi::Value DropPrefixes(const Napi::CallbackInfo& info);
  Napi::Value Ring(const Napi::CallbackInfo& info);
  Napi::Value Collect(const Napi::CallbackInfo& info);
  Napi::Value Release(const Napi::CallbackInfo& info);
  Napi::Value StartBacklog(const Napi::CallbackInfo& info);
  Napi::Value BacklogMemory(const Napi::CallbackInfo& info);
  Napi::Value CollectedInBacklog(const Napi::CallbackInfo& info);
  Napi::Value Arm(const Napi::CallbackInfo& info);
  Napi::Value OnReadable(const Napi::CallbackInfo& info);
  Napi::Value UsedBytes(const Napi::CallbackInfo& info);
  Napi::Value BacklogUsedBytes(const Napi::CallbackInfo& info);
  Napi::Value ReadCounters(const Napi::CallbackInfo& info);
  Napi::Value MissedRuns(const Napi::CallbackInfo& info);
  Napi::Value SkippedSuccesses(const Napi::CallbackInfo& info);
  Napi::Value SweepAttempts(const Napi::CallbackInfo& info);
  Napi::Value FollowFilesystems(const Napi::CallbackInfo& info);
  Napi::Value ForgetProcesses(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  ProbeSession& Session(Napi::Env env);
  void TakeDown();
  void WatchBacklog(Backlog& backlog);
  /// One of the descriptors that Arm() waits for is readable.
  void Wake();
  /// JavaScript's view of memory that the session owns.
  Napi::Value View(Napi::Reference<Napi::ArrayBuffer>& view, const uint8_t* data, size_t size);
  void DetachView(Napi::Reference<Napi::ArrayBuffer>& view);
  static void OnEnvironmentEnd(void* probe);

  napi_env env_;
  std::unique_ptr<ProbeSession> session_;
  std::unique_ptr<ReadableFd> readable_;
  /// Of the backlog, which may have emptied the ring before the event loop looked at it.
  std::unique_ptr<ReadableFd> taken_;
  Napi::FunctionReference on_readable_;
  Napi::Reference<Napi::ArrayBuffer> ring_;
  Napi::Reference<Napi::ArrayBuffer> backlog_;
  std::unique_ptr<Napi::AsyncContext> context_;
};
