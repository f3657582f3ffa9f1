#include "probe.h"

#include <algorithm>
#include <string>

#include "js_arguments.h"
#include "js_errors.h"
#include "record_layout.h"

namespace {

AttachMode ModeFrom(Napi::Env env, const std::string& name) {
  if (name == "kprobe") return AttachMode::kKprobe;
  if (name == "fentry") return AttachMode::kFentry;
  if (name == "tracepoint") return AttachMode::kTracepoint;
  throw Napi::TypeError::New(env, "mode: expected kprobe, fentry or tracepoint, got " + name);
}

/// `[[key, mask], ...]` of the filter's tables.
template <typename Each>
void ForEachPair(const Napi::Value& value, const char* name, Each each) {
  if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), std::string(name) + ": expected an array");
  const Napi::Array pairs = value.As<Napi::Array>();
  for (uint32_t i = 0; i < pairs.Length(); i++) {
    const Napi::Value pair = pairs[i];
    if (!pair.IsArray()) throw Napi::TypeError::New(value.Env(), std::string(name) + ": expected pairs");
    const Napi::Array entry = pair.As<Napi::Array>();
    each(entry.Get(0u), entry.Get(1u).As<Napi::Number>().Uint32Value());
  }
}

template <typename Each>
void ForEachPrefix(const Napi::Value& value, Each each) {
  ForEachPair(value, "prefixes", [&](const Napi::Value& key, uint32_t wanted) {
    if (!key.IsBuffer()) throw Napi::TypeError::New(value.Env(), "prefixes: expected Buffers");
    const auto bytes = key.As<Napi::Buffer<char>>();
    each(Filter::Prefix{std::string(bytes.Data(), bytes.Length()), wanted});
  });
}

/// The number of a table of prefixes, as newPrefixes() returned it.
uint32_t TableNumber(const Napi::Value& value) {
  if (!value.IsNumber()) throw Napi::TypeError::New(value.Env(), "table: expected a number");
  return value.As<Napi::Number>().Uint32Value();
}

const char* VariantName(ProbeVariant variant) {
  switch (variant) {
    case ProbeVariant::kDirect:
      return "direct";
    case ProbeVariant::kLoop:
      return "loop";
    case ProbeVariant::kPlain:
      break;
  }
  return "plain";
}

/// "lost_ring_full" as "lostRingFull"
std::string CamelCase(const std::string& name) {
  std::string text;
  for (size_t i = 0; i < name.size(); i++) {
    if (name[i] == '_' && i + 1 < name.size()) {
      text += static_cast<char>(name[++i] - 'a' + 'A');
    } else {
      text += name[i];
    }
  }
  return text;
}

const char* RoleName(HookRole role) {
  switch (role) {
    case HookRole::kSuccess:
      return "success";
    case HookRole::kReturn:
    case HookRole::kRenameReturn:
      return "return";
    case HookRole::kBefore:
    case HookRole::kThreadEnd:
      break;
  }
  return "before";
}

}  // namespace

Napi::Function Probe::Define(Napi::Env env) {
  return DefineClass(env, "Probe",
                     {
                         InstanceMethod("attach", &Probe::Attach),
                         InstanceMethod("detach", &Probe::Detach),
                         InstanceMethod("describe", &Probe::Describe),
                         InstanceMethod("setFilter", &Probe::SetFilter),
                         InstanceMethod("newPrefixes", &Probe::NewPrefixes),
                         InstanceMethod("addPrefixes", &Probe::AddPrefixes),
                         InstanceMethod("dropPrefixes", &Probe::DropPrefixes),
                         InstanceMethod("ring", &Probe::Ring),
                         InstanceMethod("collect", &Probe::Collect),
                         InstanceMethod("release", &Probe::Release),
                         InstanceMethod("startBacklog", &Probe::StartBacklog),
                         InstanceMethod("backlog", &Probe::BacklogMemory),
                         InstanceMethod("collectedInBacklog", &Probe::CollectedInBacklog),
                         InstanceMethod("arm", &Probe::Arm),
                         InstanceMethod("onReadable", &Probe::OnReadable),
                         InstanceMethod("usedBytes", &Probe::UsedBytes),
                         InstanceMethod("backlogUsedBytes", &Probe::BacklogUsedBytes),
                         InstanceMethod("readCounters", &Probe::ReadCounters),
                         InstanceMethod("missedRuns", &Probe::MissedRuns),
                         InstanceMethod("skippedSuccesses", &Probe::SkippedSuccesses),
                         InstanceMethod("sweepAttempts", &Probe::SweepAttempts),
                         InstanceMethod("followFilesystems", &Probe::FollowFilesystems),
                         InstanceMethod("forgetProcesses", &Probe::ForgetProcesses),
                         InstanceMethod("close", &Probe::Close),
                     });
}

