import { getPriority, setPriority } from 'node:os';
import { resolve } from 'node:path';
import { parseListenAddress } from '../config/listen-address.js';
import { defaultConfig, loadConfig } from '../config/load.js';
import { loadInThread } from '../config/load-in-thread.js';
import { formatProblem } from '../config/problem.js';
import type { Parsed } from '../config/units.js';
import { createDiagnostics, type Diagnostics } from '../diagnostics/diagnostics.js';
import { pageObstacle } from '../http/page-access.js';
import { someoneListens } from '../http/unix-socket.js';
import type { Config } from '../model/config.js';
import { inheritedStdout } from '../output/inherited-stdout.js';
import { loadBinding } from '../probe/native-probe.js';
import { ProbeUnavailableError } from '../probe/open-probe.js';
import { Daemon } from '../service/daemon.js';
import { openRuntime } from '../service/runtime.js';
import { hostParts } from '../service/runtime-parts.js';
import { ServiceStatus } from '../service/service-status.js';
import { Systemd } from '../service/systemd.js';
import { escapeControl } from '../text/escape.js';
import { adHocConfig } from './ad-hoc-config.js';
import type { RunOptions } from './dispatch.js';
import { DEFAULT_EVENT_SOCKET } from './event-socket-path.js';
import { EXIT } from './exit-codes.js';
import { outputTerminalIsGone } from './gone-terminal.js';
import type { CommandIo } from './io.js';
import type { StartSignals } from './start-signals.js';
import { programVersion } from './version.js';

/** The same as Nice= in systemd/rmwatch.service. */
const PRIORITY = -10;

/** Runs the daemon until a signal stops it. */
export async function run(options: RunOptions, io: CommandIo, signals: StartSignals): Promise<number> {
  if (options.noConfig && options.config !== undefined) return usage('--config and --no-config exclude each other', io);
  const stoppedEarly = new Promise<'stopped'>((resolve) => signals.onStop(() => resolve('stopped')));
  const reading = isAdHoc(options) && options.config === undefined ? unread() : loadConfig(options.config);
  const loaded = await Promise.race([reading, stoppedEarly]);
  if (loaded === 'stopped') return EXIT.ok;
  if ('problems' in loaded) {
    for (const problem of loaded.problems) io.stderr.write(`${formatProblem(problem)}\n`);
    return EXIT.configuration;
  }
  const wanted = withOptions(loaded.config, options);
  if ('error' in wanted) return usage(wanted.error, io);
  const config = wanted.value;
  const stdout = config.log.output === 'stdout' ? inheritedStdout() : 'open';
  if (stdout === 'closed') {
    io.stderr.write(
      'rmwatch: standard output is closed, but the events go there; name a file by --log or log.output\n',
    );
    return EXIT.configuration;
  }
  const diagnostics = createDiagnostics({ level: config.log.level, format: config.log.format });
  if (stdout === 'doubtful') diagnostics.warn('standard output is closed, or /dev/null: the events go nowhere');
  const binding = loadBinding();
  // Where nothing but the lines is wanted, a reader who has seen enough, such as head(1), ends it.
  const onReaderGone = () => stopping.stop({ reason: 'the reader has gone' });
  const parts = hostParts(binding, diagnostics, {
    version: programVersion(),
    isRecord: !isAdHoc(options),
    ...(loaded.file === undefined && { onReaderGone }),
  });
  // A run of its own offers nothing there, but asks.
  const socketPath = loaded.config.socket.path ?? DEFAULT_EVENT_SOCKET;
  if (isAdHoc(options) && (await someoneListens(socketPath))) {
    diagnostics.info('a daemon runs already: "rmwatch tail" follows what it sees, and hooks nothing');
  }
  const status = new ServiceStatus(new Systemd((path, message) => binding.sendDatagram(path, message)));
  raisePriority(diagnostics);
  const daemon = new Daemon({
    diagnostics,
    status,
    open: (signal, onFailure) => openRuntime(config, parts, signal, { status, onFailure }),
    readConfig: () => readAgain(options, diagnostics),
  });
  const stopping = stopOnSignals(daemon, signals, diagnostics);
  try {
    await daemon.started;
  } catch (error) {
    const code = report(error, diagnostics);
    if (await someoneListens(socketPath)) {
      diagnostics.info(
        'a daemon runs already: "rmwatch tail" follows what it sees, "rmwatch run PATTERN" watches a place beside it',
      );
    }
    return code;
  }
  return stopping.stopped;
}

/** A run of its own beside a service: its watch is on the command line. */
function isAdHoc({ patterns, processes, users, noConfig }: RunOptions): boolean {
  return noConfig || patterns.length + processes.length + users.length > 0;
}

function unread(): { readonly config: Config; readonly file: undefined } {
  return { config: defaultConfig(), file: undefined };
}

function usage(message: string, io: CommandIo): number {
  io.stderr.write(`rmwatch: ${escapeControl(message)}\nTry: rmwatch run --help\n`);
  return EXIT.usage;
}

