import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Diagnostics } from '../diagnostics/diagnostics.js';
import { AccountNames } from '../host/account-names.js';
import { hostClocks } from '../host/host-clocks.js';
import { HostMounts } from '../host/host-mounts.js';
import type { KnownMounts } from '../host/mount-table.js';
import type { MountWatch } from '../host/native-mounts.js';
import { type HttpServer, type HttpServerOptions, startHttpServer } from '../http/http-server.js';
import type { BuildInfo } from '../metrics/registry.js';
import type { AttachMode, Config } from '../model/config.js';
import type { Steps } from '../model/steps.js';
import { errorName } from '../probe/error-names.js';
import type { NativeBinding, NativeProbe } from '../probe/native-probe.js';
import { type OpenedProbe, openProbeSteps } from '../probe/open-probe.js';
import { EventSocket, type LineTap } from '../socket/event-socket.js';
import { type EventOutput, openEventOutput } from './event-output.js';
import { RunState } from './run-state.js';
import { SelfTest, type SelfTestOptions } from './self-test.js';
import { WatchLookups } from './watch-lookups.js';

/** What a runtime is made of: all that touches the host, so that tests can pass in something else. */
export interface RuntimeParts {
  readonly diagnostics: Diagnostics;
  readonly users: Pick<AccountNames, 'nameOf' | 'refresh'>;
  readonly lookups: Pick<WatchLookups, 'look' | 'watchesFor' | 'uidOf'>;
  readonly host: { /** At this moment. */ readonly name: string; readonly bootId: string | undefined };
  readonly build: BuildInfo;
  /** Opens what knows of the run before; undefined: the log says nothing of itself. Never throws. */
  readonly openRunState: (() => RunState) | undefined;
  /** Throws when the output cannot be opened. */
  openOutput(log: Config['log'], tap: LineTap): EventOutput;
  /** See EventSocket.open. */
  openEventSocket(
    path: string | undefined,
  ): Promise<Pick<EventSocket, 'offer' | 'notice' | 'prepare' | 'tell' | 'close' | 'readerCount' | 'lostLines'>>;
  /** See openProbeSteps; throws ProbeUnavailableError. */
  openProbe<T>(
    config: Config['probe'],
    prepare: (probe: NativeProbe, mode: AttachMode) => Steps<T>,
  ): Steps<OpenedProbe<T>>;
  newSelfTest(options: SelfTestOptions): Pick<SelfTest, 'run' | 'observe' | 'close'>;
  /** Rejects when the address cannot be had. */
  serveHttp(options: HttpServerOptions): Promise<HttpServer>;
  /** Finds where the mounts of the host can be read; undefined: they say nothing in this mode. */
  findMounts(mode: AttachMode, probe: Pick<NativeProbe, 'describe'>): HostMounts | undefined;
  /** As they were found last; see WatchStateParts. */
  readMounts(): KnownMounts | undefined;
  watchMounts(onChange: () => void): MountWatch | undefined;
  /** See NativeBinding.readClocks. */
  readClocks(out: Float64Array): void;
  /** The name of an errno. */
  errorName(number: number): string;
}

export interface HostPartsOptions {
  readonly version: string;
  /** Called when the pipe that events go to has no reader any more; without it the daemon goes on counting. */
  readonly onReaderGone?: () => void;
  /** Whether the log is the record of this host, which says of itself when and how deletions were seen. */
  readonly isRecord: boolean;
}

/** The parts of this host. */
export function hostParts(
  binding: NativeBinding,
  diagnostics: Diagnostics,
  { version, onReaderGone, isRecord }: HostPartsOptions,
): RuntimeParts {
  const users = new AccountNames();
  let mounts: HostMounts | undefined;
  return {
    diagnostics,
    users,
    lookups: new WatchLookups({ users, diagnostics }),
    host: {
      get name() {
        return hostname();
      },
      bootId: readBootId(),
    },
    build: { version, nodeVersion: process.version, libbpfVersion: binding.libbpfVersion },
    openRunState: isRecord ? () => RunState.open(stateDirectory(), (message) => diagnostics.warn(message)) : undefined,
    openOutput: (log, tap) => openEventOutput(log, { diagnostics, tap, onReaderGone }),
    openEventSocket: (path) =>
      EventSocket.open(path, { onProblem: (error) => diagnostics.error({ error }, 'event socket') }),
    openProbe: ({ attach, ringBufferBytes }, prepare) => openProbeSteps(binding, attach, ringBufferBytes, prepare),
    newSelfTest: (options) => new SelfTest(options),
    serveHttp: startHttpServer,
    findMounts: (mode, probe) => {
      mounts?.close();
      // System calls tell typed names only: there is nothing to compare with mounts.
      mounts = mode === 'tracepoint' ? undefined : HostMounts.find({ ...probe.describe(), binding });
      return mounts;
    },
    readMounts: () => (mounts === undefined ? undefined : (mounts.read() ?? 'unknown')),
    watchMounts: (onChange) => mounts?.watch(onChange),
    readClocks: hostClocks((out) => binding.readClocks(out)),
    errorName: (number) => errorName(binding, number),
  };
}

/** As systemd names it: several, where more are configured, with colons between them. */
function stateDirectory(): string | undefined {
  return process.env['STATE_DIRECTORY']?.split(':')[0] || undefined;
}

function readBootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined;
  }
}