Probe::Probe(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Probe>(info), env_(info.Env()) {
  const Napi::Object options = ObjectArgument(info, 0, "options");
  const AttachMode mode = ModeFrom(env_, StringProperty(options, "mode"));
  const auto ring_bytes = static_cast<size_t>(NumberProperty(options, "ringBytes", 4096, 1 << 30));
  const bool ask_verifier = options.Get("askVerifier").ToBoolean();
  session_ = WithJsErrors(env_, [&] { return std::make_unique<ProbeSession>(mode, ring_bytes, ask_verifier); });
  napi_add_env_cleanup_hook(env_, OnEnvironmentEnd, this);
}

// A view that cannot be detached ends the process: JavaScript would reach memory that is no longer mapped.
// NOLINTNEXTLINE(bugprone-exception-escape)
Probe::~Probe() {
  if (session_ != nullptr) napi_remove_env_cleanup_hook(env_, OnEnvironmentEnd, this);
  TakeDown();
}

void Probe::OnEnvironmentEnd(void* probe) { static_cast<Probe*>(probe)->TakeDown(); }

void Probe::TakeDown() {
  readable_.reset();
  taken_.reset();
  DetachView(ring_);
  DetachView(backlog_);
  session_.reset();
}

Napi::Value Probe::View(Napi::Reference<Napi::ArrayBuffer>& view, const uint8_t* data, size_t size) {
  if (view.IsEmpty()) {
    // The kernel maps the ring read-only: a write from JavaScript would be a fault, and there is none.
    view = Napi::Reference<Napi::ArrayBuffer>::New(Napi::ArrayBuffer::New(env_, const_cast<uint8_t*>(data), size), 1);
  }
  return view.Value();
}

void Probe::DetachView(Napi::Reference<Napi::ArrayBuffer>& view) {
  // JavaScript must not reach the memory once it is unmapped.
  if (view.IsEmpty()) return;
  Napi::HandleScope scope(env_);
  Napi::ArrayBuffer buffer = view.Value();
  if (!buffer.IsEmpty() && !buffer.IsDetached()) buffer.Detach();
  view.Reset();
}

ProbeSession& Probe::Session(Napi::Env env) {
  if (session_ == nullptr) throw Napi::Error::New(env, "the probe is closed");
  return *session_;
}

Napi::Value Probe::Attach(const Napi::CallbackInfo& info) {
  WithJsErrors(info.Env(), [&] { Session(info.Env()).Attach(); });
  return info.Env().Undefined();
}

Napi::Value Probe::Detach(const Napi::CallbackInfo& info) {
  Session(info.Env()).Detach();
  return info.Env().Undefined();
}

Napi::Value Probe::Describe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ProbeSession& session = Session(env);
  Napi::Object description = Napi::Object::New(env);
  description["variant"] = Napi::String::New(env, VariantName(session.loaded().variant()));
  description["symbol"] = Napi::String::New(env, session.loaded().plan().symbol);
  description["hostMountNamespace"] = Napi::Number::New(env, session.settings().host_mount_namespace);
  Napi::Array programs = Napi::Array::New(env);
  for (const LoadedProgram& loaded : session.loaded().Programs()) {
    Napi::Object program = Napi::Object::New(env);
    program["name"] = Napi::String::New(env, loaded.name);
    program["instructions"] = Napi::Number::New(env, loaded.instructions);
    program["verifiedInstructions"] = Napi::Number::New(env, loaded.verified_instructions);
    programs[programs.Length()] = program;
  }
  description["programs"] = programs;
  Napi::Array attached = Napi::Array::New(env);
  for (const AttachedProgram& one : session.attachments().Programs()) {
    Napi::Object program = Napi::Object::New(env);
    program["program"] = Napi::String::New(env, one.program);
    program["function"] = Napi::String::New(env, one.function);
    program["kind"] = Napi::String::New(env, KindName(one.kind));
    program["role"] = Napi::String::New(env, RoleName(one.role));
    attached[attached.Length()] = program;
  }
  description["attached"] = attached;
  description["leftOut"] = Napi::String::New(env, session.left_out());
  return description;
}