/** Options of the command line win over the file. */
function withOptions(file: Config, options: RunOptions): Parsed<Config> {
  const { attach, format, log } = options;
  const based = isAdHoc(options) ? adHocConfig(file, options) : { value: file };
  if ('error' in based) return based;
  const listen = options.listen === undefined ? undefined : parseListenAddress(options.listen);
  if (listen !== undefined && 'error' in listen) return { error: `--listen: ${listen.error}` };
  const config = based.value;
  const http = { ...config.http, ...(listen !== undefined && { listen: listen.value }) };
  // Without a server there is no page either, and none is missed by whoever wrote "off".
  const obstacle = http.page && http.listen.kind !== 'off' ? pageObstacle(http) : undefined;
  if (obstacle !== undefined) return { error: `--listen ${options.listen}: http.page ${obstacle}` };
  const value: Config = {
    ...config,
    http,
    probe: { ...config.probe, ...(attach !== undefined && { attach }) },
    log: {
      ...config.log,
      ...(format !== undefined && { format }),
      ...(log !== undefined && { output: log === 'stdout' ? log : resolve(log) }),
    },
  };
  return { value };
}

async function readAgain(options: RunOptions, diagnostics: Diagnostics): Promise<Config | undefined> {
  const loaded = isAdHoc(options) && options.config === undefined ? unread() : await loadInThread(options.config);
  const wanted = 'config' in loaded ? withOptions(loaded.config, options) : undefined;
  if (wanted !== undefined && 'value' in wanted) return wanted.value;
  const problems = 'problems' in loaded ? loaded.problems.map(formatProblem) : [wanted?.error];
  diagnostics.error({ problems }, 'the configuration is bad, the old one stays');
  return undefined;
}

/**
 * Lets the daemon run before those whose deletions it reports, as auditd does: several of them at once would otherwise
 * leave it too little of the processors, and events would be lost. Where that is not permitted (the service has it from
 * systemd) it stays as it is.
 */
function raisePriority(diagnostics: Diagnostics): void {
  if (getPriority() <= PRIORITY) return;
  try {
    setPriority(PRIORITY);
  } catch (error) {
    diagnostics.debug({ error }, 'the priority stays as it is');
  }
}

interface Stopping {
  /** Resolves to the exit code when the daemon has been stopped. */
  readonly stopped: Promise<number>;
  /** Ends it well: what the reader did not want is no failure. */
  stop(why: object): void;
}

/** Stops the daemon at a signal, or when asked to. */
function stopOnSignals(daemon: Daemon, signals: StartSignals, diagnostics: Diagnostics): Stopping {
  process.on('uncaughtException', (error) => {
    diagnostics.fatal({ error }, 'unexpected error');
    daemon.flushSync();
    process.exit(EXIT.failure);
  });
  let end: (code: number) => void = () => {};
  const stopped = new Promise<number>((resolve) => {
    end = resolve;
  });
  signals.onStop((signal) => {
    diagnostics.info({ signal }, 'stopping');
    void daemon.stop().then(end);
  });
  const stop = (why: object): void => {
    diagnostics.info(why, 'stopping');
    void daemon.stop().then(() => end(EXIT.ok));
  };
  // A terminal that is closed sends the same signal as whoever wants a reload.
  signals.onReload(() => {
    if (outputTerminalIsGone()) stop({ reason: 'the terminal is gone' });
    else void daemon.reload();
  });
  return { stopped, stop };
}

function report(error: unknown, diagnostics: Diagnostics): number {
  if (!(error instanceof ProbeUnavailableError)) {
    const { message, cause } = error as Error;
    // With a cause it is one that was foreseen and put into words; a stack would only say them again.
    if (cause instanceof Error) {
      const { code } = cause as NodeJS.ErrnoException;
      diagnostics.fatal({ ...(code !== undefined && { code }) }, message);
      diagnostics.debug({ error }, 'where that comes from');
    } else {
      diagnostics.fatal({ error }, 'unexpected error');
    }
    return EXIT.failure;
  }
  for (const { mode, reason, hint, details } of error.refusals) {
    diagnostics.error({ attach: mode, reason, ...(hint && { hint }) }, 'attach mode not usable');
    diagnostics.debug({ attach: mode, details }, 'what libbpf said');
  }
  if (error.refusals.some(({ code }) => code === 'ENOMEM')) {
    diagnostics.fatal(
      'not enough memory for the maps of the probe; make probe.ring_buffer smaller, or allow more (MemoryMax= of the service)',
    );
    return EXIT.failure;
  }
  if (error.lacksPrivilege) {
    diagnostics.fatal('not privileged to hook the kernel; run as root, or see "rmwatch doctor"');
    return EXIT.notPrivileged;
  }
  diagnostics.fatal('this kernel cannot be hooked; see "rmwatch doctor"');
  return EXIT.unsupportedKernel;
}
