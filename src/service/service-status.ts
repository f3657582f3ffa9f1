import type { Systemd } from './systemd.js';

/** What systemd knows of the service: ready from the first self-test that passed, and how the last one ended. */
export class ServiceStatus {
  private readonly systemd: Pick<Systemd, 'ready' | 'status' | 'reloading' | 'stopping' | 'startWatchdog'>;
  private announced = false;
  private stopped = false;

  constructor(systemd: Pick<Systemd, 'ready' | 'status' | 'reloading' | 'stopping' | 'startWatchdog'>) {
    this.systemd = systemd;
  }

  startWatchdog(alive: () => boolean): void {
    if (!this.stopped) this.systemd.startWatchdog(alive);
  }

  /** `changed`: the test before it ended otherwise. */
  selfTested(ok: boolean, changed: boolean, text: string): void {
    if (this.stopped) return;
    if (ok && !this.announced) {
      this.announced = true;
      this.systemd.ready(text);
    } else if (changed || !this.announced) {
      this.systemd.status(text);
    }
  }

  /** Something is better or worse than it was. */
  changed(text: string): void {
    if (this.announced && !this.stopped) this.systemd.status(text);
  }

  reloading(): void {
    if (this.announced && !this.stopped) this.systemd.reloading();
  }

  /** Also after a reload that failed: the service goes on. */
  reloaded(text: string): void {
    if (this.announced && !this.stopped) this.systemd.ready(text);
  }

  stopping(): void {
    this.stopped = true;
    this.systemd.stopping();
  }
}