Napi::Value Probe::SetFilter(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object argument = ObjectArgument(info, 0, "filter");
  Filter filter;
  filter.success_operations = static_cast<uint32_t>(NumberProperty(argument, "successOperations", 0, 255));
  filter.failure_operations = static_cast<uint32_t>(NumberProperty(argument, "failureOperations", 0, 255));
  const Napi::Value prefixes = argument.Get("prefixes");
  if (prefixes.IsNumber()) {
    filter.table = WithJsErrors(env, [&] { return &Session(env).Prefixes(TableNumber(prefixes)); });
  } else {
    ForEachPrefix(prefixes, [&](const Filter::Prefix& prefix) { filter.prefixes.push_back(prefix); });
  }
  ForEachPair(argument.Get("devices"), "devices", [&](const Napi::Value& key, uint32_t wanted) {
    if (!key.IsNumber()) throw Napi::TypeError::New(env, "devices: expected numbers");
    filter.places.push_back({key.As<Napi::Number>().Uint32Value(), wanted});
  });
  ForEachPair(argument.Get("mounts"), "mounts", [&](const Napi::Value& key, uint32_t wanted) {
    if (!key.IsNumber()) throw Napi::TypeError::New(env, "mounts: expected numbers");
    filter.places.push_back({PLACE_MOUNT | key.As<Napi::Number>().Uint32Value(), wanted});
  });
  filter.places.push_back(
      {PLACE_PROCESS_VIEW, static_cast<uint32_t>(NumberProperty(argument, "processView", 0, 65535))});
  // The host has mounts: none at all means that they could not be read.
  filter.mounts_known = argument.Get("mounts").As<Napi::Array>().Length() > 0;
  const uint32_t generation = WithJsErrors(env, [&] { return Session(env).SetFilter(filter); });
  return Napi::Number::New(env, generation);
}

Napi::Value Probe::NewPrefixes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ProbeSession& session = Session(env);
  if (info.Length() < 1 || !info[0].IsNumber()) throw Napi::TypeError::New(env, "count: expected a number");
  const uint32_t count = info[0].As<Napi::Number>().Uint32Value();
  return Napi::Number::New(env, WithJsErrors(env, [&] { return session.NewPrefixes(count); }));
}

Napi::Value Probe::AddPrefixes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ProbeSession& session = Session(env);
  WithJsErrors(env, [&] {
    PrefixTable& table = session.Prefixes(TableNumber(info[0]));
    ForEachPrefix(info[1], [&](const Filter::Prefix& prefix) { table.Add(prefix); });
  });
  return env.Undefined();
}

Napi::Value Probe::DropPrefixes(const Napi::CallbackInfo& info) {
  Session(info.Env()).DropPrefixes(TableNumber(info[0]));
  return info.Env().Undefined();
}

Napi::Value Probe::Ring(const Napi::CallbackInfo& info) {
  RingReader& ring = Session(info.Env()).ring();
  return View(ring_, ring.data(), ring.mapped_size());
}

Napi::Value Probe::Collect(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsTypedArray() ||
      info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
    throw Napi::TypeError::New(env, "offsets: expected a Uint32Array");
  }
  Napi::Uint32Array offsets = info[0].As<Napi::Uint32Array>();
  ProbeSession& session = Session(env);
  Backlog* backlog = session.backlog();
  const size_t most = offsets.ElementLength();
  const size_t count =
      backlog != nullptr ? backlog->Collect(offsets.Data(), most) : session.ring().Collect(offsets.Data(), most);
  return Napi::Number::New(env, static_cast<double>(count));
}

Napi::Value Probe::Release(const Napi::CallbackInfo& info) {
  ProbeSession& session = Session(info.Env());
  Backlog* backlog = session.backlog();
  if (backlog != nullptr) {
    backlog->Release();
  } else {
    session.ring().Release();
  }
  return info.Env().Undefined();
}

Napi::Value Probe::StartBacklog(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ProbeSession& session = Session(env);
  if (info.Length() < 1 || !info[0].IsNumber()) throw Napi::TypeError::New(env, "bytes: expected a number");
  const double bytes = info[0].As<Napi::Number>().DoubleValue();
  // Offsets have 32 bits, and the longest record must fit.
  if (!(bytes >= 65536 && bytes <= UINT32_MAX) || static_cast<uint64_t>(bytes) % 65536 != 0) {
    throw Napi::RangeError::New(env, "bytes: expected a multiple of 65536 below 4294967296");
  }
  WithJsErrors(env, [&] { session.StartBacklog(static_cast<size_t>(bytes)); });
  return env.Undefined();
}

Napi::Value Probe::BacklogMemory(const Napi::CallbackInfo& info) {
  Backlog* backlog = Session(info.Env()).backlog();
  if (backlog == nullptr) throw Napi::Error::New(info.Env(), "the probe has no backlog");
  return View(backlog_, backlog->data(), backlog->size());
}

Napi::Value Probe::CollectedInBacklog(const Napi::CallbackInfo& info) {
  Backlog* backlog = Session(info.Env()).backlog();
  return Napi::Boolean::New(info.Env(), backlog != nullptr && backlog->collected_here());
}

