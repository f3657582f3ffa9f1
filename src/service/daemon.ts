import type { Diagnostics } from '../diagnostics/diagnostics.js';
import type { Config } from '../model/config.js';
import type { CloseFailure } from './resource-stack.js';
import type { Runtime } from './runtime.js';
import type { ServiceStatus } from './service-status.js';

export interface DaemonOptions {
  readonly diagnostics: Diagnostics;
  readonly status: ServiceStatus;
  /** See openRuntime. */
  open(signal: AbortSignal, onFailure: CloseFailure): Promise<Runtime>;
  /** Reads the configuration again; undefined when it is bad, which was reported then. */
  readConfig(): Promise<Config | undefined>;
}

type DaemonState =
  | {
      readonly name: 'starting';
      readonly opening: Promise<Runtime>;
      readonly abort: AbortController;
      /** Reload as soon as the start is over: the configuration may have been read before it changed. */
      readonly reloadWanted: boolean;
    }
  | { readonly name: 'running'; readonly runtime: Runtime }
  | {
      readonly name: 'reloading';
      readonly runtime: Runtime;
      readonly abort: AbortController;
      readonly done: Promise<void>;
      /** A signal during a reload may stand for a file that was not read yet. */
      readonly again: boolean;
    }
  | { readonly name: 'stopping'; readonly runtime: Runtime | undefined; readonly done: Promise<number> };

/** The lifecycle around a runtime: start, reload, stop, each at any moment. */
export class Daemon {
  private readonly options: DaemonOptions;
  private state: DaemonState;
  private closeFailures = 0;
  /** Resolves once deletions are reported or a stop came first. Rejects with what stands in the way of the start. */
  readonly started: Promise<void>;

  /** Begins the start. */
  constructor(options: DaemonOptions) {
    this.options = options;
    const abort = new AbortController();
    const opening = options.open(abort.signal, (what, error) => {
      this.closeFailures += 1;
      options.diagnostics.error({ error }, `stopping: ${what}`);
    });
    this.state = { name: 'starting', opening, abort, reloadWanted: false };
    this.started = this.finishStart(opening);
  }

  /**
   * Opens the log file again and takes over a changed configuration. Never rejects. A log file that cannot be opened
   * leaves all as it is; a bad configuration leaves the old one, but not the log file: logrotate has moved that away.
   * One reload runs at a time; a call meanwhile makes it run once more, and resolves when that is over.
   */
  reload(): Promise<void> {
    const { state } = this;
    switch (state.name) {
      case 'starting':
        this.state = { ...state, reloadWanted: true };
        return this.started.then(
          () => this.reloadDone,
          () => {},
        );
      case 'running': {
        const abort = new AbortController();
        const done = Promise.resolve().then(() => this.reloadUntilDone(state.runtime, abort.signal));
        this.state = { name: 'reloading', runtime: state.runtime, abort, done, again: false };
        return done;
      }
      case 'reloading':
        this.state = { ...state, again: true };
        return state.done;
      case 'stopping':
        return Promise.resolve();
      default:
        return state satisfies never;
    }
  }

  /** Detaches, drains, flushes. Resolves to the exit code; a second call joins the first. */
  stop(): Promise<number> {
    const { state } = this;
    if (state.name === 'stopping') return state.done;
    this.options.status.stopping();
    const done = Promise.resolve().then(() => this.takeDown(state));
    this.state = { name: 'stopping', runtime: runtimeOf(state), done };
    return done;
  }

  /** What can be saved of the events when the process dies at once. */
  flushSync(): void {
    runtimeOf(this.state)?.flushSync();
  }

  private async finishStart(opening: Promise<Runtime>): Promise<void> {
    let runtime: Runtime;
    try {
      runtime = await opening;
    } catch (error) {
      // The stop that came meanwhile waits for the same promise.
      if (this.state.name !== 'starting') return;
      this.options.status.stopping();
      this.state = { name: 'stopping', runtime: undefined, done: Promise.resolve(1) };
      throw error;
    }
    const { state } = this;
    if (state.name !== 'starting') return;
    this.state = { name: 'running', runtime };
    if (state.reloadWanted) void this.reload();
  }

  private get reloadDone(): Promise<void> {
    return this.state.name === 'reloading' ? this.state.done : Promise.resolve();
  }

  private async reloadUntilDone(runtime: Runtime, signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.reloadOnce(runtime, signal);
      const { state } = this;
      if (state.name !== 'reloading') return;
      if (!state.again) {
        this.state = { name: 'running', runtime };
        return;
      }
      this.state = { ...state, again: false };
    }
  }

  private async reloadOnce(runtime: Runtime, signal: AbortSignal): Promise<void> {
    const { diagnostics, status } = this.options;
    if (signal.aborted) return;
    status.reloading();
    let successful = false;
    try {
      successful = this.reopenLog(runtime) && (await this.adoptConfig(runtime, signal));
    } catch (error) {
      if (!signal.aborted) diagnostics.error({ error }, 'cannot take over the configuration, the old one stays');
    }
    if (signal.aborted) return;
    runtime.noteReload(successful);
    status.reloaded(runtime.statusText);
  }

  private reopenLog(runtime: Runtime): boolean {
    try {
      runtime.reopenLog();
      return true;
    } catch (error) {
      this.options.diagnostics.error({ error }, 'cannot reopen the log file, and the old configuration stays');
      return false;
    }
  }

  private async adoptConfig(runtime: Runtime, signal: AbortSignal): Promise<boolean> {
    const config = await this.options.readConfig();
    if (config === undefined || signal.aborted) return false;
    await runtime.adopt(config, signal);
    this.options.diagnostics.info({ watches: config.watches.length }, 'configuration reloaded');
    return true;
  }

  private async takeDown(state: Exclude<DaemonState, { name: 'stopping' }>): Promise<number> {
    const { diagnostics } = this.options;
    if (state.name !== 'running') state.abort.abort();
    let failed = false;
    let runtime = runtimeOf(state);
    if (state.name === 'starting') {
      try {
        runtime = await state.opening;
      } catch (error) {
        failed = error !== state.abort.signal.reason;
        if (failed) diagnostics.error({ error }, 'the start failed before it could be stopped');
      }
    }
    await runtime?.close();
    const { seen, filteredInKernel, filteredInDaemon, delivered, folded, lost, probeMissed } = runtime?.counts() ?? {};
    // Seen is filtered, delivered, folded and lost together.
    const filtered = runtime && { kernel: filteredInKernel, daemon: filteredInDaemon };
    diagnostics.info({ seen, filtered, delivered, folded, lost, missed: probeMissed }, 'stopped');
    return failed || this.closeFailures > 0 ? 1 : 0;
  }
}

function runtimeOf(state: DaemonState): Runtime | undefined {
  return state.name === 'starting' ? undefined : state.runtime;
}
