import { getPriority, setPriority } from 'node:os';
import { resolve } from 'node:path';
import { loadConfig } from '../config/load.js';
import { formatProblem } from '../config/problem.js';
import { createDiagnostics, type Diagnostics } from '../diagnostics/diagnostics.js';
import type { Config } from '../model/config.js';
import { inheritedStdout } from '../output/inherited-stdout.js';
import { loadBinding } from '../probe/native-probe.js';
import { ProbeUnavailableError } from '../probe/open-probe.js';
import { Daemon } from '../service/daemon.js';
import { openRuntime } from '../service/runtime.js';
import { hostParts } from '../service/runtime-parts.js';
import { ServiceStatus } from '../service/service-status.js';
import { Systemd } from '../service/systemd.js';
import type { RunOptions } from './dispatch.js';
import { EXIT } from './exit-codes.js';
import type { CommandIo } from './io.js';
import { onReloadSignal, onStopSignal } from './start-signals.js';
import { programVersion } from './version.js';

/** The same as Nice= in systemd/rmwatch.service. */
const PRIORITY = -10;

/** Runs the daemon until it is told to stop. */
export async function run(options: RunOptions, io: CommandIo): Promise<number> {
  const stoppedEarly = new Promise<'stopped'>((resolve) => onStopSignal(() => resolve('stopped')));
  const loaded = await Promise.race([loadConfig(options.config), stoppedEarly]);
  if (loaded === 'stopped') return EXIT.ok;
  if ('problems' in loaded) {
    for (const problem of loaded.problems) io.stderr.write(`${formatProblem(problem)}\n`);
    return EXIT.configuration;
  }
  const config = withOptions(loaded.config, options);
  const stdout = config.log.output === 'stdout' ? inheritedStdout() : 'open';
  if (stdout === 'closed') {
    io.stderr.write(
      'rmwatch: standard output is closed, but the events go there; name a file by --log or log.output\n',
    );
    return EXIT.configuration;
  }
  const diagnostics = createDiagnostics({ level: config.log.level, format: config.log.format });
  if (stdout === 'doubtful') diagnostics.warn('standard output is closed, or /dev/null: nobody will see the events');
  const binding = loadBinding();
  const parts = hostParts(binding, diagnostics, programVersion());
  const status = new ServiceStatus(new Systemd((path, message) => binding.sendDatagram(path, message)));
  raisePriority(diagnostics);
  const daemon = new Daemon({
    diagnostics,
    status,
    open: (signal, onFailure) => openRuntime(config, parts, signal, { status, onFailure }),
    readConfig: () => readAgain(options, diagnostics),
  });
  const stopped = obeySignals(daemon, diagnostics);
  try {
    await daemon.started;
  } catch (error) {
    return report(error, diagnostics);
  }
  return stopped;
}

/** Options of the command line win over the file. */
function withOptions(config: Config, { attach, format, log }: RunOptions): Config {
  return {
    ...config,
    probe: { ...config.probe, ...(attach !== undefined && { attach }) },
    log: {
      ...config.log,
      ...(format !== undefined && { format }),
      ...(log !== undefined && { output: log === 'stdout' ? log : resolve(log) }),
    },
  };
}

async function readAgain(options: RunOptions, diagnostics: Diagnostics): Promise<Config | undefined> {
  const loaded = await loadConfig(options.config);
  if ('config' in loaded) return withOptions(loaded.config, options);
  const problems = loaded.problems.map(formatProblem);
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

/** Resolves to the exit code when the daemon has been stopped by a signal. */
function obeySignals(daemon: Daemon, diagnostics: Diagnostics): Promise<number> {
  process.on('uncaughtException', (error) => {
    diagnostics.fatal({ error }, 'unexpected error');
    daemon.flushSync();
    process.exit(EXIT.failure);
  });
  onReloadSignal(() => void daemon.reload());
  return new Promise((resolve) => {
    onStopSignal((signal) => {
      diagnostics.info({ signal }, 'stopping');
      void daemon.stop().then(resolve);
    });
  });
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
    diagnostics.error({ mode, reason, ...(hint && { hint }) }, 'attach mode not usable');
    diagnostics.debug({ mode, details }, 'what libbpf said');
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