Napi::Value Probe::Arm(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ProbeSession& session = Session(env);
  Backlog* backlog = session.backlog();
  if (backlog != nullptr) {
    if (taken_ == nullptr && readable_ != nullptr) WatchBacklog(*backlog);
    backlog->ForgetTaken();
  }
  __atomic_store_n(&session.settings().armed, 1, __ATOMIC_RELAXED);
  // Pairs with ring__output() in bpf/output.bpf.h: it publishes the record, then looks at `armed`.
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (session.WaitingBytes() != 0) {
    __atomic_store_n(&session.settings().armed, 0, __ATOMIC_RELAXED);
    return Napi::Boolean::New(env, false);
  }
  if (readable_ != nullptr) readable_->Start();
  if (taken_ != nullptr) taken_->Start();
  return Napi::Boolean::New(env, true);
}

Napi::Value Probe::OnReadable(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsFunction()) throw Napi::TypeError::New(env, "callback: expected a function");
  ProbeSession& session = Session(env);
  on_readable_ = Napi::Persistent(info[0].As<Napi::Function>());
  context_ = std::make_unique<Napi::AsyncContext>(env, "rmwatch:ring");
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  readable_ =
      WithJsErrors(env, [&] { return std::make_unique<ReadableFd>(loop, session.ring().fd(), [this] { Wake(); }); });
  return env.Undefined();
}

void Probe::WatchBacklog(Backlog& backlog) {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env_, &loop);
  taken_ =
      WithJsErrors(env_, [&] { return std::make_unique<ReadableFd>(loop, backlog.taken_fd(), [this] { Wake(); }); });
}

void Probe::Wake() {
  Napi::HandleScope scope(env_);
  // One wake-up per Arm(): JavaScript drains at its own pace until the ring is quiet.
  readable_->Stop();
  if (taken_ != nullptr) taken_->Stop();
  try {
    on_readable_.MakeCallback(Napi::Env(env_).Global(), {}, *context_);
  } catch (const Napi::Error& error) {
    napi_fatal_exception(env_, error.Value());
  }
}

Napi::Value Probe::UsedBytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(Session(info.Env()).WaitingBytes()));
}

Napi::Value Probe::BacklogUsedBytes(const Napi::CallbackInfo& info) {
  Backlog* backlog = Session(info.Env()).backlog();
  return Napi::Number::New(info.Env(), backlog == nullptr ? 0 : static_cast<double>(backlog->UsedBytes()));
}

Napi::Value Probe::ReadCounters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const kernel_counters counters = WithJsErrors(env, [&] { return Session(env).loaded().ReadCounters(); });
  // Every member is a number of 64 bits, or one for each kind of program.
  const auto* words = reinterpret_cast<const __u64*>(&counters);
  Napi::Object object = Napi::Object::New(env);
  for (const RecordLayout::Member& member : EmbeddedRecordLayout().Find("counters").members) {
    const __u64* first = words + member.offset / sizeof(__u64);
    const auto value = [&](size_t i) { return Napi::Number::New(env, static_cast<double>(first[i])); };
    const std::string name = CamelCase(member.name);
    const size_t count = member.bytes / sizeof(__u64);
    if (count == 1) {
      object[name] = value(0);
      continue;
    }
    Napi::Array values = Napi::Array::New(env, count);
    for (size_t i = 0; i < count; i++) values[static_cast<uint32_t>(i)] = value(i);
    object[name] = values;
  }
  return object;
}

Napi::Value Probe::MissedRuns(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(Session(info.Env()).attachments().MissedRuns()));
}

Napi::Value Probe::SkippedSuccesses(const Napi::CallbackInfo& info) {
  const std::optional<uint64_t> skipped = Session(info.Env()).attachments().SkippedSuccesses();
  if (!skipped.has_value()) return info.Env().Undefined();
  return Napi::Number::New(info.Env(), static_cast<double>(*skipped));
}

Napi::Value Probe::SweepAttempts(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(Session(info.Env()).SweepAttempts()));
}

Napi::Value Probe::FollowFilesystems(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ProbeSession& session = Session(env);
  WithJsErrors(env, [&] { session.FollowFilesystems(); });
  return env.Undefined();
}

Napi::Value Probe::ForgetProcesses(const Napi::CallbackInfo& info) {
  volatile probe_settings& settings = Session(info.Env()).settings();
  settings.process_epoch = settings.process_epoch + 1;
  return info.Env().Undefined();
}

Napi::Value Probe::Close(const Napi::CallbackInfo& info) {
  if (session_ != nullptr) napi_remove_env_cleanup_hook(env_, OnEnvironmentEnd, this);
  TakeDown();
  return info.Env().Undefined();
}
