import type { NativeBinding } from '../probe/native-probe.js';

/** Tells systemd about the service's state (sd_notify(3)); does nothing when systemd did not ask for it. */
export class Systemd {
  private readonly send: NativeBinding['sendDatagram'];
  private readonly socket: string | undefined;
  private watchdog: NodeJS.Timeout | undefined;

  constructor(send: NativeBinding['sendDatagram'], socket = process.env['NOTIFY_SOCKET']) {
    this.send = send;
    this.socket = socket;
  }

  ready(status: string): void {
    this.notify(`READY=1\nSTATUS=${status}`);
  }

  status(text: string): void {
    this.notify(`STATUS=${text}`);
  }

  reloading(): void {
    // systemd compares with its own CLOCK_MONOTONIC, which is that of hrtime.
    this.notify(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  stopping(): void {
    this.stopWatchdog();
    this.notify('STOPPING=1');
  }

  /** Pings the watchdog at half its interval for as long as `alive` says so each time. */
  startWatchdog(alive: () => boolean, environment = process.env): void {
    const interval = Number(environment['WATCHDOG_USEC']) / 1000;
    const pid = environment['WATCHDOG_PID'];
    if (this.socket === undefined || !(interval > 0) || (pid !== undefined && Number(pid) !== process.pid)) return;
    this.watchdog = setInterval(() => {
      if (alive()) this.notify('WATCHDOG=1');
    }, interval / 2);
    this.watchdog.unref();
  }

  stopWatchdog(): void {
    clearInterval(this.watchdog);
  }

  private notify(message: string): void {
    if (this.socket === undefined) return;
    try {
      this.send(this.socket, message);
    } catch {
      // The service works without systemd listening; its own timeouts tell the operator.
    }
  }
}
